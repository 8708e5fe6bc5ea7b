// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// How much of a prompt to take in at once.

#ifndef JET_RUNTIME_PREFILLCHUNK_H
#define JET_RUNTIME_PREFILLCHUNK_H

#include "runtime/Session.h"

namespace jet {

/// Tokens of each of `sequences` >= 1 prompts for one step, at least 16: as
/// many as keep the device busy — weights are read once a step, so more are
/// faster up to some thousands on a GPU and some hundreds on a CPU — but fewer
/// where the step's activations, scratch memory and logits, by the package's
/// plan, would take more than half of the memory that is free on the device
/// now.
int64_t choosePrefillChunk(const State &state, int64_t sequences,
                           LogitsOf which = LogitsOf::LastTokens);

} // namespace jet

#endif // JET_RUNTIME_PREFILLCHUNK_H
