// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "lowering/EntryArguments.h"
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
  SmallVector<Value> symbols;
  for (int i = 0; i < kNumSymbols; ++i)
    symbols.push_back(loadAt(i64, entry.getArgument(1), i));
  FailureOr<SmallVector<Value>> arguments =
      buildOperands(b, kernel, symbols, [&](size_t index) {
        return loadAt(pointer, entry.getArgument(0), index);
      });
  if (failed(arguments))
    return failure();
  for (size_t index = 0; index < arguments->size(); ++index) {
    // What only described the kernel would not survive the way to LLVM.
    kernel.removeArgAttr(index, kShapeAttr);
    kernel.removeArgAttr(index, kAccessAttr);
    kernel.setArgAttr(index, "llvm.noalias", b.getUnitAttr());
  }
  for (int i : {2, 3})
    arguments->push_back(
        arith::IndexCastOp::create(b, b.getIndexType(), entry.getArgument(i)));
  func::CallOp::create(b, kernel, *arguments);
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
