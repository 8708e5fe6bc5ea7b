// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Full and sliding-window attention as tensor ops.

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "passes/expand/Expand.h"

using namespace mlir;
using namespace jet;

static bool isOne(FloatAttr scale) {
  return scale.getValue().isExactlyValue(1.0);
}

/// x / scale, rounded to the element type of the cache.
static Value toScale(ExpandBuilder &b, Value x, FloatAttr scale, Type element) {
  if (isOne(scale))
    return x;
  auto type = cast<RankedTensorType>(x.getType());
  return b.map(
      x, type.clone(element),
      [&](ImplicitLocOpBuilder &b, ValueRange in) -> Value {
        Value divisor = arith::ConstantOp::create(
            b, b.getF32FloatAttr(static_cast<float>(scale.getValueAsDouble())));
        return arith::DivFOp::create(b, in[0], divisor);
      });
}

Value jet::expandAttention(ExpandBuilder &b, AttentionAttr mixer, Value x,
                           MutableArrayRef<Value> states) {
  int64_t heads = mixer.getHeads(), kvHeads = mixer.getKvHeads();
  int64_t dim = mixer.getHeadDim();
  int64_t hidden = cast<ShapedType>(x.getType()).getDimSize(1);
  APFloat theta = mixer.getRopeTheta().getValue();
  Value &cache = states[0];
  auto type = cast<KvCacheType>(cache.getType());

  Value q = b.linear(x, "q_proj", heads * dim, /*bias=*/true);
  Value k = b.linear(x, "k_proj", kvHeads * dim, /*bias=*/true);
  // K and V take the cache's type here, not when they are stored: a token must
  // read the same whether it came in this step or an earlier one.
  auto takes = [&](FloatAttr scale) -> Type {
    return isOne(scale) ? type.getElementType() : Type(b.getF32Type());
  };
  Value v = b.linear(x, "v_proj", kvHeads * dim, /*bias=*/true,
                     takes(type.getVScale()));
  q = RopeOp::create(b, b.rows({heads, dim}), b.splitHeads(q, heads),
                     b.positions, theta);
  k = RopeOp::create(b, b.rows({kvHeads, dim}, takes(type.getKScale())),
                     b.splitHeads(k, kvHeads), b.positions, theta);
  k = toScale(b, k, type.getKScale(), type.getElementType());
  v = b.splitHeads(toScale(b, v, type.getVScale(), type.getElementType()),
                   kvHeads);
  Value y = AttentionOp::create(b, TypeRange{q.getType()},
                                ValueRange{q, k, v, cache, b.batch})
                .getResult();
  cache = KvAppendOp::create(b, cache.getType(), cache, k, v, b.batch);
  return b.linear(b.mergeHeads(y), "o_proj", hidden);
}
