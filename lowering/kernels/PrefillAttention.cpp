// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// jet.attention of many tokens a sequence.
//
//   s[i, h, j] = q[i, h]·K[j] / sqrt(D);  y[i, h] = softmax(s[i, h]) · V
//
// over the keys j that row i sees: those up to its own position, within the
// window. 112 rows of a query head, or 64 of more than 128 columns, share each
// key that is read:
//
//   attend   CTA (tile, head): that many rows of a sequence
//     producer (1 warp)    for each tile of 64 keys: wait empty[slot]; TMA of K
//                          and V to full[slot]
//     consumers (7, or 4)  16 rows each; for each tile: wait full[slot];
//                          S = Q·Kᵀ, masked; online softmax; O += P·V
//
// How many rows a sequence has is known to the batch alone: a CTA adds up the
// tiles of the sequences until it finds its own. ⌈T / 112⌉ + B are enough, and
// those behind the last tile do nothing.
//
// Keys come from two places, one after the other. The cache holds all of them
// if the op has no k and v; else those before the step, and k and v the step's
// own. A ring is read as it lies: its order does not matter to the softmax.
// What a tile holds past the last key may be no number: those scores are
// masked, and those values, of weight 0, are cleared.
//
// Memory: as in AttendCache.cpp. The result takes the ring's place, so that
// rows are written whole.

#include "lowering/kernels/DecodeAttention.h"

#include <limits>

using namespace mlir;
using namespace jet;

using Values = TileBuilder::Values;
using Ring = TileBuilder::Ring;

namespace {

constexpr int64_t kWarpRows = 16;
constexpr int64_t kKeys = DecodeAttention::kKeys;
constexpr int64_t kSlots = 3;
/// Columns of a product's step: one instruction along K.
constexpr int64_t kStep = 16;

class PrefillKernel {
public:
  PrefillKernel(FormBuilder &form, AttentionOp op)
      : a(op), hasStep(op.getK()), cacheOperand(hasStep ? 3 : 1),
        batchOperand(cacheOperand + 1), steps(a.dim / kStep),
        warps(isWide() ? 4 : 7), consumers(warps * 32),
        tileRows(warps * kWarpRows),
        stage(
            form, "attend", consumers + 32,
            {form.symbol(Symbol::T).ceilDiv(tileRows) + form.symbol(Symbol::B),
             form.constant(a.heads)}),
        b(stage.b) {}

  void build();

private:
  /// Keys [0, count) of one place, in tiles.
  struct Keys {
    Value count, tiles;
  };
  /// The softmax of a warp's rows so far, and the place in the ring.
  struct Running {
    Value top, sum; // rows
    Values mixed;   // 16 columns each
    Ring ring;

    explicit Running(ValueRange values)
        : top(values[0]), sum(values[1]),
          mixed(values.drop_front(2).drop_back(2)),
          ring{values.drop_back(1).back(), values.back()} {}
    Values values() const {
      Values all = {top, sum};
      llvm::append_range(all, mixed);
      llvm::append_range(all, ArrayRef<Value>{ring.slot, ring.parity});
      return all;
    }
  };
  /// Whether a row of the tile sees a key, numbered in its place.
  using Sees = function_ref<Value(Value row, Value key)>;

  Value batch() {
    return stage.memory(
        Place::ofOperand(batchOperand),
        MemRefType::get({ShapedType::kDynamic}, b.getI32Type()));
  }
  /// The results lie in registers, of which a warp has 255 a thread if no more
  /// than 8 are in a CTA. With many columns the ring leaves room for few rows
  /// of queries, and the results none for them.
  bool isWide() const { return a.dim > 128; }
  /// The tile's first row of the step.
  Value stepRow() { return b.add(sequenceRow, first); }
  std::pair<Value, Value> stepAt(int64_t column) {
    return {b.index(column / a.slabColumns), b.index(column % a.slabColumns)};
  }

  void allocate();
  void initialize();
  void findTile();
  void findKeys();
  void loadCache(Value tile, Value slot);
  void loadStep(Value tile, Value slot);
  void produce();
  void loadQueries();
  Value query(int64_t step);
  void clearPastEnd(Value values, Value valid);
  Value scores(Value keys, Value firstKey, Sees sees);
  Running mix(Value scores, Value values, Running running);
  Running attend(const Keys &keys, Running running, Sees sees);
  Value seesInRing(Value row, Value key);
  void consume();
  void storeRows();

