// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "dialects/jet/Jet.h"
#include "dialects/jet/Ports.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/Support/CheckedArithmetic.h"

using namespace mlir;
using namespace jet;

static ParseResult parseDoubleAttr(OpAsmParser &parser, FloatAttr &attr) {
  double value;
  if (parser.parseFloat(value))
    return failure();
  attr = parser.getBuilder().getF64FloatAttr(value);
  return success();
}

static void printDoubleAttr(OpAsmPrinter &printer, Operation *,
                            FloatAttr attr) {
  printDouble(printer, attr.getValueAsDouble());
}

static ParseResult parseRows(OpAsmParser &parser, UnitAttr &perSequence) {
  SMLoc loc = parser.getCurrentLocation();
  StringRef rows;
  if (parser.parseKeyword(&rows))
    return failure();
  if (rows == "sequences")
    perSequence = parser.getBuilder().getUnitAttr();
  else if (rows != "tokens")
    return parser.emitError(loc)
           << "expected 'tokens' or 'sequences', found '" << rows << "'";
  return success();
}

static void printRows(OpAsmPrinter &printer, Operation *,
                      UnitAttr perSequence) {
  printer << (perSequence ? "sequences" : "tokens");
}

#define GET_OP_CLASSES
#include "dialects/jet/JetOps.cpp.inc"

static ArrayRef<int64_t> shapeOf(Value value) {
  return cast<ShapedType>(value.getType()).getShape();
}

/// Reports when two values that must have equal sizes in a dimension do not.
static LogicalResult expectSize(Operation *op, StringRef what, int64_t expected,
                                int64_t found) {
  if (expected == found)
    return success();
  auto text = [](int64_t size) {
    return ShapedType::isDynamic(size) ? std::string("?")
                                       : std::to_string(size);
  };
  return op->emitOpError() << "expected " << what << " = " << text(expected)
                           << ", found " << text(found);
}

static LogicalResult expectSameShape(Operation *op, StringRef what, Value a,
                                     Value b) {
  if (shapeOf(a) == shapeOf(b))
    return success();
  return op->emitOpError() << "expected " << what << " of one shape, found "
                           << a.getType() << " and " << b.getType();
}

static LogicalResult expectPositive(Operation *op, StringRef what, APFloat v) {
  if (v.convertToDouble() > 0)
    return success();
  return op->emitOpError() << "expected " << what << " > 0, found "
                           << v.convertToDouble();
}

LogicalResult jet::verifyColumnScale(Operation *op,
                                     std::optional<StringRef> scale,
                                     ShapedType type) {
  if (scale && type.getRank() != 2)
    return op->emitOpError()
           << "expected 2 dimensions with a column scale, found " << type;
  return success();
}

LogicalResult ParamOp::verify() {
  auto type = cast<RankedTensorType>(getType());
  if (!type.hasStaticShape() || type.getNumElements() == 0) // C1
    return emitOpError() << "expected a static shape that is not empty, found "
                         << type;
  return verifyColumnScale(*this, getColumnScale(), type); // C2
}

std::string PackedParamOp::getJoinedName() {
  return llvm::join(getNames().getAsValueRange<StringAttr>(), " + ");
}

LogicalResult PackedParamOp::verify() {
  auto type = cast<RankedTensorType>(getType());
  if (!type.hasStaticShape() || type.getNumElements() == 0 ||
      type.getRank() < 1 || type.getRank() > 2) // C1
    return emitOpError() << "expected a static shape of 1 or 2 dimensions that "
                            "is not empty, found "
                         << type;
  if (getNames().size() < 2) // C2
    return emitOpError() << "expected at least two names, found "
                         << getNames().size();
  llvm::StringSet<> seen;
  for (StringRef name : getNames().getAsValueRange<StringAttr>())
    if (!seen.insert(name).second)
      return emitOpError() << "has the name '" << name << "' twice";
  if (failed(expectSize(*this, "numbers of rows", getNames().size(), // C3
                        getRows().size())))
    return failure();
  int64_t left = type.getDimSize(0);
  for (int64_t rows : getRows()) {
    if (rows < 1)
      return emitOpError() << "expected rows > 0, found " << rows;
    if (rows > left) // before subtracting: sums may overflow
      return emitOpError() << "expected rows that sum to " << type.getDimSize(0)
                           << ", found more";
    left -= rows;
  }
  if (left != 0)
    return emitOpError() << "expected rows that sum to " << type.getDimSize(0)
                         << ", found " << type.getDimSize(0) - left;
  return verifyColumnScale(*this, getColumnScale(), type); // C4
}

