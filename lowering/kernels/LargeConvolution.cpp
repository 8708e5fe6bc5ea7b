// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// convolve of jet.generated_conv (Convolution.cpp) of many rows, with four taps
// and all in bf16:
//
//   tap_j[r, c] = Σ_k h[r, k] · w[4 c + j, k] + bias[4 c + j]
//   y[r, c]     = code(Σ_j tap_j[r, c] · ext[t + j, c])
//
// A tile is 128 rows of 64 channels. Of its 256 rows of weights those of a tap
// lie together, so that a thread has all taps of a channel in the same place of
// four accumulators, and what they see of ext in the same place of four
// fragments: nothing is exchanged.
//
//   producer (1 warp)     for each tile, for each 64 of k: wait empty[slot];
//                         TMA of 128 rows of h, and of two of the tile's taps
//                         for both CTAs of the pair, to full[slot]
//   consumers (2 groups)  for each tile: 64 rows; for each 64 of k: wait
//                         full[slot]; wgmma; the slot before is free. Under the
//                         first one TMA of the rows of u and of 8 before them,
//                         and the tile's bias to where y will be.
//                         Then, 16 rows a warp: u as fragments (ldmatrix), taps
//                         times u, code; through shared memory (stmatrix) to y
//                         by TMA
//
// CTAs stay, in pairs with neighbouring tiles of rows, and go through the tiles
// row by row. While a group is in its epilogue the other one multiplies, as far
// as the ring has slots. To hold the second group two steps behind the first
// was tried: 4 % slower.
//
// Shared memory: 4 slots of 16 KB of h and 32 KB of weights; for each group 9
// KB of u and 8 KB of y. Registers: 128 of sums, of 232; the producer's group
// gives up its own.

#include "lowering/kernels/DeltaRule.h"

using namespace mlir;
using namespace jet;

using Values = TileBuilder::Values;
using Ring = TileBuilder::Ring;

namespace {

constexpr int64_t kGroups = 2, kConsumers = kGroups * 128, kProducers = 128;
constexpr int64_t kConsumerRegisters = 232, kProducerRegisters = 40;
constexpr int64_t kRows = 128, kGroupRows = kRows / kGroups, kWarpRows = 16;
constexpr int64_t kTaps = 4, kHistory = kTaps - 1, kChannels = 64;
constexpr int64_t kPart = 32; // channels of a warp at once
constexpr int64_t kPair = 2;
constexpr int64_t kStep = 64; // of k: a swizzled row of 128 bytes
constexpr int64_t kSlots = 4;
constexpr int64_t kSlotBytes = (kRows + kTaps * kChannels) * kStep * 2;
/// Rows of u of a group, with as many before them as a swizzle repeats after.
constexpr int64_t kBefore = 8, kWindowRows = kBefore + kGroupRows;

class LargeConvolution {
public:
  LargeConvolution(FormBuilder &form, GeneratedConvOp conv, Place h,
                   Place owners)
      : conv(conv), h(h), owners(owners),
        channels(conv.getTail().getType().getChannels()),
        inner(cast<ShapedType>(conv.getWeight().getType()).getDimSize(1)),
        steps(llvm::divideCeil(inner, kStep)),
        stage(form, "convolve", kConsumers + kProducers,
              {form.constant(kMultiprocessors)}, kPair),
        b(stage.b) {}

  void build();

private:
  void allocate();
  void initialize();
  void
  forTiles(ValueRange inits,
           function_ref<Values(Value pairRow, Value channel, ValueRange)> body);
  void load(Value pairRow, Value channel, Value step, Value slot);
  void produce();

  void consume();
  /// When the warp's part of the product is done.
  void release(Value slot) { b.releaseInPair(empty, slot, rank); }
  Value multiply(Ring &ring, function_ref<void()> underFirst);
  void loadWindow(Value row, Value channel, Value parity);
  void keepBias(Value channel);
  Value beginsIn(Value row);
  void convolve(Value sums, Value row, Value channel, bool begins);
  Value see(ValueRange inputs, int64_t part, Value row, Value channel,
            bool begins);
  Value seeTail(Value row, Value channel, int64_t j, Value own);
  void send(Value row, Value channel);

