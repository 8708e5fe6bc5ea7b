// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// An f8E4M3FN is a sign, 4 bits e of exponent and 3 bits m of mantissa:
//   e > 0:  ±1.mmm · 2^(e − 7)          e = 0:  ±0.mmm · 2⁻⁶
//   all ones: NaN; there is no infinity, and the largest number is 448.
// Below, its magnitude is the 7 bits without the sign. Those of a normal number
// are the upper bits of the f32's, with exponents 120 apart.

#include "lowering/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

using namespace mlir;

namespace jet {
#define GEN_PASS_DEF_EXPANDF8PASS
#include "lowering/Passes.h.inc"
} // namespace jet

namespace {

constexpr int kMantissaShift = 23 - 3;
constexpr int64_t kBias = (127 - 7) << 3; // of exponents, as a magnitude
constexpr int64_t kSign = 0x80, kNaN = 0x7f, kLeastNormal = 0x08;

bool isF8(Type type) {
  return isa<Float8E4M3FNType>(getElementTypeOrSelf(type));
}

/// Arithmetic on scalars, or on vectors of the shape of `like`.
class BitBuilder : public ImplicitLocOpBuilder {
public:
  BitBuilder(Location location, OpBuilder &builder, Type like)
      : ImplicitLocOpBuilder(location, builder), like(like) {}

  Type typeOf(Type element) {
    auto vector = dyn_cast<VectorType>(like);
    return vector ? Type(vector.clone(element)) : element;
  }
  Value constant(TypedAttr value) {
    if (auto vector = dyn_cast<VectorType>(typeOf(value.getType())))
      value = DenseElementsAttr::get(vector, Attribute(value));
    return arith::ConstantOp::create(*this, value);
  }
  Value i32(int64_t value) { return constant(getI32IntegerAttr(value)); }
  Value f32(float value) { return constant(getF32FloatAttr(value)); }
  Value bitcast(Type element, Value value) {
    return arith::BitcastOp::create(*this, typeOf(element), value);
  }
  Value isBelow(Value value, int64_t bound) {
    return arith::CmpIOp::create(*this, arith::CmpIPredicate::ult, value,
                                 i32(bound));
  }
  template <typename Op> Value make(Value lhs, Value rhs) {
    return Op::create(*this, lhs, rhs);
  }
  Value select(Value condition, Value yes, Value no) {
    return arith::SelectOp::create(*this, condition, yes, no);
  }

private:
  Type like;
};

/// The f32 of the f8 `value`.
Value extend(BitBuilder &b, Value value) {
  Type i32 = b.getI32Type(), f32 = b.getF32Type();
  Value bits =
      arith::ExtUIOp::create(b, b.typeOf(i32), b.bitcast(b.getI8Type(), value));
  Value magnitude = b.make<arith::AndIOp>(bits, b.i32(kNaN));
  Value sign = b.make<arith::ShLIOp>(b.make<arith::AndIOp>(bits, b.i32(kSign)),
                                     b.i32(24));

  Value normal = b.make<arith::ShLIOp>(
      b.make<arith::AddIOp>(magnitude, b.i32(kBias)), b.i32(kMantissaShift));
  // Not as the bits of a subnormal f32, which CPUs multiply slowly.
  Value subnormal = b.make<arith::MulFOp>(
      arith::SIToFPOp::create(b, b.typeOf(f32), magnitude), b.f32(0x1p-9f));
  Value wide = b.select(b.isBelow(magnitude, kLeastNormal),
                        b.bitcast(i32, subnormal), normal);
  wide = b.select(b.isBelow(magnitude, kNaN), wide, b.i32(0x7fc00000));
  return b.bitcast(f32, b.make<arith::OrIOp>(wide, sign));
}

/// The f8 of the f32 `value`.
Value round(BitBuilder &b, Value value) {
  Type i32 = b.getI32Type(), f32 = b.getF32Type();
  Value bits = b.bitcast(i32, value);
  Value magnitude = b.make<arith::AndIOp>(bits, b.i32(0x7fffffff));
  Value sign = b.make<arith::AndIOp>(b.make<arith::ShRUIOp>(bits, b.i32(24)),
                                     b.i32(kSign));

  // Half a unit of the last bit that stays, less one unless that bit is set: a
  // tie carries into it only to make it even. What is too large, infinite or
  // NaN comes out as NaN or more.
  Value last = b.make<arith::AndIOp>(
      b.make<arith::ShRUIOp>(magnitude, b.i32(kMantissaShift)), b.i32(1));
  Value half =
      b.make<arith::AddIOp>(last, b.i32((1 << (kMantissaShift - 1)) - 1));
  Value normal = b.make<arith::SubIOp>(
      b.make<arith::ShRUIOp>(b.make<arith::AddIOp>(magnitude, half),
                             b.i32(kMantissaShift)),
      b.i32(kBias));
  normal = b.make<arith::MinUIOp>(normal, b.i32(kNaN));
  // The last bit of an f32 from 2¹⁴ on is worth 2⁻⁹, that of a subnormal f8:
  // the addition rounds.
  Value raised =
      b.make<arith::AddFOp>(b.bitcast(f32, magnitude), b.f32(0x1p14f));
  Value subnormal = b.make<arith::SubIOp>(b.bitcast(i32, raised),
                                          b.i32(0x46800000));    // 2¹⁴
  Value least = b.i32((kLeastNormal + kBias) << kMantissaShift); // 2⁻⁶
  Value isSmall =
      arith::CmpIOp::create(b, arith::CmpIPredicate::ult, magnitude, least);
  Value code = b.make<arith::OrIOp>(b.select(isSmall, subnormal, normal), sign);
  Type i8 = b.getI8Type();
  return b.bitcast(Float8E4M3FNType::get(b.getContext()),
                   arith::TruncIOp::create(b, b.typeOf(i8), code));
}

struct ExpandExtension : OpRewritePattern<arith::ExtFOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(arith::ExtFOp op,
                                PatternRewriter &rewriter) const override {
    if (!isF8(op.getIn().getType()))
      return rewriter.notifyMatchFailure(op, "not from f8E4M3FN");
    BitBuilder b(op.getLoc(), rewriter, op.getType());
    Value wide = extend(b, op.getIn());
    // Every f8E4M3FN is a bf16 and an f16.
    unsigned width = getElementTypeOrSelf(op.getType()).getIntOrFloatBitWidth();
    if (width < 32)
      wide = arith::TruncFOp::create(b, op.getType(), wide);
    else if (width > 32)
      wide = arith::ExtFOp::create(b, op.getType(), wide);
    rewriter.replaceOp(op, wide);
    return success();
  }
};

