// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "passes/Passes.h"
#include "passes/fuse/Fuse.h"

#include "llvm/Support/MathExtras.h"

using namespace mlir;

namespace jet {
#define GEN_PASS_DEF_FUSEHEADTOPKPASS
#include "passes/Passes.h.inc"
} // namespace jet

using namespace jet;

/// Columns of which the k best are written. Wide blocks write less — with 32·k
/// columns a sixteenth of the bytes of the logits, which leaves the arenas of
/// the released models as they are — and insert less into lists; narrow ones
/// give more threads something to do: of a vocabulary of 151,936 with k = 64
/// there are 75 blocks. Never narrower than a block of a projection.
static int64_t chooseBlock(int64_t k) { return llvm::alignTo(32 * k, 64); }

/// The projection's input with the code on it, and its weight.
struct Projection {
  Value x, weight;
  GroupedLinearOp group; // null for a jet.linear
};

static FailureOr<Projection> matchProjection(TopKOp topK, FusionLog &log) {
  Operation *source = topK.getLogits().getDefiningOp();
  if (!isa_and_nonnull<LinearOp, GroupedLinearOp>(source))
    return log.refuse(topK, "its logits are not made by a projection");
  if (auto linear = dyn_cast<LinearOp>(source)) {
    if (linear.getBias())
      return log.refuse(topK, "the projection adds a bias");
    if (!linear->hasOneUse())
      return log.refuse(topK, "the logits have other readers");
    return Projection{linear.getX(), linear.getWeight(), {}};
  }
  auto group = cast<GroupedLinearOp>(source);
  if (group.getNumResults() != 1 || group.getProducts()[0] != 1)
    return log.refuse(topK, "the group has other projections");
  if (!group->hasOneUse())
    return log.refuse(topK, "the logits have other readers");
  if (findPort(cast<PortOpInterface>(source), resultPort(0)))
    return log.refuse(topK, "the projection carries code on its result");
  return Projection{group.getX(), group.getWeights()[0], group};
}

static LogicalResult fuse(RewriterBase &rewriter, TopKOp topK, FusionLog &log) {
  FailureOr<Projection> found = matchProjection(topK, log);
  if (failed(found))
    return failure();
  Operation *projection = topK.getLogits().getDefiningOp();
  int64_t k = topK.getK();
  int64_t vocab = cast<ShapedType>(found->weight.getType()).getDimSize(0);
  int64_t block = chooseBlock(k);
  int64_t rows = topK.getLogits().getType().getDimSize(0);
  int64_t columns = llvm::divideCeil(vocab, block) * k;
  Type types[] = {
      RankedTensorType::get({rows, columns}, rewriter.getF32Type()),
      RankedTensorType::get({rows, columns}, rewriter.getI32Type())};

  // Ports of the group can only be on its input, which is operand 0 here too.
  Value norm;
  FloatAttr normEps;
  ValueRange extras;
  ArrayRef<int64_t> ports;
  MutableArrayRef<Region> regions;
  if (found->group) {
    norm = found->group.getNorm();
    normEps = found->group.getNormEpsAttr();
    extras = found->group.getExtras();
    ports = found->group.getPorts();
    regions = found->group.getPortRegions();
  }
  rewriter.setInsertionPoint(topK);
  auto fused = LinearTopKOp::create(
      rewriter, rewriter.getFusedLoc({projection->getLoc(), topK.getLoc()}),
      types[0], types[1], found->x, found->weight, norm, extras, ports, k,
      block, normEps, regions.size());
  for (auto [from, to] : llvm::zip_equal(regions, fused.getPortRegions()))
    to.takeBody(from);
  // One block is all there is: its k best are the k best.
  if (columns == k)
    rewriter.replaceOp(topK, fused);
  else
    rewriter.replaceOpWithNewOp<MergeTopKOp>(topK, topK->getResultTypes(),
                                             fused.getValues(), fused.getIds(),
                                             /*sampling=*/Value(), k);
  rewriter.eraseOp(projection);
  return success();
}

namespace {
struct FuseHeadTopKPass : jet::impl::FuseHeadTopKPassBase<FuseHeadTopKPass> {
  using FuseHeadTopKPassBase::FuseHeadTopKPassBase;

  void runOnOperation() override {
    FusionLog log("head-top-k", remarks);
    IRRewriter rewriter(&getContext());
    for (TopKOp topK : llvm::to_vector(getOperation().getOps<TopKOp>()))
      if (succeeded(fuse(rewriter, topK, log)))
        ++numFused;
  }
};
} // namespace
