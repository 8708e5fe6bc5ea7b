// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// jet.top_k against a sort; the ops that fusion makes of it against the ops
// that they were made of, to the bit.

#include "KernelHarness.h"

#include <algorithm>
#include <numeric>

using namespace jet;
using namespace jet::test;

namespace {

constexpr DType F32 = DType::F32, BF16 = DType::BF16, I32 = DType::I32;

class TopK : public testing::TestWithParam<std::string> {
protected:
  /// Of the rows that are projected; folded: the weight has its vector.
  enum class Norm { None, Vector, Folded };
  void checkSort(int64_t rows, int64_t columns, int64_t k);
  void checkFused(int64_t rows, int64_t vocab, int64_t k, int64_t block,
                  bool withCode, Norm norm = Norm::None);

  /// Few different values, so that most are equal to others; in some rows NaNs
  /// and infinities among them, or nothing but NaN.
  Buffer makeLogits(int64_t rows, int64_t columns) {
    Buffer logits(F32, {rows, columns});
    const double rare[] = {NAN, INFINITY, -INFINITY, -0.0};
    for (int64_t r = 0; r < rows; ++r)
      for (int64_t c = 0; c < columns; ++c) {
        double value = static_cast<double>(uniform(random, -3, 3));
        if (r % 4 == 1 && uniform(random, 0, 2) == 0)
          value = rare[uniform(random, 0, 3)];
        if (r % 4 == 2)
          value = NAN;
        if (r % 4 == 3)
          value = static_cast<double>(uniform(random, -1000000, 1000000)) / 7;
        logits.set(logits.at(r, c), value);
      }
    return logits;
  }

