// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The parts of verifyPackage(). Private to the package library.

#ifndef JET_RUNTIME_PACKAGEVERIFIER_H
#define JET_RUNTIME_PACKAGEVERIFIER_H

#include "runtime/SizePolynomial.h"

#include <string>

namespace jet {

/// Checks one package; see verifyPackage().
class PackageVerifier {
public:
  PackageVerifier(const Package &package, const std::string &path)
      : package(package), path(path) {}

  Result<void> verify();

private:
  Result<void> verifyModel();
  Result<void> verifyParameters();
  Result<void> verifyRecipe(const ParameterInfo &parameter,
                            const std::string &place);
  Result<void> verifyStates();
  Result<void> verifyKernels();
  Result<void> verifyPrograms();
  Result<void> verifyProgram(const ProgramInfo &program);
  Result<void> verifyBuffers(const ProgramInfo &program,
                             const std::string &place);
  Result<void> verifyLaunch(const ProgramInfo &program,
                            const LaunchInfo &launch, const std::string &place);
  Result<void> verifyOperand(const ProgramInfo &program,
                             const LaunchInfo &launch, const OperandRef &ref,
                             const KernelOperand &operand,
                             const std::string &place);
  Result<void> verifyDepth(const SizeExpr &size, const std::string &place,
                           int depth = 0);

  /// What an operand other than a buffer is, for comparison.
  struct Actual {
    std::string name;
    DType dtype = DType::F32;
    SizePolynomial elements = SizePolynomial::makeConstant(1);
    bool writable = false;
  };
  Result<Actual> describe(const ProgramInfo &program, const OperandRef &ref,
                          const SizeContext &context);

  Error error(const std::string &place, const std::string &text) const {
    return {path + ": " + place + ": " + text};
  }
  Error mismatch(const std::string &place, const std::string &expected,
                 const std::string &found) const {
    return error(place, "expected " + expected + ", found " + found);
  }
  Result<void> checkIndex(int64_t index, size_t size,
                          const std::string &place) const {
    if (index >= 0 && static_cast<uint64_t>(index) < size)
      return {};
    return mismatch(place, "an index below " + std::to_string(size),
                    std::to_string(index));
  }

  const Package &package;
  const std::string &path;
};

/// "'text'", for messages.
inline std::string quoted(std::string_view text) {
  return "'" + std::string(text) + "'";
}

} // namespace jet

#endif // JET_RUNTIME_PACKAGEVERIFIER_H
