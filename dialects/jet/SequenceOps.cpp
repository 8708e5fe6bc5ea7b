// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "dialects/jet/Jet.h"
#include "dialects/jet/Ports.h"

using namespace mlir;
using namespace jet;

static RankedTensorType tensorOf(Value value) {
  return cast<RankedTensorType>(value.getType());
}

/// Reports when `value` is not a tensor of rows of the given sizes, as many as
/// `like` has.
static LogicalResult expectRows(Operation *op, StringRef what, Value value,
                                Value like, ArrayRef<int64_t> sizes) {
  int64_t rows = tensorOf(like).getDimSize(0);
  if (tensorOf(value).getDimSize(0) == rows &&
      tensorOf(value).getShape().drop_front() == sizes)
    return success();
  InFlightDiagnostic diag = op->emitOpError();
  diag << "expected " << what << " of shape [";
  diag << (ShapedType::isDynamic(rows) ? "?" : std::to_string(rows));
  for (int64_t size : sizes)
    diag << ", " << size;
  return diag << "], found " << value.getType();
}

static LogicalResult expectElement(Operation *op, StringRef what, Value value,
                                   Type element) {
  if (tensorOf(value).getElementType() == element)
    return success();
  return op->emitOpError() << "expected " << what << " with elements of type "
                           << element << " as in the state, found "
                           << value.getType();
}

/// k and v against the cache that they extend; rows as in `like`.
static LogicalResult verifyKeysValues(Operation *op, Value k, Value v,
                                      Value like, KvCacheType cache) {
  for (auto [name, value] : {std::pair<StringRef, Value>{"k", k}, {"v", v}})
    if (failed(expectRows(op, name, value, like,
                          {cache.getHeads(), cache.getHeadDim()})) ||
        failed(expectElement(op, name, value, cache.getElementType())))
      return failure();
  return success();
}

LogicalResult AttentionOp::verify() {
  auto cache = getCache().getType();
  RankedTensorType q = tensorOf(getQ());
  if (q.getShape() != tensorOf(getResult()).getShape()) // C1
    return emitOpError() << "expected q and result of one shape, found " << q
                         << " and " << getResult().getType();
  if (!getK() != !getV()) // C4
    return emitOpError("expected both k and v or none of them");
  if (getK() &&
      failed(verifyKeysValues(*this, getK(), getV(), getQ(), cache))) // C2
    return failure();
  if (q.getDimSize(2) != cache.getHeadDim() ||
      q.getDimSize(1) % cache.getHeads()) // C3
    return emitOpError() << "expected q of shape [?, a multiple of "
                         << cache.getHeads() << ", " << cache.getHeadDim()
                         << "], found " << q;
  return success();
}

/// q, k, v, cache, batch, or without k and v.
ParseResult
jet::parseAttentionOperands(OpAsmParser &parser,
                            OpAsmParser::UnresolvedOperand &q,
                            std::optional<OpAsmParser::UnresolvedOperand> &k,
                            std::optional<OpAsmParser::UnresolvedOperand> &v,
                            OpAsmParser::UnresolvedOperand &cache,
                            OpAsmParser::UnresolvedOperand &batch) {
  SMLoc location = parser.getCurrentLocation();
  SmallVector<OpAsmParser::UnresolvedOperand> all;
  if (parser.parseOperandList(all))
    return failure();
  if (all.size() != 3 && all.size() != 5)
    return parser.emitError(location, "expected q, cache and batch, or q, k, "
                                      "v, cache and batch, found ")
           << all.size() << " operands";
  q = all[0];
  if (all.size() == 5) {
    k = all[1];
    v = all[2];
  }
  cache = all[all.size() - 2];
  batch = all.back();
  return success();
}

void jet::printAttentionOperands(OpAsmPrinter &printer, Operation *, Value q,
                                 Value k, Value v, Value cache, Value batch) {
  printer << q;
  for (Value value : {k, v})
    if (value)
      printer << ", " << value;
  printer << ", " << cache << ", " << batch;
}

LogicalResult KvAppendOp::verify() {
  return verifyKeysValues(*this, getK(), getV(), getK(),
                          getCache().getType()); // C1
}

/// u and the result of a convolution have the channels of its tail.
template <typename Convolution>
static LogicalResult expectChannels(Convolution op) {
  int64_t channels = op.getTail().getType().getChannels();
  return success(
      succeeded(expectRows(op, "u", op.getU(), op.getU(), {channels})) &&
      succeeded(
          expectRows(op, "result", op.getResult(), op.getU(), {channels})));
}

