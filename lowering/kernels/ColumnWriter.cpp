// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "lowering/kernels/ColumnWriter.h"

#include <numeric>

using namespace mlir;
using namespace jet;

using Values = TileBuilder::Values;

/// Rows of a warpgroup's accumulator, and of a warp's part of it; a thread has
/// two of these, kHalfRows apart.
static constexpr int64_t kGroupRows = 64, kWarpRows = 16, kHalfRows = 8;
/// Bytes that a thread stores at once.
static constexpr int64_t kBytes = 16;

/// What is made at once: a run, or where columns are odd one element.
static int64_t widthOf(const ProjectionOutput &output) {
  int64_t width = kBytes / output.elementBytes;
  while (output.columns % width)
    width /= 2;
  return width;
}

int64_t ColumnWriter::runOf(const ProjectionOutput &output) {
  return std::max<int64_t>(2, widthOf(output));
}

void ColumnWriter::loadWeights(
    const ProjectionOutput &output, int64_t product, int64_t inner,
    int64_t columns, Value column, Value k, Value tile,
    function_ref<void(Value, ValueRange, Value)> start) {
  Type bf16 = b.getBF16Type();
  const Place &weights = output.weights[product];
  auto type = cast<tile::SharedType>(tile.getType());
  int64_t run = runOf(output), pairs = run / 2, step = type.getShape().back();
  auto constant = [&](int64_t value) { return stage.form.constant(value); };
  if (pairs == 1)
    return start(stage.map(weights, {constant(output.columns), constant(inner)},
                           {columns, step}, bf16, type.getSwizzle()),
                 {column, k}, tile);
  // Columns of a box are neighbours in the matrix.
  int64_t half = output.half, box = half ? std::gcd(columns, half) : columns;
  int64_t rows = output.columns * (half ? 2 : 1);
  Value map = stage.map(
      weights,
      {constant(rows / run), constant(pairs), constant(2), constant(inner)},
      {box / run, 1, 2, step}, bf16, type.getSwizzle());
  Value parts =
      tile::ViewOp::create(b,
                           b.shared({pairs, columns / box, box / pairs, step},
                                    bf16, type.getSwizzle()),
                           tile);
  for (int64_t i = 0; i < columns / box; ++i) {
    Value row = b.add(column, i * box);
    if (half) {
      row = b.add(b.add(b.mul(b.div(row, half), 2 * half), b.rem(row, half)),
                  product * half);
      row = b.min(row, b.index(rows)); // behind the last one are zeros
    }
    for (int64_t pair = 0; pair < pairs; ++pair)
      start(map, {b.div(row, run), b.index(pair), b.index(0), k},
            b.slice(parts, {b.index(pair), b.index(i)}));
  }
}

Value ColumnWriter::rowIn(Value row, int64_t part, int64_t half) {
  Value ofWarp = b.mul(b.rem(b.warpId(), 4), kWarpRows);
  Value first = b.add(b.add(row, ofWarp), b.div(b.laneId(), 4));
  return b.add(first, part * kGroupRows + half * kHalfRows);
}

Values ColumnWriter::loadScales(Value row, int64_t part) {
  Value scales = stage.memory(
      *spec.scales, MemRefType::get({ShapedType::kDynamic}, b.getF32Type()));
  Value last = b.sub(stage.size(spec.rows), b.index(1));
  Values loaded;
  for (int64_t half : {0, 1})
    loaded.push_back(b.load(scales, {b.min(rowIn(row, part, half), last)}));
  return loaded;
}

SmallVector<ColumnWriter::Vector>
ColumnWriter::vectorsOf(const ProjectionOutput &output, const Chunk &chunk,
                        Value row) {
  int64_t width = widthOf(output), run = runOf(output);
  Value lane = b.laneId(), count = stage.size(spec.rows);
  // Of as many columns all are inside, or none.
  int64_t span = width;
  for (int64_t most : {chunkOf(output), chunk.stripColumns})
    if (output.columns % most == 0)
      span = most;
  bool isOfWarp = span > width;
  Value begin = b.add(chunk.column, chunk.distance / span * span);
  Value ofLane = b.mul(b.rem(lane, 4), run);
  SmallVector<Vector> vectors;
  for (int64_t half = 0; half < 2; ++half) {
    Value m = rowIn(row, chunk.part, half);
    Value hasRow = b.less(m, count);
    m = b.min(m, b.sub(count, b.index(1)));
    for (int64_t i = 0; i < run; i += width) {
      Value n = isOfWarp ? begin : b.add(b.add(begin, ofLane), i);
      Value isInside = b.both(hasRow, b.less(n, output.columns));
      n = b.min(n, b.index(output.columns - span));
      // Constants last: vectors at constant distances share an address.
      if (isOfWarp)
        n = b.add(b.add(n, ofLane), chunk.distance % span + i);
      vectors.push_back({m, n, isInside, half, i});
    }
  }
  return vectors;
}

