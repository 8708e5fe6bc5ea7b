// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef JET_TOOLS_JET_RUN_PREFILL_H
#define JET_TOOLS_JET_RUN_PREFILL_H

#include "runtime/Session.h"

#include <algorithm>
#include <functional>
#include <span>
#include <vector>

namespace jet {

/// A sequence on its way into a state, a chunk at a time.
struct ChunkedSequence {
  int64_t slot = 0;
  std::span<const int32_t> tokens;
  int64_t done = 0;

  int64_t left() const { return static_cast<int64_t>(tokens.size()) - done; }
};

/// A step with the next tokens, at most `chunk` of each, of all sequences that
/// have any left. Empty when none has.
inline std::vector<StepInput>
nextChunk(std::span<const ChunkedSequence> sequences, int64_t chunk) {
  std::vector<StepInput> inputs;
  for (const ChunkedSequence &sequence : sequences)
    if (sequence.left() > 0)
      inputs.push_back({sequence.slot,
                        sequence.tokens.subspan(
                            sequence.done, std::min(chunk, sequence.left()))});
  return inputs;
}

} // namespace jet

#endif // JET_TOOLS_JET_RUN_PREFILL_H
