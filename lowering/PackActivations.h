// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Places activations in one arena by their lifetimes.

#ifndef JET_LOWERING_PACKACTIVATIONS_H
#define JET_LOWERING_PACKACTIVATIONS_H

#include "llvm/ADT/ArrayRef.h"

#include <cstdint>
#include <vector>

namespace jet {

/// A buffer of `bytes` that is written by launch `begin` and read last by
/// launch `end` (inclusive).
struct Lifetime {
  int64_t bytes = 0;
  int64_t begin = 0, end = 0;
};

struct Packing {
  std::vector<int64_t> offsets; // one per lifetime
  int64_t bytes = 0;            // of the arena
};

/// The most bytes alive in one launch: no arena is smaller.
int64_t lowerBound(llvm::ArrayRef<Lifetime> lifetimes);

/// Offsets such that buffers alive in the same launch do not overlap: greedy,
/// each at the lowest offset that is free in its lifetime, the best of several
/// orders (by size and by breadth are those of Pisarchyk and Lee, arXiv
/// 2001.03288). Sizes should be multiples of the alignment.
Packing packActivations(llvm::ArrayRef<Lifetime> lifetimes);

} // namespace jet

#endif // JET_LOWERING_PACKACTIVATIONS_H
