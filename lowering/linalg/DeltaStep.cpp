// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// jet.delta_step.
//
//   for each sequence and head:                                 (the grid)
//     v = convolution of the head's channels; their tail advances
//     for each row:  the delta rule with v[row]

#include "lowering/linalg/SequenceBlocks.h"

using namespace mlir;
using namespace jet;

/// The lowered operands of an op of the body; null for what the body computes
/// itself, which is not read from an operand.
static SmallVector<Value> operandsOf(Operation *op, ValueRange inputs) {
  SmallVector<Value> operands;
  for (Value operand : op->getOperands()) {
    auto argument = dyn_cast<BlockArgument>(operand);
    operands.push_back(argument ? inputs[argument.getArgNumber()] : Value());
  }
  return operands;
}

Lowered jet::lowerDeltaStep(KernelBuilder &b, DeltaStepOp op,
                            ValueRange inputs) {
  GeneratedConvOp conv = op.getConvolution();
  GatedDeltaRuleOp rule = op.getRule();
  SmallVector<Value> convOperands = operandsOf(conv, inputs);
  SmallVector<Value> ruleOperands = operandsOf(rule, inputs);
  Value tail = convOperands[4], batch = convOperands[5];
  Value state = ruleOperands[5];
  RecurrentStateType type = rule.getState().getType();
  int64_t size = type.getValueDim();
  OpFoldResult zero = b.getIndexAttr(0), one = b.getIndexAttr(1);
  OpFoldResult history = b.getIndexAttr(conv.getTail().getType().getRows());
  OpFoldResult keyDim = b.getIndexAttr(type.getKeyDim());
  OpFoldResult valueDim = b.getIndexAttr(size);
  bool hasTail = conv.getTail().getType().getRows() > 0;
  SmallVector<OpFoldResult> grid = {b.dim(batch, 0),
                                    b.getIndexAttr(type.getHeads())};
  SmallVector<Value> inits = {
      b.empty({b.dim(ruleOperands[0], 0), grid[1], valueDim},
              op.getResult().getType().getElementType()),
      state};
  if (hasTail)
    inits.push_back(tail);

  auto body = [&](ValueRange point,
                  ValueRange outs) -> SmallVector<GridResult> {
    Sequence sequence = b.sequence(batch, point[0]);
    Value head = point[1];
    Value channel = b.createOrFold<arith::MulIOp>(head, b.index(size));
    SliceOf slot{{sequence.slot, zero, channel},
                 {one, history, valueDim},
                 {false, true, true}};
    Value before;
    if (hasTail)
      before = b.slice(outs[2], slot.offsets, slot.sizes, slot.keep);
    Value values = b.empty({sequence.rows, valueDim},
                           conv.getResult().getType().getElementType());
    ConvolvedBlock convolved = convolveChannels(b, conv, convOperands, sequence,
                                                channel, size, values, before);

    SliceOf rows{{sequence.row, head, zero},
                 {sequence.rows, one, valueDim},
                 {true, false, true}};
    SliceOf own{{sequence.slot, head, zero, zero},
                {one, one, keyDim, valueDim},
                {false, false, true, true}};
    SmallVector<Value> done = runDeltaRule(
        b, rule, ruleOperands, sequence, head,
        b.slice(outs[0], rows.offsets, rows.sizes, rows.keep),
        b.slice(outs[1], own.offsets, own.sizes, own.keep), convolved.y);
    SmallVector<GridResult> results = {{done[0], rows.offsets, rows.sizes},
                                       {done[1], own.offsets, own.sizes}};
    if (hasTail)
      results.push_back({convolved.tail, slot.offsets, slot.sizes});
    return results;
  };
  SmallVector<Value> results = b.grid(grid, {one, one}, inits, body);
  return {results[0], hasTail ? results[2] : tail, results[1]};
}
