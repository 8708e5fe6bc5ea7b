// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// From what the runtime passes to what kernels are written with: pointers and
// the values of the symbols to memrefs. For the entry points of each target.

#ifndef JET_LOWERING_ENTRYARGUMENTS_H
#define JET_LOWERING_ENTRYARGUMENTS_H

#include "lowering/Passes.h"

#include "mlir/IR/ImplicitLocOpBuilder.h"

namespace jet {

/// A dense row-major memref of `type` at `pointer`, with the given sizes (i64),
/// as the descriptor that memrefs become in LLVM.
mlir::Value buildMemref(mlir::ImplicitLocOpBuilder &b, mlir::MemRefType type,
                        mlir::Value pointer, llvm::ArrayRef<mlir::Value> sizes);

/// The memrefs that `kernel` takes first, by the shapes in its jet.shape;
/// `pointerOf` gives the pointer of each. `symbols` are i64. Reports an
/// argument without a shape.
mlir::FailureOr<llvm::SmallVector<mlir::Value>>
buildOperands(mlir::ImplicitLocOpBuilder &b, mlir::func::FuncOp kernel,
              llvm::ArrayRef<mlir::Value> symbols,
              llvm::function_ref<mlir::Value(size_t)> pointerOf);

} // namespace jet

#endif // JET_LOWERING_ENTRYARGUMENTS_H
