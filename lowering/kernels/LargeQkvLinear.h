// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// jet.qkv_linear of many rows: rotation and append in the projection's
// epilogue.

#ifndef JET_LOWERING_KERNELS_LARGEQKVLINEAR_H
#define JET_LOWERING_KERNELS_LARGEQKVLINEAR_H

#include "lowering/kernels/Projection.h"

namespace jet {

/// Operand number of the op's `operand`.
inline unsigned operandNumber(QkvLinearOp op, mlir::Value operand) {
  return llvm::find(op->getOperands(), operand) - op->operand_begin();
}

/// That of the bias of q (0), k or v, if they have biases.
inline std::optional<unsigned> biasOperand(QkvLinearOp op, unsigned part) {
  if (op.getBiases().empty())
    return std::nullopt;
  return operandNumber(op, op.getBiases()[0]) + part;
}

/// Whether it has heads that tiles can take by halves.
bool hasLargeQkvLinear(QkvLinearOp op);
/// What the op is for tables of tiles.
LargeProduct largeProductOf(QkvLinearOp op);
/// The stages of a form of many rows. `projection` has all but outputs.
void buildLargeQkvLinear(FormBuilder &form, QkvLinearOp op,
                         Projection projection);

} // namespace jet

#endif // JET_LOWERING_KERNELS_LARGEQKVLINEAR_H