  Random random{0x70CC};
};

INSTANTIATE_TEST_SUITE_P(Cpu, TopK, testing::ValuesIn(cpuLevels()),
                         nameOfLevel);

std::string candidates(const std::string &element, int64_t columns) {
  return "tensor<?x" + std::to_string(columns) + "x" + element + ">";
}

void TopK::checkSort(int64_t rows, int64_t columns, int64_t k) {
  auto kernels =
      Kernels::compile(kernelText("k", "jet.top_k %a k " + std::to_string(k),
                                  {rowsType({columns}, F32)},
                                  {candidates("f32", k), candidates("i32", k)}),
                       GetParam());
  ASSERT_TRUE(kernels);
  Buffer logits = makeLogits(rows, columns);
  Buffer values(F32, {rows, k}), ids(I32, {rows, k});
  kernels->run("k", {&logits, &values, &ids}, Step::rows(rows));

  Comparison comparison("top_k of " + std::to_string(columns));
  for (int64_t r = 0; r < rows; ++r) {
    std::vector<int64_t> order(columns);
    std::iota(order.begin(), order.end(), 0);
    std::sort(order.begin(), order.end(), [&](int64_t a, int64_t b) {
      const double x = logits(r, a), y = logits(r, b);
      if (std::isnan(x) != std::isnan(y))
        return std::isnan(y);
      return x > y || (!(x < y) && a < b);
    });
    for (int64_t i = 0; i < k; ++i) {
      EXPECT_EQ(ids(r, i), order[i]) << "row " << r << ", place " << i;
      comparison.same(values, values.at(r, i), logits, logits.at(r, order[i]));
    }
  }
}

TEST_P(TopK, PutsTheLargestFirstAndTiesByColumn) {
  checkSort(4, 1, 1);
  checkSort(9, 7, 3);
  checkSort(8, 100, 1);
  checkSort(6, 333, 64);
}

TEST_P(TopK, KeepsAllOfARow) {
  checkSort(4, 2, 2);
  checkSort(8, 65, 65);
}

// Greedy decoding as the runtime's sampler defines it: NaN only when there is
// nothing else, and then the first.
TEST_P(TopK, OfOneIsArgmax) {
  auto kernels =
      Kernels::compile(kernelText("k", "jet.top_k %a k 1", {rowsType({3}, F32)},
                                  {candidates("f32", 1), candidates("i32", 1)}),
                       GetParam());
  ASSERT_TRUE(kernels);
  const double rows[][3] = {{1, 2, 2},        {NAN, -INFINITY, -INFINITY},
                            {NAN, NAN, NAN},  {-0.0, 0.0, -1},
                            {0.0, -0.0, NAN}, {-INFINITY, NAN, INFINITY}};
  const int64_t expected[] = {1, 1, 0, 0, 0, 2};
  const int64_t count = std::size(rows);
  Buffer logits(F32, {count, 3}), values(F32, {count, 1}), ids(I32, {count, 1});
  for (int64_t r = 0; r < count; ++r)
    for (int64_t c = 0; c < 3; ++c)
      logits.set(logits.at(r, c), rows[r][c]);
  kernels->run("k", {&logits, &values, &ids}, Step::rows(count));
  for (int64_t r = 0; r < count; ++r)
    EXPECT_EQ(ids(r, 0), expected[r]) << "row " << r;
}

/// Projection and top-k apart, and in blocks that are merged.
void TopK::checkFused(int64_t rows, int64_t vocab, int64_t k, int64_t block,
                      bool withCode, Norm normed) {
  const int64_t inner = 5, partial = (vocab + block - 1) / block * k;
  const std::string number = std::to_string(k);
  const std::string x = rowsType({inner}, F32),
                    w = tensorType({vocab, inner}, BF16),
                    vector = tensorType({inner}, F32),
                    logits = rowsType({vocab}, F32);
  const bool withNorm = normed == Norm::Vector;
  const std::string norm = withNorm                 ? " norm %c eps 0.125"
                           : normed == Norm::Folded ? " norm eps 0.125"
                                                    : "";
  const std::string code = withCode ? " on operand 0 with(%" +
                                          std::string(withNorm ? "d" : "c") +
                                          R"() {
      ^bb0(%e: f32, %s: f32):
        %m = arith.mulf %e, %s : f32
        jet.yield %m : f32
      })"
                                    : "";
  std::vector<std::string> operands = {x, w};
  operands.insert(operands.end(), withNorm + withCode, vector);
  auto kernels = Kernels::compile(
      kernelText("project",
                 "jet.grouped_linear %a(%b)" + norm + " products [1]" + code,
                 operands, {logits}) +
          kernelText("sort", "jet.top_k %a k " + number, {logits},
                     {candidates("f32", k), candidates("i32", k)}) +
          kernelText("blocks",
                     "jet.linear_top_k %a, %b" + norm + " k " + number +
                         " block " + std::to_string(block) + code,
                     operands,
                     {candidates("f32", partial), candidates("i32", partial)}) +
          kernelText("merge", "jet.merge_top_k %a, %b k " + number,
                     {candidates("f32", partial), candidates("i32", partial)},
                     {candidates("f32", k), candidates("i32", k)}),
      GetParam());
  ASSERT_TRUE(kernels);

  // Small integers: many logits are equal, whatever the order of sums; but for
  // one row of numbers of any size and one of NaN.
  Buffer input = Buffer::random(random, F32, {rows, inner});
  Buffer weight(BF16, {vocab, inner}), scales(F32, {inner});
  Buffer norms = Buffer::random(random, F32, {inner});
  for (int64_t i = 0; i < rows * inner; ++i)
    if (i / inner % 3 != 2)
      input.set(i, static_cast<double>(uniform(random, -1, 1)));
  if (rows > 1)
    input.set(inner + 2, NAN);
  for (int64_t i = 0; i < vocab * inner; ++i)
    weight.set(i, static_cast<double>(uniform(random, -2, 2)));
  for (int64_t i = 0; i < inner; ++i)
    scales.set(i, static_cast<double>(uniform(random, 1, 2)));

  Buffer all(F32, {rows, vocab}), values(F32, {rows, k}), ids(I32, {rows, k});
  Buffer partValues(F32, {rows, partial}), partIds(I32, {rows, partial});
  Buffer fusedValues(F32, {rows, k}), fusedIds(I32, {rows, k});
  std::vector<Buffer *> buffers = {&input, &weight};
  if (withNorm)
    buffers.push_back(&norms);
  if (withCode)
    buffers.push_back(&scales);
  auto run = [&](const std::string &name, std::vector<Buffer *> results) {
    std::vector<Buffer *> every = buffers;
    every.insert(every.end(), results.begin(), results.end());
    kernels->run(name, every, Step::rows(rows));
  };
  const Step step = Step::rows(rows);
  run("project", {&all});
  kernels->run("sort", {&all, &values, &ids}, step);
  run("blocks", {&partValues, &partIds});
  kernels->run("merge", {&partValues, &partIds, &fusedValues, &fusedIds}, step);
  EXPECT_TRUE(fusedIds == ids) << vocab << " in blocks of " << block;
  EXPECT_TRUE(fusedValues == values) << vocab << " in blocks of " << block;

  // What a block has too little of.
  const int64_t rest = vocab % block;
  for (int64_t r = 0; rest && r < rows; ++r)
    for (int64_t i = rest; i < k; ++i) {
      const int64_t place = partial - k + i;
      EXPECT_TRUE(std::isnan(partValues(r, place)));
      EXPECT_EQ(partIds(r, place), INT32_MAX);
    }
}

TEST_P(TopK, InBlocksIsTheSame) {
  checkFused(5, 512, 4, 128, false);
  checkFused(7, 1000, 1, 64, false);
  checkFused(3, 203, 6, 192, true);
}

TEST_P(TopK, InBlocksOfNormedRowsIsTheSame) {
  for (Norm norm : {Norm::Vector, Norm::Folded}) {
    checkFused(5, 512, 4, 128, false, norm);
    checkFused(4, 203, 6, 192, true, norm);
  }
}

// Less than a block, all of one, blocks of no even size, a last block of fewer
// columns than are kept.
TEST_P(TopK, InBlocksOfOddShapesIsTheSame) {
  checkFused(4, 33, 4, 128, false);
  checkFused(2, 1, 1, 64, false);
  checkFused(4, 37, 37, 64, true);
  checkFused(6, 101, 7, 11, false);
  checkFused(5, 130, 10, 64, false);
}

} // namespace
