// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// sin and cos of an f32 angle, in f64:
//
//   n = round(x · 2/π);  r = x − n · π/2          (π/2 as a sum of two numbers)
//   sin x = ±sin r or ±cos r, by the last two bits of n
//
// with Taylor polynomials on |r| <= π/4, whose error is below 1e-12: after
// rounding to f32 that is the nearest number in all but a few cases, as with
// the libm that the CPU target calls. Angles are positions times at most 1, for
// which the reduction is exact to 1e-16 of an angle's own unit; beyond 2^31 the
// quotient does not fit and the result means nothing.

#include "lowering/Passes.h"

#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

using namespace mlir;

namespace jet {
#define GEN_PASS_DEF_EXPANDTRIGONOMETRYPASS
#include "lowering/Passes.h.inc"
} // namespace jet

namespace {

constexpr double kTwoOverPi = 6.36619772367581382433e-01;
/// π/2 rounded to 33 bits, so that n times it is exact, and the rest.
constexpr double kHalfPiHigh = 1.57079632673412561417e+00;
constexpr double kHalfPiLow = 6.07710050650619224932e-11;

/// The functions of one angle.
class Angle {
public:
  Angle(ImplicitLocOpBuilder &b, Value x) : b(b) {
    x = arith::ExtFOp::create(b, b.getF64Type(), x);
    Value n = math::RoundEvenOp::create(
        b, arith::MulFOp::create(b, x, f64(kTwoOverPi)));
    Value minusN = arith::NegFOp::create(b, n);
    r = math::FmaOp::create(b, minusN, f64(kHalfPiHigh), x);
    r = math::FmaOp::create(b, minusN, f64(kHalfPiLow), r);
    square = arith::MulFOp::create(b, r, r);
    quadrant = arith::FPToSIOp::create(b, b.getI32Type(), n);
  }

  Value sin() { return select(quadrant); }
  /// sin(x + π/2).
  Value cos() { return select(arith::AddIOp::create(b, quadrant, i32(1))); }

private:
  Value f64(double value) {
    return arith::ConstantOp::create(b, b.getF64FloatAttr(value));
  }
  Value i32(int32_t value) {
    return arith::ConstantOp::create(b, b.getI32IntegerAttr(value));
  }
  Value polynomial(ArrayRef<double> coefficients) {
    Value sum = f64(coefficients.back());
    for (double c : llvm::reverse(coefficients.drop_back()))
      sum = math::FmaOp::create(b, sum, square, f64(c));
    return sum;
  }
  Value isSet(Value bits, int32_t bit) {
    return arith::CmpIOp::create(b, arith::CmpIPredicate::ne,
                                 arith::AndIOp::create(b, bits, i32(bit)),
                                 i32(0));
  }

  /// sin, cos, −sin, −cos of r in quadrants 0 to 3.
  Value select(Value quadrant) {
    Value sine = arith::MulFOp::create(
        b, r,
        polynomial({1.0, -1.0 / 6, 1.0 / 120, -1.0 / 5040, 1.0 / 362880,
                    -1.0 / 39916800, 1.0 / 6227020800}));
    Value cosine =
        polynomial({1.0, -1.0 / 2, 1.0 / 24, -1.0 / 720, 1.0 / 40320,
                    -1.0 / 3628800, 1.0 / 479001600, -1.0 / 87178291200});
    Value value = arith::SelectOp::create(b, isSet(quadrant, 1), cosine, sine);
    value = arith::SelectOp::create(b, isSet(quadrant, 2),
                                    arith::NegFOp::create(b, value), value);
    return arith::TruncFOp::create(b, b.getF32Type(), value);
  }

  ImplicitLocOpBuilder &b;
  Value r, square, quadrant;
};

template <typename Op> struct ExpandFunction : OpRewritePattern<Op> {
  using Expand = Value (Angle::*)();
  ExpandFunction(MLIRContext *context, Expand expand)
      : OpRewritePattern<Op>(context), expand(expand) {}

  LogicalResult matchAndRewrite(Op op,
                                PatternRewriter &rewriter) const override {
    if (!op.getType().isF32())
      return rewriter.notifyMatchFailure(op, "only for f32");
    ImplicitLocOpBuilder b(op.getLoc(), rewriter);
    Angle angle(b, op.getOperand());
    rewriter.replaceOp(op, (angle.*expand)());
    return success();
  }

  Expand expand;
};

struct ExpandTrigonometryPass
    : jet::impl::ExpandTrigonometryPassBase<ExpandTrigonometryPass> {
  using ExpandTrigonometryPassBase::ExpandTrigonometryPassBase;

  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    patterns.add<ExpandFunction<math::SinOp>>(&getContext(), &Angle::sin);
    patterns.add<ExpandFunction<math::CosOp>>(&getContext(), &Angle::cos);
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      signalPassFailure();
  }
};

} // namespace
