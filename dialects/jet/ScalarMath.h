// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Activation functions and conversions as scalar arithmetic: one way to compute
// each, wherever it ends up, so that fused and unfused programs round alike.

#ifndef JET_DIALECTS_JET_SCALARMATH_H
#define JET_DIALECTS_JET_SCALARMATH_H

#include "mlir/IR/ImplicitLocOpBuilder.h"

namespace jet {

/// 1 / (1 + e^−x).
mlir::Value buildSigmoid(mlir::ImplicitLocOpBuilder &b, mlir::Value x);
/// x / (1 + e^−x).
mlir::Value buildSilu(mlir::ImplicitLocOpBuilder &b, mlir::Value x);
/// The scalar `value` extended or, ties to even, rounded to the float `type`.
/// f8E4M3FN has no infinity: beyond its largest numbers, ±448, `value` becomes
/// these; NaN stays NaN.
mlir::Value buildConvert(mlir::ImplicitLocOpBuilder &b, mlir::Value value,
                         mlir::Type type);

} // namespace jet

#endif // JET_DIALECTS_JET_SCALARMATH_H
