// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// jet.linear against the sum of products in double. That a row gives the same
// bits in every batch is what the harness checks of every kernel; here it holds
// the tiles of vectorised code against each other.

#include "KernelHarness.h"

#include <bit>

using namespace jet;
using namespace jet::test;

namespace {

constexpr DType F32 = DType::F32, BF16 = DType::BF16;

struct Shape {
  int64_t rows, outputs, inner;
};

/// Types of x, the weight, the bias (or none) and the result.
struct Types {
  DType x, weight;
  std::optional<DType> bias;
  DType result;
};

class Linear : public testing::TestWithParam<std::string> {
protected:
  void check(const Shape &shape, const Types &types) {
    std::vector<std::string> operands = {
        rowsType({shape.inner}, types.x),
        tensorType({shape.outputs, shape.inner}, types.weight)};
    std::string op = "jet.linear %a, %b";
    if (types.bias) {
      op += " bias %c";
      operands.push_back(tensorType({shape.outputs}, *types.bias));
    }
    auto kernels =
        Kernels::compile(kernelText("k", op, operands,
                                    {rowsType({shape.outputs}, types.result)}),
                         GetParam());
    ASSERT_TRUE(kernels);
    Buffer x = Buffer::random(random, types.x, {shape.rows, shape.inner});
    Buffer weight =
        Buffer::random(random, types.weight, {shape.outputs, shape.inner});
    Buffer bias =
        Buffer::random(random, types.bias.value_or(F32), {shape.outputs});
    Buffer y(types.result, {shape.rows, shape.outputs});
    std::vector<Buffer *> buffers = {&x, &weight};
    if (types.bias)
      buffers.push_back(&bias);
    buffers.push_back(&y);
    kernels->run("k", buffers, Step::rows(shape.rows));

    Comparison comparison("linear");
    for (int64_t r = 0; r < shape.rows; ++r)
      for (int64_t n = 0; n < shape.outputs; ++n) {
        double sum = types.bias ? bias(n) : 0, magnitude = std::abs(sum);
        for (int64_t k = shape.inner; k-- > 0;) {
          sum += x(r, k) * weight(n, k);
          magnitude += std::abs(x(r, k) * weight(n, k));
        }
        comparison.near(y, y.at(r, n), sum, magnitude);
      }
  }

  Random random{0x11EA};
};

INSTANTIATE_TEST_SUITE_P(Cpu, Linear, testing::ValuesIn(cpuLevels()),
                         nameOfLevel);

// One output, blocks of 64 that are full, one over and two and a bit; sums
// below, at and beyond the vector width; rows below, at and beyond a tile's.
TEST_P(Linear, SumsProductsAtAnyShape) {
  for (const Shape &shape :
       {Shape{1, 1, 1}, Shape{3, 3, 7}, Shape{4, 64, 16}, Shape{5, 65, 17},
        Shape{7, 63, 33}, Shape{2, 130, 96}, Shape{9, 17, 3}})
    check(shape, {F32, F32, std::nullopt, F32});
}

TEST_P(Linear, ReadsNarrowWeights) {
  check({6, 70, 33}, {F32, BF16, std::nullopt, F32});
  check({1, 7, 96}, {F32, BF16, std::nullopt, F32});
  check({3, 5, 15}, {BF16, BF16, std::nullopt, F32});
}

TEST_P(Linear, AddsABias) {
  check({6, 70, 33}, {F32, F32, F32, F32});
  check({3, 7, 17}, {F32, BF16, BF16, F32});
}

TEST_P(Linear, RoundsANarrowResultOnce) {
  check({6, 70, 33}, {F32, F32, std::nullopt, BF16});
  check({3, 7, 96}, {F32, BF16, BF16, BF16});
}

// The conversion itself, on values whose rounding is a decision.
TEST_P(Linear, RoundsToTheNearestBf16AndTiesToEven) {
  auto kernels = Kernels::compile(
      kernelText("k", "jet.linear %a, %b",
                 {"tensor<?x1xf32>", "tensor<1x1xf32>"}, {"tensor<?x1xbf16>"}),
      GetParam());
  ASSERT_TRUE(kernels);
  // Ties below and above even values, neighbours of ties, a carry into the
  // exponent, subnormal numbers, and the largest number that stays finite.
  const uint32_t patterns[] = {0x3F808000, 0x3F818000, 0x3F808001, 0x3F817FFF,
                               0x3FFF8000, 0xBF818000, 0x00018000, 0x00008000,
                               0x7F7F7FFF, 0x00000000};
  const int64_t rows = std::size(patterns);
  Buffer x(F32, {rows, 1}), weight(F32, {1, 1}), y(BF16, {rows, 1});
  Buffer want(BF16, {rows, 1});
  weight.set(0, 1);
  for (int64_t r = 0; r < rows; ++r) {
    x.set(r, std::bit_cast<float>(patterns[r]));
    want.set(r, x.get(r));
  }
  kernels->run("k", {&x, &weight, &y}, Step::rows(rows));
  Comparison comparison("rounding");
  for (int64_t r = 0; r < rows; ++r)
    comparison.same(y, r, want, r);
}

// What is not a number stays one when it is narrowed.
TEST_P(Linear, PassesOnInfinityAndNaN) {
  auto kernels = Kernels::compile(
      kernelText("k", "jet.linear %a, %b",
                 {"tensor<?x1xf32>", "tensor<1x1xf32>"}, {"tensor<?x1xbf16>"}),
      GetParam());
  ASSERT_TRUE(kernels);
  Buffer x(F32, {4, 1}), weight(F32, {1, 1}), y(BF16, {4, 1});
  weight.set(0, 1);
  x.set(0, INFINITY);
  x.set(1, -INFINITY);
  x.set(2, std::bit_cast<float>(0x7F800001)); // its payload is all below bf16
  x.set(3, std::bit_cast<float>(0x7F7FFFFF)); // rounds up beyond bf16
  kernels->run("k", {&x, &weight, &y}, Step::rows(4));
  EXPECT_EQ(y(0, 0), INFINITY);
  EXPECT_EQ(y(1, 0), -INFINITY);
  EXPECT_TRUE(std::isnan(y(2, 0)));
  EXPECT_EQ(y(3, 0), INFINITY);
}

} // namespace
