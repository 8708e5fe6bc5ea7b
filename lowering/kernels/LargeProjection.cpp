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
//                         full[slot]. Near the end of k, prefetch to L2 what
//                         the code on the tile will load
//   consumers (2 groups)  for each tile: 64 rows; for each 64 of k: wait
//                         full[slot]; wgmma; the slot before is free.
//                         Then code on what each thread has, scaled if x was
//                         not, whose loads began under the first steps; store
//                         (LargeEpilogue.cpp)
//   with ping-pong        each second tile is one group's, all 128 rows: it
//                         waits for turns[group] before it multiplies, and
//                         behind its last step gives the turn to the other one
//
// CTAs stay, in pairs with neighbouring tiles of rows, and go through the tiles
// as LargePieces.h says. While a group is in its epilogue the other one
// multiplies: without ping-pong only as far as the ring's slots let them drift
// apart, with it all the time, which pays where k is short and results are f32.
//
// Columns of a strip, 128 or 96, and pairs of a block are chosen by what was
// measured, or by a model (LargeTiles.cpp).
//
// Shared memory: slots of 16 KB of x and 32 KB of weights (24 KB with strips of
// 96), 4 (5) of them. Registers: 128 (96) of sums, twice as many with
// ping-pong, of 232; the producer's group gives up its own.

#include "lowering/kernels/LargeEpilogue.h"
#include "lowering/kernels/Projection.h"

#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace jet;

using Values = TileBuilder::Values;
using Ring = TileBuilder::Ring;
using Piece = LargePieces::Piece;

namespace {

constexpr int64_t kGroups = 2, kConsumers = kGroups * 128, kProducers = 128;
constexpr int64_t kConsumerRegisters = 232, kProducerRegisters = 40;
/// Of a consumer, for all but sums and what is loaded for their code.
constexpr int64_t kOtherRegisters = 32;
/// And for the addresses of loads that begin one after the other.
constexpr int64_t kAddressRegisters = 24;
constexpr int64_t kRows = LargeTile::kRows, kGroupRows = kRows / kGroups;
constexpr int64_t kStrips = LargeTile::kStrips, kPair = LargeTile::kPair;
constexpr int64_t kStep = 64; // of k: a swizzled row of 128 bytes
constexpr int64_t kRingBytes = 200 * 1024;

class LargeProjection {
public:
  LargeProjection(FormBuilder &form, StringRef what, const Projection &spec)
      : spec(spec), product(productOf(spec)),
        shape(spec.size.tile.value_or(modelTile(product))),
        tiles(product.tiles(shape)),
        slots(kRingBytes / bytesOf(shape.stripColumns())),
        stage(form, what, kConsumers + kProducers,
              {form.constant(kMultiprocessors)}, kPair),
        b(stage.b), strips{b, this->spec.outputs, shape.stripColumns(),
                           product.firstStrips(shape.stripColumns())},
        writer(stage, this->spec),
        epilogue(stage, this->spec, strips, writer, parts(),
                 kConsumerRegisters - kOtherRegisters -
                     (shape.pingPong ? 0 : kAddressRegisters)) {}

  void build();

private:
  static LargeProduct productOf(const Projection &spec);
  static int64_t bytesOf(int64_t columns) {
    return (kRows + kStrips * columns) * kStep * 2;
  }

  void allocate();
  void initialize();
  Value weightsIn(const Piece &piece, Value slot);
  void loadRows(const Piece &piece, Value step, Value slot);
  void loadWeights(const Piece &piece, Value step, Value slot);
  int64_t prefetchStep() const;
  void prefetch(const Piece &piece);
  void produce();
  /// When the warp's part of the product is done.
  void release(Value slot) { b.releaseInPair(empty, slot, rank); }
  Values multiply(const Piece &piece, Ring &ring,
                  ArrayRef<LargeEpilogue::Load> loads);
  void consume();
  void computePiece(const Piece &piece, Ring &ring, Value row);
  int64_t stepCount() const { return llvm::divideCeil(spec.inner, kStep); }
  /// Accumulators of a group, of kGroupRows each.
  int64_t parts() const { return shape.pingPong ? kGroups : 1; }

