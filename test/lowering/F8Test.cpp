// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// f8E4M3FN both ways, against a table of its numbers: all 256 of them, what
// lies on and beside every boundary between two, and what lies beyond all.

#include "KernelHarness.h"

#include <cmath>
#include <cstring>

using namespace jet;
using namespace jet::test;

namespace {

constexpr DType F32 = DType::F32, BF16 = DType::BF16, F8 = DType::F8E4M3;

class F8Conversion : public testing::TestWithParam<std::string> {};

INSTANTIATE_TEST_SUITE_P(Cpu, F8Conversion, testing::ValuesIn(cpuLevels()),
                         nameOfLevel);

uint8_t byteAt(const Buffer &buffer, int64_t i) {
  return std::to_integer<uint8_t>(buffer.bytes()[i]);
}

/// Every number, every boundary, and the f32 before and after each; what is
/// beyond all numbers; NaN.
std::vector<float> interestingValues() {
  std::vector<float> values = {0x1p-149f, 0x1p-126f, 0x1p-11f, 463.9f,   465.0f,
                               480.0f,    1e9f,      3e38f,    INFINITY, NAN};
  auto add = [&](double middle) {
    const auto value = static_cast<float>(middle);
    values.insert(values.end(), {std::nextafterf(value, 0), value,
                                 std::nextafterf(value, INFINITY)});
  };
  for (int bits = 0; bits < 0x7F; ++bits) {
    add(fromF8(bits));
    // 464 is between 448 and the 480 that there would be.
    add(bits < 0x7E ? (fromF8(bits) + fromF8(bits + 1)) / 2 : 464);
  }
  for (size_t i = values.size(); i-- > 0;)
    values.push_back(-values[i]);
  return values;
}

/// A table of rows of one number.
Buffer column(const std::vector<float> &values) {
  Buffer buffer(F32, {static_cast<int64_t>(values.size()), 1});
  std::memcpy(buffer.data(), values.data(), values.size() * sizeof(float));
  return buffer;
}

TEST_P(F8Conversion, ExtendsAllNumbers) {
  for (DType wide : {F32, BF16}) {
    auto kernels = Kernels::compile(
        kernelText("k", "jet.map(%a)", {rowsType({256}, F8)},
                   {rowsType({256}, wide)},
                   "{\n^bb0(%x: f8E4M3FN):\n%y = arith.extf %x : f8E4M3FN to " +
                       elementType(wide) +
                       "\njet.yield %y : " + elementType(wide) + "\n}"),
        GetParam());
    ASSERT_TRUE(kernels);
    Buffer x(F8, {1, 256}), y(wide, {1, 256});
    for (int bits = 0; bits < 256; ++bits)
      static_cast<uint8_t *>(x.data())[bits] = static_cast<uint8_t>(bits);
    kernels->run("k", {&x, &y}, Step::rows(1));
    for (int bits = 0; bits < 256; ++bits) {
      const double want = fromF8(static_cast<uint8_t>(bits)), got = y.get(bits);
      EXPECT_TRUE(std::isnan(want) ? std::isnan(got) : got == want)
          << bits << ": " << got << " instead of " << want;
      // Rounding to bf16, which follows, knows one NaN.
      if (wide == F32 || !std::isnan(want))
        EXPECT_EQ(std::signbit(got), std::signbit(want)) << bits;
    }
  }
}

// arith.truncf: what would round to more than 448 is NaN.
TEST_P(F8Conversion, RoundsToTheNearestOrNaN) {
  auto kernels = Kernels::compile(
      kernelText("k", "jet.map(%a)", {rowsType({1}, F32)}, {rowsType({1}, F8)},
                 "{\n^bb0(%x: f32):\n%y = arith.truncf %x : f32 to f8E4M3FN\n"
                 "jet.yield %y : f8E4M3FN\n}"),
      GetParam());
  ASSERT_TRUE(kernels);
  const std::vector<float> values = interestingValues();
  Buffer x = column(values), y(F8, x.shape());
  kernels->run("k", {&x, &y}, Step::rows(x.size(0)));
  for (size_t i = 0; i < values.size(); ++i) {
    const uint8_t sign = std::signbit(values[i]) ? 0x80 : 0;
    const uint8_t want =
        std::abs(values[i]) > 464 ? sign | 0x7F : toF8(values[i]);
    EXPECT_EQ(byteAt(y, i), want) << values[i];
  }
}

// Results of ops: ±448 is the most.
TEST_P(F8Conversion, SaturatesWhatOpsStore) {
  auto kernels =
      Kernels::compile(kernelText("k", "jet.linear %a, %b",
                                  {rowsType({1}, F32), tensorType({1, 1}, F32)},
                                  {rowsType({1}, F8)}),
                       GetParam());
  ASSERT_TRUE(kernels);
  const std::vector<float> values = interestingValues();
  Buffer x = column(values), one(F32, {1, 1}), y(F8, x.shape());
  one.set(0, 1);
  kernels->run("k", {&x, &one, &y}, Step::rows(x.size(0)));
  for (size_t i = 0; i < values.size(); ++i) {
    if (std::isnan(values[i]))
      EXPECT_EQ(byteAt(y, i) & 0x7F, 0x7F);
    else if (values[i] != 0) // a sum of products: −0 + 0 is 0
      EXPECT_EQ(byteAt(y, i), toF8(values[i])) << values[i];
  }
}

} // namespace
