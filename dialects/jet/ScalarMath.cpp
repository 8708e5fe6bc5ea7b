// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "dialects/jet/ScalarMath.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"

using namespace mlir;

/// numerator / (1 + e^−x).
static Value buildLogistic(ImplicitLocOpBuilder &b, Value x, Value numerator,
                           Value one) {
  Value exp = math::ExpOp::create(b, arith::NegFOp::create(b, x));
  return arith::DivFOp::create(b, numerator,
                               arith::AddFOp::create(b, one, exp));
}

Value jet::buildSigmoid(ImplicitLocOpBuilder &b, Value x) {
  Value one = arith::ConstantOp::create(b, b.getF32FloatAttr(1.0f));
  return buildLogistic(b, x, one, one);
}

Value jet::buildSilu(ImplicitLocOpBuilder &b, Value x) {
  Value one = arith::ConstantOp::create(b, b.getF32FloatAttr(1.0f));
  return buildLogistic(b, x, x, one);
}

Value jet::buildConvert(ImplicitLocOpBuilder &b, Value value, Type type) {
  if (value.getType() == type)
    return value;
  if (value.getType().getIntOrFloatBitWidth() < type.getIntOrFloatBitWidth())
    return arith::ExtFOp::create(b, type, value);
  // What was only extended is what it was: a copy moves bits.
  if (auto extended = value.getDefiningOp<arith::ExtFOp>();
      extended && extended.getIn().getType() == type)
    return extended.getIn();
  if (isa<Float8E4M3FNType>(type)) {
    auto limit = [&](double bound) -> Value {
      return arith::ConstantOp::create(b,
                                       b.getFloatAttr(value.getType(), bound));
    };
    value = arith::MinimumFOp::create(b, value, limit(448));
    value = arith::MaximumFOp::create(b, value, limit(-448));
  }
  return arith::TruncFOp::create(b, type, value);
}
