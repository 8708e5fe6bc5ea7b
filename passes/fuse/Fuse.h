// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What the fusions share: moving elementwise code onto ports, and saying why a
// fusion was refused.

#ifndef JET_PASSES_FUSE_FUSE_H
#define JET_PASSES_FUSE_FUSE_H

#include "dialects/jet/Ports.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace jet {

/// Reports refusals as remarks at the op, when asked to.
class FusionLog {
public:
  FusionLog(llvm::StringRef fusion, bool remarks)
      : fusion(fusion), remarks(remarks) {}
  /// Returns failure(), for `return log.refuse(op, "…")`.
  mlir::LogicalResult refuse(mlir::Operation *op, const llvm::Twine &reason);
  /// A log that keeps quiet, for the first of several attempts.
  FusionLog quiet() const { return FusionLog(fusion, false); }

private:
  llvm::StringRef fusion;
  bool remarks;
};

/// Moves parameters to the top and views to just after what they view, so that
/// they do not stand in the way of moving other ops.
void hoistViews(mlir::func::FuncOp program);

/// Whether `value` is available at `op` (both in one block).
bool isAvailableAt(mlir::Value value, mlir::Operation *op);

/// Moves `map`, which reads result `index` of `op`, onto that result. Refuses
/// when the result has other readers, is not f32, or an input of the map comes
/// after the op.
mlir::LogicalResult fuseIntoResult(mlir::RewriterBase &rewriter,
                                   PortOpInterface op, unsigned index,
                                   MapOp map, FusionLog &log);

/// Moves `map`, which makes operand `index` of `op` (or what that is a view
/// of), onto that operand. Refuses when the map has other readers, or other
/// inputs in the way of a view.
mlir::LogicalResult fuseIntoOperand(mlir::RewriterBase &rewriter,
                                    PortOpInterface op, unsigned index,
                                    FusionLog &log);

} // namespace jet

#endif // JET_PASSES_FUSE_FUSE_H
