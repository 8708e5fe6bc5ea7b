// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Weights on their way into a device's memory: as they are, and scaled.

#include "runtime/CopyWeights.h"

#include "runtime/HostDevice.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstring>
#include <random>

using namespace jet;

namespace {

float ofBF16(uint16_t bits) {
  return std::bit_cast<float>(uint32_t(bits) << 16);
}

/// Elements behind one byte, as a checkpoint may have them.
template <typename Bits>
std::vector<std::byte> misaligned(const std::vector<Bits> &elements) {
  std::vector<std::byte> bytes(1 + elements.size() * sizeof(Bits));
  std::memcpy(bytes.data() + 1, elements.data(),
              elements.size() * sizeof(Bits));
  return bytes;
}

std::span<const std::byte> content(const std::vector<std::byte> &bytes) {
  return std::span(bytes).subspan(1);
}

/// One copy, with its reports.
std::vector<std::byte> copied(WeightCopy copy) {
  std::vector<std::byte> result(copy.from.size(), std::byte(0xA5));
  copy.to = result.data();
  HostDevice device;
  int64_t last = -1;
  const auto done = copyWeights(device, {copy}, [&](int64_t now, int64_t all) {
    EXPECT_GT(now, last);
    EXPECT_EQ(all, static_cast<int64_t>(copy.from.size()));
    last = now;
  });
  EXPECT_TRUE(done);
  EXPECT_EQ(last, static_cast<int64_t>(copy.from.size()));
  return result;
}

} // namespace

// Several blocks, which rows do not divide: the columns go on in each. Every
// product is the nearest bf16, and of two the even one.
TEST(CopyWeights, ScalesColumnsInBF16) {
  constexpr size_t kRows = 2311, kColumns = 509;
  std::mt19937 random(7);
  std::vector<uint16_t> weight(kRows * kColumns), scale(kColumns);
  for (std::vector<uint16_t> *some : {&weight, &scale})
    for (uint16_t &bits : *some)
      bits = uint16_t(0x3f00 + random() % 0x100 + (random() % 2 << 15));
  const auto from = misaligned(weight), by = misaligned(scale);
  const auto result =
      copied({content(from), nullptr, content(by), DType::BF16});
  size_t wrong = 0, ties = 0;
  for (size_t i = 0; i < weight.size(); ++i) {
    uint16_t got;
    std::memcpy(&got, result.data() + 2 * i, sizeof(got));
    const double want =
        double(ofBF16(weight[i])) * double(ofBF16(scale[i % kColumns]));
    const double off = std::abs(ofBF16(got) - want);
    const double above = std::abs(ofBF16(got + 1) - want);
    const double below = std::abs(ofBF16(got - 1) - want);
    const bool isTie = off == above || off == below;
    ties += isTie;
    wrong += off > above || off > below || (isTie && got % 2 != 0);
  }
  EXPECT_EQ(wrong, 0u);
  EXPECT_GT(ties, 0u);
}

TEST(CopyWeights, ScalesColumnsInF32) {
  const std::vector<float> weight = {1, 2, 3, 4, 5, 6},
                           scale = {0.1f, -3, 1e30f};
  const auto from = misaligned(weight), by = misaligned(scale);
  const auto result = copied({content(from), nullptr, content(by), DType::F32});
  for (size_t i = 0; i < weight.size(); ++i) {
    float got;
    std::memcpy(&got, result.data() + 4 * i, sizeof(got));
    EXPECT_EQ(got, weight[i] * scale[i % 3]);
  }
}

TEST(CopyWeights, KeepsWhatIsNoNumber) {
  // Infinity times zero, NaNs whose payload would round up to infinity's
  // neighbours, the largest number times two.
  const std::vector<uint16_t> weight = {0x7f80, 0x7fff, 0xffff, 0x7f7f};
  const std::vector<uint16_t> scale = {0x0000, 0x3f80, 0x3f80, 0x4000};
  const auto from = misaligned(weight), by = misaligned(scale);
  const auto result =
      copied({content(from), nullptr, content(by), DType::BF16});
  uint16_t got[4];
  std::memcpy(got, result.data(), sizeof(got));
  for (int i : {0, 1, 2})
    EXPECT_TRUE(std::isnan(ofBF16(got[i]))) << i;
  EXPECT_EQ(got[3], 0x7f80);
}

TEST(CopyWeights, CopiesWhatIsNotScaled) {
  std::vector<uint16_t> weight(3'000'001);
  std::mt19937 random(8);
  for (uint16_t &bits : weight)
    bits = uint16_t(random());
  const auto from = misaligned(weight);
  const auto result = copied({content(from), nullptr});
  EXPECT_EQ(std::memcmp(result.data(), weight.data(), result.size()), 0);
}
