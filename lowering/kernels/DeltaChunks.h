// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// jet.gated_delta_rule over chunks of 64 rows of a sequence: what its stages
// hand on to each other.

#ifndef JET_LOWERING_KERNELS_DELTACHUNKS_H
#define JET_LOWERING_KERNELS_DELTACHUNKS_H

#include "lowering/kernels/DeltaRule.h"

namespace jet {

/// Rows [row, row + count) of the step are a chunk's; none behind the last.
struct ChunkRows {
  mlir::Value row, count;

  /// Row t of the chunk; behind the last one that.
  mlir::Value at(TileBuilder &b, mlir::Value t) const {
    return b.add(row, b.min(t, b.sub(count, b.index(1))));
  }
};

/// Scratch memory of the form. A sequence's rows are chunks of kRows, the last
/// one filled up with zeros; the chunks of all sequences are numbered in order.
/// A unit is a head of a chunk: number chunk · heads + head. The letters are
/// those of the equations in DeltaChunks.cpp.
struct DeltaChunks {
  static constexpr int64_t kRows = 64;
  static constexpr int64_t kColumns = 64; // of values, that a group scans

  /// `hasMany` sequences: the lanes of a warp share the search for a chunk,
  /// each looks at every 32nd. Else each thread looks at all.
  DeltaChunks(FormBuilder &form, GatedDeltaRuleOp rule, bool hasMany);

  /// Maps of what a unit has in `place`: [kRows, keyDim], in slabs of columns
  /// that are a swizzled row; [kRows, kRows]. Of v and of y, [kRows, kColumns].
  mlir::Value keysMap(Stage &stage, Place place) const;
  mlir::Value squareMap(Stage &stage, Place place) const;
  mlir::Value valuesMap(Stage &stage) const;
  mlir::Value sumsMap(Stage &stage) const;
  /// What all units have in `place`, [units · kRows, keyDim].
  mlir::Value keysIn(Stage &stage, Place place) const;
  /// The same in shared memory.
  tile::SharedType keysTile(TileBuilder &b) const;
  tile::SharedType squareTile(TileBuilder &b) const;
  tile::SharedType valuesTile(TileBuilder &b) const;
  /// y in bf16, [chunks · kRows, heads · valueDim]; e^G of a unit's last row.
  mlir::Value sumsIn(Stage &stage) const;
  mlir::Value decaysIn(Stage &stage) const;
  /// Of a unit how many of its columns' CTAs have written y: i32, set to zero
  /// by `prepare`.
  mlir::Value signalsIn(Stage &stage) const;

  // By whole warps.
  /// Chunk `number` of all.
  ChunkRows find(Stage &stage, mlir::Value number) const;
  /// How many chunks the sequences before this one have.
  mlir::Value chunksBefore(Stage &stage, mlir::Value sequence) const;

  bool hasMany;
  GatedDeltaRuleOp rule;
  int64_t heads, keyDim, valueDim, slab, slabs;
  unsigned batch; // operand
  /// v is read as it lies, rows as the step has them; else a copy in chunks.
  bool hasPlainValues;
  /// As many as a step can have: sequences begin chunks of their own.
  mlir::AffineExpr count, units;
  Place solvedKeys, queries, ends; // −W, e^G q, e^(G[C] − G) k
  Place solution, mix, values;     // T·β, P, v
  Place decays, sums, signals;
};

/// The stages before the state (DeltaPrepare.cpp), and through the chunks of a
/// sequence (DeltaScan.cpp), by CTAs of so many groups of threads.
void buildDeltaPrepare(FormBuilder &form, const DeltaChunks &chunks);
void buildDeltaScan(FormBuilder &form, const DeltaChunks &chunks,
                    int64_t groups);

} // namespace jet

#endif // JET_LOWERING_KERNELS_DELTACHUNKS_H
