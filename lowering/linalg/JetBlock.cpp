// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The two recurrences of a JetBlock: dynamic convolution, gated delta rule.

#include "lowering/linalg/KernelBuilder.h"

using namespace mlir;
using namespace jet;

//===----------------------------------------------------------------------===//
// Dynamic convolution
//
//   for each sequence and block of channels:                    (the grid)
//     ext = tail rows, then the rows of u
//     y[t, c] = Σ_j taps[t, c, j] · ext[t + j, c]
//     tail = the last W − 1 rows of ext
//===----------------------------------------------------------------------===//

/// Channels of a grid point: enough to fill vectors, few enough for all cores.
static constexpr int64_t kChannels = 256;

Lowered jet::lowerDynamicConv(KernelBuilder &b, DynamicConvOp op,
                              ValueRange operands) {
  Value u = operands[0], taps = operands[1], tail = operands[2];
  Value batch = operands[3];
  auto type = op.getTail().getType();
  int64_t channels = type.getChannels(), history = type.getRows();
  int64_t block = std::min(kChannels, channels);
  Type element = type.getElementType();
  OpFoldResult zero = b.getIndexAttr(0), one = b.getIndexAttr(1);
  OpFoldResult historyRows = b.getIndexAttr(history);
  OpFoldResult width = b.getIndexAttr(history + 1);
  AffineExpr t, c, j;
  bindDims(b.getContext(), t, c, j);
  auto map = [&](ArrayRef<AffineExpr> exprs) {
    return AffineMap::get(3, 0, exprs, b.getContext());
  };
  auto copy = [](ValueRange in) { return in[0]; };

  // taps [R, C·W] as [R, C, W].
  auto tapsType = RankedTensorType::get(
      {ShapedType::kDynamic, channels, history + 1},
      cast<ShapedType>(taps.getType()).getElementType());
  SmallVector<ReassociationIndices> groups = {{0}, {1, 2}};
  taps = tensor::ExpandShapeOp::create(
      b, tapsType, taps, groups,
      SmallVector<OpFoldResult>{b.dim(taps, 0), b.getIndexAttr(channels),
                                width});

  auto body = [&](ValueRange point,
                  ValueRange inits) -> SmallVector<GridResult> {
    Sequence sequence = b.sequence(batch, point[0]);
    Value channel = point[1];
    OpFoldResult count = b.getIndexAttr(block);
    if (channels % block)
      count = b.min(b.index(block), b.sub(b.index(channels), channel));
    SmallVector<OpFoldResult> rowOffsets = {sequence.row, channel};
    SmallVector<OpFoldResult> rowSizes = {sequence.rows, count};
    SmallVector<OpFoldResult> tailOffsets = {sequence.slot, zero, channel};
    SmallVector<OpFoldResult> tailSizes = {one, historyRows, count};
    SmallVector<OpFoldResult> headSizes = {historyRows, count};

    Value total = b.add(sequence.rows, b.index(history));
    Value ext = b.empty({total, count}, element);
    auto place = [&](Value value, OpFoldResult row, ArrayRef<OpFoldResult> sizes) {
      Value part = b.slice(ext, {row, zero}, sizes, {true, true});
      part = b.elementwiseInto(value, part, copy);
      ext = b.insert(part, ext, {row, zero}, sizes);
    };
    if (history)
      place(b.slice(inits[1], tailOffsets, tailSizes, {false, true, true}),
            zero, headSizes);
    place(b.slice(u, rowOffsets, rowSizes, {true, true}), historyRows,
          rowSizes);

    Value own = b.slice(taps, {sequence.row, channel, zero},
                        {sequence.rows, count, width}, {true, true, true});
    Value y = b.slice(inits[0], rowOffsets, rowSizes, {true, true});
    y = linalg::FillOp::create(b, ValueRange{b.f32(0)}, ValueRange{y})
            .getResult(0);
    y = b.generic({own, ext}, y, {map({t, c, j}), map({t + j, c}), map({t, c})},
                  {false, false, true}, [&](ValueRange in) {
                    return b.addf(in[2], b.mulf(in[0], in[1]));
                  });
    SmallVector<GridResult> results = {{y, rowOffsets, rowSizes}};
    if (!history)
      return results;
    Value next = b.elementwiseInto(
        b.slice(ext, {sequence.rows, zero}, headSizes, {true, true}),
        b.slice(inits[1], tailOffsets, tailSizes, {false, true, true}), copy);
    results.push_back({next, tailOffsets, tailSizes});
    return results;
  };
  Value y = b.empty({b.dim(u, 0), b.getIndexAttr(channels)}, b.getF32Type());
  SmallVector<Value> inits = {y};
  if (history) // W = 1 has no tail to carry
    inits.push_back(tail);
  SmallVector<Value> results =
      b.grid({b.dim(batch, 0), b.getIndexAttr(channels)},
             {one, b.getIndexAttr(block)}, inits, body);
  results.resize(2, tail);
  return results;
}

