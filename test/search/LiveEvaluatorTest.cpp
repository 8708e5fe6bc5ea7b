// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "search/LiveEvaluator.h"
#include "runtime/Safetensors.h"
#include "test/search/Question.h"
#include "test/support/TemporaryDirectory.h"

using namespace jet;

namespace {

using Results = std::map<Placement, Metrics>;

class LiveEvaluatorTest : public ::testing::Test {
protected:
  void SetUp() override {
    question.readConfig(examplePath("postnas/config.json"));
    auto read = readEvaluationData(examplePath("postnas/evalset.safetensors"),
                                   256, 4096, {{"recall", 2}, {"text", 1}});
    ASSERT_TRUE(read) << read.error().message;
    tasks = std::move(*read);
    // Short, for the sanitizers' sake.
    for (EvaluationTask &task : tasks)
      cut(task, 65);
  }

  static void cut(EvaluationTask &task, int64_t length) {
    EvaluationTask shorter = task;
    shorter.length = length;
    shorter.ids.clear();
    shorter.mask.clear();
    for (int64_t i = 0; i < task.sequences; ++i) {
      auto ids = task.ids.begin() + i * task.length;
      shorter.ids.insert(shorter.ids.end(), ids, ids + length);
      for (int64_t j = 0; task.hasMask() && j < length; ++j)
        shorter.mask.push_back(j % 2);
    }
    task = shorter;
  }

  std::unique_ptr<LiveEvaluator> makeEvaluator() {
    auto made = LiveEvaluator::create(question.model, *question.space,
                                      examplePath("postnas"), tasks);
    EXPECT_TRUE(made) << made.error().message;
    return std::move(*made);
  }

  static Results run(LiveEvaluator &evaluator,
                     const std::vector<Placement> &placements) {
    Results results;
    auto done = evaluator.evaluate(
        placements,
        [&](const Placement &placement,
            const std::optional<Metrics> &metrics) -> Result<void> {
          results[placement] = *metrics;
          return {};
        },
        [](double) {});
    EXPECT_TRUE(done) << done.error().message;
    return results;
  }

