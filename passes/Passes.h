// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Passes from jet to jet, and the pipelines made of them.

#ifndef JET_PASSES_PASSES_H
#define JET_PASSES_PASSES_H

#include "dialects/jet/Jet.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/Pass.h"

namespace jet {

#define GEN_PASS_DECL
#include "passes/Passes.h.inc"
#define GEN_PASS_REGISTRATION
#include "passes/Passes.h.inc"

/// Makes the candidate called `name` the mixer of `layer`; of a placed layer,
/// checks that it is. Reports, at the op, a name that is not a candidate's.
mlir::LogicalResult placeLayer(LayerOp layer, llvm::StringRef name);

} // namespace jet

#endif // JET_PASSES_PASSES_H
