// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// A prefill returns logits of each sequence's last token only. What computes
// row by row can come after jet.last_token, on one row a sequence. Bit-exact.
#include "dialects/jet/Jet.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"
#include "passes/Plugin.h"
using namespace mlir;

/// Why the op before `last` has to stay there; empty if it need not.
static StringRef findRefusal(jet::LastTokenOp last) {
  Operation *op = last.getX().getDefiningOp();
  if (!isa_and_nonnull<jet::LinearOp, jet::RmsNormOp, jet::SwigluOp,
                       jet::MapOp>(op))
    return "it is not known to compute row by row";
  if (!llvm::all_of(op->getUsers(), llvm::IsaPred<jet::LastTokenOp>))
    return "its other rows are used too";
  return "";
}

static LogicalResult fuse(jet::LastTokenOp last, PatternRewriter &rewriter) {
  if (StringRef reason = findRefusal(last); !reason.empty())
    return rewriter.notifyMatchFailure(last, reason);
  IRMapping rows; // parameters stay, activations lose their other rows
  for (Value x : last.getX().getDefiningOp()->getOperands())
    if (!cast<ShapedType>(x.getType()).hasStaticShape())
      rows.map(x, jet::LastTokenOp::create(rewriter, last.getLoc(), x.getType(),
                                           x, last.getBatch()));
  Operation *op = rewriter.clone(*last.getX().getDefiningOp(), rows);
  rewriter.replaceOp(last, op);
  return success();
}

struct FuseLastToken : PassWrapper<FuseLastToken, OperationPass<ModuleOp>> {
  StringRef getArgument() const override { return "fuse-last-token"; }
  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    patterns.add(fuse);
    (void)applyPatternsGreedily(getOperation(), std::move(patterns));
    llvm::DenseSet<Value> reported;
    getOperation().walk([&](jet::LastTokenOp last) {
      if (reported.insert(last.getX()).second)
        last.emitRemark("not fused: ") << findRefusal(last);
    });
  }
};
JET_PASS_PLUGIN("fuse-last-token", [] { PassRegistration<FuseLastToken>(); })
