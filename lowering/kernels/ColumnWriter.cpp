// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "lowering/kernels/ColumnWriter.h"

using namespace mlir;
using namespace jet;

using Values = TileBuilder::Values;

/// Rows of a warpgroup's accumulator, and of a warp's part of it.
static constexpr int64_t kGroupRows = 64, kWarpRows = 16;
/// With 8 columns more a row, 4 rows of an accumulator lie in different banks.
static constexpr int64_t kPadding = 8;

ColumnWriter::ColumnWriter(Stage &stage, AffineExpr rows, int64_t groups)
    : stage(stage), b(stage.b), rows(rows),
      turned(b.alloc(
          b.shared({groups, kGroupRows, kChunk + kPadding}, b.getF32Type()))) {}

/// What a lane gets of 32 columns of a warp's 16 rows: `width` neighbours of
/// each of some rows, see write().
Values ColumnWriter::turn(Value sums, int64_t width) {
  Value chunk = b.slice(turned, {tile::WarpgroupIdOp::create(b)});
  Value warpRow = b.mul(b.rem(b.warpId(), 4), kWarpRows), lane = b.laneId();
  tile::SyncWarpOp::create(b);
  tile::StoreAccOp::create(b, sums, chunk, b.index(0), b.index(0), Value(),
                           Value(), UnitAttr());
  tile::SyncWarpOp::create(b);
  int64_t lanes = kChunk / width, apart = 32 / lanes;
  Value column = b.mul(b.rem(lane, lanes), width);
  Values elements;
  for (int64_t i = 0; i < kWarpRows; i += apart)
    llvm::append_range(
        elements,
        b.split(b.load(chunk,
                       {b.add(b.add(warpRow, b.div(lane, lanes)), i), column},
                       width)));
  return elements;
}

ColumnWriter::Lane ColumnWriter::laneOf(const ProjectionOutput &output,
                                        const Chunk &chunk, Value row) {
  Lane own;
  own.width = vectorWidth(output.columns);
  int64_t lanes = kChunk / own.width;
  Value lane = b.laneId();
  Value first = b.add(b.add(row, b.mul(b.rem(b.warpId(), 4), kWarpRows)),
                      b.div(lane, lanes));
  own.column = b.add(b.add(chunk.column, b.mul(b.rem(lane, lanes), own.width)),
                     chunk.distance);
  // Constants last: vectors at constant distances share an address.
  for (int64_t i = 0; i < kWarpRows; i += 32 / lanes) {
    own.rows.push_back(b.add(first, chunk.part * kGroupRows + i));
    own.isInside.push_back(b.both(b.less(own.rows.back(), stage.size(rows)),
                                  b.less(own.column, output.columns)));
  }
  return own;
}

ColumnWriter::Loaded ColumnWriter::load(const ProjectionOutput &output,
                                        const Chunk &chunk, Value row) {
  Lane own = laneOf(output, chunk, row);
  Loaded loaded(own.rows.size());
  for (size_t i = 0; output.load && i < loaded.size(); ++i)
    loaded[i] =
        output.load(stage, own.rows[i], own.column, own.width, own.isInside[i]);
  return loaded;
}

// All of a lane's code comes before its stores, so that what it loads is under
// way together.
void ColumnWriter::write(const ProjectionOutput &output, ArrayRef<Chunk> chunks,
                         ValueRange sums, Value row, std::deque<Loaded> ahead) {
  Value last = b.sub(stage.size(rows), b.index(1));
  // What is written leaves registers to what is loaded.
  size_t first = std::max<size_t>(ahead.size(), sums.size() > 1 ? 1 : kAhead);
  for (size_t number = 0; number < chunks.size(); ++number) {
    const Chunk &chunk = chunks[number];
    size_t most =
        std::min(first + (number + 1) / 2, std::max(first, kMostAhead));
    while (ahead.size() < std::min(most, chunks.size() - number))
      ahead.push_back(load(output, chunks[number + ahead.size()], row));
    Loaded loaded = std::move(ahead.front());
    ahead.pop_front();
    Lane own = laneOf(output, chunk, row);
    SmallVector<Values> products;
    for (int64_t from : chunk.sums)
      products.push_back(
          turn(b.columns(sums[chunk.part], from, kChunk), own.width));
    SmallVector<std::function<void()>> stores;
    for (size_t i = 0; i < loaded.size(); ++i) {
      SmallVector<Values> elements;
      for (const Values &all : products)
        elements.emplace_back(ArrayRef(all).slice(i * own.width, own.width));
      llvm::append_range(elements, loaded[i]);
      // What the code itself loads has to be there.
      Value m = own.rows[i], n = own.column;
      if (!output.load) {
        m = b.min(m, last);
        n = b.min(n, b.index(output.columns - own.width));
      }
      auto store = output.make(stage, m, n, own.width, elements);
      stores.push_back(
          [=, this] { b.ifThen(own.isInside[i], [&] { store(); }); });
    }
    for (auto &store : stores)
      store();
  }
}
