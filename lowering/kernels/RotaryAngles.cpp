// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "lowering/kernels/RotaryAngles.h"

#include <cmath>

using namespace mlir;
using namespace jet;

RotaryAngles::RotaryAngles(double theta, int64_t half) {
  for (int64_t bit = 1; bit < half; bit *= 2)
    powers.push_back(std::pow(theta, -static_cast<double>(bit) / half));
  // In f64 it is off in the last places: it has to round to the same f32.
  for (int64_t i = 0; i < half; ++i) {
    double product = 1;
    for (auto [bit, power] : llvm::enumerate(powers))
      product *= i >> bit & 1 ? power : 1.0;
    exact &= static_cast<float>(product) ==
             static_cast<float>(1.0 /
                                std::pow(theta, static_cast<double>(i) / half));
  }
}

Value RotaryAngles::frequency(TileBuilder &b, Value i) const {
  auto f64 = [&](double value) -> Value {
    return arith::ConstantOp::create(b, b.getF64FloatAttr(value));
  };
  Value product = f64(1);
  for (auto [bit, power] : llvm::enumerate(powers)) {
    Value isSet = b.equal(b.rem(b.div(i, int64_t(1) << bit), 2), 1);
    product =
        arith::MulFOp::create(b, product, b.select(isSet, f64(power), f64(1)));
  }
  return arith::TruncFOp::create(b, b.getF32Type(), product);
}

std::pair<Value, Value> RotaryAngles::build(TileBuilder &b, Value position,
                                            Value i) const {
  position = arith::SIToFPOp::create(b, b.getF32Type(), position);
  // Not mulf(): the angle must not be contracted.
  Value angle = arith::MulFOp::create(b, position, frequency(b, i));
  return {math::CosOp::create(b, angle), math::SinOp::create(b, angle)};
}

TileBuilder::Values
RotaryAngles::turn(TileBuilder &b, const TileBuilder::Values &x,
                   const TileBuilder::Values &y, const TileBuilder::Values &cos,
                   const TileBuilder::Values &sin, bool second) {
  TileBuilder::Values turned;
  for (size_t i = 0; i < x.size(); ++i) {
    Value side = b.mulf(second ? x[i] : y[i], sin[i]);
    Value main = b.mulf(second ? y[i] : x[i], cos[i]);
    turned.push_back(second ? b.addf(main, side) : b.subf(main, side));
  }
  return turned;
}
