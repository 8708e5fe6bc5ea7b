// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "dialects/jet/Jet.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"

using namespace mlir;
using namespace jet;

//===----------------------------------------------------------------------===//
// PlanOp
//===----------------------------------------------------------------------===//

LogicalResult PlanOp::verifyRegions() {
  // C1
  if (int64_t arena = getArena(); arena < 0)
    return emitOpError() << "expected arena >= 0, found " << arena;
  for (auto [name, value] :
       {std::pair<StringRef, int64_t>{"max_batch", getMaxBatch()},
        {"max_context", getMaxContext()}})
    if (failed(verifySize([&] { return emitOpError(); }, name, value)))
      return failure();
  // C2
  for (Operation &op : getBody().front())
    if (!isa<InputOp, StateOp, WeightOp, WeightRowsOp, OutputOp, BufferOp,
             ExecuteOp>(op))
      return op.emitOpError()
             << "is neither a place nor a jet.execute, which is all that a "
                "jet.plan holds";
  return success();
}

//===----------------------------------------------------------------------===//
// Places
//===----------------------------------------------------------------------===//

/// "model.layers.3.mlp.up_proj.weight" → "layers.3.mlp.up_proj".
void WeightOp::getAsmResultNames(OpAsmSetValueNameFn setName) {
  StringRef name = getName();
  name.consume_front("model.");
  name.consume_back(".weight");
  setName(getPlace(), name);
}

void WeightRowsOp::getAsmResultNames(OpAsmSetValueNameFn setName) {
  setName(getPlace(), "rows");
}

void InputOp::getAsmResultNames(OpAsmSetValueNameFn setName) {
  setName(getPlace(), getName());
}

void OutputOp::getAsmResultNames(OpAsmSetValueNameFn setName) {
  setName(getPlace(), getName());
}

void StateOp::getAsmResultNames(OpAsmSetValueNameFn setName) {
  setName(getPlace(), "state" + std::to_string(getIndex()));
}

/// By its number, as in diagnostics. Counting again for each is quadratic in
/// the buffers of a plan: less than a millisecond for the released models.
void BufferOp::getAsmResultNames(OpAsmSetValueNameFn setName) {
  int64_t index = 0;
  for (Operation *op = getOperation()->getPrevNode(); op;
       op = op->getPrevNode())
    index += isa<BufferOp>(op);
  setName(getPlace(), "buffer" + std::to_string(index));
}

static LogicalResult verifyDense(Operation *op, MemRefType type) {
  Type element = type.getElementType();
  if (type.getLayout().isIdentity() && !type.getMemorySpace() &&
      (element.isF32() || element.isBF16() || element.isF16() ||
       isa<Float8E4M3FNType>(element) || element.isInteger(32)))
    return success();
  return op->emitOpError() << "expected a dense memref of f32, bf16, f16, "
                              "f8E4M3FN or i32, found "
                           << type;
}

/// C1 of outputs and buffers.
static LogicalResult verifyRows(Operation *op, Type type) {
  auto memref = dyn_cast<MemRefType>(type);
  if (!memref || memref.getRank() < 1 || !memref.isDynamicDim(0) ||
      memref.getNumDynamicDims() != 1)
    return op->emitOpError() << "expected a memref whose leading size alone is "
                                "dynamic, found "
                             << type;
  return verifyDense(op, memref);
}

LogicalResult InputOp::verify() {
  // C1
  auto memref = dyn_cast<MemRefType>(getPlace().getType());
  return memref ? verifyDense(*this, memref) : success();
}

LogicalResult StateOp::verify() {
  // C1
  if (!isa<StateTypeInterface>(getPlace().getType()))
    return emitOpError() << "expected a state type, found "
                         << getPlace().getType();
  // C2
  for (auto [name, value] :
       {std::pair<StringRef, int64_t>{"a number", getIndex()},
        {"a layer", getLayer()}})
    if (value < 0)
      return emitOpError() << "expected " << name << " >= 0, found " << value;
  return success();
}

