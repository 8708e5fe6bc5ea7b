// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// jet.dynamic_conv, jet.short_conv and jet.generated_conv.
//
//   for each sequence and block of channels:                    (the grid)
//     ext = tail rows, then the rows of u
//     y[t, c] = Σ_j taps[t, c, j] · ext[t + j, c]
//     tail = the last W − 1 rows of ext
//
// A short convolution has the same taps for every row.
// A generated convolution computes the taps for a few rows at a time, by
// h · weightᵀ + bias, and uses them while they are in the cache.

#include "lowering/linalg/SequenceBlocks.h"

using namespace mlir;
using namespace jet;

/// Channels of a grid point: enough to fill vectors, few enough for all cores.
static constexpr int64_t kChannels = 256;
/// The same where the generator's weights (channels · W · G) must stay in the
/// second-level cache, and rows whose taps are computed together.
static constexpr int64_t kGeneratedChannels = 64, kGeneratedRows = 32;

namespace {

class Convolution {
public:
  Convolution(KernelBuilder &b, PortOpInterface op, ValueRange operands,
              Value tail, Value batch, ConvTailType type, int64_t block)
      : b(b), code(b, op, operands), u(operands[0]), tail(tail), batch(batch),
        type(type), resultType(getElementTypeOrSelf(op->getResult(0))),
        channels(type.getChannels()), history(type.getRows()),
        block(std::min(block, type.getChannels())) {}
  virtual ~Convolution() = default;

  Lowered lower() {
    Value y = b.empty({b.dim(u, 0), b.getIndexAttr(channels)}, resultType);
    SmallVector<Value> inits = {y};
    if (history) // W = 1 has no tail to carry
      inits.push_back(tail);
    SmallVector<Value> results =
        b.grid({b.dim(batch, 0), b.getIndexAttr(channels)},
               {b.getIndexAttr(1), b.getIndexAttr(block)}, inits,
               [&](ValueRange point, ValueRange inits) {
                 return computeBlock(point, inits);
               });
    results.resize(2, tail);
    return results;
  }

protected:
  /// y[t, c] + Σ_j taps[t, c, j] · ext[t + j, c] for all rows of the block.
  virtual Value convolve(Value ext, Value y) = 0;

  /// The same, given the taps: [rows, C, W], or [C, W] for all rows.
  Value convolveRows(Value taps, Value ext, Value y) {
    AffineExpr t, c, j;
    bindDims(b.getContext(), t, c, j);
    auto map = [&](ArrayRef<AffineExpr> exprs) {
      return AffineMap::get(3, 0, exprs, b.getContext());
    };
    bool perRow = cast<ShapedType>(taps.getType()).getRank() == 3;
    return b.generic(
        {taps, ext}, y,
        {perRow ? map({t, c, j}) : map({c, j}), map({t + j, c}), map({t, c})},
        {false, false, true},
        [&](ValueRange in) { return b.addf(in[2], b.mulf(in[0], in[1])); });
  }

  /// [n, c·W] as [n, c, W].
  Value splitTaps(Value taps, OpFoldResult columns) {
    auto own = cast<RankedTensorType>(taps.getType());
    std::optional<int64_t> constant = getConstantIntValue(columns);
    auto split = RankedTensorType::get({own.getDimSize(0),
                                        constant.value_or(ShapedType::kDynamic),
                                        history + 1},
                                       own.getElementType());
    SmallVector<ReassociationIndices> groups = {{0}, {1, 2}};
    return tensor::ExpandShapeOp::create(
        b, split, taps, groups,
        SmallVector<OpFoldResult>{b.dim(taps, 0), columns,
                                  b.getIndexAttr(history + 1)});
  }

