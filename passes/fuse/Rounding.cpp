// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "passes/fuse/Rounding.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;
using namespace jet;

bool jet::isShowing(Operation *op) {
  return isa<SplitHeadsOp, MergeHeadsOp, LastTokenOp>(op);
}

Readers::Readers(Value value) {
  for (OpOperand &use : value.getUses()) {
    Operation *op = use.getOwner();
    if (!isShowing(op)) {
      uses.push_back(&use);
      continue;
    }
    Readers inner(op->getResult(0));
    views.push_back(op->getResult(0));
    llvm::append_range(views, inner.views);
    llvm::append_range(uses, inner.uses);
  }
}

bool jet::isBF16(Value value) { return getElementTypeOrSelf(value).isBF16(); }

bool jet::hasRoundedWeights(Operation *op) {
  if (auto group = dyn_cast<GroupedLinearOp>(op))
    return llvm::all_of(group.getWeights(), isBF16);
  auto conv = dyn_cast<GeneratedConvOp>(op);
  return conv && isBF16(conv.getWeight());
}

void jet::setElementType(Value value, Type element) {
  value.setType(cast<RankedTensorType>(value.getType()).clone(element));
}

void jet::roundResult(OpResult result, Type element) {
  setElementType(result, element);
  Operation *op = result.getOwner();
  if (auto step = dyn_cast<DeltaStepOp>(op))
    return setElementType(step.getRule().getResult(), element);
  auto ported = dyn_cast<PortOpInterface>(op);
  if (!ported)
    return;
  std::optional<Port> port =
      findPort(ported, resultPort(result.getResultNumber()));
  if (!port)
    return;
  Operation *yield = port->region->front().getTerminator();
  OpBuilder builder(yield);
  Value rounded = arith::TruncFOp::create(builder, op->getLoc(), element,
                                          yield->getOperand(0));
  yield->setOperand(0, rounded);
}

void jet::extendArgument(BlockArgument argument, Type element) {
  auto builder = OpBuilder::atBlockBegin(argument.getOwner());
  argument.setType(element);
  Value wide = arith::ExtFOp::create(builder, argument.getLoc(),
                                     builder.getF32Type(), argument);
  argument.replaceAllUsesExcept(wide, wide.getDefiningOp());
}
