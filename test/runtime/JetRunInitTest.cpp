// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// jet-run init: random checkpoints.

#include "Fixture.h"
#include "JetRunProcess.h"

#include "frontend/Spec.h"
#include "runtime/Checkpoint.h"
#include "support/CheckedMath.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <filesystem>
#include <thread>

using namespace jet;
using namespace jet::test;

namespace {

const char *const kConfig = R"({
  "model_type": "jet_nemotron", "hidden_act": "silu", "torch_dtype": "DTYPE",
  "initializer_range": 0.02, "max_position_embeddings": 64, "bos_token_id": 0,
  "eos_token_id": 0, "rope_scaling": null, "hidden_size": 64,
  "intermediate_size": 96, "num_hidden_layers": 4, "num_attention_heads": 4,
  "num_key_value_heads": 2, "rms_norm_eps": 1e-6, "rope_theta": 10000.0,
  "tie_word_embeddings": false, "vocab_size": VOCAB,
  "layer_types": ["jet", "attn", "gdn", "mamba2"],
  "efficient_attention_config": {"jet": {"conv_size": 4,
    "dconv_generator_reduction": 8, "expand_v": 2, "head_dim": 16,
    "norm_eps": "1e-5", "num_heads": 4},
    "gdn": {"conv_size": 4, "expand_v": 2, "head_dim": 16,
    "norm_eps": "1e-5", "num_heads": 4},
    "mamba2": {"conv_kernel": 4, "n_groups": 1, "state_size": 16,
    "head_dim": 16, "norm_eps": 1e-5, "num_heads": 4}}})";

class JetRunInitTest : public testing::Test {
protected:
  void writeConfig(const std::string &dtype, int64_t vocab = 300) {
    std::string text = kConfig;
    text.replace(text.find("DTYPE"), 5, dtype);
    text.replace(text.find("VOCAB"), 5, std::to_string(vocab));
    writeFile(directory.file("config.json"), text);
  }

  int init(const std::string &arguments) {
    const std::string command = "cd " + directory.name() +
                                " && " JET_RUN " init config.json " +
                                arguments + " >out.txt 2>err.txt";
    return WEXITSTATUS(std::system(command.c_str()));
  }
  std::string errors() const { return readFile(directory.file("err.txt")); }

  /// Opens a checkpoint and requires that it fits the config.
  BoundParameters bind(const Checkpoint &checkpoint) {
    auto spec = readSpec(directory.file("config.json"));
    EXPECT_TRUE(spec) << messageOf(spec);
    std::vector<ParameterInfo> parameters;
    for (const ParameterSpec &parameter : listParameters(spec->spec)) {
      names.push_back(parameter.name);
      parameters.push_back({parameter.name, spec->spec.dtype, parameter.shape});
    }
    auto bound = checkpoint.bind(parameters);
    EXPECT_TRUE(bound) << messageOf(bound);
    EXPECT_TRUE(bound->extra.empty());
    return std::move(*bound);
  }

  static std::vector<float> floats(const TensorView &tensor) {
    std::vector<float> values(tensor.bytes.size() / 4);
    std::memcpy(values.data(), tensor.bytes.data(), tensor.bytes.size());
    return values;
  }

  TemporaryDirectory directory;
  std::vector<std::string> names;
};

} // namespace

TEST_F(JetRunInitTest, WritesEveryTensorWithItsDistribution) {
  writeConfig("float32", 3000);
  ASSERT_EQ(init("-o ckpt --seed 7"), 0) << errors();
  EXPECT_EQ(readFile(directory.file("ckpt/config.json")),
            readFile(directory.file("config.json")));
  const auto checkpoint = Checkpoint::open(directory.file("ckpt"));
  ASSERT_TRUE(checkpoint) << messageOf(checkpoint);
  const BoundParameters bound = bind(*checkpoint);
  for (size_t i = 0; i < names.size(); ++i) {
    const std::vector<float> values = floats(bound.tensors[i]);
    double sum = 0, squares = 0;
    for (float value : values) {
      ASSERT_TRUE(std::isfinite(value)) << names[i];
      if (names[i].ends_with("A_log")) {
        ASSERT_TRUE(value >= 0 && value <= std::log(16.0f)) << value;
      } else if (names[i].ends_with("dt_bias")) {
        const double dt = std::log1p(std::exp(double(value)));
        ASSERT_TRUE(dt > 0.00099 && dt < 0.1001) << dt;
      } else if (names[i].find(".conv1d.") != std::string::npos) {
        ASSERT_LE(std::fabs(value), 0.5f) << names[i];
      } else if (names[i].ends_with(".D")) {
        ASSERT_NEAR(value, 1, 0.5);
      }
      sum += value;
      squares += double(value) * value;
    }
    if (names[i].ends_with("norm.weight"))
      EXPECT_NEAR(sum / values.size(), 1, 0.06) << names[i];
    if (names[i].find("conv1d.weight") != std::string::npos) {
      EXPECT_NEAR(std::sqrt(squares / values.size()), 0.2887, 0.03) << names[i];
    }
    if (names[i] == "model.embed_tokens.weight") {
      EXPECT_NEAR(sum / values.size(), 0, 2e-4);
      EXPECT_NEAR(std::sqrt(squares / values.size()), 0.02, 2e-4);
    }
  }
}