LogicalResult ParamRowsOp::verify() {
  Operation *source = getX().getDefiningOp();
  ArrayRef<int64_t> shape = shapeOf(getX());
  if (!isa_and_nonnull<ParamOp, PackedParamOp>(source) || shape.empty()) // C1
    return emitOpError() << "expected rows of a jet.param or jet.packed_param";
  int64_t begin = getBegin(), end = getEnd();
  if (begin < 0 || begin >= end || end > shape[0]) // C2
    return emitOpError() << "expected a range of rows inside [0, " << shape[0]
                         << "), found [" << begin << ", " << end << ")";
  // Sizes of parameters are bounded one by one, their product is not.
  auto rowElements = [](ArrayRef<int64_t> shape) {
    std::optional<int64_t> count = 1;
    for (int64_t size : shape.drop_front())
      count = count ? llvm::checkedMul(*count, size) : std::nullopt;
    return count;
  };
  auto type = cast<RankedTensorType>(getType());
  if (type.getElementType() != getElementTypeOrSelf(getX().getType()) ||
      !type.hasStaticShape() || type.getRank() < 1 ||
      type.getDimSize(0) != end - begin || !rowElements(shape) ||
      rowElements(type.getShape()) != rowElements(shape)) // C3
    return emitOpError() << "expected a result of " << end - begin
                         << " rows as those of " << getX().getType()
                         << ", found " << type;
  return success();
}

bool jet::isView(Operation *op) {
  return isa<ParamOp, PackedParamOp, ParamRowsOp, SplitHeadsOp, MergeHeadsOp>(
      op);
}

LogicalResult EmbeddingOp::verify() {
  if (failed(expectSize(*this, "columns", shapeOf(getTable())[1], // C1
                        shapeOf(getResult())[1])))
    return failure();
  return expectSize(*this, "rows", shapeOf(getTokens())[0], // C2
                    shapeOf(getResult())[0]);
}

LogicalResult LinearOp::verify() {
  ArrayRef<int64_t> weight = shapeOf(getWeight());
  if (failed(expectSize(*this, "K", weight[1], shapeOf(getX())[1])) ||    // C1
      failed(expectSize(*this, "N", weight[0], shapeOf(getResult())[1]))) // C2
    return failure();
  if (getBias() && failed(expectSize(*this, "N of the bias", weight[0],
                                     shapeOf(getBias())[0])))
    return failure();
  return expectSize(*this, "rows", shapeOf(getX())[0], // C3
                    shapeOf(getResult())[0]);
}

LogicalResult RmsNormOp::verify() {
  if (failed(expectSameShape(*this, "x and result", getX(), getResult()))) // C1
    return failure();
  if (failed(expectSize(*this, "C of the weight", shapeOf(getX())[1],
                        shapeOf(getWeight())[0])))
    return failure();
  return expectPositive(*this, "eps", getEps()); // C2
}

LogicalResult GatedRmsNormOp::verify() {
  if (failed(expectSameShape(*this, "x and gate", getX(), getGate())) || // C1
      failed(expectSameShape(*this, "x and result", getX(), getResult())) ||
      failed(expectSize(*this, "D of the weight", shapeOf(getX())[2],
                        shapeOf(getWeight())[0])))
    return failure();
  return expectPositive(*this, "eps", getEps()); // C2
}

LogicalResult L2NormOp::verify() {
  if (failed(expectSameShape(*this, "x and result", getX(), getResult()))) // C1
    return failure();
  return expectPositive(*this, "eps", getEps()); // C2
}

LogicalResult RopeOp::verify() {
  if (failed(expectSameShape(*this, "x and result", getX(), getResult())) ||
      failed(expectSize(*this, "positions", shapeOf(getX())[0],
                        shapeOf(getPositions())[0]))) // C1
    return failure();
  if (int64_t dim = shapeOf(getX())[2]; dim % 2 != 0) // C2
    return emitOpError() << "expected an even head size, found " << dim;
  return expectPositive(*this, "theta", getTheta());
}

LogicalResult SwigluOp::verify() { // C1
  if (failed(expectSameShape(*this, "gate and up", getGate(), getUp())))
    return failure();
  return expectSameShape(*this, "gate and result", getGate(), getResult());
}

//===----------------------------------------------------------------------===//
// MapOp
//===----------------------------------------------------------------------===//

void MapOp::build(OpBuilder &builder, OperationState &state, Type result,
                  ValueRange inputs,
                  function_ref<Value(OpBuilder &, Location, ValueRange)> body) {
  state.addOperands(inputs);
  state.addTypes(result);
  Region *region = state.addRegion();
  OpBuilder::InsertionGuard guard(builder);
  SmallVector<Type> types = llvm::map_to_vector(
      inputs, [](Value v) { return getElementTypeOrSelf(v.getType()); });
  SmallVector<Location> locations(inputs.size(), state.location);
  Block *block = builder.createBlock(region, {}, types, locations);
  Value value = body(builder, state.location, block->getArguments());
  YieldOp::create(builder, state.location, value);
}

