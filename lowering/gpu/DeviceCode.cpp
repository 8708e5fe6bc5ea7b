// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "lowering/gpu/DeviceCode.h"
#include "lowering/Passes.h"

#include "mlir/Conversion/NVVMToLLVM/NVVMToLLVM.h"
#include "mlir/Conversion/ReconcileUnrealizedCasts/ReconcileUnrealizedCasts.h"
#include "mlir/Conversion/SCFToControlFlow/SCFToControlFlow.h"
#include "mlir/ExecutionEngine/OptUtils.h"
#include "mlir/Pass/PassRegistry.h"
#include "mlir/Target/LLVMIR/Export.h"
#include "mlir/Transforms/Passes.h"
#include "llvm/ADT/ScopeExit.h"
#include "llvm/IR/LegacyPassManager.h"
#include "llvm/IR/Module.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/Process.h"
#include "llvm/Support/Program.h"
#include "llvm/Support/Regex.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/Support/raw_ostream.h"
#include "llvm/Target/TargetMachine.h"

using namespace mlir;
using namespace jet;

static constexpr llvm::StringLiteral kChip = kDeviceArch;
static constexpr llvm::StringLiteral kPtxVersion = "+ptx80";

void jet::buildTileToNvvmPipeline(OpPassManager &passes) {
  passes.addPass(createSCFToControlFlowPass());
  passes.addPass(createLowerTilePass());
  // tile.map leaves pairs of casts around rows and columns.
  passes.addPass(createReconcileUnrealizedCastsPass());
  // Ops that NVVM writes as inline PTX.
  passes.addPass(createConvertNVVMToLLVMPass());
  passes.addPass(createCanonicalizerPass());
  passes.addPass(createCSEPass());
}

void jet::registerTilePipelines() {
  PassPipelineRegistration<>("jet-tile-to-nvvm",
                             "Kernels of the tile dialect to LLVM and NVVM",
                             buildTileToNvvmPipeline);
}

namespace {

/// LLVM's view of the kernels, optimised, and the GPU they are compiled for.
class DeviceModule {
public:
  static FailureOr<DeviceModule>
  create(ModuleOp kernels, llvm::FPOpFusion::FPOpFusionMode fusion);
  FailureOr<std::string> printPtx(ModuleOp kernels);
  std::string print() const;

private:
  std::unique_ptr<llvm::LLVMContext> context =
      std::make_unique<llvm::LLVMContext>();
  std::unique_ptr<llvm::TargetMachine> machine;
  std::unique_ptr<llvm::Module> module;
};

} // namespace

FailureOr<DeviceModule>
DeviceModule::create(ModuleOp kernels,
                     llvm::FPOpFusion::FPOpFusionMode fusion) {
  LLVMInitializeNVPTXTarget();
  LLVMInitializeNVPTXTargetInfo();
  LLVMInitializeNVPTXTargetMC();
  LLVMInitializeNVPTXAsmPrinter();
  DeviceModule result;
  llvm::Triple triple("nvptx64-nvidia-cuda");
  std::string error;
  const llvm::Target *target =
      llvm::TargetRegistry::lookupTarget(triple, error);
  if (!target)
    return kernels.emitError() << "no code generator for NVPTX: " << error;
  llvm::TargetOptions options;
  options.AllowFPOpFusion = fusion;
  result.machine.reset(target->createTargetMachine(
      triple, kChip, kPtxVersion, options, llvm::Reloc::PIC_, std::nullopt,
      llvm::CodeGenOptLevel::Aggressive));
  result.module = translateModuleToLLVMIR(kernels, *result.context);
  if (!result.module)
    return failure();
  result.module->setTargetTriple(triple);
  result.module->setDataLayout(result.machine->createDataLayout());
  if (llvm::Error failed = makeOptimizingTransformer(
          3, 0, result.machine.get())(result.module.get()))
    return kernels.emitError()
           << "optimisation failed: " << llvm::toString(std::move(failed));
  return result;
}

