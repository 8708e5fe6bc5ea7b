// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// jet.linear: y[r, n] = Σ_k x[r, k] · w[n, k] (+ b[n]). The grid is blocks of
// output columns: a block of weights is read once for all rows.

#include "lowering/linalg/KernelBuilder.h"

using namespace mlir;
using namespace jet;

/// Output columns of a grid point: the block of weights (64 × K bf16) stays in
/// the second-level cache while the rows pass over it.
static constexpr int64_t kBlock = 64;

Lowered jet::lowerLinear(KernelBuilder &b, LinearOp op, ValueRange operands) {
  Value x = operands[0], weight = operands[1];
  auto type = cast<RankedTensorType>(op.getType());
  int64_t outputs = type.getDimSize(1);
  OpFoldResult rows = b.dim(x, 0), inner = b.dim(x, 1);
  OpFoldResult zero = b.getIndexAttr(0);
  int64_t block = std::min(kBlock, outputs);
  AffineExpr r, n, k;
  bindDims(b.getContext(), r, n, k);
  auto map = [&](unsigned dims, ArrayRef<AffineExpr> exprs) {
    return AffineMap::get(dims, 0, exprs, b.getContext());
  };

  auto body = [&](ValueRange point,
                  ValueRange inits) -> SmallVector<GridResult> {
    OpFoldResult columns = b.getIndexAttr(block);
    if (outputs % block)
      columns = b.min(b.index(block), b.sub(b.index(outputs), point[0]));
    SmallVector<OpFoldResult> offsets = {zero, point[0]};
    SmallVector<OpFoldResult> sizes = {rows, columns};
    Value w = b.slice(weight, {point[0], zero}, {columns, inner}, {true, true});
    // The accumulator is the result itself unless that is narrower.
    bool direct = type.getElementType().isF32();
    Value init = direct ? b.slice(inits[0], offsets, sizes, {true, true})
                        : b.empty(sizes, b.getF32Type());
    if (op.getBias()) {
      Value bias = b.slice(operands[2], {point[0]}, {columns}, {true});
      init = b.generic(bias, init, {map(2, {n}), map(2, {r, n})},
                       {false, false}, [](ValueRange in) { return in[0]; });
    } else {
      init = linalg::FillOp::create(b, ValueRange{b.f32(0)}, ValueRange{init})
                 .getResult(0);
    }
    Value y = b.generic({x, w}, init,
                        {map(3, {r, k}), map(3, {n, k}), map(3, {r, n})},
                        {false, false, true}, [&](ValueRange in) {
                          return b.addf(in[2], b.mulf(in[0], in[1]));
                        });
    if (!direct)
      y = b.elementwiseInto(y,
                            b.slice(inits[0], offsets, sizes, {true, true}),
                            [](ValueRange in) { return in[0]; });
    return {{y, offsets, sizes}};
  };
  Value init = b.empty({rows, b.getIndexAttr(outputs)}, type.getElementType());
  return b.grid({b.getIndexAttr(outputs)}, {b.getIndexAttr(block)}, init, body);
}
