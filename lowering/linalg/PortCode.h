// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The code that fusion moved onto an op's operands and results, as linalg on
// the slices that a grid point works on.

#ifndef JET_LOWERING_LINALG_PORTCODE_H
#define JET_LOWERING_LINALG_PORTCODE_H

#include "dialects/jet/Ports.h"
#include "lowering/linalg/KernelBuilder.h"

namespace jet {

/// Where a slice lies in the whole tensor of a port; `keep` tells which
/// dimensions the slice still has.
struct SliceOf {
  llvm::SmallVector<mlir::OpFoldResult> offsets, sizes;
  llvm::SmallVector<bool> keep;
};

class PortCode {
public:
  /// `operands` are the lowered operands of `op`, extras included.
  PortCode(KernelBuilder &b, PortOpInterface op, mlir::ValueRange operands)
      : b(b), op(op), operands(operands) {}

  /// Operand `index` at `at`, as the op reads it: its own elements, or what the
  /// code on it makes of them (f32).
  mlir::Value read(unsigned index, const SliceOf &at);
  /// The same for a single element: every size of `at` is 1, none is kept.
  mlir::Value readScalar(unsigned index, const SliceOf &at);

  bool hasCode(int64_t port) { return findPort(op, port).has_value(); }

  /// Result `index` at `at` from the `products` (f32 slices) that the op
  /// computed, into `init`, the slice of the result.
  mlir::Value write(unsigned index, mlir::ValueRange products, mlir::Value init,
                    const SliceOf &at);

private:
  mlir::Value apply(const Port &port, mlir::ValueRange leading,
                    mlir::Value init, const SliceOf &at);

  KernelBuilder &b;
  PortOpInterface op;
  mlir::ValueRange operands;
};

/// linalg.generic over all of `init` that computes each element by a copy of
/// `region` (which ends in jet.yield), from `inputs` with the given maps.
mlir::Value applyRegion(KernelBuilder &b, mlir::Region &region,
                        mlir::ValueRange inputs,
                        llvm::ArrayRef<mlir::AffineMap> maps, mlir::Value init);

} // namespace jet

#endif // JET_LOWERING_LINALG_PORTCODE_H
