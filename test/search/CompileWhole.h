// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef JET_TEST_SEARCH_COMPILEWHOLE_H
#define JET_TEST_SEARCH_COMPILEWHOLE_H

#include "lowering/BuildPackage.h"
#include "lowering/Pipelines.h"

#include "mlir/Pass/PassManager.h"
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace jet {

/// The package of the model in `module`, compiled as far as its plan, fused as
/// for a GPU or not. `mixers`, one a layer, place a supernet.
inline Package compileWhole(mlir::ModuleOp module, bool forGpu,
                            const std::vector<std::string> &mixers = {}) {
  FuseOptions fuse;
  fuse.roundActivations = fuse.roundRuleInputs = fuse.foldNorms = forGpu;
  mlir::PassManager pm(module.getContext());
  if (!mixers.empty()) {
    PlacementOptions place;
    for (const std::string &name : mixers)
      place.placement.push_back(name);
    buildPlacePipeline(pm, place);
  }
  buildExpandPipeline(pm, {});
  buildFusePipeline(pm, fuse);
  buildLaunchPipeline(pm);
  buildPlanPipeline(pm, {});
  EXPECT_TRUE(mlir::succeeded(pm.run(module)));
  mlir::FailureOr<Package> package = buildPackage(module);
  EXPECT_TRUE(mlir::succeeded(package));
  return *package;
}

} // namespace jet

#endif // JET_TEST_SEARCH_COMPILEWHOLE_H