LogicalResult MapOp::verifyRegions() {
  ArrayRef<int64_t> result = shapeOf(getResult());
  Block &block = getBody().front();
  if (result.empty() || llvm::any_of(result.drop_front(), [](int64_t size) {
        return size <= 0;
      })) // C1
    return emitOpError() << "expected a result with rows of a positive, known "
                            "size, found "
                         << getResult().getType();
  if (llvm::none_of(getInputs(), [&](Value v) { return shapeOf(v) == result; }))
    return emitOpError() << "expected an input of the result's shape, "
                         << getResult().getType();
  if (block.getNumArguments() != getInputs().size()) // C2
    return emitOpError() << "expected " << getInputs().size()
                         << " region arguments, found "
                         << block.getNumArguments();
  for (auto [input, argument] :
       llvm::zip_equal(getInputs(), block.getArguments())) {
    ArrayRef<int64_t> shape = shapeOf(input);
    if (!broadcastsTo(shape, result)) // C1
      return emitOpError() << "expected the shape of each input to be a suffix "
                              "of the result's, found "
                           << input.getType() << " for "
                           << getResult().getType();
    Type element = getElementTypeOrSelf(input.getType());
    if (argument.getType() != element) // C2
      return emitOpError() << "expected a region argument of type " << element
                           << ", found " << argument.getType();
  }
  auto yield = dyn_cast<YieldOp>(block.getTerminator());
  Type element = getElementTypeOrSelf(getResult().getType());
  if (!yield || yield.getValue().getType() != element) // C3
    return emitOpError() << "expected the region to yield " << element;
  return success();
}

/// A map that yields one of its inputs unchanged is that input.
OpFoldResult MapOp::fold(FoldAdaptor) {
  auto yield = cast<YieldOp>(getBody().front().getTerminator());
  auto argument = dyn_cast<BlockArgument>(yield.getValue());
  if (!argument)
    return {};
  Value input = getInputs()[argument.getArgNumber()];
  return input.getType() == getType() ? OpFoldResult(input) : OpFoldResult();
}

//===----------------------------------------------------------------------===//
// Views
//===----------------------------------------------------------------------===//

/// C1 of split_heads and merge_heads.
static LogicalResult verifyHeads(Operation *op, Value flat, Value heads) {
  ArrayRef<int64_t> shape = shapeOf(heads);
  if (getElementTypeOrSelf(flat.getType()) !=
      getElementTypeOrSelf(heads.getType()))
    return op->emitOpError() << "expected one element type, found "
                             << flat.getType() << " and " << heads.getType();
  if (failed(expectSize(op, "rows", shapeOf(flat)[0], shape[0])))
    return failure();
  // Not by a product, which might overflow.
  if (shapeOf(flat)[1] % shape[1] || shapeOf(flat)[1] / shape[1] != shape[2])
    return op->emitOpError() << "expected as many columns as heads hold, found "
                             << flat.getType() << " and " << heads.getType();
  return success();
}

LogicalResult SplitHeadsOp::verify() {
  return verifyHeads(*this, getX(), getResult());
}

OpFoldResult SplitHeadsOp::fold(FoldAdaptor) {
  auto merge = getX().getDefiningOp<MergeHeadsOp>();
  return merge && merge.getX().getType() == getType()
             ? OpFoldResult(merge.getX())
             : OpFoldResult();
}

LogicalResult MergeHeadsOp::verify() {
  return verifyHeads(*this, getResult(), getX());
}

OpFoldResult MergeHeadsOp::fold(FoldAdaptor) {
  auto split = getX().getDefiningOp<SplitHeadsOp>();
  return split ? OpFoldResult(split.getX()) : OpFoldResult();
}

//===----------------------------------------------------------------------===//
// LaunchOp
//===----------------------------------------------------------------------===//

FailureOr<FunctionType> jet::lookupKernelType(Operation *op, SymbolRefAttr name,
                                              SymbolTableCollection &symbols) {
  Operation *kernel = symbols.lookupNearestSymbolFrom(op, name);
  if (!kernel)
    return op->emitOpError()
           << "refers to a kernel that does not exist: " << name;
  if (!isa<FunctionOpInterface>(kernel))
    return op->emitOpError()
           << "refers to a kernel that is not a function: " << name;
  auto function = dyn_cast<func::FuncOp>(kernel);
  if (!function || function.getNumResults() == 0)
    return FunctionType(); // lowered to buffers already
  return function.getFunctionType();
}

LogicalResult LaunchOp::verifySymbolUses(SymbolTableCollection &symbols) {
  FailureOr<FunctionType> type =
      lookupKernelType(*this, getKernelAttr(), symbols); // C1
  if (failed(type))
    return failure();
  if (*type && (type->getInputs() != getOperandTypes() ||
                type->getResults() != getResultTypes())) // C2
    return emitOpError() << "does not match the kernel's type " << *type;
  return success();
}
