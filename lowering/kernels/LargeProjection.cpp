// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//   y_i[m, n] = Σ_k x[m, k] · w_i[n, k];  result = code(y_0, y_1, …)
//
// of many rows m. A tile of 128 rows has two strips of columns, each of one
// product: of a result of two products one strip each, so that what code
// combines is in the same thread.
//
//   producer (1 warp)     for each tile, for each 64 of k: wait empty[slot];
//                         TMA of 128 rows of x, and of one of the tile's
//                         strips of weights for both CTAs of the pair, to
//                         full[slot]
//   consumers (2 groups)  for each tile: 64 rows; for each 64 of k: wait
//                         full[slot]; wgmma; the slot before is free.
//                         Then 32 columns after the other through shared
//                         memory, so that threads have neighbouring ones; code;
//                         store
//
// CTAs stay, in pairs with neighbouring tiles of rows, and go through the tiles
// in blocks of 8 pairs of rows, whose x and weights stay in the second-level
// cache. While a group is in its epilogue the other one multiplies: they drift
// apart by as much as the ring has slots.
//
// Columns of a strip, 128 or 96, are chosen by what the pairs, 66 of them at
// once, take together: the tiles of a pair times their columns, for steps of
// 2048 and 8192 rows. Of narrow results 96 waste less, and 128 read less.
//
// Shared memory: slots of 16 KB of x and 32 KB of weights (24 KB with strips of
// 96), 4 (5) of them; and for each group 64 rows of 40 f32. Registers: 128 (96)
// of sums, of 232; the producer's group gives up its own.

#include "lowering/kernels/Projection.h"

#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace jet;

using Values = TileBuilder::Values;
using Ring = TileBuilder::Ring;

namespace {

constexpr int64_t kGroups = 2, kConsumers = kGroups * 128, kProducers = 128;
constexpr int64_t kConsumerRegisters = 232, kProducerRegisters = 40;
constexpr int64_t kRows = 128, kGroupRows = kRows / kGroups;
constexpr int64_t kStrips = 2, kPair = 2;
constexpr int64_t kStep = 64;      // of k: a swizzled row of 128 bytes
constexpr int64_t kBlockPairs = 8; // pairs of tiles of rows that stay cached
constexpr int64_t kRingBytes = 200 * 1024;
/// Columns that go through shared memory at once; with 8 more a row, 4 rows of
/// an accumulator lie in different banks.
constexpr int64_t kChunk = 32, kPadding = 8;

class LargeProjection {
public:
  LargeProjection(FormBuilder &form, StringRef what, const Projection &spec)
      : spec(spec), columns(chooseColumns(spec)),
        tiles(countTiles(spec, columns)), slots(kRingBytes / slotBytes()),
        stage(form, what, kConsumers + kProducers,
              {form.constant(kMultiprocessors)}, kPair),
        b(stage.b) {}

  void build();

private:
  static int64_t stripsOf(const ProjectionOutput &output, int64_t columns) {
    return llvm::divideCeil(output.columns, columns) * output.weights.size();
  }
  /// The first strip of each output, and the number of all.
  static SmallVector<int64_t> firstStrips(const Projection &spec,
                                          int64_t columns);
  static int64_t countTiles(const Projection &spec, int64_t columns) {
    return llvm::divideCeil(firstStrips(spec, columns).back(), kStrips);
  }
  static int64_t chooseColumns(const Projection &spec);
  int64_t slotBytes() const { return (kRows + kStrips * columns) * kStep * 2; }
  bool isPaired(const ProjectionOutput &output) const {
    return output.weights.size() == 2;
  }

  void allocate();
  void initialize();
  void
  forTiles(ValueRange inits,
           function_ref<Values(Value pairRow, Value tile, ValueRange)> body);
  void forOutput(Value strip,
                 function_ref<void(const ProjectionOutput &, Value)> body) {
    jet::forOutput(b, spec.outputs, firstStrips(spec, columns), strip, body);
  }
  void load(Value pairRow, Value tile, Value step, Value slot);
  void produce();
  void release(Value slot);
  Value multiply(Ring &ring);
  void consume();
  void writeTile(Value sums, Value row, Value tile);
  void writeChunk(const ProjectionOutput &output, ArrayRef<Value> sums,
                  Value row, Value column);
  Values turn(Value sums, int64_t width);
  const Projection &spec;
  int64_t columns, tiles, slots;
  Stage stage;
  TileBuilder &b;
  Value xRing, weightRing, full, empty, chunks;
  Value rank, steps;
};

} // namespace

