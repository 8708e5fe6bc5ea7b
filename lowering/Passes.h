// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef JET_LOWERING_PASSES_H
#define JET_LOWERING_PASSES_H

#include "dialects/jet/Jet.h"
#include "dialects/tile/Tile.h"

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/Pass/Pass.h"

namespace jet {

/// Attributes that the lowering leaves on kernels and their arguments.
inline constexpr llvm::StringLiteral kShapeAttr = "jet.shape";
inline constexpr llvm::StringLiteral kAccessAttr = "jet.access";
inline constexpr llvm::StringLiteral kGridAttr = "jet.grid";
/// Of kernels for a GPU: threads of a block, and bytes of scratch memory that
/// each block needs, as a map of the symbols.
inline constexpr llvm::StringLiteral kThreadsAttr = "jet.threads";
inline constexpr llvm::StringLiteral kScratchAttr = "jet.scratch";

#define GEN_PASS_DECL
#include "lowering/Passes.h.inc"
#define GEN_PASS_REGISTRATION
#include "lowering/Passes.h.inc"

} // namespace jet

#endif // JET_LOWERING_PASSES_H
