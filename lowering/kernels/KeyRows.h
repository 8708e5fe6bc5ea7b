// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The rows of q and k of a chunk of the delta rule, some lanes a row: from
// memory, by the code on them, to unit length where the rule says so.

#ifndef JET_LOWERING_KERNELS_KEYROWS_H
#define JET_LOWERING_KERNELS_KEYROWS_H

#include "lowering/kernels/DeltaChunks.h"

namespace jet {

class KeyRows {
public:
  using Value = mlir::Value;
  using Values = TileBuilder::Values;
  /// The thread's part of a row, in f32: units of 8 columns.
  using Part = llvm::ArrayRef<Values>;

  /// `threads` of the CTA share the rows; all of a row's are of one warp.
  /// `rows` may be found later, before anything is loaded.
  KeyRows(Stage &stage, const DeltaChunks &chunks, RuleInputs &inputs,
          const ChunkRows &rows, Value head, int64_t threads);

  /// The thread's row in the chunk.
  Value row() const { return ownRow; }
  /// Its part of operand `number`, as it is in memory: vectors of 16 bytes.
  Values load(unsigned number);
  /// The same by the code on the operand.
  llvm::SmallVector<Values> finish(unsigned number,
                                   llvm::ArrayRef<Value> loaded);
  /// What brings the row to length `scale`; 0 behind the last. The whole warp
  /// takes part.
  Value scaleOf(Part part, double scale);
  /// The part times `factor`, in bf16, to a DeltaChunks::keysTile(), or to
  /// memory from row `firstRow` on.
  void store(Part part, Value factor, Value memory, Value firstRow = {});

private:
  int64_t units() const { return llvm::divideCeil(c.keyDim / 8, parts); }
  /// The first column of unit i, and whether it exists, null where all lanes'
  /// do.
  std::pair<Value, Value> placeOf(int64_t i);

  Stage &stage;
  TileBuilder &b;
  const DeltaChunks &c;
  RuleInputs &inputs;
  const ChunkRows &rows;
  Value head;
  const int64_t parts; // lanes of a row
  Value ownRow, part;
};

} // namespace jet

#endif // JET_LOWERING_KERNELS_KEYROWS_H
