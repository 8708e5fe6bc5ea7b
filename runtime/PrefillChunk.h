// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// How much of a prompt to take in at once.

#ifndef JET_RUNTIME_PREFILLCHUNK_H
#define JET_RUNTIME_PREFILLCHUNK_H

#include "runtime/Session.h"

#include <limits>
#include <span>
#include <vector>

namespace jet {

/// What a step takes in: of all sequences together at most `rows` tokens, of
/// each an equal share, but `least` of it, and then of fewer sequences, and at
/// most `most`.
struct PrefillChunk {
  static constexpr int64_t kAny = std::numeric_limits<int64_t>::max();

  int64_t rows = kAny, least = 1, most = kAny;

  /// `tokens` of each sequence.
  static PrefillChunk ofEach(int64_t tokens) { return {kAny, tokens, tokens}; }
  /// Of each while `sequences` >= 1 have any left.
  int64_t tokens(int64_t sequences) const;
};

/// The chunk for `sequences` >= 1 prompts: as many rows as keep the device busy
/// — weights are read once a step, so more are faster up to some thousands on a
/// GPU and some hundreds on a CPU — but fewer where the step's activations,
/// scratch memory and logits, by the package's plan, would take more than half
/// of the memory that is free on the device now.
PrefillChunk choosePrefillChunk(const State &state, int64_t sequences,
                                LogitsOf which = LogitsOf::LastTokens);

/// A sequence on its way into a state, a chunk at a time.
struct ChunkedSequence {
  int64_t slot = 0;
  std::span<const int32_t> tokens;
  int64_t done = 0;

  int64_t left() const { return static_cast<int64_t>(tokens.size()) - done; }
};

/// A step with the next tokens of the sequences that have any left, the first
/// ones where there is not room for all. Empty when none has.
std::vector<StepInput> nextChunk(std::span<const ChunkedSequence> sequences,
                                 const PrefillChunk &chunk);

} // namespace jet

#endif // JET_RUNTIME_PREFILLCHUNK_H