SmallVector<int64_t> LargeProjection::firstStrips(const Projection &spec,
                                                  int64_t columns) {
  SmallVector<int64_t> first;
  int64_t strips = 0;
  for (const ProjectionOutput &output : spec.outputs) {
    // Strips of two products share a tile. One between two results is the
    // first's, behind its columns.
    if (output.weights.size() == 2)
      strips = llvm::alignTo(strips, kStrips);
    first.push_back(strips);
    strips += stripsOf(output, columns);
  }
  first.push_back(strips);
  return first;
}

int64_t LargeProjection::chooseColumns(const Projection &spec) {
  constexpr int64_t kPairs = kMultiprocessors / kPair;
  auto cost = [&](int64_t columns) {
    double sum = 0;
    for (int64_t rows : {2048, 8192}) {
      int64_t count = rows / (kPair * kRows) * countTiles(spec, columns);
      sum += double(llvm::divideCeil(count, kPairs) * columns) / rows;
    }
    return sum;
  };
  return cost(96) < cost(128) * 0.98 ? 96 : 128;
}

void LargeProjection::allocate() {
  Type bf16 = b.getBF16Type();
  xRing = b.alloc(b.shared({slots, kGroups, kGroupRows, kStep}, bf16, 128));
  weightRing = b.alloc(b.shared({slots, kStrips, columns, kStep}, bf16, 128));
  chunks = b.alloc(
      b.shared({kGroups, kGroupRows, kChunk + kPadding}, b.getF32Type()));
  auto barriers = tile::BarriersType::get(b.getContext(), slots);
  full = b.alloc(barriers);
  empty = b.alloc(barriers);
}

void LargeProjection::initialize() {
  b.ifThen(b.equal(b.threadId(), 0), [&] {
    b.initBarriers(full, 1);
    b.initBarriers(empty, kPair * kConsumers / 32);
    tile::FenceBarriersOp::create(b);
  });
  tile::ClusterSyncOp::create(b);
  tile::LaunchDependentsOp::create(b);
  rank = b.clusterRank();
  steps = b.index(llvm::divideCeil(spec.inner, kStep));
}

/// Runs `body` for each of the pair's tiles, with the first row of the pair's.
void LargeProjection::forTiles(
    ValueRange inits,
    function_ref<Values(Value pairRow, Value tile, ValueRange)> body) {
  Value pairs = stage.size(spec.rows.ceilDiv(kPair * kRows));
  Value first = b.div(b.blockX(), kPair);
  Value block = b.index(kBlockPairs * tiles);
  b.loop(first, b.mul(pairs, tiles), b.index(kMultiprocessors / kPair), inits,
         [&](Value number, ValueRange carried) -> Values {
           Value blockNumber = b.div(number, block);
           Value inBlock = b.sub(number, b.mul(blockNumber, block));
           Value firstPair = b.mul(blockNumber, kBlockPairs);
           Value count = b.min(b.sub(pairs, firstPair), b.index(kBlockPairs));
           Value tile = b.div(inBlock, count);
           Value pair = b.add(firstPair, b.sub(inBlock, b.mul(tile, count)));
           return body(b.mul(pair, kPair * kRows), tile, carried);
         });
}

