// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "lowering/PackActivations.h"

#include "llvm/ADT/STLExtras.h"

#include <numeric>

using namespace jet;

Packing jet::packActivations(llvm::ArrayRef<Lifetime> lifetimes) {
  std::vector<size_t> order(lifetimes.size());
  std::iota(order.begin(), order.end(), 0);
  llvm::sort(order, [&](size_t a, size_t b) {
    if (lifetimes[a].bytes != lifetimes[b].bytes)
      return lifetimes[a].bytes > lifetimes[b].bytes;
    return a < b;
  });

  Packing packing;
  packing.offsets.resize(lifetimes.size());
  std::vector<size_t> placed; // by offset
  for (size_t current : order) {
    const Lifetime &own = lifetimes[current];
    int64_t offset = 0;
    for (size_t other : placed) {
      const Lifetime &theirs = lifetimes[other];
      if (theirs.end < own.begin || own.end < theirs.begin)
        continue;
      if (packing.offsets[other] - offset >= own.bytes)
        break; // fits in the gap before this one
      offset = std::max(offset, packing.offsets[other] + theirs.bytes);
    }
    packing.offsets[current] = offset;
    packing.bytes = std::max(packing.bytes, offset + own.bytes);
    placed.insert(llvm::upper_bound(placed, current,
                                    [&](size_t a, size_t b) {
                                      return packing.offsets[a] <
                                             packing.offsets[b];
                                    }),
                  current);
  }
  return packing;
}
