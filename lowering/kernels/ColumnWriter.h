// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What LargeEpilogue.cpp writes with: from accumulators of 64 rows to results
// in memory, with the output's code on the way, in the registers of the thread
// that has them.
//
// A thread has 2 of each 8 columns of an accumulator. So that a run of
// neighbours in the result, 16 bytes, is one thread's, rows of weights lie in
// shared memory in another order: of a strip of n columns, column r q + 2 j + e
// stands at 2 n / r · j + 2 q + e, with runs of r, e of 0 or 1. Nothing is
// exchanged. TMA puts them there, a box for each j.

#ifndef JET_LOWERING_KERNELS_COLUMNWRITER_H
#define JET_LOWERING_KERNELS_COLUMNWRITER_H

#include "lowering/kernels/Projection.h"

#include <deque>

namespace jet {

class ColumnWriter {
public:
  /// Of how many chunks, with the one that is written, what their code loads is
  /// under way: from the first on, where there is one accumulator or more, and
  /// at most.
  static constexpr size_t kAhead = 6, kFewAhead = 2, kMostAhead = 10;
  /// And at most as many as have so many registers.
  static constexpr size_t kRegisters = 80;
  /// Of these for what Projection::periodic loads, of two chunks.
  static constexpr size_t kPeriodicRegisters = 64;
  /// Registers of what is loaded of a chunk, for each operand.
  static constexpr int64_t kLoaded = 8;
  /// ProjectionOutput::half is a multiple of these columns: with fewer a strip
  /// would take more copies than the producer has registers for.
  static constexpr int64_t kHalf = 64;

  /// Of an output's columns: 8, 4 or 2.
  static int64_t runOf(const ProjectionOutput &output);
  /// Columns that a warp makes at once: each of the four lanes of a row a run.
  static int64_t chunkOf(const ProjectionOutput &output) {
    return 4 * runOf(output);
  }

  /// chunkOf() columns of a result, of 64 rows.
  struct Chunk {
    llvm::SmallVector<int64_t> sums; // where the strips of each product begin
    int64_t stripColumns;
    mlir::Value column; // of the output, where the strip begins
    int64_t distance;   // of the chunk from there
    int64_t part;       // the accumulator
  };
  /// What the code of a chunk loads, for each of the thread's vectors.
  using Loaded = std::vector<llvm::SmallVector<TileBuilder::Values>>;

  /// What was loaded before the sums were there: Projection::scales of the
  /// thread's two rows in the first accumulator, what the code of the first
  /// chunks reads, and of the first one by Projection::periodic.
  struct Ahead {
    TileBuilder::Values scales;
    std::deque<Loaded> chunks;
    std::optional<Loaded> periodic;
  };

  /// For results of `spec`, which stays.
  ColumnWriter(Stage &stage, const Projection &spec)
      : stage(stage), b(stage.b), spec(spec) {}

  /// Starts the copy of a strip of `columns` rows of the weights of `product`
  /// from `column` on, 64 elements from `k` on, as `start` does it from a place
  /// in a tensor map to a part of `tile`.
  void loadWeights(const ProjectionOutput &output, int64_t product,
                   int64_t inner, int64_t columns, mlir::Value column,
                   mlir::Value k, mlir::Value tile,
                   llvm::function_ref<void(mlir::Value map, mlir::ValueRange at,
                                           mlir::Value tile)>
                       start);

  /// Projection::scales of the thread's two rows in accumulator `part`; `row`
  /// is the first one of the warpgroup.
  TileBuilder::Values loadScales(mlir::Value row, int64_t part);
  /// What the code of `chunk` loads by `load`, which may be empty.
  Loaded load(const ProjectionOutput &output, const LoadElements &load,
              const Chunk &chunk, mlir::Value row);
  /// Code and stores of chunks of `sums`, the accumulators of the warpgroup,
  /// each of 64 rows. Chunks that are alike in Projection::periodic come one
  /// after the other.
  void write(const ProjectionOutput &output, llvm::ArrayRef<Chunk> chunks,
             mlir::ValueRange sums, mlir::Value row, Ahead ahead);

private:
  /// A vector of a chunk that the thread makes: where its code may load, which
  /// is inside, and whether it is there itself; its elements begin at `run` of
  /// those of the accumulator's row `half`.
  struct Vector {
    mlir::Value row, column, isInside;
    int64_t half, run;
  };
  /// Whether Projection::periodic loads the same for both.
  bool isAlike(const Chunk &a, const Chunk &b) const;
  using Stores = llvm::SmallVector<std::function<void()>>;
  /// Code on a chunk; `elements` are the thread's of each accumulator.
  Stores makeChunk(const ProjectionOutput &output, const Chunk &chunk,
                   llvm::ArrayRef<TileBuilder::Values> elements,
                   mlir::Value row, mlir::ValueRange scales,
                   llvm::ArrayRef<const Loaded *> loaded);
  /// The thread's row in a half of the 64 of accumulator `part`.
  mlir::Value rowIn(mlir::Value row, int64_t part, int64_t half);
  llvm::SmallVector<Vector> vectorsOf(const ProjectionOutput &output,
                                      const Chunk &chunk, mlir::Value row);

  Stage &stage;
  TileBuilder &b;
  const Projection &spec;
};

} // namespace jet

#endif // JET_LOWERING_KERNELS_COLUMNWRITER_H