  Value memoryOf(unsigned number) {
    return stage.operand(stage.form.operandOf(conv, number));
  }
  Value ownersIn() {
    return stage.memory(
        owners, MemRefType::get({ShapedType::kDynamic, 2}, b.getI32Type()));
  }
  /// Of u and y.
  Value rowsMap(unsigned operand, int64_t rows, int64_t columns) {
    return stage.map(Place::ofOperand(operand),
                     {stage.form.rows(), stage.form.constant(channels)},
                     {rows, columns}, b.getBF16Type(), columns * 2);
  }
  Type accType(int64_t columns) {
    return tile::AccType::get(b.getContext(), kGroupRows, columns);
  }

  GeneratedConvOp conv;
  Place h, owners;
  int64_t channels, inner, steps;
  Stage stage;
  TileBuilder &b;
  Value hRing, weightRing, full, empty;
  Value windows, windowFull, windowEmpty; // u, of the groups
  Value results;                          // y, of the warps; before it the bias
  Value rank, rows, group;
};

} // namespace

void LargeConvolution::allocate() {
  auto tiles = [&](ArrayRef<int64_t> shape) {
    return b.alloc(b.shared(shape, b.getBF16Type(), shape.back() * 2));
  };
  auto barriers = [&](int64_t count) {
    return b.alloc(tile::BarriersType::get(b.getContext(), count));
  };
  hRing = tiles({kSlots, kGroups, kGroupRows, kStep});
  weightRing = tiles({kSlots, kTaps, kChannels, kStep});
  windows = tiles({kGroups, kWindowRows, kChannels});
  results = tiles({kConsumers / 32, kChannels / kPart, kWarpRows, kPart});
  full = barriers(kSlots);
  empty = barriers(kSlots);
  windowFull = barriers(kGroups);
  windowEmpty = barriers(kGroups);
}

void LargeConvolution::initialize() {
  b.ifThen(b.equal(b.threadId(), 0), [&] {
    b.initBarriers(full, 1);
    b.initBarriers(empty, kPair * kConsumers / 32);
    b.initBarriers(windowFull, 1);
    b.initBarriers(windowEmpty, kConsumers / kGroups / 32);
    tile::FenceBarriersOp::create(b);
  });
  tile::ClusterSyncOp::create(b);
  tile::LaunchDependentsOp::create(b);
  rank = b.clusterRank();
  rows = stage.size(stage.form.rows());
}

/// Runs `body` for each of the pair's tiles, with the first row of the pair's.
void LargeConvolution::forTiles(
    ValueRange inits,
    function_ref<Values(Value pairRow, Value channel, ValueRange)> body) {
  int64_t across = channels / kChannels;
  Value pairs = stage.size(stage.form.rows().ceilDiv(kPair * kRows));
  b.loop(b.div(b.blockX(), kPair), b.mul(pairs, across),
         b.index(kMultiprocessors / kPair), inits,
         [&](Value number, ValueRange carried) -> Values {
           return body(b.mul(b.div(number, across), kPair * kRows),
                       b.mul(b.rem(number, across), kChannels), carried);
         });
}

/// The CTA's rows of h, and its taps for both.
void LargeConvolution::load(Value pairRow, Value channel, Value step,
                            Value slot) {
  Type bf16 = b.getBF16Type();
  Value k = b.mul(step, kStep);
  Value map = stage.map(h, {stage.form.rows(), stage.form.constant(inner)},
                        {kRows, kStep}, bf16, kStep * 2);
  // Behind the last row are zeros.
  Value row = b.min(b.add(pairRow, b.mul(rank, kRows)), rows);
  tile::TmaLoadOp::create(
      b, map, ValueRange{row, k},
      tile::ViewOp::create(b, b.shared({kRows, kStep}, bf16, kStep * 2),
                           b.slice(hRing, {slot})),
      full, slot, Value(), tile::EvictAttr());
  Value weights =
      stage.map(Place::ofOperand(stage.form.operandOf(conv, 2)),
                {stage.form.constant(channels), stage.form.constant(kTaps),
                 stage.form.constant(inner)},
                {kChannels, 1, kStep}, bf16, kStep * 2);
  Value both = arith::ConstantIntOp::create(b, (1 << kPair) - 1, 16);
  for (int64_t i = 0; i < kTaps / kPair; ++i) {
    Value tap = b.add(b.mul(rank, kTaps / kPair), i);
    tile::TmaLoadOp::create(b, weights, ValueRange{channel, tap, k},
                            b.slice(weightRing, {slot, tap}), full, slot, both,
                            tile::EvictAttr());
  }
}

