// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//   y_i[m, n] = Σ_k x[m, k] · w_i[n, k];  result = code(y_0, y_1, …)
//
// for 17 to 128 rows m. Here the tensor cores multiply 64 rows of x with any
// multiple of 8 rows of weights, so that columns are dealt evenly to the SMs:
// 17920 of them in 125 tiles of 144, where 140 of 128 left some SMs two.
//
//   producer (1 warp)     for each 64 of k: wait empty[slot]; TMA the tile's
//                         rows of weights and all rows of x, to full[slot]
//   consumers (2 groups)  for each 64 of k: wait full[slot]; wgmma of 64 rows
//                         with all columns (64 rows in all: with a half of
//                         them); the slot is free
//   all                   sums to shared memory; the CTAs that share k fetch
//                         parts of them and add them up in the order of their
//                         ranks; code; store
//
// Beside such a ring only small stages have room: the next launch begins when
// all copies are under way, and the stage that makes x, if there is one, starts
// copies to L2 of what the first slots will hold while this one's memory idles.
//
// A CTA has one tile, but for results that are stored as they are: there CTAs
// stay, and the ring fills for the next tile while they store.
//
// Shared memory: a ring of slots of 128 bytes a row of weights and of x, as
// large as an SM has room for; the sums take its place.
//
// Tried and rejected, at 128 rows on an H200: with k = 1536, pairs of CTAs that
// share k and have twice the columns, and so read x half as often (17920
// columns 28.4 µs instead of 22.9, 8856 columns 16.3 instead of 14.4), or that
// load a half of x for both (23.4, 15.4); rings of which two fit an SM (23.6,
// 16.7); to send sums element by element instead of to fetch vectors (1536
// columns of k = 8960 14.1 µs instead of 12.8). For at most 16 rows the kernel
// alone is faster than Projection.cpp's (18.9 µs became 16.7 at one row), but a
// step slower (1.38 ms became 1.49): beside such a ring no other launch begins.
// With rings of 108 KB, of which x takes 8 KB a slot, both are slower
// (20, 1.88).

#include "lowering/kernels/ProjectionRing.h"

#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace jet;

using Values = TileBuilder::Values;
using Ring = TileBuilder::Ring;

namespace {

constexpr int64_t kGroups = 2, kConsumers = kGroups * 128;
constexpr int64_t kStep = ProjectionRing::kStep;
constexpr int64_t kTileRows = 64; // of x, in a product
constexpr int64_t kRingBytes = 216 * 1024;
/// Of each CTA's k. With 6 and 10 a step of 128 sequences took longer.
constexpr int64_t kStepsAhead = 4;

/// How the columns and k are dealt to CTAs.
struct Division {
  int64_t width;  // rows of weights of a tile
  int64_t splits; // of k
  int64_t tiles;
};

/// What follows from the sizes alone.
class EvenPlan {
protected:
  explicit EvenPlan(const Projection &spec)
      : spec(spec), steps(llvm::divideCeil(spec.inner, kStep)),
        rows(spec.size.tileRows), parts(countParts()), division(choose()),
        splits(division.splits), half(division.width / parts),
        ctas(std::min(division.tiles * splits,
                      isPlain() ? capacity(splits) : INT64_MAX)),
        slots(std::min<int64_t>(kRingBytes / shape(division.width).slotBytes(),
                                llvm::divideCeil(steps, splits))) {}

