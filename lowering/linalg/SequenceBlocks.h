// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The parts of a JetBlock's ops that one grid point computes, for kernels that
// put several of them behind each other.

#ifndef JET_LOWERING_LINALG_SEQUENCEBLOCKS_H
#define JET_LOWERING_LINALG_SEQUENCEBLOCKS_H

#include "lowering/linalg/PortCode.h"

namespace jet {

/// What a convolution makes of some channels of one sequence.
struct ConvolvedBlock {
  mlir::Value y;    // [rows, count]
  mlir::Value tail; // [W − 1, count], null when W = 1
};

/// The channels [first, first + count) of `sequence`; `count` divides the
/// channels. `operands` are those of `op`, lowered; `y` [rows, count] has its
/// result's element type and is written over; `tail` [W − 1, count] is the
/// sequence's own (null when W = 1).
ConvolvedBlock convolveChannels(KernelBuilder &b, GeneratedConvOp op,
                                mlir::ValueRange operands, Sequence sequence,
                                mlir::Value first, int64_t count, mlir::Value y,
                                mlir::Value tail);

/// The rows of one head of `sequence` in order: (y [rows, d_v], S [d_k, d_v])
/// → (y, S), S in the type of its state, to which it is rounded once. v is row
/// `t` of `values` [rows, d_v] if these are given, else read from operand 2.
llvm::SmallVector<mlir::Value>
runDeltaRule(KernelBuilder &b, GatedDeltaRuleOp op, mlir::ValueRange operands,
             Sequence sequence, mlir::Value head, mlir::Value y,
             mlir::Value state, mlir::Value values = {});

} // namespace jet

#endif // JET_LOWERING_LINALG_SEQUENCEBLOCKS_H
