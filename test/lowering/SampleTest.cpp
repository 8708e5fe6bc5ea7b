// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// jet.sample against its formula in double precision and against the runtime's
// sampler; jet.merge_top_k that samples against the two ops, to the bit.

#include "SampleInputs.h"

#include "runtime/Sampler.h"

#include <algorithm>

using namespace jet;
using namespace jet::test;

namespace {

constexpr DType F32 = DType::F32, I32 = DType::I32;

class Sample : public testing::TestWithParam<std::string> {
protected:
  std::unique_ptr<Kernels> compile(int64_t count) {
    return Kernels::compile(
        kernelText("sample", "jet.sample %a, %b by %c",
                   {rowsType({count}, F32), rowsType({count}, I32),
                    rowsType({4}, F32)},
                   {rowsType({}, I32)}),
        GetParam());
  }
  void checkFormula(int64_t rows, int64_t count);

  Random random{0x5A3};
};

INSTANTIATE_TEST_SUITE_P(Cpu, Sample, testing::ValuesIn(cpuLevels()),
                         nameOfLevel);

void Sample::checkFormula(int64_t rows, int64_t count) {
  auto kernels = compile(count);
  ASSERT_TRUE(kernels);
  for (int repeat = 0; repeat < 20; ++repeat) {
    SampleInputs inputs = SampleInputs::random(random, rows, count);
    Buffer next(I32, {rows});
    kernels->run("sample",
                 {&inputs.values, &inputs.ids, &inputs.sampling, &next},
                 Step::rows(rows));
    for (int64_t r = 0; r < rows; ++r)
      EXPECT_TRUE(inputs.mayPick(r, int64_t(next(r))))
          << "row " << r << " of " << count << ": " << next(r);
  }
}

TEST_P(Sample, FollowsItsFormula) {
  checkFormula(1, 1);
  checkFormula(3, 5);
  checkFormula(17, 64);
  checkFormula(4, 300);
}

TEST_P(Sample, EndsOfTheBounds) {
  auto kernels = compile(5);
  ASSERT_TRUE(kernels);
  constexpr double kMost = 1 - 0x1p-24;
  const struct {
    double temperature, topP, topK, u;
    int64_t pick;
  } cases[] = {{0, 1, 0, 0.9, 0},        {-1, 1, 0, 0.9, 0},
               {1e-30, 1, 0, kMost, 0},  {1, 1, 0, 0, 0},
               {1, 1, 0, kMost, 4},      {1, 1, 3, kMost, 2},
               {1, 1, 0.5, kMost, 4},    {1, 1, 5, kMost, 4},
               {1, 1, 1e20, kMost, 4},   {1, 1, 1, kMost, 0},
               {1, 0, 0, kMost, 0},      {1, 1e-30, 0, kMost, 0},
               {1, 0.7, 0, kMost, 1},    {1e30, 1, 0, 0.5, 2},
               {1, 0.26, 3, kMost, 0},   {NAN, NAN, NAN, NAN, 0},
               {1, 1, -INFINITY, 7, 4},  {1, 1, 0, -3, 0},
               {INFINITY, 1, 4, 0.6, 2}, {1, 1, INFINITY, kMost, 4}};
  const int64_t rows = std::size(cases);
  SampleInputs inputs = SampleInputs::random(random, rows, 5);
  Buffer next(I32, {rows});
  for (int64_t r = 0; r < rows; ++r) {
    for (int64_t i = 0; i < 5; ++i)
      inputs.values.set(inputs.values.at(r, i), double(-i));
    inputs.setSampling(r, cases[r].temperature, cases[r].topP, cases[r].topK,
                       cases[r].u);
  }
  kernels->run("sample", {&inputs.values, &inputs.ids, &inputs.sampling, &next},
               Step::rows(rows));
  for (int64_t r = 0; r < rows; ++r)
    EXPECT_EQ(next(r), inputs.ids(r, cases[r].pick)) << "case " << r;
}

TEST_P(Sample, PicksWhatTheRuntimeSamplerDoes) {
  constexpr int64_t kCount = 64, kRows = 50;
  auto kernels = compile(kCount);
  ASSERT_TRUE(kernels);
  const SamplingOptions every[] = {
      {},
      {.temperature = 2, .topK = 1},
      {.temperature = 0.8, .topK = 40, .topP = 0.9, .seed = 1},
      {.temperature = 1.5, .topK = kCount, .seed = 2},
      {.temperature = 0.3, .topK = 7, .topP = 0.01, .seed = 3}};
  for (const SamplingOptions &options : every) {
    Result<Sampler> ahead = Sampler::create(options, 1);
    Result<Sampler> sampler = Sampler::create(options, 1);
    ASSERT_TRUE(ahead && sampler);
    SampleInputs inputs = SampleInputs::random(random, kRows, kCount);
    Buffer next(I32, {kRows});
    std::vector<float> values;
    for (int64_t r = 0; r < kRows; ++r) {
      for (int64_t i = 0; i < kCount; ++i) // finite, so that each draws
        inputs.values.set(inputs.values.at(r, i),
                          -double(i * (r % 7 + 1)) / 32);
      const SamplingRow row = ahead->row();
      ahead->advance();
      inputs.setSampling(r, row.temperature, row.topP, row.topK, row.uniform);
    }
    kernels->run("sample",
                 {&inputs.values, &inputs.ids, &inputs.sampling, &next},
                 Step::rows(kRows));
    for (int64_t r = 0; r < kRows; ++r) {
      std::vector<float> values;
      std::vector<int32_t> ids;
      for (int64_t i = 0; i < kCount; ++i) {
        values.push_back(float(inputs.values(r, i)));
        ids.push_back(int32_t(inputs.ids(r, i)));
      }
      EXPECT_EQ(next(r), sampler->sample(values, ids)) << "row " << r;
    }
  }
}

TEST_P(Sample, OfAMergeIsTheSame) {
  constexpr int64_t kRows = 6, kCount = 48, k = 16;
  const std::string v = rowsType({kCount}, F32), i = rowsType({kCount}, I32),
                    options = rowsType({4}, F32), next = rowsType({}, I32),
                    bestV = rowsType({k}, F32), bestI = rowsType({k}, I32);
  auto kernels = Kernels::compile(
      kernelText("merge", "jet.merge_top_k %a, %b k 16", {v, i},
                 {bestV, bestI}) +
          kernelText("sample", "jet.sample %a, %b by %c",
                     {bestV, bestI, options}, {next}) +
          kernelText("both", "jet.merge_top_k %a, %b k 16 sample %c",
                     {v, i, options}, {bestV, bestI, next}),
      GetParam());
  ASSERT_TRUE(kernels);
  for (int repeat = 0; repeat < 10; ++repeat) {
    SampleInputs inputs = SampleInputs::random(random, kRows, kCount);
    Buffer values(F32, {kRows, k}), ids(I32, {kRows, k}), one(I32, {kRows});
    Buffer bothValues(F32, {kRows, k}), bothIds(I32, {kRows, k}),
        other(I32, {kRows});
    const Step step = Step::rows(kRows);
    kernels->run("merge", {&inputs.values, &inputs.ids, &values, &ids}, step);
    kernels->run("sample", {&values, &ids, &inputs.sampling, &one}, step);
    kernels->run("both",
                 {&inputs.values, &inputs.ids, &inputs.sampling, &bothValues,
                  &bothIds, &other},
                 step);
    EXPECT_TRUE(bothValues == values && bothIds == ids && other == one);
  }
}

} // namespace
