// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Sizes compared for all values of their symbols at once, as polynomials.
// Private to the package library.

#ifndef JET_RUNTIME_SIZEPOLYNOMIAL_H
#define JET_RUNTIME_SIZEPOLYNOMIAL_H

#include "runtime/Package.h"

#include <array>
#include <map>
#include <string>

namespace jet {

/// What is known of the symbols in one launch: 1 <= B <= T, B <= S <= maxBatch,
/// C <= maxPages and P <= maxBatch * maxPages.
struct SizeContext {
  bool rowsAreSequences = false;
  bool oneRowPerSequence = false; // decode: T == B
  int64_t maxBatch = 1, maxPages = 1;
};

/// A polynomial in B, T, C, S, P with coefficients >= 0. R is replaced by what
/// the launch says it is. A ceiling division that does not fold is replaced by
/// an upper bound, and the polynomial is then not exact.
class SizePolynomial {
public:
  static SizePolynomial makeConstant(int64_t value);

  /// Errors: negative constants, a divisor that is not a positive constant,
  /// overflow, more terms or a higher degree than any kernel has.
  static Result<SizePolynomial> expand(const SizeExpr &size,
                                       const SizeContext &context);

  Result<SizePolynomial> add(const SizePolynomial &other) const;
  Result<SizePolynomial> multiply(const SizePolynomial &other) const;

  bool isExact() const { return exact; }
  /// Whether both are exact and equal for all values of the symbols.
  bool equals(const SizePolynomial &other) const;

  /// The least k found such that the size is at most k * T (k * 1 when
  /// `growsWithRows` comes back false). An error when there is none.
  struct Bound {
    int64_t factor = 0;
    bool growsWithRows = false;
  };
  Result<Bound> bound(const SizeContext &context) const;

  /// For messages: "4*T + 64".
  std::string toString() const;

private:
  /// Exponents of B, T, C, S, P.
  using Monomial = std::array<uint8_t, 5>;
  std::map<Monomial, int64_t> terms;
  bool exact = true;

  Result<void> accumulate(const Monomial &monomial, int64_t coefficient);
};

} // namespace jet

#endif // JET_RUNTIME_SIZEPOLYNOMIAL_H
