// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "dialects/jet/Jet.h"

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
  if (failed(verifyKeysValues(*this, getK(), getV(), getQ(), cache))) // C2
    return failure();
  if (q.getDimSize(2) != cache.getHeadDim() ||
      q.getDimSize(1) % cache.getHeads()) // C3
    return emitOpError() << "expected q of shape [?, a multiple of "
                         << cache.getHeads() << ", " << cache.getHeadDim()
                         << "], found " << q;
  return success();
}

LogicalResult KvAppendOp::verify() {
  return verifyKeysValues(*this, getK(), getV(), getK(),
                          getCache().getType()); // C1
}

LogicalResult DynamicConvOp::verify() {
  ConvTailType tail = getTail().getType();
  int64_t channels = tail.getChannels();
  if (failed(expectRows(*this, "u", getU(), getU(), {channels})) || // C1
      failed(expectRows(*this, "result", getResult(), getU(), {channels})) ||
      failed(expectRows(*this, "taps", getTaps(), getU(),
                        {channels * (tail.getRows() + 1)}))) // C2
    return failure();
  return expectElement(*this, "u", getU(), tail.getElementType()); // C3
}

LogicalResult GatedDeltaRuleOp::verify() {
  RecurrentStateType state = getState().getType();
  int64_t heads = state.getHeads();
  for (auto [name, value, size] :
       {std::tuple<StringRef, Value, int64_t>{"q", getQ(), state.getKeyDim()},
        {"k", getK(), state.getKeyDim()},
        {"v", getV(), state.getValueDim()},
        {"result", getResult(), state.getValueDim()}}) // C1, C2
    if (failed(expectRows(*this, name, value, getQ(), {heads, size})))
      return failure();
  if (failed(expectRows(*this, "g", getG(), getQ(), {heads})))
    return failure();
  return expectRows(*this, "beta", getBeta(), getQ(), {heads});
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
