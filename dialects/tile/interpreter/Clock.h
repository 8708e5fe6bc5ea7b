// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What a thread knows to have happened before: vector clocks.
//
// A component of a clock counts what one agent has done. Agents are threads and
// what completes in order: the copies of an mbarrier's phases, the cp.async
// groups of a thread, its bulk stores, the wgmma groups of a warpgroup. An
// access of shared memory is known by its component and the agent's time.

#ifndef JET_DIALECTS_TILE_INTERPRETER_CLOCK_H
#define JET_DIALECTS_TILE_INTERPRETER_CLOCK_H

#include <algorithm>
#include <cstdint>
#include <memory>
#include <vector>

namespace jet::tile {

using Time = uint32_t;
using Component = uint32_t;

/// Where the components are, for a cluster's threads, barriers and warpgroups.
/// Writes and reads of an agent are known apart: an arrival at a barrier of
/// another CTA tells of reads alone.
struct Components {
  uint32_t threads = 0, barriers = 0, warpgroups = 0;

  // Writes.
  Component write(uint32_t thread) const { return thread; }
  Component cpAsync(uint32_t thread) const { return threads + thread; }
  /// Writes above that fence_async has made visible to TMA and wgmma.
  Component fenced(Component write) const { return 2 * threads + write; }
  Component copies(uint32_t barrier) const { return 4 * threads + barrier; }
  // Reads.
  Component firstRead() const { return 4 * threads + barriers; }
  Component read(uint32_t thread) const { return firstRead() + thread; }
  Component bulk(uint32_t thread) const {
    return firstRead() + threads + thread;
  }
  Component wgmma(uint32_t warpgroup) const {
    return firstRead() + 2 * threads + warpgroup;
  }
  uint32_t count() const { return firstRead() + 2 * threads + warpgroups; }

  /// Writes by load and store and cp.async, which TMA and wgmma see after a
  /// fence only.
  bool isGenericWrite(Component component) const {
    return component < 2 * threads;
  }
  bool isThread(Component component) const {
    return component < threads ||
           (component >= firstRead() && component < firstRead() + threads);
  }
  bool isCpAsync(Component component) const {
    return component >= threads && component < 2 * threads;
  }
  bool isWgmma(Component component) const { return component >= wgmma(0); }
  /// The thread of a component that is not a barrier's or a warpgroup's.
  uint32_t threadOf(Component component) const {
    return component < firstRead() ? component % threads
                                   : (component - firstRead()) % threads;
  }
};

using Clock = std::vector<Time>;
/// Clocks are shared and never changed: after a barrier all threads have one.
using ClockPtr = std::shared_ptr<const Clock>;

inline void join(Clock &clock, const Clock &other) {
  for (size_t i = 0; i < clock.size(); ++i)
    clock[i] = std::max(clock[i], other[i]);
}

/// A clock that is being collected from those who arrive at a barrier.
class Collector {
public:
  void reset(size_t count) {
    clock.assign(count, 0);
    last.reset();
  }
  /// Joins `base`, once if many have the same.
  void add(const ClockPtr &base) {
    if (base == last)
      return;
    join(clock, *base);
    last = base;
  }
  void raise(Component component, Time time) {
    clock[component] = std::max(clock[component], time);
  }
  const Clock &get() const { return clock; }
  ClockPtr take() {
    auto result = std::make_shared<const Clock>(clock);
    last.reset();
    return result;
  }

private:
  Clock clock;
  ClockPtr last;
};

} // namespace jet::tile

#endif // JET_DIALECTS_TILE_INTERPRETER_CLOCK_H
