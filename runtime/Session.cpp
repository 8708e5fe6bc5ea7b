// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "runtime/Session.h"

#include "support/CheckedMath.h"

#include <algorithm>

namespace jet {

Result<void> InputTable::upload(const std::shared_ptr<Device> &device) {
  if (device->isHost())
    return {};
  const auto bytes = static_cast<int64_t>(values.size() * sizeof(int32_t));
  if (copy.size() < bytes) {
    Result<ZeroMemory> larger = ZeroMemory::create(device, bytes, "inputs");
    if (!larger)
      return larger.error();
    copy = std::move(*larger);
  }
  return device->write(copy.data(), values.data(), bytes);
}

void *InputTable::data() {
  if (copy.data())
    return copy.data();
  return values.data();
}

/// Checks a step against the state; returns its number of tokens.
Result<int64_t> Session::checkInputs(const State &state,
                                     std::span<const StepInput> inputs) const {
  if (&state.model() != model.get())
    return Error{"step: expected a state of the same model"};
  if (inputs.empty())
    return Error{"step: expected at least one sequence, found none"};
  const int64_t vocab = model->info().vocabSize;
  std::vector<bool> used(state.slots(), false);
  int64_t rows = 0, pages = 0;
  for (const StepInput &input : inputs) {
    const std::string place = "slot " + std::to_string(input.slot);
    if (input.slot < 0 || input.slot >= state.slots())
      return Error{place + ": expected 0 to " +
                   std::to_string(state.slots() - 1)};
    if (used[input.slot])
      return Error{place + ": expected once in a step, found twice"};
    used[input.slot] = true;
    if (input.tokens.empty())
      return Error{place + ": expected at least one token, found none"};
    const int64_t room = state.capacity() - state.position(input.slot);
    if (static_cast<int64_t>(input.tokens.size()) > room)
      return Error{place + ": expected at most " + std::to_string(room) +
                   " more tokens (context " + std::to_string(state.capacity()) +
                   "), found " + std::to_string(input.tokens.size())};
    for (int32_t token : input.tokens)
      if (token < 0 || token >= vocab)
        return Error{place + ": expected token ids from 0 to " +
                     std::to_string(vocab - 1) + ", found " +
                     std::to_string(token)};
    const auto count = static_cast<int64_t>(input.tokens.size());
    rows += count;
    pages +=
        state.table.missing(input.slot, state.position(input.slot) + count);
  }
  if (pages > state.table.freePages())
    return Error{"step: expected to need at most the " +
                 std::to_string(state.table.freePages()) + " free pages of " +
                 std::to_string(state.table.pages()) + ", found " +
                 std::to_string(pages) + " (of " +
                 std::to_string(state.table.pageSize()) + " positions each)"};
  // Rows are int32 in the batch table.
  if (rows > INT32_MAX)
    return Error{"step: expected at most 2147483647 tokens, found " +
                 std::to_string(rows)};
  return rows;
}

void Session::prepareInputs(const State &state,
                            std::span<const StepInput> inputs) {
  tokens.values.clear();
  positions.values.clear();
  batch.values.clear();
  for (const StepInput &input : inputs) {
    const auto start = static_cast<int32_t>(state.position(input.slot));
    const auto count = static_cast<int32_t>(input.tokens.size());
    const auto firstRow = static_cast<int32_t>(tokens.values.size());
    batch.values.insert(batch.values.end(), {static_cast<int32_t>(input.slot),
                                             start, firstRow, count});
    const std::span<const int32_t> pages = state.table.row(input.slot);
    batch.values.insert(batch.values.end(), pages.begin(), pages.end());
    tokens.values.insert(tokens.values.end(), input.tokens.begin(),
                         input.tokens.end());
    for (int32_t i = 0; i < count; ++i)
      positions.values.push_back(start + i);
  }
}

Result<void> Session::reserve(const ProgramInfo &program, int64_t sequences,
                              int64_t rows) {
  // verifyPackage() made sure that these products fit.
  const int64_t outputs = program.logitsPerSequence ? sequences : rows;
  const int64_t logitCount =
      program.candidates ? 0 : outputs * model->info().vocabSize;
  const int64_t candidateCount = outputs * program.candidates;
  for (auto [memory, bytes, what] :
       {std::tuple(&arena, rows * program.arenaBytesPerRow, "activations"),
        std::tuple(&logits.memory, logitCount * int64_t(sizeof(float)),
                   "logits"),
        std::tuple(&values.memory, candidateCount * int64_t(sizeof(float)),
                   "candidates"),
        std::tuple(&ids.memory, candidateCount * int64_t(sizeof(int32_t)),
                   "candidates")}) {
    if (memory->size() >= bytes)
      continue;
    // Free first: the old contents are of no use, and the peak counts.
    *memory = ZeroMemory();
    Result<ZeroMemory> larger =
        ZeroMemory::create(model->device(), bytes, what);
    if (!larger)
      return larger.error();
    *memory = std::move(*larger);
  }
  return {};
}

void *Session::resolve(const ProgramInfo &program, const State &state,
                       const OperandRef &operand, int64_t rows) {
  switch (operand.kind) {
  case OperandRef::Kind::Parameter:
    // Only read: verifyPackage() refuses kernels that write parameters.
    return const_cast<void *>(model->parameter(
        operand.index, operand.rows ? operand.rows->begin : 0));
  case OperandRef::Kind::State:
    return state.memory(operand.index).data();
  case OperandRef::Kind::Buffer:
    return arena.data() + rows * program.buffers[operand.index].offset;
  case OperandRef::Kind::Tokens:
    return tokens.data();
  case OperandRef::Kind::Positions:
    return positions.data();
  case OperandRef::Kind::Batch:
    return batch.data();
  case OperandRef::Kind::Logits:
    return logits.memory.data();
  case OperandRef::Kind::Values:
    return values.memory.data();
  case OperandRef::Kind::Ids:
    return ids.memory.data();
  }
  return nullptr;
}

void Session::poisonAfter(const ProgramInfo &program, size_t step,
                          int64_t rows) {
  for (const OperandRef &operand : program.launches[step].operands) {
    if (operand.kind != OperandRef::Kind::Buffer)
      continue;
    const auto uses = [&](const LaunchInfo &launch) {
      return std::ranges::any_of(launch.operands, [&](const OperandRef &other) {
        return other.kind == operand.kind && other.index == operand.index;
      });
    };
    if (std::any_of(program.launches.begin() + step + 1, program.launches.end(),
                    uses))
      continue;
    const BufferInfo &buffer = program.buffers[operand.index];
    arena.poison(rows * buffer.offset, rows * buffer.bytes);
  }
}

Result<void> Session::runProgram(const ProgramInfo &program, const State &state,
                                 int64_t sequences, int64_t rows) {
  const std::vector<KernelInfo> &kernels = model->package().kernels;
  for (size_t step = 0; step < program.launches.size(); ++step) {
    const LaunchInfo &launch = program.launches[step];
    const SymbolValues symbols = {launch.rowsAreSequences ? sequences : rows,
                                  sequences,
                                  rows,
                                  state.table.columns(),
                                  state.slots(),
                                  state.table.pages()};
    Result<int64_t> grid = kernels[launch.kernel].grid.evaluate(symbols);
    if (!grid)
      return grid.error();
    operands.clear();
    for (const OperandRef &operand : launch.operands)
      operands.push_back(resolve(program, state, operand, rows));
    if (auto done = queue->launch(launch.kernel, operands, symbols, *grid);
        !done)
      return done;
    if (poison == Poison::On)
      poisonAfter(program, step, rows);
  }
  return {};
}

Result<void> Session::run(const ProgramInfo &program, State &state,
                          std::span<const StepInput> inputs, int64_t rows) {
  const auto sequences = static_cast<int64_t>(inputs.size());
  if (auto done = reserve(program, sequences, rows); !done)
    return done;
  for (const StepInput &input : inputs)
    state.table.grow(input.slot, state.position(input.slot) +
                                     static_cast<int64_t>(input.tokens.size()));
  prepareInputs(state, inputs);
  for (InputTable *table : {&tokens, &positions, &batch})
    if (auto done = table->upload(model->device()); !done)
      return done;
  if (poison == Poison::On)
    for (ZeroMemory *memory :
         {&arena, &logits.memory, &values.memory, &ids.memory})
      memory->poison(0, memory->size());
  // The grids were evaluated for the largest step when the package was read.
  if (auto done = runProgram(program, state, sequences, rows); !done)
    return done;
  for (const StepInput &input : inputs)
    state.positions[input.slot] += static_cast<int64_t>(input.tokens.size());
  return {};
}

Result<std::span<const float>>
Session::step(State &state, std::span<const StepInput> inputs, LogitsOf which) {
  Result<int64_t> rows = checkInputs(state, inputs);
  if (!rows)
    return rows.error();
  const auto sequences = static_cast<int64_t>(inputs.size());
  ProgramKind kind = ProgramKind::Prefill;
  if (which == LogitsOf::AllTokens)
    kind = ProgramKind::Forward;
  else if (*rows == sequences)
    kind = ProgramKind::Decode;
  const ProgramInfo &program = model->program(kind);
  if (auto done = run(program, state, inputs, *rows); !done)
    return done.error();
  const int64_t logitRows = program.logitsPerSequence ? sequences : *rows;
  return logits.download<float>(*model->device(),
                                logitRows * model->info().vocabSize);
}

Result<Candidates> Session::stepTopK(State &state,
                                     std::span<const StepInput> inputs) {
  if (!model->candidates())
    return Error{"step: expected a package with candidates (jetc compile "
                 "--top-k), found one without"};
  Result<int64_t> rows = checkInputs(state, inputs);
  if (!rows)
    return rows.error();
  const auto sequences = static_cast<int64_t>(inputs.size());
  const ProgramKind kind =
      *rows == sequences ? ProgramKind::DecodeTopK : ProgramKind::PrefillTopK;
  if (auto done = run(model->program(kind), state, inputs, *rows); !done)
    return done.error();
  const int64_t count = sequences * model->candidates();
  auto largest = values.download<float>(*model->device(), count);
  if (!largest)
    return largest.error();
  auto theirs = ids.download<int32_t>(*model->device(), count);
  if (!theirs)
    return theirs.error();
  return Candidates{*largest, *theirs, model->candidates()};
}

} // namespace jet
