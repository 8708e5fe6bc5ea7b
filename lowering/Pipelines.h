// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The way of a model from spec to code, phase by phase.

#ifndef JET_LOWERING_PIPELINES_H
#define JET_LOWERING_PIPELINES_H

#include "lowering/kernels/LargeTiles.h"

#include "mlir/Pass/PassManager.h"
#include "mlir/Pass/PassOptions.h"

namespace jet {

/// The CPU that kernels are compiled for.
struct CpuOptions : mlir::PassPipelineOptions<CpuOptions> {
  Option<int64_t> vectorWidth{*this, "vector-width",
                              llvm::cl::desc("f32 lanes of a vector register"),
                              llvm::cl::init(16)};
};

struct PlacementOptions : mlir::PassPipelineOptions<PlacementOptions> {
  ListOption<std::string> placement{
      *this, "placement", llvm::cl::desc("name of the mixer of each layer")};
};

struct ExpandOptions : mlir::PassPipelineOptions<ExpandOptions> {
  Option<int64_t> topK{*this, "top-k",
                       llvm::cl::desc("candidates of the programs *_sample; 0 "
                                      "for none of these programs"),
                       llvm::cl::init(0)};
};
/// Candidates that a program can return, at most: lists are kept in order one
/// element at a time, and samplers use few.
inline constexpr int64_t kMaxTopK = 1024;

/// Fusions by name, as getFusionNames() lists them.
struct FuseOptions : mlir::PassPipelineOptions<FuseOptions> {
  ListOption<std::string> disable{
      *this, "disable",
      llvm::cl::desc("names of fusions to leave out, or all")};
  Option<bool> remarks{*this, "remarks",
                       llvm::cl::desc("report each refusal and its reason"),
                       llvm::cl::init(false)};
  /// For targets whose projections round their inputs; see the pass.
  Option<bool> roundActivations{
      *this, "round-activations",
      llvm::cl::desc("store what only projections read in their weights' type"),
      llvm::cl::init(false)};
  /// For kernels of the tile dialect, whose rules of many tokens do too.
  Option<bool> roundRuleInputs{
      *this, "round-rule-inputs",
      llvm::cl::desc("with round-activations, also what delta rules of many "
                     "tokens read"),
      llvm::cl::init(false)};
  /// For kernels that scale the rows of products; costs, as the next one, a
  /// target that maps the checkpoint a copy of the weights.
  Option<bool> foldNorms{
      *this, "fold-norms",
      llvm::cl::desc(
          "multiply norms into the weights that read what they norm"),
      llvm::cl::init(false)};
  Option<bool> packWeights{
      *this, "pack-weights",
      llvm::cl::desc("lay the weights of each group end to end"),
      llvm::cl::init(false)};
};
/// The names that FuseOptions::disable takes.
llvm::ArrayRef<llvm::StringRef> getFusionNames();

/// The largest step that a plan must serve.
struct PlanOptions : mlir::PassPipelineOptions<PlanOptions> {
  Option<int64_t> maxBatch{*this, "max-batch",
                           llvm::cl::desc("sequences of a step, at most"),
                           llvm::cl::init(16)};
  Option<int64_t> maxContext{
      *this, "max-context",
      llvm::cl::desc("tokens of a sequence, at most; 0: the model's"),
      llvm::cl::init(0)};
};

/// How products of many rows are cut into tiles.
struct TileOptions : mlir::PassPipelineOptions<TileOptions> {
  Option<std::string> tiles{*this, "tiles",
                            llvm::cl::desc("table of tiles, by name or file"),
                            llvm::cl::init(kDefaultTiles)};
  Option<bool> alternatives{
      *this, "alternatives",
      llvm::cl::desc("also build the tiles that are not chosen"),
      llvm::cl::init(false)};
};

/// model → placed
void buildPlacePipeline(mlir::OpPassManager &pm,
                        const PlacementOptions &options);
/// placed → tensor
void buildExpandPipeline(mlir::OpPassManager &pm, const ExpandOptions &options);
/// tensor → tensor, with fewer and heavier ops
void buildFusePipeline(mlir::OpPassManager &pm, const FuseOptions &options);
/// tensor → launch
void buildLaunchPipeline(mlir::OpPassManager &pm);
/// launch → plan
void buildPlanPipeline(mlir::OpPassManager &pm, const PlanOptions &options);
/// What closes the plan pipeline, alone: for plans that people edited
void buildPlanChecks(mlir::OpPassManager &pm);
/// Kernels for the GPU: forms of the tile dialect beside the jet ops
void buildTilePipeline(mlir::OpPassManager &pm, const TileOptions &options);
/// Kernels: jet ops → linalg on tensors
void buildLinalgPipeline(mlir::OpPassManager &pm);
/// Kernels: linalg on tensors → vectorised loops on buffers
void buildLoopsPipeline(mlir::OpPassManager &pm, const CpuOptions &options);
/// Kernels: loops → LLVM dialect with the entry points of a package
void buildHostPipeline(mlir::OpPassManager &pm);
/// Kernels: linalg on tensors → loops of the threads of a GPU's blocks
void buildDeviceLoopsPipeline(mlir::OpPassManager &pm);
/// Kernels: loops of threads → LLVM and NVVM with the entry points of a package
void buildDevicePipeline(mlir::OpPassManager &pm);

/// --jet-place, --jet-expand, --jet-fuse, --jet-launch, --jet-plan,
/// --jet-linalg, --jet-cpu-loops, --jet-cpu-llvm, --jet-gpu-loops,
/// --jet-gpu-nvvm
void registerPipelines();

} // namespace jet

#endif // JET_LOWERING_PIPELINES_H
