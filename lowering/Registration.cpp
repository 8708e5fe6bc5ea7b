// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "lowering/Registration.h"
#include "dialects/jet/Jet.h"
#include "dialects/tile/Tile.h"
#include "lowering/Passes.h"
#include "lowering/Pipelines.h"
#include "lowering/gpu/DeviceCode.h"
#include "passes/Passes.h"

#include "mlir/InitAllDialects.h"
#include "mlir/InitAllExtensions.h"
#include "mlir/Target/LLVMIR/Dialect/All.h"

void jet::registerAllDialects(mlir::DialectRegistry &registry) {
  mlir::registerAllDialects(registry);
  mlir::registerAllExtensions(registry);
  mlir::registerAllToLLVMIRTranslations(registry);
  registry.insert<JetDialect, tile::TileDialect>();
}

void jet::registerAllPasses() {
  registerJetPasses();
  registerJetLoweringPasses();
  registerPipelines();
  registerTilePipelines();
}
