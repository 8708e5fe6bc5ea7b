// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "support/CostExpr.h"
#include "support/CheckedMath.h"

#include <algorithm>

namespace jet {

// Costs of real ops have a handful of terms and one level of calls; the limits
// keep hostile text from growing.
static constexpr size_t kMaxTerms = 64;
static constexpr size_t kMaxDegree = 8;
static constexpr size_t kMaxText = 4096;
static constexpr int kMaxDepth = 8;

struct CostExpr::Call {
  bool isMin; // else ceildiv
  CostExpr x, y;
};

CostExpr::CostExpr(int64_t constant) {
  if (constant)
    terms[{}] = constant;
}

CostExpr CostExpr::symbol(char letter) {
  CostExpr result;
  result.terms[{Factor{std::string(1, letter), nullptr}}] = 1;
  return result;
}

CostExpr CostExpr::rows() { return symbol('R'); }
CostExpr CostExpr::batch() { return symbol('B'); }
CostExpr CostExpr::tokens() { return symbol('T'); }
CostExpr CostExpr::tokensEach() { return symbol('N'); }
CostExpr CostExpr::context() { return symbol('L'); }

CostExpr CostExpr::unknown() {
  CostExpr result;
  result.known = false;
  return result;
}

std::optional<int64_t> CostExpr::asConstant() const {
  if (!known || terms.size() > 1)
    return std::nullopt;
  if (terms.empty())
    return 0;
  return terms.begin()->first.empty() ? std::optional(terms.begin()->second)
                                      : std::nullopt;
}

//===----------------------------------------------------------------------===//
// Arithmetic
//===----------------------------------------------------------------------===//

void CostExpr::accumulate(const Monomial &monomial, int64_t coefficient) {
  if (!known)
    return;
  std::optional<int64_t> sum = checkedAdd(terms[monomial], coefficient);
  if (!sum || terms.size() > kMaxTerms || monomial.size() > kMaxDegree)
    *this = unknown();
  else if (*sum == 0)
    terms.erase(monomial);
  else
    terms[monomial] = *sum;
}

CostExpr CostExpr::operator+(const CostExpr &other) const {
  if (!known || !other.known)
    return unknown();
  CostExpr result = *this;
  for (const auto &[monomial, coefficient] : other.terms)
    result.accumulate(monomial, coefficient);
  return result;
}

CostExpr CostExpr::operator-(const CostExpr &other) const {
  return *this + other * CostExpr(-1);
}

CostExpr CostExpr::operator*(const CostExpr &other) const {
  if (!known || !other.known)
    return unknown();
  CostExpr result;
  for (const auto &[left, leftCoefficient] : terms)
    for (const auto &[right, rightCoefficient] : other.terms) {
      Monomial product = left;
      product.insert(product.end(), right.begin(), right.end());
      std::sort(product.begin(), product.end());
      std::optional<int64_t> coefficient =
          checkedMul(leftCoefficient, rightCoefficient);
      if (!coefficient)
        return unknown();
      result.accumulate(product, *coefficient);
    }
  return result;
}

CostExpr CostExpr::makeCall(bool isMin, const CostExpr &x, const CostExpr &y) {
  if (!x.known || !y.known)
    return unknown();
  std::string text =
      (isMin ? "min(" : "ceildiv(") + x.toString() + ", " + y.toString() + ")";
  // A product repeats the text of its calls in each of its terms.
  if (text.size() > kMaxText)
    return unknown();
  auto call = std::make_shared<const Call>(Call{isMin, x, y});
  CostExpr result;
  result.terms[{Factor{std::move(text), std::move(call)}}] = 1;
  return result;
}

CostExpr CostExpr::min(const CostExpr &x, const CostExpr &y) {
  std::optional<int64_t> a = x.asConstant(), b = y.asConstant();
  if (a && b)
    return CostExpr(std::min(*a, *b));
  return x == y ? x : makeCall(/*isMin=*/true, x, y);
}

CostExpr CostExpr::ceilDiv(const CostExpr &x, const CostExpr &y) {
  std::optional<int64_t> a = x.asConstant(), b = y.asConstant();
  if (b == 1)
    return x;
  if (a && b && *a >= 0 && *b > 0)
    return CostExpr(*a / *b + (*a % *b != 0));
  return makeCall(/*isMin=*/false, x, y);
}

//===----------------------------------------------------------------------===//
// Evaluation
//===----------------------------------------------------------------------===//

Result<int64_t> CostExpr::evaluateFactor(const Factor &factor,
                                         const CostSizes &sizes) {
  if (!factor.call) {
    switch (factor.text[0]) {
    case 'R':
      return sizes.rows;
    case 'B':
      return sizes.batch;
    case 'T':
      return sizes.tokens;
    case 'N':
      return sizes.tokensEach();
    default:
      return sizes.context;
    }
  }
  Result<int64_t> x = factor.call->x.evaluate(sizes);
  if (!x)
    return x;
  Result<int64_t> y = factor.call->y.evaluate(sizes);
  if (!y)
    return y;
  if (factor.call->isMin)
    return std::min(*x, *y);
  if (*x < 0 || *y <= 0)
    return Error{"cost: " + factor.text +
                 ": expected a dividend >= 0 and a divisor > 0, found " +
                 std::to_string(*x) + " and " + std::to_string(*y)};
  return *x / *y + (*x % *y != 0);
}

Result<int64_t> CostExpr::evaluate(const CostSizes &sizes) const {
  std::optional<int64_t> sum = known ? std::optional<int64_t>(0) : std::nullopt;
  for (const auto &[monomial, coefficient] : terms) {
    std::optional<int64_t> product = coefficient;
    for (const Factor &factor : monomial) {
      Result<int64_t> value = evaluateFactor(factor, sizes);
      if (!value)
        return value;
      product = product ? checkedMul(*product, *value) : std::nullopt;
    }
    sum = sum && product ? checkedAdd(*sum, *product) : std::nullopt;
  }
  if (!sum)
    return Error{"cost: the value of " + toString() + " does not fit 64 bits"};
  return *sum;
}

//===----------------------------------------------------------------------===//
// Text
//===----------------------------------------------------------------------===//

std::string CostExpr::toString() const {
  if (!known)
    return "unknown";
  if (terms.empty())
    return "0";
  std::string text;
  // Backwards: the constant last.
  for (auto it = terms.rbegin(); it != terms.rend(); ++it) {
    const auto &[monomial, coefficient] = *it;
    // Unsigned: the lowest number has no opposite.
    uint64_t magnitude = coefficient < 0 ? -static_cast<uint64_t>(coefficient)
                                         : static_cast<uint64_t>(coefficient);
    if (text.empty())
      text = coefficient < 0 ? "-" : "";
    else
      text += coefficient < 0 ? " - " : " + ";
    bool first = magnitude == 1 && !monomial.empty();
    if (!first)
      text += std::to_string(magnitude);
    for (const Factor &factor : monomial) {
      text += (first ? "" : "*") + factor.text;
      first = false;
    }
  }
  return text;
}

namespace {

/// sum     := ['-'] product (('+' | '-') product)*
/// product := factor ('*' factor)*
/// factor  := number | R | B | T | N | L | (min | ceildiv) '(' sum ',' sum ')'
class CostParser {
public:
  explicit CostParser(std::string_view text) : text(text) {}

