// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef JET_LOWERING_DESCRIBEFORMS_H
#define JET_LOWERING_DESCRIBEFORMS_H

#include "runtime/Package.h"

#include "mlir/IR/BuiltinOps.h"

namespace jet {

/// Adds to `kernels`, those of @kernels in their order, the forms that the
/// stages of @tile_kernels make, if there are any. Reports a stage without the
/// attributes of lowering/kernels/Forms.h.
mlir::LogicalResult describeForms(mlir::ModuleOp module,
                                  std::vector<KernelInfo> &kernels);

} // namespace jet

#endif // JET_LOWERING_DESCRIBEFORMS_H
