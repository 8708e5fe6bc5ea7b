// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Every allocation of a kernel gets a place of its own, for the largest that it
// can be: small ones in shared memory, the others in a slice of global memory
// that the runtime provides for each block. Sizes that depend on data (the rows
// of one sequence) are bounded by the symbols.

#include "lowering/Passes.h"
#include "runtime/Package.h"

#include "mlir/Dialect/Affine/Utils.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"

using namespace mlir;

namespace jet {
#define GEN_PASS_DEF_ALLOCATESCRATCHPASS
#include "lowering/Passes.h.inc"
} // namespace jet

using namespace jet;

/// Allocations begin at multiples of this many bytes.
static constexpr int64_t kAlignment = 64;

namespace {

/// Upper bounds of sizes, in the symbols.
class Bounds {
public:
  explicit Bounds(func::FuncOp kernel) : kernel(kernel) {}

  /// Null if none is known.
  AffineExpr of(Value value);

private:
  AffineExpr constant(int64_t value) {
    return getAffineConstantExpr(value, kernel.getContext());
  }
  AffineExpr symbol(Symbol symbol) {
    return getAffineSymbolExpr(static_cast<unsigned>(symbol),
                               kernel.getContext());
  }
  AffineExpr ofDim(memref::DimOp dim);
  AffineExpr ofBatch(memref::LoadOp load);
  AffineExpr ofBinary(Operation *op);

  func::FuncOp kernel;
};

} // namespace

AffineExpr Bounds::of(Value value) {
  if (std::optional<int64_t> known = getConstantIntValue(value))
    return constant(std::max<int64_t>(*known, 0));
  Operation *op = value.getDefiningOp();
  if (!op)
    return {};
  if (auto dim = dyn_cast<memref::DimOp>(op))
    return ofDim(dim);
  if (auto load = dyn_cast<memref::LoadOp>(op))
    return ofBatch(load);
  if (auto cast = dyn_cast<arith::IndexCastOp>(op))
    return of(cast.getIn());
  return op->getNumOperands() == 2 ? ofBinary(op) : AffineExpr();
}

AffineExpr Bounds::ofDim(memref::DimOp dim) {
  auto argument = dyn_cast<BlockArgument>(dim.getSource());
  std::optional<int64_t> index = dim.getConstantIndex();
  if (!argument || !index || argument.getOwner() != &kernel.front())
    return {};
  auto shape = kernel.getArgAttrOfType<AffineMapAttr>(argument.getArgNumber(),
                                                      kShapeAttr);
  return shape ? shape.getValue().getResult(*index) : AffineExpr();
}

/// A column of the batch: slot, position, first row, rows; see Package.h. A
/// position is bounded by none of the symbols.
AffineExpr Bounds::ofBatch(memref::LoadOp load) {
  MemRefType type = load.getMemRefType();
  if (!isa<BlockArgument>(load.getMemRef()) || type.getRank() != 2 ||
      !type.getElementType().isInteger(32))
    return {};
  std::optional<int64_t> column = getConstantIntValue(load.getIndices()[1]);
  if (column == 0)
    return symbol(Symbol::S);
  if (column == 2 || column == 3)
    return symbol(Symbol::T);
  return {};
}

/// Of sizes, which are not negative.
AffineExpr Bounds::ofBinary(Operation *op) {
  AffineExpr x = of(op->getOperand(0)), y = of(op->getOperand(1));
  if (isa<arith::MinSIOp, arith::MinUIOp>(op)) {
    // The constant one, which says more.
    if (x && y)
      return isa<AffineConstantExpr>(y) ? y : x;
    return x ? x : y;
  }
  if (isa<arith::RemUIOp>(op))
    return y ? y : x;
  if (isa<arith::SubIOp, arith::DivUIOp>(op))
    return x;
  if (!x || !y)
    return {};
  if (isa<arith::AddIOp, arith::MaxSIOp, arith::MaxUIOp>(op))
    return x + y;
  if (isa<arith::MulIOp>(op))
    return x * y;
  if (auto divisor = dyn_cast<AffineConstantExpr>(y);
      divisor && divisor.getValue() > 0 && isa<arith::CeilDivUIOp>(op))
    return x.ceilDiv(divisor);
  return {};
}

namespace {

/// One kernel.
class Allocation {
public:
  Allocation(func::FuncOp kernel, int64_t sharedLimit)
      : kernel(kernel), bounds(kernel), sharedLimit(sharedLimit),
        b(kernel.getLoc(), OpBuilder::atBlockBegin(&kernel.getBody().front())),
        scratchBytes(b.getAffineConstantExpr(0)) {}

  LogicalResult run();

private:
  FailureOr<AffineExpr> bytesOf(memref::AllocOp alloc);
  void place(memref::AllocOp alloc, Value memory, AffineExpr offset);

