// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "lowering/Passes.h"
#include "lowering/kernels/Forms.h"

#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;

namespace jet {
#define GEN_PASS_DEF_BUILDTILEKERNELSPASS
#include "lowering/Passes.h.inc"
} // namespace jet

using namespace jet;

namespace {

struct BuildTileKernelsPass
    : jet::impl::BuildTileKernelsPassBase<BuildTileKernelsPass> {
  using BuildTileKernelsPassBase::BuildTileKernelsPassBase;

  void runOnOperation() override {
    ModuleOp module = getOperation();
    auto kernels = module.lookupSymbol<ModuleOp>(kKernelsModule);
    if (!kernels) {
      module.emitError("expected a module @kernels; run -jet-outline-kernels "
                       "first");
      return signalPassFailure();
    }
    Result<TileTable> table = findTileTable(tiles);
    if (!table) {
      module.emitError("tiles: ") << table.error().message;
      return signalPassFailure();
    }
    TileChoice choice{std::move(*table), alternatives};
    OpBuilder b = OpBuilder::atBlockEnd(module.getBody());
    auto forms = tile::KernelsOp::create(b, module.getLoc(), kTileModule);
    forms.getBody().emplaceBlock();
    for (func::FuncOp kernel : kernels.getOps<func::FuncOp>()) {
      FailureOr<SmallVector<KernelArgument>> arguments = layoutKernel(kernel);
      if (failed(arguments))
        return signalPassFailure();
      FormContext context{forms, kernel, *arguments, choice};
      llvm::TypeSwitch<Operation *>(&kernel.getBody().front().front())
          .Case<AttentionOp, DeltaStepOp, EmbeddingOp, GatedDeltaRuleOp,
                GeneratedConvOp, GroupedLinearOp, KvAppendOp, LastTokenOp,
                LinearTopKOp, MergeTopKOp, QkvLinearOp, SampleOp,
                SampleLogitsOp>([&](auto op) { buildForms(context, op); })
          .Default([](Operation *) {});
    }
    if (forms.getBody().front().empty())
      forms.erase();
  }
};

} // namespace
