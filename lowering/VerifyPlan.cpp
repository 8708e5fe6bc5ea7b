// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The package verifier knows nothing of what planned the memory. It judges
// plans here as it judges packages; only its words for places differ.

#include "lowering/BuildPackage.h"
#include "lowering/Passes.h"
#include "runtime/PackageFault.h"

using namespace mlir;

namespace jet {
#define GEN_PASS_DEF_VERIFYPLANPASS
#include "lowering/Passes.h.inc"
} // namespace jet

using namespace jet;

/// The op of that type which became number `index` in the package.
template <typename OpTy> static OpTy getNth(PlanOp plan, size_t index) {
  return *std::next(plan.getBody().front().getOps<OpTy>().begin(), index);
}

static void report(ModuleOp module, const PackageFault &fault) {
  auto plans = llvm::to_vector(module.getOps<PlanOp>());
  if (!fault.program) {
    Operation *at = plans.empty() ? module.getOperation() : plans.front();
    at->emitOpError() << fault.place << ": " << fault.text;
    return;
  }
  PlanOp plan = plans[*fault.program];
  Operation *at = plan;
  if (fault.launch)
    at = getNth<ExecuteOp>(plan, *fault.launch);
  else if (fault.buffer)
    at = getNth<BufferOp>(plan, *fault.buffer);
  InFlightDiagnostic diagnostic = at->emitOpError();
  if (fault.operand)
    diagnostic << "operand " << *fault.operand << ": ";
  // Of the member of the program or the buffer, such as ".offset".
  StringRef member = StringRef(fault.place).rsplit(']').second;
  if (!fault.launch && member.consume_front("."))
    diagnostic << member << ": ";
  diagnostic << fault.text;
  for (std::optional<size_t> index : {fault.buffer, fault.other})
    if (index && fault.launch)
      diagnostic.attachNote(getNth<BufferOp>(plan, *index).getLoc())
          << "buffer " << *index << " is placed here";
}

namespace {
struct VerifyPlanPass : jet::impl::VerifyPlanPassBase<VerifyPlanPass> {
  using VerifyPlanPassBase::VerifyPlanPassBase;

  void runOnOperation() override {
    FailureOr<Package> package = buildPackage(getOperation());
    if (failed(package))
      return signalPassFailure();
    if (std::optional<PackageFault> fault = findFault(*package)) {
      report(getOperation(), *fault);
      signalPassFailure();
    }
    markAllAnalysesPreserved();
  }
};
} // namespace