  Value splat(Type type, double value) {
    return tile::SplatOp::create(b, type, b.f32(value));
  }
  Type rowsType() { return tile::RowsType::get(b.getContext(), kWarpRows); }
  Type accType(int64_t columns) {
    return tile::AccType::get(b.getContext(), kWarpRows, columns);
  }
  Type fragType(int64_t rows, int64_t columns, StringRef kind) {
    return tile::FragType::get(b.getContext(), rows, columns, kind);
  }

  DecodeAttention a;
  bool hasStep;
  unsigned cacheOperand, batchOperand;
  int64_t steps;
  int64_t warps, consumers; // and threads
  int64_t tileRows;         // of a CTA
  Stage stage;
  TileBuilder &b;
  Value ring, queryTile, parts, full, empty;
  Value head, kvHead;
  // Of the sequence: where it lies, tokens before the step, row of the step.
  Value slot, position, sequenceRow, firstPage;
  Value first, count; // rows of the sequence that the tile has
  Keys cached, own;
  Value firstOwn; // row of the sequence
  Values queries; // fragments, if they stay in registers
};

} // namespace

void PrefillKernel::allocate() {
  Type bf16 = b.getBF16Type();
  int64_t swizzle = a.slabColumns * 2;
  ring = b.alloc(
      b.shared({kSlots, 2, a.slabs, kKeys / a.box, a.box, a.slabColumns}, bf16,
               swizzle));
  queryTile =
      b.alloc(b.shared({a.slabs, tileRows, a.slabColumns}, bf16, swizzle));
  // Column D is the sum; 8 make a fragment, and send the rows to different
  // banks.
  parts = tile::ReuseOp::create(
      b, b.shared({warps, kWarpRows, a.dim + 8}, b.getF32Type()), ring, 0);
  auto barriers = tile::BarriersType::get(b.getContext(), kSlots);
  full = b.alloc(barriers);
  empty = b.alloc(barriers);
}

void PrefillKernel::initialize() {
  b.ifThen(b.equal(b.threadId(), 0), [&] {
    b.initBarriers(full, 1);
    b.initBarriers(empty, warps);
    tile::FenceBarriersOp::create(b);
  });
  b.sync();
  tile::LaunchDependentsOp::create(b);
  head = b.blockY();
  kvHead = b.div(head, a.group);
  // The batch is an input of the step: no launch before writes it.
  findTile();
  findKeys();
}

/// The CTA's rows; none behind the last sequence's.
void PrefillKernel::findTile() {
  Value columns = stage.size(stage.form.symbol(Symbol::C) + kBatchColumns);
  auto column = [&](Value sequence, int64_t i) {
    return b.toIndex(b.load(batch(), {b.add(b.mul(sequence, columns), i)}));
  };
  Value none = b.index(0);
  Values found = b.loop(
      none, stage.size(stage.form.symbol(Symbol::B)), b.index(1),
      {b.blockX(), none, none, none},
      [&](Value sequence, ValueRange so) -> Values {
        Value left = so[0], rows = column(sequence, 3);
        Value tiles = b.ceilDiv(rows, tileRows);
        Value isHere =
            b.both(b.inverse(b.less(left, none)), b.less(left, tiles));
        Value at = b.mul(left, tileRows);
        return {
            b.sub(left, tiles), b.select(isHere, sequence, so[1]),
            b.select(isHere, at, so[2]),
            b.select(isHere, b.min(b.sub(rows, at), b.index(tileRows)), so[3])};
      });
  Value sequence = found[1];
  first = found[2];
  count = found[3];
  slot = column(sequence, 0);
  position = column(sequence, 1);
  sequenceRow = column(sequence, 2);
  firstPage = b.add(b.mul(sequence, columns), kBatchColumns);
}

/// The keys that any row of the tile sees.
void PrefillKernel::findKeys() {
  Value none = b.index(0);
  Value end = b.add(first, count);
  Value keys = position;
  if (!hasStep)
    keys = b.add(keys, end);
  if (a.window)
    // Row i sees that many positions of those before the step.
    keys = b.select(b.less(first, *a.window - 1),
                    b.min(keys, b.index(*a.window)), none);
  auto range = [&](Value keys) -> Keys {
    keys = b.select(b.equal(count, 0), none, keys);
    return {keys, b.ceilDiv(keys, kKeys)};
  };
  cached = range(keys);
  if (!hasStep)
    return;
  firstOwn = none;
  if (a.window)
    firstOwn = b.max(none, b.sub(first, b.index(*a.window - 1)));
  own = range(b.sub(end, firstOwn));
}