void LargeConvolution::produce() {
  // Only whole groups give registers away: the other warps have nothing to do.
  Value isFirst = b.equal(b.warpId(), kConsumers / 32);
  b.ifThen(b.both(isFirst, tile::ElectOp::create(b)), [&] {
    tile::WaitDependenciesOp::create(b);
    // The slots are empty at first, as after a phase of parity 1.
    forTiles({b.index(0), b.i32(1)},
             [&](Value pairRow, Value channel, ValueRange ring) {
               return b.loop(b.index(0), b.index(steps), b.index(1), ring,
                             [&](Value step, ValueRange carried) -> Values {
                               Ring at{carried[0], carried[1]};
                               b.wait(empty, at.slot, at.parity);
                               b.expect(full, at.slot, kSlotBytes);
                               load(pairRow, channel, step, at.slot);
                               Ring next = b.advance(at, kSlots);
                               return {next.slot, next.parity};
                             });
             });
  });
  tile::SyncWarpOp::create(b);
}

void LargeConvolution::consume() {
  group = tile::WarpgroupIdOp::create(b);
  Value inGroup = b.mul(b.rem(b.warpId(), 4), kWarpRows);
  tile::WaitDependenciesOp::create(b);
  forTiles({b.index(0), b.i32(0), b.i32(0)},
           [&](Value pairRow, Value channel, ValueRange carried) -> Values {
             Ring ring{carried[0], carried[1]};
             Value parity = carried[2], begins; // of the tile
             Value row = b.add(b.add(pairRow, b.mul(rank, kRows)),
                               b.mul(group, kGroupRows));
             Value warpRow = b.add(row, inGroup);
             Value sums = multiply(ring, [&] {
               loadWindow(row, channel, parity);
               keepBias(channel);
               begins = beginsIn(warpRow);
             });
             b.wait(windowFull, group, parity);
             auto finish = [&](bool begins) {
               convolve(sums, row, channel, begins);
             };
             b.ifElse(begins, [&] { finish(true); }, [&] { finish(false); });
             send(warpRow, channel);
             return {ring.slot, ring.parity, b.flip(parity)};
           });
  b.ifThen(b.equal(b.laneId(), 0), [&] {
    tile::BulkWaitOp::create(b, b.getI32IntegerAttr(0), b.getUnitAttr());
  });
}

/// The sums of a tile, tap after tap; one group of wgmma runs while the next
/// slot is awaited.
Value LargeConvolution::multiply(Ring &ring, function_ref<void()> underFirst) {
  constexpr int64_t kColumns = kTaps * kChannels;
  Type type = accType(kColumns);
  auto weights = b.shared({kColumns, kStep}, b.getBF16Type(), kStep * 2);
  auto start = [&](Ring at, Value sums) -> Value {
    b.wait(full, at.slot, at.parity);
    tile::WgmmaFenceOp::create(b);
    Value next = tile::WgmmaOp::create(
        b, type, b.slice(hRing, {at.slot, group}),
        tile::ViewOp::create(b, weights, b.slice(weightRing, {at.slot})), sums,
        UnitAttr());
    tile::WgmmaCommitOp::create(b);
    return next;
  };
  Value first = start(ring, Value());
  underFirst();
  Ring second = b.advance(ring, kSlots);
  Values end =
      b.loop(b.index(1), b.index(steps), b.index(1),
             {first, second.slot, second.parity, ring.slot},
             [&](Value, ValueRange carried) -> Values {
               Ring at{carried[1], carried[2]};
               Value next = start(at, carried[0]);
               tile::WgmmaWaitOp::create(b, TypeRange(), 1, ValueRange());
               release(carried[3]);
               Ring after = b.advance(at, kSlots);
               return {next, after.slot, after.parity, at.slot};
             });
  Value sums =
      tile::WgmmaWaitOp::create(b, TypeRange(type), 0, ValueRange{end[0]})
          .getResult(0);
  release(end[3]);
  ring = {end[1], end[2]};
  return sums;
}

