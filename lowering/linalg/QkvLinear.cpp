// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// jet.qkv_linear.
//
//   x̂ = x, normed if asked for;  cos φ, sin φ of every row and pair
//   for the query heads, heads of K and heads of V, end to end:   (the grid)
//     p = x̂ · (the head's rows of the weight)ᵀ + bias             [R, D]
//     a query head:  each row of p, rotated, into the result
//     a head of K:   each row of p, rotated, into the cache
//     a head of V:   each row of p into the cache
//
// A point is a whole head because the rotary embedding pairs i with i + D/2. It
// owns its head of q, or its head of one plane of the cache, of all sequences.

#include "lowering/linalg/KvCache.h"
#include "lowering/linalg/Rotary.h"

using namespace mlir;
using namespace jet;

namespace {

class QkvLinear {
public:
  QkvLinear(KernelBuilder &b, QkvLinearOp op, ValueRange operands)
      : b(b), op(op), operands(operands), cache(get(op.getCache())),
        batch(get(op.getBatch())), rows(b.dim(operands[0], 0)),
        type(op.getCache().getType()), heads(op.getQ().getType().getDimSize(1)),
        dim(type.getHeadDim()) {}

  Lowered lower() {
    x = operands[0];
    if (std::optional<APFloat> eps = op.getNormEps())
      x = b.normRows(x, get(op.getNorm()), eps->convertToDouble());
    rotary = makeRotations(b, get(op.getPositions()), dim / 2,
                           op.getTheta().convertToDouble());
    OpFoldResult one = b.getIndexAttr(1);
    Value q = b.empty({rows, b.getIndexAttr(heads), b.getIndexAttr(dim)},
                      op.getQ().getType().getElementType());
    return b.grid({b.getIndexAttr(heads + 2 * type.getHeads())}, {one},
                  {q, cache}, [&](ValueRange point, ValueRange inits) {
                    return computeHead(point[0], inits);
                  });
  }

private:
  /// The lowered `operand` of the op.
  Value get(Value operand) {
    return operands[llvm::find(op->getOperands(), operand) -
                    op->operand_begin()];
  }

  /// Point `p`: of the three loops, one has a step and the others none.
  SmallVector<GridResult> computeHead(Value p, ValueRange inits) {
    OpFoldResult zero = b.getIndexAttr(0), one = b.getIndexAttr(1);
    OpFoldResult size = b.getIndexAttr(dim);
    Value kvHeads = b.index(type.getHeads());
    auto isFrom = [&](int64_t first) { // 1 from point `first` on, else 0
      Value past = b.sub(p, b.index(first - 1));
      return b.max(b.min(past, b.index(1)), b.index(0));
    };
    Value isKv = isFrom(heads), isV = isFrom(heads + type.getHeads());
    Value isQ = b.sub(b.index(1), isKv), isK = b.sub(isKv, isV);
    Value head = b.min(p, b.index(heads - 1));
    Value kvHead = b.rem(b.max(b.sub(p, b.index(heads)), b.index(0)), kvHeads);

    GridResult q{{}, {zero, head, zero}, {rows, isQ, size}};
    q.value = b.slice(inits[0], q.offsets, q.sizes, {true, true, true});
    q.value = b.loop(isQ, q.value, [&](Value, ValueRange values) {
      return SmallVector<Value>{storeQueries(project(0, head), values[0])};
    })[0];

    GridResult kv{{},
                  {zero, isV, kvHead, zero, zero},
                  {b.dim(cache, 0), isKv, one, b.dim(cache, 3), size}};
    kv.value = b.slice(inits[1], kv.offsets, kv.sizes,
                       {true, true, false, true, true});
    kv.value = b.loop(isK, kv.value, [&](Value, ValueRange values) {
      Value keys = project(1, kvHead);
      return SmallVector<Value>{append(values[0], [&](Value row) {
        Value rotated = b.empty({one, size}, type.getElementType());
        rotated = rotate(b, getRow(keys, row), rotary, row, rotated);
        return b.slice(rotated, {zero, zero}, {one, size}, {false, true});
      })};
    })[0];
    kv.value = b.loop(isV, kv.value, [&](Value, ValueRange values) {
      Value projected = project(2, kvHead);
      return SmallVector<Value>{
          append(values[0], [&](Value row) { return b.row(projected, row); })};
    })[0];
    return {q, kv};
  }

  /// x̂ · (rows of head `head` of weight `part`)ᵀ + bias, in f32.
  Value project(unsigned part, Value head) {
    OpFoldResult zero = b.getIndexAttr(0), size = b.getIndexAttr(dim);
    OpFoldResult begin = b.createOrFold<arith::MulIOp>(head, b.index(dim));
    Value w = b.slice(operands[1 + part], {begin, zero},
                      {size, b.dim(operands[0], 1)}, {true, true});
    Value p = b.contract(x, w, b.filled({rows, size}, 0));
    if (op.getBiases().empty())
      return p;
    Value bias = b.slice(get(op.getBiases()[part]), {begin}, {size}, {true});
    AffineMap all = b.getMultiDimIdentityMap(2);
    return b.generic(bias, p, {all.getSubMap({1}), all}, {false, false},
                     [&](ValueRange in) -> Value {
                       return arith::AddFOp::create(b, in[1], in[0]);
                     });
  }

  /// Row `row` of `p` as a matrix of one row.
  Value getRow(Value p, Value row) {
    return b.slice(p, {row, b.getIndexAttr(0)},
                   {b.getIndexAttr(1), b.getIndexAttr(dim)}, {true, true});
  }

  Value storeQueries(Value p, Value into) {
    OpFoldResult zero = b.getIndexAttr(0), one = b.getIndexAttr(1);
    SmallVector<OpFoldResult> sizes = {one, one, b.getIndexAttr(dim)};
    return b.loop(b.asValue(rows), into, [&](Value row, ValueRange values) {
      SmallVector<OpFoldResult> at = {row, zero, zero};
      Value y = b.slice(values[0], at, sizes, {true, false, true});
      y = rotate(b, getRow(p, row), rotary, row, y);
      return SmallVector<Value>{b.insert(y, values[0], at, sizes)};
    })[0];
  }

  /// Stores what `rowOf` makes of the step's rows: the slice has one plane.
  Value append(Value into, function_ref<Value(Value row)> rowOf) {
    return appendRows(b, type, batch, /*plane=*/0, into, rowOf);
  }

  KernelBuilder &b;
  QkvLinearOp op;
  ValueRange operands;
  Value cache, batch;
  OpFoldResult rows;
  KvCacheType type;
  int64_t heads, dim;
  Value x;
  Rotations rotary;
};

} // namespace

Lowered jet::lowerQkvLinear(KernelBuilder &b, QkvLinearOp op,
                            ValueRange operands) {
  return QkvLinear(b, op, operands).lower();
}