struct ExpandTruncation : OpRewritePattern<arith::TruncFOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(arith::TruncFOp op,
                                PatternRewriter &rewriter) const override {
    if (!isF8(op.getType()))
      return rewriter.notifyMatchFailure(op, "not to f8E4M3FN");
    BitBuilder b(op.getLoc(), rewriter, op.getType());
    Value value = op.getIn();
    unsigned width =
        getElementTypeOrSelf(value.getType()).getIntOrFloatBitWidth();
    if (width > 32)
      return rewriter.notifyMatchFailure(op, "would round twice");
    if (op.getRoundingmode().value_or(arith::RoundingMode::to_nearest_even) !=
        arith::RoundingMode::to_nearest_even)
      return rewriter.notifyMatchFailure(op, "another rounding mode");
    if (width < 32)
      value = arith::ExtFOp::create(b, b.typeOf(b.getF32Type()), value);
    rewriter.replaceOp(op, round(b, value));
    return success();
  }
};

/// Whether `op` computes with an f8 as a number.
bool computesInF8(Operation *op) {
  if (!isa_and_nonnull<arith::ArithDialect, math::MathDialect>(
          op->getDialect()) ||
      isa<arith::BitcastOp, arith::ConstantOp, arith::SelectOp>(op))
    return false;
  return llvm::any_of(op->getOperandTypes(), isF8) ||
         llvm::any_of(op->getResultTypes(), isF8);
}

struct ExpandF8Pass : jet::impl::ExpandF8PassBase<ExpandF8Pass> {
  using ExpandF8PassBase::ExpandF8PassBase;

  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    patterns.add<ExpandExtension, ExpandTruncation>(&getContext());
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      return signalPassFailure();
    getOperation().walk([&](Operation *op) {
      if (!computesInF8(op))
        return;
      op->emitOpError("expected f8E4M3FN only to be extended, or rounded to "
                      "from f32, bf16 or f16, ties to even");
      signalPassFailure();
    });
  }
};

} // namespace
