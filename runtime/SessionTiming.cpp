// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// How long a step and its kernels take on the device alone.

#include "runtime/FormSizes.h"
#include "runtime/Session.h"

#include <algorithm>
#include <chrono>
#include <ranges>
#include <thread>

namespace jet {

/// What is measured behind a pause takes so long at least: the first launch
/// does not count then.
static constexpr double kBurstSeconds = 2e-3;

Result<double>
Session::timeLaunches(std::span<const uint64_t> key,
                      const std::function<Result<void>()> &launches,
                      const Pace &pace) {
  // Until a queue has recorded them, see Queue::step().
  constexpr int warmUps = 3;
  for (int i = 0; i < warmUps; ++i)
    if (auto done = queue->step(key, launches); !done)
      return done.error();
  const auto timeRuns = [&](int64_t count) -> Result<double> {
    Result<double> seconds = queue->time([&]() -> Result<void> {
      for (int64_t i = 0; i < count; ++i)
        if (auto done = queue->step(key, launches); !done)
          return done;
      return {};
    });
    if (!seconds)
      return seconds;
    return *seconds / static_cast<double>(count);
  };
  if (pace.pauseSeconds <= 0 && pace.busySeconds <= 0)
    return timeRuns(pace.repeats);
  const Result<double> once = timeRuns(1);
  if (!once)
    return once;
  const auto runsIn = [&](double seconds) {
    return static_cast<int64_t>(
        std::clamp(seconds / std::max(*once, 1e-6), 1.0, double(1 << 20)));
  };
  std::this_thread::sleep_for(std::chrono::duration<double>(pace.pauseSeconds));
  if (pace.busySeconds > 0)
    if (auto busy = timeRuns(runsIn(pace.busySeconds)); !busy)
      return busy;
  return timeRuns(std::max(
      pace.repeats, runsIn(std::max(pace.busySeconds / 2, kBurstSeconds))));
}

static Error noStep() { return {"time: expected a step before, found none"}; }

Result<double> Session::timeStep(const State &state, int64_t repeats) {
  if (!lastProgram)
    return noStep();
  const auto launches = [&] {
    return runProgram(*lastProgram, state, lastSequences, lastRows);
  };
  return timeLaunches(keyOf(*lastProgram, state, lastSequences, lastRows),
                      launches, {.repeats = repeats});
}

Result<double> Session::timePart(const State &state, const Part &part,
                                 const Pace &pace) {
  const auto launches = [&] {
    return runProgram(*lastProgram, state, lastSequences, lastRows, part);
  };
  if (!keyOf(*lastProgram, state, lastSequences, lastRows).empty()) {
    key.push_back(static_cast<uint64_t>(part.kernel));
    key.push_back(part.rowsAreSequences);
    key.push_back(part.stage ? part.stage->form + 1 : 0);
    key.push_back(part.stage ? part.stage->stage : 0);
  }
  return timeLaunches(key, launches, pace);
}

Result<std::vector<Session::KernelTime>>
Session::timeKernels(const State &state, const Pace &pace,
                     const std::function<bool(const KernelInfo &)> &which) {
  if (!lastProgram)
    return noStep();
  std::vector<KernelTime> times;
  for (const LaunchInfo &launch : lastProgram->launches) {
    if (which && !which(model->package().kernels[launch.kernel]))
      continue;
    const auto same = std::ranges::find_if(times, [&](const KernelTime &time) {
      return Part{time.kernel, time.rowsAreSequences, {}}.has(launch);
    });
    if (same != times.end())
      ++same->launches;
    else
      times.push_back({launch.kernel, 1, launch.rowsAreSequences});
  }
  // From the last on: kernels that depend on values, as those of top-k do, read
  // what a step has left there, not what others made of it again and again.
  for (KernelTime &time : std::views::reverse(times)) {
    const auto each = static_cast<double>(time.launches);
    Part part = {time.kernel, time.rowsAreSequences, {}};
    Result<double> seconds = timePart(state, part, pace);
    if (!seconds)
      return seconds.error();
    time.seconds = *seconds / each;
    // Forms look at rows, sequences and tokens alone.
    const SymbolValues symbols = {time.rowsAreSequences ? lastSequences
                                                        : lastRows,
                                  lastSequences, lastRows};
    const std::vector<KernelForm> &forms =
        model->package().kernels[time.kernel].forms;
    const KernelForm *form = chooseForm(forms, symbols);
    const size_t stages = form ? form->stages.size() : 0;
    for (size_t stage = 0; stages > 1 && stage < stages; ++stage) {
      part.stage = {static_cast<size_t>(form - forms.data()), stage};
      seconds = timePart(state, part, pace);
      if (!seconds)
        return seconds.error();
      time.stageSeconds.push_back(*seconds / each);
    }
  }
  return times;
}

Result<double> Session::timeStage(const State &state, int64_t kernel,
                                  StageIndex stage, const Pace &pace) {
  if (!lastProgram)
    return noStep();
  Part part = {kernel, /*rowsAreSequences=*/false, {}};
  const auto launches = std::ranges::count_if(
      lastProgram->launches,
      [&](const LaunchInfo &launch) { return part.has(launch); });
  if (!launches)
    return Error{"time: expected a launch of kernel " + std::to_string(kernel) +
                 " in the last step, found none"};
  // What the stages before it leave in scratch memory.
  for (size_t before = 0; before < stage.stage; ++before) {
    part.stage = {stage.form, before};
    if (auto done =
            runProgram(*lastProgram, state, lastSequences, lastRows, part);
        !done)
      return done.error();
  }
  part.stage = stage;
  Result<double> seconds = timePart(state, part, pace);
  if (!seconds)
    return seconds;
  return *seconds / static_cast<double>(launches);
}

} // namespace jet
