// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "test/search/Question.h"

#include <random>

using namespace jet;

namespace {

constexpr const char *kAttention =
    "#jet.attention<heads = 4, kv_heads = 2, head_dim = 32, rope_theta = "
    "10000.0>";
constexpr const char *kWindow =
    "#jet.attention<heads = 4, kv_heads = 2, head_dim = 32, rope_theta = "
    "10000.0, window = 8>";
constexpr const char *kJetBlock =
    "#jet.jet_block<heads = 4, d_k = 32, d_v = 64, conv = 4, generator = 32, "
    "norm_eps = 1.0e-05>";

std::string placementFor(const std::string &minimize, std::optional<int> beam,
                         const std::string &limits) {
  Question question;
  // Limits first; the measurements come from the file.
  question.readConfig(examplePath("postnas/config.json"),
                      "minimize {score = 1.0} {\n" + limits + "}");
  auto result = addMeasurements(question.search, *question.space,
                                examplePath("postnas/placements.csv"));
  EXPECT_TRUE(result);
  std::string text;
  llvm::raw_string_ostream stream(text);
  Result<mlir::DictionaryAttr> objective =
      parseObjective(&question.context, minimize);
  EXPECT_TRUE(objective);
  question.search.setMinimizeAttr(*objective);
  if (beam)
    question.search.setBeam(*beam);
  Result<SearchResult> found = question.answer();
  return found ? question.space->describe(found->best.placement)
               : "error: " + found.error().message;
}

std::string exactly(int full) {
  return "jet.limit_layers \"attn\" min " + std::to_string(full) + " max " +
         std::to_string(full) + "\n";
}

TEST(Search, BeamOfFourFindsTheOptimumOfEveryObjectiveInTheTable) {
  for (const char *metric : {"text_loss", "recall_loss", "recall_accuracy",
                             "text_loss + 0.5 * recall_loss"})
    for (int full : {1, 2, 3}) {
      std::string optimum = placementFor(metric, std::nullopt, exactly(full));
      EXPECT_EQ(placementFor(metric, 4, exactly(full)), optimum)
          << metric << " " << full;
      EXPECT_EQ(placementFor(metric, 8, exactly(full)), optimum)
          << metric << " " << full;
    }
}

TEST(Search, FindsWhatTheTableSays) {
  // sort -t, -k5 -n placements.csv, of two layers
  EXPECT_EQ(placementFor("recall_loss", std::nullopt, exactly(2)),
            "0-2 jet, 3-4 attn, 5-7 jet");
  EXPECT_EQ(placementFor("recall_loss", 4, exactly(2)),
            "0-2 jet, 3-4 attn, 5-7 jet");
}

TEST(Search, BytesExcludeTheBest) {
  std::string free = placementFor("recall_loss", 4, "");
  std::string bound = placementFor(
      "recall_loss", 4, "jet.limit_state max 1600000 context 4096\n");
  EXPECT_NE(bound, free);
  // One cache of 4096 positions and seven JetBlocks take 1.47 MB, two 2.4.
  EXPECT_EQ(bound, placementFor("recall_loss", std::nullopt,
                                "jet.limit_layers \"attn\" max 1\n"));
}

TEST(Search, TimeExcludesTheBest) {
  const std::string machine =
      "#jet.target<\"box\", memory_bandwidth = 1.0e+11, tensor_flops = "
      "1.0e+12, vector_flops = 1.0e+12, memory = 64000000000>";
  std::string free = placementFor("recall_loss", std::nullopt, "");
  std::string bound = placementFor(
      "recall_loss", std::nullopt,
      "jet.limit_decode max 0.0006 batch 16 context 4096 on " + machine + "\n");
  EXPECT_EQ(free, "0-2 jet, 3-5 attn, 6-7 jet");
  EXPECT_EQ(bound, "0-2 jet, 3-4 attn, 5-7 jet");
  EXPECT_EQ(placementFor("recall_loss", 4,
                         "jet.limit_decode max 0.0006 batch 16 context 4096 "
                         "on " +
                             machine + "\n"),
            bound);
}

TEST(Search, SaysWhatExcludesTheBestOfAll) {
  for (std::optional<int> beam : {std::optional<int>(), std::optional(4)}) {
    std::string error =
        placementFor("recall_loss", beam,
                     "jet.limit_state max 100000 context 4096\n" + exactly(2));
    EXPECT_NE(error.find("error: no placement is within all limits: state of a "
                         "sequence at context 4096: expected at most 100000 "
                         "bytes, found "),
              std::string::npos)
        << error;
    EXPECT_NE(error.find("; the best of all, 0-2 jet, 3-5 attn, 6-7 jet, is "),
              std::string::npos)
        << error;
    EXPECT_NE(error.find("excluded by state of a sequence"), std::string::npos)
        << error;
  }
}

//===----------------------------------------------------------------------===//
// Sums of scores
//===----------------------------------------------------------------------===//

/// A model of `count` layers with three candidates and random scores, and the
/// body of a search.
std::string randomModel(std::mt19937 &random, int count,
                        const std::string &limits) {
  std::string text =
      "jet.model @m hidden 128 intermediate 320 vocab 512 max_position 4096 "
      "rms_norm_eps 1.0e-06 storage f32 {\n";
  for (int layer = 0; layer < count; ++layer) {
    text += "jet.layer " + std::to_string(layer) + " candidates [" +
            kAttention + ", " + kJetBlock + ", " + kWindow + "] scores [";
    // Few values, so that some placements are equally good.
    for (int i = 0; i < 3; ++i)
      text += std::to_string(int(random() % 5)) + (i < 2 ? ".0, " : ".0]");
    text += " weights \"self_attn\"\n";
  }
  return text + "}\njet.search @m minimize {score = -1.0} {\n" + limits + "}\n";
}

/// The best placement by trying all.
std::optional<Placement> tryAll(const Question &question, const Limits &limits,
                                const Evaluations &evaluations) {
  const SearchSpace &space = *question.space;
  std::optional<Evaluated> best;
  Placement placement(space.numLayers());
  for (bool more = true; more;) {
    Evaluated one{placement, {0}, 0};
    for (size_t i = 0; i < placement.size(); ++i)
      one.value -= space.layers[i].scores[placement[i]];
    if (limits.allow(space.countsOf(placement)) &&
        (!best || evaluations.isBetter(one, *best)))
      best = one;
    size_t i = 0;
    while (i < placement.size() && ++placement[i] == 3)
      placement[i++] = 0;
    more = i < placement.size();
  }
  return best ? std::optional(best->placement) : std::nullopt;
}

TEST(Search, ExactSearchAgreesWithTryingAll) {
  std::mt19937 random(7);
  const char *limits[] = {
      "",
      "jet.limit_layers \"attn\" max 2\njet.limit_layers \"swa\" min 1 max 3\n",
      "jet.limit_state max 2500000 context 4096\n",
      "jet.limit_state max 150000 context 1\njet.limit_layers \"jet\" min 2\n",
      "jet.limit_parameters max 1700000\n"};
  for (int repeat = 0; repeat < 4; ++repeat)
    for (const char *limit : limits) {
      Question question;
      question.parse(randomModel(random, 6, limit));
      ScoreEvaluator evaluator(*question.space);
      Evaluations evaluations(*question.space, evaluator, Objective{{-1}});
      LayerCosts costs(question.model, *question.space);
      Result<Limits> checked =
          Limits::create(question.search, *question.space, costs);
      ASSERT_TRUE(checked) << checked.error().message;
      EXPECT_EQ(findExactOptimum(evaluations, *checked, /*anyway=*/false),
                tryAll(question, *checked, evaluations))
          << limit;
    }
}

TEST(Search, ExactSearchOfManyLayersIsQuick) {
  std::mt19937 random(3);
  Question question;
  question.parse(randomModel(random, 64, "jet.limit_layers \"attn\" max 9\n"));
  Result<SearchResult> found = question.answer();
  ASSERT_TRUE(found) << found.error().message;
  EXPECT_EQ(found->method, "exact");
}

TEST(Search, UniformPlacementIsEvenlySpaced) {
  Question question;
  question.readConfig(examplePath("postnas/config.json"));
  const SearchSpace &space = *question.space;
  EXPECT_EQ(space.describe(uniformPlacement(space, 2)),
            "0-1 jet, 2 attn, 3-5 jet, 6 attn, 7 jet");
  EXPECT_EQ(space.describe(uniformPlacement(space, 1)),
            "0-3 jet, 4 attn, 5-7 jet");
  EXPECT_EQ(space.describe(uniformPlacement(space, 8)), "0-7 attn");
}

} // namespace
