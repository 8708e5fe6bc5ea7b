// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What an op costs, symbolic in the sizes of a step. The compiler computes such
// expressions, IR and packages carry them as text, reports evaluate them.

#ifndef JET_SUPPORT_COSTEXPR_H
#define JET_SUPPORT_COSTEXPR_H

#include "support/Error.h"

#include <compare>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace jet {

/// The sizes of a step that costs depend on. All sequences of a step are taken
/// to be alike: each has `context` positions in its state and tokens / batch
/// new ones.
struct CostSizes {
  int64_t rows = 1;    // R: rows of the op: tokens, or sequences (the head)
  int64_t batch = 1;   // B: sequences
  int64_t tokens = 1;  // T: tokens of the step, all sequences together
  int64_t context = 0; // L: positions already in the state of a sequence
  /// N: tokens of each sequence.
  int64_t tokensEach() const { return tokens / batch + (tokens % batch != 0); }
};

/// A polynomial in R, B, T, N, L and in min(x, y) and ceildiv(x, y) of such. A
/// value in normal form: equal polynomials print the same. Arithmetic that
/// leaves 64 bits or grows beyond reason gives the unknown cost, which stays
/// unknown and refuses to be evaluated.
class CostExpr {
public:
  CostExpr(int64_t constant = 0);
  static CostExpr rows();       // R
  static CostExpr batch();      // B
  static CostExpr tokens();     // T
  static CostExpr tokensEach(); // N
  static CostExpr context();    // L
  static CostExpr unknown();

  CostExpr operator+(const CostExpr &other) const;
  CostExpr operator-(const CostExpr &other) const;
  CostExpr operator*(const CostExpr &other) const;
  CostExpr &operator+=(const CostExpr &other) { return *this = *this + other; }
  static CostExpr min(const CostExpr &x, const CostExpr &y);
  /// x / y rounded up, for x >= 0 and y > 0.
  static CostExpr ceilDiv(const CostExpr &x, const CostExpr &y);

  bool isZero() const { return known && terms.empty(); }
  bool operator==(const CostExpr &other) const {
    return toString() == other.toString();
  }

  /// e.g. "6144*R + 1024*B*min(L, 1152)".
  std::string toString() const;
  /// Reads what toString() writes. Errors say what was expected and found.
  static Result<CostExpr> parse(std::string_view text);

  /// `sizes.batch` must be positive. Errors: the value does not fit 64 bits, a
  /// division by <= 0.
  Result<int64_t> evaluate(const CostSizes &sizes) const;

private:
  struct Call;
  /// A symbol, or a call; ordered and told apart by its text.
  struct Factor {
    std::string text;
    std::shared_ptr<const Call> call; // null for symbols
    bool operator==(const Factor &other) const { return text == other.text; }
    auto operator<=>(const Factor &other) const { return text <=> other.text; }
  };
  using Monomial = std::vector<Factor>; // sorted

  static CostExpr symbol(char letter);
  static CostExpr makeCall(bool isMin, const CostExpr &x, const CostExpr &y);
  static Result<int64_t> evaluateFactor(const Factor &factor,
                                        const CostSizes &sizes);
  std::optional<int64_t> asConstant() const;
  void accumulate(const Monomial &monomial, int64_t coefficient);

  std::map<Monomial, int64_t> terms;
  bool known = true;
};

/// What one op moves and computes in a step. Bytes count once per op, as if its
/// operands came from memory and its results went there.
struct OpCost {
  CostExpr weightsRead;
  CostExpr stateRead, stateWritten;
  CostExpr activationsRead, activationsWritten;
  CostExpr tensorFlops; // of matrix products; a multiply-add is two
  CostExpr vectorFlops; // of everything else; a transcendental is one
};

/// The parts of a cost by name, in IR and in packages.
struct CostPart {
  const char *name;
  CostExpr OpCost::*member;
};
inline constexpr CostPart kCostParts[] = {
    {"weights_read", &OpCost::weightsRead},
    {"state_read", &OpCost::stateRead},
    {"state_written", &OpCost::stateWritten},
    {"activations_read", &OpCost::activationsRead},
    {"activations_written", &OpCost::activationsWritten},
    {"tensor_flops", &OpCost::tensorFlops},
    {"vector_flops", &OpCost::vectorFlops},
};

} // namespace jet

#endif // JET_SUPPORT_COSTEXPR_H
