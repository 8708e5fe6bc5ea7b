// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "dialects/jet/Jet.h"

#include "mlir/IR/DialectImplementation.h"
#include "llvm/ADT/TypeSwitch.h"
#include "llvm/Support/MathExtras.h"

#include <cmath>

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

static ParseResult parseScale(AsmParser &parser, FloatAttr &scale) {
  double value;
  if (parser.parseFloat(value))
    return failure();
  scale = parser.getBuilder().getF64FloatAttr(value);
  return success();
}

static void printScale(AsmPrinter &printer, FloatAttr scale) {
  printDouble(printer, scale.getValueAsDouble());
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

LogicalResult jet::verifyScale(function_ref<InFlightDiagnostic()> emitError,
                               StringRef name, double scale) {
  if (scale > 0 && std::isnormal(static_cast<float>(scale)))
    return success();
  return emitError() << "expected " << name
                     << " positive and normal in f32, found " << scale;
}

/// C1 and C2 of every state type.
static LogicalResult verifyState(function_ref<InFlightDiagnostic()> emitError,
                                 ArrayRef<int64_t> sizes, Type type,
                                 bool orF8 = false) {
  for (int64_t size : sizes)
    if (failed(verifySize(emitError, "size", size)))
      return failure();
  if (type.isF32() || type.isBF16() || (orF8 && isa<Float8E4M3FNType>(type)))
    return success();
  return emitError() << "expected elements of "
                     << (orF8 ? "f32, bf16 or f8E4M3FN" : "f32 or bf16")
                     << ", found " << type;
}

//===----------------------------------------------------------------------===//
// KvCacheType
//===----------------------------------------------------------------------===//

LogicalResult KvCacheType::verify(function_ref<InFlightDiagnostic()> emitError,
                                  int64_t heads, int64_t headDim,
                                  Type elementType, std::optional<int64_t> page,
                                  std::optional<int64_t> window,
                                  FloatAttr keyScale, FloatAttr valueScale) {
  // C1, C2
  bool isScaled = isa<Float8E4M3FNType>(elementType);
  if (failed(verifyState(emitError,
                         {heads, headDim, page.value_or(1), window.value_or(1)},
                         elementType, /*orF8=*/true)))
    return failure();
  // C3
  for (auto [name, scale] :
       {std::pair<StringRef, FloatAttr>{"k_scale", keyScale},
        {"v_scale", valueScale}}) {
    if (failed(verifyScale(emitError, name, scale.getValueAsDouble())))
      return failure();
    if (!isScaled && !scale.getValue().isExactlyValue(1.0))
      return emitError() << "expected " << name << " 1 with elements of "
                         << elementType << ", found "
                         << scale.getValueAsDouble();
  }
  // C4
  if (page.has_value() == window.has_value())
    return emitError() << "expected either a page or a window, found "
                       << (page ? "both" : "none");
  // C5
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
