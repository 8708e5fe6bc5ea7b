// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Models compiled, loaded and run within a search.

#ifndef JET_SEARCH_COMPILEMODEL_H
#define JET_SEARCH_COMPILEMODEL_H

#include "dialects/jet/Jet.h"
#include "runtime/Model.h"

#include "mlir/IR/BuiltinOps.h"

#include <string>
#include <vector>

namespace jet {

/// Where models of a search run.
struct RunTarget {
  std::string device = "cpu"; // or "cuda:N", as for openDevice()
  /// On a GPU only kernels that compute in f32 throughout, as on the CPU, and
  /// not the much faster ones that round what tensor cores read.
  bool generalKernels = false;
  /// On a GPU residuals in f32 all the same (without `round-residuals`).
  bool wideResiduals = false;

  bool isHost() const { return device == "cpu"; }
};

/// `model` alone, in a module of its own.
mlir::OwningOpRef<mlir::ModuleOp> copyModel(ModelOp model);

/// Compiles the module's model, placed as `mixers` say (empty: it is placed),
/// for `target`, for steps of at most `maxBatch` sequences. The module is used
/// up. Errors are diagnostics.
mlir::FailureOr<Package> compileModel(mlir::ModuleOp module,
                                      llvm::ArrayRef<std::string> mixers,
                                      int64_t maxBatch,
                                      const RunTarget &target);

/// Loads a package through a temporary file, with the checkpoint `weights` or,
/// if that is empty, made-up weights.
Result<std::shared_ptr<const Model>> loadModel(const Package &package,
                                               const std::string &weights,
                                               const RunTarget &target);

} // namespace jet

#endif // JET_SEARCH_COMPILEMODEL_H
