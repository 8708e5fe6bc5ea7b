// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "passes/Passes.h"
#include "passes/fuse/Fuse.h"

using namespace mlir;

namespace jet {
#define GEN_PASS_DEF_FUSESAMPLEPASS
#include "passes/Passes.h.inc"
} // namespace jet

using namespace jet;

static LogicalResult fuse(RewriterBase &rewriter, SampleOp sample,
                          FusionLog &log) {
  // Of a vocabulary that is one block nothing is merged.
  if (sample.getValues().getDefiningOp<LinearTopKOp>())
    return failure();
  auto merge = sample.getValues().getDefiningOp<MergeTopKOp>();
  if (!merge || sample.getIds() != merge.getBestIds())
    return log.refuse(sample, "its candidates are not those of a merge");
  if (merge.getSampling())
    return log.refuse(sample, "the merge samples already");
  if (!isAvailableAt(sample.getSampling(), merge))
    return log.refuse(sample, "how to sample comes after the merge");
  rewriter.setInsertionPoint(merge);
  auto fused = MergeTopKOp::create(
      rewriter, rewriter.getFusedLoc({merge.getLoc(), sample.getLoc()}),
      merge.getBestValues().getType(), merge.getBestIds().getType(),
      sample.getType(), merge.getValues(), merge.getIds(), sample.getSampling(),
      merge.getK());
  rewriter.replaceOp(sample, fused.getNext());
  rewriter.replaceOp(merge, {fused.getBestValues(), fused.getBestIds()});
  return success();
}

namespace {
struct FuseSamplePass : jet::impl::FuseSamplePassBase<FuseSamplePass> {
  using FuseSamplePassBase::FuseSamplePassBase;

  void runOnOperation() override {
    FusionLog log("sample", remarks);
    IRRewriter rewriter(&getContext());
    for (SampleOp sample : llvm::to_vector(getOperation().getOps<SampleOp>()))
      if (succeeded(fuse(rewriter, sample, log)))
        ++numFused;
  }
};
} // namespace
