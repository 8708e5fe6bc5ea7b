// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// (I − N)⁻¹ of a chunk of the delta rule, N strictly below the diagonal.

#ifndef JET_LOWERING_KERNELS_DELTASOLVE_H
#define JET_LOWERING_KERNELS_DELTASOLVE_H

#include "lowering/kernels/TileBuilder.h"

namespace jet {

/// By the eight warps of a CTA, and its barrier. In f32, or in two parts of
/// bf16 that have 16 bits of it.
class DeltaSolver {
public:
  using Value = mlir::Value;
  using Values = TileBuilder::Values;
  static constexpr int64_t kRows = 64, kThreads = 256;

  /// Allocates shared memory, 18 KB.
  explicit DeltaSolver(TileBuilder &b);

  /// From N, f32 [64, 64] as an accumulator, by the first four warps; then by
  /// all, which begins and ends with the CTA's barrier.
  void substitute(Value n);
  void solve();
  /// The result: kOwnRows rows a thread, kWidth columns of each, in f32.
  static constexpr int64_t kWidth = 8, kOwnRows = kRows * kWidth / kThreads;
  Value row(int64_t i);
  Value firstColumn();
  Values elements(int64_t i);
  /// What is free, 18 KB, once all have read the result.
  Value memory() const { return bytes; }

private:
  void multiplyPairs();
  void multiplyHalves();
  Value nearest(Value x);
  Value multiply(Value left, Value leftColumn, Value right, Value rightColumn,
                 Value sum);
  void keep(Value sums, Value block, Value column);
  Values partsAt(Value block, Value row, Value column, int64_t width);

  TileBuilder &b;
  mlir::Type someSums; // f32 [16, 8] of a warp
  // Shared, as f32 [blocks, 16, 72], and as bf16 [blocks, parts, 16, 72].
  Value bytes, system, parts;
};

} // namespace jet

#endif // JET_LOWERING_KERNELS_DELTASOLVE_H
