// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "runtime/Sampler.h"

#include "Fixture.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <set>

using namespace jet;
using namespace jet::test;

static const float kInf = std::numeric_limits<float>::infinity();
static const float kNan = std::numeric_limits<float>::quiet_NaN();

static std::vector<int32_t> draw(const SamplingOptions &options,
                                 const std::vector<float> &logits, int count,
                                 uint64_t stream = 0) {
  Result<Sampler> sampler = Sampler::create(options, stream);
  EXPECT_TRUE(sampler) << messageOf(sampler);
  std::vector<int32_t> tokens;
  for (int i = 0; i < count; ++i)
    tokens.push_back(sampler->sample(logits));
  return tokens;
}

TEST(RandomTest, IsTheSameOnEveryMachine) {
  EXPECT_EQ(randomBits(0, 0), randomBits(0, 0));
  EXPECT_EQ(randomBits(0, 0), 0xa706dd2f4d197e6fu);
  EXPECT_EQ(randomBits(1, 0), 0x5e41ab087439611eu);
  EXPECT_EQ(randomBits(0, 1), 0xb382a305f4414f5eu);
  double sum = 0;
  for (uint64_t i = 0; i < 10000; ++i) {
    const double value = randomUniform(42, i);
    ASSERT_GE(value, 0);
    ASSERT_LT(value, 1);
    sum += value;
  }
  EXPECT_NEAR(sum / 10000, 0.5, 0.01);
}

TEST(ArgmaxTest, LowestIndexWinsTies) {
  EXPECT_EQ(argmax(std::vector<float>{1, 3, 2, 3}), 1);
  EXPECT_EQ(argmax(std::vector<float>{-1, -1}), 0);
  EXPECT_EQ(argmax(std::vector<float>{kNan, -5, kNan, -4}), 3);
  EXPECT_EQ(argmax(std::vector<float>{-kInf, kNan, -kInf}), 0);
  EXPECT_EQ(argmax(std::vector<float>{kNan, kNan}), 0);
}

TEST(SamplerTest, ZeroTemperatureAndTopOneAreGreedy) {
  const std::vector<float> logits = {0, 2, 2, 1};
  for (int32_t token : draw({}, logits, 20))
    EXPECT_EQ(token, 1);
  for (int32_t token : draw({.temperature = 5, .topK = 1}, logits, 20))
    EXPECT_EQ(token, 1);
}

TEST(SamplerTest, FrequenciesFollowTheProbabilities) {
  // Probabilities 1/7, 2/7, 4/7.
  const std::vector<float> logits = {0, std::log(2.f), std::log(4.f)};
  constexpr int count = 70000;
  std::vector<double> frequency(3);
  for (int32_t token : draw({.temperature = 1, .seed = 3}, logits, count))
    frequency[token] += 7.0 / count;
  EXPECT_NEAR(frequency[0], 1, 0.05);
  EXPECT_NEAR(frequency[1], 2, 0.05);
  EXPECT_NEAR(frequency[2], 4, 0.05);
  // Temperature 2 takes the square root of the odds: 1 to 2 overall.
  frequency.assign(3, 0);
  for (int32_t token : draw({.temperature = 2, .seed = 3}, logits, count))
    frequency[token] += 1.0 / count;
  EXPECT_NEAR(frequency[2] / frequency[0], 2, 0.1);
}

TEST(SamplerTest, TopKAndTopPCutTheTail) {
  const std::vector<float> logits = {std::log(0.1f), std::log(0.4f),
                                     std::log(0.2f), std::log(0.3f)};
  auto drawn = [&](const SamplingOptions &options) {
    const auto tokens = draw(options, logits, 2000);
    return std::set<int32_t>(tokens.begin(), tokens.end());
  };
  EXPECT_EQ(drawn({.temperature = 1}), (std::set<int32_t>{0, 1, 2, 3}));
  EXPECT_EQ(drawn({.temperature = 1, .topK = 2}), (std::set<int32_t>{1, 3}));
  EXPECT_EQ(drawn({.temperature = 1, .topK = 100}),
            (std::set<int32_t>{0, 1, 2, 3}));
  EXPECT_EQ(drawn({.temperature = 1, .topP = 0.85}),
            (std::set<int32_t>{1, 2, 3}));
  EXPECT_EQ(drawn({.temperature = 1, .topP = 0.65}), (std::set<int32_t>{1, 3}));
  EXPECT_EQ(drawn({.temperature = 1, .topP = 0.01}), (std::set<int32_t>{1}));
  EXPECT_EQ(drawn({.temperature = 1, .topK = 3, .topP = 0.7}),
            (std::set<int32_t>{1, 3}));
}

// The order of candidates: largest first, ties by id, NaNs last.
static void sortLogits(const std::vector<float> &logits,
                       std::vector<float> &values, std::vector<int32_t> &ids) {
  ids.resize(logits.size());
  std::iota(ids.begin(), ids.end(), 0);
  std::sort(ids.begin(), ids.end(), [&](int32_t a, int32_t b) {
    const float x = logits[a], y = logits[b];
    if (std::isnan(x) != std::isnan(y))
      return std::isnan(y);
    return x > y || (!(x < y) && a < b);
  });
  values.clear();
  for (int32_t id : ids)
    values.push_back(logits[id]);
}

