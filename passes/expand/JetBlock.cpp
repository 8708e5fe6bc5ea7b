// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// JetBlock as tensor ops: dynamic convolution and gated delta rule.

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "passes/expand/Expand.h"

#include <cmath>

using namespace mlir;
using namespace jet;

/// g = −exp(A_log) · softplus(a + dt_bias), the log of the decay, [R, heads].
static Value logDecay(ExpandBuilder &b, Value a, int64_t heads) {
  Value aLog = b.param("A_log", {heads});
  Value dtBias = b.param("dt_bias", {heads});
  return b.map(
      {a, aLog, dtBias}, b.rows({heads}),
      [](ImplicitLocOpBuilder &b, ValueRange in) -> Value {
        Value x = arith::AddFOp::create(b, in[0], in[2]);
        // Beyond 20, log(1 + e^x) is x in f32, and e^x may overflow.
        Value limit = arith::ConstantOp::create(b, b.getF32FloatAttr(20.0f));
        Value large =
            arith::CmpFOp::create(b, arith::CmpFPredicate::OGT, x, limit);
        Value soft = math::Log1pOp::create(b, math::ExpOp::create(b, x));
        soft = arith::SelectOp::create(b, large, x, soft);
        Value rate = math::ExpOp::create(b, in[1]);
        return arith::NegFOp::create(b, arith::MulFOp::create(b, rate, soft));
      });
}

Value jet::expandJetBlock(ExpandBuilder &b, JetBlockAttr mixer, Value x,
                          MutableArrayRef<Value> states) {
  int64_t heads = mixer.getHeads();
  int64_t keyDim = mixer.getKeyDim(), valueDim = mixer.getValueDim();
  int64_t channels = heads * valueDim;
  int64_t hidden = cast<ShapedType>(x.getType()).getDimSize(1);
  Value &state = states[0], &tail = states[1];
  APFloat one(1.0), eps(1e-6);
  APFloat scale(1.0 / std::sqrt(static_cast<double>(keyDim)));

  auto key = [&](StringRef name, const APFloat &scale) -> Value {
    Value y = b.silu(b.linear(x, name, heads * keyDim));
    y = b.splitHeads(y, heads);
    return L2NormOp::create(b, y.getType(), y, eps, scale);
  };
  Value q = key("q_proj", scale);
  Value k = key("k_proj", one);

  // u takes the tail's type here, not when it is stored: a row must read the
  // same whether it came in this step or an earlier one.
  Value u = b.linear(x, "v_proj", channels, /*bias=*/false,
                     cast<ConvTailType>(tail.getType()).getElementType());
  Value hiddenTaps = b.silu(b.linear(x, "dynamic_conv1d.kernel_generator.w1",
                                     mixer.getGeneratorDim()));
  Value taps = b.linear(hiddenTaps, "dynamic_conv1d.kernel_generator.w2",
                        channels * mixer.getConvSize(), /*bias=*/true);
  auto conv =
      DynamicConvOp::create(b, TypeRange{b.rows({channels}), tail.getType()},
                            ValueRange{u, taps, tail, b.batch});
  tail = conv.getNextTail();
  Value v = b.splitHeads(b.silu(conv.getResult()), heads);

  Value beta = b.sigmoid(b.linear(x, "b_proj", heads));
  Value g = logDecay(b, b.linear(x, "a_proj", heads), heads);
  auto rule =
      GatedDeltaRuleOp::create(b, TypeRange{v.getType(), state.getType()},
                               ValueRange{q, k, v, g, beta, state, b.batch});
  state = rule.getNextState();

  Value gate = b.splitHeads(b.linear(x, "g_proj", channels), heads);
  Value y = GatedRmsNormOp::create(b, v.getType(), rule.getResult(), gate,
                                   b.param("o_norm.weight", {valueDim}),
                                   mixer.getNormEps().getValue());
  return b.linear(b.mergeHeads(y), "o_proj", hidden);
}
