// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "passes/Passes.h"
#include "passes/fuse/Fuse.h"

using namespace mlir;

namespace jet {
#define GEN_PASS_DEF_FUSEDELTARULEINPUTSPASS
#define GEN_PASS_DEF_FUSEDELTARULENORMPASS
#include "passes/Passes.h.inc"
} // namespace jet

using namespace jet;

/// The L2 norms of q and k become the rule's own.
static LogicalResult fuseUnitLengths(RewriterBase &rewriter,
                                     GatedDeltaRuleOp rule, FusionLog &log) {
  auto q = rule.getQ().getDefiningOp<L2NormOp>();
  auto k = rule.getK().getDefiningOp<L2NormOp>();
  if (!q || !k)
    return log.refuse(rule, "q and k are not both made by jet.l2_norm");
  if (rule.getQkNormEps() || findPort(rule, 0) || findPort(rule, 1))
    return log.refuse(rule, "q or k carries code already");
  if (!q->hasOneUse() || !k->hasOneUse())
    return log.refuse(rule, "normed q or k has other readers");
  if (q.getEps() != k.getEps() || k.getScale().convertToDouble() != 1.0)
    return log.refuse(rule, "q and k are normed differently");
  rewriter.modifyOpInPlace(rule, [&] {
    rule.setQkNormEpsAttr(q.getEpsAttr());
    rule.setQScaleAttr(q.getScaleAttr());
    rule->setOperand(0, q.getX());
    rule->setOperand(1, k.getX());
  });
  rewriter.eraseOp(q);
  rewriter.eraseOp(k);
  return success();
}

/// A gated norm of the result becomes the rule's own.
static LogicalResult fuseNorm(RewriterBase &rewriter, GatedDeltaRuleOp rule,
                              FusionLog &log) {
  if (rule.getGate())
    return failure();
  if (!rule.getResult().hasOneUse())
    return log.refuse(rule, "its result has several readers");
  auto norm = dyn_cast<GatedRmsNormOp>(*rule.getResult().user_begin());
  if (!norm || norm.getX() != rule.getResult())
    return log.refuse(rule, "its result is not read by jet.gated_rms_norm");
  for (Value value : {norm.getGate(), norm.getWeight()})
    if (!isAvailableAt(value, rule))
      return log.refuse(rule, "the gate is computed after the rule");
  if (!getElementTypeOrSelf(rule.getResult().getType()).isF32())
    return log.refuse(rule, "its result is rounded before the norm");
  rewriter.setInsertionPoint(rule);
  auto fused = GatedDeltaRuleOp::create(
      rewriter, rewriter.getFusedLoc({rule.getLoc(), norm.getLoc()}),
      norm.getType(), rule.getNextState().getType(), rule.getQ(), rule.getK(),
      rule.getV(), rule.getG(), rule.getBeta(), rule.getState(),
      rule.getBatch(), norm.getGate(), norm.getWeight(), rule.getExtras(),
      rule.getPorts(), rule.getQkNormEpsAttr(), rule.getQScaleAttr(),
      norm.getEpsAttr(), rule.getAdditive(), rule.getPortRegions().size());
  for (auto [from, to] :
       llvm::zip_equal(rule.getPortRegions(), fused.getPortRegions()))
    to.takeBody(from);
  rewriter.replaceOp(norm, fused.getResult());
  rule.getNextState().replaceAllUsesWith(fused.getNextState());
  rewriter.eraseOp(rule);
  return success();
}

namespace {

struct FuseDeltaRuleInputsPass
    : jet::impl::FuseDeltaRuleInputsPassBase<FuseDeltaRuleInputsPass> {
  using FuseDeltaRuleInputsPassBase::FuseDeltaRuleInputsPassBase;

  void runOnOperation() override {
    FusionLog log("delta-rule-inputs", remarks);
    IRRewriter rewriter(&getContext());
    for (GatedDeltaRuleOp rule :
         llvm::to_vector(getOperation().getOps<GatedDeltaRuleOp>())) {
      if (succeeded(fuseUnitLengths(rewriter, rule, log)))
        ++numFused;
      Operation *current = rule;
      // q, k, g, beta; what makes v belongs into the convolution.
      for (unsigned index : {0, 1, 3, 4}) {
        Operation *next = current->getNextNode();
        if (succeeded(fuseIntoOperand(rewriter, cast<PortOpInterface>(current),
                                      index, log))) {
          ++numFused;
          current = next->getPrevNode();
        }
      }
    }
  }
};

struct FuseDeltaRuleNormPass
    : jet::impl::FuseDeltaRuleNormPassBase<FuseDeltaRuleNormPass> {
  using FuseDeltaRuleNormPassBase::FuseDeltaRuleNormPassBase;

  void runOnOperation() override {
    FusionLog log("delta-rule-norm", remarks);
    IRRewriter rewriter(&getContext());
    hoistViews(getOperation());
    for (GatedDeltaRuleOp rule :
         llvm::to_vector(getOperation().getOps<GatedDeltaRuleOp>()))
      if (succeeded(fuseNorm(rewriter, rule, log)))
        ++numFused;
  }
};

} // namespace
