// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "dialects/jet/ScalarMath.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "passes/Passes.h"
#include "passes/fuse/Fuse.h"

using namespace mlir;

namespace jet {
#define GEN_PASS_DEF_FUSESWIGLUPASS
#include "passes/Passes.h.inc"
} // namespace jet

using namespace jet;

/// silu(gate) · up, rounded to `result`; the same operations in the same order
/// as jet.swiglu.
static void writeBody(RewriterBase &rewriter, Location location, Region &body,
                      Type result) {
  OpBuilder::InsertionGuard guard(rewriter);
  Type f32 = rewriter.getF32Type();
  Block *block =
      rewriter.createBlock(&body, {}, {f32, f32}, {location, location});
  ImplicitLocOpBuilder b(location, rewriter);
  Value silu = buildSilu(b, block->getArgument(0));
  Value value = arith::MulFOp::create(b, silu, block->getArgument(1));
  YieldOp::create(b, buildConvert(b, value, result));
}

static LogicalResult fuse(RewriterBase &rewriter, SwigluOp swiglu,
                          FusionLog &log) {
  auto linear = swiglu.getGate().getDefiningOp<GroupedLinearOp>();
  if (!linear || linear != swiglu.getUp().getDefiningOp<GroupedLinearOp>())
    return log.refuse(swiglu, "gate and up are not projections of one group");
  unsigned gate = cast<OpResult>(swiglu.getGate()).getResultNumber();
  unsigned up = cast<OpResult>(swiglu.getUp()).getResultNumber();
  if (linear.getNumResults() != 2 || gate == up)
    return log.refuse(swiglu, "the group has other projections");
  if (!swiglu.getGate().hasOneUse() || !swiglu.getUp().hasOneUse())
    return log.refuse(swiglu, "gate or up has other readers");
  if (!linear.getPortRegions().empty())
    return log.refuse(swiglu, "gate or up carries code already");
  if (!getElementTypeOrSelf(swiglu.getGate().getType()).isF32() ||
      !getElementTypeOrSelf(swiglu.getUp().getType()).isF32())
    return log.refuse(swiglu, "gate or up is rounded first");

  SmallVector<Value> weights(linear.getWeightsOf(gate));
  llvm::append_range(weights, linear.getWeightsOf(up));
  rewriter.setInsertionPoint(linear);
  Location location = rewriter.getFusedLoc({linear.getLoc(), swiglu.getLoc()});
  auto merged = GroupedLinearOp::create(
      rewriter, location, TypeRange{swiglu.getType()}, linear.getX(), weights,
      ArrayRef<int64_t>{2}, linear.getNorm(), linear.getNormEpsAttr());
  Region body;
  writeBody(rewriter, location, body, getElementTypeOrSelf(swiglu.getType()));
  Operation *fused =
      setPort(rewriter, cast<PortOpInterface>(merged.getOperation()),
              resultPort(0), ValueRange(), body);
  rewriter.replaceOp(swiglu, fused->getResult(0));
  rewriter.eraseOp(linear);
  return success();
}

namespace {
struct FuseSwigluPass : jet::impl::FuseSwigluPassBase<FuseSwigluPass> {
  using FuseSwigluPassBase::FuseSwigluPassBase;

  void runOnOperation() override {
    FusionLog log("swiglu", remarks);
    IRRewriter rewriter(&getContext());
    for (SwigluOp swiglu : llvm::to_vector(getOperation().getOps<SwigluOp>()))
      if (succeeded(fuse(rewriter, swiglu, log)))
        ++numFused;
  }
};
} // namespace
