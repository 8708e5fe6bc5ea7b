// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Everything that our tools register, in one place.

#ifndef JET_LOWERING_REGISTRATION_H
#define JET_LOWERING_REGISTRATION_H

#include "mlir/IR/DialectRegistry.h"

namespace jet {

/// MLIR's dialects and extensions, translations to LLVM IR, and the jet
/// dialect.
void registerAllDialects(mlir::DialectRegistry &registry);

/// Our passes and pipelines (MLIR's are the tool's choice).
void registerAllPasses();

} // namespace jet

#endif // JET_LOWERING_REGISTRATION_H
