// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "lowering/cpu/HostCode.h"

#include "lld/Common/Driver.h"
#include "mlir/ExecutionEngine/OptUtils.h"
#include "mlir/Target/LLVMIR/Export.h"
#include "llvm/IR/LegacyPassManager.h"
#include "llvm/IR/Module.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/Support/raw_ostream.h"
#include "llvm/Target/TargetMachine.h"
#include "llvm/TargetParser/Host.h"

LLD_HAS_DRIVER(elf)

using namespace mlir;
using namespace jet;

static constexpr llvm::StringLiteral kTriple = "x86_64-unknown-linux-gnu";

FailureOr<CpuLevel> jet::findCpuLevel(StringRef name) {
  const CpuLevel levels[] = {
      {"x86-64-v4", 16}, {"x86-64-v3", 8}, {"x86-64-v2", 4}};
  llvm::StringMap<bool> host = llvm::sys::getHostCPUFeatures();
  auto has = [&](ArrayRef<StringRef> features) {
    return llvm::all_of(features, [&](StringRef f) { return host.lookup(f); });
  };
  if (name == "native") {
    bool v3 =
        has({"avx", "avx2", "bmi", "bmi2", "f16c", "fma", "lzcnt", "movbe"});
    bool v4 =
        v3 && has({"avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl"});
    return levels[v4 ? 0 : v3 ? 1 : 2];
  }
  for (const CpuLevel &level : levels)
    if (level.name == name)
      return level;
  return failure();
}

namespace {

/// LLVM's view of the kernels, and the machine they are compiled for.
class HostModule {
public:
  static FailureOr<HostModule> create(ModuleOp kernels, const CpuLevel &level) {
    llvm::InitializeNativeTarget();
    llvm::InitializeNativeTargetAsmPrinter();
    HostModule result;
    llvm::Triple triple(kTriple);
    std::string error;
    const llvm::Target *target =
        llvm::TargetRegistry::lookupTarget(triple, error);
    if (!target)
      return kernels.emitError()
             << "no code generator for " << kTriple << ": " << error;
    result.machine.reset(target->createTargetMachine(
        triple, level.name, /*Features=*/"", llvm::TargetOptions(),
        llvm::Reloc::PIC_, std::nullopt, llvm::CodeGenOptLevel::Aggressive));
    result.module = translateModuleToLLVMIR(kernels, *result.context);
    if (!result.module)
      return failure();
    result.module->setTargetTriple(triple);
    result.module->setDataLayout(result.machine->createDataLayout());
    result.setAttributes(level);
    if (llvm::Error failed = makeOptimizingTransformer(
            3, 0, result.machine.get())(result.module.get()))
      return kernels.emitError()
             << "optimisation failed: " << llvm::toString(std::move(failed));
    return result;
  }

  FailureOr<llvm::SmallVector<char, 0>> emitObject(ModuleOp kernels) {
    llvm::SmallVector<char, 0> object;
    llvm::raw_svector_ostream stream(object);
    llvm::legacy::PassManager passes;
    if (machine->addPassesToEmitFile(passes, stream, nullptr,
                                     llvm::CodeGenFileType::ObjectFile))
      return kernels.emitError("cannot emit an object file");
    passes.run(*module);
    return object;
  }

  std::string print() {
    std::string text;
    llvm::raw_string_ostream stream(text);
    module->print(stream, nullptr);
    return text;
  }

private:
  void setAttributes(const CpuLevel &level) {
    std::string bits = std::to_string(level.vectorWidth * 32);
    for (llvm::Function &function : *module) {
      if (function.isDeclaration())
        continue;
      function.addFnAttr("target-cpu", level.name);
      // x86-64-v4 is tuned for 256 bits unless told otherwise.
      function.addFnAttr("prefer-vector-width", bits);
      function.addFnAttr("min-legal-vector-width", bits);
    }
  }

  std::unique_ptr<llvm::LLVMContext> context =
      std::make_unique<llvm::LLVMContext>();
  std::unique_ptr<llvm::TargetMachine> machine;
  std::unique_ptr<llvm::Module> module;
};

/// A file that is gone when it goes out of scope.
struct TemporaryFile {
  llvm::SmallString<128> path;
  ~TemporaryFile() {
    if (!path.empty())
      llvm::sys::fs::remove(path);
  }
};

/// Links one object into a shared object with lld, in this process.
FailureOr<std::vector<std::byte>> link(ModuleOp kernels,
                                       ArrayRef<char> object) {
  TemporaryFile input, output;
  int fd;
  if (std::error_code error =
          llvm::sys::fs::createTemporaryFile("jetc", "o", fd, input.path))
    return kernels.emitError()
           << "cannot create a temporary file: " << error.message();
  llvm::raw_fd_ostream stream(fd, /*shouldClose=*/true);
  stream.write(object.data(), object.size());
  stream.close();
  if (stream.has_error()) {
    InFlightDiagnostic diag = kernels.emitError();
    diag << input.path.str() << ": " << stream.error().message();
    stream.clear_error();
    return diag;
  }
  if (std::error_code error =
          llvm::sys::fs::createTemporaryFile("jetc", "so", output.path))
    return kernels.emitError()
           << "cannot create a temporary file: " << error.message();

  std::string messages;
  llvm::raw_string_ostream log(messages);
  const char *arguments[] = {
      "ld.lld",           "-shared", "--hash-style=gnu",
      "--gc-sections",    "-z",      "noexecstack",
      input.path.c_str(), "-o",      output.path.c_str()};
  lld::Result linked =
      lld::lldMain(arguments, log, log, {{lld::Gnu, &lld::elf::link}});
  if (linked.retCode)
    return kernels.emitError() << "linking failed: " << messages;
  auto file = llvm::MemoryBuffer::getFile(output.path, /*IsText=*/false,
                                          /*RequiresNullTerminator=*/false);
  if (!file)
    return kernels.emitError()
           << output.path.str() << ": " << file.getError().message();
  auto *begin = reinterpret_cast<const std::byte *>((*file)->getBufferStart());
  return std::vector<std::byte>(begin, begin + (*file)->getBufferSize());
}

} // namespace

FailureOr<std::vector<std::byte>> jet::compileHostCode(ModuleOp kernels,
                                                       const CpuLevel &level) {
  FailureOr<HostModule> host = HostModule::create(kernels, level);
  if (failed(host))
    return failure();
  auto object = host->emitObject(kernels);
  if (failed(object))
    return failure();
  return link(kernels, *object);
}

FailureOr<std::string> jet::printHostIR(ModuleOp kernels,
                                        const CpuLevel &level) {
  FailureOr<HostModule> host = HostModule::create(kernels, level);
  if (failed(host))
    return failure();
  return host->print();
}
