// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The last stage of jet.delta_step for many sequences: a copy of the states
// with arithmetic attached. DeltaStep.cpp has the equations.
//
// CTAs stay, two an SM, and walk over the heads of all sequences. A head's
// state goes through a ring of tiles of its columns:
//
//   loader (a thread)     for each tile: wait empty[slot]; TMA to full[slot]
//   storer (a thread)     for each tile: wait done[slot]; TMA of S' to memory;
//                         once the slot has been read, empty[slot]
//   columns (4 warps)     for each head: v, the tail, the gate
//   keys (1 warp)         for each head: q, k to unit length, q · k, γ, β; both
//                         a head ahead of the consumers, to ready[buffer]
//   consumers (4 warps)   for each head: wait ready[buffer]
//                           for each tile: wait full[slot]; Σ k S and Σ q S
//                           over a part of the rows, for 4 columns a thread;
//                           the parts are added up in the order of the rows;
//                           S' in place of S; y kept; done[slot]
//                         y normed; taken[buffer]
//
// Shared memory: at most 96 KB of tiles, and two heads' inputs.
//
// 128 sequences of 12 heads of 96×256 f32, 302 MB, take 80.2 µs on an H200, and
// the copies alone 78.1; where S has no hint 82.7. Tried and rejected: S'
// stored with evict first (78.5, but a step of the model 27 µs more), stores of
// which one or two are pending. In an earlier state, against 87 µs: tiles of 32
// columns (99), one CTA an SM with a ring of twice the slots (94), twice the
// consumers (87), tiles of whole rows, which are contiguous, a head in the ring
// (90).

#include "lowering/kernels/DeltaStep.h"

#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace jet;

using Values = TileBuilder::Values;
using Ring = TileBuilder::Ring;

namespace {

constexpr int64_t kConsumers = StateTile::kThreads, kColumnThreads = 128;
constexpr int64_t kThreads = kConsumers + kColumnThreads + 32 + 32 + 32;
constexpr int64_t kWarps = kConsumers / 32;
constexpr int64_t kCtas = 2 * kMultiprocessors;
constexpr int64_t kRingBytes = 96 * 1024, kLeastSlots = 3, kMostSlots = 8;
constexpr int64_t kBuffers = 2;
/// Of the first head of each CTA. With 4 a step of 128 sequences took longer.
constexpr int64_t kTilesAhead = 2;

int64_t tileBytes(RecurrentStateType type, int64_t columns) {
  return type.getKeyDim() * columns *
         type.getElementType().getIntOrFloatBitWidth() / 8;
}
/// Of a tile.
int64_t columnsOf(RecurrentStateType type) {
  return tileBytes(type, 64) * kLeastSlots <= kRingBytes ? 64 : 32;
}
/// Tiles of a head.
int64_t splitsOf(RecurrentStateType type) {
  return llvm::divideCeil(type.getValueDim(), columnsOf(type));
}

class StreamKernel {
public:
  StreamKernel(FormBuilder &form, DeltaStepOp op, Place taps, bool manyRows)
      : type(op.getRule().getState().getType()), keyDim(type.getKeyDim()),
        valueDim(type.getValueDim()), heads(type.getHeads()),
        columns(columnsOf(type)),
        slots(std::min(kRingBytes / tileBytes(type, columns), kMostSlots)),
        splits(splitsOf(type)),
        stage(form, "step", kThreads, {form.constant(kCtas)}), b(stage.b),
        inputs(stage, op), own(b, type, columns), taps(taps),
        manyRows(manyRows) {}

  void build();

private:
  void allocate();
  void initialize();
  using Body = llvm::function_ref<Values(Value head, const BatchLine &line,
                                         ValueRange carried)>;
  void forHeads(ValueRange inits, Body body);
  void forHeads(
      llvm::function_ref<void(Value head, const BatchLine &line, Ring buffer)>
          body);
  void forTiles(llvm::function_ref<void(ValueRange place, Ring at)> body);
  void load();
  void store();
  void prepareColumns();
  void prepareKeys();
  void consumeTile(Value tile, Ring at, Value half, Ring buffer);
  void writeResult(Value head, const BatchLine &line, Ring buffer);
  void consume();
  void arriveByWarp(Value barriers, Value slot);

