// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The angles of a rotary embedding (arXiv 2104.09864): φ = position ·
// θ^(−i/half) for pair i of a head's `half`.

#ifndef JET_LOWERING_KERNELS_ROTARYANGLES_H
#define JET_LOWERING_KERNELS_ROTARYANGLES_H

#include "lowering/kernels/TileBuilder.h"

namespace jet {

/// Makes them as the model's authors do, by an f32 product; their functions are
/// in f64 (see -jet-expand-trigonometry).
class RotaryAngles {
public:
  RotaryAngles(double theta, int64_t half);
  /// Whether the frequencies are those of the general path, to the bit.
  bool isExact() const { return exact; }
  /// {cos φ, sin φ} of pair `i` at `position`, an i32.
  std::pair<mlir::Value, mlir::Value>
  build(TileBuilder &b, mlir::Value position, mlir::Value i) const;

  /// Elements of the first or the second halves of heads, turned: `x` and `y`
  /// are those of both halves.
  static TileBuilder::Values turn(TileBuilder &b, const TileBuilder::Values &x,
                                  const TileBuilder::Values &y,
                                  const TileBuilder::Values &cos,
                                  const TileBuilder::Values &sin, bool second);

private:
  mlir::Value frequency(TileBuilder &b, mlir::Value i) const;

  llvm::SmallVector<double> powers; // for the bits of i
  bool exact = true;
};

} // namespace jet

#endif // JET_LOWERING_KERNELS_ROTARYANGLES_H
