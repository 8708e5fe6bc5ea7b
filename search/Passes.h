// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The search as a pass.

#ifndef JET_SEARCH_PASSES_H
#define JET_SEARCH_PASSES_H

#include "dialects/jet/Jet.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Pass/Pass.h"

namespace jet {

#define GEN_PASS_DECL
#include "search/Passes.h.inc"
#define GEN_PASS_REGISTRATION
#include "search/Passes.h.inc"

} // namespace jet

#endif // JET_SEARCH_PASSES_H
