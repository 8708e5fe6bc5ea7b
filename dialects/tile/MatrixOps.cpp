// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "dialects/tile/Tile.h"

#include "mlir/Interfaces/SideEffectInterfaces.h"

using namespace mlir;
using namespace jet::tile;

//===----------------------------------------------------------------------===//
// WgmmaOp
//===----------------------------------------------------------------------===//

ParseResult WgmmaOp::parse(OpAsmParser &parser, OperationState &result) {
  SmallVector<OpAsmParser::UnresolvedOperand, 3> operands;
  SMLoc loc = parser.getCurrentLocation();
  if (parser.parseOperandList(operands))
    return failure();
  if (operands.size() != 2 && operands.size() != 3)
    return parser.emitError(loc)
           << "expected 2 or 3 operands, found " << operands.size();
  if (succeeded(parser.parseOptionalKeyword("transposed")))
    result.addAttribute(getTransposedAttrName(result.name),
                        parser.getBuilder().getUnitAttr());
  if (succeeded(parser.parseOptionalKeyword("turned")))
    result.addAttribute(getTurnedAttrName(result.name),
                        parser.getBuilder().getUnitAttr());
  Type a, b, type;
  if (parser.parseOptionalAttrDict(result.attributes) || parser.parseColon() ||
      parser.parseType(a) || parser.parseComma() || parser.parseType(b) ||
      parser.parseArrow() || parser.parseType(type))
    return failure();
  result.addTypes(type);
  SmallVector<Type, 3> types{a, b};
  if (operands.size() == 3)
    types.push_back(type);
  return parser.resolveOperands(operands, types, loc, result.operands);
}

void WgmmaOp::print(OpAsmPrinter &printer) {
  printer << ' ' << getOperands();
  if (getTransposed())
    printer << " transposed";
  if (getTurned())
    printer << " turned";
  printer.printOptionalAttrDict((*this)->getAttrs(),
                                {getTransposedAttrName(), getTurnedAttrName()});
  printer << " : " << getA().getType() << ", " << getB().getType() << " -> "
          << getType();
}

LogicalResult WgmmaOp::verify() {
  AccType result = getType();
  int64_t k = 0;
  auto isBf16Tile = [](SharedType tile) {
    return tile.getElementType().isBF16() && tile.getSwizzle();
  };
  if (auto tile = dyn_cast<SharedType>(getA().getType())) {
    if (!isBf16Tile(tile)) // C3, C4
      return emitOpError("expected A of swizzled bf16, found ") << tile;
    bool turned = getTurned();
    if (tile.getShape().size() != 2 || tile.getShape()[turned] != 64) // C1
      return emitOpError("expected A of ")
             << (turned ? "Kx64" : "64xK") << ", found " << tile;
    k = tile.getShape()[!turned];
  } else {
    auto frag = cast<FragType>(getA().getType());
    if (!frag.isA() || frag.getRows() != 64 || getTurned()) // C1
      return emitOpError("expected A of ")
             << (getTurned() ? "Kx64 in shared memory" : "64xK") << ", found "
             << frag;
    k = frag.getColumns();
  }
  SharedType b = getB().getType();
  if (!isBf16Tile(b)) // C3, C4
    return emitOpError("expected B of swizzled bf16, found ") << b;
  if (k % 16) // C5
    return emitOpError("expected a multiple of 16 along K, found ") << k;
  int64_t slab = b.getSwizzle() / 2; // columns that are a swizzled row
  SmallVector<int64_t> expected =
      getTransposed()
          ? SmallVector<int64_t>{result.getColumns() / slab, k, slab}
          : SmallVector<int64_t>{result.getColumns(), k};
  if (getTransposed() && result.getColumns() % slab)
    return emitOpError("expected a multiple of ")
           << slab << " columns, found " << result;
  if (ArrayRef<int64_t>(expected) != b.getShape() || result.getRows() != 64 ||
      (getC() && getC().getType() != result)) // C2
    return emitOpError("expected B and the result to agree with A's K = ")
           << k << ", found " << b << " and " << result;
  return success();
}

LogicalResult WgmmaWaitOp::inferReturnTypes(MLIRContext *,
                                            std::optional<Location>,
                                            ValueRange operands, DictionaryAttr,
                                            OpaqueProperties, RegionRange,
                                            SmallVectorImpl<Type> &types) {
  llvm::append_range(types, operands.getTypes());
  return success();
}

LogicalResult WgmmaWaitOp::verify() {
  if (getPending() > 7) // C1
    return emitOpError("expected 0 to 7 pending groups, found ")
           << getPending();
  if (getAccumulators().getTypes() != getResultTypes()) // C2
    return emitOpError("expected results of the operands' types");
  return success();
}

//===----------------------------------------------------------------------===//
// mma.sync
//===----------------------------------------------------------------------===//

LogicalResult LoadMatrixOp::verify() {
  SharedType tile = getSource().getType();
  FragType frag = getType();
  if (!tile.getElementType().isBF16() || tile.getShape().size() != 2) // C1
    return emitOpError("expected a bf16 matrix, found ") << tile;
  if (frag.isA() && frag.getRows() != 16) // C2
    return emitOpError("expected 16 rows of kind a, found ") << frag;
  if (frag.isA() && getTransposed()) // C3
    return emitOpError("expected kind b if transposed, found ") << frag;
  int64_t rows = getTransposed() ? frag.getColumns() : frag.getRows();
  int64_t columns = getTransposed() ? frag.getRows() : frag.getColumns();
  if (tile.getShape()[1] % 8 || rows > tile.getShape()[0] ||
      columns > tile.getShape()[1]) // C4
    return emitOpError("expected ")
           << rows << "x" << columns
           << " or more, in rows of a multiple of 16 bytes, found " << tile;
  return success();
}

