// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "test/search/Question.h"
#include "test/support/TemporaryDirectory.h"

#include <fstream>

using namespace jet;

namespace {

class ReadScoresTest : public ::testing::Test {
protected:
  void SetUp() override {
    question.readConfig(examplePath("postnas/config.json"),
                        "minimize {score = 1.0} {\n}");
  }
  /// The error of reading `text` as measured placements, without the path.
  std::string measured(const std::string &text) {
    std::ofstream(path) << text;
    return strip(addMeasurements(question.search, *question.space, path));
  }
  std::string layers(const std::string &text) {
    std::ofstream(path) << text;
    return strip(setLayerScores(question.model, path));
  }
  std::string strip(const Result<void> &result) {
    if (result)
      return "";
    std::string message = result.error().message;
    EXPECT_EQ(message.substr(0, path.size()), path);
    return message.substr(path.size());
  }

  test::TemporaryDirectory directory;
  std::string path = directory / "scores.csv";
  Question question;
};

TEST_F(ReadScoresTest, ReadsDigitsAndNames) {
  EXPECT_EQ(measured("full_attention,num_full,loss\n"
                     "00001000,1,0.5\n"
                     "\n"
                     "11111111 , 8, 2.5e-1\r\n"),
            "");
  EXPECT_EQ(measured("loss,placement\n"
                     "0.75,jet jet jet jet jet jet jet attn\n"),
            "");
  auto rows =
      llvm::to_vector(question.search.getBody().front().getOps<MeasuredOp>());
  ASSERT_EQ(rows.size(), 3u);
  std::string text;
  llvm::raw_string_ostream stream(text);
  for (MeasuredOp row : rows)
    stream << row.getPlacement() << " " << row.getMetrics() << "\n";
  EXPECT_EQ(text,
            "[\"jet\", \"jet\", \"jet\", \"jet\", \"attn\", \"jet\", \"jet\", "
            "\"jet\"] {loss = 5.000000e-01 : f64}\n"
            "[\"attn\", \"attn\", \"attn\", \"attn\", \"attn\", \"attn\", "
            "\"attn\", \"attn\"] {loss = 2.500000e-01 : f64}\n"
            "[\"jet\", \"jet\", \"jet\", \"jet\", \"jet\", \"jet\", \"jet\", "
            "\"attn\"] {loss = 7.500000e-01 : f64}\n");
}

TEST_F(ReadScoresTest, RefusesWrongTables) {
  const std::pair<const char *, const char *> tables[] = {
      {"", ":1: expected a line with the names of columns"},
      {"full_attention,loss\n", ":2: expected rows below the names of columns"},
      {"layers,loss\n00000000,1\n",
       ":1: expected a column full_attention or placement, found neither"},
      {"full_attention,placement,loss\n0,0,1\n",
       ":1: expected a column full_attention or placement, found both"},
      {"full_attention,num_full\n00000000,0\n",
       ":1: expected a column with a metric, found none"},
      {"full_attention,loss,loss\n00000000,1,1\n",
       ":1: expected each column once, found 'loss' twice"},
      {"full_attention,\n00000000,1\n",
       ":1: expected a name of each column, found ''"},
      {"full_attention,loss\n00000000,1\n00000001\n",
       ":3: expected 2 fields, found 1"},
      {"full_attention,loss\n0000000,1\n",
       ":2: full_attention: expected 8 digits, one a layer, found '0000000'"},
      {"full_attention,loss\n00002000,1\n",
       ":2: full_attention: expected digits 0 and 1, found '00002000'"},
      {"full_attention,loss\n00000000,low\n",
       ":2: loss: expected a finite number, found 'low'"},
      {"full_attention,loss\n00000000,inf\n",
       ":2: loss: expected a finite number, found 'inf'"},
      {"full_attention,loss\n00000000,1\n10000000,1\n00000000,2\n",
       ":4: expected each placement once, found that of line 2 again"},
      {"full_attention,num_full,loss\n00000011,1,1\n",
       ":2: num_full: expected 2 as of the placement, found '1'"},
      {"placement,loss\njet jet,1\n",
       ":2: placement: expected 8 mixers, one a layer, found 2"},
      {"placement,loss\njet jet jet jet jet jet jet swa,1\n",
       ":2: placement: expected the mixer of layer 7 to be one of attn, jet, "
       "found 'swa'"}};
  for (auto [text, error] : tables)
    EXPECT_EQ(measured(text), error) << text;
}

TEST_F(ReadScoresTest, ReadsScoresOfLayers) {
  std::string text = "layer,attn,jet\n";
  for (int layer = 7; layer >= 0; --layer)
    text += std::to_string(layer) + ",0." + std::to_string(layer) + ",0\n";
  EXPECT_EQ(layers(text), "");
  EXPECT_EQ(question.model.getLayers()[3].getScores()->front(), 0.3);
}

TEST_F(ReadScoresTest, RefusesScoresOfOtherLayers) {
  const std::pair<const char *, const char *> tables[] = {
      {"attn,jet\n1,0\n", ":1: expected a column layer, found none"},
      {"layer,attn\n0,1\n",
       ":1: expected a column jet, a candidate of layer 0"},
      {"layer,attn,jet\n8,1,0\n", ":2: layer: expected 0 to 7, found '8'"},
      {"layer,attn,jet\n-1,1,0\n", ":2: layer: expected 0 to 7, found '-1'"},
      {"layer,attn,jet\n0,1,0\n0,1,0\n",
       ":3: expected each layer once, found layer 0 of line 2 again"},
      {"layer,attn,jet\n0,1,\n", ":2: jet: expected a finite number, found ''"},
      {"layer,attn,jet,swa\n0,1,0,2\n",
       ":2: swa: expected nothing, as layer 0 has no such candidate, found "
       "'2'"},
      {"layer,attn,jet\n0,1,0\n",
       ":2: expected scores of layer 1, found none"}};
  for (auto [text, error] : tables)
    EXPECT_EQ(layers(text), error) << text;
}

TEST(Objective, IsASumOfMetricsThatAreToBeSmallOrLarge) {
  Question question;
  auto parse = [&](const char *text) {
    Result<mlir::DictionaryAttr> parsed =
        parseObjective(&question.context, text);
    if (!parsed)
      return parsed.error().message;
    std::string printed;
    llvm::raw_string_ostream(printed) << *parsed;
    return printed;
  };
  EXPECT_EQ(parse("recall_loss"), "{recall_loss = 1.000000e+00 : f64}");
  EXPECT_EQ(parse("recall_accuracy"),
            "{recall_accuracy = -1.000000e+00 : f64}");
  EXPECT_EQ(parse("text_loss + 0.5*recall_accuracy"),
            "{recall_accuracy = -5.000000e-01 : f64, text_loss = 1.000000e+00 "
            ": f64}");
  EXPECT_EQ(parse("2 * max:mmlu"), "{mmlu = -2.000000e+00 : f64}");
  EXPECT_EQ(parse("mmlu"),
            "--objective: expected min:mmlu or max:mmlu, as the name does not "
            "say whether less is better");
  EXPECT_EQ(parse("text_loss + "),
            "--objective: expected [WEIGHT *] METRIC [+ …], found 'text_loss "
            "+ '");
  EXPECT_EQ(parse("-1 * text_loss"),
            "--objective: expected a positive weight, found '-1'");
  EXPECT_EQ(parse("text_loss + text_loss"),
            "--objective: expected each metric once, found 'text_loss' twice");
}

} // namespace
