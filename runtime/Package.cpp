// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Values of the package format: sizes and state accounting.

#include "runtime/Package.h"

#include "support/CheckedMath.h"

#include <limits>

namespace jet {

SizeExpr SizeExpr::makeConstant(int64_t value) {
  SizeExpr expr;
  expr.kind = Kind::Constant;
  expr.constant = value;
  return expr;
}

SizeExpr SizeExpr::makeSymbol(jet::Symbol symbol) {
  SizeExpr expr;
  expr.kind = Kind::Symbol;
  expr.symbol = symbol;
  return expr;
}

SizeExpr SizeExpr::make(Kind kind, SizeExpr lhs, SizeExpr rhs) {
  SizeExpr expr;
  expr.kind = kind;
  expr.args.reserve(2);
  expr.args.push_back(std::move(lhs));
  expr.args.push_back(std::move(rhs));
  return expr;
}

Result<int64_t> SizeExpr::evaluate(const SymbolValues &symbols) const {
  if (kind == Kind::Constant)
    return constant;
  if (kind == Kind::Symbol)
    return symbols[static_cast<int>(symbol)];
  if (args.size() != 2)
    return Error{"size expression: expected 2 operands, found " +
                 std::to_string(args.size())};
  Result<int64_t> lhs = args[0].evaluate(symbols);
  if (!lhs)
    return lhs;
  Result<int64_t> rhs = args[1].evaluate(symbols);
  if (!rhs)
    return rhs;
  std::optional<int64_t> value;
  if (kind == Kind::Add) {
    value = checkedAdd(*lhs, *rhs);
  } else if (kind == Kind::Mul) {
    value = checkedMul(*lhs, *rhs);
  } else {
    if (*rhs <= 0)
      return Error{"size expression: expected a positive divisor, found " +
                   std::to_string(*rhs)};
    if (*lhs < 0)
      return Error{"size expression: expected a dividend >= 0, found " +
                   std::to_string(*lhs)};
    value = *lhs / *rhs + (kind == Kind::CeilDiv && *lhs % *rhs != 0);
  }
  if (!value)
    return Error{"size expression: the value does not fit 64 bits"};
  return *value;
}

bool picksTokens(const ProgramInfo &program) {
  for (const LaunchInfo &launch : program.launches)
    for (const OperandRef &operand : launch.operands)
      if (operand.kind == OperandRef::Kind::Next)
        return true;
  return false;
}

std::string_view stateKindName(StateKind kind) {
  switch (kind) {
  case StateKind::AttentionKv:
    return "attention_kv";
  case StateKind::WindowKv:
    return "window_kv";
  case StateKind::Recurrent:
    return "recurrent";
  case StateKind::ConvTail:
    return "conv_tail";
  }
  return "unknown";
}

/// Bytes of one sequence in `state`, or an error when they overflow.
static Result<int64_t> sequenceBytes(const StateInfo &state, int64_t pages) {
  std::optional<int64_t> bytes = checkedProduct(state.shape);
  if (bytes)
    bytes = checkedMul(*bytes, dtypeBytes(state.dtype));
  if (bytes && state.isPaged())
    bytes = checkedMul(*bytes, pages);
  if (!bytes)
    return Error{"state of layer " + std::to_string(state.layer) +
                 ": the size does not fit 64 bits"};
  return *bytes;
}

Result<StateBytes> stateBytesPerSequence(const Package &package,
                                         int64_t context) {
  if (context < 0)
    return Error{"context: expected >= 0, found " + std::to_string(context)};
  const int64_t pages = pagesFor(context, package.model.pageSize);
  StateBytes result;
  int64_t sum = 0;
  for (const StateInfo &state : package.states) {
    Result<int64_t> bytes = sequenceBytes(state, pages);
    if (!bytes)
      return bytes.error();
    int64_t *part = nullptr;
    switch (state.kind) {
    case StateKind::AttentionKv:
      part = &result.attentionKv;
      break;
    case StateKind::WindowKv:
      part = &result.windowKv;
      break;
    case StateKind::Recurrent:
      part = &result.recurrent;
      break;
    case StateKind::ConvTail:
      part = &result.convTail;
      break;
    }
    // The parts cannot overflow when their sum does not.
    std::optional<int64_t> total = checkedAdd(sum, *bytes);
    if (!total)
      return Error{"state bytes per sequence: the sum does not fit 64 bits"};
    sum = *total;
    *part += *bytes;
  }
  return result;
}

} // namespace jet
