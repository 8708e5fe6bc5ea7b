// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "runtime/ThreadPool.h"

#include <algorithm>
#include <system_error>

namespace jet {

static constexpr uint64_t kOpen = 1;
static constexpr uint64_t kOneWorker = 2;
static constexpr uint64_t kEpochShift = 32;

// About 50 microseconds: longer than the serial work between two launches,
// shorter than what a scheduler notices.
static constexpr int kSpins = 1000;

static void relax() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

ThreadPool::ThreadPool(int threads) {
  if (threads <= 0)
    threads = static_cast<int>(std::thread::hardware_concurrency());
  for (int i = 1; i < threads; ++i) {
    // std::thread reports a refused thread by an exception.
    try {
      workers.emplace_back([this] { work(); });
    } catch (const std::system_error &) {
      break;
    }
  }
}

ThreadPool::~ThreadPool() {
  stopping.store(true);
  wakeups.fetch_add(1);
  wakeups.notify_all();
  for (std::thread &worker : workers)
    worker.join();
}

void ThreadPool::processChunks() {
  for (;;) {
    const int64_t begin = next.fetch_add(chunkSize, std::memory_order_relaxed);
    if (begin >= gridSize)
      return;
    function(argument, begin, std::min(begin + chunkSize, gridSize));
  }
}

uint64_t ThreadPool::awaitRun(uint64_t lastEpoch) {
  auto isNews = [&](uint64_t value) {
    return ((value & kOpen) && value >> kEpochShift != lastEpoch) ||
           stopping.load(std::memory_order_relaxed);
  };
  for (;;) {
    for (int i = 0; i < kSpins; ++i) {
      const uint64_t value = gate.load(std::memory_order_acquire);
      if (isNews(value))
        return value;
      relax();
    }
    // The caller opens the gate and then looks for sleepers; a sleeper counts
    // itself and then looks at the gate. One of them sees the other.
    sleepers.fetch_add(1);
    const uint32_t ticket = wakeups.load();
    const uint64_t value = gate.load();
    if (!isNews(value) && !stopping.load())
      wakeups.wait(ticket);
    sleepers.fetch_sub(1);
  }
}

void ThreadPool::work() {
  uint64_t lastEpoch = 0;
  for (;;) {
    uint64_t value = awaitRun(lastEpoch);
    if (stopping.load())
      return;
    if (!gate.compare_exchange_weak(value, value + kOneWorker,
                                    std::memory_order_acq_rel))
      continue;
    lastEpoch = value >> kEpochShift;
    processChunks();
    gate.fetch_sub(kOneWorker, std::memory_order_release);
  }
}

void ThreadPool::runErased(int64_t grid, Erased body, void *context) {
  if (grid <= 0)
    return;
  if (grid == 1 || workers.empty())
    return body(context, 0, grid);
  function = body;
  argument = context;
  gridSize = grid;
  chunkSize = std::max<int64_t>(1, grid / (int64_t(size()) * 4));
  next.store(0, std::memory_order_relaxed);

  const uint64_t epoch =
      ((gate.load(std::memory_order_relaxed) >> kEpochShift) + 1) & UINT32_MAX;
  gate.store(epoch << kEpochShift | kOpen);
  if (sleepers.load() > 0) {
    wakeups.fetch_add(1);
    wakeups.notify_all();
  }
  processChunks();

  // Nobody enters a closed gate; those inside finish their last chunk.
  gate.fetch_and(~kOpen, std::memory_order_acq_rel);
  for (int i = 0; (gate.load(std::memory_order_acquire) & UINT32_MAX) != 0;
       ++i) {
    // On a crowded machine the worker may need this processor.
    if (i < kSpins)
      relax();
    else
      std::this_thread::yield();
  }
}

} // namespace jet
