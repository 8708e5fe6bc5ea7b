// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Ops whose rows are independent: embedding, norms, elementwise code, rotary.
// The grid is the rows (and heads, where a row is cut into heads).

#include "lowering/linalg/PortCode.h"
#include "lowering/linalg/Rotary.h"

#include <cmath>

using namespace mlir;
using namespace jet;

/// A grid over the leading `dims` dimensions of the result `type`, whose
/// remaining dimensions `body` computes into the slice it is given.
static Lowered
overRows(KernelBuilder &b, RankedTensorType type, OpFoldResult rows,
         unsigned dims,
         function_ref<Value(ValueRange point, Value init)> body) {
  SmallVector<OpFoldResult> sizes = {rows};
  for (int64_t size : type.getShape().drop_front())
    sizes.push_back(b.getIndexAttr(size));
  SmallVector<OpFoldResult> steps(dims, b.getIndexAttr(1));
  return b.grid(ArrayRef(sizes).take_front(dims), steps,
                b.empty(sizes, type.getElementType()),
                [&](ValueRange point, ValueRange inits) {
                  SmallVector<OpFoldResult> offsets(point.begin(), point.end());
                  offsets.resize(sizes.size(), b.getIndexAttr(0));
                  SmallVector<OpFoldResult> extent(dims, b.getIndexAttr(1));
                  llvm::append_range(extent, ArrayRef(sizes).drop_front(dims));
                  Value init = b.row(inits[0], SmallVector<Value>(point));
                  return SmallVector<GridResult>{
                      {body(point, init), offsets, extent}};
                });
}

Lowered jet::lowerEmbedding(KernelBuilder &b, EmbeddingOp op,
                            ValueRange operands) {
  return overRows(
      b, cast<RankedTensorType>(op.getType()), b.dim(operands[0], 0), 1,
      [&](ValueRange point, Value init) {
        Value token = tensor::ExtractOp::create(b, operands[0], point);
        Value row = arith::IndexCastOp::create(b, b.getIndexType(), token);
        return b.elementwiseInto(b.row(operands[1], row), init,
                                 [](ValueRange in) { return in[0]; });
      });
}

Lowered jet::lowerLastToken(KernelBuilder &b, LastTokenOp op,
                            ValueRange operands) {
  return overRows(
      b, cast<RankedTensorType>(op.getType()), b.dim(operands[1], 0), 1,
      [&](ValueRange point, Value init) {
        Sequence sequence = b.sequence(operands[1], point[0]);
        Value last = b.sub(b.add(sequence.row, sequence.rows), b.index(1));
        return b.elementwiseInto(b.row(operands[0], last), init,
                                 [](ValueRange in) { return in[0]; });
      });
}

Lowered jet::lowerRmsNorm(KernelBuilder &b, RmsNormOp op, ValueRange operands) {
  auto type = cast<RankedTensorType>(op.getType());
  return overRows(
      b, type, b.dim(operands[0], 0), 1, [&](ValueRange point, Value init) {
        Value x = b.row(operands[0], point[0]);
        Value scale = b.inverseNorm(b.sumOfSquares(x), type.getDimSize(1),
                                    op.getEps().convertToDouble(), 1.0);
        return b.elementwiseInto({x, operands[1]}, init, [&](ValueRange in) {
          return b.mulf(in[1], b.mulf(in[0], scale));
        });
      });
}

Lowered jet::lowerGatedRmsNorm(KernelBuilder &b, GatedRmsNormOp op,
                               ValueRange operands) {
  auto type = cast<RankedTensorType>(op.getType());
  return overRows(
      b, type, b.dim(operands[0], 0), 2, [&](ValueRange point, Value init) {
        SmallVector<Value> at(point);
        Value x = b.row(operands[0], at), gate = b.row(operands[1], at);
        Value scale = b.inverseNorm(b.sumOfSquares(x), type.getDimSize(2),
                                    op.getEps().convertToDouble(), 1.0);
        return b.elementwiseInto(
            {x, gate, operands[2]}, init, [&](ValueRange in) {
              Value y = b.mulf(in[2], b.mulf(in[0], scale));
              return b.mulf(y, b.silu(in[1]));
            });
      });
}

Lowered jet::lowerL2Norm(KernelBuilder &b, L2NormOp op, ValueRange operands) {
  return overRows(b, cast<RankedTensorType>(op.getType()),
                  b.dim(operands[0], 0), 2, [&](ValueRange point, Value init) {
                    Value x = b.row(operands[0], SmallVector<Value>(point));
                    Value scale = b.inverseNorm(
                        b.sumOfSquares(x), 1.0, op.getEps().convertToDouble(),
                        op.getScale().convertToDouble());
                    return b.elementwiseInto(x, init, [&](ValueRange in) {
                      return b.mulf(in[0], scale);
                    });
                  });
}

Lowered jet::lowerSwiglu(KernelBuilder &b, SwigluOp op, ValueRange operands) {
  return overRows(
      b, cast<RankedTensorType>(op.getType()), b.dim(operands[0], 0), 1,
      [&](ValueRange point, Value init) {
        return b.elementwiseInto(
            {b.row(operands[0], point[0]), b.row(operands[1], point[0])}, init,
            [&](ValueRange in) { return b.mulf(b.silu(in[0]), in[1]); });
      });
}

