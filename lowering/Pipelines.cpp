// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "lowering/Pipelines.h"
#include "lowering/Passes.h"
#include "passes/Passes.h"

#include "mlir/Conversion/Passes.h"
#include "mlir/Dialect/Arith/Transforms/Passes.h"
#include "mlir/Dialect/Bufferization/Transforms/Passes.h"
#include "mlir/Dialect/Linalg/Passes.h"
#include "mlir/Dialect/MemRef/Transforms/Passes.h"
#include "mlir/Pass/PassRegistry.h"
#include "mlir/Transforms/Passes.h"

using namespace mlir;
using namespace jet;

void jet::buildPlacePipeline(OpPassManager &pm,
                             const PlacementOptions &options) {
  // What the frontend made must be a model and nothing else.
  pm.addPass(createVerifyLevelPass({"model"}));
  PlaceLayersPassOptions place;
  for (const std::string &name : options.placement)
    place.placement.push_back(name);
  pm.addPass(createPlaceLayersPass(place));
  pm.addPass(createVerifyLevelPass({"placed"}));
}

void jet::buildExpandPipeline(OpPassManager &pm, const ExpandOptions &options) {
  pm.addPass(createExpandModelPass({options.topK}));
  // Views that undo each other, maps that do nothing, parameters read twice.
  pm.addPass(createCanonicalizerPass());
  pm.addPass(createCSEPass());
  pm.addPass(createVerifyLevelPass({"tensor"}));
}

ArrayRef<StringRef> jet::getFusionNames() {
  static const StringRef names[] = {"last-token",        "generated-conv",
                                    "group-linears",     "swiglu",
                                    "rms-norm",          "delta-rule-norm",
                                    "delta-rule-inputs", "elementwise",
                                    "head-top-k",        "sample",
                                    "delta-step",        "kv-append",
                                    "round-activations", "round-residuals",
                                    "fold-norms"};
  return names;
}

void jet::buildFusePipeline(OpPassManager &pm, const FuseOptions &options) {
  auto isOn = [&](StringRef name) {
    return !llvm::is_contained(options.disable, name) &&
           !llvm::is_contained(options.disable, "all");
  };
  bool remarks = options.remarks;
  OpPassManager &programs = pm.nest<func::FuncOp>();
  // First, on ops that compute one thing each: of a group or a norm's
  // projections all would have to move at once.
  if (isOn("last-token"))
    programs.addPass(createFuseLastTokenPass({remarks}));
  // Before the generator's projection disappears into a group.
  if (isOn("generated-conv"))
    programs.addPass(createFuseGeneratedConvPass({remarks}));
  // Later fusions look for grouped linears, if only of one projection each.
  if (isOn("group-linears") || isOn("swiglu") || isOn("rms-norm") ||
      isOn("elementwise") || isOn("kv-append"))
    programs.addPass(createGroupLinearsPass({isOn("group-linears"), remarks}));
  if (isOn("swiglu"))
    programs.addPass(createFuseSwigluPass({remarks}));
  // After the grouping, so that all projections of a norm's result are its one
  // reader; before the general fusion, whose code on a projection's input would
  // stand between the two.
  if (isOn("rms-norm"))
    programs.addPass(createFuseRmsNormPass({remarks}));
  // Before the general fusion, which would put what makes q and k into their
  // projections, where the norms could not follow.
  if (isOn("delta-rule-norm"))
    programs.addPass(createFuseDeltaRuleNormPass({remarks}));
  if (isOn("delta-rule-inputs"))
    programs.addPass(createFuseDeltaRuleInputsPass({remarks}));
  if (isOn("elementwise"))
    programs.addPass(createFuseElementwisePass({remarks}));
  // After it: what the head carries on its input by then goes along.
  if (isOn("head-top-k"))
    programs.addPass(createFuseHeadTopKPass({remarks}));
  // After it: what it merges.
  if (isOn("sample"))
    programs.addPass(createFuseSamplePass({remarks}));
  // Last: what it makes is not looked into by others.
  if (isOn("delta-step"))
    programs.addPass(createFuseDeltaStepPass({remarks}));
  if (isOn("kv-append"))
    programs.addPass(createFuseKvAppendPass({remarks}));
  // After all that moves norms and code onto the inputs of projections.
  if (options.roundActivations && isOn("round-activations"))
    programs.addPass(
        createRoundActivationsPass({options.roundRuleInputs, remarks}));
  if (options.roundActivations && isOn("round-residuals"))
    programs.addPass(createRoundResidualsPass({remarks}));
  // After all that makes and changes groups; it changes only where weights are.
  if (options.packWeights)
    pm.addPass(createPackWeightsPass({remarks}));
  // After it: what is packed must be scaled alike.
  if (options.foldNorms && isOn("fold-norms"))
    pm.addPass(createFoldNormsPass({remarks}));
  pm.addPass(createCanonicalizerPass());
  pm.addPass(createVerifyLevelPass({"tensor"}));
}

