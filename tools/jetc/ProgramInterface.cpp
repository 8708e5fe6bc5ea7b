// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "tools/jetc/ProgramInterface.h"
#include "dialects/jet/Jet.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/OperationSupport.h"

using namespace mlir;
using namespace jet;

ProgramInterface::ProgramInterface(ModuleOp module)
    : model((*module.getOps<ModelOp>().begin())->clone()) {
  for (auto program : module.getOps<func::FuncOp>())
    programs.push_back({program.getSymNameAttr(), program.getFunctionType(),
                        program.getArgAttrsAttr()});
}

LogicalResult ProgramInterface::verifyUnchanged(ModuleOp module) const {
  auto models = module.getOps<ModelOp>();
  if (!llvm::hasSingleElement(models) ||
      !OperationEquivalence::isEquivalentTo(
          model.get(), *models.begin(), OperationEquivalence::IgnoreLocations))
    return module.emitError("expected the jet.model as it was, found another");
  for (const Program &program : programs) {
    auto found = module.lookupSymbol<func::FuncOp>(program.name);
    if (!found)
      return module.emitError("expected a function @")
             << program.name.getValue() << ", found none";
    if (found.getFunctionType() != program.type)
      return found.emitOpError("expected arguments and results ")
             << program.type << ", found " << found.getFunctionType();
    if (found.getArgAttrsAttr() != program.attributes)
      return found.emitOpError("expected the layers of its states as they "
                               "were, found others");
  }
  for (auto found : module.getOps<func::FuncOp>())
    if (llvm::none_of(programs, [&](const Program &program) {
          return program.name == found.getSymNameAttr();
        }))
      return found.emitOpError("expected no new function, found @")
             << found.getSymName();
  return success();
}