/// Starts the copies of K and V of a tile of the cache. A box past the last key
/// repeats the one of that key: there may be no page behind it.
void PrefillKernel::loadCache(Value tile, Value into) {
  FormBuilder &form = stage.form;
  Symbol units = a.window ? Symbol::S : Symbol::P;
  Value map = stage.map(
      Place::ofOperand(cacheOperand),
      {form.symbol(units) * (2 * a.kvHeads * a.unitRows), form.constant(a.dim)},
      {a.box, a.slabColumns}, b.getBF16Type(), a.slabColumns * 2);
  Value lastBox = b.mul(b.div(b.sub(cached.count, b.index(1)), a.box), a.box);
  for (int64_t i = 0; i < kKeys / a.box; ++i) {
    Value row = b.min(b.add(b.mul(tile, kKeys), i * a.box), lastBox);
    Value unit = slot;
    if (!a.window) {
      unit = b.toIndex(
          b.load(batch(), {b.add(firstPage, b.div(row, a.unitRows))}));
      row = b.rem(row, a.unitRows);
    }
    for (int64_t plane = 0; plane < 2; ++plane) {
      Value head =
          b.add(b.mul(b.add(b.mul(unit, 2), plane), a.kvHeads), kvHead);
      Value at = b.add(b.mul(head, a.unitRows), row);
      for (int64_t slab = 0; slab < a.slabs; ++slab)
        tile::TmaLoadOp::create(
            b, map, ValueRange{at, b.index(slab * a.slabColumns)},
            b.slice(ring, {into, b.index(plane), b.index(slab), b.index(i)}),
            full, into, Value(), tile::EvictAttr());
    }
  }
}

/// The same of the step's own: zeros past its last row.
void PrefillKernel::loadStep(Value tile, Value into) {
  FormBuilder &form = stage.form;
  Value row = b.add(b.add(sequenceRow, firstOwn), b.mul(tile, kKeys));
  auto type =
      b.shared({kKeys, a.slabColumns}, b.getBF16Type(), a.slabColumns * 2);
  for (int64_t plane = 0; plane < 2; ++plane) {
    Value map =
        stage.map(Place::ofOperand(1 + plane),
                  {form.rows(), form.constant(a.kvHeads * a.dim)},
                  {kKeys, a.slabColumns}, b.getBF16Type(), a.slabColumns * 2);
    for (int64_t slab = 0; slab < a.slabs; ++slab)
      tile::TmaLoadOp::create(
          b, map,
          ValueRange{row, b.add(b.mul(kvHead, a.dim), slab * a.slabColumns)},
          tile::ViewOp::create(
              b, type, b.slice(ring, {into, b.index(plane), b.index(slab)})),
          full, into, Value(), tile::EvictAttr());
  }
}

void PrefillKernel::produce() {
  b.ifThen(tile::ElectOp::create(b), [&] {
    tile::WaitDependenciesOp::create(b);
    // The slots are empty at first, as after a phase of parity 1.
    Values at = {b.index(0), b.i32(1)};
    auto stream = [&](const Keys &keys,
                      function_ref<void(Value tile, Value slot)> load) {
      at = b.loop(b.index(0), keys.tiles, b.index(1), at,
                  [&](Value tile, ValueRange carried) -> Values {
                    Ring so{carried[0], carried[1]};
                    b.wait(empty, so.slot, so.parity);
                    b.expect(full, so.slot, 2 * kKeys * a.dim * 2);
                    load(tile, so.slot);
                    Ring next = b.advance(so, kSlots);
                    return {next.slot, next.parity};
                  });
    };
    stream(cached, [&](Value tile, Value slot) { loadCache(tile, slot); });
    if (hasStep)
      stream(own, [&](Value tile, Value slot) { loadStep(tile, slot); });
  });
  tile::SyncWarpOp::create(b);
}

/// The rows of q to shared memory in bf16, zeros behind them.
void PrefillKernel::loadQueries() {
  Value q = stage.operand(kQueryOperand);
  int64_t units = a.dim / a.kWidth;
  b.loop(b.threadId(), b.index(tileRows * units), b.index(consumers),
         [&](Value unit) {
           Value m = b.div(unit, units);
           Value column = b.mul(b.rem(unit, units), a.kWidth);
           Value elements =
               b.loadIf(b.less(m, count), q,
                        {b.add(stepRow(), m), head, column}, a.kWidth);
           b.store(
               b.convert(elements, b.getBF16Type()), queryTile,
               {b.div(column, a.slabColumns), m, b.rem(column, a.slabColumns)});
         });
  b.sync(1, consumers);
}