void jet::buildLaunchPipeline(OpPassManager &pm) {
  // Nothing that rewrites tensor ops may come after this: kernels are shared.
  pm.addPass(createOutlineKernelsPass());
  pm.addPass(createVerifyLevelPass({"launch"}));
  // While the kernels are still jet ops.
  pm.addPass(createAnnotateCostsPass());
}

void jet::buildPlanPipeline(OpPassManager &pm, const PlanOptions &options) {
  PlanMemoryPassOptions plan;
  plan.maxBatch = options.maxBatch;
  plan.maxContext = options.maxContext;
  pm.addPass(createPlanMemoryPass(plan));
  buildPlanChecks(pm);
}

void jet::buildPlanChecks(OpPassManager &pm) {
  pm.addPass(createVerifyLevelPass({"plan"}));
  // Whoever made the plan, nothing unproved goes on.
  pm.addPass(createVerifyPlanPass());
}

void jet::buildTilePipeline(OpPassManager &pm, const TileOptions &options) {
  pm.addPass(createBuildTileKernelsPass({options.tiles, options.alternatives}));
  OpPassManager &kernels = pm.nest<tile::KernelsOp>();
  kernels.addPass(createApproximateMathPass());
  kernels.addPass(createExpandTrigonometryPass());
  kernels.addPass(createCanonicalizerPass());
  kernels.addPass(createCSEPass());
}

void jet::buildLinalgPipeline(OpPassManager &pm) {
  pm.addPass(createLowerKernelsPass());
  OpPassManager &kernels = pm.nest<ModuleOp>();
  kernels.addPass(createCanonicalizerPass());
  kernels.addPass(createCSEPass());
}

/// What every target begins with: kernels on buffers, their grid a loop.
static void addBufferPasses(OpPassManager &kernels) {
  // Kernels take and fill buffers; what they compute in between stays in place
  // wherever it can, so most have no allocation left after this.
  bufferization::OneShotBufferizePassOptions bufferize;
  bufferize.allowUnknownOps = false;
  kernels.addPass(bufferization::createOneShotBufferizePass(bufferize));
  kernels.addPass(createCanonicalizerPass());
  kernels.addPass(createCSEPass());
  // Before any loop is made, while the grid is still the one scf.forall.
  kernels.addNestedPass<func::FuncOp>(createMapGridPass());
}

void jet::buildLoopsPipeline(OpPassManager &pm, const CpuOptions &options) {
  OpPassManager &kernels = pm.nest<ModuleOp>();
  addBufferPasses(kernels);
  OpPassManager &kernel = kernels.nest<func::FuncOp>();
  // Temporaries: small ones to the stack (out of loops first, where an alloca
  // would grow the stack), the others freed where they die.
  kernel.addPass(bufferization::createBufferLoopHoistingPass());
  bufferization::PromoteBuffersToStackPassOptions promote;
  promote.maxAllocSizeInBytes = 4096;
  kernel.addPass(bufferization::createPromoteBuffersToStackPass(promote));
  kernels.addPass(bufferization::createOwnershipBasedBufferDeallocationPass());
  kernels.addPass(createCanonicalizerPass());
  kernels.addPass(bufferization::createBufferDeallocationSimplificationPass());
  kernels.addPass(bufferization::createLowerDeallocationsPass());
  kernels.addPass(createCanonicalizerPass());
  OpPassManager &loops = kernels.nest<func::FuncOp>();
  // The projections are where the time goes; their loops are laid out here.
  VectorizeContractionsPassOptions tile;
  tile.vectorWidth = options.vectorWidth;
  // 16 accumulators need 32 vector registers, which come with 16 lanes.
  tile.rows = options.vectorWidth >= 16 ? 4 : 2;
  tile.columns = 4;
  loops.addPass(createVectorizeContractionsPass(tile));
  // The rest becomes plain loops that LLVM's loop vectoriser takes up:
  // innermost dimensions are contiguous and exp is a polynomial.
  loops.addPass(createExpandCopiesPass());
  loops.addPass(createConvertLinalgToLoopsPass());
  loops.addPass(createApproximateMathPass());
  // Conversions of f8 and bf16 as integer arithmetic: LLVM has no f8, libgcc no
  // __truncsfbf2. f8 first: it is converted to bf16 by way of f32.
  loops.addPass(createExpandF8Pass());
  arith::ArithExpandOpsPassOptions expand;
  expand.includeBf16 = true;
  loops.addPass(arith::createArithExpandOpsPass(expand));
  kernels.addPass(memref::createFoldMemRefAliasOpsPass());
  kernels.addPass(createCanonicalizerPass());
  kernels.addPass(createCSEPass());
}

