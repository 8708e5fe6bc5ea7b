// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Descriptions of machines, from targets/ or from the user.

#ifndef JET_DIALECTS_JET_TARGETS_H
#define JET_DIALECTS_JET_TARGETS_H

#include "support/Error.h"

#include "mlir/IR/MLIRContext.h"
#include "llvm/ADT/ArrayRef.h"

#include <string>

namespace jet {

class TargetAttr;

/// The description called `name` that came with the compiler, or else the one
/// in the file of that name, which holds a #jet.target and comments. Errors:
/// neither exists, the file holds something else. `context` has the jet dialect
/// loaded.
Result<TargetAttr> findTarget(mlir::MLIRContext &context,
                              const std::string &name);

/// Names of the descriptions that came with the compiler, sorted.
llvm::ArrayRef<llvm::StringRef> builtinTargetNames();

} // namespace jet

#endif // JET_DIALECTS_JET_TARGETS_H
