// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The program jet-run on the toy model of Fixture.h: outputs, errors, exit
// statuses.

#include "Fixture.h"
#include "JetRunProcess.h"

#include "support/Json.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <thread>
#include <unistd.h>

using namespace jet;
using namespace jet::test;

namespace {

struct Outcome {
  int status = 0; // exit status, or 128 + signal
  std::string out, err;
};

class JetRunTest : public testing::Test {
protected:
  JetRunTest() {
    EXPECT_TRUE(writePackage(makePackage(), directory.file("p.jet")));
    writeCheckpoint(directory.file("model.safetensors"));
  }

  /// Runs a shell command line with jet-run, in the test's directory.
  Outcome run(const std::string &arguments,
              const std::string &environment = "") {
    const std::string command = "cd " + directory.name() + " && " +
                                environment + " " JET_RUN " " + arguments +
                                " >out.txt 2>err.txt";
    const int status = std::system(command.c_str());
    return {WEXITSTATUS(status), readFile(directory.file("out.txt")),
            readFile(directory.file("err.txt"))};
  }

  Outcome generate(const std::string &arguments) {
    return run("generate p.jet --weights . --print-ids " + arguments);
  }

  /// What greedy generation must print.
  static std::string continuation(std::vector<int32_t> tokens, int count,
                                  bool ignoreEos) {
    std::string text;
    for (int i = 0; i < count; ++i) {
      const std::vector<float> logits = referenceLogits(tokens).back();
      const auto next = static_cast<int32_t>(
          std::max_element(logits.begin(), logits.end()) - logits.begin());
      if (next == 0 && !ignoreEos)
        break;
      text += (i ? " " : "") + std::to_string(next);
      tokens.push_back(next);
    }
    return text + "\n";
  }

  /// An I32 tensor file.
  void writeInts(const std::string &name, const std::vector<TensorSpec> &specs,
                 const std::vector<std::vector<int32_t>> &values) {
    auto writer = SafetensorsWriter::create(directory.file(name), specs);
    ASSERT_TRUE(writer) << messageOf(writer);
    for (const auto &tensor : values)
      ASSERT_TRUE(writer->write(tensor.data(), tensor.size() * 4));
    ASSERT_TRUE(writer->commit());
  }

  TemporaryDirectory directory;
};

} // namespace

TEST_F(JetRunTest, GeneratesGreedily) {
  const Outcome outcome = generate("--prompt-ids 3,1,4 --max-new-tokens 12");
  EXPECT_EQ(outcome.status, 0);
  EXPECT_EQ(outcome.out, continuation({3, 1, 4}, 12, false));
  EXPECT_EQ(outcome.err.find("prefill 3 tokens "), 0u) << outcome.err;
  EXPECT_NE(outcome.err.find(" tok/s, decode "), std::string::npos);
  for (const char *chunk : {"1", "2", "9"}) {
    const Outcome other =
        generate("--prompt-ids 3,1,4 --max-new-tokens 12 --chunk " +
                 std::string(chunk) + " --threads 3 --greedy");
    EXPECT_EQ(other.out, outcome.out) << chunk;
  }
}

TEST_F(JetRunTest, StopsAtTheEndOfTextUnlessToldOtherwise) {
  // Every prompt of one token: some of them meet token 0 in 20 steps.
  int stopped = 0;
  for (int32_t token = 1; token < kVocab; ++token) {
    const std::string prompt =
        "--prompt-ids " + std::to_string(token) + " --max-new-tokens 20";
    const std::string text = continuation({token}, 20, false);
    const std::string all = continuation({token}, 20, true);
    EXPECT_EQ(generate(prompt).out, text);
    EXPECT_EQ(generate(prompt + " --ignore-eos").out, all);
    stopped += text != all;
  }
  EXPECT_GT(stopped, 0);
}

