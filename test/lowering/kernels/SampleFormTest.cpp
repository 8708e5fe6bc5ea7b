// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The forms that sample, in the interpreter: jet.sample by itself, and as the
// end of jet.merge_top_k; jet.sample_logits.

#include "../FormHarness.h"
#include "../SampleInputs.h"
#include "../TopKKernels.h"

using namespace jet;
using namespace jet::test;

namespace {

constexpr DType F32 = DType::F32, I32 = DType::I32;

class SampleForm : public testing::TestWithParam<uint64_t> {
protected:
  void check(int64_t rows, int64_t count);
  void checkMerge(int64_t rows, int64_t count, int64_t k);
  void checkLogits(int64_t rows, int64_t count);
  Random random{0x5AF};
};

INSTANTIATE_TEST_SUITE_P(Seeds, SampleForm, testing::Values(0, 1));

void SampleForm::check(int64_t rows, int64_t count) {
  const auto forms = Forms::build(kernelText(
      "sample", "jet.sample %a, %b by %c",
      {rowsType({count}, F32), rowsType({count}, I32), rowsType({4}, F32)},
      {rowsType({}, I32)}));
  ASSERT_TRUE(forms);
  for (int repeat = 0; repeat < 5; ++repeat) {
    SampleInputs inputs = SampleInputs::random(random, rows, count);
    if (repeat == 4) // anything at all is safe
      for (int64_t i = 0; i < inputs.sampling.count(); ++i)
        inputs.sampling.set(i, uniform(random, 0, 2) ? NAN : INFINITY);
    Buffer next(I32, {rows});
    forms->run("sample", {&inputs.values, &inputs.ids, &inputs.sampling, &next},
               Step::rows(rows), GetParam());
    for (int64_t r = 0; r < rows && repeat == 4; ++r) {
      bool isOfRow = false;
      for (int64_t i = 0; i < count; ++i)
        isOfRow |= inputs.ids(r, i) == next(r);
      EXPECT_TRUE(isOfRow) << "row " << r << " of " << count;
    }
    for (int64_t r = 0; r < rows && repeat < 4; ++r)
      EXPECT_TRUE(inputs.mayPick(r, int64_t(next(r))))
          << "row " << r << " of " << count << ": " << next(r);
  }
}

void SampleForm::checkMerge(int64_t rows, int64_t count, int64_t k) {
  const auto forms = Forms::build(mergeKernel(count, k, /*samples=*/true));
  ASSERT_TRUE(forms);
  SampleInputs inputs = SampleInputs::random(random, rows, count);
  // Too few numbers for a floor: found by counting.
  for (int64_t i = 0; i < count; ++i)
    inputs.values.set(inputs.values.at(0, i), i < k / 2 ? double(-i) : NAN);
  // The first k of what is in order already; of equal ones the lower ids.
  SampleInputs best = {Buffer(F32, {rows, k}), Buffer(I32, {rows, k}),
                       inputs.sampling};
  Buffer next(I32, {rows});
  forms->run("merge",
             {&inputs.values, &inputs.ids, &inputs.sampling, &best.values,
              &best.ids, &next},
             Step::rows(rows), GetParam());
  for (int64_t r = 0; r < rows; ++r)
    EXPECT_TRUE(best.mayPick(r, int64_t(next(r))))
        << "row " << r << " of " << count << ": " << next(r);
}

void SampleForm::checkLogits(int64_t rows, int64_t count) {
  const auto forms = Forms::build(kernelText(
      "sample", "jet.sample_logits %a by %b",
      {rowsType({count}, F32), rowsType({4}, F32)}, {rowsType({}, I32)}));
  ASSERT_TRUE(forms);
  for (int repeat = 0; repeat < 5; ++repeat) {
    SampleInputs inputs = SampleInputs::random(random, rows, count);
    Buffer logits = inputs.shuffle(random), next(I32, {rows});
    if (repeat == 4) // anything at all is safe
      for (int64_t i = 0; i < inputs.sampling.count(); ++i)
        inputs.sampling.set(i, uniform(random, 0, 2) ? NAN : INFINITY);
    forms->run("sample", {&logits, &inputs.sampling, &next}, Step::rows(rows),
               GetParam());
    for (int64_t r = 0; r < rows; ++r)
      EXPECT_TRUE(repeat == 4 ? next(r) >= 0 && next(r) < count
                              : inputs.mayPick(r, int64_t(next(r))))
          << "row " << r << " of " << count << ": " << next(r);
  }
}

TEST_P(SampleForm, ByItself) {
  check(1, 1);
  check(3, 5);
  check(17, 64);
  check(2, 257);
}

TEST_P(SampleForm, OfLogits) {
  checkLogits(1, 1);
  checkLogits(3, 5);
  checkLogits(7, 64);
  checkLogits(2, 260);
  checkLogits(1, 4099);
}

TEST_P(SampleForm, OfAMerge) {
  checkMerge(1, 48, 1);
  checkMerge(3, 160, 5);
  checkMerge(17, 320, 64);
  checkMerge(2, 4800, 64);
}

} // namespace
