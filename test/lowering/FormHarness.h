// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Builds kernels' forms for the GPU the way jetc does, describes them as in a
// package, and launches them the way the runtime does, but in the interpreter
// of the tile dialect: tests hold them against the definition that
// KernelHarness.h runs.

#ifndef JET_TEST_LOWERING_FORMHARNESS_H
#define JET_TEST_LOWERING_FORMHARNESS_H

#include "KernelHarness.h"

#include "dialects/tile/interpreter/Interpreter.h"

#include "mlir/IR/OwningOpRef.h"

namespace jet::test {

/// Kernels of one op each, with their forms.
class Forms {
public:
  /// `texts` as of Kernels::compile(). With `alternatives` products of many
  /// rows have forms for all their tiles. Null after a reported failure.
  static std::unique_ptr<Forms> build(const std::string &texts,
                                      bool alternatives = false);

  const KernelInfo &kernel(const std::string &name) const;
  /// Runs the form of kernel `name` that the runtime takes for the step, or
  /// form `number`, over the operands, after making those that are only written
  /// poison. Expects a form, no faults, no write to an operand that is read
  /// only and none in front of one.
  void run(const std::string &name, const std::vector<Buffer *> &operands,
           const Step &step, uint64_t seed = 0,
           std::optional<size_t> number = {}) const;

private:
  mlir::OwningOpRef<mlir::ModuleOp> module;
  std::vector<KernelInfo> kernels;
};

} // namespace jet::test

#endif // JET_TEST_LOWERING_FORMHARNESS_H
