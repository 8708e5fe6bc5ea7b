// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "search/EvaluationLog.h"
#include "support/File.h"
#include "test/search/Question.h"
#include "test/support/TemporaryDirectory.h"

#include <fstream>

using namespace jet;

namespace {

class EvaluationLogTest : public ::testing::Test {
protected:
  void SetUp() override {
    question.readConfig(examplePath("postnas/config.json"),
                        "minimize {loss = 1.0} {\n"
                        "  jet.measured [\"jet\", \"jet\", \"jet\", \"jet\", "
                        "\"jet\", \"jet\", \"jet\", \"jet\"] {loss = 0.5}\n"
                        "  jet.measured [\"attn\", \"jet\", \"jet\", \"jet\", "
                        "\"jet\", \"jet\", \"jet\", \"jet\"] {loss = 0.25}\n}");
    evaluator.emplace(question.search, *question.space);
  }

  Evaluations makeEvaluations() {
    return Evaluations(*question.space, *evaluator, Objective{{1}});
  }

  /// Writes a log of both placements; returns its text.
  std::string writeLog() {
    Evaluations evaluations = makeEvaluations();
    auto log = EvaluationLog::open(path, false, "table", evaluations);
    EXPECT_TRUE(log) << log.error().message;
    evaluations.onEvaluated = [&](const Evaluated &one) {
      return log->write(evaluations, one);
    };
    EXPECT_TRUE(evaluations.evaluate(*evaluator->knownPlacements()));
    return *readTextFile(path, 1 << 20);
  }

  void write(const std::string &text) { std::ofstream(path) << text; }

  /// The error of resuming, or "".
  std::string resume(Evaluations &evaluations,
                     const std::string &source = "table") {
    auto log = EvaluationLog::open(path, true, source, evaluations);
    return log ? "" : log.error().message;
  }

  test::TemporaryDirectory directory;
  std::string path = directory / "log.jsonl";
  Question question;
  std::optional<TableEvaluator> evaluator;
};

TEST_F(EvaluationLogTest, HoldsEveryPlacementAndIsTakenIn) {
  std::string text = writeLog();
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 3);
  EXPECT_NE(text.find("\"metrics\":{\"loss\":0.25}"), std::string::npos);
  Evaluations again = makeEvaluations();
  EXPECT_EQ(resume(again), "");
  ASSERT_EQ(again.all().size(), 2u);
  // What was taken in is not evaluated again.
  again.onEvaluated = [](const Evaluated &) -> Result<void> {
    return Error{"evaluated"};
  };
  EXPECT_TRUE(again.evaluate(*evaluator->knownPlacements()));
}

TEST_F(EvaluationLogTest, ALineThatWasCutOffIsDropped) {
  std::string text = writeLog();
  write(text.substr(0, text.size() - 9));
  Evaluations again = makeEvaluations();
  EXPECT_EQ(resume(again), "");
  EXPECT_EQ(again.all().size(), 1u);
  // And the next line begins where it began.
  std::string kept = *readTextFile(path, 1 << 20);
  EXPECT_EQ(kept, text.substr(0, kept.size()));
  EXPECT_EQ(kept.back(), '\n');
}

TEST_F(EvaluationLogTest, AFileIsNotOverwritten) {
  writeLog();
  Evaluations evaluations = makeEvaluations();
  auto log = EvaluationLog::open(path, false, "table", evaluations);
  ASSERT_FALSE(log);
  EXPECT_EQ(log.error().message,
            path + ": expected --resume, or no such file, found one");
}

TEST_F(EvaluationLogTest, RefusesTheLogOfAnotherSearch) {
  std::string text = writeLog();
  Evaluations evaluations = makeEvaluations();
  EXPECT_EQ(resume(evaluations, "other"),
            path + ":1: expected the log of the same search, with source "
                   "\"other\", found \"table\"");
}

TEST_F(EvaluationLogTest, RefusesLinesThatAreNoEvaluations) {
  const std::string text = writeLog();
  const std::string header = text.substr(0, text.find('\n') + 1);
  const std::pair<const char *, const char *> lines[] = {
      {"{", ":2: "},
      {"{}", ":2: expected an array of 8 mixers for $.placement"},
      {"{\"placement\": [\"jet\", \"swa\", 1, 1, 1, 1, 1, 1]}",
       ":2: $.placement[1]: expected one of attn, jet, found \"swa\""},
      {"{\"placement\": [\"jet\", \"jet\", \"jet\", \"jet\", \"jet\", \"jet\", "
       "\"jet\", \"jet\"], \"metrics\": {\"loss\": null}}",
       ":2: expected a number for $.metrics.loss"}};
  for (auto [line, expected] : lines) {
    write(header + line + "\n");
    Evaluations evaluations = makeEvaluations();
    std::string error = resume(evaluations);
    EXPECT_EQ(error.substr(0, (path + expected).size()), path + expected);
  }
}

} // namespace
