// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Steps of which only a part is run.

#include "runtime/Session.h"
#include "runtime/StateLaunches.h"

namespace jet {

Result<std::span<const float>>
Session::runPart(State &state, std::span<const StepInput> inputs,
                 const ProgramPart &part, std::span<const std::byte> from,
                 std::span<std::byte> to) {
  Result<int64_t> rows = checkInputs(state, inputs);
  if (!rows)
    return rows.error();
  const auto sequences = static_cast<int64_t>(inputs.size());
  const ProgramInfo &program = model->program(ProgramKind::Forward);
  if (auto done = prepare(program, state, inputs, *rows); !done)
    return done.error();
  lastProgram = nullptr; // what it left is no whole step
  Device &device = *model->device();
  if (part.in >= 0) {
    auto done =
        device.write(arena.data() + *rows * program.buffers[part.in].offset,
                     from.data(), static_cast<int64_t>(from.size()));
    if (!done)
      return done.error();
  }
  const auto launches = [&]() -> Result<void> {
    for (size_t step = part.begin; step < part.end; ++step)
      if (auto done =
              runLaunch(program, state, sequences, *rows, step, std::nullopt);
          !done)
        return done;
    return {};
  };
  if (auto done = queue->step({}, launches); !done)
    return done.error();
  if (part.out >= 0) {
    auto done = arena.read(*rows * program.buffers[part.out].offset,
                           static_cast<int64_t>(to.size()), to.data());
    if (!done)
      return done.error();
    return std::span<const float>();
  }
  const int64_t count = *rows * model->info().vocabSize;
  auto data = logits.download(model->device(), count * int64_t(sizeof(float)));
  if (!data)
    return data.error();
  return std::span(reinterpret_cast<const float *>(*data), count);
}

Result<void> Session::extend(State &state, std::span<const StepInput> inputs) {
  Result<int64_t> rows = checkInputs(state, inputs);
  if (!rows)
    return rows.error();
  const auto sequences = static_cast<int64_t>(inputs.size());
  const ProgramInfo &program = model->program(ProgramKind::Prefill);
  if (stateLaunches.empty())
    stateLaunches = findStateLaunches(model->package(), program);
  if (auto done = prepare(program, state, inputs, *rows); !done)
    return done;
  lastProgram = nullptr; // what it left is no whole step
  if (poison == Poison::On)
    arena.poison(0, arena.size());
  const auto launches = [&]() -> Result<void> {
    for (size_t step : stateLaunches) {
      if (auto done =
              runLaunch(program, state, sequences, *rows, step, std::nullopt);
          !done)
        return done;
      if (poison == Poison::On)
        poisonAfter(program, step, *rows);
    }
    return {};
  };
  if (auto done = queue->step({}, launches); !done)
    return done;
  advance(state, inputs);
  return {};
}

} // namespace jet
