// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Ops whose rows are independent, against their equations in double.

#include "KernelHarness.h"

#include <complex>

using namespace jet;
using namespace jet::test;

namespace {

constexpr DType F32 = DType::F32, BF16 = DType::BF16, I32 = DType::I32;
constexpr int64_t kDims[] = {1, 2, 3, 7, 17, 33, 96};

double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }

class Rows : public testing::TestWithParam<std::string> {
protected:
  std::unique_ptr<Kernels> compile(const std::string &texts) {
    return Kernels::compile(texts, GetParam());
  }
  int64_t anyDim() { return kDims[uniform(random, 0, std::size(kDims) - 1)]; }
  int64_t anyHeads() { return uniform(random, 1, 5); }

  Random random{0x5EED};
};

INSTANTIATE_TEST_SUITE_P(Cpu, Rows, testing::ValuesIn(cpuLevels()),
                         nameOfLevel);

TEST_P(Rows, EmbeddingCopiesRowsOfTheTable) {
  for (DType dtype : {F32, BF16}) {
    const int64_t columns = anyDim(), vocabulary = 23, rows = 9;
    auto kernels = compile(
        kernelText("k", "jet.embedding %a, %b",
                   {"tensor<?xi32>", tensorType({vocabulary, columns}, dtype)},
                   {rowsType({columns}, F32)}));
    ASSERT_TRUE(kernels);
    Buffer tokens(I32, {rows}), y(F32, {rows, columns});
    Buffer table = Buffer::random(random, dtype, {vocabulary, columns});
    for (int64_t r = 0; r < rows; ++r)
      tokens.set(r, uniform(random, 0, vocabulary - 1));
    tokens.set(0, 0);
    tokens.set(1, vocabulary - 1);
    kernels->run("k", {&tokens, &table, &y}, Step::rows(rows));
    Comparison comparison("embedding");
    for (int64_t r = 0; r < rows; ++r)
      for (int64_t c = 0; c < columns; ++c)
        comparison.near(y, y.at(r, c), table(tokens(r), c), 0);
  }
}

TEST_P(Rows, LastTokenTakesTheLastRowOfEachSequence) {
  for (DType dtype : {F32, BF16}) {
    const int64_t columns = anyDim();
    auto kernels =
        compile(kernelText("k", "jet.last_token %a, %b",
                           {rowsType({columns}, dtype), "!jet.batch"},
                           {rowsType({columns}, dtype)}));
    ASSERT_TRUE(kernels);
    for (int repeat = 0; repeat < 3; ++repeat) {
      const Step step = Step::random(random, 20);
      Buffer x = Buffer::random(random, dtype, {step.tokens, columns});
      Buffer batch = step.batch(), y(dtype, {batch.size(0), columns});
      kernels->run("k", {&x, &batch, &y}, step);
      Comparison comparison("last_token");
      for (size_t b = 0; b < step.sequences.size(); ++b)
        for (int64_t c = 0; c < columns; ++c) {
          const Sequence &sequence = step.sequences[b];
          comparison.same(y, y.at(b, c), x,
                          x.at(sequence.row + sequence.rows - 1, c));
        }
    }
  }
}

TEST_P(Rows, RmsNormDividesByTheRootMeanSquare) {
  for (int64_t columns : kDims) {
    const DType dtype = columns % 3 ? BF16 : F32;
    auto kernels = compile(
        kernelText("k", "jet.rms_norm %a, %b eps 1.0e-02",
                   {rowsType({columns}, F32), tensorType({columns}, dtype)},
                   {rowsType({columns}, F32)}));
    ASSERT_TRUE(kernels);
    const int64_t rows = 6;
    Buffer x = Buffer::random(random, F32, {rows, columns}, -3, 3);
    Buffer weight = Buffer::random(random, dtype, {columns});
    Buffer y(F32, {rows, columns});
    for (int64_t c = 0; c < columns; ++c) {
      x.set(x.at(0, c), 0);              // eps alone
      x.set(x.at(1, c), 1e15 * x(1, c)); // squares near the top of f32
    }
    kernels->run("k", {&x, &weight, &y}, Step::rows(rows));
    Comparison comparison("rms_norm");
    for (int64_t r = 0; r < rows; ++r) {
      double mean = 0;
      for (int64_t c = 0; c < columns; ++c)
        mean += x(r, c) * x(r, c) / columns;
      for (int64_t c = 0; c < columns; ++c) {
        const double want = weight(c) * x(r, c) / std::sqrt(mean + 1e-2);
        comparison.near(y, y.at(r, c), want, std::abs(want));
      }
    }
  }
}

