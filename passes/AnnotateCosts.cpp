// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "dialects/jet/Jet.h"
#include "passes/Passes.h"

using namespace mlir;

namespace jet {
#define GEN_PASS_DEF_ANNOTATECOSTSPASS
#include "passes/Passes.h.inc"
} // namespace jet

using namespace jet;

namespace {

/// The cost of all ops of a kernel, under the name of its first that costs
/// anything.
void annotateKernel(func::FuncOp kernel) {
  OpCost sum;
  StringRef name;
  for (auto op : kernel.getBody().getOps<CostOpInterface>()) {
    OpCost cost = op.getCost();
    for (const CostPart &part : kCostParts)
      sum.*part.member += cost.*part.member;
    if (name.empty())
      name = op->getName().stripDialect();
  }
  if (!name.empty())
    kernel->setAttr(kCostAttr, costToAttribute(kernel.getContext(), name, sum));
}

struct AnnotateCostsPass : jet::impl::AnnotateCostsPassBase<AnnotateCostsPass> {
  using AnnotateCostsPassBase::AnnotateCostsPassBase;

  void runOnOperation() override {
    if (auto kernels = getOperation().lookupSymbol<ModuleOp>(kKernelsModule)) {
      for (func::FuncOp kernel : kernels.getOps<func::FuncOp>())
        annotateKernel(kernel);
      return;
    }
    getOperation().walk([&](CostOpInterface op) {
      if (isa<DeltaStepOp>(op->getParentOp()))
        return; // part of the step's
      DictionaryAttr cost = costToAttribute(
          &getContext(), op->getName().stripDialect(), op.getCost());
      if (cost.size() > 1) // more than the name
        op->setAttr(kCostAttr, cost);
    });
  }
};

} // namespace
