// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "lowering/LowerKernels.h"
#include "lowering/Passes.h"
#include "lowering/linalg/KernelBuilder.h"
#include "runtime/Package.h"

using namespace mlir;

namespace jet {
#define GEN_PASS_DEF_LOWERKERNELSPASS
#include "lowering/Passes.h.inc"
} // namespace jet

using namespace jet;

MemRefType KernelArgument::memref() const {
  SmallVector<int64_t> sizes;
  for (AffineExpr expr : shape) {
    auto constant = dyn_cast<AffineConstantExpr>(expr);
    sizes.push_back(constant ? constant.getValue() : ShapedType::kDynamic);
  }
  return MemRefType::get(sizes, element);
}

RankedTensorType KernelArgument::tensor() const {
  return RankedTensorType::get(memref().getShape(), element);
}

namespace {

using Argument = KernelArgument;

/// How a value of a jet type is laid out; `rows` is the size of its dynamic
/// leading dimension.
Argument layoutOf(Type type, Symbol rows, StringRef access) {
  MLIRContext *context = type.getContext();
  auto symbol = [&](Symbol s) {
    return getAffineSymbolExpr(static_cast<unsigned>(s), context);
  };
  auto constant = [&](int64_t value) {
    return getAffineConstantExpr(value, context);
  };
  if (isa<BatchType>(type))
    return {{symbol(Symbol::B), symbol(Symbol::C) + kBatchColumns},
            IntegerType::get(context, 32),
            access};
  Argument result{{}, {}, access};
  if (auto state = dyn_cast<StateTypeInterface>(type)) {
    result.element = state.getStorageType();
    result.shape.push_back(symbol(state.isPaged() ? Symbol::P : Symbol::S));
    for (int64_t size : state.getSlotShape())
      result.shape.push_back(constant(size));
    return result;
  }
  auto tensor = cast<RankedTensorType>(type);
  result.element = tensor.getElementType();
  for (int64_t size : tensor.getShape())
    result.shape.push_back(ShapedType::isDynamic(size) ? symbol(rows)
                                                       : constant(size));
  return result;
}

SmallVector<Argument> layoutArguments(Operation *op) {
  SmallVector<Argument> arguments;
  for (Type type : op->getOperandTypes()) {
    bool written = isUpdated(type, op->getResultTypes());
    arguments.push_back(
        layoutOf(type, Symbol::R, written ? "readwrite" : "read"));
  }
  for (Type type : op->getResultTypes())
    if (!isa<StateTypeInterface>(type))
      arguments.push_back(layoutOf(
          type, isa<LastTokenOp>(op) ? Symbol::B : Symbol::R, "write"));
  return arguments;
}

/// Makes the kernel write `result` into the buffer `into`: the tensor that its
/// grid starts from becomes the buffer's own.
void bindResult(KernelBuilder &b, Value result, Value into,
                RankedTensorType type) {
  if (auto forall = result.getDefiningOp<scf::ForallOp>()) {
    OpOperand *init = forall.getTiedOpOperand(cast<OpResult>(result));
    if (auto empty = init->get().getDefiningOp<tensor::EmptyOp>()) {
      OpBuilder::InsertionGuard guard(b);
      b.setInsertionPoint(empty);
      Value start = bufferization::ToTensorOp::create(
          b, type, into, /*restrict=*/true, /*writable=*/true);
      init->set(start);
    }
  }
  bufferization::MaterializeInDestinationOp::create(
      b, Type(), result, into, /*restrict=*/true, /*writable=*/true);
}

LogicalResult lowerKernel(func::FuncOp kernel) {
  FailureOr<SmallVector<Argument>> layout = layoutKernel(kernel);
  if (failed(layout))
    return failure();
  Operation *op = &kernel.getBody().front().front();
  ArrayRef<Argument> arguments = *layout;
  OpBuilder top(kernel);
  auto types = llvm::map_to_vector(
      arguments, [](const Argument &a) -> Type { return a.memref(); });
  auto lowered = func::FuncOp::create(top, kernel.getLoc(), kernel.getSymName(),
                                      top.getFunctionType(types, {}));
  if (Attribute cost = kernel->getAttr(kCostAttr))
    lowered->setAttr(kCostAttr, cost);
  KernelBuilder b(kernel.getLoc(),
                  OpBuilder::atBlockEnd(lowered.addEntryBlock()));

  SmallVector<Value> operands;
  for (auto [index, argument] : llvm::enumerate(arguments)) {
    lowered.setArgAttr(index, kShapeAttr,
                       AffineMapAttr::get(AffineMap::get(
                           0, kNumSymbols, argument.shape, b.getContext())));
    lowered.setArgAttr(index, kAccessAttr, b.getStringAttr(argument.access));
    if (index < op->getNumOperands())
      operands.push_back(bufferization::ToTensorOp::create(
          b, argument.tensor(), lowered.getArgument(index), /*restrict=*/true,
          /*writable=*/argument.access != "read"));
  }
  FailureOr<SmallVector<Value>> results = lowerToLinalg(b, op, operands);
  if (failed(results))
    return failure();

  size_t next = op->getNumOperands();
  for (auto [result, value] : llvm::zip_equal(op->getResults(), *results)) {
    size_t index = next;
    if (isa<StateTypeInterface>(result.getType()))
      index = llvm::find(op->getOperandTypes(), result.getType()) -
              op->getOperandTypes().begin();
    else
      ++next;
    bindResult(b, value, lowered.getArgument(index), arguments[index].tensor());
  }
  func::ReturnOp::create(b);
  kernel.erase();
  return success();
}

} // namespace

FailureOr<SmallVector<KernelArgument>> jet::layoutKernel(func::FuncOp kernel) {
  if (kernel.isDeclaration())
    return kernel.emitOpError("expected a kernel with a body");
  Block &body = kernel.getBody().front();
  Operation *op = &body.front();
  if (op->getNextNode() != body.getTerminator())
    return kernel.emitOpError("expected one op in a kernel");
  for (TypeRange types :
       {TypeRange(op->getOperandTypes()), TypeRange(op->getResultTypes())})
    for (Type type : types)
      if (!isa<BatchType, StateTypeInterface, RankedTensorType>(type))
        return kernel.emitOpError("expected a kernel of tensors, states and "
                                  "the batch, found ")
               << type;
  return layoutArguments(op);
}

namespace {

struct LowerKernelsPass : jet::impl::LowerKernelsPassBase<LowerKernelsPass> {
  using LowerKernelsPassBase::LowerKernelsPassBase;

  void runOnOperation() override {
    auto kernels = getOperation().lookupSymbol<ModuleOp>(kKernelsModule);
    if (!kernels) {
      getOperation().emitError("expected a module @kernels; run "
                               "-jet-outline-kernels first");
      return signalPassFailure();
    }
    for (func::FuncOp kernel :
         llvm::make_early_inc_range(kernels.getOps<func::FuncOp>()))
      if (failed(lowerKernel(kernel)))
        return signalPassFailure();
  }
};

} // namespace
