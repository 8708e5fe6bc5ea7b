// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "passes/Passes.h"
#include "passes/fuse/Fuse.h"

using namespace mlir;

namespace jet {
#define GEN_PASS_DEF_FUSERMSNORMPASS
#include "passes/Passes.h.inc"
} // namespace jet

using namespace jet;

static LogicalResult fuse(RewriterBase &rewriter, RmsNormOp norm,
                          FusionLog &log) {
  if (!norm->hasOneUse())
    return log.refuse(norm, "its result does not have one reader");
  OpOperand &use = *norm->use_begin();
  auto linear = dyn_cast<GroupedLinearOp>(use.getOwner());
  if (!linear || use.getOperandNumber() != 0)
    return log.refuse(norm, "its result is not the input of a projection");
  if (linear.getNormEps())
    return log.refuse(norm, "the projection norms its input already");
  if (findPort(linear, 0))
    return log.refuse(norm, "the projection has code between the norm and its "
                            "products");
  if (!getElementTypeOrSelf(norm.getType()).isF32())
    return log.refuse(norm, "its result is rounded before the projection");

  rewriter.setInsertionPoint(linear);
  auto fused = GroupedLinearOp::create(
      rewriter, rewriter.getFusedLoc({norm.getLoc(), linear.getLoc()}),
      linear.getResultTypes(), norm.getX(), linear.getWeights(),
      norm.getWeight(), linear.getExtras(), linear.getPorts(),
      linear.getProducts(), norm.getEpsAttr(), linear.getPortRegions().size());
  for (auto [from, to] :
       llvm::zip_equal(linear.getPortRegions(), fused.getPortRegions()))
    to.takeBody(from);
  rewriter.replaceOp(linear, fused.getResults());
  rewriter.eraseOp(norm);
  return success();
}

namespace {
struct FuseRmsNormPass : jet::impl::FuseRmsNormPassBase<FuseRmsNormPass> {
  using FuseRmsNormPassBase::FuseRmsNormPassBase;

  void runOnOperation() override {
    FusionLog log("rms-norm", remarks);
    IRRewriter rewriter(&getContext());
    for (RmsNormOp norm : llvm::to_vector(getOperation().getOps<RmsNormOp>()))
      if (succeeded(fuse(rewriter, norm, log)))
        ++numFused;
  }
};
} // namespace