FailureOr<std::string> DeviceModule::printPtx(ModuleOp kernels) {
  llvm::SmallVector<char, 0> text;
  llvm::raw_svector_ostream stream(text);
  llvm::legacy::PassManager passes;
  if (machine->addPassesToEmitFile(passes, stream, nullptr,
                                   llvm::CodeGenFileType::AssemblyFile))
    return kernels.emitError("cannot emit PTX");
  passes.run(*module);
  return std::string(text.begin(), text.end());
}

std::string DeviceModule::print() const {
  std::string text;
  llvm::raw_string_ostream stream(text);
  module->print(stream, nullptr);
  return text;
}

static llvm::FPOpFusion::FPOpFusionMode fusionOf(Arithmetic arithmetic) {
  return arithmetic == Arithmetic::AsFlagged ? llvm::FPOpFusion::Standard
                                             : llvm::FPOpFusion::Fast;
}

FailureOr<std::string> jet::printPtx(ModuleOp kernels, Arithmetic arithmetic) {
  FailureOr<DeviceModule> device =
      DeviceModule::create(kernels, fusionOf(arithmetic));
  if (failed(device))
    return failure();
  return device->printPtx(kernels);
}

FailureOr<std::string> jet::printDeviceIR(ModuleOp kernels) {
  FailureOr<DeviceModule> device =
      DeviceModule::create(kernels, fusionOf(Arithmetic::AsFlagged));
  if (failed(device))
    return failure();
  return device->print();
}

Result<std::string> jet::findPtxas(const std::string &given) {
  if (!given.empty()) {
    if (llvm::sys::fs::can_execute(given))
      return given;
    return Error{given + ": expected an executable ptxas"};
  }
  if (auto home = llvm::sys::Process::GetEnv("CUDA_HOME")) {
    std::string path = *home + "/bin/ptxas";
    if (llvm::sys::fs::can_execute(path))
      return path;
  }
  if (auto path = llvm::sys::findProgramByName("ptxas"))
    return *path;
  if (auto path =
          llvm::sys::findProgramByName("ptxas", {"/usr/local/cuda/bin"}))
    return *path;
  return Error{"ptxas: not found in $CUDA_HOME/bin, PATH, /usr/local/cuda/bin"};
}

/// The numbers in what `ptxas -v` prints, a kernel after the other.
static std::vector<KernelResources> parseResources(StringRef log,
                                                   std::string &messages) {
  std::vector<KernelResources> kernels;
  auto number = [](StringRef line, StringRef pattern) -> int64_t {
    SmallVector<StringRef> match;
    int64_t value = 0;
    if (llvm::Regex(pattern).match(line, &match))
      (void)match[1].getAsInteger(10, value);
    return value;
  };
  SmallVector<StringRef> lines, match;
  log.split(lines, '\n');
  for (StringRef line : lines) {
    if (llvm::Regex("Compiling entry function '([^']*)'").match(line, &match)) {
      kernels.push_back({match[1].str()});
    } else if (line.contains("bytes stack frame") && !kernels.empty()) {
      KernelResources &kernel = kernels.back();
      kernel.stack = number(line, "([0-9]+) bytes stack frame");
      kernel.spillStores = number(line, "([0-9]+) bytes spill stores");
      kernel.spillLoads = number(line, "([0-9]+) bytes spill loads");
    } else if (line.contains("Used ") && !kernels.empty()) {
      kernels.back().registers = number(line, "Used ([0-9]+) registers");
      kernels.back().sharedBytes = number(line, "([0-9]+) bytes smem");
    } else if (line.contains("arning") || line.contains("erformance") ||
               line.contains("error") || line.contains("fatal")) {
      messages += line.str() + "\n";
    }
  }
  return kernels;
}