  Result<CostExpr> parse() {
    CostExpr result = parseSum(0);
    skipSpace();
    if (position != text.size())
      fail("the end");
    if (error)
      return *error;
    return result;
  }

private:
  void skipSpace() {
    while (position < text.size() && text[position] == ' ')
      ++position;
  }

  void fail(const std::string &expected) {
    if (error)
      return;
    std::string found(text.substr(position, 12));
    for (char &c : found)
      if (c < 0x20 || c > 0x7e)
        c = '?';
    error = Error{"cost: expected " + expected + " at character " +
                  std::to_string(position + 1) + ", found '" + found + "'"};
  }

  bool consume(std::string_view token) {
    skipSpace();
    if (error || !text.substr(position).starts_with(token))
      return false;
    position += token.size();
    return true;
  }

  CostExpr parseSum(int depth) {
    CostExpr sum;
    bool negative = consume("-");
    while (true) {
      CostExpr product = parseProduct(depth);
      sum = negative ? sum - product : sum + product;
      if (consume("+"))
        negative = false;
      else if (consume("-"))
        negative = true;
      else
        return sum;
    }
  }

  CostExpr parseProduct(int depth) {
    CostExpr product = parseFactor(depth);
    while (consume("*"))
      product = product * parseFactor(depth);
    return product;
  }

  CostExpr parseFactor(int depth) {
    if (consume("min("))
      return parseCall(depth, CostExpr::min);
    if (consume("ceildiv("))
      return parseCall(depth, CostExpr::ceilDiv);
    if (consume("R"))
      return CostExpr::rows();
    if (consume("B"))
      return CostExpr::batch();
    if (consume("T"))
      return CostExpr::tokens();
    if (consume("N"))
      return CostExpr::tokensEach();
    if (consume("L"))
      return CostExpr::context();
    return parseNumber();
  }

  CostExpr parseCall(int depth,
                     CostExpr (*make)(const CostExpr &, const CostExpr &)) {
    if (depth >= kMaxDepth) {
      fail("calls nested at most 8 deep");
      return {};
    }
    CostExpr x = parseSum(depth + 1);
    if (!consume(","))
      fail("','");
    CostExpr y = parseSum(depth + 1);
    if (!consume(")"))
      fail("')'");
    return error ? CostExpr() : make(x, y);
  }

  CostExpr parseNumber() {
    skipSpace();
    std::optional<int64_t> value = 0;
    size_t begin = position;
    for (; value && position < text.size(); ++position) {
      char digit = text[position];
      if (digit < '0' || digit > '9')
        break;
      value = checkedMul(*value, 10);
      value = value ? checkedAdd(*value, digit - '0') : std::nullopt;
    }
    if (position == begin || !value) {
      position = begin;
      fail(value ? "a number, R, B, T, N, L, min( or ceildiv("
                 : "a number below 2^63");
      return {};
    }
    return CostExpr(*value);
  }

  std::string_view text;
  size_t position = 0;
  std::optional<Error> error;
};

} // namespace

Result<CostExpr> CostExpr::parse(std::string_view text) {
  if (text.size() > kMaxText)
    return Error{"cost: expected at most " + std::to_string(kMaxText) +
                 " characters, found " + std::to_string(text.size())};
  if (text == "unknown")
    return unknown();
  return CostParser(text).parse();
}

} // namespace jet
