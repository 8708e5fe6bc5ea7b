// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What each op costs. The formulas are explained in docs/cost-model.md; change
// both together.

#include "dialects/jet/Ports.h"

#include "mlir/Interfaces/CastInterfaces.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace jet;

#include "dialects/jet/JetCostInterface.cpp.inc"

//===----------------------------------------------------------------------===//
// Building blocks
//===----------------------------------------------------------------------===//

static int64_t bytesOf(Type element) {
  return llvm::divideCeil(element.getIntOrFloatBitWidth(), 8);
}

/// The product of sizes that a verifier bounded one by one, not together.
static CostExpr product(ArrayRef<int64_t> sizes) {
  CostExpr result(1);
  for (int64_t size : sizes)
    result = result * CostExpr(size);
  return result;
}

CostExpr jet::getRowElements(Type type) {
  return product(cast<RankedTensorType>(type).getShape().drop_front());
}

CostExpr jet::getElements(Type type) {
  auto tensor = cast<RankedTensorType>(type);
  if (tensor.hasStaticShape())
    return product(tensor.getShape());
  return CostExpr::rows() * getRowElements(type);
}

CostExpr jet::getBytes(Type type) {
  if (isa<BatchType>(type))
    return CostExpr::batch() * CostExpr(4 * sizeof(int32_t));
  if (auto tensor = dyn_cast<RankedTensorType>(type))
    return getElements(type) * CostExpr(bytesOf(tensor.getElementType()));
  return {};
}

OpCost jet::getOperandCost(Operation *op) {
  OpCost cost;
  for (Type type : op->getOperandTypes()) {
    auto tensor = dyn_cast<RankedTensorType>(type);
    bool isWeight = tensor && tensor.hasStaticShape();
    (isWeight ? cost.weightsRead : cost.activationsRead) += getBytes(type);
  }
  for (Type type : op->getResultTypes())
    cost.activationsWritten += getBytes(type);
  return cost;
}

int64_t jet::countScalarFlops(Region &region) {
  int64_t count = 0;
  region.walk([&](Operation *op) {
    bool computes = !op->hasTrait<OpTrait::ConstantLike>() &&
                    !op->hasTrait<OpTrait::IsTerminator>() &&
                    llvm::any_of(op->getOperandTypes(), [](Type type) {
                      return isa<FloatType>(type);
                    });
    // Conversions between float types are part of the load or store.
    count += computes && !isa<CastOpInterface>(op);
  });
  return count;
}

OpCost jet::getRowwiseCost(Operation *op) {
  OpCost cost = getOperandCost(op);
  int64_t flops = 0;
  for (Region &region : op->getRegions())
    flops += countScalarFlops(region);
  if (flops)
    cost.vectorFlops =
        getElements(op->getResult(0).getType()) * CostExpr(flops);
  return cost;
}

void jet::addMatrixProduct(OpCost &cost, const CostExpr &rows, int64_t n,
                           int64_t k) {
  cost.tensorFlops += rows * product({2, n, k});
}

/// Positions of a sequence that the cache holds before the step.
static CostExpr getCachedKeys(KvCacheType cache) {
  if (std::optional<int64_t> window = cache.getWindow())
    return CostExpr::min(CostExpr::context(), *window);
  return CostExpr::context();
}

/// Σ over the rows i = 1 … n of a sequence of the keys that row i sees: L + i,
/// at most the window. The first m rows see less than the window.
static CostExpr getVisibleKeys(KvCacheType cache) {
  CostExpr n = CostExpr::tokensEach(), m = n;
  if (std::optional<int64_t> window = cache.getWindow())
    m = CostExpr::min(n, CostExpr(*window) - getCachedKeys(cache));
  CostExpr visible =
      m * CostExpr::context() + CostExpr::ceilDiv(m * (m + CostExpr(1)), 2);
  if (std::optional<int64_t> window = cache.getWindow())
    visible += (n - m) * CostExpr(*window);
  return visible;
}