TEST(SamplerTest, CandidatesGiveTheTokensOfLogits) {
  constexpr int64_t kCount = 8, kSize = 50;
  const SamplingOptions every[] = {
      {},
      {.temperature = 2, .topK = 1},
      {.temperature = 0.7, .topK = kCount},
      {.temperature = 1.5, .topK = 5, .topP = 0.6, .seed = 3},
      {.temperature = 1, .topK = kCount, .topP = 0.01, .seed = 4}};
  for (const SamplingOptions &options : every) {
    Result<Sampler> first = Sampler::create(options, 1);
    Result<Sampler> second = Sampler::create(options, 1);
    ASSERT_TRUE(first && second);
    EXPECT_TRUE(first->canUseCandidates(kCount, kSize));
    EXPECT_FALSE(first->canUseCandidates(0, kSize));
    for (uint64_t step = 0; step < 300; ++step) {
      std::vector<float> logits(kSize), values;
      for (int64_t i = 0; i < kSize; ++i) // few values, many ties
        logits[i] = static_cast<float>(randomBits(step, i) % 7);
      if (step % 5 == 1)
        logits[step % kSize] = kNan;
      if (step % 5 == 2) // less than kCount that are possible
        for (int64_t i = 0; i < kSize - 3; ++i)
          logits[i] = i % 2 ? kNan : -kInf;
      if (step % 5 == 3)
        logits[step % kSize] = kInf;
      if (step % 25 == 4)
        logits.assign(kSize, kNan);
      std::vector<int32_t> ids;
      sortLogits(logits, values, ids);
      values.resize(kCount);
      ids.resize(kCount);
      EXPECT_EQ(first->sample(logits), second->sample(values, ids)) << step;
    }
  }
}

TEST(SamplerTest, TellsAModelHowToPickTheNextToken) {
  const SamplingRow greedy =
      Sampler::create({.temperature = 2, .topK = 1, .topP = 0.5})->row();
  EXPECT_EQ(greedy.temperature, 0);
  EXPECT_TRUE(std::isfinite(
      Sampler::create({.temperature = 1e300})->row().temperature));
  Result<Sampler> sampler =
      Sampler::create({.temperature = 0.5, .topK = 7, .topP = 0.75, .seed = 4});
  const uint64_t stream = randomBits(4, 0);
  for (uint64_t i = 0; i < 1000; ++i) {
    const SamplingRow row = sampler->row();
    EXPECT_EQ(row.temperature, 0.5f);
    EXPECT_EQ(row.topK, 7);
    EXPECT_EQ(row.topP, 0.75f);
    // The next float below what sample() draws.
    const double drawn = randomUniform(stream, i);
    EXPECT_LE(double(row.uniform), drawn);
    EXPECT_GT(double(std::nextafter(row.uniform, 2.0f)), drawn);
    EXPECT_LT(row.uniform, 1);
    sampler->advance();
  }
}

TEST(SamplerTest, CandidatesMustBeAllThatCouldBeDrawn) {
  auto canUse = [](const SamplingOptions &options, int64_t count) {
    return Sampler::create(options)->canUseCandidates(count, 50);
  };
  EXPECT_TRUE(canUse({}, 1));
  EXPECT_FALSE(canUse({.temperature = 1}, 8));
  EXPECT_TRUE(canUse({.temperature = 1}, 50));
  EXPECT_FALSE(canUse({.temperature = 1, .topP = 0.5}, 8));
  EXPECT_TRUE(canUse({.temperature = 1, .topK = 8}, 8));
  EXPECT_FALSE(canUse({.temperature = 1, .topK = 9}, 8));
  EXPECT_FALSE(canUse({}, 0));
}

TEST(SamplerTest, ImpossibleTokensAreNeverDrawn) {
  const std::vector<float> logits = {kNan, 0, -kInf, 0};
  for (int32_t token : draw({.temperature = 3}, logits, 2000))
    EXPECT_TRUE(token == 1 || token == 3) << token;
}

TEST(SamplerTest, SeedsAndStreamsDecide) {
  const std::vector<float> logits(64, 0);
  const SamplingOptions one = {.temperature = 1, .seed = 1};
  const SamplingOptions two = {.temperature = 1, .seed = 2};
  EXPECT_EQ(draw(one, logits, 50), draw(one, logits, 50));
  EXPECT_NE(draw(one, logits, 50), draw(two, logits, 50));
  EXPECT_NE(draw(one, logits, 50, 0), draw(one, logits, 50, 1));
}

TEST(SamplerTest, RefusesBadOptions) {
  EXPECT_FALSE(Sampler::create({.temperature = -1}));
  EXPECT_FALSE(Sampler::create({.temperature = kInf}));
  EXPECT_FALSE(Sampler::create({.temperature = kNan}));
  EXPECT_FALSE(Sampler::create({.topK = -1}));
  EXPECT_FALSE(Sampler::create({.topP = 0}));
  EXPECT_FALSE(Sampler::create({.topP = 1.5}));
  EXPECT_FALSE(Sampler::create({.topP = kNan}));
}