  func::FuncOp kernel;
  Bounds bounds;
  int64_t sharedLimit;
  ImplicitLocOpBuilder b;
  AffineExpr scratchBytes;
  int64_t sharedBytes = 0;
  SmallVector<Value> symbols;
};

/// Whether a loop or branch hands the buffer on: then two of them could be
/// alive at once.
bool escapes(memref::AllocOp alloc) {
  SmallVector<Value> views = {alloc.getMemref()};
  for (size_t i = 0; i < views.size(); ++i)
    for (Operation *user : views[i].getUsers()) {
      if (isa<scf::YieldOp, scf::ForOp, func::ReturnOp>(user))
        return true;
      for (Value result : user->getResults())
        if (isa<MemRefType>(result.getType()))
          views.push_back(result);
    }
  return false;
}

} // namespace

/// The most bytes that `alloc` can have, a multiple of the alignment.
FailureOr<AffineExpr> Allocation::bytesOf(memref::AllocOp alloc) {
  MemRefType type = alloc.getType();
  AffineExpr bytes = b.getAffineConstantExpr(
      llvm::divideCeil(type.getElementTypeBitWidth(), 8));
  auto dynamic = alloc.getDynamicSizes().begin();
  for (int64_t size : type.getShape()) {
    AffineExpr bound = b.getAffineConstantExpr(size);
    if (ShapedType::isDynamic(size))
      bound = bounds.of(*dynamic++);
    if (!bound)
      return alloc.emitOpError(
          "expected sizes that the kernel's symbols bound");
    bytes = bytes * bound;
  }
  return bytes.ceilDiv(kAlignment) * kAlignment;
}

void Allocation::place(memref::AllocOp alloc, Value memory, AffineExpr offset) {
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPoint(alloc);
  Value at = affine::expandAffineExpr(b, alloc.getLoc(), offset, {}, symbols);
  Value view = memref::ViewOp::create(b, alloc.getType(), memory, at,
                                      alloc.getDynamicSizes());
  alloc.replaceAllUsesWith(view);
  alloc.erase();
}

LogicalResult Allocation::run() {
  SmallVector<memref::AllocOp> allocs;
  kernel.walk([&](memref::AllocOp alloc) { allocs.push_back(alloc); });
  for (int i = 0; i < kNumSymbols; ++i) {
    if (failed(kernel.insertArgument(kernel.getNumArguments(), b.getIndexType(),
                                     {}, kernel.getLoc())))
      return failure();
    symbols.push_back(kernel.getArguments().back());
  }
  auto bytes = MemRefType::get({ShapedType::kDynamic}, b.getI8Type());
  if (failed(kernel.insertArgument(kernel.getNumArguments(), bytes, {},
                                   kernel.getLoc())))
    return failure();
  Value scratch = kernel.getArguments().back();

  SmallVector<std::pair<memref::AllocOp, int64_t>> shared;
  for (memref::AllocOp alloc : allocs) {
    if (escapes(alloc))
      return alloc.emitOpError("expected to stay in its iteration or branch");
    FailureOr<AffineExpr> size = bytesOf(alloc);
    if (failed(size))
      return failure();
    auto known = dyn_cast<AffineConstantExpr>(*size);
    if (known && known.getValue() <= sharedLimit - sharedBytes) {
      shared.push_back({alloc, sharedBytes});
      sharedBytes += known.getValue();
      continue;
    }
    place(alloc, scratch, scratchBytes);
    scratchBytes = scratchBytes + *size;
  }
  kernel->setAttr(kScratchAttr,
                  AffineMapAttr::get(AffineMap::get(
                      0, kNumSymbols, scratchBytes, b.getContext())));
  if (shared.empty())
    return success();

  auto space = IntegerAttr::get(b.getI64Type(), 3);
  auto inShared = MemRefType::get({sharedBytes}, b.getI8Type(),
                                  MemRefLayoutAttrInterface(), space);
  std::string name = (kernel.getSymName() + "_shared").str();
  OpBuilder beside(kernel);
  memref::GlobalOp::create(beside, kernel.getLoc(), name,
                           beside.getStringAttr("private"), inShared,
                           beside.getUnitAttr(), /*constant=*/false,
                           beside.getI64IntegerAttr(kAlignment));
  Value memory = memref::GetGlobalOp::create(b, inShared, name);
  memory = memref::MemorySpaceCastOp::create(
      b, MemRefType::get({sharedBytes}, b.getI8Type()), memory);
  for (auto [alloc, offset] : shared)
    place(alloc, memory, b.getAffineConstantExpr(offset));
  return success();
}

namespace {
struct AllocateScratchPass
    : jet::impl::AllocateScratchPassBase<AllocateScratchPass> {
  using AllocateScratchPassBase::AllocateScratchPassBase;

  void runOnOperation() override {
    for (func::FuncOp kernel :
         llvm::to_vector(getOperation().getOps<func::FuncOp>()))
      if (failed(Allocation(kernel, sharedBytes).run()))
        return signalPassFailure();
  }
};
} // namespace