LogicalResult DynamicConvOp::verify() {
  ConvTailType tail = getTail().getType();
  int64_t channels = tail.getChannels();
  if (failed(expectChannels(*this)) || // C1
      failed(expectRows(*this, "taps", getTaps(), getU(),
                        {channels * (tail.getRows() + 1)}))) // C2
    return failure();
  return expectElement(*this, "u", getU(), tail.getElementType()); // C3
}

LogicalResult ShortConvOp::verify() {
  ConvTailType tail = getTail().getType();
  int64_t channels = tail.getChannels();
  if (failed(expectChannels(*this))) // C1
    return failure();
  RankedTensorType weight = tensorOf(getWeight());
  if (weight.getShape() !=
      ArrayRef<int64_t>{channels, tail.getRows() + 1}) // C2
    return emitOpError() << "expected a weight of shape [" << channels << ", "
                         << tail.getRows() + 1 << "], found " << weight;
  return expectElement(*this, "u", getU(), tail.getElementType()); // C3
}

LogicalResult GatedDeltaRuleOp::verify() {
  RecurrentStateType state = getState().getType();
  int64_t heads = state.getHeads(), keyHeads = tensorOf(getQ()).getDimSize(1);
  if (heads % keyHeads || tensorOf(getQ()).getDimSize(2) != state.getKeyDim())
    return emitOpError() << "expected q of shape [?, a divisor of " << heads
                         << ", " << state.getKeyDim() << "], found "
                         << getQ().getType();
  for (auto [name, value, shape] :
       {std::tuple<StringRef, Value, std::array<int64_t, 2>>{
            "k", getK(), {keyHeads, state.getKeyDim()}},
        {"v", getV(), {heads, state.getValueDim()}},
        {"result", getResult(), {heads, state.getValueDim()}}}) // C1, C2
    if (failed(expectRows(*this, name, value, getQ(), shape)))
      return failure();
  if (failed(expectRows(*this, "g", getG(), getQ(), {heads})) ||
      failed(expectRows(*this, "beta", getBeta(), getQ(), {heads})))
    return failure();
  auto positive = [](std::optional<APFloat> value) {
    return value && value->convertToDouble() > 0;
  };
  if (getQkNormEps().has_value() != getQScale().has_value() ||
      (getQkNormEps() && !positive(getQkNormEps()))) // C3
    return emitOpError("expected qk_norm_eps > 0 and q_scale together");
  if (!getGate() && !getWeight() && !getNormEps())
    return success();
  if (!getGate() || !getWeight() || !positive(getNormEps())) // C4
    return emitOpError("expected a gate, a weight and norm_eps > 0 together");
  if (tensorOf(getWeight()).getDimSize(0) != state.getValueDim())
    return emitOpError() << "expected a norm weight of " << state.getValueDim()
                         << ", found " << getWeight().getType();
  return expectRows(*this, "gate", getGate(), getQ(),
                    {heads, state.getValueDim()});
}

LogicalResult LastTokenOp::verify() {
  if (tensorOf(getX()).getElementType() !=
      tensorOf(getResult()).getElementType()) // C1
    return emitOpError() << "expected one element type, found "
                         << getX().getType() << " and "
                         << getResult().getType();
  return expectRows(*this, "result", getResult(), getResult(),
                    {tensorOf(getX()).getDimSize(1)});
}

//===----------------------------------------------------------------------===//
// Ops with ports
//===----------------------------------------------------------------------===//

bool AttentionOp::acceptsPort(int64_t port) { return port == resultPort(0); }

bool DynamicConvOp::acceptsPort(int64_t port) { return port == resultPort(0); }

bool ShortConvOp::acceptsPort(int64_t port) { return port == resultPort(0); }

bool GeneratedConvOp::acceptsPort(int64_t port) {
  return port == resultPort(0);
}

/// q, k, v, g and beta.
bool GatedDeltaRuleOp::acceptsPort(int64_t port) {
  return port >= 0 && port < 5;
}

LogicalResult GeneratedConvOp::verify() {
  ConvTailType tail = getTail().getType();
  int64_t channels = tail.getChannels();
  if (failed(expectChannels(*this))) // C1
    return failure();
  // C2; not by a product, which might overflow.
  RankedTensorType weight = tensorOf(getWeight());
  int64_t outputs = weight.getDimSize(0);
  if (outputs % channels || outputs / channels != tail.getRows() + 1)
    return emitOpError() << "expected a weight with " << tail.getRows() + 1
                         << " rows per channel, found " << weight;
  if (tensorOf(getBias()).getDimSize(0) != outputs)
    return emitOpError() << "expected a bias of " << outputs << ", found "
                         << getBias().getType();
  if (failed(expectRows(*this, "h", getH(), getU(), {weight.getDimSize(1)})))
    return failure();
  return expectElement(*this, "u", getU(), tail.getElementType()); // C3
}

