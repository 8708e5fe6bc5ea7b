// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// jet.attention and jet.kv_append. A page or slot of the cache is [2, Hkv,
// rows, D]; position p lives in row p mod page of a page, or p mod window of
// the slot.
//
//   for each sequence and query head:                       (the grid)
//     for each row i:
//       m = the least float, l = 0, y = 0
//       for blocks of the cached keys, then of the step's keys <= i (which the
//       cache holds already when k and v are not given):
//         s  = k_scale · q·K / sqrt(D);  m' = max(m, s);  p = exp(s − m')
//         l  = l·exp(m − m') + Σ p;  y = y·exp(m − m') + p V;  m = m'
//       y = v_scale · y / l
//
// Scratch memory is one block of scores, whatever the context. m is finite from
// the beginning, so that a block whose keys have all left the window only adds
// zeros. Blocks are in the order of positions: with full attention, a step that
// begins at a multiple of a block gives the bits that it gives as part of a
// longer one.

#include "lowering/linalg/KvCache.h"
#include "lowering/linalg/PortCode.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <tuple>

using namespace mlir;
using namespace jet;

namespace {

/// Keys that are scored at once, unless a page has fewer: the scores stay in
/// the first-level cache, and rescaling costs next to nothing.
constexpr int64_t kBlock = 64;

/// The page that holds `position` of the sequence, and the row in it.
std::pair<Value, Value> locateInPage(KernelBuilder &b, const Sequence &sequence,
                                     int64_t page, Value position) {
  Value size = b.index(page);
  Value number = arith::DivUIOp::create(b, position, size);
  return {b.page(sequence, number), b.rem(position, size)};
}

/// Keys and values of some positions for one KV head: [n, D] each.
struct Keys {
  Value k, v;
};

/// The softmax of the keys so far: largest score, sum of the weights relative
/// to it, and the values mixed by them [D].
struct Running {
  Value top, sum, mix;

  explicit Running(ValueRange values)
      : top(values[0]), sum(values[1]), mix(values[2]) {}
  SmallVector<Value> values() const { return {top, sum, mix}; }
};

class AttentionLowering {
public:
  AttentionLowering(KernelBuilder &b, AttentionOp op, ValueRange operands)
      : b(b), q(operands[0]), k(op.getK() ? operands[1] : Value()),
        v(op.getV() ? operands[2] : Value()), cache(operands[k ? 3 : 1]),
        batch(operands[k ? 4 : 2]), type(op.getCache().getType()),
        resultType(getElementTypeOrSelf(op.getResult().getType())),
        heads(op.getQ().getType().getDimSize(1)), dim(type.getHeadDim()),
        block(std::min(kBlock, type.getPage().value_or(kBlock))),
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
    OpFoldResult zero = b.getIndexAttr(0), one = b.getIndexAttr(1);
    OpFoldResult size = b.getIndexAttr(dim);
    Value query =
        b.slice(q, {row, head, zero}, {one, one, size}, {true, false, true});
    Running running({b.f32(std::numeric_limits<float>::lowest()), b.f32(0),
                     b.filled({size}, 0)});
    running = attendCache(query, i, running);
    if (k || type.getWindow())
      running = attendStep(query, i, running);

    SmallVector<OpFoldResult> offsets = {i, zero}, sizes = {one, size};
    Value init = b.slice(y, offsets, sizes, {false, true});
    auto divide = [&](ValueRange in) -> Value {
      Value mean = arith::DivFOp::create(b, in[0], running.sum);
      double scale = type.getVScale().getValueAsDouble();
      return scale == 1 ? mean : b.mulf(mean, b.f32(scale));
    };
    Value out;
    if (code.hasCode(resultPort(0)))
      out = code.write(
          0, b.elementwise(running.mix, b.getF32Type(), divide), init,
          {{row, head, zero}, {one, one, size}, {false, false, true}});
    else
      out = b.elementwiseInto(running.mix, init, divide);
    return b.insert(out, y, offsets, sizes);
  }

