// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Random elementwise code on the operands and results of heavy ops, as text for
// the compiler and as arithmetic in double for the expectation.

#ifndef JET_TEST_LOWERING_PORTHARNESS_H
#define JET_TEST_LOWERING_PORTHARNESS_H

#include "KernelHarness.h"

#include <list>

namespace jet::test {

/// A number and the magnitude that its error in f32 scales with.
struct Term {
  Term(double value) : Term(value, std::abs(value)) {}
  Term(double value, double magnitude) : value(value), magnitude(magnitude) {}

  double value, magnitude;
};

inline Term operator+(const Term &a, const Term &b) {
  return {a.value + b.value, a.magnitude + b.magnitude};
}
inline Term operator*(const Term &a, const Term &b) {
  return {a.value * b.value,
          std::abs(a.value) * b.magnitude + a.magnitude * std::abs(b.value)};
}
/// Its slope is at most 1.1.
inline Term silu(const Term &x) {
  return {x.value / (1 + std::exp(-x.value)), 1.1 * x.magnitude};
}

/// The operands of a kernel, in order.
class Arguments {
public:
  /// `type` is that of tensors, unless the type of a state is given.
  Buffer &add(Buffer buffer, bool isRows, std::string type = "") {
    if (type.empty())
      type = isRows
                 ? rowsType({buffer.shape().begin() + 1, buffer.shape().end()},
                            buffer.dtype())
                 : tensorType(buffer.shape(), buffer.dtype());
    types.push_back(type);
    return buffers.emplace_back(std::move(buffer));
  }
  /// "%arg2, %arg3" for operands [begin, end).
  static std::string names(size_t begin, size_t end) {
    std::string text;
    for (size_t i = begin; i < end; ++i)
      text += (i > begin ? ", %arg" : "%arg") + std::to_string(i);
    return text;
  }
  /// The kernel @k of one op, as kernelText() makes it, but of any number of
  /// operands. `op` is its text up to the colon.
  std::string kernel(const std::string &op,
                     const std::vector<std::string> &results) const;
  std::vector<Buffer *> pointers() {
    std::vector<Buffer *> result;
    for (Buffer &buffer : buffers)
      result.push_back(&buffer);
    return result;
  }

  std::vector<std::string> types;

private:
  std::list<Buffer> buffers;
};

/// Code on one operand or result: silu of the first of its leading arguments,
/// if asked for; times the others; then, for the extras in turn, times one and
/// plus one.
struct Port {
  std::string place; // "result 0"
  size_t leading = 1;
  bool silu = false;
  DType in = DType::F32, out = DType::F32;
  // Values of the extras that multiply and of those that are added.
  double factorLow = -1, termLow = -1, termHigh = 1;
  std::vector<Buffer *> extras = {};
  std::string names = "";

  /// Adds `count` extras of any shape that broadcasts to [rows, sizes…].
  void addExtras(Random &random, Arguments &arguments, int64_t rows,
                 std::vector<int64_t> sizes, int64_t count);
  /// Adds an extra of `shape`.
  void addExtra(Random &random, Arguments &arguments,
                std::vector<int64_t> shape, bool isRows);
  bool exists() const { return leading > 1 || silu || !extras.empty(); }
  /// The code in the op's syntax; nothing if there is none.
  std::string text() const;
  /// What the code makes of `values` for the element at `index`.
  Term apply(const std::vector<Term> &values,
             const std::vector<int64_t> &index) const;
};

} // namespace jet::test

#endif // JET_TEST_LOWERING_PORTHARNESS_H
