// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A module of tile kernels to PTX and cubin, with what the kernels need.

#include "lowering/Registration.h"
#include "lowering/gpu/DeviceCode.h"
#include "lowering/tile/LowerTile.h"
#include "support/File.h"

#include "mlir/Parser/Parser.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/InitLLVM.h"
#include "llvm/Support/raw_ostream.h"

using namespace jet;

static llvm::cl::opt<std::string> input(llvm::cl::Positional,
                                        llvm::cl::desc("<kernels.mlir>"),
                                        llvm::cl::init("-"));
static llvm::cl::opt<std::string>
    output("o", llvm::cl::desc("File of the PTX (default: standard output)"),
           llvm::cl::init("-"));
static llvm::cl::opt<std::string>
    cubinPath("cubin", llvm::cl::desc("Assemble, and write the cubin here"));
static llvm::cl::opt<std::string>
    ptxasPath("ptxas", llvm::cl::desc("The assembler (default: $CUDA_HOME/bin, "
                                      "PATH, /usr/local/cuda/bin)"));
static llvm::cl::opt<bool>
    report("report",
           llvm::cl::desc("Assemble, and print the kernels' registers, shared "
                          "memory and spills instead of PTX"));

static int fail(const Error &error) {
  llvm::errs() << "jet-ptx: error: " << error.message << "\n";
  return 1;
}

static Result<void> write(const std::string &path, llvm::StringRef text) {
  if (path == "-") {
    llvm::outs() << text;
    return {};
  }
  return writeTextFile(path, text);
}

/// Bytes of dynamic shared memory of a lowered kernel.
static int64_t sharedBytes(mlir::ModuleOp module, llvm::StringRef kernel) {
  mlir::Operation *function = module.lookupSymbol(kernel);
  auto bytes = function ? function->getAttrOfType<mlir::IntegerAttr>(
                              jet::tile::kSharedBytesAttr)
                        : mlir::IntegerAttr();
  return bytes ? bytes.getInt() : 0;
}

int main(int argc, char **argv) {
  llvm::InitLLVM init(argc, argv);
  llvm::cl::ParseCommandLineOptions(argc, argv, "tile kernels to PTX\n");
  mlir::DialectRegistry registry;
  registerAllDialects(registry);
  mlir::MLIRContext context(registry);
  auto module = mlir::parseSourceFile<mlir::ModuleOp>(input, &context);
  if (!module)
    return 1;
  mlir::PassManager passes(&context);
  buildTileToNvvmPipeline(passes);
  if (failed(passes.run(*module)))
    return 1;
  mlir::FailureOr<std::string> ptx = printPtx(*module, Arithmetic::Fused);
  if (failed(ptx))
    return 1;
  if (!report)
    if (Result<void> done = write(output, *ptx); !done)
      return fail(done.error());
  if (!report && cubinPath.empty())
    return 0;

  Result<std::string> ptxas = findPtxas(ptxasPath);
  if (!ptxas)
    return fail(ptxas.error());
  Result<Cubin> cubin = assemble(*ptx, *ptxas);
  if (!cubin)
    return fail(cubin.error());
  llvm::errs() << cubin->messages;
  if (report)
    for (const KernelResources &kernel : cubin->kernels)
      llvm::outs() << kernel.name << ": registers " << kernel.registers
                   << ", shared " << sharedBytes(*module, kernel.name)
                   << " bytes, stack " << kernel.stack << ", spills "
                   << kernel.spillStores + kernel.spillLoads << "\n";
  if (cubinPath.empty())
    return 0;
  llvm::StringRef bytes(reinterpret_cast<const char *>(cubin->bytes.data()),
                        cubin->bytes.size());
  if (Result<void> done = write(cubinPath, bytes); !done)
    return fail(done.error());
  return 0;
}
