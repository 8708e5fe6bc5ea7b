// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Parallel loops for kernels that take microseconds: a decode step is hundreds
// of launches in about a millisecond, so handing out one must cost well under
// a microsecond when the workers are awake.

#ifndef JET_RUNTIME_THREADPOOL_H
#define JET_RUNTIME_THREADPOOL_H

#include <atomic>
#include <cstdint>
#include <memory>
#include <thread>
#include <type_traits>
#include <vector>

namespace jet {

/// A fixed set of threads. run() may be called from one thread at a time, and
/// not from inside run(). Workers spin for some tens of microseconds after a
/// run and then sleep.
class ThreadPool {
public:
  /// `threads` counts the caller; 0 means one per hardware thread. When the
  /// system refuses to start a thread the pool is smaller.
  explicit ThreadPool(int threads = 0);
  ~ThreadPool();
  ThreadPool(const ThreadPool &) = delete;
  ThreadPool &operator=(const ThreadPool &) = delete;

  int size() const { return static_cast<int>(workers.size()) + 1; }

  /// Calls body(begin, end) for ranges that partition [0, grid), from several
  /// threads, and returns when all are done. Does not allocate. `body` must
  /// not throw.
  template <typename Body> void run(int64_t grid, Body &&body) {
    using Function = std::remove_reference_t<Body>;
    runErased(
        grid,
        [](void *context, int64_t begin, int64_t end) {
          (*static_cast<Function *>(context))(begin, end);
        },
        const_cast<void *>(static_cast<const void *>(&body)));
  }

private:
  using Erased = void (*)(void *context, int64_t begin, int64_t end);
  void runErased(int64_t grid, Erased body, void *context);
  void work();
  void processChunks();
  /// Spins, then sleeps, until a run other than `lastEpoch` is open or the
  /// pool stops; returns the gate's value then.
  uint64_t awaitRun(uint64_t lastEpoch);

  // The run in progress. Written only while the gate is closed and empty.
  Erased function = nullptr;
  void *argument = nullptr;
  int64_t gridSize = 0, chunkSize = 1;
  alignas(64) std::atomic<int64_t> next = 0;

  // Epoch of the run << 32 | workers inside << 1 | open. A worker that wakes
  // late finds the gate closed and does not hold the caller up.
  alignas(64) std::atomic<uint64_t> gate = 0;
  alignas(64) std::atomic<uint32_t> wakeups = 0;
  std::atomic<int> sleepers = 0;
  std::atomic<bool> stopping = false;

  std::vector<std::thread> workers;
};

} // namespace jet

#endif // JET_RUNTIME_THREADPOOL_H
