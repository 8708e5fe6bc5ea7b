// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Steps of the toy model of Fixture.h that pick tokens; as ModelCudaTests on
// the GPU of FakeCudaLibrary.cpp.

#include "ModelFixture.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <numeric>
#include <set>

using namespace jet;
using namespace jet::test;

TEST_F(ModelTest, CandidatesAreTheLargestLogits) {
  ASSERT_NO_FATAL_FAILURE(load(makePackageWithCandidates()));
  EXPECT_EQ(model->candidates(), kCandidates);

  // Prompts of different lengths, then a token each, both ways.
  Session session(model, 2);
  State state = makeState(), other = makeState();
  std::mt19937 random(5);
  for (size_t longest : {5u, 1u, 1u}) {
    std::vector<Tokens> tokens;
    std::vector<StepInput> inputs;
    for (size_t i = 0; i < 3; ++i)
      tokens.push_back(randomTokens(random, longest > i ? longest - i : 1));
    for (size_t i = 0; i < tokens.size(); ++i)
      inputs.push_back({static_cast<int64_t>(2 - i), tokens[i]});
    const auto logits = step(session, other, inputs);
    const Result<Candidates> found = session.stepTopK(state, inputs);
    ASSERT_TRUE(found) << messageOf(found);
    ASSERT_EQ(found->count, kCandidates);
    ASSERT_EQ(found->values.size(), 3u * kCandidates);
    ASSERT_EQ(found->ids.size(), 3u * kCandidates);
    for (size_t i = 0; i < inputs.size(); ++i) {
      std::vector<int32_t> order(kVocab);
      std::iota(order.begin(), order.end(), 0);
      std::sort(order.begin(), order.end(), [&](int32_t a, int32_t b) {
        const float x = logits[i][a], y = logits[i][b];
        return x > y || (x == y && a < b);
      });
      for (int64_t k = 0; k < kCandidates; ++k) {
        EXPECT_EQ(found->ids[i * kCandidates + k], order[k]);
        EXPECT_EQ(found->values[i * kCandidates + k], logits[i][order[k]]);
      }
    }
  }
  for (int64_t slot = 0; slot < 3; ++slot) {
    EXPECT_EQ(state.position(slot), other.position(slot));
    EXPECT_EQ(stateBytes(state, slot), stateBytes(other, slot));
  }
  // An error leaves the state as it was.
  const Tokens bad = {99};
  EXPECT_EQ(
      messageOf(session.stepTopK(state, std::vector<StepInput>{{0, bad}})),
      "slot 0: expected token ids from 0 to 15, found 99");
  EXPECT_EQ(stateBytes(state, 0), stateBytes(other, 0));
}

/// Steps of three sequences that sample: prompts, then a token each often
/// enough for a graph to be recorded.
class ModelSampleTest : public ModelTest {
protected:
  /// What a step was of, and what the device picked.
  struct Round {
    std::vector<StepInput> inputs;
    std::vector<Tokens> tokens;
    Tokens picked;
  };
  static void sampleRounds(Session &session, State &state,
                           const std::vector<SamplingOptions> &options,
                           const std::function<void(const Round &)> &check) {
    std::vector<Sampler> samplers;
    for (const SamplingOptions &one : options)
      samplers.push_back(*Sampler::create(one));
    std::mt19937 random(6);
    for (size_t round = 0; round < 8; ++round) {
      Round sampled;
      std::vector<SamplingRow> rows;
      for (size_t i = 0; i < options.size(); ++i)
        sampled.tokens.push_back(randomTokens(random, round == 0 ? 3 - i : 1));
      for (size_t i = 0; i < options.size(); ++i) {
        sampled.inputs.push_back(
            {static_cast<int64_t>(2 - i), sampled.tokens[i]});
        rows.push_back(samplers[i].row());
        samplers[i].advance();
      }
      const auto next = session.stepSample(state, sampled.inputs, rows);
      ASSERT_TRUE(next) << messageOf(next);
      ASSERT_EQ(next->size(), options.size());
      sampled.picked.assign(next->begin(), next->end());
      SCOPED_TRACE("round " + std::to_string(round));
      check(sampled);
    }
  }
};

