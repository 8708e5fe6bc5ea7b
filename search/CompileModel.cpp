// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "search/CompileModel.h"
#include "lowering/BuildPackage.h"
#include "lowering/Pipelines.h"
#include "lowering/cpu/HostCode.h"
#include "lowering/gpu/DeviceCode.h"

#include "mlir/Pass/PassManager.h"
#include "llvm/ADT/ScopeExit.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/FileUtilities.h"
#include "llvm/Support/Signals.h"

using namespace mlir;
using namespace jet;

OwningOpRef<ModuleOp> jet::copyModel(ModelOp model) {
  OpBuilder builder(model.getContext());
  OwningOpRef<ModuleOp> module = ModuleOp::create(builder, model.getLoc());
  builder.setInsertionPointToStart(module->getBody());
  builder.clone(*model.getOperation());
  return module;
}

static LogicalResult addHostCode(ModuleOp module, const CpuLevel &level,
                                 Package &package) {
  package.target = {"cpu", "x86_64", level.name};
  auto code =
      compileHostCode(module.lookupSymbol<ModuleOp>(kKernelsModule), level);
  if (failed(code))
    return failure();
  package.blobs = {{"host_code", std::move(*code)}};
  return success();
}

static LogicalResult addDeviceCode(ModuleOp module, Package &package) {
  package.target = {"cuda", kDeviceArch.str(), ""};
  return compileDeviceCode(module.lookupSymbol<ModuleOp>(kKernelsModule),
                           /*ptxasPath=*/"", package);
}

FailureOr<Package> jet::compileModel(ModuleOp module,
                                     llvm::ArrayRef<std::string> mixers,
                                     int64_t maxBatch,
                                     const RunTarget &target) {
  FailureOr<CpuLevel> level = findCpuLevel("native");
  if (failed(level))
    return failure();
  PlacementOptions place;
  for (const std::string &name : mixers)
    place.placement.push_back(name);
  FuseOptions fuse;
  fuse.roundActivations = fuse.roundRuleInputs = fuse.foldNorms =
      !target.isHost() && !target.generalKernels;
  if (target.wideResiduals)
    fuse.disable.push_back("round-residuals");
  PlanOptions plan;
  plan.maxBatch = maxBatch;
  PassManager before(module.getContext()), after(module.getContext());
  buildPlacePipeline(before, place);
  buildExpandPipeline(before, {});
  buildFusePipeline(before, fuse);
  buildLaunchPipeline(before);
  buildPlanPipeline(before, plan);
  if (!target.isHost() && !target.generalKernels)
    buildTilePipeline(before, {});
  buildLinalgPipeline(before);
  if (target.isHost()) {
    CpuOptions cpu;
    cpu.vectorWidth = level->vectorWidth;
    buildLoopsPipeline(before, cpu);
    buildHostPipeline(after);
  } else {
    buildDeviceLoopsPipeline(before);
    buildDevicePipeline(after);
  }
  if (failed(before.run(module)))
    return failure();
  FailureOr<Package> package = buildPackage(module);
  if (failed(package) || failed(after.run(module)))
    return failure();
  package->producer = "jetc " JET_VERSION;
  if (failed(target.isHost() ? addHostCode(module, *level, *package)
                             : addDeviceCode(module, *package)))
    return failure();
  return package;
}

Result<std::shared_ptr<const Model>> jet::loadModel(const Package &package,
                                                    const std::string &weights,
                                                    const RunTarget &target) {
  llvm::SmallString<128> path;
  if (std::error_code code =
          llvm::sys::fs::createTemporaryFile("jetc-search", "jet", path))
    return Error{"a temporary file: " + code.message()};
  // Also if Ctrl-C comes before it is loaded.
  llvm::FileRemover remover(path);
  llvm::sys::RemoveFileOnSignal(path);
  llvm::scope_exit keep([&] { llvm::sys::DontRemoveFileOnSignal(path); });
  const std::string name = path.str().str();
  if (auto done = writePackage(package, name); !done)
    return done.error();
  if (weights.empty())
    return Model::loadWithMadeUpWeights(name, target.device);
  return Model::load(name, weights, {}, target.device);
}
