// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The parts of verifyPackage(). Private to the package library.

#ifndef JET_RUNTIME_PACKAGEVERIFIER_H
#define JET_RUNTIME_PACKAGEVERIFIER_H

#include "runtime/PackageFault.h"
#include "runtime/SizePolynomial.h"

#include <optional>
#include <string>

namespace jet {

/// Checks one package; see verifyPackage().
class PackageVerifier {
public:
  explicit PackageVerifier(const Package &package) : package(package) {}

  /// See findFault().
  std::optional<PackageFault> verifyParts();
  /// Whether all that a runtime needs is there.
  std::optional<PackageFault> verifyWhole();

private:
  std::optional<PackageFault> verifyModel();
  std::optional<PackageFault> verifyParameters();
  std::optional<PackageFault> verifyRecipe(const ParameterInfo &parameter,
                                           const std::string &place);
  std::optional<PackageFault> verifyColumnScale(const ParameterInfo &parameter,
                                                const std::string &place);
  std::optional<PackageFault> verifyStates();
  std::optional<PackageFault> verifyKernels();
  std::optional<PackageFault> verifyPrograms();
  std::optional<PackageFault> verifyProgram(const ProgramInfo &program);
  std::optional<PackageFault> verifyBuffers(const ProgramInfo &program,
                                            const std::string &place);
  std::optional<PackageFault> verifyLaunch(const ProgramInfo &program,
                                           const LaunchInfo &launch,
                                           const std::string &place);
  std::optional<PackageFault> verifyOperand(const ProgramInfo &program,
                                            const LaunchInfo &launch,
                                            const OperandRef &ref,
                                            const KernelOperand &operand,
                                            const std::string &place);
  std::optional<PackageFault> verifyForms(const KernelInfo &kernel,
                                          const std::string &place);
  std::optional<PackageFault> verifyStage(const KernelInfo &kernel,
                                          const StageInfo &stage,
                                          const std::string &place);
  std::optional<PackageFault> verifyMap(const TensorMapInfo &map,
                                        const std::string &place);
  std::optional<PackageFault> verifyFormSizes(const ProgramInfo &program,
                                              const LaunchInfo &launch,
                                              const std::string &place);
  std::optional<PackageFault> verifyCode();
  std::optional<PackageFault>
  verifyDepth(const SizeExpr &size, const std::string &place, int depth = 0);

  /// What an operand other than a buffer is, for comparison.
  struct Actual {
    std::string name;
    DType dtype = DType::F32;
    SizePolynomial elements = SizePolynomial::makeConstant(1);
    bool writable = false;
  };
  SizeContext contextOf(const ProgramInfo &program,
                        const LaunchInfo &launch) const;
  Result<Actual> describe(const ProgramInfo &program, const OperandRef &ref,
                          const SizeContext &context);

  static PackageFault makeFault(const std::string &place,
                                const std::string &text) {
    return {place, text};
  }
  static PackageFault mismatch(const std::string &place,
                               const std::string &expected,
                               const std::string &found) {
    return makeFault(place, "expected " + expected + ", found " + found);
  }
  std::optional<PackageFault> checkIndex(int64_t index, size_t size,
                                         const std::string &place) const {
    if (index >= 0 && static_cast<uint64_t>(index) < size)
      return {};
    return mismatch(place, "an index below " + std::to_string(size),
                    std::to_string(index));
  }

  const Package &package;
};

/// "'text'", for messages.
inline std::string inQuotes(std::string_view text) {
  return "'" + std::string(text) + "'";
}

} // namespace jet

#endif // JET_RUNTIME_PACKAGEVERIFIER_H