LogicalResult jet::verifyNorm(Operation *op, Value norm,
                              std::optional<APFloat> eps, int64_t columns) {
  if (norm && !eps)
    return op->emitOpError("expected norm_eps with a norm, found none");
  if (eps && !(eps->convertToDouble() > 0))
    return op->emitOpError("expected norm_eps > 0, found ")
           << eps->convertToDouble();
  if (norm && tensorOf(norm).getDimSize(0) != columns)
    return op->emitOpError()
           << "expected a norm of " << columns << ", found " << norm.getType();
  return success();
}

//===----------------------------------------------------------------------===//
// GroupedLinearOp
//===----------------------------------------------------------------------===//

/// x, and every result.
bool GroupedLinearOp::acceptsPort(int64_t port) {
  return port == 0 || port < 0;
}

int64_t GroupedLinearOp::getLeadingArguments(int64_t port) {
  return port >= 0 ? 1 : getProducts()[-1 - port];
}

OperandRange GroupedLinearOp::getWeightsOf(unsigned index) {
  ArrayRef<int64_t> products = getProducts();
  int64_t first = 0;
  for (unsigned i = 0; i < index; ++i)
    first += products[i];
  return getWeights().slice(first, products[index]);
}

LogicalResult GroupedLinearOp::verify() {
  ArrayRef<int64_t> products = getProducts();
  int64_t total = 0;
  for (int64_t count : products) {
    if (count < 1 || count > static_cast<int64_t>(getWeights().size()))
      return emitOpError() << "expected a positive number of products per "
                              "result, found "
                           << count;
    total += count;
  }
  if (products.size() != getNumResults() ||
      total != static_cast<int64_t>(getWeights().size())) // C1
    return emitOpError() << "expected 'products' with " << getNumResults()
                         << " entries that sum to " << getWeights().size();
  int64_t inner = tensorOf(getX()).getDimSize(1);
  for (auto [index, result] : llvm::enumerate(getResults())) {
    for (Value weight : getWeightsOf(index)) {
      RankedTensorType type = tensorOf(weight);
      if (type.getDimSize(1) != inner ||                        // C2
          type.getDimSize(0) != tensorOf(result).getDimSize(1)) // C3
        return emitOpError()
               << "expected a weight of shape ["
               << tensorOf(result).getDimSize(1) << ", " << inner << "] for "
               << "result " << index << ", found " << type;
    }
    if (products[index] > 1 && !findPort(*this, resultPort(index))) // C4
      return emitOpError() << "expected code on result " << index
                           << ", which is made of " << products[index]
                           << " products";
  }
  return verifyNorm(*this, getNorm(), getNormEps(), inner); // C5
}

//===----------------------------------------------------------------------===//
// QkvLinearOp
//===----------------------------------------------------------------------===//

int64_t QkvLinearOp::getKvHeads() {
  return tensorOf(getKWeight()).getDimSize(0) / getHeadDim();
}

Type QkvLinearOp::getKeptType() {
  if (getCache())
    return getCache().getType().getStorageType();
  return getElementTypeOrSelf(getK());
}

/// C6
static LogicalResult verifyKept(QkvLinearOp op) {
  ResultRange kept = op.getKept();
  if (bool(op.getCache()) != bool(op.getBatch()))
    return op.emitOpError("expected a cache and a batch together");
  if (TypedValue<KvCacheType> cache = op.getCache()) {
    KvCacheType type = cache.getType();
    if (kept.size() != 1 || kept.front().getType() != type)
      return op.emitOpError("expected q and a result of ")
             << type << ", found " << op->getResultTypes();
    if (type.getHeads() != op.getKvHeads() ||
        type.getHeadDim() != op.getHeadDim())
      return op.emitOpError("expected a cache of ")
             << op.getKvHeads() << " heads of " << op.getHeadDim() << ", found "
             << type;
    return success();
  }
  SmallVector<int64_t> shape(tensorOf(op.getQ()).getShape());
  shape[1] = op.getKvHeads();
  auto isLike = [&](Value value) {
    auto type = dyn_cast<RankedTensorType>(value.getType());
    return type && type.getShape() == ArrayRef(shape) &&
           type == kept.front().getType();
  };
  if (kept.size() != 2 || !llvm::all_of(kept, isLike))
    return op.emitOpError("expected q, k and v, the last two of one type with ")
           << op.getKvHeads() << " heads of " << op.getHeadDim() << ", found "
           << op->getResultTypes();
  return success();
}