/// Bytes of K and V of one position.
static CostExpr getPositionBytes(KvCacheType cache) {
  return product({2, cache.getHeads(), cache.getHeadDim(),
                  bytesOf(cache.getElementType())});
}

void jet::addAttention(OpCost &cost, KvCacheType cache, int64_t heads) {
  CostExpr pairs = CostExpr::batch() * getVisibleKeys(cache);
  cost.stateRead +=
      CostExpr::batch() * getCachedKeys(cache) * getPositionBytes(cache);
  cost.tensorFlops += pairs * product({4, heads, cache.getHeadDim()});
  // Scale, maximum, difference, exponential, sum.
  cost.vectorFlops += pairs * product({5, heads});
}

void jet::addKvAppend(OpCost &cost, KvCacheType cache) {
  CostExpr rows = CostExpr::tokens();
  if (std::optional<int64_t> window = cache.getWindow())
    rows = CostExpr::batch() * CostExpr::min(CostExpr::tokensEach(), *window);
  cost.stateWritten += rows * getPositionBytes(cache);
}

void jet::addDeltaRule(OpCost &cost, RecurrentStateType state, bool additive) {
  CostExpr elements =
      product({state.getHeads(), state.getKeyDim(), state.getValueDim()});
  CostExpr bytes =
      CostExpr::batch() * elements * CostExpr(bytesOf(state.getElementType()));
  cost.stateRead += bytes;
  cost.stateWritten += bytes;
  // S·k unless additive, the rank-one update, S·q; and the decay.
  cost.tensorFlops +=
      CostExpr::tokens() * elements * CostExpr(additive ? 4 : 6);
  cost.vectorFlops += CostExpr::tokens() * elements;
}

void jet::addConvolution(OpCost &cost, ConvTailType tail) {
  CostExpr bytes =
      CostExpr::batch() * product({tail.getRows(), tail.getChannels(),
                                   bytesOf(tail.getElementType())});
  cost.stateRead += bytes;
  cost.stateWritten += bytes;
  cost.vectorFlops +=
      CostExpr::tokens() * product({2, tail.getRows() + 1, tail.getChannels()});
}

//===----------------------------------------------------------------------===//
// As an attribute
//===----------------------------------------------------------------------===//

DictionaryAttr jet::costToAttribute(MLIRContext *context, StringRef opName,
                                    const OpCost &cost) {
  Builder b(context);
  NamedAttrList entries;
  entries.append("op", b.getStringAttr(opName));
  for (const CostPart &part : kCostParts)
    if (const CostExpr &value = cost.*part.member; !value.isZero())
      entries.append(part.name, b.getStringAttr(value.toString()));
  return entries.getDictionary(context);
}

FailureOr<OpCost> jet::costFromAttribute(Operation *op,
                                         DictionaryAttr attribute) {
  OpCost cost;
  for (NamedAttribute entry : attribute) {
    if (entry.getName() == "op")
      continue;
    const auto *part = llvm::find_if(kCostParts, [&](const CostPart &part) {
      return entry.getName() == part.name;
    });
    auto text = dyn_cast<StringAttr>(entry.getValue());
    if (part == std::end(kCostParts) || !text)
      return op->emitError("jet.cost: expected the parts of a cost as strings, "
                           "found ")
             << entry.getName() << " = " << entry.getValue();
    Result<CostExpr> value = CostExpr::parse(text.getValue());
    if (!value)
      return op->emitError("jet.cost: ")
             << entry.getName() << ": " << value.error().message;
    cost.*part->member = *value;
  }
  return cost;
}

//===----------------------------------------------------------------------===//
// Row-wise ops
//===----------------------------------------------------------------------===//

/// Tensors in and out, and `flops` operations for each element of the result.
static OpCost getElementwiseCost(Operation *op, int64_t flops) {
  OpCost cost = getOperandCost(op);
  cost.vectorFlops = getElements(op->getResult(0).getType()) * CostExpr(flops);
  return cost;
}

