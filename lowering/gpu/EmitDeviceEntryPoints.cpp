// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "lowering/EntryArguments.h"
#include "runtime/Package.h"

using namespace mlir;

namespace jet {
#define GEN_PASS_DEF_EMITDEVICEENTRYPOINTSPASS
#include "lowering/Passes.h.inc"
} // namespace jet

using namespace jet;

namespace {

/// The parameters of an entry point; see Package.h.
struct Parameters {
  ArrayRef<BlockArgument> operands, symbols;
  BlockArgument scratch, scratchBytes, points;

  Parameters(LLVM::LLVMFuncOp entry, size_t count) {
    ArrayRef<BlockArgument> all = entry.getArguments();
    operands = all.take_front(count);
    symbols = all.slice(count, kNumSymbols);
    scratch = all[count + kNumSymbols];
    scratchBytes = all[count + kNumSymbols + 1];
    points = all[count + kNumSymbols + 2];
  }
};

/// What -jet-map-grid and -jet-allocate-scratch left behind the operands.
LogicalResult verifyForm(func::FuncOp kernel, size_t operands) {
  ArrayRef<Type> rest = kernel.getArgumentTypes().drop_front(operands);
  if (!kernel->getAttrOfType<IntegerAttr>(kThreadsAttr) ||
      rest.size() != 2 + kNumSymbols + 1 ||
      !llvm::all_of(rest.drop_back(), [](Type t) { return t.isIndex(); }) ||
      !isa<MemRefType>(rest.back()))
    return kernel.emitOpError("expected the form that -jet-map-grid, "
                              "-jet-distribute-threads and "
                              "-jet-allocate-scratch give a kernel");
  return success();
}

LogicalResult emitEntryPoint(func::FuncOp kernel) {
  size_t count = llvm::find_if(kernel.getArgumentTypes(),
                               [](Type t) { return !isa<MemRefType>(t); }) -
                 kernel.getArgumentTypes().begin();
  if (failed(verifyForm(kernel, count)))
    return failure();
  ImplicitLocOpBuilder b(kernel.getLoc(), OpBuilder(kernel));
  Type i64 = b.getI64Type(), i32 = b.getI32Type();
  Type pointer = LLVM::LLVMPointerType::get(b.getContext());
  SmallVector<Type> types(count, pointer);
  types.append(kNumSymbols, i64);
  types.append({pointer, i64, i64});
  auto entry = LLVM::LLVMFuncOp::create(
      b, kernel.getSymName(),
      LLVM::LLVMFunctionType::get(LLVM::LLVMVoidType::get(b.getContext()),
                                  types));
  entry->setAttr(NVVM::NVVMDialect::getKernelFuncAttrName(), b.getUnitAttr());
  int64_t threads = kernel->getAttrOfType<IntegerAttr>(kThreadsAttr).getInt();
  entry->setAttr(NVVM::NVVMDialect::getReqntidAttrName(),
                 b.getDenseI32ArrayAttr({static_cast<int32_t>(threads)}));
  // Else the assembler keeps registers in memory so that more blocks fit.
  entry->setAttr(NVVM::NVVMDialect::getMinctasmAttrName(),
                 b.getI32IntegerAttr(1));
  b.setInsertionPointToStart(entry.addEntryBlock(b));
  for (size_t index = 0; index < count; ++index)
    entry.setArgAttr(index, LLVM::LLVMDialect::getNoAliasAttrName(),
                     b.getUnitAttr());

  Parameters parameters(entry, count);
  SmallVector<Value> symbols(parameters.symbols);
  FailureOr<SmallVector<Value>> arguments =
      buildOperands(b, kernel, symbols, [&](size_t index) -> Value {
        return parameters.operands[index];
      });
  if (failed(arguments))
    return failure();
  Value block = LLVM::ZExtOp::create(b, i64, NVVM::BlockIdXOp::create(b, i32));
  Value blocks = LLVM::ZExtOp::create(b, i64, NVVM::GridDimXOp::create(b, i32));
  auto bound = [&](Value number) -> Value {
    Value before = LLVM::MulOp::create(b, parameters.points, number);
    return LLVM::UDivOp::create(b, before, blocks);
  };
  Value next =
      LLVM::AddOp::create(b, block, LLVM::ConstantOp::create(b, i64, 1));
  SmallVector<Value> numbers = {bound(block), bound(next)};
  llvm::append_range(numbers, symbols);
  for (Value number : numbers)
    arguments->push_back(
        arith::IndexCastOp::create(b, b.getIndexType(), number));
  Value offset = LLVM::MulOp::create(b, block, parameters.scratchBytes);
  Value own = LLVM::GEPOp::create(b, pointer, b.getI8Type(), parameters.scratch,
                                  ArrayRef<LLVM::GEPArg>{offset});
  arguments->push_back(
      buildMemref(b, cast<MemRefType>(kernel.getArgumentTypes().back()), own,
                  Value(parameters.scratchBytes)));

  // The kernel's code itself, not a call: its pointers are the parameters, of
  // which the code generator knows that they lead to global memory.
  for (auto [argument, value] :
       llvm::zip_equal(kernel.getArguments(), *arguments))
    argument.replaceAllUsesWith(value);
  Block &to = entry.getBody().front();
  to.getOperations().splice(to.end(), kernel.getBody().front().getOperations());
  Operation *end = to.getTerminator();
  b.setInsertionPoint(end);
  LLVM::ReturnOp::create(b, ValueRange());
  end->erase();
  kernel.erase();
  return success();
}

struct EmitDeviceEntryPointsPass
    : jet::impl::EmitDeviceEntryPointsPassBase<EmitDeviceEntryPointsPass> {
  using EmitDeviceEntryPointsPassBase::EmitDeviceEntryPointsPassBase;

  void runOnOperation() override {
    for (func::FuncOp kernel :
         llvm::to_vector(getOperation().getOps<func::FuncOp>()))
      if (failed(emitEntryPoint(kernel)))
        return signalPassFailure();
  }
};

} // namespace
