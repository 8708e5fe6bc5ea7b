// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What the stages of jet.attention in decode steps share: DecodeAttention.cpp.

#ifndef JET_LOWERING_KERNELS_DECODEATTENTION_H
#define JET_LOWERING_KERNELS_DECODEATTENTION_H

#include "lowering/kernels/Elements.h"

namespace jet {

/// Operands of a jet.attention without k and v.
inline constexpr unsigned kQueryOperand = 0, kCacheOperand = 1,
                          kBatchOperand = 2;

/// What a stage knows of a sequence.
struct SequenceWork {
  mlir::Value slot, position, row, firstPage;
  mlir::Value keys, tiles;      // in the cache
  mlir::Value perShare, shares; // tiles of a share; shares that are not empty
};

/// The sizes, and what both stages do with them.
struct DecodeAttention {
  static constexpr int64_t kKeys = 64;  // of a tile
  static constexpr int64_t kHeads = 16; // of a CTA
  static constexpr int64_t kWidth = 4;  // columns that a thread stores at once

  explicit DecodeAttention(AttentionOp op);

  /// `number` is the sequence's row of the batch.
  SequenceWork readSequence(Stage &stage, mlir::Value number) const;
  /// The shares' memory, and the row in it of a share of a head.
  mlir::Value partsMemory(Stage &stage) const;
  mlir::Value topsMemory(Stage &stage) const;
  mlir::Value shareRow(Stage &stage, mlir::Value sequence, mlir::Value head,
                       mlir::Value share) const;
  /// Writes mixed / sum to the op's result.
  void writeResult(Stage &stage, mlir::Value row, mlir::Value head,
                   mlir::Value column, llvm::SmallVector<mlir::Value> mixed,
                   mlir::Value sum) const;

  KvCacheType type;
  int64_t dim, kvHeads, heads;
  int64_t group, headTiles; // heads a KV head, and CTAs that they make
  std::optional<int64_t> window;
  int64_t unitRows, box; // of a page or window; of one copy
  int64_t slabColumns, slabs;
  double scale; // of scores, in powers of 2
  mlir::Type result;
  mlir::AffineExpr shares; // CTAs of a sequence and KV head; null: one
  int64_t slots = 3;       // of a CTA, for tiles of keys and values
  // Of several shares: f32 [B·H·shares, D], and [B·H·shares, 2]: max and sum.
  Place parts, tops;
};

/// 2^(score − top).
mlir::Value weighScore(TileBuilder &b, mlir::Value score, mlir::Value top);

/// Appends the first stage: AttendCache.cpp.
void buildAttend(FormBuilder &form, const DecodeAttention &attention);

/// Appends the form for steps of any tokens, or none: PrefillAttention.cpp.
void buildPrefill(FormContext &context, AttentionOp op);

} // namespace jet

#endif // JET_LOWERING_KERNELS_DECODEATTENTION_H
