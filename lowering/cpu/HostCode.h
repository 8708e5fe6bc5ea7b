// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// From kernels in the LLVM dialect to the shared object of a package.

#ifndef JET_LOWERING_CPU_HOSTCODE_H
#define JET_LOWERING_CPU_HOSTCODE_H

#include "mlir/IR/BuiltinOps.h"

#include <cstddef>
#include <string>
#include <vector>

namespace jet {

/// The x86-64 microarchitecture level that code is compiled for.
struct CpuLevel {
  std::string name;    // "x86-64-v2", "x86-64-v3" or "x86-64-v4"
  int64_t vectorWidth; // f32 lanes of a vector register
};

/// The level called `name`, or for "native" the highest one that this machine
/// has. Fails without a diagnostic on an unknown name.
mlir::FailureOr<CpuLevel> findCpuLevel(llvm::StringRef name);

/// Compiles `kernels` (LLVM dialect) to an ELF shared object that needs libc
/// and libm only. Diagnostics go to the module's location.
mlir::FailureOr<std::vector<std::byte>> compileHostCode(mlir::ModuleOp kernels,
                                                        const CpuLevel &level);

/// The optimised LLVM IR of `kernels` as text, for people.
mlir::FailureOr<std::string> printHostIR(mlir::ModuleOp kernels,
                                         const CpuLevel &level);

} // namespace jet

#endif // JET_LOWERING_CPU_HOSTCODE_H
