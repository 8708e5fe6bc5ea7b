// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "support/CheckedMath.h"

#include <array>
#include <gtest/gtest.h>
#include <vector>

namespace {

constexpr int64_t kMax = INT64_MAX;

TEST(CheckedMath, ProductsAndSumsStopAtTheLimit) {
  EXPECT_EQ(jet::checkedMul(kMax / 2, 2), kMax - 1);
  EXPECT_EQ(jet::checkedMul(kMax / 2 + 1, 2), std::nullopt);
  EXPECT_EQ(jet::checkedMul(INT64_MIN, -1), std::nullopt);
  EXPECT_EQ(jet::checkedAdd(kMax - 1, 1), kMax);
  EXPECT_EQ(jet::checkedAdd(kMax, 1), std::nullopt);
  EXPECT_EQ(jet::checkedAdd(INT64_MIN, -1), std::nullopt);
}

TEST(CheckedMath, AnOverflowInTheMiddleIsNotForgotten) {
  EXPECT_EQ(jet::checkedProduct(std::vector<int64_t>{}), 1);
  EXPECT_EQ(jet::checkedProduct(std::array<int64_t, 3>{2, 3, 7}), 42);
  EXPECT_EQ(jet::checkedProduct(std::array<int64_t, 3>{kMax, 4, 0}),
            std::nullopt);
}

} // namespace