LogicalResult QkvLinearOp::verify() {
  RankedTensorType x = tensorOf(getX()), q = tensorOf(getQ());
  const int64_t dim = getHeadDim(), kvHeads = getKvHeads();
  if (q.getDimSize(0) != x.getDimSize(0) || kvHeads < 1 ||
      q.getDimSize(1) % kvHeads) // C1
    return emitOpError() << "expected q with the rows of x, of shape [?, a "
                            "multiple of "
                         << kvHeads << ", " << dim << "], found " << q;
  if (failed(expectRows(*this, "positions", getPositions(), getX(), {})))
    return failure();
  if (!getBiases().empty() && getBiases().size() != 3) // C3
    return emitOpError() << "expected no biases or three, found "
                         << getBiases().size();
  int64_t heads[] = {q.getDimSize(1), kvHeads, kvHeads};
  for (auto [index, weight] : llvm::enumerate(getWeights())) {
    int64_t rows = tensorOf(weight).getDimSize(0);
    // Not by a product, which might overflow.
    if (rows % dim || rows / dim != heads[index] ||
        tensorOf(weight).getDimSize(1) != x.getDimSize(1)) // C2
      return emitOpError() << "expected a weight of " << heads[index]
                           << " heads of " << dim << " and of "
                           << x.getDimSize(1) << " columns, found "
                           << weight.getType();
    if (!getBiases().empty() &&
        tensorOf(getBiases()[index]).getDimSize(0) != rows) // C3
      return emitOpError() << "expected a bias of " << rows << ", found "
                           << getBiases()[index].getType();
  }
  if (dim % 2 || !(getTheta().convertToDouble() > 0)) // C5
    return emitOpError() << "expected an even head size and a positive theta, "
                            "found "
                         << dim << " and " << getTheta().convertToDouble();
  if (failed(verifyKept(*this)))
    return failure();
  return verifyNorm(*this, getNorm(), getNormEps(), x.getDimSize(1)); // C4
}

//===----------------------------------------------------------------------===//
// DeltaStepOp
//===----------------------------------------------------------------------===//

GeneratedConvOp DeltaStepOp::getConvolution() {
  return cast<GeneratedConvOp>(getBody().front().front());
}

GatedDeltaRuleOp DeltaStepOp::getRule() {
  return cast<GatedDeltaRuleOp>(*std::next(getBody().front().begin(), 2));
}

LogicalResult DeltaStepOp::verifyRegions() {
  Block &block = getBody().front();
  if (block.getArgumentTypes() != getInputs().getTypes()) // C2
    return emitOpError("expected a body whose arguments have the types of the "
                       "inputs");
  auto ops = llvm::map_to_vector(block, [](Operation &op) { return &op; });
  if (ops.size() != 4 || !isa<GeneratedConvOp>(ops[0]) ||
      !isa<SplitHeadsOp>(ops[1]) || !isa<GatedDeltaRuleOp>(ops[2]) ||
      !isa<StepYieldOp>(ops[3])) // C1
    return emitOpError("expected a body of jet.generated_conv, "
                       "jet.split_heads, jet.gated_delta_rule and "
                       "jet.step_yield");
  GeneratedConvOp conv = getConvolution();
  auto heads = cast<SplitHeadsOp>(ops[1]);
  GatedDeltaRuleOp rule = getRule();
  SmallVector<Value> yielded = {rule.getResult(), conv.getNextTail(),
                                rule.getNextState()};
  if (heads.getX() != conv.getResult() || rule.getV() != heads.getResult() ||
      yielded != SmallVector<Value>(ops[3]->getOperands())) // C1
    return emitOpError("expected the rule's v to be the heads of the "
                       "convolution's result, and to yield the rule's result, "
                       "the tail and the state");
  for (Operation *op : {ops[0], ops[2]})
    for (auto [index, operand] : llvm::enumerate(op->getOperands()))
      if (!isa<BlockArgument>(operand) && operand != heads.getResult()) // C2
        return op->emitOpError("expected operand ")
               << index << " to be an argument of the body";
  if (!conv.getResult().hasOneUse() || !heads->hasOneUse() ||
      findPort(rule, 2)) // C3
    return emitOpError("expected one reader of the convolved values, and no "
                       "code on v");
  if (conv.getBatch() != rule.getBatch() ||
      getResultTypes() != ops[3]->getOperandTypes()) // C4
    return emitOpError("expected one batch, and results of the types that the "
                       "body yields");
  return success();
}