  KernelBuilder &b;
  PortCode code;
  Value u, tail, batch;
  ConvTailType type;
  Type resultType;
  int64_t channels, history, block;
  // Of the grid point at hand.
  Sequence sequence;
  Value channel;
  OpFoldResult count; // channels

public:
  /// The block of channels from `first` of one sequence: into `y`
  /// [rows, count], and the tail's rows of these channels after the step (null
  /// when W = 1) from what they were before.
  ConvolvedBlock compute(Sequence ofSequence, Value first, Value y,
                         Value history0) {
    OpFoldResult zero = b.getIndexAttr(0);
    OpFoldResult historyRows = b.getIndexAttr(history);
    sequence = ofSequence;
    channel = first;
    count = b.getIndexAttr(block);
    if (channels % block)
      count = b.min(b.index(block), b.sub(b.index(channels), channel));
    SliceOf rows{{sequence.row, channel}, {sequence.rows, count}, {true, true}};
    SmallVector<OpFoldResult> headSizes = {historyRows, count};
    auto copy = [](ValueRange in) { return in[0]; };

    Value total = b.add(sequence.rows, b.index(history));
    Value ext = b.empty({total, count}, type.getElementType());
    auto place = [&](Value value, OpFoldResult row,
                     ArrayRef<OpFoldResult> sizes) {
      Value part = b.slice(ext, {row, zero}, sizes, {true, true});
      part = b.elementwiseInto(value, part, copy);
      ext = b.insert(part, ext, {row, zero}, sizes);
    };
    if (history)
      place(history0, zero, headSizes);
    place(b.slice(u, rows.offsets, rows.sizes, rows.keep), historyRows,
          rows.sizes);

    // Summed in the result itself, unless that is narrower or made by code.
    bool direct = !code.hasCode(resultPort(0)) && resultType.isF32();
    Value sums = direct ? y : b.empty(rows.sizes, b.getF32Type());
    sums = linalg::FillOp::create(b, ValueRange{b.f32(0)}, ValueRange{sums})
               .getResult(0);
    sums = convolve(ext, sums);
    if (!direct)
      sums = code.write(0, sums, y, rows);
    if (!history)
      return {sums, Value()};
    Value next = b.elementwiseInto(
        b.slice(ext, {sequence.rows, zero}, headSizes, {true, true}), history0,
        copy);
    return {sums, next};
  }

private:
  SmallVector<GridResult> computeBlock(ValueRange point, ValueRange inits) {
    Sequence own = b.sequence(batch, point[0]);
    OpFoldResult zero = b.getIndexAttr(0), one = b.getIndexAttr(1);
    OpFoldResult width = b.getIndexAttr(block);
    if (channels % block)
      width = b.min(b.index(block), b.sub(b.index(channels), point[1]));
    SliceOf rows{{own.row, point[1]}, {own.rows, width}, {true, true}};
    SliceOf slot{{own.slot, zero, point[1]},
                 {one, b.getIndexAttr(history), width},
                 {false, true, true}};
    Value before;
    if (history)
      before = b.slice(inits[1], slot.offsets, slot.sizes, slot.keep);
    ConvolvedBlock done =
        compute(own, point[1],
                b.slice(inits[0], rows.offsets, rows.sizes, rows.keep), before);
    SmallVector<GridResult> results = {{done.y, rows.offsets, rows.sizes}};
    if (history)
      results.push_back({done.tail, slot.offsets, slot.sizes});
    return results;
  }
};

/// Taps come from memory.
class StoredTaps : public Convolution {
public:
  StoredTaps(KernelBuilder &b, DynamicConvOp op, ValueRange operands)
      : Convolution(b, cast<PortOpInterface>(op.getOperation()), operands,
                    operands[2], operands[3], op.getTail().getType(),
                    kChannels),
        taps(splitTaps(operands[1], b.getIndexAttr(channels))) {}

private:
  Value convolve(Value ext, Value y) override {
    Value own = b.slice(taps, {sequence.row, channel, b.getIndexAttr(0)},
                        {sequence.rows, count, b.getIndexAttr(history + 1)},
                        {true, true, true});
    return convolveRows(own, ext, y);
  }

