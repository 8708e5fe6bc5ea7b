// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "passes/Passes.h"
#include "passes/fuse/Fuse.h"
#include "passes/fuse/Rounding.h"

using namespace mlir;

namespace jet {
#define GEN_PASS_DEF_ROUNDACTIVATIONSPASS
#include "passes/Passes.h.inc"
} // namespace jet

using namespace jet;

/// The argument of the step's body that is its convolution's h, if `use` is.
static BlockArgument findStepInput(OpOperand &use) {
  auto step = dyn_cast<DeltaStepOp>(use.getOwner());
  if (!step)
    return {};
  BlockArgument argument =
      step.getBody().front().getArgument(use.getOperandNumber());
  bool isInput =
      argument.hasOneUse() && argument == step.getConvolution().getH();
  return isInput ? argument : BlockArgument();
}

/// The weights that `use` is multiplied by as it is, neither normed nor changed
/// by code before; none if it is something else.
static SmallVector<Value> findWeights(OpOperand &use) {
  Operation *op = use.getOwner();
  if (findStepInput(use))
    return {cast<DeltaStepOp>(op).getConvolution().getWeight()};
  unsigned number = use.getOperandNumber();
  auto isPlain = [&](auto projection) {
    return number == 0 && !projection.getNormEps();
  };
  auto carriesCode = [&] {
    return findPort(cast<PortOpInterface>(op), number).has_value();
  };
  if (auto linear = dyn_cast<LinearOp>(op); linear && number == 0)
    return {linear.getWeight()};
  if (auto conv = dyn_cast<GeneratedConvOp>(op); conv && number == 1)
    return {conv.getWeight()};
  if (auto qkv = dyn_cast<QkvLinearOp>(op); qkv && isPlain(qkv))
    return SmallVector<Value>(qkv.getWeights());
  if (auto head = dyn_cast<LinearTopKOp>(op);
      head && isPlain(head) && !carriesCode())
    return {head.getWeight()};
  if (auto group = dyn_cast<GroupedLinearOp>(op);
      group && isPlain(group) && !carriesCode())
    return SmallVector<Value>(group.getWeights());
  return {};
}

/// Whether `use` is q, k, v or the gate of a rule of many tokens, whose
/// products take bf16.
static bool isRuleInput(OpOperand &use) {
  auto rule = dyn_cast<GatedDeltaRuleOp>(use.getOwner());
  return rule && (use.getOperandNumber() <= 2 ||
                  (rule.getGate() && use.get() == rule.getGate()));
}

/// Whether `use` is q of an attention to keys in bf16, with which kernels
/// multiply it in that type.
static bool isQuery(OpOperand &use) {
  auto attention = dyn_cast<AttentionOp>(use.getOwner());
  return attention && use.getOperandNumber() == 0 &&
         attention.getCache().getType().getStorageType().isBF16() &&
         !findPort(cast<PortOpInterface>(attention.getOperation()), 0);
}

/// Whether q of an attention may be rounded where `op` makes it.
static bool makesQuery(Operation *op) {
  if (auto qkv = dyn_cast<QkvLinearOp>(op))
    return llvm::all_of(qkv.getWeights(), isBF16);
  return isa<RopeOp>(op);
}

/// Makes `result` and what shows it bf16; code of a reader extends it first.
static void roundWithReaders(OpResult result, const Readers &readers) {
  auto bf16 = BFloat16Type::get(result.getContext());
  roundResult(result, bf16);
  for (Value view : readers.views)
    setElementType(view, bf16);
  for (OpOperand *use : readers.uses) {
    if (BlockArgument argument = findStepInput(*use))
      setElementType(argument, bf16);
    if (!isRuleInput(*use))
      continue;
    std::optional<Port> port = findPort(cast<PortOpInterface>(use->getOwner()),
                                        use->getOperandNumber());
    if (!port)
      continue;
    extendArgument(port->region->front().getArgument(0), bf16);
  }
}

static LogicalResult round(OpResult result, bool ruleInputs, FusionLog &log) {
  Operation *op = result.getOwner();
  auto type = dyn_cast<RankedTensorType>(result.getType());
  if (!type || !type.getElementType().isF32() || isShowing(op))
    return failure();
  Readers readers(result);
  if (ruleInputs && !readers.uses.empty() &&
      llvm::all_of(readers.uses,
                   [](OpOperand *use) { return isRuleInput(*use); })) {
    if (!hasRoundedWeights(op))
      return log.refuse(op, "no product in bf16 makes result " +
                                std::to_string(result.getResultNumber()));
    roundWithReaders(result, readers);
    return success();
  }
  if (ruleInputs && readers.views.empty() && !readers.uses.empty() &&
      llvm::all_of(readers.uses,
                   [](OpOperand *use) { return isQuery(*use); })) {
    if (!makesQuery(op))
      return log.refuse(op, "an op that keeps q in f32 makes it");
    setElementType(result, BFloat16Type::get(op->getContext()));
    return success();
  }
  SmallVector<Value> weights;
  size_t projections = 0;
  for (OpOperand *use : readers.uses) {
    SmallVector<Value> own = findWeights(*use);
    projections += !own.empty();
    llvm::append_range(weights, own);
  }
  if (llvm::none_of(weights, isBF16))
    return failure();
  std::string what = "result " + std::to_string(result.getResultNumber());
  if (projections != readers.uses.size())
    return log.refuse(op, what + " has readers that do not round it");
  if (!llvm::all_of(weights, isBF16))
    return log.refuse(op, "not all projections of " + what + " round it");
  if (!isa<GroupedLinearOp, AttentionOp, GatedDeltaRuleOp, DeltaStepOp>(op))
    return log.refuse(op, "the op keeps " + what + " in f32");
  roundWithReaders(result, readers);
  return success();
}

namespace {
struct RoundActivationsPass
    : jet::impl::RoundActivationsPassBase<RoundActivationsPass> {
  using RoundActivationsPassBase::RoundActivationsPassBase;

  void runOnOperation() override {
    FusionLog log("round-activations", remarks);
    for (Operation &op : getOperation().getOps())
      for (OpResult result : op.getResults())
        if (succeeded(round(result, ruleInputs, log)))
          ++numRounded;
  }
};
} // namespace