/// The CTA's rows of x, and its strip for both.
void LargeProjection::load(Value pairRow, Value tile, Value step, Value slot) {
  Type bf16 = b.getBF16Type();
  Value k = b.mul(step, kStep);
  Value x = stage.map(spec.x, {spec.rows, stage.form.constant(spec.inner)},
                      {kRows, kStep}, bf16, 128);
  // Behind the last row are zeros.
  Value row = b.min(b.add(pairRow, b.mul(rank, kRows)), stage.size(spec.rows));
  auto rowsOfX = b.shared({kRows, kStep}, bf16, 128);
  tile::TmaLoadOp::create(
      b, x, ValueRange{row, k},
      tile::ViewOp::create(b, rowsOfX, b.slice(xRing, {slot})), full, slot,
      Value(), tile::EvictAttr());
  Value both = arith::ConstantIntOp::create(b, (1 << kPair) - 1, 16);
  Value strip = b.add(b.mul(tile, kStrips), rank);
  forOutput(strip, [&](const ProjectionOutput &output, Value local) {
    for (size_t i = 0; i < output.weights.size(); ++i) {
      auto start = [&] {
        Value map = stage.map(output.weights[i],
                              {stage.form.constant(output.columns),
                               stage.form.constant(spec.inner)},
                              {columns, kStep}, bf16, 128);
        Value number = isPaired(output) ? b.div(local, 2) : local;
        Value column = b.min(b.mul(number, columns), b.index(output.columns));
        tile::TmaLoadOp::create(b, map, ValueRange{column, k},
                                b.slice(weightRing, {slot, rank}), full, slot,
                                both, tile::EvictAttr());
      };
      if (isPaired(output))
        b.ifThen(b.equal(rank, static_cast<int64_t>(i)), start);
      else
        start();
    }
  });
}

void LargeProjection::produce() {
  // Only whole groups give registers away: the other warps have nothing to do.
  Value isFirst = b.equal(b.warpId(), kConsumers / 32);
  b.ifThen(b.both(isFirst, tile::ElectOp::create(b)), [&] {
    tile::WaitDependenciesOp::create(b);
    // The slots are empty at first, as after a phase of parity 1.
    forTiles({b.index(0), b.i32(1)},
             [&](Value pairRow, Value tile, ValueRange ring) {
               return b.loop(b.index(0), steps, b.index(1), ring,
                             [&](Value step, ValueRange carried) -> Values {
                               Ring at{carried[0], carried[1]};
                               b.wait(empty, at.slot, at.parity);
                               b.expect(full, at.slot, slotBytes());
                               load(pairRow, tile, step, at.slot);
                               Ring next = b.advance(at, slots);
                               return {next.slot, next.parity};
                             });
             });
  });
  tile::SyncWarpOp::create(b);
}

/// Gives a slot back to both who fill it, when the warp's part of the product
/// is done.
void LargeProjection::release(Value slot) {
  b.ifThen(tile::ElectOp::create(b), [&] {
    b.arrive(empty, slot);
    tile::ArriveRemoteOp::create(b, empty, slot, b.sub(b.index(1), rank));
  });
}

/// The sums of a tile; one group of wgmma runs while the next slot is awaited.
Value LargeProjection::multiply(Ring &ring) {
  auto type = tile::AccType::get(b.getContext(), kGroupRows, kStrips * columns);
  auto weights = b.shared({kStrips * columns, kStep}, b.getBF16Type(), 128);
  Value group = tile::WarpgroupIdOp::create(b);
  Values inits = {tile::SplatOp::create(b, type, b.f32(0)), ring.slot,
                  ring.parity, ring.slot};
  Values end = b.loop(
      b.index(0), steps, b.index(1), inits,
      [&](Value step, ValueRange carried) -> Values {
        Ring at{carried[1], carried[2]};
        b.wait(full, at.slot, at.parity);
        tile::WgmmaFenceOp::create(b);
        Value next = tile::WgmmaOp::create(
            b, type, b.slice(xRing, {at.slot, group}),
            tile::ViewOp::create(b, weights, b.slice(weightRing, {at.slot})),
            carried[0], UnitAttr());
        tile::WgmmaCommitOp::create(b);
        tile::WgmmaWaitOp::create(b, TypeRange(), 1, ValueRange());
        b.ifThen(b.less(b.index(0), step), [&] { release(carried[3]); });
        Ring after = b.advance(at, slots);
        return {next, after.slot, after.parity, at.slot};
      });
  Value sums =
      tile::WgmmaWaitOp::create(b, TypeRange(type), 0, ValueRange{end[0]})
          .getResult(0);
  release(end[3]);
  ring = {end[1], end[2]};
  return sums;
}

