// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "passes/Passes.h"
#include "passes/fuse/Fuse.h"

using namespace mlir;

namespace jet {
#define GEN_PASS_DEF_FUSEELEMENTWISEPASS
#include "passes/Passes.h.inc"
} // namespace jet

using namespace jet;

/// The op that reads the map's result, directly or as heads, and the operand.
static std::pair<PortOpInterface, unsigned> findConsumer(MapOp map) {
  if (!map->hasOneUse())
    return {};
  OpOperand *use = &*map->use_begin();
  if (isa<SplitHeadsOp>(use->getOwner()) && use->getOwner()->hasOneUse())
    use = &*use->getOwner()->use_begin();
  return {dyn_cast<PortOpInterface>(use->getOwner()), use->getOperandNumber()};
}

/// Into the op that makes one of the map's inputs, else into the one that reads
/// its result.
static LogicalResult fuse(RewriterBase &rewriter, MapOp map, FusionLog &log) {
  SmallVector<OpResult> candidates;
  for (Value input : map.getInputs())
    if (input.getDefiningOp<PortOpInterface>())
      candidates.push_back(cast<OpResult>(input));
  auto [consumer, operand] = findConsumer(map);
  FusionLog quiet = log.quiet();
  for (OpResult candidate : candidates) {
    bool isLast = candidate == candidates.back() && !consumer;
    if (succeeded(fuseIntoResult(
            rewriter, cast<PortOpInterface>(candidate.getOwner()),
            candidate.getResultNumber(), map, isLast ? log : quiet)))
      return success();
  }
  if (consumer)
    return fuseIntoOperand(rewriter, consumer, operand, log);
  if (candidates.empty())
    return log.refuse(map, "no op beside it can carry code");
  return failure();
}

namespace {
struct FuseElementwisePass
    : jet::impl::FuseElementwisePassBase<FuseElementwisePass> {
  using FuseElementwisePassBase::FuseElementwisePassBase;

  void runOnOperation() override {
    FusionLog log("elementwise", remarks);
    IRRewriter rewriter(&getContext());
    hoistViews(getOperation());
    // In program order, so that a chain of maps ends up in one place.
    for (MapOp map : llvm::to_vector(getOperation().getOps<MapOp>()))
      if (succeeded(fuse(rewriter, map, log)))
        ++numFused;
  }
};
} // namespace
