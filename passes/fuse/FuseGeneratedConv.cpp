// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "passes/Passes.h"
#include "passes/fuse/Fuse.h"

using namespace mlir;

namespace jet {
#define GEN_PASS_DEF_FUSEGENERATEDCONVPASS
#include "passes/Passes.h.inc"
} // namespace jet

using namespace jet;

static LogicalResult fuse(RewriterBase &rewriter, DynamicConvOp conv,
                          FusionLog &log) {
  auto generator = conv.getTaps().getDefiningOp<LinearOp>();
  if (!generator || !generator.getBias())
    return log.refuse(conv, "its taps are not made by a linear with a bias");
  if (!generator->hasOneUse())
    return log.refuse(conv, "its taps have other readers");
  if (!conv.getPortRegions().empty())
    return log.refuse(conv, "it carries code already");
  rewriter.setInsertionPoint(conv);
  rewriter.replaceOpWithNewOp<GeneratedConvOp>(
      conv, conv->getResultTypes(),
      ValueRange{conv.getU(), generator.getX(), generator.getWeight(),
                 generator.getBias(), conv.getTail(), conv.getBatch()});
  rewriter.eraseOp(generator);
  return success();
}

namespace {
struct FuseGeneratedConvPass
    : jet::impl::FuseGeneratedConvPassBase<FuseGeneratedConvPass> {
  using FuseGeneratedConvPassBase::FuseGeneratedConvPassBase;

  void runOnOperation() override {
    FusionLog log("generated-conv", remarks);
    IRRewriter rewriter(&getContext());
    for (DynamicConvOp conv :
         llvm::to_vector(getOperation().getOps<DynamicConvOp>()))
      if (succeeded(fuse(rewriter, conv, log)))
        ++numFused;
  }
};
} // namespace
