// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A toy model for the runtime's tests. For token id a_p at position p:
//
//   x_p = embed[a_p]
//   y_p = sum of x_0 .. x_p                     (a recurrent state)
//   z_p = y_p + y_{p / 2} / 2 + p / 100         (an attention cache)
//   logits_p = head * z_p
//
// All values are small multiples of powers of two, but p / 100: sums are exact
// enough that results must agree bit for bit however a sequence is split.

#ifndef JET_TEST_RUNTIME_FIXTURE_H
#define JET_TEST_RUNTIME_FIXTURE_H

#include "runtime/Package.h"
#include "runtime/Safetensors.h"

#include <string>
#include <vector>

namespace jet::test {

inline constexpr int64_t kHidden = 4, kVocab = 16, kMaxBatch = 4,
                         kMaxContext = 32, kPageSize = 4;

/// A directory of its own for every test, removed at the end.
class TemporaryDirectory {
public:
  TemporaryDirectory();
  ~TemporaryDirectory();
  std::string file(const std::string &name) const { return path + "/" + name; }
  const std::string &name() const { return path; }
  /// Names of all files in it, sorted.
  std::vector<std::string> list() const;

private:
  std::string path;
};

void writeFile(const std::string &path, const std::string &contents);
std::string readFile(const std::string &path);

/// The toy model's package; with `code` false its blob is a few bytes that are
/// not code.
Package makePackage(bool code = true);

/// The same with programs that return kCandidates candidates and pick one.
inline constexpr int64_t kCandidates = 3;
Package makePackageWithCandidates(bool code = true);

/// The same with prefill and decode that also pick, from all logits.
Package makePackageThatPicks();

/// `package` for the GPU of FakeCudaLibrary.cpp.
Package forFakeGpu(Package package);

/// The same for a GPU, without code: kernel 0 has a form for R <= 2, of the
/// stages 'first', which takes every kind of argument, and 'second', which
/// overlaps it.
Package makePackageWithForms();

/// Its checkpoint's tensors.
std::vector<float> makeEmbedding();
std::vector<float> makeHead();
void writeCheckpoint(const std::string &path);

/// Writes F32 tensors; `specs` and `values` correspond.
void writeTensors(const std::string &path, const std::vector<TensorSpec> &specs,
                  const std::vector<std::vector<float>> &values);

/// What the model's logits at every position of `tokens` must be.
std::vector<std::vector<float>>
referenceLogits(const std::vector<int32_t> &tokens);

/// Error text of a result, or "success".
template <typename Type> std::string messageOf(const Result<Type> &result) {
  return result ? "success" : result.error().message;
}

} // namespace jet::test

#endif // JET_TEST_RUNTIME_FIXTURE_H