ColumnWriter::Loaded ColumnWriter::load(const ProjectionOutput &output,
                                        const LoadElements &load,
                                        const Chunk &chunk, Value row) {
  Loaded loaded;
  for (const Vector &vector : vectorsOf(output, chunk, row))
    loaded.push_back(
        load ? load(stage, vector.row, vector.column, widthOf(output))
             : SmallVector<Values>());
  return loaded;
}

static size_t registersOf(const ColumnWriter::Loaded &loaded) {
  size_t bits = 0;
  for (const SmallVector<Values> &lists : loaded)
    for (const Values &list : lists)
      for (Value element : list)
        bits += element.getType().getIntOrFloatBitWidth();
  return std::max<size_t>(1, bits / 32);
}

bool ColumnWriter::isAlike(const Chunk &a, const Chunk &b) const {
  return a.part == b.part &&
         (a.distance - b.distance) % spec.periodic->period == 0;
}

ColumnWriter::Stores ColumnWriter::makeChunk(const ProjectionOutput &output,
                                             const Chunk &chunk,
                                             ArrayRef<Values> elements,
                                             Value row, ValueRange scales,
                                             ArrayRef<const Loaded *> loaded) {
  int64_t pairs = runOf(output) / 2;
  Stores stores;
  for (auto [i, vector] : llvm::enumerate(vectorsOf(output, chunk, row))) {
    SmallVector<Values> products;
    for (int64_t from : chunk.sums) {
      Values &product = products.emplace_back();
      for (int64_t n = vector.run; n < vector.run + widthOf(output); ++n) {
        int64_t eight = (from + chunk.distance / pairs) / 8 +
                        n / 2 * (chunk.stripColumns / pairs / 8);
        Value sum = elements[chunk.part][4 * eight + 2 * vector.half + n % 2];
        product.push_back(scales.empty() ? sum
                                         : b.mulf(sum, scales[vector.half]));
      }
    }
    for (const Loaded *lists : loaded)
      llvm::append_range(products, (*lists)[i]);
    auto store = output.make(stage, vector.row, vector.column, widthOf(output),
                             products);
    stores.push_back([=, this, isInside = vector.isInside] {
      b.ifThen(isInside, [&] { store(); });
    });
  }
  return stores;
}

void ColumnWriter::write(const ProjectionOutput &output, ArrayRef<Chunk> chunks,
                         ValueRange sums, Value row, Ahead given) {
  std::vector<Values> elements; // of the accumulators, 4 of each 8 columns
  for (Value acc : sums)
    elements.push_back(llvm::to_vector_of<Value>(
        tile::ElementsOp::create(b, acc).getElements()));
  std::deque<Loaded> ahead = std::move(given.chunks);
  if (ahead.empty())
    ahead.push_back(load(output, output.load, chunks.front(), row));

  Values scales = std::move(given.scales);
  bool hasPeriod = spec.periodic && output.isPaired();
  auto loadPeriodic = [&](const Chunk &chunk) {
    return load(output, spec.periodic->load, chunk, row);
  };
  Loaded periodic;
  if (hasPeriod)
    periodic = given.periodic ? *given.periodic : loadPeriodic(chunks.front());

  // What is written leaves registers to what is loaded.
  bool isOne = sums.size() == 1;
  size_t held = isOne && spec.periodic ? kPeriodicRegisters : 0;
  size_t room =
      std::max<size_t>(1, (kRegisters - held) / registersOf(ahead.front()));
  size_t first = std::max<size_t>(
      ahead.size(), std::min<size_t>(room, isOne ? kAhead : kFewAhead));
  auto loadUpTo = [&](size_t number, size_t count) {
    while (ahead.size() < std::min(count, chunks.size() - number))
      ahead.push_back(
          load(output, output.load, chunks[number + ahead.size()], row));
  };
  for (size_t number = 0; number < chunks.size(); ++number) {
    const Chunk &chunk = chunks[number];
    size_t most = std::min(first + (number + 1) / 2,
                           std::max(first, std::min(room, kMostAhead)));
    loadUpTo(number, most);
    SmallVector<const Loaded *> loaded{&ahead.front()};
    if (hasPeriod)
      loaded.insert(loaded.begin(), &periodic);
    // Of an accumulator at a time, to hold little.
    if (spec.scales &&
        (number ? chunk.part != chunks[number - 1].part : scales.empty()))
      scales = loadScales(row, chunk.part);
    Stores stores = makeChunk(output, chunk, elements, row, scales, loaded);
    ahead.pop_front();
    bool changes = hasPeriod && number + 1 < chunks.size() &&
                   !isAlike(chunk, chunks[number + 1]);
    auto loadNext = [&] {
      loadUpTo(number + 1, 1);
      if (changes)
        periodic = loadPeriodic(chunks[number + 1]);
    };
    // The chunk's sums have given registers free, and stores take a while.
    stores.front()();
    if (isOne)
      loadNext();
    for (auto &store : llvm::drop_begin(stores))
      store();
    if (!isOne)
      loadNext();
  }
}