  /// The step's keys that row i sees.
  Running attendStep(Value query, Value i, Running running) {
    Value end = b.add(i, b.index(1)), begin = b.index(0);
    if (auto window = type.getWindow())
      begin = b.max(begin, b.sub(end, b.index(*window)));
    Value first = b.add(sequence.row, begin);
    return overBlocks(
        b.sub(end, begin), running,
        [&](Value start, Value count, Running running) {
          if (!k) { // one row, whose key is in the ring
            Value at = b.rem(sequence.position, b.index(*type.getWindow()));
            Keys keys = cachedKeys(at, count);
            return attend(scores(query, keys.k, count), keys.v, running);
          }
          SmallVector<OpFoldResult> offsets = {b.add(first, start), kvHead,
                                               b.getIndexAttr(0)};
          SmallVector<OpFoldResult> sizes = {count, b.getIndexAttr(1),
                                             b.getIndexAttr(dim)};
          SmallVector<bool> keep = {true, false, true};
          Keys keys = {b.slice(k, offsets, sizes, keep),
                       b.slice(v, offsets, sizes, keep)};
          return attend(scores(query, keys.k, count), keys.v, running);
        });
  }

  /// What the cache holds of the sequence: all positions, or the ring as it
  /// lies (softmax does not mind the order). Without k and v all positions
  /// include the step's own up to row i. In a ring the step's key has taken the
  /// place of the one that has left the window: it is masked here and taken in
  /// by attendStep(), so that a key counts at the same place with and without k
  /// and v, to the bit.
  Running attendCache(Value query, Value i, Running running) {
    Value cached = sequence.position;
    if (!k && !type.getWindow())
      cached = b.add(cached, b.add(i, b.index(1)));
    if (auto window = type.getWindow())
      cached = b.min(cached, b.index(*window));
    return overBlocks(cached, running,
                      [&](Value start, Value count, Running running) {
                        Keys keys = cachedKeys(start, count);
                        Value s = scores(query, keys.k, count);
                        if (type.getWindow())
                          s = maskWindow(s, start, i);
                        return attend(s, keys.v, running);
                      });
  }

  /// `body` for [0, total) in blocks: their start and size.
  Running
  overBlocks(Value total, Running running,
             function_ref<Running(Value start, Value count, Running)> body) {
    Value most = b.index(block);
    Value blocks = arith::CeilDivUIOp::create(b, total, most);
    return Running(
        b.loop(blocks, running.values(), [&](Value j, ValueRange values) {
          Value start = arith::MulIOp::create(b, j, most);
          Value count = b.min(most, b.sub(total, start));
          return body(start, count, Running(values)).values();
        }));
  }

  /// Takes in keys of the given scores [n] and their values [n, D].
  Running attend(Value scores, Value values, Running running) {
    Value top = b.reduce(scores, running.top, [&](ValueRange in) -> Value {
      return arith::MaximumFOp::create(b, in[0], in[1]);
    });
    auto relative = [&](Value score) -> Value {
      return math::ExpOp::create(b, arith::SubFOp::create(b, score, top));
    };
    Value scale = relative(running.top);
    Value weights = b.elementwiseInto(
        ValueRange(), scores, [&](ValueRange in) { return relative(in[0]); });
    Value sum = b.reduce(weights, b.mulf(running.sum, scale),
                         [&](ValueRange in) { return b.addf(in[0], in[1]); });
    Value mix =
        b.elementwiseInto(ValueRange(), running.mix,
                          [&](ValueRange in) { return b.mulf(in[0], scale); });
    return Running({top, sum, weigh(weights, values, mix)});
  }

  /// Entries [start, start + count) of the ring, or positions, which lie in one
  /// page because `start` is a multiple of a block.
  Keys cachedKeys(Value start, Value count) {
    OpFoldResult zero = b.getIndexAttr(0), one = b.getIndexAttr(1);
    Value unit = sequence.slot;
    if (auto page = type.getPage())
      std::tie(unit, start) = locateInPage(b, sequence, *page, start);
    SmallVector<OpFoldResult> sizes = {one, one, one, count,
                                       b.getIndexAttr(dim)};
    SmallVector<bool> keep = {false, false, false, true, true};
    return {b.slice(cache, {unit, zero, kvHead, start, zero}, sizes, keep),
            b.slice(cache, {unit, one, kvHead, start, zero}, sizes, keep)};
  }

  /// k_scale · q·K / sqrt(D) of query [1, D] and `count` keys: [count].
  Value scores(Value query, Value keys, Value count) {
    OpFoldResult zero = b.getIndexAttr(0), one = b.getIndexAttr(1);
    SmallVector<OpFoldResult> sizes = {one, count};
    // A slice of a block of constant size, which lies on the stack.
    Value dots = b.slice(b.empty({one, b.getIndexAttr(block)}, b.getF32Type()),
                         {zero, zero}, sizes, {true, true});
    dots = linalg::FillOp::create(b, ValueRange{b.f32(0)}, ValueRange{dots})
               .getResult(0);
    dots = b.contract(query, keys, dots);
    dots = b.slice(dots, {zero, zero}, sizes, {false, true});
    Value scale = b.f32(type.getKScale().getValueAsDouble() /
                        std::sqrt(static_cast<double>(dim)));
    return b.elementwiseInto(ValueRange(), dots, [&](ValueRange in) {
      return b.mulf(in[0], scale);
    });
  }

