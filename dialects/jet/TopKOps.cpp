// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "dialects/jet/Ports.h"

#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace jet;

static ArrayRef<int64_t> shapeOf(Value value) {
  return cast<RankedTensorType>(value.getType()).getShape();
}

/// 1 <= k <= `limit`, which is the number of `what`.
static LogicalResult verifyK(Operation *op, int64_t k, int64_t limit,
                             StringRef what) {
  if (k >= 1 && k <= limit)
    return success();
  return op->emitOpError() << "expected k from 1 to " << limit << ", the "
                           << what << ", found " << k;
}

/// The first two results have the rows of `like` and `columns` columns.
static LogicalResult verifyResults(Operation *op, Value like, int64_t columns) {
  int64_t rows = shapeOf(like)[0];
  for (Value result : op->getResults().take_front(2))
    if (shapeOf(result) != ArrayRef<int64_t>{rows, columns}) {
      InFlightDiagnostic diag = op->emitOpError();
      diag << "expected results of shape [";
      diag << (ShapedType::isDynamic(rows) ? "?" : std::to_string(rows));
      return diag << ", " << columns << "], found " << result.getType();
    }
  return success();
}

/// A row of options and a next token for each row of `values`.
static LogicalResult verifySampling(Operation *op, Value values, Value sampling,
                                    Value next) {
  int64_t rows = shapeOf(values)[0];
  std::string size = ShapedType::isDynamic(rows) ? "?" : std::to_string(rows);
  if (shapeOf(sampling) != ArrayRef<int64_t>{rows, kSamplingSize})
    return op->emitOpError()
           << "expected sampling of shape [" << size << ", " << kSamplingSize
           << "], found " << sampling.getType();
  if (shapeOf(next) != ArrayRef<int64_t>{rows})
    return op->emitOpError() << "expected next of shape [" << size
                             << "], found " << next.getType();
  return success();
}

LogicalResult TopKOp::verify() {
  if (failed(verifyK(*this, getK(), shapeOf(getLogits())[1], "columns"))) // C1
    return failure();
  return verifyResults(*this, getLogits(), getK()); // C2
}

bool LinearTopKOp::acceptsPort(int64_t port) { return port == 0; }

LogicalResult LinearTopKOp::verify() {
  ArrayRef<int64_t> weight = shapeOf(getWeight());
  if (shapeOf(getX())[1] != weight[1]) // C1
    return emitOpError() << "expected x with " << weight[1]
                         << " columns as the weight, found "
                         << getX().getType();
  if (weight[0] < 1 || weight[0] > kMaxSize || int64_t(getBlock()) > kMaxSize)
    return emitOpError() << "expected a weight of known rows and a block of at "
                            "most "
                         << kMaxSize << " columns, found "
                         << getWeight().getType() << " and " << getBlock();
  if (failed(verifyK(*this, getK(), weight[0], "rows of the weight")) || // C2
      failed(verifyK(*this, getK(), getBlock(), "columns of a block")))
    return failure();
  int64_t blocks = llvm::divideCeil(weight[0], int64_t(getBlock()));
  if (failed(verifyResults(*this, getX(), blocks * getK()))) // C3
    return failure();
  return verifyNorm(*this, getNorm(), getNormEps(), weight[1]); // C4
}

/// C1 of ops on candidates.
template <typename Op> static LogicalResult verifyCandidates(Op op) {
  if (shapeOf(op.getValues()) == shapeOf(op.getIds()))
    return success();
  return op.emitOpError() << "expected values and ids of one shape, found "
                          << op.getValues().getType() << " and "
                          << op.getIds().getType();
}

LogicalResult SampleOp::verify() {
  if (failed(verifyCandidates(*this))) // C1
    return failure();
  return verifySampling(*this, getValues(), getSampling(), getNext()); // C2, C3
}

LogicalResult SampleLogitsOp::verify() {
  constexpr int64_t kMost = 1 << 24;
  int64_t columns = shapeOf(getLogits())[1];
  if (columns < 1 || columns > kMost) // C3
    return emitOpError() << "expected logits of 1 to " << kMost
                         << " columns, found " << getLogits().getType();
  return verifySampling(*this, getLogits(), getSampling(), getNext()); // C1, C2
}

LogicalResult MergeTopKOp::verify() {
  if (failed(verifyCandidates(*this))) // C1
    return failure();
  if (failed(verifyK(*this, getK(), shapeOf(getValues())[1], "candidates")))
    return failure();                                    // C2
  if (failed(verifyResults(*this, getValues(), getK()))) // C3
    return failure();
  // C4
  if (bool(getSampling()) != bool(getNext()))
    return emitOpError() << "expected a next token with sampling alone";
  if (!getSampling())
    return success();
  return verifySampling(*this, getValues(), getSampling(), getNext());
}
