// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What is wrong with a package, for those who have other words for its parts:
// the compiler says it at the op that a launch or a buffer was made from.

#ifndef JET_RUNTIME_PACKAGEFAULT_H
#define JET_RUNTIME_PACKAGEFAULT_H

#include "runtime/Package.h"

#include <cstddef>
#include <optional>
#include <string>

namespace jet {

/// The first thing that is wrong. Indices are valid in the package; what is
/// not known is left out.
struct PackageFault {
  std::string place; // "$.programs['decode'].launches[1] 'linear'"
  std::string text;  // "expected …, found …", without the place
  std::optional<size_t> program = {}; // in the package
  std::optional<size_t> launch = {};  // in the program
  std::optional<size_t> operand = {}; // of the launch
  std::optional<size_t> buffer = {};  // in the program
  std::optional<size_t> other = {};   // buffer in whose place that one is
};

/// Everything that verifyPackage() checks of the model, its weights and states,
/// the kernels and each program; not whether all programs and the code are
/// there. Nothing for a sound package.
std::optional<PackageFault> findFault(const Package &package);

} // namespace jet

#endif // JET_RUNTIME_PACKAGEFAULT_H
