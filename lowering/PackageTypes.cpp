// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "lowering/PackageTypes.h"

using namespace mlir;
using namespace jet;

DType jet::toDType(Type type) {
  if (type.isF32())
    return DType::F32;
  if (type.isBF16())
    return DType::BF16;
  if (type.isF16())
    return DType::F16;
  if (isa<Float8E4M3FNType>(type))
    return DType::F8E4M3;
  return DType::I32; // the batch and token ids
}

SizeExpr jet::toSizeExpr(AffineExpr expr) {
  if (auto constant = dyn_cast<AffineConstantExpr>(expr))
    return SizeExpr::makeConstant(constant.getValue());
  if (auto symbol = dyn_cast<AffineSymbolExpr>(expr))
    return SizeExpr::makeSymbol(static_cast<Symbol>(symbol.getPosition()));
  auto binary = cast<AffineBinaryOpExpr>(expr);
  auto kindOf = [](AffineExprKind kind) {
    switch (kind) {
    case AffineExprKind::Add:
      return SizeExpr::Kind::Add;
    case AffineExprKind::Mul:
      return SizeExpr::Kind::Mul;
    case AffineExprKind::CeilDiv:
      return SizeExpr::Kind::CeilDiv;
    case AffineExprKind::FloorDiv:
      return SizeExpr::Kind::FloorDiv;
    default:
      llvm_unreachable("not a size");
    }
  };
  return SizeExpr::make(kindOf(expr.getKind()), toSizeExpr(binary.getLHS()),
                        toSizeExpr(binary.getRHS()));
}

bool jet::isSizes(AffineMap map, size_t count) {
  bool valid = map.getNumDims() == 0 && map.getNumSymbols() <= kNumSymbols &&
               map.getNumResults() == count;
  map.walkExprs([&](AffineExpr expr) {
    valid &= expr.getKind() != AffineExprKind::Mod;
    if (auto constant = dyn_cast<AffineConstantExpr>(expr))
      valid &= constant.getValue() >= 0;
  });
  return valid;
}

std::vector<SizeExpr> jet::toSizeExprs(ArrayRef<AffineExpr> exprs) {
  std::vector<SizeExpr> sizes;
  for (AffineExpr expr : exprs)
    sizes.push_back(toSizeExpr(expr));
  return sizes;
}
