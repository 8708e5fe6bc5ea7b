// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// x̂ of a few rows, made by a CTA for itself in shared memory.

#ifndef JET_LOWERING_KERNELS_OWNROWS_H
#define JET_LOWERING_KERNELS_OWNROWS_H

#include "lowering/kernels/Elements.h"

namespace jet {

/// The input of a projection as its wgmma reads it, but for the scale of a row
/// by the norm, which the results get: one pass over x is enough for the
/// squares and the elements.
class OwnRows {
public:
  static constexpr int64_t kStep = 64; // of k, a tile for wgmma
  static int64_t bytes(int64_t rows, int64_t steps) {
    return rows * steps * kStep * 2;
  }

  /// Allocates tiles for `steps` of k. `threads` make them.
  OwnRows(Stage &stage, const RowInput &input, int64_t rows, int64_t steps,
          int64_t threads);
  /// Waits for the launch before, and makes the first `count` rows of the steps
  /// [begin, end) of k; zero what of them lies behind k. Ends with the named
  /// barrier of all the threads.
  void make(mlir::Value count, mlir::Value begin, mlir::Value end,
            int64_t barrier);
  /// bf16 [rows, kStep], of a step counted from `begin`.
  mlir::Value tile(mlir::Value step) { return b.slice(tiles, {step}); }
  /// Scales results of row `m`, behind a barrier of the CTA after make().
  void scale(llvm::MutableArrayRef<mlir::Value> results, mlir::Value m);

private:
  void makeRows(mlir::Value first, int64_t together);
  void makeScales();

  TileBuilder &b;
  RowReader reader;
  int64_t rows, threads;
  mlir::Value tiles, squares, scales; // shared
  mlir::Value count, beginColumn, endColumn, warp, lane;
  // Of each row a thread makes the vectors at these columns; the norm's
  // factors.
  TileBuilder::Values columns;
  llvm::SmallVector<TileBuilder::Values> norms;
};

} // namespace jet

#endif // JET_LOWERING_KERNELS_OWNROWS_H
