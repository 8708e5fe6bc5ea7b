// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Proves a program's memory plan from its launches alone, whatever planned it.
// Private to the package library.

#ifndef JET_RUNTIME_PLANVERIFIER_H
#define JET_RUNTIME_PLANVERIFIER_H

#include "runtime/PackageFault.h"

#include <array>
#include <map>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

namespace jet {

/// Checks what the launches of one program do to its memory, in order:
///
///  - no operand that a launch writes is passed to it a second time;
///  - a buffer is written before it is read, and at least as far as it is read;
///  - no two buffers share a byte in a launch in which both are alive, that is
///    from the first launch that writes a buffer to the last that uses it;
///  - a launch writes states of one layer only, and no two launches write the
///    same state;
///  - each output is written by one launch, and read by none before.
///
/// Expects what verifyPackage() checks of buffers and launches by themselves:
/// indices, operand counts, sizes free of overflow, operands no larger than
/// their buffers, buffers aligned and inside the arena, inputs and parameters
/// only read. Takes O(n log n) for n operands.
class PlanVerifier {
public:
  PlanVerifier(const Package &package, const ProgramInfo &program)
      : package(package), program(program) {}

  std::optional<PackageFault> verify();

  /// For each state, after verify(): whether the program writes it.
  std::vector<bool> writtenStates() const;

private:
  /// Sizes in bytes at the corners of all steps: (B, T) of (1, 1),
  /// (1, max_context), (max_batch, max_batch), (max_batch, max_batch *
  /// max_context), in decode T is B; each with C of 1 and the pages of
  /// max_context, S of B and max_batch, P of 1 and all pages.
  using CornerBytes = std::array<int64_t, 32>;

  struct Life {
    std::optional<size_t> begin; // first launch that writes
    size_t end = 0;              // last launch that uses
    CornerBytes written = {};    // bytes from the start that have a value
  };

  std::optional<PackageFault> verifyLaunch(size_t step);
  std::optional<PackageFault> verifyAliases(size_t step);
  std::optional<PackageFault> verifyOutputUse(size_t step, size_t operand);
  std::optional<PackageFault> verifyStateWrites(size_t step);
  std::optional<PackageFault> verifyBufferUse(size_t step, size_t operand);
  std::optional<PackageFault> verifyOverlaps();
  /// Of `operand` of a launch; remembered, as launches share kernels. Nothing
  /// if they do not fit 64 bits.
  std::optional<CornerBytes> cornerBytes(size_t step, size_t operand);

  const KernelInfo &kernelOf(size_t step) const {
    return package.kernels[program.launches[step].kernel];
  }
  /// "buffer 3 [64, 128)"; "state 2 (layer 1)"; "logits".
  std::string describe(const OperandRef &ref) const;
  PackageFault makeFault(const std::string &text) const;
  PackageFault makeFault(size_t step, const std::string &text) const;

  const Package &package;
  const ProgramInfo &program;

  std::vector<Life> lives;                          // of buffers
  std::vector<std::optional<size_t>> stateWriters;  // of states: the launch
  std::map<OperandRef::Kind, size_t> outputWriters; // the launch
  /// By kernel, LaunchInfo::rowsAreSequences and operand.
  std::map<std::tuple<int64_t, bool, size_t>, CornerBytes> corners;
};

/// Checks the plans of all programs, and that each writes all states: what one
/// forgot would be stale in the next step.
std::optional<PackageFault> verifyPlans(const Package &package);

} // namespace jet

#endif // JET_RUNTIME_PLANVERIFIER_H