OpCost ParamOp::getCost() { return {}; }
OpCost PackedParamOp::getCost() { return {}; }
OpCost ParamRowsOp::getCost() { return {}; }
OpCost SplitHeadsOp::getCost() { return {}; }
OpCost MergeHeadsOp::getCost() { return {}; }

/// Of the table, only the rows of the tokens.
OpCost EmbeddingOp::getCost() {
  OpCost cost = getOperandCost(*this);
  int64_t bytes = bytesOf(getTable().getType().getElementType());
  cost.weightsRead = getElements(getResult().getType()) * CostExpr(bytes);
  return cost;
}

OpCost LinearOp::getCost() {
  OpCost cost = getRowwiseCost(*this);
  ArrayRef<int64_t> weight = getWeight().getType().getShape();
  addMatrixProduct(cost, CostExpr::rows(), weight[0], weight[1]);
  if (getBias())
    cost.vectorFlops += getElements(getResult().getType());
  return cost;
}

// Square, sum, times the scale, times the weight.
OpCost RmsNormOp::getCost() { return getElementwiseCost(*this, 4); }
// The same, SiLU (5), times the gate.
OpCost GatedRmsNormOp::getCost() { return getElementwiseCost(*this, 10); }
// Square, sum, times the scale.
OpCost L2NormOp::getCost() { return getElementwiseCost(*this, 3); }
// Two products and a sum; angles are shared by the heads.
OpCost RopeOp::getCost() { return getElementwiseCost(*this, 3); }
// SiLU: negate, exponential, add, divide, multiply; and the product.
OpCost SwigluOp::getCost() { return getElementwiseCost(*this, 6); }

//===----------------------------------------------------------------------===//
// Ops that mix tokens
//===----------------------------------------------------------------------===//

/// The code on the op's ports, for every element of each.
static void addPorts(OpCost &cost, PortOpInterface op) {
  for (const Port &port : getPorts(op))
    cost.vectorFlops += getElements(getPortType(op, port.number)) *
                        CostExpr(countScalarFlops(*port.region));
}

OpCost AttentionOp::getCost() {
  OpCost cost = getOperandCost(*this);
  addAttention(cost, getCache().getType(), getQ().getType().getDimSize(1));
  // The step's own keys, which else are operands.
  if (!getK())
    cost.activationsRead +=
        CostExpr::rows() * getPositionBytes(getCache().getType());
  addPorts(cost, *this);
  return cost;
}

OpCost KvAppendOp::getCost() {
  OpCost cost = getOperandCost(*this);
  addKvAppend(cost, getCache().getType());
  return cost;
}

OpCost DynamicConvOp::getCost() {
  OpCost cost = getOperandCost(*this);
  addConvolution(cost, getTail().getType());
  addPorts(cost, *this);
  return cost;
}

OpCost ShortConvOp::getCost() {
  OpCost cost = getOperandCost(*this);
  addConvolution(cost, getTail().getType());
  addPorts(cost, *this);
  return cost;
}

/// The taps are never moved, and computed as a projection.
OpCost GeneratedConvOp::getCost() {
  OpCost cost = getOperandCost(*this);
  ArrayRef<int64_t> weight = getWeight().getType().getShape();
  addMatrixProduct(cost, CostExpr::rows(), weight[0], weight[1]);
  cost.vectorFlops += CostExpr::rows() * CostExpr(weight[0]); // bias
  addConvolution(cost, getTail().getType());
  addPorts(cost, *this);
  return cost;
}

OpCost GatedDeltaRuleOp::getCost() {
  OpCost cost = getOperandCost(*this);
  addDeltaRule(cost, getState().getType(), getAdditive());
  // As jet.l2_norm and jet.gated_rms_norm.
  if (getQkNormEps())
    cost.vectorFlops +=
        (getElements(getQ().getType()) + getElements(getK().getType())) *
        CostExpr(3);
  if (getGate())
    cost.vectorFlops += getElements(getResult().getType()) * CostExpr(10);
  addPorts(cost, *this);
  return cost;
}