Value PrefillKernel::query(int64_t step) {
  auto [slab, column] = stepAt(step * kStep);
  return tile::LoadMatrixOp::create(
      b, fragType(kWarpRows, kStep, "a"), b.slice(queryTile, {slab}),
      b.mul(b.warpId(), kWarpRows), column, UnitAttr());
}

/// Zeros in the place of the values past the last key, `valid` of the tile.
void PrefillKernel::clearPastEnd(Value values, Value valid) {
  constexpr int64_t kChunk = 8;
  b.ifThen(b.less(valid, kKeys), [&] {
    int64_t chunks = a.slabColumns / kChunk;
    auto type = VectorType::get(kChunk, b.getBF16Type());
    Value zero = arith::ConstantOp::create(b, b.getZeroAttr(type));
    b.loop(b.add(b.mul(valid, chunks), b.threadId()), b.index(kKeys * chunks),
           b.index(consumers), [&](Value unit) {
             Value column = b.mul(b.rem(unit, chunks), kChunk);
             for (int64_t slab = 0; slab < a.slabs; ++slab)
               b.store(zero, values,
                       {b.index(slab), b.div(unit, chunks), column});
           });
    // The next copy into the slot comes after these stores.
    tile::FenceAsyncOp::create(b);
    b.sync(1, consumers);
  });
}

/// Of the tile's keys, −∞ where a row does not see one.
Value PrefillKernel::scores(Value keys, Value firstKey, Sees sees) {
  Type type = accType(kKeys);
  Value s = splat(type, 0);
  for (int64_t step = 0; step < steps; ++step) {
    auto [slab, column] = stepAt(step * kStep);
    Value k = tile::LoadMatrixOp::create(b, fragType(kKeys, kStep, "b"),
                                         b.slice(keys, {slab}), b.index(0),
                                         column, UnitAttr());
    s = tile::MmaOp::create(b, queries.empty() ? query(step) : queries[step], k,
                            s);
  }
  Value firstRow = b.mul(b.warpId(), kWarpRows);
  Value scale = b.f32(a.scale);
  Value none = b.f32(-std::numeric_limits<float>::infinity());
  return b.map(type, {s}, [&](ValueRange in) {
    Value seen = sees(b.add(firstRow, in[1]), b.add(firstKey, in[2]));
    return b.select(seen, b.mulf(in[0], scale), none);
  });
}

PrefillKernel::Running PrefillKernel::mix(Value s, Value values,
                                          Running running) {
  Type rows = rowsType();
  Value most = tile::ReduceOp::create(b, rows, tile::Reduction::max, s);
  Value top = b.map(rows, {running.top, most},
                    [&](ValueRange in) { return b.maxf(in[0], in[1]); });
  Value scale = b.map(rows, {running.top, top}, [&](ValueRange in) {
    return weighScore(b, in[0], in[1]);
  });
  Value weights = b.map(s.getType(), {s, top}, [&](ValueRange in) {
    return weighScore(b, in[0], in[1]);
  });
  Value more = tile::ReduceOp::create(b, rows, tile::Reduction::add, weights);
  running.top = top;
  running.sum = b.map(rows, {running.sum, scale, more}, [&](ValueRange in) {
    return b.fma(in[0], in[1], in[2]);
  });
  Value p = tile::PackOp::create(b, fragType(kWarpRows, kKeys, "a"), weights);
  for (auto [step, mixed] : llvm::enumerate(running.mixed)) {
    auto [slab, column] = stepAt(step * kStep);
    Value v = tile::LoadMatrixOp::create(b, fragType(kStep, kKeys, "b"),
                                         b.slice(values, {slab}), b.index(0),
                                         column, b.getUnitAttr());
    Value scaled = b.map(mixed.getType(), {mixed, scale},
                         [&](ValueRange in) { return b.mulf(in[0], in[1]); });
    mixed = tile::MmaOp::create(b, p, v, scaled);
  }
  return running;
}

