// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// MLIR's language server with the jet dialect: diagnostics, completion and
// go-to-definition for .mlir files in editors.

#include "lowering/Registration.h"
#include "mlir/Tools/mlir-lsp-server/MlirLspServerMain.h"

int main(int argc, char **argv) {
  mlir::DialectRegistry registry;
  jet::registerAllDialects(registry);
  return failed(mlir::MlirLspServerMain(argc, argv, registry));
}