  Projection spec;
  LargeProduct product;
  LargeTile shape;
  int64_t tiles, slots;
  Stage stage;
  TileBuilder &b;
  LargeStrips strips;
  ColumnWriter writer;
  LargeEpilogue epilogue;
  std::optional<LargePieces> pieces;
  Value xRing, weightRing, full, empty;
  Value turns; // with ping-pong: a phase ends when the group may multiply
  Value rank, steps;
};

} // namespace

LargeProduct LargeProjection::productOf(const Projection &spec) {
  LargeProduct product{spec.inner, {}};
  for (const ProjectionOutput &output : spec.outputs)
    product.outputs.push_back(
        {output.columns, int64_t(output.weights.size()), ""});
  return product;
}

void LargeProjection::allocate() {
  Type bf16 = b.getBF16Type();
  xRing = b.alloc(b.shared({slots, kGroups, kGroupRows, kStep}, bf16, 128));
  weightRing =
      b.alloc(b.shared({slots, kStrips, strips.columns, kStep}, bf16, 128));
  auto barriers = tile::BarriersType::get(b.getContext(), slots);
  full = b.alloc(barriers);
  empty = b.alloc(barriers);
  if (shape.pingPong)
    turns = b.alloc(tile::BarriersType::get(b.getContext(), kGroups));
}

/// The strips of weights in a slot. Of halves they take the first half of it.
Value LargeProjection::weightsIn(const Piece &piece, Value slot) {
  if (!piece.half)
    return b.slice(weightRing, {slot});
  auto halves = b.shared({slots, 2, kStrips, strips.columns / 2, kStep},
                         b.getBF16Type(), 128);
  return b.slice(tile::ViewOp::create(b, halves, weightRing),
                 {slot, b.index(0)});
}

void LargeProjection::initialize() {
  b.ifThen(b.equal(b.threadId(), 0), [&] {
    b.initBarriers(full, 1);
    b.initBarriers(empty, kPair * kConsumers / 32 / parts());
    if (turns)
      b.initBarriers(turns, kConsumers / 32 / parts());
    tile::FenceBarriersOp::create(b);
  });
  tile::ClusterSyncOp::create(b);
  tile::LaunchDependentsOp::create(b);
  rank = b.clusterRank();
  steps = b.index(stepCount());
  // Of wide products that have a name, which prompts are made of. Of others
  // there is less to gain from halves, and some would spill.
  bool hasHalves = shape.hasHalves() && !spec.product.empty() && tiles > 2;
  pieces.emplace(stage, spec.rows, shape, tiles, hasHalves);
}

/// The CTA's rows of x.
void LargeProjection::loadRows(const Piece &piece, Value step, Value slot) {
  Type bf16 = b.getBF16Type();
  Value x = stage.map(spec.x, {spec.rows, stage.form.constant(spec.inner)},
                      {kRows, kStep}, bf16, 128);
  // Behind the last row are zeros.
  Value row =
      b.min(b.add(piece.pairRow, b.mul(rank, kRows)), stage.size(spec.rows));
  auto rowsOfX = b.shared({kRows, kStep}, bf16, 128);
  tile::TmaLoadOp::create(
      b, x, ValueRange{row, b.mul(step, kStep)},
      tile::ViewOp::create(b, rowsOfX, b.slice(xRing, {slot})), full, slot,
      Value(), tile::EvictAttr());
}

/// The CTA's strip of weights, for both.
void LargeProjection::loadWeights(const Piece &piece, Value step, Value slot) {
  Value k = b.mul(step, kStep);
  Value both = arith::ConstantIntOp::create(b, (1 << kPair) - 1, 16);
  Value strip = strips.stripOf(piece, rank);
  Value own = b.slice(weightsIn(piece, slot), {rank});
  strips.forOutput(strip, [&](const ProjectionOutput &output, Value local) {
    for (size_t i = 0; i < output.weights.size(); ++i) {
      auto start = [&] {
        Value column = b.min(strips.columnOf(piece, output, local),
                             b.index(output.columns));
        writer.loadWeights(
            output, i, spec.inner, strips.columnsOf(piece), column, k, own,
            [&](Value map, ValueRange at, Value tile) {
              tile::TmaLoadOp::create(b, map, at, tile, full, slot, both,
                                      tile::EvictAttr());
            });
      };
      if (output.isPaired())
        b.ifThen(b.equal(rank, static_cast<int64_t>(i)), start);
      else
        start();
    }
  });
}

