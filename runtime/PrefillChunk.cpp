// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "runtime/PrefillChunk.h"

#include "runtime/FormSizes.h"
#include "support/CheckedMath.h"

#include <algorithm>

namespace jet {

/// Rows of a step beyond which it gets no faster.
static constexpr int64_t kHostRows = 256, kDeviceRows = 8192;
/// What a sequence gets of them at least. A GPU's kernels go through the tokens
/// of a sequence one after the other, and have enough to do with a few
/// sequences: with 64 tokens of each of 128 the chunked delta rule takes more
/// than twice as long as with 2048 of each of four.
static constexpr int64_t kHostTokens = 16, kDeviceTokens = 2048;
/// Kernels take so many rows of a sequence at once.
static constexpr int64_t kRowTile = 64;

/// Scratch memory of the largest launch of `program`; nothing where that has no
/// size.
static std::optional<int64_t> scratchBytes(const Package &package,
                                           const ProgramInfo &program,
                                           const SymbolValues &sizes) {
  int64_t most = 0;
  for (const LaunchInfo &launch : program.launches) {
    SymbolValues symbols;
    std::ranges::copy(sizes, symbols);
    if (launch.rowsAreSequences)
      symbols[static_cast<int>(Symbol::R)] = sizes[static_cast<int>(Symbol::B)];
    // General kernels take what they find.
    const KernelForm *form =
        chooseForm(package.kernels[launch.kernel].forms, symbols);
    if (!form)
      continue;
    const Result<int64_t> bytes = form->scratch.evaluate(symbols);
    if (!bytes)
      return std::nullopt;
    most = std::max(most, *bytes);
  }
  return most;
}

/// What a step of `rows` tokens takes beside the state, if that is a number.
static std::optional<int64_t> stepBytes(const State &state, int64_t sequences,
                                        int64_t rows, LogitsOf which) {
  const Model &model = state.model();
  const ProgramInfo &program =
      model.program(which == LogitsOf::AllTokens ? ProgramKind::Forward
                                                 : ProgramKind::Prefill);
  const SymbolValues symbols = {rows,          sequences,
                                rows,          state.pageTable().columns(),
                                state.slots(), state.pageTable().pages()};
  const std::optional<int64_t> scratch =
      scratchBytes(model.package(), program, symbols);
  if (!scratch)
    return std::nullopt;
  const std::optional<int64_t> activations =
      checkedMul(rows, program.arenaBytesPerRow);
  const std::optional<int64_t> logits =
      checkedMul(program.logitsPerSequence ? sequences : rows,
                 model.info().vocabSize * int64_t(sizeof(float)));
  if (!activations || !logits)
    return std::nullopt;
  const std::optional<int64_t> most = checkedAdd(*activations, *logits);
  return most ? checkedAdd(*most, *scratch) : std::nullopt;
}

int64_t PrefillChunk::tokens(int64_t sequences) const {
  const int64_t share = rows / sequences;
  const int64_t whole = share > kRowTile ? share / kRowTile * kRowTile : share;
  return std::min({std::max(whole, least), most, rows});
}

PrefillChunk choosePrefillChunk(const State &state, int64_t sequences,
                                LogitsOf which) {
  const std::optional<int64_t> free = state.model().device()->freeBytes();
  if (!free)
    return {kHostRows, kHostTokens};
  int64_t rows = kDeviceRows;
  for (; rows > kRowTile; rows /= 2) {
    const std::optional<int64_t> bytes =
        stepBytes(state, std::min(sequences, rows), rows, which);
    if (bytes && *bytes <= *free / 2)
      break;
  }
  return {rows, kDeviceTokens};
}

std::vector<StepInput> nextChunk(std::span<const ChunkedSequence> sequences,
                                 const PrefillChunk &chunk) {
  std::vector<StepInput> inputs;
  const int64_t going = std::ranges::count_if(
      sequences, [](const ChunkedSequence &s) { return s.left() > 0; });
  if (going == 0)
    return inputs;
  const int64_t tokens = chunk.tokens(going);
  int64_t room = chunk.rows;
  for (const ChunkedSequence &sequence : sequences) {
    const int64_t count = std::min({tokens, sequence.left(), room});
    if (count <= 0)
      continue;
    inputs.push_back(
        {sequence.slot, sequence.tokens.subspan(sequence.done, count)});
    room -= count;
  }
  return inputs;
}

} // namespace jet
