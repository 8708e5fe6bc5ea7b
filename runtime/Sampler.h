// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Picks the next token from logits.

#ifndef JET_RUNTIME_SAMPLER_H
#define JET_RUNTIME_SAMPLER_H

#include "support/Error.h"

#include <cstdint>
#include <span>
#include <vector>

namespace jet {

/// A random 64-bit word that depends on `seed` and `counter` alone (splitmix64
/// of both): any element of the sequence can be had without those before it,
/// in any order, on any machine.
uint64_t randomBits(uint64_t seed, uint64_t counter);

/// The same as a double in [0, 1).
double randomUniform(uint64_t seed, uint64_t counter);

/// The index of the largest value, the lowest one of equals. NaNs are never
/// picked unless there is nothing else (then 0). `logits` is not empty.
int32_t argmax(std::span<const float> logits);

struct SamplingOptions {
  double temperature = 0; // 0 is greedy
  int64_t topK = 0;       // 0 keeps all
  double topP = 1;        // smallest set of tokens with this probability
  uint64_t seed = 0;
};

/// How a model picks the next token of a sequence itself, from candidates: a
/// row of the programs' input `sampling`, see Package.h.
struct SamplingRow {
  float temperature = 0; // 0 is greedy
  float topP = 1;
  float topK = 0;    // 0 keeps all
  float uniform = 0; // in [0, 1)
};

/// Whether the `count` largest of `vocab` logits are enough: greedily, with
/// top-k up to `count`, or when they are all.
bool candidatesSuffice(const SamplingRow &row, int64_t count, int64_t vocab);

/// Samples tokens one after another. Same options and logits, same tokens.
class Sampler {
public:
  /// Errors: temperature negative or not finite, topK < 0, topP not in (0, 1].
  static Result<Sampler> create(const SamplingOptions &options,
                                uint64_t stream = 0);

  int32_t sample(std::span<const float> logits);

  /// candidatesSuffice() for what it picks.
  bool canUseCandidates(int64_t count, int64_t vocab) const;
  /// What sample() picks from logits whose largest are `values`, in order, with
  /// these `ids` (see Candidates). Expects canUseCandidates().
  int32_t sample(std::span<const float> values, std::span<const int32_t> ids);

  /// What a model needs to pick the next token as sample() would; advance()
  /// goes on to the one after it.
  SamplingRow row() const;
  void advance() { counter += !isGreedy(); }

private:
  explicit Sampler(const SamplingOptions &options) : options(options) {}

  bool isGreedy() const {
    return options.temperature == 0 || options.topK == 1;
  }
  /// Picks one of `sorted`, the largest values in order, by its index.
  size_t pick(std::span<const float> sorted);

  SamplingOptions options;
  uint64_t stream = 0, counter = 0;
  std::vector<int32_t> order;
  std::vector<float> largest;
  std::vector<double> weights;
};

} // namespace jet

#endif // JET_RUNTIME_SAMPLER_H