/// Starts the copy of u of the group's rows, by its first thread, when all its
/// warps have read the tile before.
void LargeConvolution::loadWindow(Value row, Value channel, Value parity) {
  b.ifThen(b.equal(b.rem(b.threadId(), 128), 0), [&] {
    b.wait(windowEmpty, group, b.flip(parity));
    b.expect(windowFull, group, kWindowRows * kChannels * 2);
    Value map = rowsMap(stage.form.operandOf(conv, 0), kWindowRows, kChannels);
    Value first = b.sub(b.min(row, rows), b.index(kBefore));
    tile::TmaLoadOp::create(b, map, ValueRange{first, channel},
                            b.slice(windows, {group}), windowFull, group,
                            Value(), tile::EvictAttr());
  });
  tile::SyncWarpOp::create(b);
}

/// Whether a sequence has one of its first three rows among the warp's, from
/// `row` on: they see its tail. Rows of no sequence count as such.
Value LargeConvolution::beginsIn(Value row) {
  Value last = b.sub(rows, b.index(1));
  Value at = b.min(b.add(row, b.rem(b.laneId(), kWarpRows)), last);
  Value t = b.toIndex(b.load(ownersIn(), {at, b.index(1)}));
  Value one = b.select(b.less(t, kHistory), b.f32(1), b.f32(0));
  return b.compare(arith::CmpFPredicate::OGT, b.maxOfWarp(one), b.f32(0));
}

/// A tile's bias, to where the warp's y is put later.
void LargeConvolution::keepBias(Value channel) {
  constexpr int64_t kWidth = kTaps * kChannels / 32;
  Value result = b.slice(results, {b.warpId()}), lane = b.laneId();
  b.ifThen(b.equal(lane, 0), [&] {
    tile::BulkWaitOp::create(b, b.getI32IntegerAttr(0), b.getUnitAttr());
  });
  tile::SyncWarpOp::create(b);
  Value at = b.mul(lane, kWidth);
  Value some = b.load(memoryOf(3), {b.add(b.mul(channel, kTaps), at)}, kWidth);
  b.store(some, result, {b.index(0), b.div(at, kPart), b.rem(at, kPart)});
  tile::SyncWarpOp::create(b);
}

/// y of the warp's rows, to where send() finds it.
void LargeConvolution::convolve(Value sums, Value row, Value channel,
                                bool begins) {
  Value window = b.slice(windows, {group});
  Value result = b.slice(results, {b.warpId()});
  Value first =
      b.add(b.mul(b.rem(b.warpId(), 4), kWarpRows), kBefore - kHistory);
  auto type = tile::FragType::get(b.getContext(), kWarpRows, kPart, "a");
  Values y;
  for (int64_t part = 0; part < kChannels; part += kPart) {
    Values inputs;
    for (int64_t j = 0; j < kTaps; ++j)
      inputs.push_back(b.columns(sums, j * kChannels + part, kPart));
    for (int64_t j = 0; j < kTaps; ++j)
      inputs.push_back(tile::LoadMatrixOp::create(
          b, type, window, b.add(first, j), b.index(part)));
    if (part + kPart == kChannels) {
      tile::SyncWarpOp::create(b);
      b.ifThen(tile::ElectOp::create(b), [&] { b.arrive(windowEmpty, group); });
    }
    y.push_back(see(inputs, part, row, b.add(channel, part), begins));
  }
  tile::SyncWarpOp::create(b); // all lanes have read the bias
  for (auto [i, part] : llvm::enumerate(y))
    tile::StoreMatrixOp::create(b, part, 0, b.slice(result, {b.index(i)}));
}

