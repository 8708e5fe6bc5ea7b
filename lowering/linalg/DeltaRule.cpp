// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// jet.gated_delta_rule.
//
//   for each sequence and head:                                 (the grid)
//     S = its slot, as f32
//     for each row:
//       q, k, v, g, β = code on them; q, k to unit length
//       S ← e^g S;  S ← S + k ⊗ β (v − Sᵀ k);  y = Sᵀ q    (additive: k ⊗ β v)
//       y = rms_norm(y) · silu(gate)
//     its slot = S, rounded to the type that it is stored in

#include "lowering/linalg/SequenceBlocks.h"

using namespace mlir;
using namespace jet;

namespace {

/// One head's recurrence; maps are over (i, j) = (d_k, d_v).
class DeltaRule {
public:
  DeltaRule(KernelBuilder &b, GatedDeltaRuleOp op, ValueRange operands,
            Value head, Sequence sequence, Value values = {})
      : b(b), op(op), operands(operands),
        code(b, cast<PortOpInterface>(op.getOperation()), operands), head(head),
        sequence(sequence), values(values) {
    auto q = cast<RankedTensorType>(op.getQ().getType());
    int64_t shared = op.getState().getType().getHeads() / q.getDimSize(1);
    keyHead = b.createOrFold<arith::DivUIOp>(head, b.index(shared));
  }

  /// Row t of the sequence: (y [rows, d_v], S) → (y, S).
  SmallVector<Value> step(Value t, Value y, Value state) {
    Value row = b.add(sequence.row, t);
    Value q = readRow(0, row, keyHead), k = readRow(1, row, keyHead);
    Value v = values ? b.row(values, {t}) : readRow(2, row, head);
    Value g = readGate(3, row), beta = readGate(4, row);
    if (op.getQkNormEps()) {
      q = toUnitLength(q, op.getQScale()->convertToDouble());
      k = toUnitLength(k, 1.0);
    }
    OpFoldResult valueDim = b.dim(state, 1);

    Value decay = math::ExpOp::create(b, g);
    state = b.elementwiseInto(ValueRange{}, state, [&](ValueRange in) {
      return b.mulf(in[0], decay);
    });
    SmallVector<Value> parts = {v};
    if (!op.getAdditive())
      parts.push_back(contract(k, state, b.filled({valueDim}, 0)));
    Value delta = b.elementwise(parts, b.getF32Type(), [&](ValueRange in) {
      Value value = in[0];
      if (!op.getAdditive())
        value = arith::SubFOp::create(b, value, in[1]);
      return b.mulf(beta, value);
    });
    state = b.generic(
        {k, delta}, state, {map({i()}), map({j()}), both()}, {false, false},
        [&](ValueRange in) { return b.addf(in[2], b.mulf(in[0], in[1])); });
    SmallVector<OpFoldResult> offsets = {t, b.getIndexAttr(0)};
    SmallVector<OpFoldResult> sizes = {b.getIndexAttr(1), valueDim};
    Value out = b.slice(y, offsets, sizes, {false, true});
    // Summed in the result itself, unless that is narrower or normed.
    bool direct = !op.getGate() && getElementTypeOrSelf(out).isF32();
    Value sums = direct ? out : b.empty({valueDim}, b.getF32Type());
    sums = linalg::FillOp::create(b, ValueRange{b.f32(0)}, ValueRange{sums})
               .getResult(0);
    sums = contract(q, state, sums);
    if (op.getGate())
      sums = gatedNorm(sums, row, out);
    else if (!direct)
      sums = b.elementwiseInto(sums, out, [](ValueRange in) { return in[0]; });
    return {b.insert(sums, y, offsets, sizes), state};
  }

private:
  AffineExpr i() { return b.getAffineDimExpr(0); }
  AffineExpr j() { return b.getAffineDimExpr(1); }
  AffineMap map(ArrayRef<AffineExpr> exprs) {
    return AffineMap::get(2, 0, exprs, b.getContext());
  }
  AffineMap both() { return b.getMultiDimIdentityMap(2); }

  /// q, k or v of the row and one of its heads.
  Value readRow(unsigned operand, Value row, Value ofHead) {
    OpFoldResult one = b.getIndexAttr(1);
    return code.read(operand, {{row, ofHead, b.getIndexAttr(0)},
                               {one, one, b.dim(operands[operand], 2)},
                               {false, false, true}});
  }

