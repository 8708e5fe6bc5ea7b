// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What becomes of a kernel's operands: for those who describe kernels before
// -jet-lower-kernels has run.

#ifndef JET_LOWERING_LOWERKERNELS_H
#define JET_LOWERING_LOWERKERNELS_H

#include "dialects/jet/Jet.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace jet {

/// An argument of a kernel after -jet-lower-kernels.
struct KernelArgument {
  llvm::SmallVector<mlir::AffineExpr> shape; // in the symbols R, B, T, C, S
  mlir::Type element;
  llvm::StringRef access; // "read", "write" or "readwrite"

  mlir::MemRefType memref() const;
  mlir::RankedTensorType tensor() const;
};

/// The arguments that `kernel`, one jet op so far, will have: its operands, in
/// place for states that it also returns, then its other results. Reports a
/// kernel of another form.
mlir::FailureOr<llvm::SmallVector<KernelArgument>>
layoutKernel(mlir::func::FuncOp kernel);

} // namespace jet

#endif // JET_LOWERING_LOWERKERNELS_H