void jet::buildHostPipeline(OpPassManager &pm) {
  OpPassManager &kernels = pm.nest<ModuleOp>();
  kernels.nest<func::FuncOp>().addPass(createAnnotateLoopsPass());
  kernels.addPass(createEmitEntryPointsPass());
  kernels.addPass(memref::createExpandStridedMetadataPass());
  kernels.addPass(createLowerAffinePass());
  kernels.addPass(createSCFToControlFlowPass());
  kernels.addPass(createConvertVectorToLLVMPass());
  // sin and cos of large angles need libm's range reduction.
  kernels.addPass(createConvertMathToLLVMPass());
  kernels.addPass(createConvertMathToLibmPass());
  kernels.addPass(createConvertToLLVMPass());
  kernels.addPass(createReconcileUnrealizedCastsPass());
  kernels.addPass(createCanonicalizerPass());
  kernels.addPass(createCSEPass());
  kernels.addPass(createMoveLoopAnnotationsPass());
}

void jet::buildDeviceLoopsPipeline(OpPassManager &pm) {
  OpPassManager &kernels = pm.nest<ModuleOp>();
  addBufferPasses(kernels);
  OpPassManager &kernel = kernels.nest<func::FuncOp>();
  // One form of what threads share.
  kernel.addPass(createExpandCopiesPass());
  kernel.addPass(createLinalgGeneralizeNamedOpsPass());
  kernel.addPass(createDistributeThreadsPass());
  kernels.addPass(createCanonicalizerPass());
  kernels.addPass(createCSEPass());
  // Sizes are at their simplest now, and nothing allocates any more.
  kernels.addPass(createAllocateScratchPass());
  OpPassManager &loops = kernels.nest<func::FuncOp>();
  loops.addPass(createApproximateMathPass());
  loops.addPass(createExpandTrigonometryPass());
  loops.addPass(createExpandF8Pass());
  kernels.addPass(memref::createFoldMemRefAliasOpsPass());
  kernels.addPass(createCanonicalizerPass());
  kernels.addPass(createCSEPass());
}

void jet::buildDevicePipeline(OpPassManager &pm) {
  OpPassManager &kernels = pm.nest<ModuleOp>();
  kernels.addPass(createEmitDeviceEntryPointsPass());
  kernels.addPass(memref::createExpandStridedMetadataPass());
  kernels.addPass(createLowerAffinePass());
  kernels.addPass(createSCFToControlFlowPass());
  kernels.addPass(createConvertMathToLLVMPass());
  // What is left of math has no instructions, and fails here.
  kernels.addPass(createConvertToLLVMPass());
  kernels.addPass(createReconcileUnrealizedCastsPass());
  kernels.addPass(createCanonicalizerPass());
  kernels.addPass(createCSEPass());
  pm.addPass(createLinkTileKernelsPass());
}

void jet::registerPipelines() {
  static PassPipelineRegistration<PlacementOptions> place(
      "jet-place", "model -> placed", buildPlacePipeline);
  static PassPipelineRegistration<ExpandOptions> expand(
      "jet-expand", "placed -> tensor", buildExpandPipeline);
  static PassPipelineRegistration<FuseOptions> fuse(
      "jet-fuse", "tensor -> tensor, fused", buildFusePipeline);
  static PassPipelineRegistration<> launch("jet-launch", "tensor -> launch",
                                           buildLaunchPipeline);
  static PassPipelineRegistration<PlanOptions> plan(
      "jet-plan", "launch -> plan", buildPlanPipeline);
  static PassPipelineRegistration<TileOptions> tile(
      "jet-tile", "plan -> plan, kernels with forms of the tile dialect",
      buildTilePipeline);
  static PassPipelineRegistration<> linalg(
      "jet-linalg", "plan -> kernels as linalg on tensors",
      buildLinalgPipeline);
  static PassPipelineRegistration<CpuOptions> loops(
      "jet-cpu-loops", "kernels as linalg -> vectorised loops on buffers",
      buildLoopsPipeline);
  static PassPipelineRegistration<> host(
      "jet-cpu-llvm", "kernels as loops -> LLVM dialect", buildHostPipeline);
  static PassPipelineRegistration<> deviceLoops(
      "jet-gpu-loops", "kernels as linalg -> loops of a GPU's threads",
      buildDeviceLoopsPipeline);
  static PassPipelineRegistration<> device(
      "jet-gpu-nvvm", "kernels as loops of threads -> LLVM and NVVM dialects",
      buildDevicePipeline);
}