  /// Products of a tile that lie apart in shared memory: two where a result is
  /// made of two, or where the groups share the columns.
  int64_t countParts() const {
    bool paired = llvm::any_of(
        spec.outputs, [](const ProjectionOutput &o) { return o.isPaired(); });
    return paired || rows == kTileRows ? 2 : 1;
  }
  int64_t columnsOf(const ProjectionOutput &output) const {
    return division.width / int64_t(output.weights.size());
  }
  ProjectionRing::Shape shape(int64_t width) const {
    return {parts, width / parts, rows / kTileRows, kTileRows};
  }
  /// CTAs that run at once, one an SM. An H200 had room for 30 clusters of 4
  /// and 15 of 8; the groups of SMs that hold clusters differ from GPU to GPU.
  static int64_t capacity(int64_t splits) {
    return splits == 8 ? 96 : splits == 4 ? 112 : kMultiprocessors;
  }
  /// Whether all results are the sums, which can be stored at once.
  bool isPlain() const {
    return llvm::all_of(spec.outputs, [](const ProjectionOutput &output) {
      return output.sums && output.columns % 2 == 0;
    });
  }
  Division choose() const;
  /// Whether CTAs stay for several tiles.
  bool stays() const { return division.tiles * splits > ctas; }
  /// Whether each group has all columns, of its rows.
  bool dealsRows() const { return rows > kTileRows; }
  int64_t ownColumns() const { return dealsRows() ? division.width : half; }

  const Projection &spec;
  int64_t steps, rows, parts;
  Division division;
  int64_t splits, half, ctas, slots;
};

class EvenKernel : EvenPlan {
public:
  EvenKernel(FormBuilder &form, StringRef what, const Projection &spec)
      : EvenPlan(spec),
        stage(form, what, kConsumers + 32, {form.constant(ctas)}, splits),
        b(stage.b), ring(stage, spec, shape(division.width), slots) {}

  void build();

private:
  /// Columns of a row of sums, so that rows go to different banks.
  static int64_t strideOf(int64_t columns) {
    return columns + (40 - columns % 32) % 32;
  }
  /// Of the group, in the tile.
  Value firstRow() {
    return dealsRows() ? b.mul(group, kTileRows) : b.index(0);
  }
  Value firstColumn() { return dealsRows() ? b.index(0) : b.mul(group, half); }

  void allocate();
  void initialize();
  void
  forOutput(llvm::function_ref<void(const ProjectionOutput &, Value)> body) {
    jet::forOutput(b, spec.outputs, firstTiles(spec.outputs, division.width),
                   tile, body);
  }
  void produce();
  void consume();
  Value multiply(Ring &place);
  void storeDirectly(Value sums);
  void keep(Value sums);
  void writeOutput(const ProjectionOutput &output, Value local);
  Value addUp(ValueRange place, int64_t width);