  Value taps;
};

/// Taps are those of the checkpoint, [C, W].
class StaticTaps : public Convolution {
public:
  StaticTaps(KernelBuilder &b, ShortConvOp op, ValueRange operands)
      : Convolution(b, cast<PortOpInterface>(op.getOperation()), operands,
                    operands[2], operands[3], op.getTail().getType(),
                    kChannels),
        weight(operands[1]) {}

private:
  Value convolve(Value ext, Value y) override {
    Value own = b.slice(weight, {channel, b.getIndexAttr(0)},
                        {count, b.getIndexAttr(history + 1)}, {true, true});
    return convolveRows(own, ext, y);
  }

  Value weight;
};

/// Taps are computed.
class GeneratedTaps : public Convolution {
public:
  GeneratedTaps(KernelBuilder &b, GeneratedConvOp op, ValueRange operands,
                int64_t block = kGeneratedChannels)
      : Convolution(b, cast<PortOpInterface>(op.getOperation()), operands,
                    operands[4], operands[5], op.getTail().getType(), block),
        h(operands[1]), weight(operands[2]), bias(operands[3]) {}

private:
  Value convolve(Value ext, Value y) override {
    Value tiles = b.createOrFold<arith::CeilDivUIOp>(sequence.rows,
                                                     b.index(kGeneratedRows));
    return b.loop(tiles, y, [&](Value tile, ValueRange values) {
      OpFoldResult zero = b.getIndexAttr(0);
      Value first =
          b.createOrFold<arith::MulIOp>(tile, b.index(kGeneratedRows));
      Value rows = b.min(b.index(kGeneratedRows), b.sub(sequence.rows, first));
      Value taps = splitTaps(generate(b.add(sequence.row, first), rows), count);
      Value window =
          b.slice(ext, {first, zero}, {b.add(rows, b.index(history)), count},
                  {true, true});
      SmallVector<OpFoldResult> offsets = {first, zero}, sizes = {rows, count};
      Value part = b.slice(values[0], offsets, sizes, {true, true});
      part = convolveRows(taps, window, part);
      return SmallVector<Value>{b.insert(part, values[0], offsets, sizes)};
    })[0];
  }

  /// h · weightᵀ + bias for the block's channels: [rows, count · W].
  Value generate(Value row, Value rows) {
    OpFoldResult zero = b.getIndexAttr(0), inner = b.dim(h, 1);
    Value width = b.index(history + 1);
    OpFoldResult offset = b.createOrFold<arith::MulIOp>(channel, width);
    OpFoldResult columns = b.getIndexAttr(block * (history + 1));
    if (channels % block)
      columns = b.createOrFold<arith::MulIOp>(b.asValue(count), width);
    Value start = b.slice(bias, {offset}, {columns}, {true});
    AffineExpr r, n;
    bindDims(b.getContext(), r, n);
    Value init = b.generic(start, b.empty({rows, columns}, b.getF32Type()),
                           {AffineMap::get(2, 0, {n}, b.getContext()),
                            b.getMultiDimIdentityMap(2)},
                           {false, false}, [](ValueRange in) { return in[0]; });
    return b.contract(
        b.slice(h, {row, zero}, {rows, inner}, {true, true}),
        b.slice(weight, {offset, zero}, {columns, inner}, {true, true}), init);
  }

  Value h, weight, bias;
};

} // namespace

Lowered jet::lowerDynamicConv(KernelBuilder &b, DynamicConvOp op,
                              ValueRange operands) {
  return StoredTaps(b, op, operands).lower();
}

Lowered jet::lowerShortConv(KernelBuilder &b, ShortConvOp op,
                            ValueRange operands) {
  return StaticTaps(b, op, operands).lower();
}

Lowered jet::lowerGeneratedConv(KernelBuilder &b, GeneratedConvOp op,
                                ValueRange operands) {
  return GeneratedTaps(b, op, operands).lower();
}

ConvolvedBlock jet::convolveChannels(KernelBuilder &b, GeneratedConvOp op,
                                     ValueRange operands, Sequence sequence,
                                     Value first, int64_t count, Value y,
                                     Value tail) {
  return GeneratedTaps(b, op, operands, count)
      .compute(sequence, first, y, tail);
}