/// As jet.rms_norm of `x`, if `op` norms it; the norm is an operand, or in the
/// weights.
template <typename Op> static void addNorm(OpCost &cost, Op op) {
  if (op.getNormEps())
    cost.vectorFlops +=
        getElements(op.getX().getType()) * CostExpr(op.getNorm() ? 4 : 3);
}

OpCost GroupedLinearOp::getCost() {
  OpCost cost = getOperandCost(*this);
  for (Value weight : getWeights()) {
    ArrayRef<int64_t> shape = cast<ShapedType>(weight.getType()).getShape();
    addMatrixProduct(cost, CostExpr::rows(), shape[0], shape[1]);
  }
  addNorm(cost, *this);
  addPorts(cost, *this);
  return cost;
}

OpCost QkvLinearOp::getCost() {
  OpCost cost = getOperandCost(*this);
  for (Value weight : getWeights()) {
    ArrayRef<int64_t> shape = cast<ShapedType>(weight.getType()).getShape();
    addMatrixProduct(cost, CostExpr::rows(), shape[0], shape[1]);
    if (!getBiases().empty())
      cost.vectorFlops += CostExpr::rows() * CostExpr(shape[0]);
  }
  addNorm(cost, *this);
  for (Value weight : getWeights().drop_back()) // as jet.rope
    cost.vectorFlops +=
        CostExpr::rows() *
        product({3, cast<ShapedType>(weight.getType()).getDimSize(0)});
  if (getCache())
    addKvAppend(cost, getCache().getType());
  return cost;
}

/// Both ops, but the convolved values do not move and the batch is read once.
OpCost DeltaStepOp::getCost() {
  OpCost cost = getConvolution().getCost();
  const OpCost rule = getRule().getCost();
  for (const CostPart &part : kCostParts)
    cost.*part.member += rule.*part.member;
  CostExpr values = getBytes(getRule().getV().getType());
  cost.activationsWritten = cost.activationsWritten - values;
  cost.activationsRead =
      cost.activationsRead - values - getBytes(getRule().getBatch().getType());
  return cost;
}

/// Difference, quotient, exponential, sum and two comparisons each.
static void addSampling(OpCost &cost, Type candidates) {
  cost.vectorFlops += getElements(candidates) * CostExpr(6);
}

// Each logit is compared once; what is kept is short.
OpCost TopKOp::getCost() {
  OpCost cost = getOperandCost(*this);
  cost.vectorFlops = getElements(getLogits().getType());
  return cost;
}

OpCost LinearTopKOp::getCost() {
  OpCost cost = getOperandCost(*this);
  ArrayRef<int64_t> weight = getWeight().getType().getShape();
  addMatrixProduct(cost, CostExpr::rows(), weight[0], weight[1]);
  cost.vectorFlops += CostExpr::rows() * CostExpr(weight[0]);
  addNorm(cost, *this);
  addPorts(cost, *this);
  return cost;
}

OpCost MergeTopKOp::getCost() {
  OpCost cost = getOperandCost(*this);
  cost.vectorFlops = getElements(getValues().getType());
  if (getSampling())
    addSampling(cost, getBestValues().getType());
  return cost;
}

OpCost SampleOp::getCost() {
  OpCost cost = getOperandCost(*this);
  addSampling(cost, getValues().getType());
  return cost;
}

OpCost SampleLogitsOp::getCost() {
  OpCost cost = getOperandCost(*this);
  addSampling(cost, getLogits().getType());
  return cost;
}

/// One row of each sequence, whatever the number of rows.
OpCost LastTokenOp::getCost() {
  OpCost cost;
  int64_t bytes = bytesOf(getX().getType().getElementType());
  CostExpr row = getRowElements(getX().getType()) * CostExpr(bytes);
  cost.activationsRead =
      CostExpr::batch() * row + getBytes(getBatch().getType());
  cost.activationsWritten = CostExpr::batch() * row;
  return cost;
}
