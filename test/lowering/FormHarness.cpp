// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "FormHarness.h"

#include "dialects/jet/Jet.h"
#include "lowering/DescribeForms.h"
#include "lowering/LowerKernels.h"
#include "lowering/PackageTypes.h"
#include "lowering/Registration.h"
#include "lowering/kernels/Forms.h"
#include "runtime/FormSizes.h"

#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Pass/PassRegistry.h"

#include <list>

using namespace jet;
using namespace jet::test;

/// The operands of a kernel, as its package says.
static mlir::FailureOr<KernelInfo> describeKernel(mlir::func::FuncOp kernel) {
  auto arguments = layoutKernel(kernel);
  if (failed(arguments))
    return mlir::failure();
  KernelInfo info;
  info.name = kernel.getSymName().str();
  for (const KernelArgument &argument : *arguments)
    info.operands.push_back({toDType(argument.element),
                             toSizeExprs(argument.shape),
                             argument.access == "read"    ? Access::Read
                             : argument.access == "write" ? Access::Write
                                                          : Access::ReadWrite});
  return info;
}

std::unique_ptr<Forms> Forms::build(const std::string &texts,
                                    bool alternatives) {
  static mlir::MLIRContext *context = [] {
    mlir::DialectRegistry registry;
    registerAllDialects(registry);
    registerAllPasses();
    auto *made =
        new mlir::MLIRContext(registry, mlir::MLIRContext::Threading::DISABLED);
    made->loadDialect<JetDialect, tile::TileDialect>();
    return made;
  }();
  auto forms = std::make_unique<Forms>();
  forms->module = mlir::parseSourceString<mlir::ModuleOp>(
      "module {\nmodule @kernels {\n" + texts + "}\n}\n", context);
  mlir::PassManager build(context);
  // By name: what declares all passes takes longer to compile than this file.
  llvm::StringRef pass = alternatives
                             ? "jet-build-tile-kernels{alternatives=true}"
                             : "jet-build-tile-kernels";
  if (!forms->module || failed(mlir::parsePassPipeline(pass, build)) ||
      failed(build.run(*forms->module))) {
    ADD_FAILURE() << "cannot build the forms of\n" << texts;
    return nullptr;
  }
  auto kernels = forms->module->lookupSymbol<mlir::ModuleOp>(kKernelsModule);
  for (auto kernel : kernels.getOps<mlir::func::FuncOp>()) {
    mlir::FailureOr<KernelInfo> info = describeKernel(kernel);
    if (failed(info)) {
      ADD_FAILURE() << "cannot describe " << kernel.getSymName().str();
      return nullptr;
    }
    forms->kernels.push_back(std::move(*info));
  }
  if (failed(describeForms(*forms->module, forms->kernels))) {
    ADD_FAILURE() << "cannot describe the forms of\n" << texts;
    return nullptr;
  }
  return forms;
}

const KernelInfo &Forms::kernel(const std::string &name) const {
  for (const KernelInfo &kernel : kernels)
    if (kernel.name == name)
      return kernel;
  ADD_FAILURE() << "no kernel " << name;
  return kernels.front();
}

/// A stage's parameter.
static tile::Argument passArgument(const StageArgument &argument,
                                   const ArgumentSizes &sizes,
                                   const std::vector<Buffer *> &operands,
                                   std::vector<std::byte> &scratch) {
  if (argument.kind == StageArgument::Kind::Size)
    return tile::Argument::size(sizes.value);
  auto bytes = std::as_writable_bytes(std::span(scratch));
  if (argument.kind == StageArgument::Kind::Scratch)
    bytes = bytes.subspan(sizes.value);
  else
    bytes = {static_cast<std::byte *>(operands[argument.operand]->data()),
             operands[argument.operand]->bytes().size()};
  auto result =
      tile::Argument::memory(bytes.data(), static_cast<int64_t>(bytes.size()));
  result.sizes = sizes.shape;
  return result;
}

void Forms::run(const std::string &name, const std::vector<Buffer *> &operands,
                const Step &step, uint64_t seed,
                std::optional<size_t> number) const {
  const KernelInfo &info = kernel(name);
  const SymbolValues symbols{
      step.tokens, static_cast<int64_t>(step.sequences.size()),
      step.tokens, step.columns(),
      step.slots,  step.pages()};
  const KernelForm *form =
      number ? &info.forms.at(*number) : chooseForm(info.forms, symbols);
  ASSERT_TRUE(form) << name << " has no form for this step";
  ASSERT_EQ(operands.size(), info.operands.size()) << name;
  Result<FormSizes> sizes = evaluateForm(info, *form, symbols);
  ASSERT_TRUE(sizes) << sizes.error().message;

  // What nobody has written is NaN in all types.
  std::vector<std::byte> scratch(sizes->scratchBytes, std::byte(0xFF));
  std::list<Buffer> before;
  for (size_t i = 0; i < operands.size(); ++i) {
    if (info.operands[i].access == Access::Write)
      operands[i]->poison();
    before.push_back(*operands[i]);
  }
  mlir::ModuleOp owner = module.get();
  auto stages = owner.lookupSymbol<tile::KernelsOp>(kTileModule);
  std::vector<tile::Stage> launches;
  for (size_t i = 0; i < form->stages.size(); ++i) {
    tile::Stage &launch = launches.emplace_back();
    launch.kernel = mlir::cast<tile::KernelOp>(
        mlir::SymbolTable::lookupSymbolIn(stages, form->stages[i].name));
    launch.grid = sizes->stages[i].grid;
    for (size_t j = 0; j < form->stages[i].arguments.size(); ++j)
      launch.arguments.push_back(passArgument(form->stages[i].arguments[j],
                                              sizes->stages[i].arguments[j],
                                              operands, scratch));
  }
  tile::InterpretOptions options;
  options.seed = seed;
  for (const tile::Fault &fault : tile::interpret(launches, options)) {
    fault.emit();
    ADD_FAILURE() << name << ": " << fault.text;
  }
  size_t i = 0;
  for (const Buffer &buffer : before) {
    EXPECT_TRUE(operands[i]->isFrontIntact())
        << name << " wrote in front of operand " << i;
    if (info.operands[i].access == Access::Read)
      EXPECT_TRUE(*operands[i] == buffer) << name << " wrote operand " << i;
    ++i;
  }
}