LogicalResult MmaOp::verify() {
  FragType a = getA().getType(), b = getB().getType();
  if (!a.isA() || b.isA() || a.getRows() != getType().getRows() ||
      a.getRows() != 16 || a.getColumns() != b.getColumns() ||
      b.getRows() != getType().getColumns()) // C1
    return emitOpError("expected 16xK (a), NxK (b) and 16xN, found ")
           << a << ", " << b << " and " << getType();
  return success();
}

LogicalResult PackOp::verify() {
  AccType source = getSource().getType();
  FragType result = getType();
  if (!result.isA() || source.getRows() != result.getRows() ||
      source.getColumns() != result.getColumns()) // C1
    return emitOpError("expected kind a of the shape of ")
           << source << ", found " << result;
  return success();
}

//===----------------------------------------------------------------------===//
// Elementwise, reductions, stores
//===----------------------------------------------------------------------===//

LogicalResult ColumnsOp::verify() {
  AccType source = getSource().getType(), result = getType();
  if (source.getRows() != result.getRows()) // C1
    return emitOpError("expected ")
           << source.getRows() << " rows, found " << result;
  if (getFirst() % 8 ||
      int64_t(getFirst()) + result.getColumns() > source.getColumns()) // C2
    return emitOpError("expected columns from a multiple of 8 within ")
           << source << ", found " << result << " from " << getFirst();
  return success();
}

LogicalResult ElementsOp::inferReturnTypes(MLIRContext *context,
                                           std::optional<Location>,
                                           ValueRange operands, DictionaryAttr,
                                           OpaqueProperties, RegionRange,
                                           SmallVectorImpl<Type> &types) {
  auto source = cast<AccType>(operands.front().getType());
  types.assign(source.getNumElements(), Float32Type::get(context));
  return success();
}

static int64_t getRows(Type type) {
  if (auto acc = dyn_cast<AccType>(type))
    return acc.getRows();
  return cast<RowsType>(type).getRows();
}

LogicalResult MapOp::verify() {
  Type result = getType();
  auto agrees = [&](Type type) {
    auto frag = dyn_cast<FragType>(type);
    auto acc = dyn_cast<AccType>(result);
    if (frag)
      return acc && frag.isA() && frag.getColumns() == acc.getColumns() &&
             (frag.getRows() == 16 || frag.getRows() == acc.getRows());
    return getRows(type) == getRows(result) &&
           (!isa<AccType>(type) || type == result);
  };
  for (Type type : getInputs().getTypes())
    if (!agrees(type)) // C1
      return emitOpError("expected inputs that agree with ")
             << result << ", found " << type;
  Builder builder(getContext());
  SmallVector<Type> expected(getInputs().size(), builder.getF32Type());
  expected.append(isa<AccType>(result) ? 2 : 1, builder.getIndexType());
  Block &block = getBody().front();
  if (block.getArgumentTypes() != TypeRange(expected)) // C2
    return emitOpError("expected a region of an f32 for each input, the row "
                       "and (of an accumulator) the column");
  auto yield = block.empty() ? YieldOp() : dyn_cast<YieldOp>(block.back());
  if (!yield || yield.getValues().size() != 1 ||
      !yield.getValues()[0].getType().isF32()) // C3
    return emitOpError("expected a region that yields one f32");
  for (Operation &op : block.without_terminator())
    if (op.getNumRegions() ||
        (!isMemoryEffectFree(&op) && !isa<LoadOp>(op))) // C4
      return op.emitOpError("expected scalar code that at most loads");
  return success();
}

LogicalResult ReduceOp::verify() {
  if (getSource().getType().getRows() != getType().getRows()) // C1
    return emitOpError("expected ")
           << getSource().getType().getRows() << " rows, found " << getType();
  return success();
}

LogicalResult StoreAccOp::verify() {
  Type type = getMemory().getType(), element;
  ArrayRef<int64_t> shape;
  if (auto tile = dyn_cast<SharedType>(type)) {
    element = tile.getElementType(), shape = tile.getShape();
    if (tile.getSwizzle()) // C2
      return emitOpError("expected a tile without swizzle, found ") << tile;
  } else if (auto memory = dyn_cast<MemRefType>(type)) {
    element = memory.getElementType(), shape = memory.getShape();
  }
  if (shape.size() != 2 || !(element.isF32() || element.isBF16())) // C1
    return emitOpError("expected memory of two sizes, f32 or bf16, found ")
           << type;
  if (shape[1] % 2) // C3
    return emitOpError("expected an even row size, found ") << type;
  if (bool(getRows()) != bool(getColumns()))
    return emitOpError("expected bounds of rows and columns, or none");
  if (getTransposed() && getRows()) // C4
    return emitOpError("expected no bounds of a transposed store");
  return success();
}

LogicalResult StoreMatrixOp::verify() {
  AccType source = getSource().getType();
  SharedType tile = getDestination().getType();
  bool transposed = getTransposed();
  if (!tile.getElementType().isBF16() || tile.getShape().size() != 2 ||
      (tile.getShape()[transposed] != 16 &&
       tile.getShape()[transposed] != source.getRows())) // C1
    return emitOpError("expected a bf16 matrix of 16 or ")
           << source.getRows() << (transposed ? " columns" : " rows")
           << ", found " << tile;
  int64_t columns = tile.getShape()[!transposed];
  if (columns % 16 || int64_t(getFirst()) + columns > source.getColumns()) // C2
    return emitOpError("expected a multiple of 16 columns within ")
           << source.getColumns() << ", found " << getFirst() << " to "
           << int64_t(getFirst()) + columns;
  return success();
}
