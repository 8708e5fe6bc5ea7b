// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "passes/Passes.h"
#include "passes/fuse/Fuse.h"

#include "mlir/IR/IRMapping.h"
#include "llvm/ADT/SetVector.h"

using namespace mlir;

namespace jet {
#define GEN_PASS_DEF_FUSEDELTASTEPPASS
#include "passes/Passes.h.inc"
} // namespace jet

using namespace jet;

/// Puts the three ops into the body of one, at the rule's place.
static void wrap(RewriterBase &rewriter, GeneratedConvOp conv,
                 SplitHeadsOp heads, GatedDeltaRuleOp rule) {
  llvm::SetVector<Value> inputs;
  inputs.insert(conv->operand_begin(), conv->operand_end());
  for (Value operand : rule->getOperands())
    if (operand != heads.getResult())
      inputs.insert(operand);
  rewriter.setInsertionPoint(rule);
  auto step = DeltaStepOp::create(
      rewriter, rewriter.getFusedLoc({conv.getLoc(), rule.getLoc()}),
      TypeRange{rule.getResult().getType(), conv.getNextTail().getType(),
                rule.getNextState().getType()},
      inputs.getArrayRef());
  Block *body = rewriter.createBlock(&step.getBody());
  IRMapping mapping;
  for (Value input : inputs)
    mapping.map(input, body->addArgument(input.getType(), input.getLoc()));
  for (Operation *op :
       {conv.getOperation(), heads.getOperation(), rule.getOperation()})
    rewriter.clone(*op, mapping);
  StepYieldOp::create(rewriter, rule.getLoc(), mapping.lookup(rule.getResult()),
                      mapping.lookup(conv.getNextTail()),
                      mapping.lookup(rule.getNextState()));
  rewriter.replaceOp(rule, {step.getResult(), step.getNextState()});
  rewriter.eraseOp(heads);
  rewriter.replaceAllUsesWith(conv.getNextTail(), step.getNextTail());
  rewriter.eraseOp(conv);
}

static LogicalResult fuse(RewriterBase &rewriter, GatedDeltaRuleOp rule,
                          bool oneTokenEach, FusionLog &log) {
  if (!oneTokenEach)
    return log.refuse(rule, "this program takes many tokens of a sequence, "
                            "whose taps want one product");
  auto heads = rule.getV().getDefiningOp<SplitHeadsOp>();
  auto conv =
      heads ? heads.getX().getDefiningOp<GeneratedConvOp>() : GeneratedConvOp();
  if (!conv)
    return log.refuse(rule, "its v is not made by jet.generated_conv");
  if (!conv.getResult().hasOneUse() || !heads->hasOneUse())
    return log.refuse(rule, "the convolved values have other readers");
  if (findPort(rule, 2))
    return log.refuse(rule, "v carries code");
  if (conv.getBatch() != rule.getBatch())
    return log.refuse(rule, "the convolution is of another batch");
  for (Operation *user : conv.getNextTail().getUsers())
    if (user->isBeforeInBlock(rule))
      return log.refuse(rule, "the convolution's tail is read in between");
  wrap(rewriter, conv, heads, rule);
  return success();
}

namespace {
struct FuseDeltaStepPass : jet::impl::FuseDeltaStepPassBase<FuseDeltaStepPass> {
  using FuseDeltaStepPassBase::FuseDeltaStepPassBase;

  void runOnOperation() override {
    FusionLog log("delta-step", remarks);
    IRRewriter rewriter(&getContext());
    bool oneTokenEach = getOperation().getSymName().starts_with("decode");
    for (GatedDeltaRuleOp rule :
         llvm::to_vector(getOperation().getOps<GatedDeltaRuleOp>()))
      if (succeeded(fuse(rewriter, rule, oneTokenEach, log)))
        ++numFused;
  }
};
} // namespace