/// Reads a tensor of `shape` in a nest of `rank` loops: trailing dimensions
/// face each other, sizes of 1 are stretched.
static AffineMap broadcastMap(KernelBuilder &b, ArrayRef<int64_t> shape,
                              int64_t rank) {
  SmallVector<AffineExpr> exprs;
  for (auto [index, size] : llvm::enumerate(shape)) {
    int64_t loop = rank - static_cast<int64_t>(shape.size()) + index;
    exprs.push_back(size == 1 ? b.getAffineConstantExpr(0)
                              : b.getAffineDimExpr(loop));
  }
  return AffineMap::get(rank, 0, exprs, b.getContext());
}

Lowered jet::lowerMap(KernelBuilder &b, MapOp op, ValueRange operands) {
  auto type = cast<RankedTensorType>(op.getType());
  int64_t rank = type.getRank();
  // C1 promises an input of the result's shape.
  Value full = *llvm::find_if(operands, [&](Value v) {
    return cast<ShapedType>(v.getType()).getShape() == type.getShape();
  });
  return overRows(
      b, type, b.dim(full, 0), 1, [&](ValueRange point, Value init) -> Value {
        SmallVector<Value> inputs;
        SmallVector<AffineMap> maps;
        for (Value operand : operands) {
          ArrayRef<int64_t> shape =
              cast<ShapedType>(operand.getType()).getShape();
          bool hasRows = static_cast<int64_t>(shape.size()) == rank;
          Value row = operand;
          if (hasRows)
            row = b.row(operand, {shape[0] == 1 ? b.index(0) : point[0]});
          inputs.push_back(row);
          maps.push_back(broadcastMap(b, shape.drop_front(hasRows), rank - 1));
        }
        return applyRegion(b, op.getBody(), inputs, maps, init);
      });
}

//===----------------------------------------------------------------------===//
// Rotary
//===----------------------------------------------------------------------===//

/// cos φ or sin φ, in f32 as the model's authors compute it.
static Value makeTable(KernelBuilder &b, Value positions, int64_t half,
                       double theta, bool cosine) {
  SmallVector<float> frequencies;
  for (int64_t i = 0; i < half; ++i)
    frequencies.push_back(static_cast<float>(
        1.0 / std::pow(theta, static_cast<double>(i) / half)));
  auto type = RankedTensorType::get({half}, b.getF32Type());
  Value table = arith::ConstantOp::create(
      b, DenseElementsAttr::get(type, ArrayRef<float>(frequencies)));
  AffineMap all = b.getMultiDimIdentityMap(2);
  Value init =
      b.empty({b.dim(positions, 0), b.getIndexAttr(half)}, b.getF32Type());
  return b.generic(
      {positions, table}, init, {all.getSubMap({0}), all.getSubMap({1}), all},
      {false, false}, [&](ValueRange in) -> Value {
        Value position = arith::SIToFPOp::create(b, b.getF32Type(), in[0]);
        // Not mulf(): the angle must not be contracted or
        // reassociated.
        Value angle = arith::MulFOp::create(b, position, in[1]);
        if (cosine)
          return math::CosOp::create(b, angle);
        return math::SinOp::create(b, angle);
      });
}

Rotations jet::makeRotations(KernelBuilder &b, Value positions, int64_t half,
                             double theta) {
  return {makeTable(b, positions, half, theta, true),
          makeTable(b, positions, half, theta, false)};
}

Value jet::rotate(KernelBuilder &b, Value x, const Rotations &rotations,
                  Value row, Value init) {
  ArrayRef<int64_t> shape = cast<ShapedType>(x.getType()).getShape();
  OpFoldResult zero = b.getIndexAttr(0), mid = b.getIndexAttr(shape[1] / 2);
  SmallVector<OpFoldResult> sizes = {b.getIndexAttr(shape[0]), mid};
  Value cos = b.row(rotations.cos, row), sin = b.row(rotations.sin, row);
  Value first = b.slice(x, {zero, zero}, sizes, {true, true});
  Value second = b.slice(x, {zero, mid}, sizes, {true, true});
  AffineMap all = b.getMultiDimIdentityMap(2), pair = all.getSubMap({1});
  // x·cos + sign·y·sin into one half of the heads.
  auto turn = [&](Value x, Value y, double sign, Value into, OpFoldResult at) {
    Value part = b.slice(into, {zero, at}, sizes, {true, true});
    part = b.generic({x, y, cos, sin}, part, {all, all, pair, pair, all},
                     {false, false}, [&](ValueRange in) -> Value {
                       Value side = b.mulf(in[1], in[3]);
                       return b.addf(b.mulf(in[0], in[2]),
                                     b.mulf(side, b.f32(sign)));
                     });
    return b.insert(part, into, {zero, at}, sizes);
  };
  Value result = turn(first, second, -1.0, init, zero);
  return turn(second, first, 1.0, result, mid);
}

Lowered jet::lowerRope(KernelBuilder &b, RopeOp op, ValueRange operands) {
  auto type = cast<RankedTensorType>(op.getType());
  return overRows(
      b, type, b.dim(operands[0], 0), 1, [&](ValueRange point, Value init) {
        Value position =
            b.slice(operands[1], {point[0]}, {b.getIndexAttr(1)}, {true});
        Rotations rotations = makeRotations(b, position, type.getDimSize(2) / 2,
                                            op.getTheta().convertToDouble());
        return rotate(b, b.row(operands[0], point[0]), rotations, b.index(0),
                      init);
      });
}
