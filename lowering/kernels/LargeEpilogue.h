// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What the consumers of LargeProjection.cpp do with the sums of a piece. Under
// its products the loads begin: of the rows' scales, and of what the code on
// the first results reads. Behind them sums are written, scaled and with their
// code (ColumnWriter.h).

#ifndef JET_LOWERING_KERNELS_LARGEEPILOGUE_H
#define JET_LOWERING_KERNELS_LARGEEPILOGUE_H

#include "lowering/kernels/ColumnWriter.h"
#include "lowering/kernels/LargePieces.h"

namespace jet {

/// The strips of columns that the tiles of a projection have, each of one
/// product: of an output of two products, every second one.
struct LargeStrips {
  using Piece = LargePieces::Piece;

  TileBuilder &b;
  llvm::ArrayRef<ProjectionOutput> outputs;
  int64_t columns;                  // of a strip
  llvm::SmallVector<int64_t> first; // strips of the outputs

  /// Columns of a strip of `piece`, and where those of strip `local` of
  /// `output` begin in the result.
  int64_t columnsOf(const Piece &piece) const {
    return piece.half ? columns / 2 : columns;
  }
  mlir::Value columnOf(const Piece &piece, const ProjectionOutput &output,
                       mlir::Value local) const {
    mlir::Value number = output.isPaired() ? b.div(local, 2) : local;
    mlir::Value column = b.mul(number, columns);
    return piece.half ? b.add(column, b.mul(piece.half, columns / 2)) : column;
  }
  /// The strip of the piece that all outputs count.
  template <typename Number>
  mlir::Value stripOf(const Piece &piece, Number number) const {
    return b.add(b.mul(piece.tile, LargeTile::kStrips), number);
  }
  /// `body` for the output that has strip `strip`, which is number `local` of
  /// its own.
  void forOutput(
      mlir::Value strip,
      llvm::function_ref<void(const ProjectionOutput &, mlir::Value local)>
          body) const {
    jet::forOutput(b, outputs, first, strip, body);
  }
};

class LargeEpilogue {
public:
  using Piece = LargePieces::Piece;
  using Value = mlir::Value;

  using Ahead = ColumnWriter::Ahead;
  using Load = std::function<void()>;

  /// With `parts` accumulators; `registers` of a thread are for them and for
  /// what is loaded.
  LargeEpilogue(Stage &stage, const Projection &spec, const LargeStrips &strips,
                ColumnWriter &writer, int64_t parts, int64_t registers)
      : b(stage.b), spec(spec), strips(strips), parts(parts),
        registers(registers), writer(writer) {}

  /// Loads of the rows from `row` on, each to start under a step of their
  /// product: one for all of them would wait for its queue (2048 -> 2048 with a
  /// residual of 8192 rows takes 110 us instead of 113).
  llvm::SmallVector<Load> loads(const Piece &piece, Value row, Ahead &loaded);
  void write(const Piece &piece, mlir::ValueRange sums, Value row,
             Ahead loaded);

private:
  using Chunk = ColumnWriter::Chunk;

  llvm::SmallVector<Chunk> chunksOf(const Piece &piece,
                                    const ProjectionOutput &output,
                                    int64_t part, int64_t strip, Value local);
  llvm::SmallVector<Chunk> chunksOfOnly(const Piece &piece);
  bool isOnly() const {
    return spec.outputs.size() == 1 && !spec.outputs.front().isPaired();
  }
  int64_t chunksAhead(const ProjectionOutput &output) const;
  void addChunks(const Piece &piece, Value row, Ahead &loaded,
                 llvm::SmallVector<Load> &loads);
  void addPeriodic(const Piece &piece, Value row, Ahead &loaded,
                   llvm::SmallVector<Load> &loads);

  TileBuilder &b;
  const Projection &spec;
  const LargeStrips &strips;
  int64_t parts, registers;
  ColumnWriter &writer;
};

} // namespace jet

#endif // JET_LOWERING_KERNELS_LARGEEPILOGUE_H
