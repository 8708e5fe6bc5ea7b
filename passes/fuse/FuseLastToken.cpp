// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "mlir/IR/IRMapping.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"
#include "passes/Passes.h"
#include "passes/fuse/Fuse.h"

using namespace mlir;

namespace jet {
#define GEN_PASS_DEF_FUSELASTTOKENPASS
#include "passes/Passes.h.inc"
} // namespace jet

using namespace jet;

/// Why what `last` picks rows of has to be computed first; empty if it need
/// not.
static StringRef findRefusal(LastTokenOp last) {
  Operation *op = last.getX().getDefiningOp();
  if (!isa_and_nonnull<LinearOp, RmsNormOp, SwigluOp, MapOp>(op))
    return "it is not known to compute row by row";
  if (!llvm::all_of(op->getUsers(), llvm::IsaPred<LastTokenOp>))
    return "its other rows are used too";
  return "";
}

/// The rows of `x` that `last` would pick of it: once, whoever reads them, so
/// that projections of them stay projections of one value.
static Value pickRows(Value x, LastTokenOp last, RewriterBase &rewriter) {
  for (Operation *user : x.getUsers())
    if (auto other = dyn_cast<LastTokenOp>(user);
        other && other.getBatch() == last.getBatch()) {
      if (last->isBeforeInBlock(other))
        rewriter.moveOpBefore(other, last);
      return other;
    }
  return LastTokenOp::create(rewriter, last.getLoc(), x.getType(), x,
                             last.getBatch());
}

static LogicalResult fuse(LastTokenOp last, PatternRewriter &rewriter) {
  if (StringRef reason = findRefusal(last); !reason.empty())
    return rewriter.notifyMatchFailure(last, reason);
  Operation *op = last.getX().getDefiningOp();
  IRMapping rows; // parameters stay, activations lose their other rows
  for (Value x : op->getOperands())
    if (!cast<ShapedType>(x.getType()).hasStaticShape())
      rows.map(x, pickRows(x, last, rewriter));
  rewriter.replaceOp(last, rewriter.clone(*op, rows));
  return success();
}

namespace {
struct FuseLastTokenPass : jet::impl::FuseLastTokenPassBase<FuseLastTokenPass> {
  using FuseLastTokenPassBase::FuseLastTokenPassBase;

  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    patterns.add(fuse);
    GreedyRewriteConfig config;
    config.enableFolding(false).enableConstantCSE(false);
    bool changed = false;
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns),
                                     config, &changed)))
      return signalPassFailure();
    // Where rows have moved they stop somewhere, which is no refusal.
    if (changed)
      return;
    FusionLog log("last-token", remarks);
    for (LastTokenOp last : getOperation().getOps<LastTokenOp>())
      (void)log.refuse(last, findRefusal(last));
  }
};
} // namespace
