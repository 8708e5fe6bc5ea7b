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

/// Of heads in groups that share something.
static LogicalResult verifyDivides(function_ref<InFlightDiagnostic()> emitError,
                                   StringRef name, int64_t divisor,
                                   int64_t heads) {
  if (heads % divisor == 0)
    return success();
  return emitError() << "expected " << name << " to divide heads = " << heads
                     << ", found " << divisor;
}

static LogicalResult verifyNormEps(function_ref<InFlightDiagnostic()> emitError,
                                   FloatAttr eps) {
  if (eps.getValueAsDouble() > 0)
    return success();
  return emitError() << "expected norm_eps > 0, found "
                     << eps.getValueAsDouble();
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
  if (failed(verifyDivides(emitError, "kv_heads", kvHeads, heads))) // C2
    return failure();
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
  return verifyNormEps(emitError, normEps); // C2
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

//===----------------------------------------------------------------------===//
// GatedDeltaNetAttr
//===----------------------------------------------------------------------===//

LogicalResult
GatedDeltaNetAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                          int64_t heads, int64_t keyHeads, int64_t keyDim,
                          int64_t valueDim, int64_t convSize,
                          FloatAttr normEps) {
  // C1
  if (failed(verifySizes(emitError, {{"heads", heads},
                                     {"key_heads", keyHeads},
                                     {"d_k", keyDim},
                                     {"d_v", valueDim},
                                     {"conv", convSize}})) ||
      failed(verifySize(emitError, "key_heads * d_k", keyHeads * keyDim)) ||
      failed(verifySize(emitError, "heads * d_v", heads * valueDim)))
    return failure();
  if (failed(verifyDivides(emitError, "key_heads", keyHeads, heads))) // C2
    return failure();
  return verifyNormEps(emitError, normEps); // C3
}

StringRef GatedDeltaNetAttr::getMixerName() const { return "gdn"; }

/// S, and the tails of q, k and v.
SmallVector<Type>
GatedDeltaNetAttr::getStateTypes(const StateStorage &storage) const {
  MLIRContext *ctx = getContext();
  auto tail = [&](int64_t channels) -> Type {
    return ConvTailType::get(ctx, getConvSize() - 1, channels,
                             storage.convTail);
  };
  const int64_t keys = getKeyHeads() * getKeyDim();
  return {RecurrentStateType::get(ctx, getHeads(), getKeyDim(), getValueDim(),
                                  storage.recurrent),
          tail(keys), tail(keys), tail(getHeads() * getValueDim())};
}

//===----------------------------------------------------------------------===//
// Mamba2Attr
//===----------------------------------------------------------------------===//

LogicalResult Mamba2Attr::verify(function_ref<InFlightDiagnostic()> emitError,
                                 int64_t heads, int64_t headDim,
                                 int64_t stateDim, int64_t groups,
                                 int64_t convSize, FloatAttr normEps) {
  // C1; two products below 2^62 do not overflow in their sum.
  if (failed(verifySizes(emitError, {{"heads", heads},
                                     {"head_dim", headDim},
                                     {"d_state", stateDim},
                                     {"groups", groups},
                                     {"conv", convSize}})) ||
      failed(verifySize(emitError, "heads * head_dim", heads * headDim)) ||
      failed(verifySize(emitError, "groups * d_state", groups * stateDim)) ||
      failed(verifySize(emitError,
                        "2 * heads * head_dim + 2 * groups * d_state + heads",
                        2 * heads * headDim + 2 * groups * stateDim + heads)))
    return failure();
  if (failed(verifyDivides(emitError, "groups", groups, heads))) // C2
    return failure();
  return verifyNormEps(emitError, normEps); // C3
}

StringRef Mamba2Attr::getMixerName() const { return "mamba2"; }

/// The state of the state space, and the tails of x, B and C.
SmallVector<Type> Mamba2Attr::getStateTypes(const StateStorage &storage) const {
  MLIRContext *ctx = getContext();
  auto tail = [&](int64_t channels) -> Type {
    return ConvTailType::get(ctx, getConvSize() - 1, channels,
                             storage.convTail);
  };
  const int64_t columns = getGroups() * getStateDim();
  return {RecurrentStateType::get(ctx, getHeads(), getStateDim(), getHeadDim(),
                                  storage.recurrent),
          tail(getHeads() * getHeadDim()), tail(columns), tail(columns)};
}
