// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The forms of jet.embedding and jet.last_token, in the interpreter.

#include "../FormHarness.h"

using namespace jet;
using namespace jet::test;

namespace {

constexpr DType F32 = DType::F32, BF16 = DType::BF16, I32 = DType::I32;

class CopyRowsForm : public testing::TestWithParam<uint64_t> {
protected:
  Random random{0xC0};
};

INSTANTIATE_TEST_SUITE_P(Seeds, CopyRowsForm, testing::Values(0, 1));

TEST_P(CopyRowsForm, OfATable) {
  // Fewer columns than a warp has elements, more than the most threads have.
  for (int64_t columns : {4, 20, 516, 2500})
    for (DType dtype : {F32, BF16}) {
      constexpr int64_t kVocabulary = 23, kRows = 5;
      const auto forms = Forms::build(kernelText(
          "k", "jet.embedding %a, %b",
          {rowsType({}, I32), tensorType({kVocabulary, columns}, dtype)},
          {rowsType({columns}, F32)}));
      ASSERT_TRUE(forms);
      Buffer tokens(I32, {kRows}), y(F32, {kRows, columns});
      Buffer table = Buffer::random(random, dtype, {kVocabulary, columns});
      for (int64_t r = 0; r < kRows; ++r)
        tokens.set(r, double(uniform(random, 0, kVocabulary - 1)));
      tokens.set(1, kVocabulary - 1);
      forms->run("k", {&tokens, &table, &y}, Step::rows(kRows), GetParam());
      Comparison comparison("embedding");
      for (int64_t r = 0; r < kRows; ++r)
        for (int64_t c = 0; c < columns; ++c)
          comparison.near(y, y.at(r, c), table(int64_t(tokens(r)), c), 0);
    }
}

TEST_P(CopyRowsForm, OfLastTokens) {
  for (DType dtype : {F32, BF16}) {
    constexpr int64_t kColumns = 132;
    const auto forms =
        Forms::build(kernelText("k", "jet.last_token %a, %b",
                                {rowsType({kColumns}, dtype), "!jet.batch"},
                                {rowsType({kColumns}, dtype)}));
    ASSERT_TRUE(forms);
    for (int repeat = 0; repeat < 3; ++repeat) {
      const Step step = Step::random(random, 20);
      Buffer x = Buffer::random(random, dtype, {step.tokens, kColumns});
      Buffer batch = step.batch(), y(dtype, {batch.size(0), kColumns});
      forms->run("k", {&x, &batch, &y}, step, GetParam());
      Comparison comparison("last_token");
      for (size_t b = 0; b < step.sequences.size(); ++b)
        for (int64_t c = 0; c < kColumns; ++c) {
          const Sequence &sequence = step.sequences[b];
          comparison.same(y, y.at(b, c), x,
                          x.at(sequence.row + sequence.rows - 1, c));
        }
    }
  }
}

} // namespace