TEST_F(JetRunInitTest, SeedsDecideAndShardsDoNot) {
  writeConfig("bfloat16");
  ASSERT_EQ(init("-o a --seed 7"), 0) << errors();
  ASSERT_EQ(init("-o b --seed 7 --max-shard-size 20KB"), 0) << errors();
  ASSERT_EQ(init("-o c --seed 8"), 0) << errors();
  EXPECT_TRUE(std::filesystem::exists(
      directory.file("b/model.safetensors.index.json")));
  EXPECT_FALSE(std::filesystem::exists(directory.file("b/model.safetensors")));
  const auto a = Checkpoint::open(directory.file("a"));
  const auto b = Checkpoint::open(directory.file("b"));
  const auto c = Checkpoint::open(directory.file("c"));
  ASSERT_TRUE(a && b && c) << messageOf(b);
  const BoundParameters first = bind(*a), second = bind(*b), third = bind(*c);
  for (size_t i = 0; i < first.tensors.size(); ++i) {
    const auto x = first.tensors[i].bytes, y = second.tensors[i].bytes,
               z = third.tensors[i].bytes;
    EXPECT_EQ(std::memcmp(x.data(), y.data(), x.size()), 0) << names[i];
    EXPECT_NE(std::memcmp(x.data(), z.data(), x.size()), 0) << names[i];
  }
}

TEST_F(JetRunInitTest, TheDirectoryIsNewOrEmpty) {
  writeConfig("float32");
  std::filesystem::create_directory(directory.file("empty"));
  EXPECT_EQ(init("-o empty"), 0) << errors();
  EXPECT_EQ(init("-o empty"), 1);
  EXPECT_NE(errors().find("empty: expected no such directory or an empty one"),
            std::string::npos);
  EXPECT_EQ(init("-o config.json"), 1);
  EXPECT_EQ(init("-o no/such/parent"), 1);
  writeFile(directory.file("config.json"), "{}");
  EXPECT_EQ(init("-o fresh"), 1);
  EXPECT_EQ(directory.list(), (std::vector<std::string>{"config.json", "empty",
                                                        "err.txt", "out.txt"}));
}

TEST_F(JetRunInitTest, AFullDiskLeavesNothing) {
  writeConfig("float32");
  // A limit on the size of files, far below what is needed, is the disk.
  const std::string command = "cd " + directory.name() +
                              " && ulimit -f 64 && " JET_RUN
                              " init config.json -o ckpt >/dev/null 2>err.txt";
  EXPECT_EQ(WEXITSTATUS(std::system(command.c_str())), 1);
  EXPECT_EQ(errors().find("jet-run: error: ckpt/model.safetensors: cannot "
                          "write: "),
            0u)
      << errors();
  EXPECT_EQ(directory.list(),
            (std::vector<std::string>{"config.json", "err.txt"}));
}

TEST_F(JetRunInitTest, AnInterruptLeavesNothing) {
  // Large enough that it cannot be done when the signal comes: 1 GB.
  writeConfig("float32", 2000000);
  const pid_t child = startJetRun(
      {"init", directory.file("config.json"), "-o", directory.file("ckpt")},
      "/dev/null", "/dev/null");
  ASSERT_GT(child, 0);
  // Wait for its temporary directory.
  while (directory.list().size() < 2)
    std::this_thread::yield();
  EXPECT_EQ(interruptAndWait(child), 130);
  EXPECT_EQ(directory.list(), std::vector<std::string>{"config.json"});
}
