// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "lowering/Passes.h"
#include "runtime/Package.h"

#include "mlir/Dialect/Affine/Utils.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"

using namespace mlir;

namespace jet {
#define GEN_PASS_DEF_EMITENTRYPOINTSPASS
#include "lowering/Passes.h.inc"
} // namespace jet

using namespace jet;

namespace {

/// Builds a dense row-major memref of `type` at `pointer`, with the given
/// sizes, as the descriptor that memrefs become in LLVM.
Value buildMemref(ImplicitLocOpBuilder &b, MemRefType type, Value pointer,
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
Value evaluate(ImplicitLocOpBuilder &b, AffineExpr expr,
               ArrayRef<Value> symbols) {
  if (auto constant = dyn_cast<AffineConstantExpr>(expr))
    return LLVM::ConstantOp::create(b, b.getI64Type(), constant.getValue());
  if (auto symbol = dyn_cast<AffineSymbolExpr>(expr))
    return symbols[symbol.getPosition()];
  auto sum = cast<AffineBinaryOpExpr>(expr); // no shape has another operation
  return LLVM::AddOp::create(b, evaluate(b, sum.getLHS(), symbols),
                             evaluate(b, sum.getRHS(), symbols));
}

LogicalResult emitEntryPoint(func::FuncOp kernel) {
  ImplicitLocOpBuilder b(kernel.getLoc(), OpBuilder(kernel));
  Type i64 = b.getI64Type();
  Type pointer = LLVM::LLVMPointerType::get(b.getContext());
  auto entry =
      func::FuncOp::create(b, kernel.getSymName(),
                           b.getFunctionType({pointer, pointer, i64, i64}, {}));
  kernel.setSymName((kernel.getSymName() + "_body").str());
  kernel.setPrivate();
  kernel->setAttr("llvm.linkage", LLVM::LinkageAttr::get(
                                      b.getContext(), LLVM::Linkage::Internal));

  b.setInsertionPointToStart(entry.addEntryBlock());
  auto loadAt = [&](Type type, Value base, int64_t index) -> Value {
    Value address = LLVM::GEPOp::create(b, pointer, type, base,
                                        ArrayRef<LLVM::GEPArg>{(int32_t)index});
    return LLVM::LoadOp::create(b, type, address);
  };
  SmallVector<Value> symbols, arguments;
  for (int i = 0; i < kNumSymbols; ++i)
    symbols.push_back(loadAt(i64, entry.getArgument(1), i));
  for (auto [index, type] : llvm::enumerate(kernel.getArgumentTypes())) {
    auto memref = dyn_cast<MemRefType>(type);
    if (!memref) // begin and end
      break;
    auto shape = kernel.getArgAttrOfType<AffineMapAttr>(index, kShapeAttr);
    if (!shape)
      return kernel.emitOpError("expected jet.shape on argument ") << index;
    SmallVector<Value> sizes;
    for (AffineExpr expr : shape.getValue().getResults())
      sizes.push_back(evaluate(b, expr, symbols));
    arguments.push_back(buildMemref(
        b, memref, loadAt(pointer, entry.getArgument(0), index), sizes));
    // What only described the kernel would not survive the way to LLVM.
    kernel.removeArgAttr(index, kShapeAttr);
    kernel.removeArgAttr(index, kAccessAttr);
    kernel.setArgAttr(index, "llvm.noalias", b.getUnitAttr());
  }
  for (int i : {2, 3})
    arguments.push_back(
        arith::IndexCastOp::create(b, b.getIndexType(), entry.getArgument(i)));
  func::CallOp::create(b, kernel, arguments);
  func::ReturnOp::create(b);
  return success();
}

struct EmitEntryPointsPass
    : jet::impl::EmitEntryPointsPassBase<EmitEntryPointsPass> {
  using EmitEntryPointsPassBase::EmitEntryPointsPassBase;

  void runOnOperation() override {
    for (func::FuncOp kernel :
         llvm::to_vector(getOperation().getOps<func::FuncOp>()))
      if (failed(emitEntryPoint(kernel)))
        return signalPassFailure();
  }
};

} // namespace