  RecurrentStateType type;
  int64_t keyDim, valueDim, heads, columns, slots, splits;
  Stage stage;
  TileBuilder &b;
  StepInputs inputs;
  StateTile own;
  Place taps; // f32 [R, H·Dv·W]
  bool manyRows;
  // Shared memory: tiles of S; of each buffer q and k, v, weight · silu(gate)
  // and γ, β, q·k; the warps' sums, of two tiles; y; Σ y².
  Value ring, keys, values, gains, scalars, sums, results, squares;
  Value full, done, empty, ready, taken;
  Value count; // heads of all sequences
};

void StreamKernel::allocate() {
  Type f32 = b.getF32Type();
  int64_t width = splits * columns;
  ring = b.alloc(b.shared({slots, keyDim, columns}, type.getElementType()));
  keys = b.alloc(b.shared({kBuffers, keyDim, 2}, f32));
  values = b.alloc(b.shared({kBuffers, width}, f32));
  gains = b.alloc(b.shared({kBuffers, width}, f32));
  scalars = b.alloc(b.shared({kBuffers, 3}, f32));
  sums = b.alloc(b.shared({2, kWarps, 2, columns}, f32));
  results = b.alloc(b.shared({width}, f32));
  squares = b.alloc(b.shared({kWarps}, f32));
  auto barriers = [&](int64_t count) {
    return b.alloc(tile::BarriersType::get(b.getContext(), count));
  };
  full = barriers(slots);
  done = barriers(slots);
  empty = barriers(slots);
  ready = barriers(kBuffers);
  taken = barriers(kBuffers);
}

void StreamKernel::initialize() {
  b.ifThen(b.equal(b.threadId(), 0), [&] {
    b.initBarriers(full, 1);
    b.initBarriers(done, kWarps);
    b.initBarriers(empty, 1);
    b.initBarriers(ready, kColumnThreads / 32 + 1);
    b.initBarriers(taken, kWarps);
    tile::FenceBarriersOp::create(b);
  });
  b.sync();
  count = stage.size(stage.form.symbol(Symbol::B) * heads);
}

/// What the lanes did is known to who waits.
void StreamKernel::arriveByWarp(Value barriers, Value slot) {
  tile::SyncWarpOp::create(b);
  b.ifThen(tile::ElectOp::create(b), [&] { b.arrive(barriers, slot); });
}

/// Runs `body` with each head of the CTA and its line of the batch, which is
/// read a head ahead.
void StreamKernel::forHeads(ValueRange inits, Body body) {
  auto lineOf = [&](Value item) {
    item = b.min(item, b.sub(count, b.index(1)));
    return inputs.readLine(b.div(item, heads));
  };
  BatchLine first = lineOf(b.blockX());
  Values start = {first.slot, first.row};
  llvm::append_range(start, inits);
  b.loop(b.blockX(), count, b.index(kCtas), start,
         [&](Value item, ValueRange carried) -> Values {
           BatchLine line{carried[0], carried[1], Value()};
           BatchLine next = lineOf(b.add(item, kCtas));
           Values all = {next.slot, next.row};
           llvm::append_range(
               all, body(b.rem(item, heads), line, carried.drop_front(2)));
           return all;
         });
}

/// The same with the place of a head's inputs.
void StreamKernel::forHeads(
    llvm::function_ref<void(Value, const BatchLine &, Ring)> body) {
  forHeads({b.index(0), b.i32(0)},
           [&](Value head, const BatchLine &line, ValueRange carried) {
             Ring buffer{carried[0], carried[1]};
             body(head, line, buffer);
             Ring next = b.advance(buffer, kBuffers);
             return Values{next.slot, next.parity};
           });
}

//===----------------------------------------------------------------------===//
// Tiles from and to memory
//===----------------------------------------------------------------------===//

/// Runs `body` with each tile's row and column in the matrix of all states, and
/// its place in the ring.
void StreamKernel::forTiles(llvm::function_ref<void(ValueRange, Ring)> body) {
  forHeads({b.index(0), b.i32(0)},
           [&](Value head, const BatchLine &line, ValueRange carried) {
             Value row = inputs.stateRow(line.slot, head);
             return b.loop(b.index(0), b.index(splits), b.index(1), carried,
                           [&](Value tile, ValueRange carried) -> Values {
                             Ring at{carried[0], carried[1]};
                             body({row, b.mul(tile, columns)}, at);
                             Ring next = b.advance(at, slots);
                             return {next.slot, next.parity};
                           });
           });
}

// S and the batch are read before the wait for the launch before: each launch
// of a step writes the states of its own layer. What wrote them has ended,
// since a step begins with a copy of its inputs, which waits for all launches
// before it. S' comes from what was made after that wait.
void StreamKernel::load() {
  // Of states that together are far larger than L2 the lines stay until S' has
  // been written to them.
  auto evict = tile::EvictAttr::get(
      b.getContext(), manyRows ? tile::Evict::last : tile::Evict::first);
  b.ifThen(tile::ElectOp::create(b), [&] {
    forTiles([&](ValueRange place, Ring at) {
      b.wait(empty, at.slot, b.flip(at.parity));
      b.expect(full, at.slot, tileBytes(type, columns));
      tile::TmaLoadOp::create(b, inputs.stateMap(columns), place,
                              b.slice(ring, {at.slot}), full, at.slot, Value(),
                              evict);
    });
  });
  tile::SyncWarpOp::create(b);
}

void StreamKernel::store() {
  b.ifThen(tile::ElectOp::create(b), [&] {
    forTiles([&](ValueRange place, Ring at) {
      b.wait(done, at.slot, at.parity);
      tile::TmaStoreOp::create(b, b.slice(ring, {at.slot}),
                               inputs.stateMap(columns), place);
      tile::BulkCommitOp::create(b);
      tile::BulkWaitOp::create(b, b.getI32IntegerAttr(0), b.getUnitAttr());
      b.arrive(empty, at.slot);
    });
  });
  tile::SyncWarpOp::create(b);
}

//===----------------------------------------------------------------------===//
// Inputs of a head
//===----------------------------------------------------------------------===//

void StreamKernel::prepareColumns() {
  tile::WaitDependenciesOp::create(b);
  Value thread = b.sub(b.threadId(), b.index(kConsumers));
  forHeads([&](Value head, const BatchLine &line, Ring buffer) {
    // All loads are under way before the first use.
    SmallVector<StepInputs::Column> own;
    SmallVector<Values> weights;
    Values valid, made;
    for (int64_t first = 0; first < valueDim; first += kColumnThreads) {
      Value number = b.add(thread, first);
      bool whole = first + kColumnThreads <= valueDim;
      valid.push_back(whole ? Value() : b.less(number, valueDim));
      own.push_back(inputs.loadColumn(
          line, head, whole ? number : b.min(number, b.index(valueDim - 1))));
      weights.push_back(inputs.loadTaps(taps, line, own.back()));
    }
    for (size_t i = 0; i < own.size(); ++i)
      made.push_back(inputs.finishColumn(line, own[i], weights[i], valid[i]));
    b.wait(taken, buffer.slot, b.flip(buffer.parity));
    for (size_t i = 0; i < own.size(); ++i) {
      Values at = {buffer.slot, own[i].number};
      b.store(made[i], values, at, valid[i]);
      if (inputs.hasGate())
        b.store(own[i].gain, gains, at, valid[i]);
    }
    arriveByWarp(ready, buffer.slot);
  });
}

void StreamKernel::prepareKeys() {
  tile::WaitDependenciesOp::create(b);
  forHeads([&](Value head, const BatchLine &line, Ring buffer) {
    StepInputs::Keys made = inputs.loadKeys(line, head);
    inputs.finishKeys(made);
    b.wait(taken, buffer.slot, b.flip(buffer.parity));
    inputs.storeKeys(made, b.slice(keys, {buffer.slot}),
                     b.slice(scalars, {buffer.slot}));
    arriveByWarp(ready, buffer.slot);
  });
}

//===----------------------------------------------------------------------===//
// The rule
//===----------------------------------------------------------------------===//

/// Sums of two tiles lie side by side: while some threads read those of a tile
/// others may write those of the next.
void StreamKernel::consumeTile(Value tile, Ring at, Value half, Ring buffer) {
  Value state = b.slice(ring, {at.slot}), key = b.slice(keys, {buffer.slot});
  b.wait(full, at.slot, at.parity);
  own.accumulate(state, key, b.slice(sums, {half}));
  b.sync(1, kConsumers);
  Value first = b.add(b.mul(tile, columns), own.column);
  constexpr int64_t kWidth = StateTile::kWidth;
  Values y = own.combine(b.slice(sums, {half}),
                         b.split(b.load(values, {buffer.slot, first}, kWidth)),
                         b.slice(scalars, {buffer.slot}));
  b.ifThen(b.equal(own.rowGroup, 0),
           [&] { b.store(b.join(y), results, {first}); });
  own.update(state, key);
  tile::FenceAsyncOp::create(b); // TMA reads S'
  arriveByWarp(done, at.slot);
}

void StreamKernel::writeResult(Value head, const BatchLine &line, Ring buffer) {
  b.sync(1, kConsumers);
  Values own, valid, y;
  Value sum = b.f32(0), zero = b.f32(0);
  for (int64_t first = 0; first < valueDim; first += kConsumers) {
    Value number = b.add(b.threadId(), first), isValid;
    if (first + kConsumers > valueDim) {
      isValid = b.less(number, valueDim);
      number = b.min(number, b.index(valueDim - 1));
    }
    own.push_back(number);
    valid.push_back(isValid);
    y.push_back(b.load(results, {number}));
    Value counts = isValid ? b.select(isValid, y.back(), zero) : y.back();
    sum = b.fma(counts, counts, sum);
  }
  if (inputs.hasGate()) {
    sum = b.sumOfWarp(sum);
    Value warp = b.warpId();
    b.ifThen(b.equal(b.laneId(), 0), [&] { b.store(sum, squares, {warp}); });
    b.sync(1, kConsumers);
    Value total = b.load(squares, {b.index(0)});
    for (int64_t i = 1; i < kWarps; ++i)
      total = b.addf(total, b.load(squares, {b.index(i)}));
    Value factor = inputs.inverseNorm(total);
    for (auto [element, number] : llvm::zip_equal(y, own))
      element =
          b.mulf(b.mulf(element, factor), b.load(gains, {buffer.slot, number}));
  }
  Value result = inputs.result();
  Type element = cast<MemRefType>(result.getType()).getElementType();
  for (size_t i = 0; i < y.size(); ++i)
    b.store(b.convert(y[i], element), result, {line.row, head, own[i]},
            valid[i]);
}

void StreamKernel::consume() {
  tile::WaitDependenciesOp::create(b); // before y is written
  Value zero = b.index(0), one = b.index(1);
  own.locate();
  forHeads({zero, b.i32(0), zero, b.i32(0), zero},
           [&](Value head, const BatchLine &line, ValueRange carried) {
             Ring buffer{carried[0], carried[1]};
             b.wait(ready, buffer.slot, buffer.parity);
             Values end = b.loop(
                 zero, b.index(splits), one, carried.drop_front(2),
                 [&](Value tile, ValueRange carried) -> Values {
                   Ring at{carried[0], carried[1]};
                   consumeTile(tile, at, carried[2], buffer);
                   Ring next = b.advance(at, slots);
                   return {next.slot, next.parity, b.sub(one, carried[2])};
                 });
             writeResult(head, line, buffer);
             arriveByWarp(taken, buffer.slot);
             Ring next = b.advance(buffer, kBuffers);
             return Values{next.slot, next.parity, end[0], end[1], end[2]};
           });
}

void StreamKernel::build() {
  stage.setOverlaps();
  allocate();
  initialize();
  tile::LaunchDependentsOp::create(b);
  b.roles({{"consumers", kConsumers, 0, [&] { consume(); }},
           {"columns", kColumnThreads, 0, [&] { prepareColumns(); }},
           {"keys", 32, 0, [&] { prepareKeys(); }},
           {"loader", 32, 0, [&] { load(); }},
           {"storer", 32, 0, [&] { store(); }}});
  stage.finish();
}

} // namespace

void jet::buildDeltaStream(FormBuilder &form, DeltaStepOp op, Place taps,
                           bool manyRows) {
  StreamKernel(form, op, taps, manyRows).build();
}

CopyAhead jet::copyAheadOfStream(DeltaStepOp op) {
  return [=](Stage &stage, Value share, Value shares) {
    TileBuilder &b = stage.b;
    StepInputs inputs(stage, op);
    RecurrentStateType type = inputs.type();
    int64_t heads = type.getHeads(), columns = columnsOf(type);
    int64_t tiles = std::min(splitsOf(type), kTilesAhead);
    Value count = stage.size(stage.form.symbol(Symbol::B) * heads);
    b.loop(share, b.min(count, b.index(kCtas)), shares, [&](Value item) {
      BatchLine line = inputs.readLine(b.div(item, heads));
      Value row = inputs.stateRow(line.slot, b.rem(item, heads));
      b.loop(b.index(0), b.index(tiles), b.index(1), [&](Value tile) {
        tile::TmaPrefetchOp::create(b, inputs.stateMap(columns),
                                    ValueRange{row, b.mul(tile, columns)});
      });
    });
  };
}
