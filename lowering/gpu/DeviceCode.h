// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// From kernels in LLVM and NVVM, or of the tile dialect, to code of the device:
// PTX, cubin.

#ifndef JET_LOWERING_GPU_DEVICECODE_H
#define JET_LOWERING_GPU_DEVICECODE_H

#include "runtime/Package.h"
#include "support/Error.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/PassManager.h"

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace jet {

/// The GPU that code is compiled for.
inline constexpr llvm::StringLiteral kDeviceArch = "sm_90a";

/// Appends the passes from tile to LLVM and NVVM, which printPtx() takes.
void buildTileToNvvmPipeline(mlir::OpPassManager &passes);
/// Registers it as `jet-tile-to-nvvm`.
void registerTilePipelines();

/// Whether products and sums are fused where they say so, as on the CPU, or
/// wherever they meet.
enum class Arithmetic { AsFlagged, Fused };

/// Translates a module of lowered kernels to PTX: LLVM at O3, then the NVPTX
/// code generator for sm_90a. Reports errors on the module.
mlir::FailureOr<std::string> printPtx(mlir::ModuleOp kernels,
                                      Arithmetic arithmetic);

/// The same as LLVM IR, before the code generator.
mlir::FailureOr<std::string> printDeviceIR(mlir::ModuleOp kernels);

/// What the assembler said of one kernel. Bytes of static shared memory; the
/// dynamic part is the kernel's `tile.shared_bytes`.
struct KernelResources {
  std::string name;
  int64_t registers = 0, spillStores = 0, spillLoads = 0, stack = 0,
          sharedBytes = 0;
};

struct Cubin {
  std::vector<std::byte> bytes;
  std::vector<KernelResources> kernels;
  /// Warnings and advice, one line each.
  std::string messages;
};

/// The assembler: `given` if not empty; else in $CUDA_HOME/bin, PATH,
/// /usr/local/cuda/bin. Error: none of them, or not an executable.
Result<std::string> findPtxas(const std::string &given = "");

/// Runs the assembler at `ptxas` on PTX for sm_90a, through temporary files.
Result<Cubin> assemble(const std::string &ptx, const std::string &ptxas);

/// Sets the blobs of `package`, for the CUDA target: "ptx", and "cubin" if
/// there is an assembler as for findPtxas() and `ptxasPath` is not "none"; then
/// also Package::code, for which the package's kernels are looked at. Reports
/// errors on the module, a given assembler that is none included.
mlir::LogicalResult compileDeviceCode(mlir::ModuleOp kernels,
                                      const std::string &ptxasPath,
                                      Package &package);

} // namespace jet

#endif // JET_LOWERING_GPU_DEVICECODE_H
