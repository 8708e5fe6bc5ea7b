// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "lowering/EntryArguments.h"

using namespace mlir;
using namespace jet;

Value jet::buildMemref(ImplicitLocOpBuilder &b, MemRefType type, Value pointer,
                       ArrayRef<Value> sizes) {
  int64_t rank = type.getRank();
  Type i64 = b.getI64Type();
  SmallVector<Type> fields = {pointer.getType(), pointer.getType(), i64};
  if (rank)
    fields.append(2, LLVM::LLVMArrayType::get(i64, rank));
  Value descriptor = LLVM::PoisonOp::create(
      b, LLVM::LLVMStructType::getLiteral(b.getContext(), fields));
  auto set = [&](Value value, ArrayRef<int64_t> at) {
    descriptor = LLVM::InsertValueOp::create(b, descriptor, value, at);
  };
  set(pointer, {0});
  set(pointer, {1});
  set(LLVM::ConstantOp::create(b, i64, 0), {2});
  Value stride = LLVM::ConstantOp::create(b, i64, 1);
  for (int64_t i = rank; i-- > 0;) {
    set(sizes[i], {3, i});
    set(stride, {4, i});
    stride = LLVM::MulOp::create(b, stride, sizes[i]);
  }
  return UnrealizedConversionCastOp::create(b, type, descriptor).getResult(0);
}

/// `expr` in the symbols, as an i64.
static Value evaluate(ImplicitLocOpBuilder &b, AffineExpr expr,
                      ArrayRef<Value> symbols) {
  if (auto constant = dyn_cast<AffineConstantExpr>(expr))
    return LLVM::ConstantOp::create(b, b.getI64Type(), constant.getValue());
  if (auto symbol = dyn_cast<AffineSymbolExpr>(expr))
    return symbols[symbol.getPosition()];
  auto sum = cast<AffineBinaryOpExpr>(expr); // no shape has another operation
  return LLVM::AddOp::create(b, evaluate(b, sum.getLHS(), symbols),
                             evaluate(b, sum.getRHS(), symbols));
}

FailureOr<SmallVector<Value>>
jet::buildOperands(ImplicitLocOpBuilder &b, func::FuncOp kernel,
                   ArrayRef<Value> symbols,
                   function_ref<Value(size_t)> pointerOf) {
  SmallVector<Value> operands;
  for (auto [index, type] : llvm::enumerate(kernel.getArgumentTypes())) {
    auto memref = dyn_cast<MemRefType>(type);
    if (!memref) // what the target adds
      break;
    auto shape = kernel.getArgAttrOfType<AffineMapAttr>(index, kShapeAttr);
    if (!shape)
      return kernel.emitOpError("expected jet.shape on argument ") << index;
    SmallVector<Value> sizes;
    for (AffineExpr expr : shape.getValue().getResults())
      sizes.push_back(evaluate(b, expr, symbols));
    operands.push_back(buildMemref(b, memref, pointerOf(index), sizes));
  }
  return operands;
}
