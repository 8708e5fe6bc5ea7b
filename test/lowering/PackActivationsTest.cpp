// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "lowering/PackActivations.h"

#include <algorithm>
#include <gtest/gtest.h>
#include <random>

namespace {

using namespace jet;

bool areAliveTogether(const Lifetime &a, const Lifetime &b) {
  return a.begin <= b.end && b.begin <= a.end;
}

/// Expects no overlap, and an arena that ends where its last buffer ends.
void expectSound(const std::vector<Lifetime> &lifetimes,
                 const Packing &packing) {
  ASSERT_EQ(packing.offsets.size(), lifetimes.size());
  int64_t end = 0;
  for (size_t i = 0; i < lifetimes.size(); ++i) {
    ASSERT_GE(packing.offsets[i], 0);
    const int64_t ownEnd = packing.offsets[i] + lifetimes[i].bytes;
    end = std::max(end, ownEnd);
    for (size_t j = 0; j < i; ++j)
      EXPECT_TRUE(!areAliveTogether(lifetimes[i], lifetimes[j]) ||
                  ownEnd <= packing.offsets[j] ||
                  packing.offsets[j] + lifetimes[j].bytes <= packing.offsets[i])
          << i << " and " << j << " overlap";
  }
  EXPECT_EQ(packing.bytes, end);
}

/// lowerBound(), counted launch by launch.
int64_t countBound(const std::vector<Lifetime> &lifetimes) {
  int64_t most = 0;
  for (const Lifetime &at : lifetimes) {
    int64_t alive = 0;
    for (const Lifetime &other : lifetimes)
      if (other.begin <= at.begin && at.begin <= other.end)
        alive += other.bytes;
    most = std::max(most, alive);
  }
  return most;
}

void expectBytes(const std::vector<Lifetime> &lifetimes, int64_t bytes) {
  const Packing packing = packActivations(lifetimes);
  expectSound(lifetimes, packing);
  EXPECT_EQ(packing.bytes, bytes);
}

TEST(PackActivations, NothingNeedsNothing) { expectBytes({}, 0); }

TEST(PackActivations, BuffersThatDoNotMeetShareAPlace) {
  expectBytes({{64, 0, 1}, {128, 2, 3}, {64, 4, 9}}, 128);
}

// A launch that reads one and writes the other has both.
TEST(PackActivations, TheLastReadIsPartOfALifetime) {
  expectBytes({{64, 0, 1}, {64, 1, 2}}, 128);
  expectBytes({{64, 0, 1}, {64, 2, 2}}, 64);
}

TEST(PackActivations, AChainNeedsTwoPlaces) {
  std::vector<Lifetime> chain;
  for (int64_t step = 0; step < 20; ++step)
    chain.push_back({256, step, step + 1});
  expectBytes(chain, 512);
}

// The residual stream lives on while the branches come and go.
TEST(PackActivations, LongLifetimesLieBesideShortOnes) {
  expectBytes({{64, 0, 9}, {192, 1, 2}, {128, 2, 4}, {256, 5, 8}, {64, 7, 9}},
              384);
}

// The small one goes into the hole that the large ones leave.
TEST(PackActivations, HolesAreFilled) {
  expectBytes({{256, 0, 1}, {128, 1, 3}, {256, 3, 4}, {64, 2, 2}}, 384);
}

// Greedy by size alone needs 640: the 256 goes to the bottom first, under it
// nothing of 192 is left when all three of those are alive.
TEST(PackActivations, OrdersOtherThanSizeAreTried) {
  expectBytes({{192, 2, 5}, {256, 4, 6}, {192, 2, 2}, {192, 0, 3}}, 576);
}

TEST(PackActivations, EmptyBuffersFit) {
  expectBytes({{0, 0, 5}, {64, 1, 2}, {0, 2, 2}}, 64);
}

TEST(PackActivations, EqualInputGivesEqualOffsets) {
  const std::vector<Lifetime> equal(5, {64, 0, 3});
  const Packing packing = packActivations(equal);
  expectSound(equal, packing);
  EXPECT_EQ(packing.offsets, packActivations(equal).offsets);
  EXPECT_EQ(packing.bytes, 5 * 64);
}

// Best offsets are a hard problem; greedy by size is known to stay close.
TEST(PackActivations, RandomLifetimesDoNotOverlapAndStayNearTheBound) {
  std::mt19937 random(7);
  auto uniform = [&](int64_t low, int64_t high) {
    return std::uniform_int_distribution<int64_t>(low, high)(random);
  };
  double total = 0;
  constexpr int kRounds = 300;
  for (int round = 0; round < kRounds; ++round) {
    std::vector<Lifetime> lifetimes;
    const int64_t longest = uniform(0, 12);
    for (int64_t i = uniform(1, 60); i > 0; --i) {
      const int64_t begin = uniform(0, 50);
      lifetimes.push_back(
          {64 * uniform(1, 40), begin, begin + uniform(0, longest)});
    }
    const Packing packing = packActivations(lifetimes);
    expectSound(lifetimes, packing);
    ASSERT_EQ(lowerBound(lifetimes), countBound(lifetimes));
    const double ratio = static_cast<double>(packing.bytes) /
                         static_cast<double>(lowerBound(lifetimes));
    EXPECT_LE(ratio, 1.5);
    total += ratio;
  }
  EXPECT_LE(total / kRounds, 1.1);
}

} // namespace
