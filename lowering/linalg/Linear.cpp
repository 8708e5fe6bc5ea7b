// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// jet.linear: y[r, n] = Σ_k x[r, k] · w[n, k] (+ b[n]). The grid is blocks of
// output columns: a block of weights is read once for all rows.

#include "lowering/linalg/PortCode.h"

using namespace mlir;
using namespace jet;

Lowered jet::lowerLinear(KernelBuilder &b, LinearOp op, ValueRange operands) {
  Value x = operands[0], weight = operands[1];
  auto type = cast<RankedTensorType>(op.getType());
  int64_t outputs = type.getDimSize(1);
  OpFoldResult rows = b.dim(x, 0), inner = b.dim(x, 1);
  OpFoldResult zero = b.getIndexAttr(0);
  int64_t block = std::min(kLinearBlock, outputs);
  AffineExpr r, n;
  bindDims(b.getContext(), r, n);
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
    Value y = b.contract(x, w, init);
    if (!direct)
      y = b.elementwiseInto(y, b.slice(inits[0], offsets, sizes, {true, true}),
                            [](ValueRange in) { return in[0]; });
    return {{y, offsets, sizes}};
  };
  Value init = b.empty({rows, b.getIndexAttr(outputs)}, type.getElementType());
  return b.grid({b.getIndexAttr(outputs)}, {b.getIndexAttr(block)}, init, body);
}

//===----------------------------------------------------------------------===//
// Grouped linear
//
//   x̂ = code on x;  with a norm, x̂ = norm ∘ x̂ / rms(x̂)
//   for blocks of the columns of all results, laid end to end:   (the grid)
//     for each result with columns in the block:
//       p_i = x̂ · weight_iᵀ;  result = code on the p_i
//
// x̂ is made once for each range of grid points that a thread takes, not for
// each point. Tried and rejected: scaling the products instead of x̂ by the
// norm, which is a pass over them more.
//===----------------------------------------------------------------------===//

namespace {

class GroupedLinear {
public:
  GroupedLinear(KernelBuilder &b, GroupedLinearOp op, ValueRange operands)
      : b(b), op(op), operands(operands),
        code(b, cast<PortOpInterface>(op.getOperation()), operands),
        rows(b.dim(operands[0], 0)) {}

  Lowered lower() {
    SmallVector<Value> inits;
    int64_t total = 0;
    for (Value result : op.getResults()) {
      auto type = cast<RankedTensorType>(result.getType());
      starts.push_back(total);
      total += type.getDimSize(1);
      inits.push_back(b.empty({rows, b.getIndexAttr(type.getDimSize(1))},
                              type.getElementType()));
    }
    OpFoldResult zero = b.getIndexAttr(0), inner = b.dim(operands[0], 1);
    Value x = code.read(0, {{zero, zero}, {rows, inner}, {true, true}});
    if (std::optional<APFloat> eps = op.getNormEps())
      x = b.normRows(
          x, op.getNorm() ? operands[1 + op.getWeights().size()] : Value(),
          eps->convertToDouble());
    int64_t block = std::min(kLinearBlock, total);
    return b.grid({b.getIndexAttr(total)}, {b.getIndexAttr(block)}, inits,
                  [&](ValueRange point, ValueRange inits) {
                    return computeBlock(x, point[0], block, inits);
                  });
  }

private:
  SmallVector<GridResult> computeBlock(Value x, Value begin, int64_t block,
                                       ValueRange inits) {
    OpFoldResult zero = b.getIndexAttr(0);
    OpFoldResult inner = b.dim(operands[0], 1);
    SmallVector<GridResult> results;
    unsigned weight = 1; // operand number
    for (auto [index, init] : llvm::enumerate(inits)) {
      // The part of the block that belongs to this result; often empty.
      int64_t size = cast<ShapedType>(init.getType()).getDimSize(1);
      auto clamp = [&](Value column) {
        Value local = b.sub(column, b.index(starts[index]));
        return b.min(b.max(local, b.index(0)), b.index(size));
      };
      Value low = clamp(begin);
      Value high = clamp(b.add(begin, b.index(block)));
      SliceOf at{{zero, low}, {rows, b.sub(high, low)}, {true, true}};
      if (inits.size() == 1 && size % block == 0)
        at = {{zero, begin}, {rows, b.getIndexAttr(block)}, {true, true}};
      Value y = b.slice(init, at.offsets, at.sizes, at.keep);
      // One product without code is accumulated in the result itself.
      bool direct = op.getProducts()[index] == 1 &&
                    !code.hasCode(resultPort(index)) &&
                    cast<ShapedType>(init.getType()).getElementType().isF32();
      SmallVector<Value> products;
      for (int64_t i = 0; i < op.getProducts()[index]; ++i, ++weight) {
        Value w = b.slice(operands[weight], {at.offsets[1], zero},
                          {at.sizes[1], inner}, {true, true});
        Value start = direct ? y : b.empty(at.sizes, b.getF32Type());
        start =
            linalg::FillOp::create(b, ValueRange{b.f32(0)}, ValueRange{start})
                .getResult(0);
        products.push_back(b.contract(x, w, start));
      }
      y = direct ? products[0] : code.write(index, products, y, at);
      results.push_back({y, at.offsets, at.sizes});
    }
    return results;
  }

  KernelBuilder &b;
  GroupedLinearOp op;
  ValueRange operands;
  PortCode code;
  OpFoldResult rows;
  SmallVector<int64_t> starts;
};

} // namespace

Lowered jet::lowerGroupedLinear(KernelBuilder &b, GroupedLinearOp op,
                                ValueRange operands) {
  return GroupedLinear(b, op, operands).lower();
}
