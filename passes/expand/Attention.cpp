// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Full and sliding-window attention as tensor ops.

#include "passes/expand/Expand.h"

using namespace mlir;
using namespace jet;

Value jet::expandAttention(ExpandBuilder &b, AttentionAttr mixer, Value x,
                           MutableArrayRef<Value> states) {
  int64_t heads = mixer.getHeads(), kvHeads = mixer.getKvHeads();
  int64_t dim = mixer.getHeadDim();
  int64_t hidden = cast<ShapedType>(x.getType()).getDimSize(1);
  APFloat theta = mixer.getRopeTheta().getValue();
  Value &cache = states[0];
  Type kv = cast<KvCacheType>(cache.getType()).getElementType();

  Value q = b.linear(x, "q_proj", heads * dim, /*bias=*/true);
  Value k = b.linear(x, "k_proj", kvHeads * dim, /*bias=*/true);
  // K and V take the cache's type here, not when they are stored: a token must
  // read the same whether it came in this step or an earlier one.
  Value v = b.linear(x, "v_proj", kvHeads * dim, /*bias=*/true, kv);
  q = RopeOp::create(b, b.rows({heads, dim}), b.splitHeads(q, heads),
                     b.positions, theta);
  k = RopeOp::create(b, b.rows({kvHeads, dim}, kv), b.splitHeads(k, kvHeads),
                     b.positions, theta);
  v = b.splitHeads(v, kvHeads);
  Value y = AttentionOp::create(b, TypeRange{q.getType()},
                                ValueRange{q, k, v, cache, b.batch})
                .getResult();
  cache = KvAppendOp::create(b, cache.getType(), cache, k, v, b.batch);
  return b.linear(b.mergeHeads(y), "o_proj", hidden);
}
