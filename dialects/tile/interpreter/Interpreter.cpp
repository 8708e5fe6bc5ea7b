// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "dialects/tile/interpreter/Machine.h"

#include "mlir/IR/Diagnostics.h"

using namespace mlir;
using namespace jet::tile;

void Fault::emit() const {
  InFlightDiagnostic diagnostic = emitError(location) << text;
  for (const auto &[where, note] : notes)
    diagnostic.attachNote(where) << note;
}

/// What is wrong with an argument for a type; empty if nothing is.
static std::string checkArgument(Type type, const Argument &argument) {
  Memory memory = Memory::of(type);
  if (memory.element.kind == Element::Kind::None)
    return "";
  int64_t width = memory.element.bytes(), needed = 0;
  if (isa<TensorMapType>(type)) {
    if (int64_t(argument.sizes.size()) != memory.rank())
      return "expected " + std::to_string(memory.rank()) +
             " sizes of a tensor, found " +
             std::to_string(argument.sizes.size());
    if (!argument.strides.empty() &&
        int64_t(argument.strides.size()) != memory.rank() - 1)
      return "expected " + std::to_string(memory.rank() - 1) +
             " strides, found " + std::to_string(argument.strides.size());
    needed = argument.sizes.back() * width;
    for (int64_t i = memory.rank() - 2; i >= 0; --i)
      if (argument.strides.empty())
        needed *= argument.sizes[i];
      else
        needed += (argument.sizes[i] - 1) * argument.strides[i];
  } else {
    needed = countElements(memory, argument) * width;
  }
  if (needed > argument.bytes)
    return "expected " + std::to_string(needed) + " bytes, found " +
           std::to_string(argument.bytes);
  return "";
}

/// Whether a stage can run.
static bool check(Stage stage, std::vector<Fault> &faults) {
  auto fail = [&](const Twine &text) {
    faults.push_back({stage.kernel.getLoc(), "'tile.kernel' op " + text.str()});
    return false;
  };
  ArrayRef<Type> types = stage.kernel.getArgumentTypes();
  if (types.size() != stage.arguments.size())
    return fail("expected " + Twine(types.size()) + " arguments, found " +
                Twine(stage.arguments.size()));
  for (auto [i, type] : llvm::enumerate(types))
    if (std::string what = checkArgument(type, stage.arguments[i]);
        !what.empty())
      return fail("argument " + Twine(i) + ": " + what);
  for (int64_t size : stage.grid)
    if (size < 1)
      return fail("expected a grid of positive sizes, found " + Twine(size));
  if (stage.grid[0] % stage.kernel.getCluster())
    return fail("expected a grid of whole clusters, found " +
                Twine(stage.grid[0]));
  return true;
}

std::vector<Fault> jet::tile::interpret(ArrayRef<Stage> stages,
                                        const InterpretOptions &options) {
  std::vector<Fault> faults;
  for (const Stage &stage : stages) {
    if (!check(stage, faults))
      break;
    std::unique_ptr<Program> program = compile(stage.kernel);
    if (!program) {
      faults.push_back({Stage(stage).kernel.getLoc(),
                        "'tile.kernel' op cannot be interpreted"});
      break;
    }
    Machine(*program, stage, options, faults).run();
    if (!faults.empty())
      break;
  }
  return faults;
}
