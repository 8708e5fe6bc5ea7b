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

Value LargeEpilogue::loadScales(Value row) {
  auto type = tile::RowsType::get(b.getContext(), partRows);
  Value last = b.sub(stage.size(spec.rows), b.index(1));
  return b.map(
      type, {tile::SplatOp::create(b, type, b.f32(0))}, [&](ValueRange in) {
        return loadScale(stage, *spec.scales, b.min(b.add(row, in[1]), last));
      });
}

/// Of how many chunks registers hold what their code loads, beside the sums.
int64_t LargeEpilogue::chunksAhead(const ProjectionOutput &output) const {
  const int64_t sums = parts * LargeTile::kStrips * strips.columns / 2;
  return std::max<int64_t>(0, registers - sums) / ColumnWriter::kLoaded /
         std::max<int64_t>(1, output.loaded.size());
}

/// Of a projection with one output, of one product.
void LargeEpilogue::addChunks(const Piece &piece, Value row, Loaded &loaded,
                              SmallVector<Load> &loads) {
  const ProjectionOutput &output = spec.outputs.front();
  if (!isOnly() || !output.load)
    return;
  SmallVector<Chunk> chunks = chunksOfOnly(piece);
  chunks.truncate(std::min<size_t>(chunks.size(), chunksAhead(output)));
  for (const Chunk &chunk : chunks)
    loads.push_back([=, this, &output, &loaded] {
      loaded.ahead.chunks.push_back(
          writer.load(output, output.load, chunk, row));
    });
}

/// Of the first chunk of a strip, if that is the same for all strips of two
/// products.
void LargeEpilogue::addPeriodic(const Piece &piece, Value row, Loaded &loaded,
                                SmallVector<Load> &loads) {
  const int64_t width = strips.columnsOf(piece);
  if (!spec.periodic || parts > 1 || width % spec.periodic->period)
    return;
  const ProjectionOutput *first = nullptr;
  for (const ProjectionOutput &output : spec.outputs) {
    if (!output.isPaired())
      continue;
    if (first && ColumnWriter::runOf(*first) != ColumnWriter::runOf(output))
      return;
    first = first ? first : &output;
  }
  loads.push_back([=, this, &loaded] {
    loaded.ahead.periodic = writer.load(*first, spec.periodic->load,
                                        {{}, width, b.index(0), 0, 0}, row);
  });
}

SmallVector<LargeEpilogue::Load>
LargeEpilogue::loads(const Piece &piece, Value row, Loaded &loaded) {
  SmallVector<Load> loads;
  if (spec.scales && parts == 1)
    loads.push_back([=, this, &loaded] { loaded.scales = {loadScales(row)}; });
  addChunks(piece, row, loaded, loads);
  addPeriodic(piece, row, loaded, loads);
  return loads;
}

/// The chunks of columns of a piece that belong to `output`, of rows `part` and
/// from strip `strip` of the piece on, which is strip `local` of the output: of
/// that strip, or with two products of both.
SmallVector<Chunk> LargeEpilogue::chunksOf(const Piece &piece,
                                           const ProjectionOutput &output,
                                           int64_t part, int64_t strip,
                                           Value local) {
  int64_t width = strips.columnsOf(piece), period = width;
  if (spec.periodic && output.isPaired()) // what is loaded is done with early
    period = std::min(width, spec.periodic->period);
  SmallVector<Chunk> chunks;
  for (int64_t from = 0; from < period; from += ColumnWriter::chunkOf(output))
    for (int64_t at = from; at < width; at += period) {
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
                       writer.write(output, chunks, sums, row, loaded.ahead);
                     });
}