  /// g or beta of the row and head.
  Value readGate(unsigned operand, Value row) {
    OpFoldResult one = b.getIndexAttr(1);
    return code.readScalar(operand, {{row, head}, {one, one}, {false, false}});
  }

  /// scale · x / sqrt(Σ x² + eps).
  Value toUnitLength(Value x, double scale) {
    Value factor = b.inverseNorm(b.sumOfSquares(x), 1.0,
                                 op.getQkNormEps()->convertToDouble(), scale);
    return b.elementwise(x, b.getF32Type(),
                         [&](ValueRange in) { return b.mulf(in[0], factor); });
  }

  /// jet.gated_rms_norm of y with the row's gate, into `init`.
  Value gatedNorm(Value y, Value row, Value init) {
    int64_t size = op.getState().getType().getValueDim();
    Value factor = b.inverseNorm(b.sumOfSquares(y), size,
                                 op.getNormEps()->convertToDouble(), 1.0);
    Value gate = b.row(operands[7], {row, head});
    return b.elementwiseInto({y, gate, operands[8]}, init, [&](ValueRange in) {
      Value scaled = b.mulf(in[2], b.mulf(in[0], factor));
      return b.mulf(scaled, b.silu(in[1]));
    });
  }

  /// into[j] + Σ_i x[i] · S[i, j].
  Value contract(Value x, Value state, Value into) {
    return b.generic(
        {x, state}, into, {map({i()}), both(), map({j()})}, {true, false},
        [&](ValueRange in) { return b.addf(in[2], b.mulf(in[0], in[1])); });
  }

  KernelBuilder &b;
  GatedDeltaRuleOp op;
  ValueRange operands;
  PortCode code;
  Value head, keyHead; // of v, g, β and S; of q and k
  Sequence sequence;
  Value values; // v of the head, [rows, d_v], if not operand 2
};

} // namespace

SmallVector<Value> jet::runDeltaRule(KernelBuilder &b, GatedDeltaRuleOp op,
                                     ValueRange operands, Sequence sequence,
                                     Value head, Value y, Value state,
                                     Value values) {
  DeltaRule rule(b, op, operands, head, sequence, values);
  // Where S is stored in f32 it is advanced in place.
  bool isNarrow = !getElementTypeOrSelf(state).isF32();
  auto copy = [](ValueRange in) { return in[0]; };
  Value wide = isNarrow ? b.elementwise(state, b.getF32Type(), copy) : state;
  SmallVector<Value> done =
      b.loop(sequence.rows, {y, wide}, [&](Value t, ValueRange inner) {
        return rule.step(t, inner[0], inner[1]);
      });
  if (isNarrow)
    done[1] = b.elementwiseInto(done[1], state, copy);
  return done;
}

Lowered jet::lowerGatedDeltaRule(KernelBuilder &b, GatedDeltaRuleOp op,
                                 ValueRange operands) {
  Value state = operands[5], batch = operands[6];
  auto type = op.getState().getType();
  OpFoldResult zero = b.getIndexAttr(0), one = b.getIndexAttr(1);
  OpFoldResult keyDim = b.getIndexAttr(type.getKeyDim());
  OpFoldResult valueDim = b.getIndexAttr(type.getValueDim());
  SmallVector<OpFoldResult> grid = {b.dim(batch, 0),
                                    b.getIndexAttr(type.getHeads())};
  Value y =
      b.empty({b.dim(operands[0], 0), grid[1], valueDim},
              cast<ShapedType>(op.getResult().getType()).getElementType());

  auto body = [&](ValueRange point,
                  ValueRange inits) -> SmallVector<GridResult> {
    Sequence sequence = b.sequence(batch, point[0]);
    SmallVector<OpFoldResult> rowOffsets = {sequence.row, point[1], zero};
    SmallVector<OpFoldResult> rowSizes = {sequence.rows, one, valueDim};
    SmallVector<OpFoldResult> stateOffsets = {sequence.slot, point[1], zero,
                                              zero};
    SmallVector<OpFoldResult> stateSizes = {one, one, keyDim, valueDim};
    SmallVector<Value> inner = runDeltaRule(
        b, op, operands, sequence, point[1],
        b.slice(inits[0], rowOffsets, rowSizes, {true, false, true}),
        b.slice(inits[1], stateOffsets, stateSizes,
                {false, false, true, true}));
    return {{inner[0], rowOffsets, rowSizes},
            {inner[1], stateOffsets, stateSizes}};
  };
  return b.grid(grid, {one, one}, {y, state}, body);
}
