// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A warp picks one of a row of candidates, as jet.sample says:
//
//   weights  w_i = exp((v_i − v_0) / T) of the n that take part, a lane each
//   sums     c_i = c_{i−1} + w_i, one lane in order: a chain of n additions, in
//            fours, which takes a fraction of a microsecond
//   m        how many c_i < P · c_{n−1}, lanes side by side
//   pick     how many c_i <= u · c_m before m, likewise
//
// Shared memory: the weights, in whose place the sums go.

#ifndef JET_LOWERING_KERNELS_WARPSAMPLER_H
#define JET_LOWERING_KERNELS_WARPSAMPLER_H

#include "lowering/kernels/TileBuilder.h"

namespace jet {

class WarpSampler {
  using Value = mlir::Value;

public:
  /// Picks of `count` candidates.
  WarpSampler(TileBuilder &b, int64_t count);

  /// Reads how to from [row, 0 … 4) of `sampling`, which no launch writes: this
  /// may stand before tile.wait_dependencies.
  void load(Value sampling, Value row);
  /// A row of candidates in memory: [indices…, i].
  struct Row {
    Value values, ids;
    TileBuilder::Values indices;
  };
  /// One warp, all of it. Lane 0 writes the pick to [at] of `next`.
  void pick(const Row &row, Value next, Value at);

private:
  Value countOf(Value first);
  void sumUp(Value n);
  Value count(Value end, llvm::function_ref<Value(Value sum)> test);

  TileBuilder &b;
  int64_t most;
  Value sums; // shared
  Value temperature, topP, topK, uniform;
};

} // namespace jet

#endif // JET_LOWERING_KERNELS_WARPSAMPLER_H
