// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What the stages of jet.delta_step share: what a step of the rule takes from
// memory besides the states. DeltaStep.cpp has the equations.

#ifndef JET_LOWERING_KERNELS_DELTASTEP_H
#define JET_LOWERING_KERNELS_DELTASTEP_H

#include "lowering/kernels/DeltaRule.h"

namespace jet {

class StepInputs {
public:
  using Value = mlir::Value;
  using Values = TileBuilder::Values;

  StepInputs(Stage &stage, DeltaStepOp op)
      : stage(stage), conv(op.getConvolution()), rule(op.getRule()),
        inputs(stage, rule) {}

  RecurrentStateType type() { return rule.getState().getType(); }
  bool hasGate() { return static_cast<bool>(rule.getGate()); }
  int64_t channels() { return conv.getTail().getType().getChannels(); }
  /// Taps of a channel.
  int64_t width() { return conv.getTail().getType().getRows() + 1; }
  BatchLine readLine(Value sequence) {
    return readBatch(stage, stage.form.operandOf(rule, 6), sequence);
  }
  /// The states of all slots and heads as one matrix, in boxes of `columns` of
  /// a head; and the first row of a head in it.
  Value stateMap(int64_t columns);
  Value stateRow(Value slot, Value head);

  /// A column of a head: what its value is made of besides the taps.
  struct Column {
    Value number, channel;
    Values ext;
    Value gain; // weight · silu(gate), where the rule has a gate
  };
  Column loadColumn(const BatchLine &line, Value head, Value column);
  /// The channel's row of `taps`, f32 [R, H·Dv·W].
  Values loadTaps(Place taps, const BatchLine &line, const Column &column);
  /// v of the column. Advances its tail where `valid`, null for always.
  Value finishColumn(const BatchLine &line, const Column &column,
                     mlir::ValueRange taps, Value valid);

  /// q, k, γ and β of a head, by a warp.
  struct Keys {
    RuleKeys unit;
    Value decay, beta;
  };
  Keys loadKeys(const BatchLine &line, Value head);
  void finishKeys(Keys &keys) { inputs.finishKeys(keys.unit); }
  /// (q, k) to `pairs` [Dk, 2], (γ, β, q · k) to `scalars`.
  void storeKeys(const Keys &keys, Value pairs, Value scalars);

  Value inverseNorm(Value squares) { return inputs.inverseNorm(squares); }
  /// The result, [R, H, Dv].
  Value result() { return stage.operand(stage.form.resultOperand(0)); }

private:
  Stage &stage;
  GeneratedConvOp conv;
  GatedDeltaRuleOp rule;
  RuleInputs inputs;
};

/// The arithmetic on some columns of a head's state in shared memory, by the
/// first kThreads threads: each has kWidth columns, 16 bytes of f32, and a part
/// of the rows.
class StateTile {
public:
  using Value = mlir::Value;
  using Values = TileBuilder::Values;
  static constexpr int64_t kThreads = 128, kWidth = 4;

  /// `columns`: 32 or 64, of which a row takes a part of a warp.
  StateTile(TileBuilder &b, RecurrentStateType type, int64_t columns)
      : b(b), type(type), columns(columns) {}

  /// Sets which rows and columns are the thread's.
  void locate();
  /// Of memory for the sums.
  tile::SharedType sumsType();
  /// Σ k S and Σ q S over the rows of each warp to `sums`.
  void accumulate(Value state, Value keys, Value sums);
  /// y before the norm, from the sums of all warps, which are added up in
  /// order; the thread's `v`, and (γ, β, q · k).
  Values combine(Value sums, mlir::ValueRange v, Value scalars);
  /// S' in place of S, after combine().
  void update(Value state, Value keys);

  Value rowGroup, column; // of the thread; its first column

private:
  Values
  forRows(mlir::ValueRange inits,
          llvm::function_ref<Values(Value row, mlir::ValueRange carried)> body);

  TileBuilder &b;
  RecurrentStateType type;
  int64_t columns;
  Value decay;
  Values delta;
};

/// The stage for a few sequences, from `taps`, f32 [R, H·Dv·W]; without taps
/// it makes them itself, where a CTA has room for their weights.
bool canGenerateTaps(GeneratedConvOp conv);
void buildDeltaSpread(FormBuilder &form, DeltaStepOp op,
                      std::optional<Place> taps);

/// The stage for many sequences, from `taps`; `manyRows`: for more than 16.
/// What the stage before it copies to L2: states that it begins with.
CopyAhead copyAheadOfStream(DeltaStepOp op);
void buildDeltaStream(FormBuilder &form, DeltaStepOp op, Place taps,
                      bool manyRows);

} // namespace jet

#endif // JET_LOWERING_KERNELS_DELTASTEP_H
