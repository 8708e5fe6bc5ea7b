// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "runtime/PrefillChunk.h"

#include "runtime/FormSizes.h"
#include "support/CheckedMath.h"

#include <algorithm>

namespace jet {

/// Rows of a step beyond which it gets no faster.
static constexpr int64_t kHostRows = 256, kDeviceRows = 8192;
/// What many sequences get anyway.
static constexpr int64_t kLeastChunk = 16;
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

int64_t choosePrefillChunk(const State &state, int64_t sequences,
                           LogitsOf which) {
  const std::optional<int64_t> free = state.model().device()->freeBytes();
  int64_t rows = free ? kDeviceRows : kHostRows;
  while (free && rows > kLeastChunk * sequences) {
    const std::optional<int64_t> bytes =
        stepBytes(state, sequences, rows, which);
    if (bytes && *bytes <= *free / 2)
      break;
    rows /= 2;
  }
  const int64_t chunk = std::max(kLeastChunk, rows / sequences);
  return chunk > kRowTile ? chunk / kRowTile * kRowTile : chunk;
}

} // namespace jet
