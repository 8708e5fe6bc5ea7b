// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A kernel's form for the sizes of one step: the numbers that its launches
// take. Private to the runtime.

#ifndef JET_RUNTIME_FORMSIZES_H
#define JET_RUNTIME_FORMSIZES_H

#include "runtime/Package.h"

#include <array>
#include <span>
#include <vector>

namespace jet {

/// What a stage's argument is, beside the operand's or the scratch's address.
struct ArgumentSizes {
  int64_t value = 0;          // Scratch: offset in bytes; Size: the int32
  std::vector<int64_t> shape; // of the tensor map, outermost first; or none
};

struct StageSizes {
  std::array<int64_t, 3> grid = {1, 1, 1}; // CTAs along x, y, z
  std::vector<ArgumentSizes> arguments;
};

struct FormSizes {
  int64_t scratchBytes = 0;
  std::vector<StageSizes> stages;
};

/// Scratch memory begins at a multiple of this.
inline constexpr int64_t kScratchAlignment = 1024;

/// The first of `forms` that is for a step of these sizes, or null.
const KernelForm *chooseForm(std::span<const KernelForm> forms,
                             const SymbolValues &symbols);

/// Evaluates `form`, one of `kernel` that verifyPackage() accepted apart from
/// its sizes. Errors, with the stage and the argument: a size that a launch
/// cannot have, a tensor map that reaches beyond its operand or the scratch
/// memory, or that the hardware does not take.
Result<FormSizes> evaluateForm(const KernelInfo &kernel, const KernelForm &form,
                               const SymbolValues &symbols);

/// "stages[1] 'gemm'".
std::string stagePlace(const KernelForm &form, size_t stage);

} // namespace jet

#endif // JET_RUNTIME_FORMSIZES_H