TEST_F(JetRunTest, SeveralPromptsAreABatch) {
  const Outcome outcome =
      generate("--prompt-ids 3,1,4,1,5 --prompt-ids 2 --prompt-ids 7,7 "
               "--max-new-tokens 9 --ignore-eos");
  EXPECT_EQ(outcome.status, 0) << outcome.err;
  EXPECT_EQ(outcome.out, continuation({3, 1, 4, 1, 5}, 9, true) +
                             continuation({2}, 9, true) +
                             continuation({7, 7}, 9, true));
  EXPECT_EQ(outcome.err.find("prefill 8 tokens "), 0u);
  EXPECT_NE(outcome.err.find("decode 24 tokens "), std::string::npos);
}

TEST_F(JetRunTest, SamplingDependsOnTheSeedAlone) {
  const std::string options =
      "--prompt-ids 3 --max-new-tokens 25 --ignore-eos --temperature 2 --seed ";
  EXPECT_EQ(generate(options + "1").out, generate(options + "1").out);
  EXPECT_NE(generate(options + "1").out, generate(options + "2").out);
  EXPECT_EQ(generate("--prompt-ids 3 --temperature 2 --top-k 1 "
                     "--max-new-tokens 5 --ignore-eos")
                .out,
            continuation({3}, 5, true));
}

TEST_F(JetRunTest, GenerateHasAJsonForm) {
  const Outcome outcome =
      generate("--prompt-ids 3,1 --max-new-tokens 4 --ignore-eos --json");
  const auto json = nlohmann::json::parse(outcome.out);
  EXPECT_EQ(json["sequences"][0]["prompt_ids"], (std::vector<int>{3, 1}));
  EXPECT_EQ(json["sequences"][0]["ids"].size(), 4u);
  EXPECT_EQ(json["sequences"][0]["finish"], "length");
  EXPECT_EQ(json["prefill"]["tokens"], 2);
  EXPECT_EQ(json["decode"]["tokens"], 3);
}

TEST_F(JetRunTest, ForwardWritesLogitsAndStates) {
  const std::vector<int32_t> first = {3, 1, 4, 1, 5, 9, 2}, second = {6, 5, 3};
  std::vector<int32_t> ids = first;
  ids.insert(ids.end(), {6, 5, 3, 99, -1, 0, 0}); // padding may be anything
  writeInts("in.safetensors",
            {{"input_ids", DType::I32, {2, 7}}, {"lengths", DType::I32, {2}}},
            {ids, {7, 3}});
  for (const char *chunk : {"", " --chunk 1", " --chunk 2", " --chunk 5"}) {
    const Outcome outcome =
        run("forward p.jet --weights . --input in.safetensors --output "
            "out.safetensors --states" +
            std::string(chunk));
    ASSERT_EQ(outcome.status, 0) << outcome.err;
    const auto file = SafetensorsFile::open(directory.file("out.safetensors"));
    ASSERT_TRUE(file) << messageOf(file);
    const TensorView *logits = file->find("logits");
    ASSERT_NE(logits, nullptr);
    ASSERT_EQ(logits->shape, (std::vector<int64_t>{2, 7, kVocab}));
    std::vector<float> values(2 * 7 * kVocab);
    std::memcpy(values.data(), logits->bytes.data(), logits->bytes.size());
    for (int64_t b = 0; b < 2; ++b) {
      const auto expected = referenceLogits(b ? second : first);
      for (int64_t t = 0; t < 7; ++t)
        for (int64_t v = 0; v < kVocab; ++v)
          ASSERT_NEAR(values[(b * 7 + t) * kVocab + v],
                      t < int64_t(expected.size()) ? expected[t][v] : 0, 1e-5);
    }
    const TensorView *sums = file->find("state.0.recurrent");
    ASSERT_NE(sums, nullptr);
    EXPECT_EQ(sums->shape, (std::vector<int64_t>{2, 1, 1, kHidden}));
    float sum = 0, expected = 0;
    std::memcpy(&sum, sums->bytes.data() + kHidden * 4, 4);
    for (int32_t token : second)
      expected += makeEmbedding()[token * kHidden];
    EXPECT_EQ(sum, expected);
    EXPECT_NE(file->find("state.1.attention_kv"), nullptr);
  }
}

