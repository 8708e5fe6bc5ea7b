// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// mlir-opt with the jet dialect, its passes and its pipelines.

#include "lowering/Registration.h"
#include "mlir/InitAllPasses.h"
#include "mlir/Tools/mlir-opt/MlirOptMain.h"
#include "search/Passes.h"
#include "tools/plugins/LoadPlugins.h"
#include "llvm/Support/raw_ostream.h"

int main(int argc, char **argv) {
  mlir::DialectRegistry registry;
  jet::registerAllDialects(registry);
  mlir::registerAllPasses();
  jet::registerAllPasses();
  jet::registerJetSearchPasses();
  // mlir-opt's own option checks no version, and goes on without the plugin.
  if (jet::Result<void> done = jet::loadPassPlugins(argc, argv); !done) {
    llvm::errs() << "jet-opt: error: " << done.error().message << "\n";
    return 1;
  }
  return mlir::asMainReturnCode(
      mlir::MlirOptMain(argc, argv, "jet optimizer driver\n", registry));
}
