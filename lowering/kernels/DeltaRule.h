// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What the kernels of a JetBlock share: the inputs of its rule and the product
// that makes its taps.

#ifndef JET_LOWERING_KERNELS_DELTARULE_H
#define JET_LOWERING_KERNELS_DELTARULE_H

#include "lowering/kernels/Projection.h"

namespace jet {

/// q and k of a row and head, spread over a warp: lane l has elements l, l +
/// 32, … and zeros behind the last.
struct RuleKeys {
  llvm::SmallVector<mlir::Value> q, k;
  /// The elements' indices; whether they exist, null where all lanes' do.
  llvm::SmallVector<mlir::Value> at, inside;
  mlir::Value qk; // Σ q k, in all lanes
};

/// Reads the operands of `rule` — the form's op or one of its body — in
/// `stage`, by the code on them.
class RuleInputs {
public:
  RuleInputs(Stage &stage, GatedDeltaRuleOp rule) : stage(stage), rule(rule) {}

  /// Operand `number` of `op` as [rows, all else].
  mlir::Value flat(mlir::Operation *op, unsigned number);
  /// Element [row, column] of it, as f32.
  mlir::Value element(unsigned number, mlir::Value row, mlir::Value column);
  /// q and k as they are in memory; to unit length where the rule says so; and
  /// then qk. The whole warp takes part.
  RuleKeys loadKeys(mlir::Value row, mlir::Value head);
  void scaleKeys(RuleKeys &keys);
  void finishKeys(RuleKeys &keys);
  /// γ = e^g.
  mlir::Value decay(mlir::Value row, mlir::Value head);
  mlir::Value beta(mlir::Value row, mlir::Value head) {
    return element(4, row, head);
  }
  /// weight · silu(gate) of the head's `column`.
  mlir::Value gain(mlir::Value row, mlir::Value head, mlir::Value column);
  /// 1 / sqrt(Σ y² / Dv + eps) of the norm behind the rule.
  mlir::Value inverseNorm(mlir::Value squares);

private:
  /// Σ x y over the warp.
  mlir::Value productOf(llvm::ArrayRef<mlir::Value> x,
                        llvm::ArrayRef<mlir::Value> y);

  Stage &stage;
  GatedDeltaRuleOp rule;
};

/// The form that takes 64 rows of a sequence at once, on tensor cores
/// (DeltaChunks.cpp), where the result is bf16: what goes into its products is
/// rounded to that.
bool hasChunks(GatedDeltaRuleOp rule);
void buildChunks(FormContext &context, GatedDeltaRuleOp rule);

/// The rule is what its kernels are for: the delta rule (not the additive one)
/// with a key of its own for each head, and states in f32 or bf16, of sizes
/// that are multiples of 8 up to 256.
bool isSupportedRule(GatedDeltaRuleOp rule);

/// h · wᵀ + bias of `conv`, with tensor cores, in a stage `what`; before it one
/// that rounds h, if that is f32. `use` gets consecutive taps of a row, and
/// returns what stores what it makes of them.
using TapUser = std::function<std::function<void()>(
    Stage &stage, mlir::Value row, mlir::Value column,
    llvm::ArrayRef<mlir::Value> taps)>;
void generateTaps(FormBuilder &form, GeneratedConvOp conv, llvm::StringRef what,
                  ProjectionSize size, TapUser use, CopyAhead ahead = {});
/// Whether there are kernels for the convolution: taps by tensor cores, a tail
/// of 1 to 3 rows in f32 or bf16.
bool isSupportedConv(GeneratedConvOp conv);

/// convolve of many rows (LargeConvolution.cpp), where there are four taps and
/// all is bf16. `owners` has the slot and t of each row, i32 [R, 2].
bool hasLargeConvolution(FormBuilder &form, GeneratedConvOp conv);
void buildLargeConvolution(FormBuilder &form, GeneratedConvOp conv,
                           Place owners);

/// What a batch says of a sequence.
struct BatchLine {
  mlir::Value slot, row, rows;
};
BatchLine readBatch(Stage &stage, unsigned operand, mlir::Value sequence);

} // namespace jet

#endif // JET_LOWERING_KERNELS_DELTARULE_H