TEST_F(JetRunTest, ForwardRefusesBadInput) {
  const std::string forward = "forward p.jet --weights . --input in.safetensors"
                              " --output new.safetensors";
  const auto expectError = [&](const std::string &text) {
    const Outcome outcome = run(forward);
    EXPECT_EQ(outcome.status, 1);
    EXPECT_EQ(outcome.err.find("jet-run: error: in.safetensors"), 0u);
    EXPECT_NE(outcome.err.find(text), std::string::npos) << outcome.err;
    EXPECT_EQ(std::count(outcome.err.begin(), outcome.err.end(), '\n'), 1);
    EXPECT_NE(access(directory.file("new.safetensors").c_str(), F_OK), 0);
  };
  writeInts("in.safetensors", {{"ids", DType::I32, {1, 1}}}, {{1}});
  expectError("'input_ids': expected I32 [B, T], found none");
  writeInts("in.safetensors", {{"input_ids", DType::I32, {2}}}, {{1, 2}});
  expectError("found I32 [2]");
  writeInts("in.safetensors", {{"input_ids", DType::I32, {0, 3}}}, {{}});
  expectError("expected at least one token");
  writeInts("in.safetensors", {{"input_ids", DType::I32, {1, 2}}}, {{1, 16}});
  expectError("input_ids[0, 1]: expected 0 to 15, found 16");
  writeInts("in.safetensors", {{"input_ids", DType::I32, {5, 1}}},
            {{1, 1, 1, 1, 1}});
  expectError("batch: expected 1 to 4, found 5");
  writeInts("in.safetensors", {{"input_ids", DType::I32, {1, 33}}},
            {std::vector<int32_t>(33, 1)});
  expectError("context: expected 1 to 32, found 33");
  writeInts("in.safetensors",
            {{"input_ids", DType::I32, {1, 2}}, {"lengths", DType::I32, {1}}},
            {{1, 2}, {3}});
  expectError("'lengths': expected lengths from 0 to 2, found 3");
}

TEST_F(JetRunTest, GenerateRefusesBadInput) {
  const std::pair<const char *, const char *> errors[] = {
      {"--prompt-ids 3,16", "prompt 1: expected token ids from 0 to 15, found "
                            "16"},
      {"--prompt-ids 3 --prompt-ids=-1", "prompt 2: expected token ids"},
      {"--prompt-ids 3,,4", "expected numbers like 1,2,3, found '3,,4'"},
      {"--prompt-ids 3x", "expected numbers like 1,2,3"},
      {"--prompt-ids 99999999999", "expected numbers like 1,2,3"},
      {"--prompt hello", "use --prompt-ids"},
      {"--prompt-ids 1,2,3 --max-new-tokens 30",
       "prompt 1: expected prompt and new tokens to fit the package's context "
       "of 32, found 3 + 30"},
      {"--prompt-ids 1 --prompt-ids 1 --prompt-ids 1 --prompt-ids 1 "
       "--prompt-ids 1 --max-new-tokens 2",
       "batch: expected 1 to 4, found 5"},
      {"--prompt-ids 1 --temperature 1 --top-p 0", "top-p: expected"},
  };
  for (const auto &[arguments, expected] : errors) {
    const Outcome outcome = generate(arguments);
    EXPECT_EQ(outcome.status, 1) << arguments;
    EXPECT_EQ(outcome.out, "") << arguments;
    EXPECT_EQ(outcome.err.find("jet-run: error: "), 0u) << outcome.err;
    EXPECT_NE(outcome.err.find(expected), std::string::npos) << outcome.err;
  }
}

