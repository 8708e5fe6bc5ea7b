// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What passes of users must leave alone.

#ifndef JET_TOOLS_JETC_PROGRAMINTERFACE_H
#define JET_TOOLS_JETC_PROGRAMINTERFACE_H

#include "mlir/IR/BuiltinOps.h"

#include <vector>

namespace jet {

/// What the programs of a module promise to a runtime: the model, and the
/// names, arguments and results of the functions. Passes may do to the bodies
/// what they like, within the level. Remembers it from construction; the module
/// must live in the same context.
class ProgramInterface {
public:
  explicit ProgramInterface(mlir::ModuleOp module);

  /// Reports, at the op, where `module` promises something else.
  llvm::LogicalResult verifyUnchanged(mlir::ModuleOp module) const;

private:
  struct Program {
    mlir::StringAttr name;
    mlir::Type type;
    mlir::ArrayAttr attributes; // of the arguments
  };
  mlir::OwningOpRef<mlir::Operation *> model;
  std::vector<Program> programs;
};

} // namespace jet

#endif // JET_TOOLS_JETC_PROGRAMINTERFACE_H
