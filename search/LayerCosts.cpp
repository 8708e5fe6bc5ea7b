// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "search/LayerCosts.h"
#include "lowering/BuildPackage.h"
#include "lowering/Pipelines.h"
#include "support/CheckedMath.h"

#include "mlir/Pass/PassManager.h"

using namespace mlir;
using namespace jet;

/// The model with `count` layers, all with `mixer`, in a module of its own.
static OwningOpRef<ModuleOp> makeModel(ModelOp model, Attribute mixer,
                                       int count) {
  OpBuilder builder(model.getContext());
  OwningOpRef<ModuleOp> module = ModuleOp::create(builder, model.getLoc());
  builder.setInsertionPointToStart(module->getBody());
  auto copy = cast<ModelOp>(builder.cloneWithoutRegions(*model.getOperation()));
  builder.createBlock(&copy.getBody());
  for (int i = 0; i < count; ++i)
    LayerOp::create(builder, model.getLoc(), i, mixer,
                    /*candidates=*/ArrayAttr(), /*scores=*/DenseF64ArrayAttr(),
                    "self_attn", /*kv_scales=*/DenseF64ArrayAttr());
  return module;
}

Result<const Package *> LayerCosts::compile(size_t mixer, int layers,
                                            bool forGpu) {
  auto [entry, isNew] = packages.try_emplace({mixer, layers, forGpu});
  if (!isNew)
    return const_cast<const Package *>(&entry->second);
  OwningOpRef<ModuleOp> module = makeModel(model, space.mixers[mixer], layers);
  PassManager pm(model.getContext());
  buildExpandPipeline(pm, {});
  FuseOptions fuse;
  // As jetc compile --target=sm_90a does.
  fuse.roundActivations = fuse.roundRuleInputs = fuse.foldNorms = forGpu;
  buildFusePipeline(pm, fuse);
  buildLaunchPipeline(pm);
  buildPlanPipeline(pm, {});
  FailureOr<Package> package = failure();
  if (succeeded(pm.run(*module)))
    package = buildPackage(*module);
  if (failed(package)) {
    packages.erase(entry);
    return Error{"cost of a layer with mixer " +
                 space.mixers[mixer].getMixerName().str() +
                 ": its model does not compile"};
  }
  entry->second = std::move(*package);
  return const_cast<const Package *>(&entry->second);
}

Result<LayerSum<double>> LayerCosts::sumOf(
    bool forGpu, llvm::function_ref<Result<double>(const Package &)> quantity) {
  LayerSum<double> sum;
  for (size_t mixer = 0; mixer < space.mixers.size(); ++mixer) {
    if (progress)
      progress(mixer, space.mixers.size());
    double values[2];
    for (int layers : {1, 2}) {
      Result<const Package *> package = compile(mixer, layers, forGpu);
      if (!package)
        return package.error();
      Result<double> value = quantity(**package);
      if (!value)
        return value.error();
      values[layers - 1] = *value;
    }
    sum.terms.push_back(values[1] - values[0]);
    if (mixer == 0) // what is not of layers is the same for all
      sum.base = 2 * values[0] - values[1];
  }
  return sum;
}

Result<LayerSum<double>> LayerCosts::parameters(llvm::StringRef part) {
  return sumOf(false, [&](const Package &package) -> Result<double> {
    if (part.empty())
      return static_cast<double>(package.model.parameters);
    double sum = 0;
    for (const ParameterInfo &parameter : package.parameters)
      if (llvm::StringRef(parameter.name).contains(part))
        sum += static_cast<double>(*checkedProduct(parameter.shape));
    return sum;
  });
}

Result<LayerSum<double>> LayerCosts::stateBytes(int64_t context) {
  return sumOf(false, [&](const Package &package) -> Result<double> {
    Result<StateBytes> bytes = stateBytesPerSequence(package, context);
    if (!bytes)
      return bytes.error();
    return static_cast<double>(bytes->total());
  });
}

Result<LayerSum<double>>
LayerCosts::decodeSeconds(int64_t batch, int64_t context,
                          const MachineRates &machine) {
  CostSizes sizes;
  sizes.batch = sizes.tokens = batch;
  sizes.context = context;
  const bool forGpu = machine.name != "cpu";
  return sumOf(forGpu, [&](const Package &package) -> Result<double> {
    Result<CostReport> report = reportCost(package, "decode", sizes, machine);
    if (!report)
      return report.error();
    return report->total.seconds;
  });
}