  /// −∞ for the ring entries that have left the window of row i. `scores` are
  /// those of the entries from `start` on. Entry p holds position
  /// P − 1 − (P − 1 − p) mod window, with P the positions so far.
  Value maskWindow(Value scores, Value start, Value i) {
    Value window = b.index(*type.getWindow());
    Value last = b.sub(sequence.position, b.index(1));
    return b.elementwiseInto(ValueRange(), scores, [&](ValueRange in) -> Value {
      Value p = b.add(start, linalg::IndexOp::create(b, 0));
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
  int64_t heads, dim, block;
  PortCode code;
  Sequence sequence;
  Value head, kvHead;
};

/// Stores `source` [D], the key (plane 0) or value (1) of the step's row `row`
/// of the sequence, into its place in `into`: one KV head of all pages or
/// slots, [units, 2, rows, D].
Value appendRow(KernelBuilder &b, KvCacheType type, const Sequence &sequence,
                Value row, int64_t plane, Value source, Value into) {
  Value unit = sequence.slot, at = b.add(sequence.position, row);
  if (auto window = type.getWindow())
    at = b.rem(at, b.index(*window));
  else
    std::tie(unit, at) = locateInPage(b, sequence, *type.getPage(), at);
  OpFoldResult zero = b.getIndexAttr(0), one = b.getIndexAttr(1);
  SmallVector<OpFoldResult> place = {unit, b.getIndexAttr(plane), at, zero};
  SmallVector<OpFoldResult> extent = {one, one, one,
                                      b.getIndexAttr(type.getHeadDim())};
  Value target = b.slice(into, place, extent, {false, false, false, true});
  Value copy =
      b.elementwiseInto(source, target, [](ValueRange in) { return in[0]; });
  return b.insert(copy, into, place, extent);
}

} // namespace

Lowered jet::lowerAttention(KernelBuilder &b, AttentionOp op,
                            ValueRange operands) {
  return AttentionLowering(b, op, operands).lower();
}

Value jet::appendRows(KernelBuilder &b, KvCacheType type, Value batch,
                      int64_t plane, Value into,
                      function_ref<Value(Value row)> rowOf) {
  Value sequences = b.asValue(b.dim(batch, 0));
  return b.loop(sequences, into, [&](Value number, ValueRange values) {
    Sequence sequence = b.sequence(batch, number);
    // Of more rows than the window holds, only the last ones are stored.
    Value first = b.index(0);
    if (auto window = type.getWindow())
      first = b.max(first, b.sub(sequence.rows, b.index(*window)));
    Value count = b.sub(sequence.rows, first);
    return b.loop(count, values, [&](Value i, ValueRange values) {
      Value row = b.add(first, i);
      Value source = rowOf(b.add(sequence.row, row));
      return SmallVector<Value>{
          appendRow(b, type, sequence, row, plane, source, values[0])};
    });
  })[0];
}

Lowered jet::lowerKvAppend(KernelBuilder &b, KvAppendOp op,
                           ValueRange operands) {
  Value cache = operands[0], batch = operands[3];
  auto type = op.getCache().getType();
  OpFoldResult zero = b.getIndexAttr(0), one = b.getIndexAttr(1);
  OpFoldResult size = b.getIndexAttr(type.getHeadDim());
  // Sequences share the pool of pages, but heads share nothing.
  return b.grid(
      {b.getIndexAttr(type.getHeads())}, {one}, cache,
      [&](ValueRange point, ValueRange inits) -> SmallVector<GridResult> {
        Value head = point[0];
        SmallVector<OpFoldResult> offsets = {zero, zero, head, zero, zero};
        SmallVector<OpFoldResult> sizes = {b.dim(cache, 0), b.getIndexAttr(2),
                                           one, b.dim(cache, 3), size};
        Value mine =
            b.slice(inits[0], offsets, sizes, {true, true, false, true, true});
        for (int plane : {0, 1})
          mine = appendRows(b, type, batch, plane, mine, [&](Value row) {
            return b.row(operands[1 + plane], {row, head});
          });
        return {{mine, offsets, sizes}};
      });
}
