// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "lowering/kernels/LargeEpilogue.h"

using namespace mlir;
using namespace jet;

using Values = TileBuilder::Values;
using Chunk = ColumnWriter::Chunk;

/// Of how many chunks registers hold what their code loads, beside the sums.
int64_t LargeEpilogue::chunksAhead(const ProjectionOutput &output) const {
  const int64_t sums = parts * LargeTile::kStrips * strips.columns / 2;
  return std::max<int64_t>(0, registers - sums) / ColumnWriter::kLoaded /
         std::max<int64_t>(1, output.loaded.size());
}

/// Of a projection with one output, of one product.
void LargeEpilogue::addChunks(const Piece &piece, Value row, Ahead &loaded,
                              SmallVector<Load> &loads) {
  const ProjectionOutput &output = spec.outputs.front();
  if (!isOnly() || !output.load)
    return;
  SmallVector<Chunk> chunks = chunksOfOnly(piece);
  chunks.truncate(std::min<size_t>(chunks.size(), chunksAhead(output)));
  for (const Chunk &chunk : chunks)
    loads.push_back([=, this, &output, &loaded] {
      loaded.chunks.push_back(writer.load(output, output.load, chunk, row));
    });
}

/// Of the first chunk of a strip, if that is the same for all strips of two
/// products.
void LargeEpilogue::addPeriodic(const Piece &piece, Value row, Ahead &loaded,
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
    loaded.periodic = writer.load(*first, spec.periodic->load,
                                  {{}, width, b.index(0), 0, 0}, row);
  });
}

SmallVector<LargeEpilogue::Load>
LargeEpilogue::loads(const Piece &piece, Value row, Ahead &loaded) {
  SmallVector<Load> loads;
  if (spec.scales && parts == 1) // else registers are few under the products
    loads.push_back(
        [=, this, &loaded] { loaded.scales = writer.loadScales(row, 0); });
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

void LargeEpilogue::write(const Piece &piece, ValueRange sums, Value row,
                          Ahead loaded) {
  if (isOnly())
    return writer.write(spec.outputs.front(), chunksOfOnly(piece), sums, row,
                        loaded);
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
                       writer.write(output, chunks, sums, row, loaded);
                     });
}
