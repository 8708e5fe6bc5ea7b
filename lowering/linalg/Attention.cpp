// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// jet.attention and jet.kv_append. A slot of the cache is [2, Hkv, positions,
// D]; in a windowed cache position p lives at p mod window.
//
//   for each sequence and query head:                       (the grid)
//     for each row i:
//       s = q·K / sqrt(D) over the cached keys and the step's keys <= i
//       y = Σ softmax(s) V

#include "lowering/linalg/PortCode.h"

#include <cmath>
#include <limits>

using namespace mlir;
using namespace jet;

namespace {

/// Keys and values of some positions for one KV head: [n, D] each.
struct Keys {
  Value k, v;
};

class AttentionLowering {
public:
  AttentionLowering(KernelBuilder &b, AttentionOp op, ValueRange operands)
      : b(b), q(operands[0]), k(operands[1]), v(operands[2]),
        cache(operands[3]), batch(operands[4]), type(op.getCache().getType()),
        resultType(getElementTypeOrSelf(op.getResult().getType())),
        heads(op.getQ().getType().getDimSize(1)), dim(type.getHeadDim()),
        code(b, cast<PortOpInterface>(op.getOperation()), operands) {}

  Lowered lower() {
    OpFoldResult one = b.getIndexAttr(1), size = b.getIndexAttr(dim);
    SmallVector<OpFoldResult> grid = {b.dim(batch, 0), b.getIndexAttr(heads)};
    Value init = b.empty({b.dim(q, 0), grid[1], size}, resultType);
    return b.grid(
        grid, {one, one}, init,
        [&](ValueRange point, ValueRange inits) -> SmallVector<GridResult> {
          sequence = b.sequence(batch, point[0]);
          head = point[1];
          kvHead =
              arith::DivUIOp::create(b, head, b.index(heads / type.getHeads()));
          SmallVector<OpFoldResult> offsets = {sequence.row, head,
                                               b.getIndexAttr(0)};
          SmallVector<OpFoldResult> sizes = {sequence.rows, one, size};
          Value y = b.slice(inits[0], offsets, sizes, {true, false, true});
          y = b.loop(sequence.rows, y, [&](Value i, ValueRange values) {
            return SmallVector<Value>{attendRow(i, values[0])};
          })[0];
          return {{y, offsets, sizes}};
        });
  }

private:
  /// Row i of the sequence into row i of y [rows, D].
  Value attendRow(Value i, Value y) {
    Value row = b.add(sequence.row, i);
    Value query = b.row(q, {row, head});
    Keys old = cachedKeys(), fresh = stepKeys(i);
    Value oldScores = scores(query, old.k);
    if (type.getWindow())
      oldScores = maskWindow(oldScores, i);
    Value freshScores = scores(query, fresh.k);

    auto maximum = [&](ValueRange in) -> Value {
      return arith::MaximumFOp::create(b, in[0], in[1]);
    };
    Value top = b.f32(-std::numeric_limits<float>::infinity());
    top = b.reduce(oldScores, top, maximum);
    top = b.reduce(freshScores, top, maximum);
    auto exponentials = [&](Value scores) {
      return b.elementwise(scores, b.getF32Type(), [&](ValueRange in) -> Value {
        return math::ExpOp::create(b, arith::SubFOp::create(b, in[0], top));
      });
    };
    Value oldWeights = exponentials(oldScores);
    Value freshWeights = exponentials(freshScores);
    auto plus = [&](ValueRange in) { return b.addf(in[0], in[1]); };
    Value sum = b.reduce(oldWeights, b.f32(0), plus);
    sum = b.reduce(freshWeights, sum, plus);

    Value mix = b.filled({b.getIndexAttr(dim)}, 0);
    mix = weigh(oldWeights, old.v, mix);
    mix = weigh(freshWeights, fresh.v, mix);
    SmallVector<OpFoldResult> offsets = {i, b.getIndexAttr(0)};
    SmallVector<OpFoldResult> sizes = {b.getIndexAttr(1), b.getIndexAttr(dim)};
    Value init = b.slice(y, offsets, sizes, {false, true});
    auto divide = [&](ValueRange in) -> Value {
      return arith::DivFOp::create(b, in[0], sum);
    };
    Value out;
    if (code.hasCode(resultPort(0)))
      out = code.write(0, b.elementwise(mix, b.getF32Type(), divide), init,
                       {{row, head, b.getIndexAttr(0)},
                        {b.getIndexAttr(1), b.getIndexAttr(1), sizes[1]},
                        {false, false, true}});
    else
      out = b.elementwiseInto(mix, init, divide);
    return b.insert(out, y, offsets, sizes);
  }

  /// What the cache holds of the sequence: all positions, or the ring as it
  /// lies (softmax does not mind the order).
  Keys cachedKeys() {
    Value count = sequence.position;
    if (auto window = type.getWindow())
      count = b.min(count, b.index(*window));
    OpFoldResult zero = b.getIndexAttr(0), one = b.getIndexAttr(1);
    SmallVector<OpFoldResult> sizes = {one, one, one, count,
                                       b.getIndexAttr(dim)};
    SmallVector<bool> keep = {false, false, false, true, true};
    return {
        b.slice(cache, {sequence.slot, zero, kvHead, zero, zero}, sizes, keep),
        b.slice(cache, {sequence.slot, one, kvHead, zero, zero}, sizes, keep)};
  }