LogicalResult WeightOp::verify() {
  // C1
  auto memref = dyn_cast<MemRefType>(getPlace().getType());
  if (!memref || !memref.hasStaticShape())
    return emitOpError() << "expected a memref of static shape, found "
                         << getPlace().getType();
  if (failed(verifyDense(*this, memref)))
    return failure();
  if (failed(verifyColumnScale(*this, getColumnScale(), memref))) // C3
    return failure();
  // C2
  if (getConcat().has_value() != getConcatRows().has_value() ||
      (getConcat() && (getConcat()->size() != getConcatRows()->size() ||
                       memref.getRank() < 1)))
    return emitOpError("expected a number of rows for each tensor");
  if (!getConcat())
    return success();
  int64_t left = memref.getDimSize(0);
  const ArrayRef<int64_t> counts = *getConcatRows();
  for (int64_t rows : counts) {
    if (rows < 1 || rows > left)
      return emitOpError() << "expected tensors of " << memref.getDimSize(0)
                           << " rows in all";
    left -= rows;
  }
  return left ? emitOpError() << "expected tensors of " << memref.getDimSize(0)
                              << " rows in all"
              : success();
}

LogicalResult WeightRowsOp::verify() {
  // C1
  auto whole = dyn_cast<MemRefType>(getWeight().getType());
  auto part = dyn_cast<MemRefType>(getPlace().getType());
  int64_t begin = getBegin(), end = getEnd();
  if (!getWeight().getDefiningOp<WeightOp>() || !whole || !part ||
      whole.getRank() < 1 || begin < 0 || begin >= end ||
      end > whole.getDimSize(0))
    return emitOpError("expected a jet.weight and rows of it, found [")
           << begin << ", " << end << "] of " << getWeight().getType();
  SmallVector<int64_t> shape(whole.getShape());
  shape[0] = end - begin;
  if (part != MemRefType::get(shape, whole.getElementType()))
    return emitOpError("expected a place of ")
           << MemRefType::get(shape, whole.getElementType()) << ", found "
           << part;
  return success();
}

LogicalResult OutputOp::verify() {
  return verifyRows(*this, getPlace().getType()); // C1
}

LogicalResult BufferOp::verify() {
  // C1
  if (failed(verifyRows(*this, getPlace().getType())))
    return failure();
  // C2
  for (auto [name, value] :
       {std::pair<StringRef, int64_t>{"an offset", getOffset()},
        {"bytes", getBytes()}})
    if (value < 0)
      return emitOpError() << "expected " << name << " >= 0, found " << value;
  return success();
}

//===----------------------------------------------------------------------===//
// ExecuteOp
//===----------------------------------------------------------------------===//

/// Elements of a row, or of all where no size is dynamic; nothing on overflow.
static std::optional<int64_t> countElements(ShapedType type) {
  int64_t count = 1;
  for (int64_t size : type.getShape())
    if (!ShapedType::isDynamic(size) &&
        __builtin_mul_overflow(count, size, &count))
      return std::nullopt;
  return count;
}

/// C3 for one operand.
static bool isPlaceOf(Type place, Type value) {
  auto memref = dyn_cast<MemRefType>(place);
  auto tensor = dyn_cast<RankedTensorType>(value);
  if (!memref || !tensor)
    return place == value;
  return memref.getElementType() == tensor.getElementType() &&
         memref.getNumDynamicDims() == tensor.getNumDynamicDims() &&
         countElements(memref) == countElements(tensor);
}

LogicalResult ExecuteOp::verifySymbolUses(SymbolTableCollection &symbols) {
  FailureOr<FunctionType> kernel =
      lookupKernelType(*this, getKernelAttr(), symbols); // C1
  if (failed(kernel))
    return failure();
  if (!*kernel)
    return success();
  SmallVector<Type> reads, updates, writes;
  for (Type type : kernel->getInputs())
    (isUpdated(type, kernel->getResults()) ? updates : reads).push_back(type);
  for (Type type : kernel->getResults())
    if (!isa<StateTypeInterface>(type))
      writes.push_back(type);
  for (auto [name, places, types] :
       {std::tuple<StringRef, OperandRange, ArrayRef<Type>>{"read", getReads(),
                                                            reads},
        {"update", getUpdates(), updates},
        {"write", getWrites(), writes}}) {
    if (places.size() != types.size()) // C2
      return emitOpError() << "expected to " << name << " " << types.size()
                           << " places as " << getKernelAttr()
                           << " does, found " << places.size();
    for (auto [place, type] : llvm::zip_equal(places, types))
      if (!isPlaceOf(place.getType(), type)) // C3
        return emitOpError()
               << "expected to " << name << " a place of " << type << " as "
               << getKernelAttr() << " does, found " << place.getType();
  }
  return success();
}
