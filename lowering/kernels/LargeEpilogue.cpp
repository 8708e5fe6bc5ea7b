// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "lowering/kernels/LargeEpilogue.h"

using namespace mlir;
using namespace jet;

using Values = TileBuilder::Values;
using Chunk = ColumnWriter::Chunk;

/// What products of row `row` are multiplied by.
static Value loadScale(Stage &stage, const Place &scales, Value row) {
  auto type = MemRefType::get({ShapedType::kDynamic}, stage.b.getF32Type());
  return stage.b.load(stage.memory(scales, type), {row});
}

void LargeEpilogue::scaleWhereMade(const Projection &spec,
                                   ProjectionOutput &output) {
  output.make = [scales = *spec.scales, count = output.weights.size(),
                 make = output.make](Stage &stage, Value row, Value column,
                                     int64_t width, ArrayRef<Values> products) {
    SmallVector<Values> scaled(products);
    Value scale = loadScale(stage, scales, row);
    for (Values &product : MutableArrayRef(scaled).take_front(count))
      for (Value &sum : product)
        sum = stage.b.mulf(sum, scale);
    return make(stage, row, column, width, scaled);
  };
}

Values LargeEpilogue::loadScales(Value row) {
  Values scales;
  if (!spec.scales || parts > 1)
    return scales;
  auto type = tile::RowsType::get(b.getContext(), partRows);
  Value last = b.sub(stage.size(spec.rows), b.index(1));
  scales.push_back(b.map(
      type, {tile::SplatOp::create(b, type, b.f32(0))}, [&](ValueRange in) {
        return loadScale(stage, *spec.scales, b.min(b.add(row, in[1]), last));
      }));
  return scales;
}

/// Of how many chunks registers hold what their code loads, beside the sums.
int64_t LargeEpilogue::chunksAhead(const ProjectionOutput &output) const {
  const int64_t sums = parts * LargeTile::kStrips * strips.columns / 2;
  return (registers - sums) / ColumnWriter::kLoaded /
         std::max<int64_t>(1, output.loaded.size());
}

/// Of a projection with one output, of one product.
std::deque<ColumnWriter::Loaded> LargeEpilogue::loadAhead(const Piece &piece,
                                                          Value row) {
  std::deque<ColumnWriter::Loaded> ahead;
  const ProjectionOutput &output = spec.outputs.front();
  if (!isOnly() || !output.load)
    return ahead;
  SmallVector<Chunk> chunks = chunksOfOnly(piece);
  chunks.truncate(std::min<size_t>(chunks.size(), chunksAhead(output)));
  for (const Chunk &chunk : chunks)
    ahead.push_back(writer.load(output, chunk, row));
  return ahead;
}

LargeEpilogue::Loaded LargeEpilogue::load(const Piece &piece, Value row) {
  Values scales = loadScales(row);
  return {std::move(scales), loadAhead(piece, row)};
}

/// The chunks of columns of a piece that belong to `output`, of rows `part` and
/// from strip `strip` of the piece on, which is strip `local` of the output: of
/// that strip, or with two products of both.
SmallVector<Chunk> LargeEpilogue::chunksOf(const Piece &piece,
                                           const ProjectionOutput &output,
                                           int64_t part, int64_t strip,
                                           Value local) {
  int64_t width = strips.columnsOf(piece);
  SmallVector<Chunk> chunks;
  for (int64_t at = 0; at < width; at += ColumnWriter::chunkOf(output)) {
    Chunk chunk{{strip * width},
                width,
                strips.columnOf(piece, output, local),
                at,
                part};
    if (output.isPaired())
      chunk.sums.push_back(width);
    chunks.push_back(std::move(chunk));
  }
  return chunks;
}

/// Of a projection with one output, of one product, all chunks.
SmallVector<Chunk> LargeEpilogue::chunksOfOnly(const Piece &piece) {
  SmallVector<Chunk> chunks;
  for (int64_t part = 0; part < parts; ++part)
    for (int64_t strip = 0; strip < LargeTile::kStrips; ++strip)
      llvm::append_range(chunks, chunksOf(piece, spec.outputs.front(), part,
                                          strip, strips.stripOf(piece, strip)));
  return chunks;
}

void LargeEpilogue::write(const Piece &piece, Values sums, Value row,
                          Loaded loaded) {
  for (auto [sum, scale] : llvm::zip(sums, loaded.scales))
    sum = b.map(sum.getType(), {sum, scale},
                [&](ValueRange in) { return b.mulf(in[0], in[1]); });
  if (isOnly())
    return writer.write(spec.outputs.front(), chunksOfOnly(piece), sums, row,
                        std::move(loaded.ahead));
  for (int64_t strip = 0; strip < LargeTile::kStrips; ++strip)
    strips.forOutput(strips.stripOf(piece, strip),
                     [&](const ProjectionOutput &output, Value local) {
                       if (output.isPaired() && strip)
                         return;
                       SmallVector<Chunk> chunks;
                       for (int64_t part = 0; part < parts; ++part)
                         llvm::append_range(
                             chunks,
                             chunksOf(piece, output, part, strip, local));
                       writer.write(output, chunks, sums, row);
                     });
}
