// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// From a checked spec to IR of level "model".

#ifndef JET_FRONTEND_IMPORT_H
#define JET_FRONTEND_IMPORT_H

#include "frontend/Spec.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"

namespace jet {

/// A module with one jet.model named `name`. Layers carry `path` and the JSON
/// path of their layer_types entry as location. The module carries the tokens
/// that begin and end a text, `jet.bos_token_id` and `jet.eos_token_ids`, for
/// those who make a package of it. The context must have the jet
/// dialect loaded. Cannot fail on a spec that parseSpec returned.
mlir::OwningOpRef<mlir::ModuleOp> importSpec(mlir::MLIRContext &context,
                                             const ModelSpec &spec,
                                             llvm::StringRef name,
                                             llvm::StringRef path);

} // namespace jet

#endif // JET_FRONTEND_IMPORT_H
