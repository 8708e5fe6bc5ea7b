// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Which tiles of a product of many rows a pair of CTAs computes, and in which
// order.
//
// Pairs of CTAs, with neighbouring tiles of rows, take every 66th tile, counted
// in blocks of some pairs of rows, whose x and weights stay in the second-level
// cache; those of narrow products row by row (4096 -> 2048 of 8192 rows takes
// 207 us instead of 215; 2048 -> 2x11008 would take 1248 instead of 1093). In
// the last round, if there are tiles for no more than half of the
// pairs, two pairs can get half of the columns each.

#ifndef JET_LOWERING_KERNELS_LARGEPIECES_H
#define JET_LOWERING_KERNELS_LARGEPIECES_H

#include "lowering/kernels/Forms.h"
#include "lowering/kernels/LargeTiles.h"

namespace jet {

class LargePieces {
public:
  /// What a pair of CTAs computes at once: a tile, or a half of its columns.
  struct Piece {
    mlir::Value pairRow; // the first row of the pair's
    mlir::Value tile;    // along the columns
    mlir::Value half;    // 0 or 1; null for all
    mlir::Value round;   // how many pieces the pair has had before
  };
  /// Which pieces: from one on, at which distance, up to one if that is given.
  struct Some {
    mlir::Value from;
    int64_t step = 1;
    mlir::Value end = {};
  };
  using Body = llvm::function_ref<TileBuilder::Values(const Piece &piece,
                                                      mlir::ValueRange)>;

  /// Of `rows` rows and `tiles` tiles along the columns. `halves` is whether
  /// tiles are halved.
  LargePieces(Stage &stage, mlir::AffineExpr rows, const LargeTile &shape,
              int64_t tiles, bool halves)
      : stage(stage), b(stage.b), rows(rows), shape(shape), tiles(tiles),
        halves(halves) {}

  /// Runs `body` for some of the pair's pieces; values go from one to the next.
  void forEach(const Some &some, mlir::ValueRange inits, Body body);

private:
  Piece pieceOf(mlir::Value number, mlir::Value half, mlir::Value round,
                mlir::Value pairs);

  Stage &stage;
  TileBuilder &b;
  mlir::AffineExpr rows;
  LargeTile shape;
  int64_t tiles;
  bool halves;
};

} // namespace jet

#endif // JET_LOWERING_KERNELS_LARGEPIECES_H
