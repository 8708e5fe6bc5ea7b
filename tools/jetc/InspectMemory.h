// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// --memory of jetc inspect and jetc compile: what a package needs in memory,
// from its plan.

#ifndef JET_TOOLS_JETC_INSPECTMEMORY_H
#define JET_TOOLS_JETC_INSPECTMEMORY_H

#include "runtime/Package.h"

#include <nlohmann/json.hpp>

#include <string>
#include <vector>

namespace jet {

/// 1536 → "1.50 KiB".
std::string formatBytes(int64_t bytes);

/// "80GB" → 80000000000. Units: B; KB, MB, GB of 1000; KiB, MiB, GiB of 1024.
/// Errors: anything else, less than one byte, more than 64 bits.
Result<int64_t> parseByteCount(const std::string &text);

/// The launches in which a buffer must keep its bytes: first to last, both
/// included. All -1 for a buffer that no launch uses.
struct BufferLifetime {
  int64_t first = -1, last = -1;
  int64_t writer = -1; // the first launch that writes it
};

/// One for each buffer of `program`.
std::vector<BufferLifetime> bufferLifetimes(const Package &package,
                                            const ProgramInfo &program);

/// How much of the arena of a program is unavoidable.
struct ActivationPeak {
  int64_t arenaBytes = 0; // per token
  int64_t liveBytes = 0;  // the largest sum of buffers alive in one launch
  int64_t launch = 0;     // where that is
  double ratio() const {
    return liveBytes ? static_cast<double>(arenaBytes) / liveBytes : 1.0;
  }
};

/// An error when the sum does not fit 64 bits.
Result<ActivationPeak> activationPeak(const Package &package,
                                      const ProgramInfo &program);

/// Bytes that a batch needs.
struct MemoryTerms {
  int64_t weights = 0, state = 0, activations = 0, logits = 0, total = 0;
  /// Whether a prefill of the chunk needs the larger arena, not a decode.
  bool prefillIsPeak = false;
};

/// The largest batch for a budget.
struct MemoryFit {
  std::string given; // the budget as the user wrote it
  int64_t budget = 0, context = 0, chunkTokens = 0;
  int64_t statePerSequence = 0;
  int64_t largestBatch = 0; // 0: not even one sequence fits
  /// Of the largest batch, or of one sequence when that does not fit.
  MemoryTerms terms;
  int64_t batchOfTerms() const { return largestBatch ? largestBatch : 1; }
};

/// The largest batch of sequences of `context` positions for `given`, as in
/// parseByteCount(), prefilled in steps of at most `chunkTokens` tokens in all.
/// Errors: no such budget; a chunk < 1; one sequence's bytes do not fit 64
/// bits.
Result<MemoryFit> fitMemory(const Package &package, const std::string &given,
                            int64_t context, int64_t chunkTokens);

/// Tokens of a step of prefill, of all sequences together, when nobody said.
inline constexpr int64_t kDefaultChunkTokens = 2048;

/// An error, one line that begins with --memory, unless the largest batch that
/// `package` allows, at its largest context, fits `given`. It says what needs
/// how much, and the largest batch that would fit.
Result<void> checkMemory(const Package &package, const std::string &given);

nlohmann::ordered_json memoryToJson(const MemoryFit &fit);
void printMemory(const Package &package, const MemoryFit &fit);

} // namespace jet

#endif // JET_TOOLS_JETC_INSPECTMEMORY_H