  Question question;
  std::vector<EvaluationTask> tasks;
};

const Placement kNone = {1, 1, 1, 1, 1, 1, 1, 1};
const Placement kLast = {1, 1, 1, 1, 1, 1, 1, 0};
const Placement kMixed = {1, 0, 1, 1, 0, 1, 0, 0};

TEST_F(LiveEvaluatorTest, ACommonBeginningIsRunOnceAndChangesNothing) {
  auto evaluator = makeEvaluator();
  EXPECT_EQ(evaluator->metricNames(),
            (std::vector<std::string>{"recall_accuracy", "recall_loss",
                                      "text_loss"}));
  Results none = run(*evaluator, {kNone});
  EXPECT_EQ(evaluator->layersRun(), 3 * 8); // three sequences
  Results last = run(*evaluator, {kLast});
  EXPECT_EQ(evaluator->layersRun(), 3 * (8 + 1));
  Results mixed = run(*evaluator, {kMixed});
  EXPECT_EQ(evaluator->layersRun(), 3 * (8 + 1 + 7));
  EXPECT_NE(none[kNone], last[kLast]);
  // In another order, and from the beginning.
  Results again = run(*makeEvaluator(), {kLast, kMixed, kNone});
  EXPECT_EQ(again[kNone], none[kNone]);
  EXPECT_EQ(again[kLast], last[kLast]);
  EXPECT_EQ(again[kMixed], mixed[kMixed]);
}

TEST_F(LiveEvaluatorTest, WeightsOfACandidateAreMissing) {
  auto made = LiveEvaluator::create(question.model, *question.space,
                                    examplePath("tinyjet"), tasks);
  ASSERT_FALSE(made);
  EXPECT_NE(made.error().message.find("self_attn.attn.q_proj.weight"),
            std::string::npos)
      << made.error().message;
}

//===----------------------------------------------------------------------===//
// Data
//===----------------------------------------------------------------------===//

struct Tensor {
  const char *name;
  DType dtype;
  std::vector<int64_t> shape;
  std::vector<uint8_t> bytes;
};

/// The error of reading a file of `tensors`, without its path.
std::string readError(const std::vector<Tensor> &tensors,
                      const std::map<std::string, int64_t> &rows = {}) {
  test::TemporaryDirectory directory;
  const std::string path = directory / "data.safetensors";
  std::vector<TensorSpec> specs;
  for (const Tensor &tensor : tensors)
    specs.push_back({tensor.name, tensor.dtype, tensor.shape});
  auto writer = SafetensorsWriter::create(path, specs);
  EXPECT_TRUE(writer) << writer.error().message;
  for (const Tensor &tensor : tensors)
    EXPECT_TRUE(writer->write(tensor.bytes.data(), tensor.bytes.size()));
  EXPECT_TRUE(writer->commit());
  auto read = readEvaluationData(path, 8, 4, rows);
  if (read)
    return "";
  std::string message = read.error().message;
  if (size_t at = message.find(path); at != std::string::npos)
    message.erase(at, path.size());
  return message;
}

TEST(EvaluationData, RefusesWhatIsNoData) {
  const DType u8 = DType::U8;
  EXPECT_EQ(readError({{"a", u8, {1, 3}, {1, 2, 3}}}), "");
  EXPECT_EQ(readError({{"a", u8, {3}, {1, 2, 3}}}),
            ": tensor 'a': expected token ids [sequences, 2 to 5], found U8 "
            "[3]");
  EXPECT_EQ(readError({{"a", u8, {1, 6}, {1, 2, 3, 4, 5, 6}}}),
            ": tensor 'a': expected token ids [sequences, 2 to 5], found U8 "
            "[1, 6]");
  EXPECT_EQ(readError({{"a", DType::F16, {1, 2}, {0, 0, 0, 0}}}),
            ": tensor 'a': expected U8, I16, I32 or I64, found F16 [1, 2]");
  EXPECT_EQ(readError({{"a", u8, {2, 2}, {1, 2, 3, 8}}}),
            ": tensor 'a': expected token ids from 0 to 7, found 8 at [1, 1]");
  EXPECT_EQ(readError({{"a", u8, {1, 3}, {1, 2, 3}},
                       {"a_mask", u8, {3, 1}, {0, 0, 1}}}),
            ": tensor 'a_mask': expected the shape of a, U8 [1, 3], found U8 "
            "[3, 1]");
  EXPECT_EQ(readError({{"a", u8, {1, 3}, {1, 2, 3}},
                       {"a_mask", u8, {1, 3}, {0, 2, 1}}}),
            ": tensor 'a_mask': expected 0 or 1, found 2 at [0, 1]");
  EXPECT_EQ(readError({{"a", u8, {1, 3}, {1, 2, 3}},
                       {"a_mask", u8, {1, 3}, {1, 0, 1}}}),
            ": tensor 'a_mask': expected 0 at [0, 0], as nothing is before it");
  EXPECT_EQ(readError({{"a", u8, {1, 3}, {1, 2, 3}},
                       {"a_mask", u8, {1, 3}, {0, 0, 0}}}),
            ": tensor 'a_mask': expected a 1 somewhere, found none");
  EXPECT_EQ(readError({{"b_mask", u8, {1, 3}, {0, 0, 1}}}),
            ": tensor 'b_mask': expected a tensor 'b' beside it, found none");
  EXPECT_EQ(readError({{"a", u8, {1, 3}, {1, 2, 3}}}, {{"a", 2}}),
            "--data-rows: expected 1 to 1 of a, found 2");
  EXPECT_EQ(readError({{"a", u8, {1, 3}, {1, 2, 3}}}, {{"c", 1}}),
            "--data-rows: expected the name of a tensor of , found 'c'");
}

} // namespace