/// Where in a product the producer prefetches: late enough for what it brings
/// to be there still.
int64_t LargeProjection::prefetchStep() const {
  return std::max<int64_t>(0, stepCount() - 16);
}

/// Brings what the tile's code will load to the second-level cache.
void LargeProjection::prefetch(const Piece &piece) {
  Value row =
      b.min(b.add(piece.pairRow, b.mul(rank, kRows)), stage.size(spec.rows));
  for (int64_t strip = 0; strip < kStrips; ++strip)
    strips.forOutput(
        strips.stripOf(piece, strip),
        [&](const ProjectionOutput &output, Value local) {
          if (output.isPaired() && strip)
            return;
          Value column = b.min(strips.columnOf(piece, output, local),
                               b.index(output.columns));
          for (const Place &place : output.loaded) {
            Type element = stage.form.argument(*place.operand).element;
            if (output.columns * element.getIntOrFloatBitWidth() % 128)
              continue; // not what a tensor map takes
            Value map = stage.map(
                place, {spec.rows, stage.form.constant(output.columns)},
                {kRows, strips.columnsOf(piece)}, element, 0);
            tile::TmaPrefetchOp::create(b, map, ValueRange{row, column});
          }
        });
}

void LargeProjection::produce() {
  // Only whole groups give registers away: the other warps have nothing to do.
  Value isFirst = b.equal(b.warpId(), kConsumers / 32);
  b.ifThen(b.both(isFirst, tile::ElectOp::create(b)), [&] {
    // Weights are there before the launch before has ended.
    Value zero = b.index(0), one = b.index(1);
    Value early = b.min(steps, b.index(slots));
    pieces->forEach({zero, 1, one}, {},
                    [&](const Piece &piece, ValueRange) -> Values {
                      b.loop(zero, early, one, [&](Value step) {
                        b.expect(full, step, bytesOf(strips.columnsOf(piece)));
                        loadWeights(piece, step, step);
                      });
                      return {};
                    });
    tile::WaitDependenciesOp::create(b);
    // No constant: a short loop would be unrolled, and need more registers than
    // the producer has.
    Value end = b.add(steps, b.div(b.blockX(), kMultiprocessors));
    // The slots are empty at first, as after a phase of parity 1.
    pieces->forEach(
        {zero}, {zero, b.i32(1)}, [&](const Piece &piece, ValueRange ring) {
          return b.loop(
              zero, end, one, ring,
              [&](Value step, ValueRange carried) -> Values {
                Ring at{carried[0], carried[1]};
                b.ifThen(b.equal(step, prefetchStep()),
                         [&] { prefetch(piece); });
                Value isEarly =
                    b.both(b.equal(piece.round, 0), b.less(step, early));
                b.ifThen(b.inverse(isEarly), [&] {
                  b.wait(empty, at.slot, at.parity);
                  b.expect(full, at.slot, bytesOf(strips.columnsOf(piece)));
                  loadWeights(piece, step, at.slot);
                });
                loadRows(piece, step, at.slot);
                Ring next = b.advance(at, slots);
                return {next.slot, next.parity};
              });
        });
  });
  tile::SyncWarpOp::create(b);
}

