// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Gated DeltaNet as tensor ops: short convolutions and gated delta rule.

#include "passes/expand/Expand.h"

#include <cmath>

using namespace mlir;
using namespace jet;

/// silu(short_conv(`name`_proj x)), [R, heads, size].
static Value convolved(ExpandBuilder &b, StringRef name, Value x, int64_t heads,
                       int64_t size, Value &tail) {
  int64_t channels = heads * size;
  int64_t taps = cast<ConvTailType>(tail.getType()).getRows() + 1;
  Value u =
      b.linear(x, name + "_proj", channels, /*bias=*/false, inputTypeOf(tail));
  // Stored as a convolution over one input channel.
  Value weight = b.param(name + "_conv1d.weight", {channels, 1, taps});
  weight = b.paramRows(weight, 0, {channels, taps});
  return b.splitHeads(b.silu(b.shortConv(u, weight, tail)), heads);
}

Value jet::expandGatedDeltaNet(ExpandBuilder &b, GatedDeltaNetAttr mixer,
                               Value x, MutableArrayRef<Value> states) {
  int64_t heads = mixer.getHeads(), keyHeads = mixer.getKeyHeads();
  int64_t keyDim = mixer.getKeyDim(), valueDim = mixer.getValueDim();
  int64_t hidden = cast<ShapedType>(x.getType()).getDimSize(1);
  Value &state = states[0];
  APFloat one(1.0), eps(1e-6);
  APFloat scale(1.0 / std::sqrt(static_cast<double>(keyDim)));

  Value q = convolved(b, "q", x, keyHeads, keyDim, states[1]);
  q = L2NormOp::create(b, q.getType(), q, eps, scale);
  Value k = convolved(b, "k", x, keyHeads, keyDim, states[2]);
  k = L2NormOp::create(b, k.getType(), k, eps, one);
  Value v = convolved(b, "v", x, heads, valueDim, states[3]);

  Value beta = b.sigmoid(b.linear(x, "b_proj", heads));
  Value g = b.logDecay(b.linear(x, "a_proj", heads), heads);
  auto rule =
      GatedDeltaRuleOp::create(b, TypeRange{v.getType(), state.getType()},
                               ValueRange{q, k, v, g, beta, state, b.batch});
  state = rule.getNextState();

  Value gate = b.splitHeads(b.linear(x, "g_proj", heads * valueDim), heads);
  Value y = GatedRmsNormOp::create(b, v.getType(), rule.getResult(), gate,
                                   b.param("o_norm.weight", {valueDim}),
                                   mixer.getNormEps().getValue());
  return b.linear(b.mergeHeads(y), "o_proj", hidden);
}
