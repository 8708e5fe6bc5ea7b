// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "dialects/jet/Jet.h"

#include "mlir/IR/DialectImplementation.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace jet;

static ParseResult parseDoubleParam(AsmParser &parser, FloatAttr &attr) {
  double value;
  if (parser.parseFloat(value))
    return failure();
  attr = parser.getBuilder().getF64FloatAttr(value);
  return success();
}

static void printDoubleParam(AsmPrinter &printer, FloatAttr attr) {
  printDouble(printer, attr.getValueAsDouble());
}

#define GET_ATTRDEF_CLASSES
#include "dialects/jet/JetAttrs.cpp.inc"

void JetDialect::registerAttributes() {
  addAttributes<
#define GET_ATTRDEF_LIST
#include "dialects/jet/JetAttrs.cpp.inc"
      >();
}

/// Reports the first of `sizes` that is out of range.
static LogicalResult
verifySizes(function_ref<InFlightDiagnostic()> emitError,
            ArrayRef<std::pair<StringRef, int64_t>> sizes) {
  for (auto [name, value] : sizes)
    if (failed(verifySize(emitError, name, value)))
      return failure();
  return success();
}

//===----------------------------------------------------------------------===//
// AttentionAttr
//===----------------------------------------------------------------------===//

LogicalResult
AttentionAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                      int64_t heads, int64_t kvHeads, int64_t headDim,
                      FloatAttr ropeTheta, std::optional<int64_t> window) {
  // C1
  if (failed(verifySizes(emitError, {{"heads", heads},
                                     {"kv_heads", kvHeads},
                                     {"head_dim", headDim},
                                     {"window", window.value_or(1)}})) ||
      failed(verifySize(emitError, "heads * head_dim", heads * headDim)))
    return failure();
  // C2
  if (heads % kvHeads)
    return emitError() << "expected kv_heads to divide heads = " << heads
                       << ", found " << kvHeads;
  // C3
  if (headDim % 2)
    return emitError() << "expected an even head_dim, found " << headDim;
  // C4
  if (!(ropeTheta.getValueAsDouble() > 0))
    return emitError() << "expected rope_theta > 0, found "
                       << ropeTheta.getValueAsDouble();
  return success();
}

StringRef AttentionAttr::getMixerName() const {
  return getWindow() ? "swa" : "attn";
}

SmallVector<Type>
AttentionAttr::getStateTypes(const StateStorage &storage) const {
  Builder b(getContext());
  std::optional<int64_t> page;
  if (!getWindow())
    page = storage.page;
  return {KvCacheType::get(getContext(), getKvHeads(), getHeadDim(), storage.kv,
                           page, getWindow(),
                           b.getF64FloatAttr(storage.keyScale),
                           b.getF64FloatAttr(storage.valueScale))};
}

//===----------------------------------------------------------------------===//
// JetBlockAttr
//===----------------------------------------------------------------------===//

LogicalResult JetBlockAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                                   int64_t heads, int64_t keyDim,
                                   int64_t valueDim, int64_t convSize,
                                   int64_t generatorDim, FloatAttr normEps) {
  // C1
  if (failed(verifySizes(emitError, {{"heads", heads},
                                     {"d_k", keyDim},
                                     {"d_v", valueDim},
                                     {"conv", convSize},
                                     {"generator", generatorDim}})) ||
      failed(verifySize(emitError, "heads * d_k", heads * keyDim)) ||
      failed(verifySize(emitError, "heads * d_v", heads * valueDim)) ||
      failed(verifySize(emitError, "heads * d_v * conv",
                        heads * valueDim * convSize)))
    return failure();
  // C2
  if (!(normEps.getValueAsDouble() > 0))
    return emitError() << "expected norm_eps > 0, found "
                       << normEps.getValueAsDouble();
  return success();
}

StringRef JetBlockAttr::getMixerName() const { return "jet"; }

SmallVector<Type>
JetBlockAttr::getStateTypes(const StateStorage &storage) const {
  MLIRContext *ctx = getContext();
  return {RecurrentStateType::get(ctx, getHeads(), getKeyDim(), getValueDim(),
                                  storage.recurrent),
          ConvTailType::get(ctx, getConvSize() - 1, getHeads() * getValueDim(),
                            storage.convTail)};
}