void LargeProjection::consume() {
  Value group = tile::WarpgroupIdOp::create(b);
  tile::WaitDependenciesOp::create(b);
  forTiles({b.index(0), b.i32(0)},
           [&](Value pairRow, Value tile, ValueRange carried) -> Values {
             Ring ring{carried[0], carried[1]};
             Value row = b.add(b.add(pairRow, b.mul(rank, kRows)),
                               b.mul(group, kGroupRows));
             writeTile(multiply(ring), row, tile);
             return {ring.slot, ring.parity};
           });
}

void LargeProjection::writeTile(Value sums, Value row, Value tile) {
  Value first = b.mul(tile, kStrips);
  auto write = [&](const ProjectionOutput &output, ArrayRef<int64_t> strips,
                   Value number) {
    Value column = b.mul(number, columns);
    for (int64_t at = 0; at < columns; at += kChunk) {
      Values parts;
      for (int64_t strip : strips)
        parts.push_back(b.columns(sums, strip * columns + at, kChunk));
      writeChunk(output, parts, row, b.add(column, at));
    }
  };
  for (int64_t strip = 0; strip < kStrips; ++strip)
    forOutput(b.add(first, strip),
              [&](const ProjectionOutput &output, Value local) {
                if (!isPaired(output))
                  write(output, {strip}, local);
                else if (strip == 0)
                  write(output, {0, 1}, b.div(local, 2));
              });
}

/// What a lane gets of 32 columns of a warp's 16 rows: `width` neighbours of
/// each of some rows, see writeChunk().
Values LargeProjection::turn(Value sums, int64_t width) {
  Value chunk = b.slice(chunks, {tile::WarpgroupIdOp::create(b)});
  Value warpRow = b.mul(b.rem(b.warpId(), 4), 16), lane = b.laneId();
  tile::SyncWarpOp::create(b);
  tile::StoreAccOp::create(b, sums, chunk, b.index(0), b.index(0), Value(),
                           Value(), UnitAttr());
  tile::SyncWarpOp::create(b);
  int64_t lanes = kChunk / width, rows = 32 / lanes;
  Value column = b.mul(b.rem(lane, lanes), width);
  Values elements;
  for (int64_t i = 0; i < 16; i += rows)
    llvm::append_range(
        elements,
        b.split(b.load(chunk,
                       {b.add(b.add(warpRow, b.div(lane, lanes)), i), column},
                       width)));
  return elements;
}

/// Code and stores of 32 columns from `column` on; all of a lane's code comes
/// before its stores, so that what it loads is under way together.
void LargeProjection::writeChunk(const ProjectionOutput &output,
                                 ArrayRef<Value> sums, Value row,
                                 Value column) {
  int64_t width = vectorWidth(output.columns);
  int64_t lanes = kChunk / width, rows = 32 / lanes;
  SmallVector<Values> products;
  for (Value sum : sums)
    products.push_back(turn(sum, width));
  Value lane = b.laneId();
  Value at = b.add(column, b.mul(b.rem(lane, lanes), width));
  Value from = b.min(at, b.index(output.columns - width));
  Value first =
      b.add(b.add(row, b.mul(b.rem(b.warpId(), 4), 16)), b.div(lane, lanes));
  Value last = b.sub(stage.size(spec.rows), b.index(1));
  SmallVector<std::function<void()>> stores;
  for (int64_t i = 0; i < 16 / rows; ++i) {
    SmallVector<Values> own;
    for (const Values &all : products)
      own.emplace_back(ArrayRef(all).slice(i * width, width));
    Value m = b.add(first, i * rows);
    auto store = output.make(stage, b.min(m, last), from, width, own);
    stores.push_back([=, this] {
      Value inside =
          b.both(b.inverse(b.less(last, m)), b.less(at, output.columns));
      b.ifThen(inside, [&] { store(); });
    });
  }
  for (auto &store : stores)
    store();
}

void LargeProjection::build() {
  stage.setOverlaps();
  allocate();
  initialize();
  b.roles({{"consumers", kConsumers, kConsumerRegisters, [&] { consume(); }},
           {"producer", kProducers, kProducerRegisters, [&] { produce(); }}});
  // The other CTA may still arrive at this one's barriers.
  tile::ClusterSyncOp::create(b);
  stage.finish();
}

void jet::buildLargeProjection(FormBuilder &form, StringRef what,
                               const Projection &projection) {
  LargeProjection(form, what, projection).build();
}