/// The sums of a tile; one group of wgmma runs while the next slot is awaited.
/// Under each of the first ones a part of `loads` starts, but for ping-pong.
Values LargeProjection::multiply(const Piece &piece, Ring &ring,
                                 ArrayRef<LargeEpilogue::Load> loads) {
  int64_t width = kStrips * strips.columnsOf(piece);
  auto type = tile::AccType::get(b.getContext(), kGroupRows, width);
  auto weights = b.shared({width, kStep}, b.getBF16Type(), 128);
  Value group = tile::WarpgroupIdOp::create(b);
  Values inits = {ring.slot, ring.parity, ring.slot};
  inits.append(parts(), tile::SplatOp::create(b, type, b.f32(0)));
  auto multiplyStep = [&](bool isFirst, ValueRange carried,
                          ArrayRef<LargeEpilogue::Load> loads) -> Values {
    Ring at{carried[0], carried[1]};
    b.wait(full, at.slot, at.parity);
    tile::WgmmaFenceOp::create(b);
    Values sums;
    for (int64_t part = 0; part < parts(); ++part)
      sums.push_back(tile::WgmmaOp::create(
          b, type,
          b.slice(xRing, {at.slot, shape.pingPong ? b.index(part) : group}),
          tile::ViewOp::create(b, weights, weightsIn(piece, at.slot)),
          carried[3 + part], UnitAttr()));
    tile::WgmmaCommitOp::create(b);
    for (const LargeEpilogue::Load &load : loads)
      load();
    tile::WgmmaWaitOp::create(b, TypeRange(), 1, ValueRange());
    if (!isFirst)
      release(carried[2]);
    Ring after = b.advance(at, slots);
    Values next = {after.slot, after.parity, at.slot};
    llvm::append_range(next, sums);
    return next;
  };
  // With ping-pong the other group multiplies meanwhile.
  for (; shape.pingPong && !loads.empty(); loads = loads.drop_front())
    loads.front()();
  int64_t apart = std::clamp<int64_t>(loads.size(), 1, stepCount());
  Values end = inits;
  for (int64_t step = 0; step < apart; ++step) {
    size_t from = loads.size() * step / apart;
    size_t to = loads.size() * (step + 1) / apart;
    end = multiplyStep(step == 0, end, loads.slice(from, to - from));
  }
  end = b.loop(b.index(apart), steps, b.index(1), end,
               [&](Value, ValueRange carried) {
                 return multiplyStep(false, carried, {});
               });
  if (turns)
    b.ifThen(tile::ElectOp::create(b),
             [&] { b.arrive(turns, b.sub(b.index(kGroups - 1), group)); });
  ValueRange running = ArrayRef(end).drop_front(3);
  auto wait = tile::WgmmaWaitOp::create(b, TypeRange(running), 0, running);
  release(end[2]);
  ring = {end[0], end[1]};
  return llvm::to_vector_of<Value>(wait.getResults());
}

void LargeProjection::computePiece(const Piece &piece, Ring &ring, Value row) {
  LargeEpilogue::Ahead loaded;
  Values sums = multiply(piece, ring, epilogue.loads(piece, row, loaded));
  epilogue.write(piece, sums, row, std::move(loaded));
}

void LargeProjection::consume() {
  Value group = tile::WarpgroupIdOp::create(b);
  tile::WaitDependenciesOp::create(b);
  if (shape.pingPong) {
    pieces->forEach(
        {group, kGroups}, {}, [&](const Piece &piece, ValueRange) -> Values {
          Value done = b.mul(piece.round, steps);
          Ring ring{b.rem(done, slots), b.toI32(b.rem(b.div(done, slots), 2))};
          // The group's turn is when the other one has seen all slots before
          // these full, whose phases differ by parity alone; the first one
          // there is at once.
          b.wait(turns, group,
                 b.toI32(b.rem(b.div(b.add(piece.round, 3), 2), 2)));
          computePiece(piece, ring, b.add(piece.pairRow, b.mul(rank, kRows)));
          return {};
        });
    return;
  }
  pieces->forEach({b.index(0)}, {b.index(0), b.i32(0)},
                  [&](const Piece &piece, ValueRange carried) -> Values {
                    Ring ring{carried[0], carried[1]};
                    Value row = b.add(b.add(piece.pairRow, b.mul(rank, kRows)),
                                      b.mul(group, kGroupRows));
                    computePiece(piece, ring, row);
                    return {ring.slot, ring.parity};
                  });
}

void LargeProjection::build() {
  stage.setOverlaps();
  if (!spec.product.empty())
    stage.setTile(spec.product, shape.name());
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