PrefillKernel::Running PrefillKernel::attend(const Keys &keys, Running running,
                                             Sees sees) {
  auto plane = b.shared({a.slabs, kKeys, a.slabColumns}, b.getBF16Type(),
                        a.slabColumns * 2);
  return Running(
      b.loop(b.index(0), keys.tiles, b.index(1), running.values(),
             [&](Value tile, ValueRange carried) -> Values {
               Running so(carried);
               Value at = so.ring.slot;
               auto part = [&](int64_t i) -> Value {
                 return tile::ViewOp::create(b, plane,
                                             b.slice(ring, {at, b.index(i)}));
               };
               Value k = part(0), v = part(1), firstKey = b.mul(tile, kKeys);
               b.wait(full, at, so.ring.parity);
               clearPastEnd(v, b.sub(keys.count, firstKey));
               so = mix(scores(k, firstKey, sees), v, so);
               tile::SyncWarpOp::create(b);
               b.ifThen(tile::ElectOp::create(b), [&] { b.arrive(empty, at); });
               so.ring = b.advance(so.ring, kSlots);
               return so.values();
             }));
}

/// Entry e of the ring is as old as it lies behind the newest, around the end;
/// row i sees ages < window − 1 − i.
Value PrefillKernel::seesInRing(Value row, Value key) {
  Value window = b.index(*a.window);
  Value end = b.rem(position, *a.window); // behind the newest
  end = b.select(b.equal(end, 0), window, end);
  Value age = b.sub(b.sub(end, b.index(1)), key);
  age = b.select(b.less(age, 0), b.add(age, window), age);
  Value limit = b.sub(b.index(*a.window - 1), b.add(first, row));
  return b.both(b.less(key, cached.count), b.less(age, limit));
}

void PrefillKernel::consume() {
  tile::WaitDependenciesOp::create(b);
  loadQueries();
  // Else they are read for each tile.
  for (int64_t step = 0; !isWide() && step < steps; ++step)
    queries.push_back(query(step));
  // Finite, so that a row that has seen no key yet weighs with 1 what is 0.
  Values inits = {splat(rowsType(), std::numeric_limits<float>::lowest()),
                  splat(rowsType(), 0)};
  for (int64_t step = 0; step < steps; ++step)
    inits.push_back(splat(accType(kStep), 0));
  llvm::append_range(inits, ArrayRef<Value>{b.index(0), b.i32(0)});
  Running running(inits);
  running = attend(cached, running, [&](Value row, Value key) {
    if (hasStep)
      return a.window ? seesInRing(row, key) : b.less(key, cached.count);
    return b.less(key, b.add(b.add(position, b.add(first, row)), 1));
  });
  if (hasStep)
    running = attend(own, running, [&](Value row, Value key) {
      Value behind = b.sub(b.add(first, row), b.add(firstOwn, key));
      Value seen = b.inverse(b.less(behind, 0));
      return a.window ? b.both(seen, b.less(behind, *a.window)) : seen;
    });

  b.sync(1, consumers); // all are done with the ring
  Value into = b.slice(parts, {b.warpId()});
  auto store = [&](Value source, int64_t column) {
    tile::StoreAccOp::create(b, source, into, b.index(0), b.index(column),
                             Value(), Value(), UnitAttr());
  };
  for (auto [step, mixed] : llvm::enumerate(running.mixed))
    store(mixed, step * kStep);
  store(b.map(accType(8), {splat(accType(8), 0), running.sum},
              [&](ValueRange in) { return in[1]; }),
        a.dim);
}

void PrefillKernel::storeRows() {
  int64_t units = a.dim / a.kWidth;
  b.loop(b.threadId(), b.mul(count, units), b.index(consumers),
         [&](Value unit) {
           Value m = b.div(unit, units);
           Value column = b.mul(b.rem(unit, units), a.kWidth);
           Value warp = b.div(m, kWarpRows), row = b.rem(m, kWarpRows);
           Value sum = b.load(parts, {warp, row, b.index(a.dim)});
           Value mixed = b.load(parts, {warp, row, column}, a.kWidth);
           a.writeResult(stage, b.add(stepRow(), m), head, column,
                         b.split(mixed), sum);
         });
}

void PrefillKernel::build() {
  stage.setOverlaps();
  allocate();
  initialize();
  b.roles({{"consumers", consumers, 0, [&] { consume(); }},
           {"producer", 32, 0, [&] { produce(); }}});
  b.sync();
  b.ifThen(b.less(b.threadId(), consumers), [&] { storeRows(); });
  stage.finish();
}

void jet::buildPrefill(FormContext &context, AttentionOp op) {
  // Without k and v a ring has lost what the step's first rows see.
  if (!op.getK() && op.getCache().getType().getWindow())
    return;
  FormBuilder form = context.begin({.maxRows = 0});
  PrefillKernel(form, op).build();
  form.finish();
}
