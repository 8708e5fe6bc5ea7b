// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What the passes that round values share.

#ifndef JET_PASSES_FUSE_ROUNDING_H
#define JET_PASSES_FUSE_ROUNDING_H

#include "dialects/jet/Ports.h"

namespace jet {

/// Whether `op` shows values of another one: as heads, columns, or the rows of
/// last tokens.
bool isShowing(mlir::Operation *op);

/// Who reads a value, as it is or as an op shows it.
struct Readers {
  llvm::SmallVector<mlir::Value> views;
  llvm::SmallVector<mlir::OpOperand *> uses;

  explicit Readers(mlir::Value value);
};

bool isBF16(mlir::Value value);

/// Whether `op` multiplies by weights in bf16 alone: a group, or the generator
/// of a convolution.
bool hasRoundedWeights(mlir::Operation *op);

void setElementType(mlir::Value value, mlir::Type element);

/// Makes the op write its result in `element`: code on it ends with the
/// rounding.
void roundResult(mlir::OpResult result, mlir::Type element);

/// Makes `argument` of code on a port, so far f32, one in `element`, which is
/// extended first.
void extendArgument(mlir::BlockArgument argument, mlir::Type element);

} // namespace jet

#endif // JET_PASSES_FUSE_ROUNDING_H
