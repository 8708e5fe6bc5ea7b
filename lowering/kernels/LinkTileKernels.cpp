// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "lowering/gpu/DeviceCode.h"
#include "lowering/kernels/Forms.h"

using namespace mlir;

namespace jet {
#define GEN_PASS_DEF_LINKTILEKERNELSPASS
#include "lowering/Passes.h.inc"
} // namespace jet

using namespace jet;

namespace {

struct LinkTileKernelsPass
    : jet::impl::LinkTileKernelsPassBase<LinkTileKernelsPass> {
  using LinkTileKernelsPassBase::LinkTileKernelsPassBase;

  void runOnOperation() override {
    ModuleOp module = getOperation();
    auto forms = module.lookupSymbol<tile::KernelsOp>(kTileModule);
    auto kernels = module.lookupSymbol<ModuleOp>(kKernelsModule);
    if (!forms)
      return; // every kernel has the general form alone
    if (!kernels) {
      module.emitError("expected a module @kernels");
      return signalPassFailure();
    }
    OpBuilder b(forms);
    auto lowered = ModuleOp::create(b, forms.getLoc(), kTileModule);
    lowered.getBody()->getOperations().splice(
        lowered.getBody()->end(), forms.getBody().front().getOperations());
    forms.erase();
    OpPassManager passes(ModuleOp::getOperationName());
    buildTileToNvvmPipeline(passes);
    if (failed(runPipeline(passes, lowered)))
      return signalPassFailure();
    kernels.getBody()->getOperations().splice(
        kernels.getBody()->end(), lowered.getBody()->getOperations());
    lowered.erase();
  }

  void getDependentDialects(DialectRegistry &registry) const override {
    OpPassManager passes(ModuleOp::getOperationName());
    buildTileToNvvmPipeline(passes);
    passes.getDependentDialects(registry);
  }
};

} // namespace