TEST_F(JetRunTest, WrongUsageIsStatusTwo) {
  for (const char *arguments :
       {"", "dance", "generate", "generate p.jet --weights .",
        "generate p.jet --weights . --prompt-ids 1 --greedy --temperature 1",
        "generate p.jet --weights . --prompt-ids 1 --max-new-tokens 0",
        "generate p.jet --weights . --prompt-ids 1 --threads 0",
        "forward p.jet --weights . --input x", "bench p.jet --batch 0",
        "init"}) {
    const Outcome outcome = run(arguments);
    EXPECT_EQ(outcome.status, 2) << arguments;
    EXPECT_EQ(outcome.err.find("jet-run: error: "), 0u) << outcome.err;
  }
}

TEST_F(JetRunTest, HelpAndVersionSucceed) {
  EXPECT_EQ(run("--version").out, "jet-run " JET_VERSION "\n");
  for (const char *command : {"", "init ", "generate ", "forward ", "bench "}) {
    const Outcome outcome = run(command + std::string("--help"));
    EXPECT_EQ(outcome.status, 0);
    EXPECT_NE(outcome.out.find("Example"), std::string::npos) << command;
  }
}

TEST_F(JetRunTest, BenchPrintsJson) {
  const Outcome outcome =
      run("bench p.jet --batch 2 --context 16 --steps 3 --prefill 20");
  ASSERT_EQ(outcome.status, 0) << outcome.err;
  const auto json = nlohmann::json::parse(outcome.out);
  EXPECT_GT(json["decode"]["median_ms"], 0);
  EXPECT_LE(json["decode"]["min_ms"], json["decode"]["median_ms"]);
  // The head, two rows of the embedding; sums and 16 cached rows, twice.
  EXPECT_EQ(json["decode"]["weight_bytes_per_step"], 16 * 4 * 4 + 2 * 4 * 4);
  EXPECT_EQ(json["decode"]["state_bytes_per_step"], 2 * (16 + 2 * 16 * 16));
  EXPECT_EQ(json["prefill"]["tokens"], 40); // of two sequences
  EXPECT_EQ(json["prefill"]["chunk"], 128);
  const Outcome prompt = run("bench p.jet --context 16 --steps 0 --prefill 20");
  ASSERT_EQ(prompt.status, 0) << prompt.err;
  EXPECT_FALSE(nlohmann::json::parse(prompt.out).contains("decode"));
  EXPECT_EQ(run("bench p.jet --weights . --context 33").status, 1);
}

TEST_F(JetRunTest, BenchTimesKernels) {
  const std::string command = "bench p.jet --batch 2 --context 16 --steps 1 "
                              "--bandwidth 100 --kernels";
  const Outcome text = run(command);
  ASSERT_EQ(text.status, 0) << text.err;
  for (const char *part : {"kernel", "fixture_head_last", "general", "all",
                           "\"tokens_per_second\""})
    EXPECT_NE(text.out.find(part), std::string::npos) << text.out;
  const Outcome outcome = run(command + " --json");
  ASSERT_EQ(outcome.status, 0) << outcome.err;
  const auto json = nlohmann::json::parse(outcome.out);
  ASSERT_EQ(json["kernels"].size(), 4u);
  double last = INFINITY;
  for (const auto &kernel : json["kernels"]) {
    EXPECT_EQ(kernel["launches"], 1);
    EXPECT_LE(kernel["total_us"], last);
    last = kernel["total_us"];
  }
}

TEST_F(JetRunTest, BenchTimesTheKernelsOfSomeOps) {
  Package package = makePackage();
  package.kernels[1].op = "linear";
  package.kernels[2].op = "attention";
  ASSERT_TRUE(writePackage(package, directory.file("ops.jet")));
  const std::string command = "bench ops.jet --context 16 --steps 1 --json "
                              "--pause 1 --busy 1 --kernels=";
  const Outcome outcome = run(command + "linear");
  ASSERT_EQ(outcome.status, 0) << outcome.err;
  const auto json = nlohmann::json::parse(outcome.out);
  ASSERT_EQ(json["kernels"].size(), 1u);
  EXPECT_EQ(json["kernels"][0]["op"], "linear");
  const Outcome unknown = run(command + "linear,rope");
  EXPECT_EQ(unknown.status, 1);
  EXPECT_NE(unknown.err.find("expected ops of the package (attention, "
                             "linear), found 'rope'"),
            std::string::npos)
      << unknown.err;
}