TEST_P(Rows, GatedRmsNormIsTheNormTimesSiluOfTheGate) {
  for (int64_t dim : {1, 3, 17, 96}) {
    const int64_t heads = anyHeads(), rows = 4;
    const DType dtype = heads % 2 ? BF16 : F32;
    const std::string type = rowsType({heads, dim}, F32);
    auto kernels =
        compile(kernelText("k", "jet.gated_rms_norm %a, %b, %c eps 1.0e-05",
                           {type, type, tensorType({dim}, dtype)}, {type}));
    ASSERT_TRUE(kernels);
    Buffer x = Buffer::random(random, F32, {rows, heads, dim});
    Buffer gate = Buffer::random(random, F32, {rows, heads, dim}, -30, 30);
    Buffer weight = Buffer::random(random, dtype, {dim});
    Buffer y(F32, {rows, heads, dim});
    kernels->run("k", {&x, &gate, &weight, &y}, Step::rows(rows));
    Comparison comparison("gated_rms_norm");
    for (int64_t r = 0; r < rows; ++r)
      for (int64_t h = 0; h < heads; ++h) {
        double sum = 0;
        for (int64_t d = 0; d < dim; ++d)
          sum += x(r, h, d) * x(r, h, d);
        for (int64_t d = 0; d < dim; ++d) {
          const double z = gate(r, h, d);
          const double want = weight(d) * x(r, h, d) /
                              std::sqrt(sum / dim + 1e-5) * z * sigmoid(z);
          comparison.near(y, y.at(r, h, d), want, std::abs(want));
        }
      }
  }
}

TEST_P(Rows, L2NormScalesHeadsToALength) {
  for (int64_t dim : {1, 3, 17, 96}) {
    const int64_t heads = anyHeads(), rows = 4;
    const std::string type = rowsType({heads, dim}, F32);
    auto kernels = compile(kernelText(
        "k", "jet.l2_norm %a eps 1.0e-06 scale 0.375", {type}, {type}));
    ASSERT_TRUE(kernels);
    Buffer x = Buffer::random(random, F32, {rows, heads, dim});
    Buffer y(F32, {rows, heads, dim});
    for (int64_t d = 0; d < dim; ++d)
      x.set(x.at(0, 0, d), 0);
    kernels->run("k", {&x, &y}, Step::rows(rows));
    Comparison comparison("l2_norm");
    for (int64_t r = 0; r < rows; ++r)
      for (int64_t h = 0; h < heads; ++h) {
        double sum = 1e-6;
        for (int64_t d = 0; d < dim; ++d)
          sum += x(r, h, d) * x(r, h, d);
        for (int64_t d = 0; d < dim; ++d) {
          const double want = 0.375 * x(r, h, d) / std::sqrt(sum);
          comparison.near(y, y.at(r, h, d), want, std::abs(want));
        }
      }
  }
}

TEST_P(Rows, SwigluGatesBySilu) {
  for (int64_t columns : kDims) {
    const std::string type = rowsType({columns}, F32);
    auto kernels =
        compile(kernelText("k", "jet.swiglu %a, %b", {type, type}, {type}));
    ASSERT_TRUE(kernels);
    const int64_t rows = 5;
    Buffer gate = Buffer::random(random, F32, {rows, columns}, -20, 20);
    Buffer up = Buffer::random(random, F32, {rows, columns});
    Buffer y(F32, {rows, columns});
    // Where e^−x overflows, underflows, and is next to 1.
    const double extremes[] = {-1000, 1000, -1e-30, 0, -87};
    for (int64_t r = 0; r < rows; ++r)
      gate.set(gate.at(r, 0), extremes[r]);
    kernels->run("k", {&gate, &up, &y}, Step::rows(rows));
    Comparison comparison("swiglu");
    for (int64_t i = 0; i < y.count(); ++i) {
      const double want = gate.get(i) * sigmoid(gate.get(i)) * up.get(i);
      // Below the normal numbers of f32, only their size is right.
      comparison.near(y, i, want, std::abs(want) + 1e-33);
    }
  }
}

