// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "runtime/PageTable.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <set>

using namespace jet;

using Pages = std::vector<int32_t>;

static Pages rowOf(const PageTable &table, int64_t slot) {
  const auto row = table.row(slot);
  return {row.begin(), row.end()};
}

TEST(PageTableTest, SequencesTakePagesAsTheyGrow) {
  PageTable table(2, 3, 4, 5);
  EXPECT_EQ(rowOf(table, 0), Pages({-1, -1, -1}));
  EXPECT_EQ(table.missing(0, 4), 1);
  EXPECT_EQ(table.missing(0, 5), 2);
  table.grow(0, 5);
  EXPECT_EQ(rowOf(table, 0), Pages({0, 1, -1}));
  EXPECT_EQ(table.missing(0, 8), 0);
  table.grow(1, 1);
  table.grow(0, 9);
  EXPECT_EQ(rowOf(table, 0), Pages({0, 1, 3}));
  EXPECT_EQ(rowOf(table, 1), Pages({2, -1, -1}));
  EXPECT_EQ(table.freePages(), 1);
}

TEST(PageTableTest, WhatIsGivenBackIsTakenAgain) {
  PageTable table(2, 3, 4, 3);
  table.grow(0, 12);
  EXPECT_EQ(table.freePages(), 0);
  EXPECT_EQ(table.shrink(0, 4), Pages({2, 1}));
  EXPECT_EQ(rowOf(table, 0), Pages({0, -1, -1}));
  EXPECT_EQ(table.shrink(0, 4), Pages());
  table.grow(1, 8);
  EXPECT_EQ(rowOf(table, 1), Pages({1, 2, -1}));
  EXPECT_EQ(table.missing(0, 12), 2);
}

// No page has two owners, and none is lost, whatever happens in which order.
TEST(PageTableTest, PagesAlwaysHaveOneOwner) {
  std::mt19937 random(7);
  const int64_t slots = 5, columns = 6, pageSize = 3, pages = 17;
  PageTable table(slots, columns, pageSize, pages);
  for (int step = 0; step < 1000; ++step) {
    const int64_t slot = random() % slots;
    const int64_t positions = random() % (columns * pageSize + 1);
    if (table.missing(slot, positions) <= table.freePages())
      table.grow(slot, positions);
    else
      table.shrink(slot, positions);
    std::multiset<int32_t> held;
    for (int64_t s = 0; s < slots; ++s)
      held.insert(table.held(s).begin(), table.held(s).end());
    ASSERT_EQ(std::set<int32_t>(held.begin(), held.end()).size(), held.size());
    ASSERT_EQ(static_cast<int64_t>(held.size()) + table.freePages(), pages);
    ASSERT_TRUE(std::ranges::all_of(
        held, [&](int32_t page) { return page >= 0 && page < pages; }));
  }
}
