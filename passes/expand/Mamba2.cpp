// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Mamba2 as tensor ops: short convolutions and the additive delta rule.
//
// One projection makes z, x, B, C and dt, one convolution is over x, B and C.
// Both work on each output by itself, so each part is made by its rows of the
// weights, where they are: no activation has to be cut.

#include "dialects/jet/ScalarMath.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "passes/expand/Expand.h"

#include <cmath>

using namespace mlir;
using namespace jet;

namespace {

class Mamba2 {
public:
  Mamba2(ExpandBuilder &b, Mamba2Attr mixer, Value input)
      : b(b), mixer(mixer), input(input), heads(mixer.getHeads()),
        headDim(mixer.getHeadDim()), groups(mixer.getGroups()),
        stateDim(mixer.getStateDim()), inner(heads * headDim) {
    hidden = cast<ShapedType>(input.getType()).getDimSize(1);
    int64_t channels = inner + 2 * groups * stateDim;
    projection = b.param("in_proj.weight", {inner + channels + heads, hidden});
    convWeight = b.param("conv1d.weight", {channels, 1, mixer.getConvSize()});
    convBias = b.param("conv1d.bias", {channels});
  }

  Value expand(MutableArrayRef<Value> states) {
    int64_t columns = groups * stateDim;
    Value z = b.splitHeads(project(0, inner), heads);
    Value x = b.splitHeads(convolve(0, inner, states[1]), heads);
    Value k = b.splitHeads(convolve(inner, columns, states[2]), groups);
    Value q =
        b.splitHeads(convolve(inner + columns, columns, states[3]), groups);
    Value dt = project(2 * inner + 2 * columns, heads);
    Value step = b.timeStep(dt, heads), g = b.logDecay(dt, heads);
    auto rule = GatedDeltaRuleOp::create(
        b, TypeRange{x.getType(), states[0].getType()},
        ValueRange{q, k, x, g, step, states[0], b.batch});
    rule.setAdditive(true);
    states[0] = rule.getNextState();
    Value y = normed(gated(rule.getResult(), x, z));
    return b.linear(y, "out_proj", hidden);
  }

private:
  /// `count` outputs of in_proj.
  Value project(int64_t begin, int64_t count, Type element = {}) {
    return b.linear(input, b.paramRows(projection, begin, {count, hidden}),
                    element);
  }

  /// silu(conv + bias) of `count` of the channels x, B, C.
  Value convolve(int64_t begin, int64_t count, Value &tail) {
    Value u = project(inner + begin, count, inputTypeOf(tail));
    Value weight = b.paramRows(convWeight, begin, {count, mixer.getConvSize()});
    Value y = b.shortConv(u, weight, tail);
    return b.map({y, b.paramRows(convBias, begin, {count})}, b.rows({count}),
                 [](ImplicitLocOpBuilder &b, ValueRange in) -> Value {
                   return buildSilu(b, arith::AddFOp::create(b, in[0], in[1]));
                 });
  }

  /// (y + D x) ∘ silu(z) as columns, D one number a head.
  Value gated(Value y, Value x, Value z) {
    Value skip = b.paramRows(b.param("D", {heads}), 0, {heads, 1});
    Value out =
        b.map({y, x, skip, z}, b.rows({heads, headDim}),
              [](ImplicitLocOpBuilder &b, ValueRange in) -> Value {
                Value skipped = arith::MulFOp::create(b, in[2], in[1]);
                Value sum = arith::AddFOp::create(b, in[0], skipped);
                return arith::MulFOp::create(b, sum, buildSilu(b, in[3]));
              });
    return b.mergeHeads(out);
  }

  /// rms_norm of each group's columns, the weight one of all columns.
  Value normed(Value x) {
    Value weight = b.param("norm.weight", {inner});
    if (groups == 1)
      return RmsNormOp::create(b, x.getType(), x, weight,
                               mixer.getNormEps().getValue());
    // x / sqrt(Σx² / n + eps) = sqrt(n) x / sqrt(Σx² + n eps).
    double size = static_cast<double>(inner / groups);
    Value parts = b.splitHeads(x, groups);
    parts =
        L2NormOp::create(b, parts.getType(), parts,
                         APFloat(size * mixer.getNormEps().getValueAsDouble()),
                         APFloat(std::sqrt(size)));
    return b.map({b.mergeHeads(parts), weight}, b.rows({inner}),
                 [](ImplicitLocOpBuilder &b, ValueRange in) -> Value {
                   return arith::MulFOp::create(b, in[1], in[0]);
                 });
  }

  ExpandBuilder &b;
  Mamba2Attr mixer;
  Value input;
  int64_t heads, headDim, groups, stateDim, inner, hidden;
  Value projection, convWeight, convBias;
};

} // namespace

Value jet::expandMamba2(ExpandBuilder &b, Mamba2Attr mixer, Value x,
                        MutableArrayRef<Value> states) {
  return Mamba2(b, mixer, x).expand(states);
}