  Stage stage;
  TileBuilder &b;
  ProjectionRing ring;
  Value partials;
  Value group, tile, part, beginStep, endStep;
};

/// The division in which the busiest SM, or all together, have the least to
/// read; sums that others fetch count four times.
Division EvenPlan::choose() const {
  // wgmma takes 256 columns; rings of less than 4 slots are slow.
  int64_t widest = dealsRows() ? 256 : 320;
  Division best{};
  double least = 0;
  for (int64_t splits : {1, 2, 4, 8}) {
    if (splits > 1 && steps / splits < 2)
      break;
    for (int64_t width = 16 * parts; width <= widest; width += 8 * parts) {
      int64_t tiles = firstTiles(spec.outputs, width).back();
      int64_t turns = llvm::divideCeil(tiles * splits, capacity(splits));
      if (turns > 1 && splits > 1)
        continue;
      if (!isPlain() && turns > 1) // the ring fills anew
        turns *= 2;
      auto slot = double(shape(width).slotBytes());
      double all = slot * tiles * steps / kMultiprocessors;
      double busiest = slot * llvm::divideCeil(steps, splits) * turns;
      double exchange = splits > 1 ? double(width) * rows * 16 : 0;
      double cost = std::max(all, busiest) + exchange;
      if (!least || cost < least)
        best = {width, splits, tiles}, least = cost;
    }
  }
  return best;
}

void EvenKernel::allocate() {
  Type bf16 = b.getBF16Type();
  auto sums = b.shared({rows, strideOf(division.width)}, b.getF32Type());
  int64_t bytes = ring.bytes();
  if (!stays())
    bytes = std::max<int64_t>(bytes, sums.getNumBytes());
  Value memory = b.alloc(b.shared({(bytes + 127) / 128, kStep}, bf16, 128));
  ring.allocate(memory);
  if (!stays())
    partials = tile::ReuseOp::create(b, sums, memory, 0);
}

void EvenKernel::initialize() {
  ring.initialize(/*consumers=*/kGroups);
  b.sync();
  part = splits == 1 ? b.index(0) : b.clusterRank();
  tile = b.div(b.blockX(), splits);
  beginStep = b.div(b.mul(part, steps), splits);
  endStep = b.div(b.mul(b.add(part, 1), steps), splits);
}

/// The group's sums of a tile; the place in the ring moves on.
Value EvenKernel::multiply(Ring &place) {
  Value leads = b.equal(b.rem(b.threadId(), 128), 0);
  auto type = tile::AccType::get(b.getContext(), kTileRows, ownColumns());
  Value none = tile::SplatOp::create(b, type, b.f32(0));
  auto tileOf = [&](Value slot) -> Value {
    if (!dealsRows())
      return b.slice(ring.weights, {slot, group});
    auto type = b.shared({division.width, kStep}, b.getBF16Type(), 128);
    return tile::ViewOp::create(b, type, b.slice(ring.weights, {slot}));
  };
  Values end = b.loop(
      beginStep, endStep, b.index(1), {none, place.slot, place.parity},
      [&](Value, ValueRange carried) -> Values {
        Ring at{carried[1], carried[2]};
        b.wait(ring.full, at.slot, at.parity);
        tile::WgmmaFenceOp::create(b);
        Value x = b.slice(ring.x, {at.slot, dealsRows() ? group : b.index(0)});
        Value sums = tile::WgmmaOp::create(b, type, x, tileOf(at.slot),
                                           carried[0], UnitAttr());
        tile::WgmmaCommitOp::create(b);
        // The slot is free at once: the next one may take long to arrive.
        sums =
            tile::WgmmaWaitOp::create(b, TypeRange(type), 0, ValueRange{sums})
                .getResult(0);
        b.ifThen(leads, [&] { b.arrive(ring.empty, at.slot); });
        Ring next = b.advance(at, slots);
        return {sums, next.slot, next.parity};
      });
  place = {end[1], end[2]};
  return end[0];
}

void EvenKernel::produce() {
  ring.produce({tile, beginStep, endStep, division.tiles,
                stays() ? ctas : division.tiles, [&] {
                  tile::LaunchDependentsOp::create(b);
                  if (spec.ahead)
                    spec.ahead(stage, b.blockX(), b.index(ctas));
                }});
}

void EvenKernel::consume() {
  group = tile::WarpgroupIdOp::create(b);
  Ring place{b.index(0), b.i32(0)};
  if (!stays())
    return keep(multiply(place));
  Value first = tile;
  b.loop(tile, b.index(division.tiles), b.index(ctas),
         {place.slot, place.parity},
         [&](Value turn, ValueRange carried) -> Values {
           tile = turn;
           Ring now{carried[0], carried[1]};
           Value sums = multiply(now);
           tile::WaitDependenciesOp::create(b);
           storeDirectly(sums);
           return {now.slot, now.parity};
         });
  tile = first;
}

/// Results that are the sums.
void EvenKernel::storeDirectly(Value sums) {
  forOutput([&](const ProjectionOutput &output, Value local) {
    auto type =
        MemRefType::get({ShapedType::kDynamic, output.columns}, b.getF32Type());
    tile::StoreAccOp::create(
        b, sums, stage.memory(*output.sums, type), firstRow(),
        b.add(b.mul(local, columnsOf(output)), firstColumn()),
        stage.size(spec.rows), b.index(output.columns), UnitAttr());
  });
}

/// The sums to shared memory, when all are done with the ring.
void EvenKernel::keep(Value sums) {
  b.sync(1, kConsumers);
  tile::StoreAccOp::create(b, sums, partials, firstRow(), firstColumn(),
                           Value(), Value(), UnitAttr());
}

/// The sum over the parts of k, in their order.
Value EvenKernel::addUp(ValueRange place, int64_t width) {
  if (splits == 1)
    return b.load(partials, place, width);
  Type type = b.getF32Type();
  if (width > 1)
    type = VectorType::get(width, type);
  Value sum;
  for (int64_t other = 0; other < splits; ++other) {
    Value theirs =
        tile::LoadRemoteOp::create(b, type, partials, place, b.index(other));
    sum = sum ? b.addf(sum, theirs) : theirs;
  }
  return sum;
}

/// The units of a tile, vectors of a row, are dealt to all threads that share
/// it. A thread makes a few at once: sums of others take long to come.
void EvenKernel::writeOutput(const ProjectionOutput &output, Value local) {
  int64_t products = output.weights.size(), width = vectorWidth(output.columns);
  int64_t columns = columnsOf(output), units = columns / width; // of a row
  int64_t threads = kConsumers * splits;
  int64_t turns = llvm::divideCeil(rows * units, threads);
  int64_t atOnce = llvm::divideCeil(turns, llvm::divideCeil(turns, 4));
  Value first = b.mul(local, columns);
  Value end = b.mul(stage.size(spec.rows), units);
  Value thread = b.add(b.mul(part, kConsumers), b.threadId());
  b.loop(thread, end, b.index(threads * atOnce), [&](Value begin) {
    SmallVector<SmallVector<Values>> sums(atOnce);
    Values ms, ns;
    for (int64_t i = 0; i < atOnce; ++i) {
      // Rows that are not there have sums too, which are not used.
      Value unit = b.min(b.add(begin, i * threads), b.index(rows * units - 1));
      ms.push_back(b.div(unit, units));
      ns.push_back(b.mul(b.rem(unit, units), width));
      for (int64_t product = 0; product < products; ++product)
        sums[i].push_back(
            b.split(addUp({ms[i], b.add(ns[i], product * half)}, width)));
    }
    for (int64_t i = 0; i < atOnce; ++i) {
      Value column = b.add(first, ns[i]);
      Value isThere = b.both(b.less(b.add(begin, i * threads), end),
                             b.less(column, output.columns));
      b.ifThen(isThere,
               [&] { output.make(stage, ms[i], column, width, sums[i])(); });
    }
  });
}

void EvenKernel::build() {
  stage.setOverlaps();
  allocate();
  initialize();
  b.roles({{"consumers", kConsumers, 0, [&] { consume(); }},
           {"producer", 32, 0, [&] { produce(); }}});
  if (!stays()) {
    if (splits > 1)
      tile::ClusterSyncOp::create(b);
    else
      b.sync();
    tile::WaitDependenciesOp::create(b);
    b.ifThen(b.less(b.threadId(), kConsumers), [&] {
      forOutput([&](const ProjectionOutput &output, Value local) {
        writeOutput(output, local);
      });
    });
  }
  if (splits > 1) // others may still read this CTA's sums
    tile::ClusterSyncOp::create(b);
  stage.finish();
}

/// Copies to L2 of what the CTAs begin with.
struct EvenCopies : EvenPlan {
  explicit EvenCopies(const Projection &spec) : EvenPlan(spec) {}

  void start(Stage &stage, Value share, Value shares) {
    TileBuilder &b = stage.b;
    Value count = b.index(std::min(steps / splits, kStepsAhead));
    b.loop(share, b.index(ctas), shares, [&](Value cta) {
      Value tile = b.div(cta, splits);
      Value begin = b.div(b.mul(b.rem(cta, splits), steps), splits);
      b.loop(b.index(0), count, b.index(1), [&](Value i) {
        ProjectionRing::prefetch(stage, spec, shape(division.width), tile,
                                 b.add(begin, i));
      });
    });
  }
};

} // namespace

void jet::buildEvenProjection(FormBuilder &form, StringRef what,
                              const Projection &projection) {
  EvenKernel(form, what, projection).build();
}

CopyAhead jet::copyAheadOfEven(const Projection &projection) {
  return [&](Stage &stage, Value share, Value shares) {
    EvenCopies(projection).start(stage, share, shares);
  };
}
