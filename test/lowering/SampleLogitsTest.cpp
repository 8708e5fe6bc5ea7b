// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// jet.sample_logits against the formula of jet.sample in double precision.

#include "SampleInputs.h"

#include <cmath>

using namespace jet;
using namespace jet::test;

namespace {

constexpr DType F32 = DType::F32, I32 = DType::I32;

class SampleLogits : public testing::TestWithParam<std::string> {
protected:
  std::unique_ptr<Kernels> compile(int64_t count) {
    return Kernels::compile(
        kernelText("sample", "jet.sample_logits %a by %b",
                   {rowsType({count}, F32), rowsType({4}, F32)},
                   {rowsType({}, I32)}),
        GetParam());
  }
  void checkFormula(int64_t rows, int64_t count);

  Random random{0x5A4};
};

INSTANTIATE_TEST_SUITE_P(Cpu, SampleLogits, testing::ValuesIn(cpuLevels()),
                         nameOfLevel);

void SampleLogits::checkFormula(int64_t rows, int64_t count) {
  auto kernels = compile(count);
  ASSERT_TRUE(kernels);
  for (int repeat = 0; repeat < 20; ++repeat) {
    SampleInputs inputs = SampleInputs::random(random, rows, count);
    Buffer logits = inputs.shuffle(random), next(I32, {rows});
    kernels->run("sample", {&logits, &inputs.sampling, &next},
                 Step::rows(rows));
    for (int64_t r = 0; r < rows; ++r)
      EXPECT_TRUE(inputs.mayPick(r, int64_t(next(r))))
          << "row " << r << " of " << count << ": " << next(r);
  }
}

TEST_P(SampleLogits, FollowsItsFormula) {
  checkFormula(1, 1);
  checkFormula(3, 5);
  checkFormula(17, 64);
  checkFormula(4, 3001);
}

TEST_P(SampleLogits, EndsOfTheBounds) {
  auto kernels = compile(5);
  ASSERT_TRUE(kernels);
  constexpr double kMost = 1 - 0x1p-24;
  // Of logits 0, -1, -2, -3, -4 in columns 4 to 0. Weights that are all 1 are
  // in the order of their columns.
  const struct {
    double temperature, topP, topK, u;
    int64_t next;
  } cases[] = {{0, 1, 0, 0.9, 4},        {-1, 1, 0, 0.9, 4},
               {1e-30, 1, 0, kMost, 4},  {1, 1, 0, 0, 4},
               {1, 1, 0, kMost, 0},      {1, 1, 3, kMost, 2},
               {1, 1, 0.5, kMost, 0},    {1, 1, 5, kMost, 0},
               {1, 1, 1e20, kMost, 0},   {1, 1, 1, kMost, 4},
               {1, 0, 0, kMost, 4},      {1, 1e-30, 0, kMost, 4},
               {1, 0.7, 0, kMost, 3},    {1e30, 1, 0, 0.5, 2},
               {1, 0.26, 3, kMost, 4},   {1, 1, 2.5, kMost, 3},
               {1e30, 1, 3, kMost, 2},   {1e30, 0.5, 0, kMost, 2},
               {INFINITY, 1, 4, 0.6, 2}, {1, 1, INFINITY, kMost, 0}};
  const int64_t rows = std::size(cases);
  SampleInputs inputs = SampleInputs::random(random, rows, 5);
  Buffer logits(F32, {rows, 5}), next(I32, {rows});
  for (int64_t r = 0; r < rows; ++r) {
    for (int64_t i = 0; i < 5; ++i)
      logits.set(logits.at(r, i), double(i - 4));
    inputs.setSampling(r, cases[r].temperature, cases[r].topP, cases[r].topK,
                       cases[r].u);
  }
  kernels->run("sample", {&logits, &inputs.sampling, &next}, Step::rows(rows));
  for (int64_t r = 0; r < rows; ++r)
    EXPECT_EQ(next(r), double(cases[r].next)) << "case " << r;
}

TEST_P(SampleLogits, AnyNumbersPickAToken) {
  auto kernels = compile(7);
  ASSERT_TRUE(kernels);
  const double every[] = {NAN, INFINITY, -INFINITY, -1, 0, 0.5, 7};
  const int64_t rows = 7 * 7 * 7;
  SampleInputs inputs = SampleInputs::random(random, rows, 7);
  Buffer logits = inputs.shuffle(random), next(I32, {rows});
  for (int64_t r = 0; r < rows; ++r)
    inputs.setSampling(r, r % 2 ? 1 : every[r % 7], every[r / 7 % 7],
                       every[r / 49], every[r % 7]);
  kernels->run("sample", {&logits, &inputs.sampling, &next}, Step::rows(rows));
  for (int64_t r = 0; r < rows; ++r)
    EXPECT_TRUE(next(r) >= 0 && next(r) < 7) << "row " << r << ": " << next(r);
}

} // namespace