Result<Cubin> jet::assemble(const std::string &ptx, const std::string &ptxas) {
  llvm::SmallString<128> input, output, log;
  auto remove = llvm::scope_exit([&] {
    for (StringRef path : {StringRef(input), StringRef(output), StringRef(log)})
      if (!path.empty())
        llvm::sys::fs::remove(path);
  });
  for (auto [suffix, path] :
       {std::pair("ptx", &input), std::pair("cubin", &output),
        std::pair("log", &log)})
    if (std::error_code error =
            llvm::sys::fs::createTemporaryFile("jetc", suffix, *path))
      return Error{"cannot create a temporary file: " + error.message()};
  std::error_code error;
  llvm::raw_fd_ostream stream(input, error);
  stream << ptx;
  stream.close();
  if (error || stream.has_error()) {
    std::string reason = error ? error.message() : stream.error().message();
    stream.clear_error();
    return Error{input.str().str() + ": " + reason};
  }

  std::string message;
  std::string arch = ("-arch=" + kChip).str();
  std::optional<StringRef> redirects[] = {StringRef(), StringRef(log),
                                          StringRef(log)};
  int status = llvm::sys::ExecuteAndWait(
      ptxas, {ptxas, arch, "-v", input, "-o", output}, std::nullopt, redirects,
      /*SecondsToWait=*/0, /*MemoryLimit=*/0, &message);
  auto text = llvm::MemoryBuffer::getFile(log, /*IsText=*/true);
  std::string said = text ? (*text)->getBuffer().str() : message;
  if (status)
    return Error{ptxas + ": failed: " + (said.empty() ? message : said)};
  auto file = llvm::MemoryBuffer::getFile(output, /*IsText=*/false,
                                          /*RequiresNullTerminator=*/false);
  if (!file)
    return Error{output.str().str() + ": " + file.getError().message()};
  auto *begin = reinterpret_cast<const std::byte *>((*file)->getBufferStart());
  Cubin cubin;
  cubin.bytes.assign(begin, begin + (*file)->getBufferSize());
  cubin.kernels = parseResources(said, cubin.messages);
  return cubin;
}

/// What the assembler said, with what launches of `kernels` add to it.
static std::vector<CodeInfo>
describeCode(const std::vector<KernelInfo> &kernels,
             const std::vector<KernelResources> &resources) {
  std::vector<CodeInfo> code;
  for (const KernelResources &kernel : resources) {
    CodeInfo info;
    info.name = kernel.name;
    info.registers = kernel.registers;
    info.spillBytes = kernel.spillStores + kernel.spillLoads;
    int64_t dynamic = 0;
    for (const KernelInfo &general : kernels) {
      if (general.name == kernel.name)
        info.threads = general.threads;
      for (const KernelForm &form : general.forms)
        for (const StageInfo &stage : form.stages)
          if (stage.name == kernel.name) {
            info.threads = stage.threads;
            dynamic = std::max(dynamic, stage.sharedBytes);
          }
    }
    info.sharedBytes = kernel.sharedBytes + dynamic;
    code.push_back(std::move(info));
  }
  return code;
}

LogicalResult jet::compileDeviceCode(ModuleOp kernels,
                                     const std::string &ptxasPath,
                                     Package &package) {
  FailureOr<std::string> ptx = printPtx(kernels, Arithmetic::AsFlagged);
  if (failed(ptx))
    return failure();
  auto *begin = reinterpret_cast<const std::byte *>(ptx->data());
  package.blobs = {{"ptx", {begin, begin + ptx->size()}}};
  if (ptxasPath == "none")
    return success();
  Result<std::string> ptxas = findPtxas(ptxasPath);
  if (!ptxas && ptxasPath.empty())
    return success(); // the driver will compile it
  if (!ptxas)
    return kernels.emitError(ptxas.error().message);
  Result<Cubin> cubin = assemble(*ptx, *ptxas);
  if (!cubin)
    return kernels.emitError(cubin.error().message);
  package.blobs.push_back({"cubin", std::move(cubin->bytes)});
  package.code = describeCode(package.kernels, cubin->kernels);
  return success();
}