TEST_P(Rows, MapBroadcastsSuffixes) {
  const char *region = R"({
  ^bb0(%x: f32, %s: bf16, %t: f32):
    %e = arith.extf %s : bf16 to f32
    %p = arith.mulf %x, %e : f32
    %q = arith.subf %p, %t : f32
    jet.yield %q : f32
  })";
  for (int64_t dim : kDims) {
    const int64_t heads = anyHeads(), rows = 4;
    const std::string type = rowsType({heads, dim}, F32);
    auto kernels = compile(kernelText(
        "k", "jet.map(%a, %b, %c)",
        {type, tensorType({dim}, BF16), tensorType({heads, dim}, F32)}, {type},
        region));
    ASSERT_TRUE(kernels);
    Buffer x = Buffer::random(random, F32, {rows, heads, dim});
    Buffer scale = Buffer::random(random, BF16, {dim});
    Buffer shift = Buffer::random(random, F32, {heads, dim});
    Buffer y(F32, {rows, heads, dim});
    kernels->run("k", {&x, &scale, &shift, &y}, Step::rows(rows));
    Comparison comparison("map");
    for (int64_t r = 0; r < rows; ++r)
      for (int64_t h = 0; h < heads; ++h)
        for (int64_t d = 0; d < dim; ++d)
          comparison.near(y, y.at(r, h, d), x(r, h, d) * scale(d) - shift(h, d),
                          2);
  }
}

// The broadcast operand comes first, and the type changes.
TEST_P(Rows, MapFindsItsRowsInAnyOperand) {
  const char *region = R"({
  ^bb0(%s: f32, %x: f32):
    %p = arith.addf %x, %s : f32
    %q = arith.truncf %p : f32 to bf16
    jet.yield %q : bf16
  })";
  auto kernels = compile(kernelText("k", "jet.map(%a, %b)",
                                    {"tensor<5xf32>", "tensor<?x5xf32>"},
                                    {"tensor<?x5xbf16>"}, region));
  ASSERT_TRUE(kernels);
  Buffer shift = Buffer::random(random, F32, {5});
  Buffer x = Buffer::random(random, F32, {3, 5}), y(BF16, {3, 5});
  kernels->run("k", {&shift, &x, &y}, Step::rows(3));
  Comparison comparison("map");
  for (int64_t i = 0; i < y.count(); ++i)
    comparison.near(y, i, x.get(i) + shift.get(i % 5), 2);
}

// Decay as the JetBlock computes it: log1p(exp(x)) at both ends.
TEST_P(Rows, MapApproximatesExpAndLog1pToWithinRounding) {
  const char *region = R"({
  ^bb0(%x: f32):
    %e = math.exp %x : f32
    %l = math.log1p %e : f32
    jet.yield %l : f32
  })";
  auto kernels = compile(kernelText("k", "jet.map(%a)", {"tensor<?x33xf32>"},
                                    {"tensor<?x33xf32>"}, region));
  ASSERT_TRUE(kernels);
  Buffer x = Buffer::random(random, F32, {20, 33}, -60, 60), y(F32, {20, 33});
  kernels->run("k", {&x, &y}, Step::rows(20));
  Comparison comparison("log1p of exp");
  for (int64_t i = 0; i < y.count(); ++i) {
    const double want = std::log1p(std::exp(x.get(i)));
    comparison.near(y, i, want, want);
  }
}

// As multiplication of complex numbers by e^{iφ}.
TEST_P(Rows, RopeTurnsPairsByTheAngle) {
  for (int64_t half : {1, 3, 17, 48}) {
    const int64_t heads = anyHeads(), rows = 5;
    const DType dtype = heads % 2 ? BF16 : F32;
    auto kernels =
        compile(kernelText("k", "jet.rope %a, %b theta 10000.0",
                           {rowsType({heads, 2 * half}, F32), "tensor<?xi32>"},
                           {rowsType({heads, 2 * half}, dtype)}));
    ASSERT_TRUE(kernels);
    Buffer x = Buffer::random(random, F32, {rows, heads, 2 * half});
    Buffer positions(I32, {rows}), y(dtype, {rows, heads, 2 * half});
    for (int64_t r = 0; r < rows; ++r)
      positions.set(r, r ? uniform(random, 1, r < 3 ? 100 : 300000) : 0);
    kernels->run("k", {&x, &positions, &y}, Step::rows(rows));
    Comparison comparison("rope");
    for (int64_t r = 0; r < rows; ++r)
      for (int64_t h = 0; h < heads; ++h)
        for (int64_t i = 0; i < half; ++i) {
          // Frequency and angle are f32 by definition: at large positions
          // their rounding is most of the angle's error.
          const float frequency = std::pow(10000.0, -2.0 * i / (2.0 * half));
          const float angle = static_cast<float>(positions(r)) * frequency;
          const std::complex<double> pair(x(r, h, i), x(r, h, i + half));
          const auto want = pair * std::polar(1.0, static_cast<double>(angle));
          const double magnitude = std::abs(pair);
          comparison.near(y, y.at(r, h, i), want.real(), magnitude);
          comparison.near(y, y.at(r, h, i + half), want.imag(), magnitude);
        }
  }
}

} // namespace