/// y, from the products of each tap and what it sees; with `begins` that may be
/// in a tail.
Value LargeConvolution::see(ValueRange inputs, int64_t part, Value firstRow,
                            Value firstChannel, bool begins) {
  Type type = accType(kPart), f32 = b.getF32Type();
  Value bias = b.slice(results, {b.warpId()});
  Value last = b.sub(rows, b.index(1));
  auto rowOf = [&](Value inGroup) {
    return b.min(b.add(firstRow, inGroup), last);
  };
  Value sum = tile::SplatOp::create(b, type, b.f32(0));
  for (int64_t j = 0; j < kTaps; ++j) {
    if (begins) // a tap's loads at once are enough for the registers
      tile::SyncWarpOp::create(b);
    sum = b.map(type, {inputs[j], inputs[kTaps + j], sum}, [&](ValueRange in) {
      Value channel = b.add(firstChannel, in[4]), seen = in[1];
      if (begins && j < kHistory)
        seen = seeTail(rowOf(in[3]), channel, j, seen);
      Value at = b.mul(b.add(in[4], part), kTaps);
      Values addends = b.split(b.load(
          bias, {b.index(0), b.div(at, kPart), b.rem(at, kPart)}, kTaps));
      return b.fma(b.addf(in[0], b.convert(addends[j], f32)), seen, in[2]);
    });
  }
  return b.map(type, {sum}, [&](ValueRange in) {
    auto ported = cast<PortOpInterface>(conv.getOperation());
    Value made = applyCode(stage, ported, resultPort(0), rowOf(in[1]),
                           b.add(firstChannel, in[2]), 1, {Values{in[0]}})[0];
    // What follows rounds it.
    auto rounded = made.getDefiningOp<arith::TruncFOp>();
    if (rounded && rounded.getIn().getType().isF32())
      return rounded.getIn();
    return b.convert(made, f32);
  });
}

/// What tap j of a row sees: of its sequence's tail, or `own`, of u.
Value LargeConvolution::seeTail(Value row, Value channel, int64_t j,
                                Value own) {
  Value owner = ownersIn(), tail = memoryOf(4);
  Value slot = b.toIndex(b.load(owner, {row, b.index(0)}));
  Value t = b.toIndex(b.load(owner, {row, b.index(1)}));
  Value at = b.add(t, j);
  Value old = b.load(tail, {b.max(slot, b.index(0)),
                            b.min(at, b.index(kHistory - 1)), channel});
  return b.select(b.less(at, kHistory), b.convert(old, b.getF32Type()), own);
}

/// The warp's rows of y, to memory.
void LargeConvolution::send(Value row, Value channel) {
  Value result = b.slice(results, {b.warpId()});
  tile::FenceAsyncOp::create(b);
  tile::SyncWarpOp::create(b);
  b.ifThen(b.both(b.equal(b.laneId(), 0), b.less(row, rows)), [&] {
    for (int64_t i = 0; i < kChannels / kPart; ++i)
      tile::TmaStoreOp::create(
          b, b.slice(result, {b.index(i)}),
          rowsMap(stage.form.resultOperand(0), kWarpRows, kPart),
          ValueRange{row, b.add(channel, i * kPart)});
    tile::BulkCommitOp::create(b);
  });
  tile::SyncWarpOp::create(b);
}

void LargeConvolution::build() {
  stage.setOverlaps();
  allocate();
  initialize();
  b.roles({{"consumers", kConsumers, kConsumerRegisters, [&] { consume(); }},
           {"producer", kProducers, kProducerRegisters, [&] { produce(); }}});
  // The other CTA may still arrive at this one's barriers.
  tile::ClusterSyncOp::create(b);
  stage.finish();
}

bool jet::hasLargeConvolution(FormBuilder &form, GeneratedConvOp conv) {
  ConvTailType tail = conv.getTail().getType();
  auto isBf16 = [&](unsigned operand) {
    return form.argument(operand).element.isBF16();
  };
  return tail.getRows() == kHistory && tail.getChannels() % kChannels == 0 &&
         isBf16(form.operandOf(conv, 0)) && isBf16(form.operandOf(conv, 3)) &&
         isBf16(form.operandOf(conv, 4)) && isBf16(form.resultOperand(0));
}

void jet::buildLargeConvolution(FormBuilder &form, GeneratedConvOp conv,
                                Place owners) {
  RowInput input;
  input.operand = form.operandOf(conv, 1);
  LargeConvolution(form, conv, roundRows(form, input), owners).build();
}
