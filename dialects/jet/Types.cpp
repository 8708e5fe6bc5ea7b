// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "dialects/jet/Jet.h"

#include "mlir/IR/DialectImplementation.h"
#include "llvm/ADT/TypeSwitch.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace jet;

/// Parses "d0xd1x…xtype" with as many dimensions as the type has.
static ParseResult parseDimensions(AsmParser &parser, size_t rank,
                                   SmallVectorImpl<int64_t> &dims, Type &type) {
  SMLoc loc = parser.getCurrentLocation();
  if (parser.parseDimensionList(dims, /*allowDynamic=*/false) ||
      parser.parseType(type))
    return failure();
  if (dims.size() != rank)
    return parser.emitError(loc)
           << "expected " << rank << " sizes, found " << dims.size();
  return success();
}

static ParseResult parseDims(AsmParser &parser, int64_t &d0, int64_t &d1,
                             Type &type) {
  SmallVector<int64_t> dims;
  if (parseDimensions(parser, 2, dims, type))
    return failure();
  d0 = dims[0], d1 = dims[1];
  return success();
}

static ParseResult parseDims(AsmParser &parser, int64_t &d0, int64_t &d1,
                             int64_t &d2, Type &type) {
  SmallVector<int64_t> dims;
  if (parseDimensions(parser, 3, dims, type))
    return failure();
  d0 = dims[0], d1 = dims[1], d2 = dims[2];
  return success();
}

static void printDims(AsmPrinter &printer, int64_t d0, int64_t d1, Type type) {
  printer << d0 << 'x' << d1 << 'x' << type;
}

static void printDims(AsmPrinter &printer, int64_t d0, int64_t d1, int64_t d2,
                      Type type) {
  printer << d0 << 'x' << d1 << 'x' << d2 << 'x' << type;
}

/// Parses "d0xd1xtype", then ", page = p" and ", window = w", either of them or
/// both: which of them make sense the verifier says.
static ParseResult parseCache(AsmParser &parser, int64_t &d0, int64_t &d1,
                              Type &type, std::optional<int64_t> &page,
                              std::optional<int64_t> &window) {
  if (parseDims(parser, d0, d1, type))
    return failure();
  while (succeeded(parser.parseOptionalComma())) {
    bool isPage = succeeded(parser.parseOptionalKeyword("page"));
    std::optional<int64_t> &rows = isPage ? page : window;
    if ((!isPage && parser.parseKeyword("window")) || parser.parseEqual() ||
        parser.parseInteger(rows.emplace()))
      return failure();
  }
  return success();
}

static void printCache(AsmPrinter &printer, int64_t d0, int64_t d1, Type type,
                       std::optional<int64_t> page,
                       std::optional<int64_t> window) {
  printDims(printer, d0, d1, type);
  if (page)
    printer << ", page = " << *page;
  if (window)
    printer << ", window = " << *window;
}

#define GET_TYPEDEF_CLASSES
#include "dialects/jet/JetTypes.cpp.inc"

void JetDialect::registerTypes() {
  addTypes<
#define GET_TYPEDEF_LIST
#include "dialects/jet/JetTypes.cpp.inc"
      >();
}

bool jet::isUpdated(Type operand, TypeRange results) {
  return isa<StateTypeInterface>(operand) &&
         llvm::is_contained(results, operand);
}

/// C1 and C2 of every state type.
static LogicalResult verifyState(function_ref<InFlightDiagnostic()> emitError,
                                 ArrayRef<int64_t> sizes, Type type) {
  for (int64_t size : sizes)
    if (failed(verifySize(emitError, "size", size)))
      return failure();
  if (!type.isF32() && !type.isBF16())
    return emitError() << "expected elements of f32 or bf16, found " << type;
  return success();
}

//===----------------------------------------------------------------------===//
// KvCacheType
//===----------------------------------------------------------------------===//

LogicalResult KvCacheType::verify(function_ref<InFlightDiagnostic()> emitError,
                                  int64_t heads, int64_t headDim,
                                  Type elementType, std::optional<int64_t> page,
                                  std::optional<int64_t> window) {
  // C1, C2
  if (failed(verifyState(emitError,
                         {heads, headDim, page.value_or(1), window.value_or(1)},
                         elementType)))
    return failure();
  // C3
  if (page.has_value() == window.has_value())
    return emitError() << "expected either a page or a window, found "
                       << (page ? "both" : "none");
  // C4
  if (page && !llvm::isPowerOf2_64(*page))
    return emitError() << "expected a page of a power of two, found " << *page;
  return success();
}

StringRef KvCacheType::getKindName() const {
  return getWindow() ? "window_kv" : "attention_kv";
}

SmallVector<int64_t> KvCacheType::getSlotShape() const {
  return {2, getHeads(), getRows(), getHeadDim()};
}

bool KvCacheType::isPaged() const { return getPage().has_value(); }

int64_t KvCacheType::getRows() const {
  return isPaged() ? *getPage() : *getWindow();
}

Type KvCacheType::getStorageType() const { return getElementType(); }

//===----------------------------------------------------------------------===//
// RecurrentStateType
//===----------------------------------------------------------------------===//

LogicalResult
RecurrentStateType::verify(function_ref<InFlightDiagnostic()> emitError,
                           int64_t heads, int64_t keyDim, int64_t valueDim,
                           Type elementType) {
  return verifyState(emitError, {heads, keyDim, valueDim}, elementType);
}

StringRef RecurrentStateType::getKindName() const { return "recurrent"; }

SmallVector<int64_t> RecurrentStateType::getSlotShape() const {
  return {getHeads(), getKeyDim(), getValueDim()};
}

Type RecurrentStateType::getStorageType() const { return getElementType(); }

//===----------------------------------------------------------------------===//
// ConvTailType
//===----------------------------------------------------------------------===//

LogicalResult ConvTailType::verify(function_ref<InFlightDiagnostic()> emitError,
                                   int64_t rows, int64_t channels,
                                   Type elementType) {
  // A convolution of size 1 has no tail.
  return verifyState(emitError, {rows == 0 ? 1 : rows, channels}, elementType);
}

StringRef ConvTailType::getKindName() const { return "conv_tail"; }

SmallVector<int64_t> ConvTailType::getSlotShape() const {
  return {getRows(), getChannels()};
}

Type ConvTailType::getStorageType() const { return getElementType(); }
