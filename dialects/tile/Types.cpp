// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "dialects/tile/Tile.h"

#include "mlir/IR/DialectImplementation.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace jet::tile;

static ParseResult parseShape(AsmParser &parser, SmallVector<int64_t> &shape,
                              Type &elementType) {
  return failure(parser.parseDimensionList(shape, /*allowDynamic=*/false) ||
                 parser.parseType(elementType));
}

static void printShape(AsmPrinter &printer, ArrayRef<int64_t> shape,
                       Type elementType) {
  for (int64_t size : shape)
    printer << size << 'x';
  printer << elementType;
}

/// Parses "d0x…xtype" where rank and type are given.
static ParseResult parseFixed(AsmParser &parser, MutableArrayRef<int64_t> sizes,
                              Type type) {
  SMLoc loc = parser.getCurrentLocation();
  SmallVector<int64_t> shape;
  Type elementType;
  if (parseShape(parser, shape, elementType))
    return failure();
  if (shape.size() != sizes.size() || elementType != type)
    return parser.emitError(loc)
           << "expected " << sizes.size() << " sizes of " << type;
  llvm::copy(shape, sizes.begin());
  return success();
}

static ParseResult parseF32Matrix(AsmParser &parser, int64_t &rows,
                                  int64_t &columns) {
  int64_t sizes[2];
  if (parseFixed(parser, sizes, Float32Type::get(parser.getContext())))
    return failure();
  rows = sizes[0], columns = sizes[1];
  return success();
}

static void printF32Matrix(AsmPrinter &printer, int64_t rows, int64_t columns) {
  printer << rows << 'x' << columns << "xf32";
}

static ParseResult parseF32Rows(AsmParser &parser, int64_t &rows) {
  return parseFixed(parser, rows, Float32Type::get(parser.getContext()));
}

static void printF32Rows(AsmPrinter &printer, int64_t rows) {
  printer << rows << "xf32";
}

static ParseResult parseBf16Matrix(AsmParser &parser, int64_t &rows,
                                   int64_t &columns) {
  int64_t sizes[2];
  if (parseFixed(parser, sizes, BFloat16Type::get(parser.getContext())))
    return failure();
  rows = sizes[0], columns = sizes[1];
  return success();
}

static void printBf16Matrix(AsmPrinter &printer, int64_t rows,
                            int64_t columns) {
  printer << rows << 'x' << columns << "xbf16";
}

static ParseResult parseKind(AsmParser &parser, std::string &kind) {
  StringRef word;
  SMLoc loc = parser.getCurrentLocation();
  if (parser.parseKeyword(&word))
    return failure();
  if (word != "a" && word != "b")
    return parser.emitError(loc) << "expected kind a or b, found " << word;
  kind = word.str();
  return success();
}

static void printKind(AsmPrinter &printer, StringRef kind) { printer << kind; }

#define GET_TYPEDEF_CLASSES
#include "dialects/tile/TileTypes.cpp.inc"

void TileDialect::registerTypes() {
  addTypes<
#define GET_TYPEDEF_LIST
#include "dialects/tile/TileTypes.cpp.inc"
      >();
}

//===----------------------------------------------------------------------===//
// SharedType, TensorMapType
//===----------------------------------------------------------------------===//

/// C1 (the product), C2 and C3 of both.
static LogicalResult verifyTile(function_ref<InFlightDiagnostic()> emitError,
                                ArrayRef<int64_t> shape, Type elementType,
                                int64_t swizzle) {
  if (shape.empty())
    return emitError() << "expected at least 1 size";
  unsigned bits =
      elementType.isIntOrFloat() ? elementType.getIntOrFloatBitWidth() : 0;
  if (bits != 8 && bits != 16 && bits != 32 && bits != 64)
    return emitError() << "expected elements of 8, 16, 32 or 64 bits, found "
                       << elementType;
  int64_t elements = 1;
  for (int64_t size : shape) {
    if (size <= 0 || size > kMaxSharedBytes)
      return emitError() << "expected sizes of 1 to " << kMaxSharedBytes
                         << ", found " << size;
    elements *= size;
    if (elements * bits / 8 > kMaxSharedBytes)
      return emitError() << "expected at most " << kMaxSharedBytes
                         << " bytes in shared memory";
  }
  if (swizzle != 0 && swizzle != 32 && swizzle != 64 && swizzle != 128)
    return emitError() << "expected a swizzle of 0, 32, 64 or 128, found "
                       << swizzle;
  int64_t row = shape.back() * bits / 8;
  if (swizzle && row != swizzle)
    return emitError() << "expected rows of " << swizzle
                       << " bytes under swizzle " << swizzle << ", found "
                       << row;
  return success();
}

