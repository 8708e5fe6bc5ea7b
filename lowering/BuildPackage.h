// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// From a module at level "plan" to a package: a translation, nothing is decided
// here.

#ifndef JET_LOWERING_BUILDPACKAGE_H
#define JET_LOWERING_BUILDPACKAGE_H

#include "runtime/Package.h"

#include "mlir/IR/BuiltinOps.h"

namespace jet {

/// Describes the model, its limits, parameters and states, the kernels of
/// `@kernels` and each `jet.plan` as a program: executions in order are its
/// launches, `jet.buffer`s in order its buffers. Kernels are lowered ones (with
/// jet.shape, jet.access and jet.grid in place) or, to verify a plan before
/// there is code, jet ops, whose grid is given as one point. Leaves producer,
/// target and blobs to the caller. Fails with a diagnostic at the op.
mlir::FailureOr<Package> buildPackage(mlir::ModuleOp module);

} // namespace jet

#endif // JET_LOWERING_BUILDPACKAGE_H
