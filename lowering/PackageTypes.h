// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Types and sizes of the IR as a package has them.

#ifndef JET_LOWERING_PACKAGETYPES_H
#define JET_LOWERING_PACKAGETYPES_H

#include "runtime/Package.h"

#include "mlir/IR/AffineMap.h"
#include "mlir/IR/BuiltinTypes.h"

namespace jet {

/// Element types; what is none of the floats is I32 (the batch and token ids).
DType toDType(mlir::Type type);

/// Whether `map` is `count` sizes in the symbols, as the lowering writes them.
bool isSizes(mlir::AffineMap map, size_t count);

/// Of what isSizes() accepts.
SizeExpr toSizeExpr(mlir::AffineExpr expr);
std::vector<SizeExpr> toSizeExprs(llvm::ArrayRef<mlir::AffineExpr> exprs);

} // namespace jet

#endif // JET_LOWERING_PACKAGETYPES_H
