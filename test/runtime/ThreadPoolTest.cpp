// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "runtime/ThreadPool.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>

using namespace jet;

TEST(ThreadPoolTest, CoversEveryGridExactlyOnce) {
  for (int threads : {1, 2, 3, 8}) {
    ThreadPool pool(threads);
    EXPECT_EQ(pool.size(), threads);
    for (int64_t grid : {0, 1, 2, 3, 7, 31, 32, 33, 1000, 4099}) {
      std::vector<std::atomic<int>> seen(grid);
      pool.run(grid, [&](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; ++i)
          ++seen[i];
      });
      for (int64_t i = 0; i < grid; ++i)
        ASSERT_EQ(seen[i], 1) << threads << " threads, point " << i;
    }
  }
}

TEST(ThreadPoolTest, ManyShortRunsSeeEachOthersResults) {
  ThreadPool pool(4);
  std::vector<int64_t> values(64, 0);
  constexpr int64_t rounds = 20000;
  for (int64_t round = 0; round < rounds; ++round)
    pool.run(64, [&](int64_t begin, int64_t end) {
      // Reads what another thread wrote in the round before.
      for (int64_t i = begin; i < end; ++i)
        values[i] += 1;
    });
  for (int64_t value : values)
    ASSERT_EQ(value, rounds);
}

TEST(ThreadPoolTest, WakesFromSleep) {
  ThreadPool pool(3);
  std::atomic<int64_t> sum = 0;
  for (int round = 0; round < 20; ++round) {
    // Longer than the workers spin.
    const auto until =
        std::chrono::steady_clock::now() + std::chrono::milliseconds(2);
    while (std::chrono::steady_clock::now() < until)
      std::this_thread::yield();
    pool.run(100, [&](int64_t begin, int64_t end) { sum += end - begin; });
  }
  EXPECT_EQ(sum, 2000);
}

TEST(ThreadPoolTest, UsesSeveralThreads) {
  ThreadPool pool(2);
  // Each of two points waits until the other has begun.
  std::atomic<int> begun = 0;
  pool.run(2, [&](int64_t begin, int64_t end) {
    ASSERT_EQ(end - begin, 1);
    ++begun;
    while (begun < 2)
      std::this_thread::yield();
  });
  EXPECT_EQ(begun, 2);
}

TEST(ThreadPoolTest, DefaultsToTheHardware) {
  ThreadPool pool;
  EXPECT_EQ(pool.size(), static_cast<int>(std::max(
                             1u, std::thread::hardware_concurrency())));
}

TEST(ThreadPoolTest, PoolsComeAndGo) {
  for (int i = 0; i < 200; ++i) {
    ThreadPool pool(4);
    std::atomic<int64_t> sum = 0;
    if (i % 2)
      pool.run(10, [&](int64_t begin, int64_t end) { sum += end - begin; });
    EXPECT_EQ(sum, i % 2 ? 10 : 0);
  }
}
