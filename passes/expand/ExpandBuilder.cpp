// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "dialects/jet/ScalarMath.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "passes/expand/Expand.h"

#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace jet;

RankedTensorType ExpandBuilder::rows(ArrayRef<int64_t> sizes, Type element) {
  SmallVector<int64_t> shape = {ShapedType::kDynamic};
  llvm::append_range(shape, sizes);
  return RankedTensorType::get(shape, element);
}

Value ExpandBuilder::param(const Twine &name, ArrayRef<int64_t> shape) {
  return ParamOp::create(*this, RankedTensorType::get(shape, storage),
                         (prefix + name).str(), StringAttr());
}

Value ExpandBuilder::linear(Value x, const Twine &name, int64_t outputs,
                            bool bias, Type element) {
  int64_t inputs = cast<ShapedType>(x.getType()).getDimSize(1);
  Value weight = param(name + ".weight", {outputs, inputs});
  Value biasValue = bias ? param(name + ".bias", {outputs}) : Value();
  return LinearOp::create(
      *this, rows({outputs}, element ? element : Type(getF32Type())), x, weight,
      biasValue);
}

Value ExpandBuilder::linear(Value x, Value weight, Type element) {
  int64_t outputs = cast<ShapedType>(weight.getType()).getDimSize(0);
  return LinearOp::create(
      *this, rows({outputs}, element ? element : Type(getF32Type())), x, weight,
      Value());
}

Value ExpandBuilder::paramRows(Value param, int64_t begin,
                               ArrayRef<int64_t> shape) {
  return ParamRowsOp::create(*this, RankedTensorType::get(shape, storage),
                             param, begin, begin + shape[0]);
}

Value ExpandBuilder::shortConv(Value u, Value weight, Value &tail) {
  int64_t channels = cast<ShapedType>(weight.getType()).getDimSize(0);
  auto conv =
      ShortConvOp::create(*this, TypeRange{rows({channels}), tail.getType()},
                          ValueRange{u, weight, tail, batch});
  tail = conv.getNextTail();
  return conv.getResult();
}

Value ExpandBuilder::splitHeads(Value x, int64_t heads) {
  auto type = cast<RankedTensorType>(x.getType());
  return SplitHeadsOp::create(
      *this, rows({heads, type.getDimSize(1) / heads}, type.getElementType()),
      x);
}

Value ExpandBuilder::mergeHeads(Value x) {
  auto type = cast<RankedTensorType>(x.getType());
  return MergeHeadsOp::create(
      *this,
      rows({type.getDimSize(1) * type.getDimSize(2)}, type.getElementType()),
      x);
}

Value ExpandBuilder::map(
    ValueRange inputs, RankedTensorType result,
    function_ref<Value(ImplicitLocOpBuilder &, ValueRange)> body) {
  return MapOp::create(
      *this, result, inputs,
      [&](OpBuilder &builder, Location location, ValueRange args) -> Value {
        ImplicitLocOpBuilder b(location, builder);
        SmallVector<Value> wide;
        for (Value arg : args)
          wide.push_back(buildConvert(b, arg, b.getF32Type()));
        return buildConvert(b, body(b, wide), result.getElementType());
      });
}

Value ExpandBuilder::add(Value x, Value y) {
  return map({x, y}, cast<RankedTensorType>(x.getType()),
             [](ImplicitLocOpBuilder &b, ValueRange in) -> Value {
               return arith::AddFOp::create(b, in[0], in[1]);
             });
}

Value ExpandBuilder::silu(Value x) {
  return map(x, cast<RankedTensorType>(x.getType()),
             [](ImplicitLocOpBuilder &b, ValueRange in) -> Value {
               return buildSilu(b, in[0]);
             });
}

Value ExpandBuilder::sigmoid(Value x) {
  return map(x, cast<RankedTensorType>(x.getType()),
             [](ImplicitLocOpBuilder &b, ValueRange in) -> Value {
               return buildSigmoid(b, in[0]);
             });
}

/// log(1 + e^x). Beyond 20 that is x in f32, and e^x may overflow.
static Value softplus(ImplicitLocOpBuilder &b, Value x) {
  Value limit = arith::ConstantOp::create(b, b.getF32FloatAttr(20.0f));
  Value large = arith::CmpFOp::create(b, arith::CmpFPredicate::OGT, x, limit);
  Value soft = math::Log1pOp::create(b, math::ExpOp::create(b, x));
  return arith::SelectOp::create(b, large, x, soft);
}

Value ExpandBuilder::timeStep(Value a, int64_t heads) {
  return map({a, param("dt_bias", {heads})}, rows({heads}),
             [](ImplicitLocOpBuilder &b, ValueRange in) -> Value {
               return softplus(b, arith::AddFOp::create(b, in[0], in[1]));
             });
}

Value ExpandBuilder::logDecay(Value a, int64_t heads) {
  Value aLog = param("A_log", {heads});
  Value dtBias = param("dt_bias", {heads});
  return map({a, aLog, dtBias}, rows({heads}),
             [](ImplicitLocOpBuilder &b, ValueRange in) -> Value {
               Value soft = softplus(b, arith::AddFOp::create(b, in[0], in[2]));
               Value rate = math::ExpOp::create(b, in[1]);
               return arith::NegFOp::create(
                   b, arith::MulFOp::create(b, rate, soft));
             });
}

Value jet::expandMixer(ExpandBuilder &builder, MixerAttrInterface mixer,
                       Value x, MutableArrayRef<Value> states) {
  return llvm::TypeSwitch<Attribute, Value>(mixer)
      .Case([&](AttentionAttr attr) {
        return expandAttention(builder, attr, x, states);
      })
      .Case([&](JetBlockAttr attr) {
        return expandJetBlock(builder, attr, x, states);
      })
      .Case([&](GatedDeltaNetAttr attr) {
        return expandGatedDeltaNet(builder, attr, x, states);
      })
      .Case([&](Mamba2Attr attr) {
        return expandMamba2(builder, attr, x, states);
      });
}
