// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// JetBlock as tensor ops: dynamic convolution and gated delta rule.

#include "passes/expand/Expand.h"

#include <cmath>

using namespace mlir;
using namespace jet;

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

  Value u = b.linear(x, "v_proj", channels, /*bias=*/false, inputTypeOf(tail));
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
  Value g = b.logDecay(b.linear(x, "a_proj", heads), heads);
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