TEST_F(JetRunTest, BenchTimesAGpu) {
  ASSERT_TRUE(writePackage(forFakeGpu(makePackageWithCandidates()),
                           directory.file("gpu.jet")));
  const std::string driver = "LD_LIBRARY_PATH=" JET_FAKE_CUDA;
  const std::string command =
      "bench gpu.jet --batch 2 --context 16 --steps 4 --kernels --json";
  const Outcome outcome = run(command, driver);
  ASSERT_EQ(outcome.status, 0) << outcome.err;
  const auto json = nlohmann::json::parse(outcome.out);
  const auto &decode = json["decode"];
  // By the fake clock every ten steps take 250 ms.
  EXPECT_EQ(decode["device_ms"], 25);
  const double bytes = decode["unavoidable_bytes"],
               rate = decode["bandwidth_gb_per_s"];
  EXPECT_NEAR(decode["bound_ms"], bytes / rate / 1e6, 1e-6);
  EXPECT_NEAR(decode["ratio"], 25 / (bytes / rate / 1e6), 1e-6);
  ASSERT_EQ(json["kernels"].size(), 4u);
  EXPECT_EQ(json["kernels"][0]["us"], 25'000);
  EXPECT_EQ(decode["program"], "decode_sample");
  EXPECT_EQ(decode["graph"]["edges"], 3);
  EXPECT_EQ(decode["graph"]["programmatic_edges"], 0);
  const Outcome logits = run(command + " --logits", driver);
  EXPECT_NE(logits.out.find("\"program\": \"decode\""), std::string::npos);
  // Greedy text, over graphs, is the CPU's.
  const std::string text =
      "--weights . --print-ids --prompt-ids 3,1,4 --max-new-tokens 12 "
      "--ignore-eos --temperature 0";
  EXPECT_EQ(run("generate gpu.jet " + text, driver).out,
            run("generate p.jet " + text).out);
}

TEST_F(JetRunTest, AFullDiskIsAnError) {
  const std::string command = "cd " + directory.name() +
                              " && " JET_RUN
                              " generate p.jet --weights . --prompt-ids 3 "
                              "--max-new-tokens 4 >/dev/full 2>err.txt";
  EXPECT_EQ(WEXITSTATUS(std::system(command.c_str())), 1);
  EXPECT_NE(
      readFile(directory.file("err.txt"))
          .find("jet-run: error: standard output: cannot write: No space"),
      std::string::npos);
}

TEST_F(JetRunTest, CtrlCStopsBetweenStepsAndPrintsTheSpeed) {
  // Sixteen million tokens: not done before the signal comes.
  Package package = makePackage();
  package.model.maxContext = 1 << 25;
  ASSERT_TRUE(writePackage(package, directory.file("long.jet")));
  const std::string out = directory.file("out.txt"),
                    err = directory.file("err.txt");
  const pid_t child =
      startJetRun({"generate", directory.file("long.jet"), "--weights",
                   directory.name(), "--prompt-ids", "3", "--max-new-tokens",
                   "16777216", "--ignore-eos", "--print-ids"},
                  out, err);
  ASSERT_GT(child, 0);
  // It streams: there is output before the end.
  while (readFile(out).empty())
    std::this_thread::yield();
  EXPECT_EQ(interruptAndWait(child), 130);
  EXPECT_EQ(readFile(out).back(), '\n');
  EXPECT_EQ(readFile(err).find("prefill 1 tokens "), 0u) << readFile(err);
}
