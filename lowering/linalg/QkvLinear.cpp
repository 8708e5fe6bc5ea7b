// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// jet.qkv_linear.
//
//   x̂ = x, normed if asked for;  cos φ, sin φ of every row and pair
//   for the query heads, heads of K and heads of V, end to end:   (the grid)
//     p = x̂ · (the head's rows of the weight)ᵀ + bias             [R, D]
//     a query head:  each row of p, rotated, into the result
//     a head of K:   each row of p, rotated, into the cache, or its result
//     a head of V:   each row of p into the cache, or its result
//
// A point is a whole head because the rotary embedding pairs i with i + D/2. It
// owns its head of q, or its head of one plane of the cache, of all sequences,
// or of k or v.

#include "lowering/linalg/KvCache.h"
#include "lowering/linalg/Rotary.h"

using namespace mlir;
using namespace jet;

namespace {

class QkvLinear {
public:
  QkvLinear(KernelBuilder &b, QkvLinearOp op, ValueRange operands)
      : b(b), op(op), operands(operands), rows(b.dim(operands[0], 0)),
        heads(op.getQ().getType().getDimSize(1)), kvHeads(op.getKvHeads()),
        dim(op.getHeadDim()) {}

  Lowered lower() {
    x = operands[0];
    if (std::optional<APFloat> eps = op.getNormEps())
      x = b.normRows(x, op.getNorm() ? get(op.getNorm()) : Value(),
                     eps->convertToDouble());
    rotary = makeRotations(b, get(op.getPositions()), dim / 2,
                           op.getTheta().convertToDouble());
    OpFoldResult one = b.getIndexAttr(1);
    auto empty = [&](Value result, int64_t count) {
      return b.empty({rows, b.getIndexAttr(count), b.getIndexAttr(dim)},
                     getElementTypeOrSelf(result));
    };
    SmallVector<Value> inits = {empty(op.getQ(), heads)};
    if (op.getCache())
      inits.push_back(get(op.getCache()));
    else
      for (Value result : {op.getK(), op.getV()})
        inits.push_back(empty(result, kvHeads));
    return b.grid({b.getIndexAttr(heads + 2 * kvHeads)}, {one}, inits,
                  [&](ValueRange point, ValueRange inits) {
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
    auto isFrom = [&](int64_t first) { // 1 from point `first` on, else 0
      Value past = b.sub(p, b.index(first - 1));
      return b.max(b.min(past, b.index(1)), b.index(0));
    };
    Value isKv = isFrom(heads), isV = isFrom(heads + kvHeads);
    Value isQ = b.sub(b.index(1), isKv), isK = b.sub(isKv, isV);
    Value head = b.min(p, b.index(heads - 1));
    Value kvHead =
        b.rem(b.max(b.sub(p, b.index(heads)), b.index(0)), b.index(kvHeads));
    SmallVector<GridResult> results = {
        computeResult(0, head, isQ, /*rotated=*/true, inits[0])};
    if (op.getCache()) {
      results.push_back(computeCache(kvHead, isK, isV, inits[1]));
    } else {
      results.push_back(computeResult(1, kvHead, isK, true, inits[1]));
      results.push_back(computeResult(2, kvHead, isV, false, inits[2]));
    }
    return results;
  }

  /// Head `head` of the result of `part`, if `isOwn` is 1.
  GridResult computeResult(unsigned part, Value head, Value isOwn, bool rotated,
                           Value init) {
    OpFoldResult zero = b.getIndexAttr(0), size = b.getIndexAttr(dim);
    GridResult result{{}, {zero, head, zero}, {rows, isOwn, size}};
    result.value =
        b.slice(init, result.offsets, result.sizes, {true, true, true});
    result.value = b.loop(isOwn, result.value, [&](Value, ValueRange values) {
      return SmallVector<Value>{
          storeRows(project(part, head), rotated, values[0])};
    })[0];
    return result;
  }

  /// Head `kvHead` of plane `isV`, if that or `isK` is 1.
  GridResult computeCache(Value kvHead, Value isK, Value isV, Value cache) {
    OpFoldResult zero = b.getIndexAttr(0), one = b.getIndexAttr(1);
    OpFoldResult size = b.getIndexAttr(dim);
    GridResult kv{
        {},
        {zero, isV, kvHead, zero, zero},
        {b.dim(cache, 0), b.add(isK, isV), one, b.dim(cache, 3), size}};
    kv.value =
        b.slice(cache, kv.offsets, kv.sizes, {true, true, false, true, true});
    kv.value = b.loop(isK, kv.value, [&](Value, ValueRange values) {
      Value keys = project(1, kvHead);
      return SmallVector<Value>{append(values[0], [&](Value row) {
        Value rotated =
            b.empty({one, size}, op.getCache().getType().getElementType());
        rotated = rotate(b, getRow(keys, row), rotary, row, rotated);
        return b.slice(rotated, {zero, zero}, {one, size}, {false, true});
      })};
    })[0];
    kv.value = b.loop(isV, kv.value, [&](Value, ValueRange values) {
      Value projected = project(2, kvHead);
      return SmallVector<Value>{
          append(values[0], [&](Value row) { return b.row(projected, row); })};
    })[0];
    return kv;
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

  Value storeRows(Value p, bool rotated, Value into) {
    OpFoldResult zero = b.getIndexAttr(0), one = b.getIndexAttr(1);
    SmallVector<OpFoldResult> sizes = {one, one, b.getIndexAttr(dim)};
    return b.loop(b.asValue(rows), into, [&](Value row, ValueRange values) {
      SmallVector<OpFoldResult> at = {row, zero, zero};
      Value y = b.slice(values[0], at, sizes, {true, false, true});
      y = rotated ? rotate(b, getRow(p, row), rotary, row, y)
                  : b.elementwiseInto({getRow(p, row)}, y,
                                      [](ValueRange in) { return in[0]; });
      return SmallVector<Value>{b.insert(y, values[0], at, sizes)};
    })[0];
  }

  /// Stores what `rowOf` makes of the step's rows: the slice has one plane.
  Value append(Value into, function_ref<Value(Value row)> rowOf) {
    return appendRows(b, op.getCache().getType(), get(op.getBatch()),
                      /*plane=*/0, into, rowOf);
  }

  KernelBuilder &b;
  QkvLinearOp op;
  ValueRange operands;
  OpFoldResult rows;
  int64_t heads, kvHeads, dim;
  Value x;
  Rotations rotary;
};

} // namespace

Lowered jet::lowerQkvLinear(KernelBuilder &b, QkvLinearOp op,
                            ValueRange operands) {
  return QkvLinear(b, op, operands).lower();
}
