// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The rotary embedding, for the kernels that rotate heads.

#ifndef JET_LOWERING_LINALG_ROTARY_H
#define JET_LOWERING_LINALG_ROTARY_H

#include "lowering/linalg/KernelBuilder.h"

namespace jet {

/// cos φ and sin φ of each row and pair, [R, D/2].
struct Rotations {
  mlir::Value cos, sin;
};

/// φ = positions[r] · theta^(−2i/D) for `positions` [R] and i < `half`.
Rotations makeRotations(KernelBuilder &b, mlir::Value positions, int64_t half,
                        double theta);

/// The heads `x` [H, D], turned by row `row` of `rotations`, into `init`.
mlir::Value rotate(KernelBuilder &b, mlir::Value x, const Rotations &rotations,
                   mlir::Value row, mlir::Value init);

} // namespace jet

#endif // JET_LOWERING_LINALG_ROTARY_H
