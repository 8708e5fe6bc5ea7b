// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Kernels of test/lowering/tile run by the interpreter, against plain
// definitions.

#include "dialects/tile/interpreter/Interpreter.h"
#include "dialects/tile/interpreter/Elements.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Index/IR/IndexDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/Parser/Parser.h"

#include <gtest/gtest.h>
#include <random>

using namespace mlir;
using namespace jet::tile;

namespace {

/// Memory of bf16 or f32, NaN at first.
template <typename T> struct Array {
  std::vector<int64_t> sizes;
  std::vector<T> values;

  explicit Array(std::vector<int64_t> sizes) : sizes(std::move(sizes)) {
    int64_t count = 1;
    for (int64_t size : this->sizes)
      count *= size;
    values.resize(count);
    std::memset(values.data(), 0xFF, count * sizeof(T));
  }
  Argument memory() {
    return Argument::memory(values.data(), values.size() * sizeof(T));
  }
  Argument map() {
    return Argument::map(values.data(), values.size() * sizeof(T), sizes);
  }
  float at(int64_t row, int64_t column) const {
    T value = values[row * sizes[1] + column];
    if constexpr (sizeof(T) == 2)
      return fromBf16(value);
    else
      return value;
  }
  void fillRandom(unsigned seed) {
    std::mt19937 random(seed);
    std::uniform_real_distribution<float> number(-1, 1);
    for (T &value : values)
      if constexpr (sizeof(T) == 2)
        value = toBf16(number(random));
      else
        value = number(random);
  }
};
using Bf16s = Array<uint16_t>;
using Floats = Array<float>;

class Interpreter : public testing::TestWithParam<uint64_t> {
protected:
  Interpreter() {
    context.loadDialect<TileDialect, arith::ArithDialect, index::IndexDialect,
                        math::MathDialect, scf::SCFDialect,
                        vector::VectorDialect>();
  }

  /// Runs the kernel of a file of test/lowering/tile with the test's seed;
  /// expects no faults.
  void run(const std::string &file, Grid grid,
           std::vector<Argument> arguments) {
    auto module = parseSourceFile<ModuleOp>(
        JET_SOURCE_DIR "/test/lowering/tile/" + file, &context);
    ASSERT_TRUE(module);
    KernelOp kernel = *module->getOps<KernelOp>().begin();
    InterpretOptions options;
    options.seed = GetParam();
    for (const Fault &fault :
         interpret(Stage{kernel, grid, std::move(arguments)}, options)) {
      fault.emit();
      ADD_FAILURE() << fault.text;
    }
  }

  MLIRContext context;
};

INSTANTIATE_TEST_SUITE_P(Seeds, Interpreter, testing::Values(0, 1, 2, 3));

TEST_P(Interpreter, MultipliesOddShapes) {
  const int64_t m = 200, n = 1536, k = 328;
  Bf16s a({m, k}), b({n, k}), y({m, n});
  a.fillRandom(1);
  b.fillRandom(2);
  run("gemm.mlir", {2, 6, 1},
      {a.map(), b.map(), y.memory(), Argument::size(m), Argument::size(n),
       Argument::size(k)});
  for (int64_t i = 0; i < m; i += 7)
    for (int64_t j = 0; j < n; ++j) {
      double want = 0;
      for (int64_t l = 0; l < k; ++l)
        want += double(a.at(i, l)) * b.at(j, l);
      ASSERT_NEAR(y.at(i, j), want, 1e-3 + std::abs(want) / 256)
          << i << ", " << j;
    }
}

TEST_P(Interpreter, AttendsToTheFirstKeys) {
  const int64_t keys = 50;
  Bf16s q({16, 64}), k({keys, 64}), v({keys, 64});
  Floats y({16, 64});
  q.fillRandom(1);
  k.fillRandom(2);
  v.fillRandom(3);
  run("mma.mlir", {1, 1, 1},
      {q.memory(), k.memory(), v.memory(), y.memory(), Argument::size(keys)});
  for (int64_t i = 0; i < 16; ++i) {
    std::vector<double> weights(keys);
    double sum = 0, most = -1e30;
    for (int64_t j = 0; j < keys; ++j) {
      for (int64_t c = 0; c < 64; ++c)
        weights[j] += double(q.at(i, c)) * k.at(j, c);
      most = std::max(most, weights[j]);
    }
    for (double &weight : weights)
      sum += weight = std::exp2(weight - most);
    for (int64_t c = 0; c < 64; ++c) {
      double want = 0;
      for (int64_t j = 0; j < keys; ++j)
        want += weights[j] / sum * v.at(j, c);
      // The weights are rounded to bf16.
      EXPECT_NEAR(y.at(i, c), want, 4e-3);
    }
  }
}

TEST_P(Interpreter, MapsElements) {
  const int64_t n = 5000;
  Bf16s x({1, n}), y({1, n});
  x.fillRandom(1);
  run("elementwise.mlir", {3, 1, 1},
      {x.memory(), y.memory(), Argument::size(n)});
  for (int64_t i = 0; i < n; ++i) {
    double value = x.at(0, i);
    EXPECT_NEAR(y.at(0, i), value / (1 + std::exp(-value)), 4e-3);
  }
}

} // namespace
