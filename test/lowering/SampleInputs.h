// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Inputs of jet.sample, and what it may pick of them: for its definition and
// for its forms.

#ifndef JET_TEST_LOWERING_SAMPLEINPUTS_H
#define JET_TEST_LOWERING_SAMPLEINPUTS_H

#include "KernelHarness.h"

namespace jet::test {

/// Candidates in order with ids of their own, and rows that say how to sample.
struct SampleInputs {
  Buffer values, ids, sampling;

  /// Random ones: some equal, some rows with −∞, NaN or nothing finite; greedy,
  /// cut, with every bound at its ends.
  static SampleInputs random(Random &random, int64_t rows, int64_t count);

  /// The same values as logits, each in the column of its id; ids are 0 to
  /// count − 1, of equal values the lower first.
  Buffer shuffle(Random &random);

  void setSampling(int64_t row, double temperature, double topP, double topK,
                   double u);
  /// Whether jet.sample may pick `id` of `row`. Sums are in double; where they
  /// are so near to a bound that f32 decides, both sides are right.
  bool mayPick(int64_t row, int64_t id) const;
};

} // namespace jet::test

#endif // JET_TEST_LOWERING_SAMPLEINPUTS_H
