// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The epilogue of LargeProjection.cpp: from accumulators of 64 rows to results
// in memory, kChunk columns after the other. They go through shared memory, so
// that a thread has neighbours in a row; then the output's code, and stores.

#ifndef JET_LOWERING_KERNELS_COLUMNWRITER_H
#define JET_LOWERING_KERNELS_COLUMNWRITER_H

#include "lowering/kernels/Projection.h"

#include <deque>

namespace jet {

class ColumnWriter {
public:
  /// Columns that go through shared memory at once.
  static constexpr int64_t kChunk = 32;
  /// Of how many chunks, with the one that is written, what their code loads is
  /// under way: from the first on, where there is one accumulator, and at most.
  static constexpr size_t kAhead = 3, kMostAhead = 5;

  /// kChunk columns of a result, of 64 rows: where those of each product begin
  /// among the sums; where they begin in the output, `distance` behind
  /// `column`; and the accumulator.
  struct Chunk {
    llvm::SmallVector<int64_t> sums;
    mlir::Value column;
    int64_t distance = 0;
    int64_t part = 0;
  };
  /// What the code of a chunk loads, for each of the thread's rows.
  using Loaded = std::vector<llvm::SmallVector<TileBuilder::Values>>;

  /// For results of `rows` rows, by so many warpgroups; allocates their shared
  /// memory.
  ColumnWriter(Stage &stage, mlir::AffineExpr rows, int64_t groups);

  /// `row` is the first one of the warpgroup.
  Loaded load(const ProjectionOutput &output, const Chunk &chunk,
              mlir::Value row);
  /// Code and stores of chunks of `sums`, the accumulators of the warpgroup,
  /// each of 64 rows. `ahead` is what was loaded of the first chunks before.
  void write(const ProjectionOutput &output, llvm::ArrayRef<Chunk> chunks,
             mlir::ValueRange sums, mlir::Value row,
             std::deque<Loaded> ahead = {});

private:
  /// The thread's part of a chunk: vectors of `width` columns in some rows, and
  /// which of them the result has.
  struct Lane {
    int64_t width;
    mlir::Value column;
    TileBuilder::Values rows, isInside;
  };
  Lane laneOf(const ProjectionOutput &output, const Chunk &chunk,
              mlir::Value row);
  TileBuilder::Values turn(mlir::Value sums, int64_t width);

  Stage &stage;
  TileBuilder &b;
  mlir::AffineExpr rows;
  mlir::Value turned; // shared: f32 [groups, 64, kChunk + kPadding]
};

} // namespace jet

#endif // JET_LOWERING_KERNELS_COLUMNWRITER_H