TEST_F(ModelSampleTest, NextTokensAreWhatASamplerPicks) {
  ASSERT_NO_FATAL_FAILURE(load(makePackageWithCandidates()));
  Session session(model, 2);
  State state = makeState(), other = makeState();
  const std::vector<SamplingOptions> options = {
      {},
      {.temperature = 1.5, .topK = kCandidates, .seed = 1},
      {.temperature = 4, .topK = 2, .topP = 0.9, .seed = 2}};
  std::vector<Sampler> samplers;
  for (const SamplingOptions &one : options)
    samplers.push_back(*Sampler::create(one));
  sampleRounds(session, state, options, [&](const Round &round) {
    const Result<Candidates> found = session.stepTopK(other, round.inputs);
    ASSERT_TRUE(found) << messageOf(found);
    for (size_t i = 0; i < 3; ++i)
      EXPECT_EQ(round.picked[i],
                samplers[i].sample(
                    found->values.subspan(i * kCandidates, kCandidates),
                    found->ids.subspan(i * kCandidates, kCandidates)))
          << "sequence " << i;
  });
}

TEST_F(ModelSampleTest, PicksFromAllLogitsWhereCandidatesDoNotSuffice) {
  ASSERT_NO_FATAL_FAILURE(load(makePackageThatPicks()));
  EXPECT_TRUE(model->picksFromLogits());
  Session session(model, 2);
  State state = makeState(), other = makeState();
  // One of each step is greedy: of it candidates are enough.
  const std::vector<SamplingOptions> options = {
      {.temperature = 3, .seed = 4},
      {},
      {.temperature = 5, .topK = kCandidates + 4, .topP = 0.9, .seed = 5}};
  std::vector<Sampler> samplers;
  for (const SamplingOptions &one : options)
    samplers.push_back(*Sampler::create(one));
  std::set<int32_t> seen;
  sampleRounds(session, state, options, [&](const Round &round) {
    const auto logits = session.step(other, round.inputs);
    ASSERT_TRUE(logits) << messageOf(logits);
    for (size_t i = 0; i < 3; ++i) {
      seen.insert(round.picked[i]);
      EXPECT_EQ(round.picked[i],
                samplers[i].sample(logits->subspan(i * kVocab, kVocab)))
          << "sequence " << i;
    }
  });
  EXPECT_GT(seen.size(), 5u);
}

TEST_F(ModelTest, RefusesWrongSampling) {
  ASSERT_NO_FATAL_FAILURE(load(makePackageWithCandidates()));
  Session session(model, 1);
  State state = makeState();
  const Tokens tokens = {1};
  const std::vector<StepInput> inputs = {{0, tokens}};
  auto refusal = [&](const std::vector<SamplingRow> &rows) {
    return messageOf(session.stepSample(state, inputs, rows));
  };
  EXPECT_EQ(refusal({}),
            "step: expected how to sample for each of 1 sequences, found 0");
  EXPECT_EQ(refusal({{.temperature = -1}}),
            "sequence 0: temperature: expected a number >= 0, found -1.000000");
  EXPECT_EQ(refusal({{.temperature = NAN}}),
            "sequence 0: temperature: expected a number >= 0, found nan");
  EXPECT_EQ(refusal({{.topP = 1.5}}),
            "sequence 0: top-p: expected a number from 0 to 1, found 1.500000");
  EXPECT_EQ(refusal({{.topK = -1}}),
            "sequence 0: top-k: expected a number >= 0, found -1.000000");
  EXPECT_EQ(refusal({{.uniform = 1}}),
            "sequence 0: uniform: expected a number in [0, 1), found 1.000000");
  EXPECT_FALSE(model->picksFromLogits());
  EXPECT_EQ(refusal({{.temperature = 1, .topK = kCandidates + 1}}),
            "step: expected a package that picks tokens from all logits, or a "
            "top-k of at most 3 for every sequence");
  EXPECT_EQ(state.position(0), 0);
  EXPECT_EQ(refusal({{}}), "success");
}

TEST_F(ModelTest, APackageWithoutCandidatesSaysSo) {
  Session session(model, 1);
  State state = makeState();
  const Tokens tokens = {1};
  EXPECT_EQ(model->candidates(), 0);
  EXPECT_EQ(
      messageOf(session.stepTopK(state, std::vector<StepInput>{{0, tokens}})),
      "step: expected a package with candidates (jetc compile --top-k), found "
      "one without");
  EXPECT_EQ(state.position(0), 0);
}
