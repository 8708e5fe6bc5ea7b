// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "runtime/Session.h"

#include "support/CheckedMath.h"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace jet {

static_assert(sizeof(SamplingRow) == kSamplingColumns * sizeof(float));

/// `count` int32 or more, up to a multiple of 64 bytes.
static int64_t padded(int64_t count) { return (count + 15) / 16 * 16; }

void StepTables::resize(int64_t rows, int64_t sequences, int64_t columns) {
  positionsAt = padded(rows);
  batchAt = 2 * positionsAt;
  samplingAt = batchAt + padded(sequences * (kBatchColumns + columns));
  values.resize(samplingAt + sequences * kSamplingColumns);
}

Result<void> StepTables::upload(const std::shared_ptr<Device> &device) {
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

void *StepTables::address(const int32_t *part) const {
  const int64_t offset = (part - values.data()) * int64_t(sizeof(int32_t));
  if (copy.data())
    return copy.data() + offset;
  return const_cast<int32_t *>(part);
}

Result<const std::byte *>
OutputTable::download(const std::shared_ptr<Device> &device, int64_t bytes) {
  if (device->isHost() || bytes == 0)
    return memory.data();
  Result<std::byte *> to = copy.reserve(device, bytes);
  if (!to)
    return to.error();
  if (auto done = memory.read(0, bytes, *to); !done)
    return done.error();
  return *to;
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
  int32_t *batch = tables.batch();
  int32_t firstRow = 0;
  for (const StepInput &input : inputs) {
    const auto start = static_cast<int32_t>(state.position(input.slot));
    const auto count = static_cast<int32_t>(input.tokens.size());
    for (int32_t value :
         {static_cast<int32_t>(input.slot), start, firstRow, count})
      *batch++ = value;
    const std::span<const int32_t> pages = state.table.row(input.slot);
    batch = std::copy(pages.begin(), pages.end(), batch);
    std::ranges::copy(input.tokens, tables.tokens() + firstRow);
    for (int32_t i = 0; i < count; ++i)
      tables.positions()[firstRow + i] = start + i;
    firstRow += count;
  }
}

Result<void> Session::reserve(const ProgramInfo &program, int64_t sequences,
                              int64_t rows) {
  // verifyPackage() made sure that these products fit.
  const int64_t outputs = program.logitsPerSequence ? sequences : rows;
  const int64_t logitCount =
      program.candidates ? 0 : outputs * model->info().vocabSize;
  // verifyPackage(): at most vocab_size candidates, of sequences.
  const int64_t candidateBytes =
      padded(outputs * program.candidates) * int64_t(sizeof(float));
  valuesAt = padded(sequences) * int64_t(sizeof(int32_t));
  idsAt = valuesAt + candidateBytes;
  for (auto [memory, bytes, what] :
       {std::tuple(&arena, rows * program.arenaBytesPerRow,
                   "activations of " + std::to_string(rows) + " tokens"),
        std::tuple(&logits.memory, logitCount * int64_t(sizeof(float)),
                   std::string("logits")),
        std::tuple(&candidates.memory, idsAt + candidateBytes,
                   std::string("candidates"))}) {
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
    return tables.address(tables.tokens());
  case OperandRef::Kind::Positions:
    return tables.address(tables.positions());
  case OperandRef::Kind::Batch:
    return tables.address(tables.batch());
  case OperandRef::Kind::Sampling:
    return tables.address(tables.sampling());
  case OperandRef::Kind::Logits:
    return logits.memory.data();
  case OperandRef::Kind::Next:
    return candidates.memory.data();
  case OperandRef::Kind::Values:
    return candidates.memory.data() + valuesAt;
  case OperandRef::Kind::Ids:
    return candidates.memory.data() + idsAt;
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

Result<void> Session::runLaunch(const ProgramInfo &program, const State &state,
                                int64_t sequences, int64_t rows, size_t step,
                                const std::optional<Part> &part) {
  const LaunchInfo &launch = program.launches[step];
  const SymbolValues symbols = {launch.rowsAreSequences ? sequences : rows,
                                sequences,
                                rows,
                                state.table.columns(),
                                state.slots(),
                                state.table.pages()};
  Result<int64_t> grid =
      model->package().kernels[launch.kernel].grid.evaluate(symbols);
  if (!grid)
    return grid.error();
  operands.clear();
  for (const OperandRef &operand : launch.operands)
    operands.push_back(resolve(program, state, operand, rows));
  if (part && part->stage)
    return queue->launchStage(launch.kernel, *part->stage, operands, symbols);
  return queue->launch(launch.kernel, operands, symbols, *grid);
}

Result<void> Session::runProgram(const ProgramInfo &program, const State &state,
                                 int64_t sequences, int64_t rows,
                                 std::optional<Part> part) {
  for (size_t step = 0; step < program.launches.size(); ++step) {
    if (part && !part->has(program.launches[step]))
      continue;
    if (auto done = runLaunch(program, state, sequences, rows, step, part);
        !done)
      return done;
    if (poison == Poison::On)
      poisonAfter(program, step, rows);
  }
  return {};
}

std::span<const uint64_t> Session::keyOf(const ProgramInfo &program,
                                         const State &state, int64_t sequences,
                                         int64_t rows) {
  key.clear();
  // Prompts are of many lengths, and long.
  if (rows != sequences || poison == Poison::On || model->device()->isHost())
    return key;
  const auto add = [&](const void *address) {
    key.push_back(reinterpret_cast<uintptr_t>(address));
  };
  for (int64_t size : {sequences, state.table.columns(), state.slots(),
                       state.table.pages(), idsAt})
    key.push_back(static_cast<uint64_t>(size));
  for (const void *address : std::initializer_list<const void *>{
           &program, arena.data(), tables.address(tables.tokens()),
           logits.memory.data(), candidates.memory.data()})
    add(address);
  for (size_t i = 0; i < model->package().states.size(); ++i)
    add(state.memory(i).data());
  return key;
}

Result<void> Session::prepare(const ProgramInfo &program, State &state,
                              std::span<const StepInput> inputs, int64_t rows,
                              std::span<const SamplingRow> sampling) {
  const auto sequences = static_cast<int64_t>(inputs.size());
  if (auto done = reserve(program, sequences, rows); !done)
    return done;
  for (const StepInput &input : inputs)
    state.table.grow(input.slot, state.position(input.slot) +
                                     static_cast<int64_t>(input.tokens.size()));
  tables.resize(rows, sequences, state.table.columns());
  prepareInputs(state, inputs);
  const std::vector<SamplingRow> greedy(sampling.empty() ? sequences : 0);
  if (sampling.empty())
    sampling = greedy;
  std::memcpy(tables.sampling(), sampling.data(), sampling.size_bytes());
  return tables.upload(model->device());
}

Result<void> Session::run(const ProgramInfo &program, State &state,
                          std::span<const StepInput> inputs, int64_t rows,
                          std::span<const SamplingRow> sampling) {
  const auto sequences = static_cast<int64_t>(inputs.size());
  if (auto done = prepare(program, state, inputs, rows, sampling); !done)
    return done;
  if (poison == Poison::On)
    for (ZeroMemory *memory : {&arena, &logits.memory, &candidates.memory})
      memory->poison(0, memory->size());
  lastProgram = &program;
  lastSequences = sequences;
  lastRows = rows;
  // The grids were evaluated for the largest step when the package was read.
  const auto launches = [&] {
    return runProgram(program, state, sequences, rows);
  };
  if (auto done = queue->step(keyOf(program, state, sequences, rows), launches);
      !done)
    return done;
  advance(state, inputs);
  return {};
}

void Session::advance(State &state, std::span<const StepInput> inputs) {
  for (const StepInput &input : inputs)
    state.positions[input.slot] += static_cast<int64_t>(input.tokens.size());
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
  const int64_t count = logitRows * model->info().vocabSize;
  auto data = logits.download(model->device(), count * int64_t(sizeof(float)));
  if (!data)
    return data.error();
  return std::span(reinterpret_cast<const float *>(*data), count);
}

static Result<void> checkSampling(std::span<const SamplingRow> sampling,
                                  size_t sequences) {
  if (sampling.size() != sequences)
    return Error{"step: expected how to sample for each of " +
                 std::to_string(sequences) + " sequences, found " +
                 std::to_string(sampling.size())};
  for (size_t i = 0; i < sequences; ++i) {
    const SamplingRow &row = sampling[i];
    const struct {
      const char *name, *expected;
      float value;
      bool isRight;
    } checks[] = {{"temperature", "a number >= 0", row.temperature,
                   std::isfinite(row.temperature) && row.temperature >= 0},
                  {"top-p", "a number from 0 to 1", row.topP,
                   row.topP >= 0 && row.topP <= 1},
                  {"top-k", "a number >= 0", row.topK, row.topK >= 0},
                  {"uniform", "a number in [0, 1)", row.uniform,
                   row.uniform >= 0 && row.uniform < 1}};
    for (const auto &check : checks)
      if (!check.isRight)
        return Error{"sequence " + std::to_string(i) + ": " + check.name +
                     ": expected " + check.expected + ", found " +
                     std::to_string(check.value)};
  }
  return {};
}

Result<void> Session::runSample(State &state, std::span<const StepInput> inputs,
                                std::span<const SamplingRow> sampling) {
  if (!model->candidates())
    return Error{"step: expected a package with candidates (jetc compile "
                 "--top-k), found one without"};
  if (auto right = checkSampling(sampling, inputs.size()); !right)
    return right;
  Result<int64_t> rows = checkInputs(state, inputs);
  if (!rows)
    return rows.error();
  const bool isDecode = *rows == static_cast<int64_t>(inputs.size());
  const bool areEnough =
      std::ranges::all_of(sampling, [&](const SamplingRow &row) {
        return candidatesSuffice(row, model->candidates(),
                                 model->info().vocabSize);
      });
  ProgramKind kind =
      isDecode ? ProgramKind::DecodeSample : ProgramKind::PrefillSample;
  if (!areEnough)
    kind = isDecode ? ProgramKind::Decode : ProgramKind::Prefill;
  if (!areEnough && !model->picksFromLogits())
    return Error{"step: expected a package that picks tokens from all logits, "
                 "or a top-k of at most " +
                 std::to_string(model->candidates()) + " for every sequence"};
  return run(model->program(kind), state, inputs, *rows, sampling);
}

Result<Candidates> Session::stepTopK(State &state,
                                     std::span<const StepInput> inputs) {
  // What is picked of them is of no interest.
  const std::vector<SamplingRow> greedy(inputs.size());
  if (auto done = runSample(state, inputs, greedy); !done)
    return done.error();
  const size_t count = inputs.size() * model->candidates();
  auto data = candidates.download(
      model->device(), idsAt + static_cast<int64_t>(count * sizeof(int32_t)));
  if (!data)
    return data.error();
  return Candidates{
      std::span(reinterpret_cast<const float *>(*data + valuesAt), count),
      std::span(reinterpret_cast<const int32_t *>(*data + idsAt), count),
      model->candidates()};
}

Result<std::span<const int32_t>>
Session::stepSample(State &state, std::span<const StepInput> inputs,
                    std::span<const SamplingRow> sampling) {
  if (auto done = runSample(state, inputs, sampling); !done)
    return done.error();
  auto data = candidates.download(
      model->device(), static_cast<int64_t>(inputs.size() * sizeof(int32_t)));
  if (!data)
    return data.error();
  return std::span(reinterpret_cast<const int32_t *>(*data), inputs.size());
}

} // namespace jet
