// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "dialects/jet/ScalarMath.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "passes/Passes.h"
#include "passes/fuse/Fuse.h"

#include "llvm/ADT/MapVector.h"

using namespace mlir;

namespace jet {
#define GEN_PASS_DEF_GROUPLINEARSPASS
#include "passes/Passes.h.inc"
} // namespace jet

using namespace jet;

/// Puts acc + bias on result `index`.
static GroupedLinearOp addBias(RewriterBase &rewriter, GroupedLinearOp op,
                               unsigned index, Value bias) {
  Location location = op.getLoc();
  Region body;
  {
    OpBuilder::InsertionGuard guard(rewriter);
    Type element = getElementTypeOrSelf(bias.getType());
    Block *block = rewriter.createBlock(
        &body, {}, {rewriter.getF32Type(), element}, {location, location});
    ImplicitLocOpBuilder b(location, rewriter);
    Value value = buildConvert(b, block->getArgument(1), b.getF32Type());
    value = arith::AddFOp::create(b, block->getArgument(0), value);
    Type result = getElementTypeOrSelf(op.getResult(index).getType());
    YieldOp::create(b, buildConvert(b, value, result));
  }
  rewriter.setInsertionPoint(op);
  return cast<GroupedLinearOp>(setPort(rewriter,
                                       cast<PortOpInterface>(op.getOperation()),
                                       resultPort(index), bias, body));
}

static void group(RewriterBase &rewriter, ArrayRef<LinearOp> linears) {
  SmallVector<Type> types;
  SmallVector<Value> weights, biases;
  SmallVector<Location> locations;
  for (LinearOp linear : linears) {
    types.push_back(linear.getType());
    weights.push_back(linear.getWeight());
    biases.push_back(linear.getBias());
    locations.push_back(linear.getLoc());
  }
  rewriter.setInsertionPoint(linears.front());
  auto grouped =
      GroupedLinearOp::create(rewriter, rewriter.getFusedLoc(locations), types,
                              LinearOp(linears.front()).getX(), weights,
                              SmallVector<int64_t>(linears.size(), 1));
  for (auto [linear, result] : llvm::zip_equal(linears, grouped.getResults()))
    rewriter.replaceOp(linear, result);
  for (auto [index, bias] : llvm::enumerate(biases))
    if (bias)
      grouped = addBias(rewriter, grouped, index, bias);
}

namespace {
struct GroupLinearsPass : jet::impl::GroupLinearsPassBase<GroupLinearsPass> {
  using GroupLinearsPassBase::GroupLinearsPassBase;

  void runOnOperation() override {
    FusionLog log("group-linears", remarks);
    IRRewriter rewriter(&getContext());
    hoistViews(getOperation());
    // By input, in program order. Weights are at the top by now, so all of a
    // group can stand where its first one does.
    llvm::MapVector<Value, SmallVector<LinearOp>> byInput;
    for (LinearOp linear : getOperation().getOps<LinearOp>()) {
      Operation *first = byInput[linear.getX()].empty()
                             ? linear.getOperation()
                             : byInput[linear.getX()].front();
      if (!isAvailableAt(linear.getWeight(), first) ||
          (linear.getBias() && !isAvailableAt(linear.getBias(), first))) {
        (void)log.refuse(linear, "its weight is computed after the first "
                                 "projection of the same input");
        continue;
      }
      byInput[linear.getX()].push_back(linear);
    }
    for (auto &[input, linears] : byInput) {
      if (share) {
        group(rewriter, linears);
        numGrouped += linears.size() > 1;
        continue;
      }
      for (LinearOp linear : linears)
        group(rewriter, linear);
    }
  }
};
} // namespace
