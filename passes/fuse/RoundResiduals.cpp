// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "passes/Passes.h"
#include "passes/fuse/Fuse.h"
#include "passes/fuse/Rounding.h"

using namespace mlir;

namespace jet {
#define GEN_PASS_DEF_ROUNDRESIDUALSPASS
#include "passes/Passes.h.inc"
} // namespace jet

using namespace jet;

/// The argument of the code on a result of projections that adds `use`, if it
/// is an extra of such code.
static BlockArgument findAddend(OpOperand &use) {
  auto group = dyn_cast<GroupedLinearOp>(use.getOwner());
  if (!group)
    return {};
  auto ported = cast<PortOpInterface>(group.getOperation());
  for (const Port &port : getPorts(ported)) {
    unsigned number = use.getOperandNumber() - port.firstExtra;
    if (port.number >= 0 || use.getOperandNumber() < port.firstExtra ||
        number >= port.extras.size())
      continue;
    return port.region->front().getArgument(
        ported.getLeadingArguments(port.number) + number);
  }
  return {};
}

/// Whether `use` is what a projection by weights in bf16 norms, or multiplies
/// by as it is.
static bool isProjected(OpOperand &use) {
  Operation *op = use.getOwner();
  if (use.getOperandNumber() != 0 ||
      (isa<PortOpInterface>(op) && findPort(cast<PortOpInterface>(op), 0)))
    return false;
  if (isa<GroupedLinearOp>(op))
    return hasRoundedWeights(op);
  if (auto qkv = dyn_cast<QkvLinearOp>(op))
    return llvm::all_of(qkv.getWeights(), isBF16);
  if (auto head = dyn_cast<LinearTopKOp>(op))
    return isBF16(head.getWeight());
  return false;
}

/// Whether `op` makes a residual stream: rows of a table in bf16, or products
/// by weights in bf16.
static bool makesStream(Operation *op) {
  if (auto embedding = dyn_cast<EmbeddingOp>(op))
    return isBF16(embedding.getTable());
  return isa<GroupedLinearOp>(op) && hasRoundedWeights(op);
}

/// Whether code on `result` adds a tensor like it, as that of a sum of
/// residuals does, which the last one's is although nothing adds that in turn.
static bool isSum(OpResult result) {
  auto ported = dyn_cast<PortOpInterface>(result.getOwner());
  if (!ported)
    return false;
  std::optional<Port> port =
      findPort(ported, resultPort(result.getResultNumber()));
  return port && llvm::any_of(port->extras, [&](Value extra) {
           return cast<ShapedType>(extra.getType()).getShape() ==
                  cast<ShapedType>(result.getType()).getShape();
         });
}

static LogicalResult round(OpResult result, FusionLog &log) {
  Operation *op = result.getOwner();
  auto type = dyn_cast<RankedTensorType>(result.getType());
  if (!type || !type.getElementType().isF32() || !makesStream(op))
    return failure();
  Readers readers(result);
  SmallVector<BlockArgument> addends;
  bool isRead = true;
  for (OpOperand *use : readers.uses) {
    if (BlockArgument addend = findAddend(*use))
      addends.push_back(addend);
    else
      isRead &= isProjected(*use);
  }
  if (addends.empty() && !isSum(result))
    return failure();
  if (!isRead)
    return log.refuse(op, "result " + std::to_string(result.getResultNumber()) +
                              " has readers that keep it in f32");
  auto bf16 = BFloat16Type::get(op->getContext());
  roundResult(result, bf16);
  for (Value view : readers.views)
    setElementType(view, bf16);
  for (BlockArgument addend : addends)
    extendArgument(addend, bf16);
  return success();
}

namespace {
struct RoundResidualsPass
    : jet::impl::RoundResidualsPassBase<RoundResidualsPass> {
  using RoundResidualsPassBase::RoundResidualsPassBase;

  void runOnOperation() override {
    FusionLog log("round-residuals", remarks);
    for (Operation &op : getOperation().getOps())
      for (OpResult result : op.getResults())
        if (succeeded(round(result, log)))
          ++numRounded;
  }
};
} // namespace