LogicalResult SharedType::verify(function_ref<InFlightDiagnostic()> emitError,
                                 ArrayRef<int64_t> shape, Type elementType,
                                 int64_t swizzle) {
  return verifyTile(emitError, shape, elementType, swizzle);
}

int64_t SharedType::getNumElements() const {
  int64_t elements = 1;
  for (int64_t size : getShape())
    elements *= size;
  return elements;
}

int64_t SharedType::getNumBytes() const {
  return getNumElements() * getElementType().getIntOrFloatBitWidth() / 8;
}

int64_t SharedType::getAlignment() const {
  // TMA and bulk copies need 128 and 16 bytes without swizzle.
  return getSwizzle() ? 8 * getSwizzle() : 128;
}

SharedType SharedType::dropLeading(int64_t n) const {
  return get(getContext(), getShape().drop_front(n), getElementType(),
             getSwizzle());
}

LogicalResult
TensorMapType::verify(function_ref<InFlightDiagnostic()> emitError,
                      ArrayRef<int64_t> shape, Type elementType,
                      int64_t swizzle) {
  if (shape.empty() || shape.size() > 5)
    return emitError() << "expected a box of 1 to 5 sizes, found "
                       << shape.size();
  for (int64_t size : shape)
    if (size < 1 || size > 256)
      return emitError() << "expected sizes of a box of 1 to 256, found "
                         << size;
  if (failed(verifyTile(emitError, shape, elementType, swizzle)))
    return failure();
  int64_t row = shape.back() * elementType.getIntOrFloatBitWidth() / 8;
  if (row % 16)
    return emitError() << "expected rows of a box of a multiple of 16 bytes, "
                       << "found " << row;
  return success();
}

//===----------------------------------------------------------------------===//
// BarriersType
//===----------------------------------------------------------------------===//

LogicalResult BarriersType::verify(function_ref<InFlightDiagnostic()> emitError,
                                   int64_t count) {
  if (count < 1 || count > 1024)
    return emitError() << "expected 1 to 1024 barriers, found " << count;
  return success();
}

//===----------------------------------------------------------------------===//
// AccType, RowsType, FragType
//===----------------------------------------------------------------------===//

static LogicalResult verifyRows(function_ref<InFlightDiagnostic()> emitError,
                                int64_t rows) {
  if (rows != 16 && rows != 64)
    return emitError()
           << "expected 16 rows (a warp) or 64 (a warpgroup), found " << rows;
  return success();
}

LogicalResult AccType::verify(function_ref<InFlightDiagnostic()> emitError,
                              int64_t rows, int64_t columns) {
  if (failed(verifyRows(emitError, rows)))
    return failure();
  if (columns % 8 || columns < 8 || columns > 256)
    return emitError() << "expected a multiple of 8 columns, 8 to 256, found "
                       << columns;
  return success();
}

LogicalResult RowsType::verify(function_ref<InFlightDiagnostic()> emitError,
                               int64_t rows) {
  return verifyRows(emitError, rows);
}

LogicalResult FragType::verify(function_ref<InFlightDiagnostic()> emitError,
                               int64_t rows, int64_t columns, StringRef kind) {
  if (columns % 16 || columns < 16 || columns > 256)
    return emitError() << "expected a multiple of 16 columns, 16 to 256, found "
                       << columns;
  if (kind == "a")
    return verifyRows(emitError, rows);
  if (rows % 8 || rows < 8 || rows > 256)
    return emitError() << "expected a multiple of 8 rows, 8 to 256, found "
                       << rows;
  return success();
}