  /// The step's keys that row i sees.
  Keys stepKeys(Value i) {
    Value end = b.add(i, b.index(1)), begin = b.index(0);
    if (auto window = type.getWindow())
      begin = b.max(begin, b.sub(end, b.index(*window)));
    Value row = b.add(sequence.row, begin);
    SmallVector<OpFoldResult> offsets = {row, kvHead, b.getIndexAttr(0)};
    SmallVector<OpFoldResult> sizes = {b.sub(end, begin), b.getIndexAttr(1),
                                       b.getIndexAttr(dim)};
    SmallVector<bool> keep = {true, false, true};
    return {b.slice(k, offsets, sizes, keep), b.slice(v, offsets, sizes, keep)};
  }

  /// q·K / sqrt(D): [n].
  Value scores(Value query, Value keys) {
    AffineExpr j, d;
    bindDims(b.getContext(), j, d);
    auto map = [&](ArrayRef<AffineExpr> exprs) {
      return AffineMap::get(2, 0, exprs, b.getContext());
    };
    Value scale = b.f32(1.0 / std::sqrt(static_cast<double>(dim)));
    Value dots = b.generic(
        {query, keys}, b.filled({b.dim(keys, 0)}, 0),
        {map({d}), map({j, d}), map({j})}, {false, true},
        [&](ValueRange in) { return b.addf(in[2], b.mulf(in[0], in[1])); });
    return b.elementwise(dots, b.getF32Type(),
                         [&](ValueRange in) { return b.mulf(in[0], scale); });
  }

  /// −∞ for the ring entries that have left the window of row i. Entry p holds
  /// position P − 1 − (P − 1 − p) mod window, with P the positions so far.
  Value maskWindow(Value scores, Value i) {
    Value window = b.index(*type.getWindow());
    Value last = b.sub(sequence.position, b.index(1));
    return b.elementwise(scores, b.getF32Type(), [&](ValueRange in) -> Value {
      Value p = linalg::IndexOp::create(b, 0);
      Value age = b.rem(b.sub(last, p), window);
      // Row i sees positions > P + i − window, so ages < window − 1 − i.
      Value limit = b.sub(b.sub(window, b.index(1)), i);
      Value seen =
          arith::CmpIOp::create(b, arith::CmpIPredicate::slt, age, limit);
      return arith::SelectOp::create(
          b, seen, in[0], b.f32(-std::numeric_limits<float>::infinity()));
    });
  }

  /// into[d] + Σ_j weights[j] · values[j, d].
  Value weigh(Value weights, Value values, Value into) {
    AffineExpr j, d;
    bindDims(b.getContext(), j, d);
    auto map = [&](ArrayRef<AffineExpr> exprs) {
      return AffineMap::get(2, 0, exprs, b.getContext());
    };
    return b.generic({weights, values}, into, {map({j}), map({j, d}), map({d})},
                     {true, false}, [&](ValueRange in) {
                       return b.addf(in[2], b.mulf(in[0], in[1]));
                     });
  }

  KernelBuilder &b;
  Value q, k, v, cache, batch;
  KvCacheType type;
  Type resultType;
  int64_t heads, dim;
  PortCode code;
  Sequence sequence;
  Value head, kvHead;
};

} // namespace

Lowered jet::lowerAttention(KernelBuilder &b, AttentionOp op,
                            ValueRange operands) {
  return AttentionLowering(b, op, operands).lower();
}

Lowered jet::lowerKvAppend(KernelBuilder &b, KvAppendOp op,
                           ValueRange operands) {
  Value cache = operands[0], batch = operands[3];
  auto type = op.getCache().getType();
  OpFoldResult zero = b.getIndexAttr(0), one = b.getIndexAttr(1);
  OpFoldResult size = b.getIndexAttr(type.getHeadDim());
  OpFoldResult positions = b.dim(cache, 3);
  SmallVector<OpFoldResult> grid = {b.dim(batch, 0),
                                    b.getIndexAttr(type.getHeads())};
  return b.grid(
      grid, {one, one}, cache,
      [&](ValueRange point, ValueRange inits) -> SmallVector<GridResult> {
        Sequence sequence = b.sequence(batch, point[0]);
        SmallVector<OpFoldResult> offsets = {sequence.slot, zero, point[1],
                                             zero, zero};
        SmallVector<OpFoldResult> sizes = {one, b.getIndexAttr(2), one,
                                           positions, size};
        Value slot =
            b.slice(inits[0], offsets, sizes, {false, true, false, true, true});
        // Of more rows than the window holds, only the last ones are stored.
        Value first = b.index(0);
        if (auto window = type.getWindow())
          first = b.max(first, b.sub(sequence.rows, b.index(*window)));
        Value count = b.sub(sequence.rows, first);
        slot = b.loop(count, slot, [&](Value i, ValueRange values) {
          Value row = b.add(first, i);
          Value at = b.add(sequence.position, row);
          if (auto window = type.getWindow())
            at = b.rem(at, b.index(*window));
          Value into = values[0];
          for (auto [plane, source] : llvm::enumerate(operands.slice(1, 2))) {
            SmallVector<OpFoldResult> place = {b.getIndexAttr(plane), at, zero};
            SmallVector<OpFoldResult> extent = {one, one, size};
            Value target = b.slice(into, place, extent, {false, false, true});
            Value copy = b.elementwiseInto(
                b.row(source, {b.add(sequence.row, row), point[1]}), target,
                [](ValueRange in) { return in[0]; });
            into = b.insert(copy, into, place, extent);
          }
          return SmallVector<Value>{into};
        })[0];
        return {{slot, offsets, sizes}};
      });
}