//===----------------------------------------------------------------------===//
// Gated delta rule
//
//   for each sequence and head:                                 (the grid)
//     for each row:  S ← e^g S;  S ← S + k ⊗ β (v − Sᵀ k);  y = Sᵀ q
//===----------------------------------------------------------------------===//

namespace {

/// One head's recurrence; maps are over (i, j) = (d_k, d_v).
class DeltaRule {
public:
  DeltaRule(KernelBuilder &b, ValueRange operands, Value head, Sequence sequence)
      : b(b), operands(operands), head(head), sequence(sequence) {}

  /// Row t of the sequence: (y [rows, d_v], S) → (y, S).
  SmallVector<Value> step(Value t, Value y, Value state) {
    Value row = b.add(sequence.row, t);
    SmallVector<Value> at = {row, head};
    Value q = b.row(operands[0], at), k = b.row(operands[1], at);
    Value v = b.row(operands[2], at);
    Value g = tensor::ExtractOp::create(b, operands[3], at);
    Value beta = tensor::ExtractOp::create(b, operands[4], at);
    OpFoldResult valueDim = b.dim(state, 1);

    Value decay = math::ExpOp::create(b, g);
    state = b.elementwiseInto(ValueRange{}, state, [&](ValueRange in) {
      return b.mulf(in[0], decay);
    });
    Value read = contract(k, state, b.filled({valueDim}, 0));
    Value delta =
        b.elementwise({v, read}, b.getF32Type(), [&](ValueRange in) {
          return b.mulf(beta, arith::SubFOp::create(b, in[0], in[1]));
        });
    state = b.generic({k, delta}, state, {map({i()}), map({j()}), both()},
                      {false, false}, [&](ValueRange in) {
                        return b.addf(in[2], b.mulf(in[0], in[1]));
                      });
    SmallVector<OpFoldResult> offsets = {t, b.getIndexAttr(0)};
    SmallVector<OpFoldResult> sizes = {b.getIndexAttr(1), valueDim};
    Value out = b.slice(y, offsets, sizes, {false, true});
    out = linalg::FillOp::create(b, ValueRange{b.f32(0)}, ValueRange{out})
              .getResult(0);
    out = contract(q, state, out);
    return {b.insert(out, y, offsets, sizes), state};
  }

private:
  AffineExpr i() { return b.getAffineDimExpr(0); }
  AffineExpr j() { return b.getAffineDimExpr(1); }
  AffineMap map(ArrayRef<AffineExpr> exprs) {
    return AffineMap::get(2, 0, exprs, b.getContext());
  }
  AffineMap both() { return b.getMultiDimIdentityMap(2); }

  /// into[j] + Σ_i x[i] · S[i, j].
  Value contract(Value x, Value state, Value into) {
    return b.generic({x, state}, into, {map({i()}), both(), map({j()})},
                     {true, false}, [&](ValueRange in) {
                       return b.addf(in[2], b.mulf(in[0], in[1]));
                     });
  }

  KernelBuilder &b;
  ValueRange operands;
  Value head;
  Sequence sequence;
};

} // namespace

Lowered jet::lowerGatedDeltaRule(KernelBuilder &b, GatedDeltaRuleOp op,
                                 ValueRange operands) {
  Value state = operands[5], batch = operands[6];
  auto type = op.getState().getType();
  OpFoldResult zero = b.getIndexAttr(0), one = b.getIndexAttr(1);
  OpFoldResult keyDim = b.getIndexAttr(type.getKeyDim());
  OpFoldResult valueDim = b.getIndexAttr(type.getValueDim());
  SmallVector<OpFoldResult> grid = {b.dim(batch, 0),
                                    b.getIndexAttr(type.getHeads())};
  Value y = b.empty({b.dim(operands[0], 0), grid[1], valueDim},
                    cast<ShapedType>(op.getResult().getType()).getElementType());

  auto body = [&](ValueRange point,
                  ValueRange inits) -> SmallVector<GridResult> {
    Sequence sequence = b.sequence(batch, point[0]);
    SmallVector<OpFoldResult> rowOffsets = {sequence.row, point[1], zero};
    SmallVector<OpFoldResult> rowSizes = {sequence.rows, one, valueDim};
    SmallVector<OpFoldResult> stateOffsets = {sequence.slot, point[1], zero,
                                              zero};
    SmallVector<OpFoldResult> stateSizes = {one, one, keyDim, valueDim};
    DeltaRule rule(b, operands, point[1], sequence);
    SmallVector<Value> inner = {
        b.slice(inits[0], rowOffsets, rowSizes, {true, false, true}),
        b.slice(inits[1], stateOffsets, stateSizes,
                {false, false, true, true})};
    inner = b.loop(sequence.rows, inner, [&](Value t, ValueRange values) {
      return rule.step(t, values[0], values[1]);
    });
    return {{inner[0], rowOffsets, rowSizes},
            {inner[1], stateOffsets, stateSizes}};
  };
  return b.grid(grid, {one, one}, {y, state}, body);
}
