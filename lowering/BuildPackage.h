// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// From a module at level "launch" with lowered kernels to a package.

#ifndef JET_LOWERING_BUILDPACKAGE_H
#define JET_LOWERING_BUILDPACKAGE_H

#include "runtime/Package.h"

#include "mlir/IR/BuiltinOps.h"

namespace jet {

/// Describes the model, its parameters and states, the kernels of
/// `@kernels` (with jet.shape, jet.access and jet.grid in place) and the
/// programs as launch lists. Leaves target, limits, tokens and blobs to the
/// caller. Fails with a diagnostic at the op.
mlir::FailureOr<Package> buildPackage(mlir::ModuleOp module);

} // namespace jet

#endif // JET_LOWERING_BUILDPACKAGE_H
