// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "runtime/SizePolynomial.h"

#include "support/CheckedMath.h"

namespace jet {

namespace {
enum Variable { VarB, VarT, VarC, VarS, VarP };
} // namespace

// Real kernels have shapes like [R, 12, 96]; these limits keep the expansion
// of a hostile expression small.
static constexpr size_t kMaxTerms = 64;
static constexpr unsigned kMaxDegree = 8;

static Error overflow() { return {"expected a size that fits 64 bits"}; }

SizePolynomial SizePolynomial::makeConstant(int64_t value) {
  SizePolynomial result;
  if (value != 0)
    result.terms[Monomial{}] = value;
  return result;
}

Result<void> SizePolynomial::accumulate(const Monomial &monomial,
                                        int64_t coefficient) {
  if (coefficient == 0)
    return {};
  std::optional<int64_t> sum = checkedAdd(terms[monomial], coefficient);
  if (!sum)
    return overflow();
  terms[monomial] = *sum;
  if (terms.size() > kMaxTerms)
    return Error{"expected a size of at most 64 terms"};
  return {};
}

Result<SizePolynomial> SizePolynomial::add(const SizePolynomial &other) const {
  SizePolynomial result = *this;
  result.exact &= other.exact;
  for (const auto &[monomial, coefficient] : other.terms)
    if (auto done = result.accumulate(monomial, coefficient); !done)
      return done.error();
  return result;
}

Result<SizePolynomial>
SizePolynomial::multiply(const SizePolynomial &other) const {
  SizePolynomial result;
  result.exact = exact && other.exact;
  for (const auto &[lhs, lhsCoefficient] : terms)
    for (const auto &[rhs, rhsCoefficient] : other.terms) {
      Monomial monomial;
      unsigned degree = 0;
      for (size_t i = 0; i < monomial.size(); ++i) {
        monomial[i] = lhs[i] + rhs[i];
        degree += monomial[i];
      }
      if (degree > kMaxDegree)
        return Error{"expected a size of degree at most 8"};
      std::optional<int64_t> product =
          checkedMul(lhsCoefficient, rhsCoefficient);
      if (!product)
        return overflow();
      if (auto done = result.accumulate(monomial, *product); !done)
        return done.error();
    }
  return result;
}

bool SizePolynomial::equals(const SizePolynomial &other) const {
  return exact && other.exact && terms == other.terms;
}

/// base ^ exponent * factor.
static std::optional<int64_t> scaled(std::optional<int64_t> factor,
                                     int64_t base, unsigned exponent) {
  for (unsigned i = 0; factor && i < exponent; ++i)
    factor = checkedMul(*factor, base);
  return factor;
}

Result<SizePolynomial::Bound>
SizePolynomial::bound(const SizeContext &context) const {
  Bound result;
  for (const auto &[monomial, coefficient] : terms) {
    if (monomial[VarT] > 1)
      return Error{"expected a size that grows at most with T"};
    unsigned batches = monomial[VarB] + monomial[VarS] + monomial[VarP];
    // One B is bounded by T, further ones, S and the sequences of P by the
    // largest batch.
    if (monomial[VarT] == 0 && monomial[VarB] > 0)
      --batches;
    result.growsWithRows |= monomial[VarT] + monomial[VarB] > 0;
    std::optional<int64_t> value =
        scaled(coefficient, context.maxBatch, batches);
    value = scaled(value, context.maxPages, monomial[VarC] + monomial[VarP]);
    if (value)
      value = checkedAdd(*value, result.factor);
    if (!value)
      return overflow();
    result.factor = *value;
  }
  return result;
}

/// ceil(n / d) <= T * ceil(k / d) when n <= k * T, since the right side is an
/// integer that is at least n / d.
static Result<SizePolynomial> expandDivision(const SizePolynomial &dividend,
                                             int64_t divisor,
                                             const SizeContext &context,
                                             SizePolynomial rows) {
  Result<SizePolynomial::Bound> bound = dividend.bound(context);
  if (!bound)
    return bound.error();
  SizePolynomial quotient = SizePolynomial::makeConstant(
      bound->factor / divisor + (bound->factor % divisor != 0));
  if (!bound->growsWithRows)
    return quotient;
  return quotient.multiply(rows);
}

Result<SizePolynomial> SizePolynomial::expand(const SizeExpr &size,
                                              const SizeContext &context) {
  const Variable rows =
      context.rowsAreSequences && !context.oneRowPerSequence ? VarB : VarT;
  auto variable = [](Variable which) {
    SizePolynomial result;
    Monomial monomial{};
    monomial[which] = 1;
    result.terms[monomial] = 1;
    return result;
  };
  switch (size.kind) {
  case SizeExpr::Kind::Constant:
    if (size.constant < 0)
      return Error{"expected a size >= 0, found " +
                   std::to_string(size.constant)};
    return makeConstant(size.constant);
  case SizeExpr::Kind::Symbol:
    switch (size.symbol) {
    case Symbol::R:
      return variable(rows);
    case Symbol::B:
      return variable(context.oneRowPerSequence ? VarT : VarB);
    case Symbol::T:
      return variable(VarT);
    case Symbol::C:
      return variable(VarC);
    case Symbol::S:
      return variable(VarS);
    case Symbol::P:
      return variable(VarP);
    }
    return Error{"expected a known symbol"};
  default:
    break;
  }
  if (size.args.size() != 2)
    return Error{"expected two operands, found " +
                 std::to_string(size.args.size())};
  Result<SizePolynomial> lhs = expand(size.args[0], context);
  if (!lhs)
    return lhs;
  Result<SizePolynomial> rhs = expand(size.args[1], context);
  if (!rhs)
    return rhs;
  if (size.kind == SizeExpr::Kind::Add)
    return lhs->add(*rhs);
  if (size.kind == SizeExpr::Kind::Mul)
    return lhs->multiply(*rhs);
  const bool constantDivisor = rhs->terms.size() == 1 && rhs->exact &&
                               rhs->terms.begin()->first == Monomial{};
  if (!constantDivisor)
    return Error{"expected a positive constant as divisor, found " +
                 rhs->toString()};
  const int64_t divisor = rhs->terms.begin()->second;
  if (divisor == 1)
    return lhs;
  Result<SizePolynomial> result =
      expandDivision(*lhs, divisor, context, variable(VarT));
  const bool folds =
      lhs->terms.empty() ||
      (lhs->terms.size() == 1 && lhs->terms.begin()->first == Monomial{});
  if (result)
    result->exact = lhs->exact && folds;
  return result;
}

std::string SizePolynomial::toString() const {
  static constexpr char letters[] = {'B', 'T', 'C', 'S', 'P'};
  std::string text = exact ? "" : "at most ";
  bool first = true;
  for (const auto &[monomial, coefficient] : terms) {
    if (!first)
      text += " + ";
    first = false;
    text += std::to_string(coefficient);
    for (size_t i = 0; i < monomial.size(); ++i)
      for (unsigned power = 0; power < monomial[i]; ++power)
        (text += '*') += letters[i];
  }
  return first ? "0" : text;
}

} // namespace jet
