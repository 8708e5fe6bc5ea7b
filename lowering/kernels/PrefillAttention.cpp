// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// jet.attention of many tokens a sequence.
//
//   s[i, h, j] = q[i, h]·K[j] / sqrt(D);  y[i, h] = softmax(s[i, h]) · V
//
// over the keys j that row i sees: those up to its own position, within the
// window. The rows of a CTA share each key that is read:
//
//   attend   CTA (tile, head): rows of a sequence, in parts
//     producer (1 warp)    for each tile of 64 keys: wait empty[slot]; TMA of K
//                          and V to full[slot]
//     consumers            a part each; for each tile: wait full[slot];
//                          S = Q·Kᵀ, masked; online softmax; O += P·V
//
// What a part is and how it multiplies: PrefillGroups.cpp, PrefillWarps.cpp.
// Tiles that all rows see need no mask.
//
// How many rows a sequence has is known to the batch alone: a CTA adds up the
// tiles of the sequences until it finds its own. ⌈T / rows⌉ + B are enough, and
// those behind the last tile do nothing. The last tiles, which see the most
// keys, come first, of all heads: what is left at the end are short ones.
//
// Keys come from two places, one after the other. The cache holds all of them
// if the op has no k and v; else those before the step, and k and v the step's
// own. A ring is read as it lies: its order does not matter to the softmax.
// What a tile holds past the last key may be no number: those scores are
// masked, and those values, of weight 0, are cleared.
//
// Memory: as in AttendCache.cpp. The result takes the ring's place, so that
// rows are written whole.

#include "lowering/kernels/PrefillAttention.h"

#include <limits>

using namespace mlir;
using namespace jet;

using Values = TileBuilder::Values;

PrefillKernel::PrefillKernel(FormBuilder &form, AttentionOp op,
                             const Layout &layout)
    : a(op), layout(layout), hasStep(op.getK()), cacheOperand(hasStep ? 3 : 1),
      batchOperand(cacheOperand + 1),
      consumers(layout.parts * layout.partThreads),
      tileRows(layout.parts * layout.partRows),
      tiles(form.symbol(Symbol::T).ceilDiv(tileRows) + form.symbol(Symbol::B)),
      stage(form, "attend", consumers + layout.producers, {tiles * a.heads}),
      b(stage.b) {}

Value PrefillKernel::batch() {
  return stage.memory(Place::ofOperand(batchOperand),
                      MemRefType::get({ShapedType::kDynamic}, b.getI32Type()));
}

void PrefillKernel::allocate() {
  Type bf16 = b.getBF16Type();
  int64_t swizzle = a.slabColumns * 2;
  ring = b.alloc(
      b.shared({layout.slots, 2, a.slabs, kKeys / a.box, a.box, a.slabColumns},
               bf16, swizzle));
  queryTile = b.alloc(b.shared(
      {a.slabs, layout.parts, layout.partRows, a.slabColumns}, bf16, swizzle));
  // Column D is the sum; 8 make a fragment, and send the rows to different
  // banks.
  mixedTile = tile::ReuseOp::create(
      b, b.shared({layout.parts, layout.partRows, a.dim + 8}, b.getF32Type()),
      ring, 0);
  auto barriers = tile::BarriersType::get(b.getContext(), layout.slots);
  full = b.alloc(barriers);
  empty = b.alloc(barriers);
}

void PrefillKernel::initialize() {
  b.ifThen(b.equal(b.threadId(), 0), [&] {
    b.initBarriers(full, 1);
    b.initBarriers(empty, consumers / 32);
    tile::FenceBarriersOp::create(b);
  });
  b.sync();
  tile::LaunchDependentsOp::create(b);
  head = b.rem(b.blockX(), a.heads);
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
      {b.sub(b.sub(stage.size(tiles), b.index(1)), b.div(b.blockX(), a.heads)),
       none, none, none},
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
  // Of a group the other warps have nothing to do.
  Value isFirst = b.equal(b.warpId(), consumers / 32);
  b.ifThen(b.both(isFirst, tile::ElectOp::create(b)), [&] {
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
                    Ring next = b.advance(so, layout.slots);
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
           b.store(b.convert(elements, b.getBF16Type()), queryTile,
                   {b.div(column, a.slabColumns), b.div(m, layout.partRows),
                    b.rem(m, layout.partRows), b.rem(column, a.slabColumns)});
         });
  tile::FenceAsyncOp::create(b);
  b.sync(1, consumers);
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

/// Of the tile's keys, not scaled yet; −∞ where a row does not see one.
Value PrefillKernel::scores(Value keys, Value firstKey,
                            std::optional<Sees> sees, Running &running) {
  Value s = multiplyKeys(keys, running);
  if (!sees)
    return s;
  Value firstRow = b.mul(part(), layout.partRows);
  Value none = b.f32(-std::numeric_limits<float>::infinity());
  return b.map(s.getType(), {s}, [&](ValueRange in) {
    Value seen = (*sees)(b.add(firstRow, in[1]), b.add(firstKey, in[2]));
    return b.select(seen, in[0], none);
  });
}

PrefillKernel::Running PrefillKernel::mix(Value s, Value values,
                                          Running running) {
  Type rows = rowsType();
  Value factor = b.f32(a.scale);
  Value most = tile::ReduceOp::create(b, rows, tile::Reduction::max, s);
  Value top = b.map(rows, {running.top, most}, [&](ValueRange in) {
    return b.maxf(in[0], b.mulf(in[1], factor));
  });
  Value scale = b.map(rows, {running.top, top}, [&](ValueRange in) {
    return weighScore(b, in[0], in[1]);
  });
  Value weights = b.map(s.getType(), {s, top}, [&](ValueRange in) {
    Value below = arith::NegFOp::create(b, in[1]);
    return weighScore(b, b.fma(in[0], factor, below), b.f32(0));
  });
  Value more = tile::ReduceOp::create(b, rows, tile::Reduction::add, weights);
  running.top = top;
  running.sum = b.map(rows, {running.sum, scale, more}, [&](ValueRange in) {
    return b.fma(in[0], in[1], in[2]);
  });
  for (Value &mixed : running.mixed)
    mixed = b.map(mixed.getType(), {mixed, scale},
                  [&](ValueRange in) { return b.mulf(in[0], in[1]); });
  addValues(
      tile::PackOp::create(b, fragType(layout.partRows, kKeys, "a"), weights),
      values, running);
  return running;
}

void PrefillKernel::release(Value at) {
  tile::SyncWarpOp::create(b);
  b.ifThen(tile::ElectOp::create(b), [&] { b.arrive(empty, at); });
}

PrefillKernel::Running PrefillKernel::attendTiles(const Keys &keys, Value from,
                                                  Value to, Running running,
                                                  std::optional<Sees> sees) {
  auto plane = b.shared({a.slabs, kKeys, a.slabColumns}, b.getBF16Type(),
                        a.slabColumns * 2);
  return Running(b.loop(from, to, b.index(1), running.values(),
                        [&](Value tile, ValueRange carried) -> Values {
                          Running so(carried);
                          Value at = so.ring.slot;
                          auto part = [&](int64_t i) -> Value {
                            return tile::ViewOp::create(
                                b, plane, b.slice(ring, {at, b.index(i)}));
                          };
                          Value k = part(0), v = part(1),
                                firstKey = b.mul(tile, kKeys);
                          b.wait(full, at, so.ring.parity);
                          if (sees)
                            clearPastEnd(v, b.sub(keys.count, firstKey));
                          Value s = scores(k, firstKey, sees, so);
                          so = mix(s, v, so);
                          leaveTile(at, so);
                          so.ring = b.advance(so.ring, layout.slots);
                          return so.values();
                        }));
}

/// The first `whole` tiles have keys that all rows see.
PrefillKernel::Running PrefillKernel::attend(const Keys &keys, Value whole,
                                             Running running, Sees sees) {
  whole = b.min(whole, keys.tiles);
  running = attendTiles(keys, b.index(0), whole, running, std::nullopt);
  return attendTiles(keys, whole, keys.tiles, running, sees);
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
  takeQueries();
  // Finite, so that a row that has seen no key yet weighs with 1 what is 0.
  Values inits = {splat(rowsType(), std::numeric_limits<float>::lowest()),
                  splat(rowsType(), 0)};
  int64_t columns = layout.mixedColumns;
  for (int64_t at = 0; at < a.dim; at += columns)
    inits.push_back(splat(accType(columns), 0));
  llvm::append_range(inits,
                     ArrayRef<Value>{b.index(0), b.i32(0), b.index(kNone)});
  Running running(inits);
  // The first row sees the fewest keys, where there is no window.
  Value own1 = b.add(first, 1), whole = b.index(0);
  if (!hasStep)
    whole = b.div(b.add(position, own1), kKeys);
  else if (!a.window)
    whole = b.div(cached.count, kKeys);
  running = attend(cached, whole, running, [&](Value row, Value key) {
    if (hasStep)
      return a.window ? seesInRing(row, key) : b.less(key, cached.count);
    return b.less(key, b.add(b.add(position, b.add(first, row)), 1));
  });
  if (hasStep)
    running = attend(
        own, a.window ? b.index(0) : b.div(own1, kKeys), running,
        [&](Value row, Value key) {
          Value behind = b.sub(b.add(first, row), b.add(firstOwn, key));
          Value seen = b.inverse(b.less(behind, 0));
          return a.window ? b.both(seen, b.less(behind, *a.window)) : seen;
        });
  finish(running);

  b.sync(1, consumers); // all are done with the ring
  Value into = b.slice(mixedTile, {part()});
  auto store = [&](Value source, int64_t column) {
    tile::StoreAccOp::create(b, source, into, b.index(0), b.index(column),
                             Value(), Value(), UnitAttr());
  };
  for (auto [i, mixed] : llvm::enumerate(running.mixed))
    store(mixed, i * columns);
  store(b.map(accType(8), {splat(accType(8), 0), running.sum},
              [&](ValueRange in) { return in[1]; }),
        a.dim);
}

void PrefillKernel::storeRows() {
  int64_t units = a.dim / a.kWidth;
  b.loop(
      b.threadId(), b.mul(count, units), b.index(consumers), [&](Value unit) {
        Value m = b.div(unit, units);
        Value column = b.mul(b.rem(unit, units), a.kWidth);
        Value part = b.div(m, layout.partRows), row = b.rem(m, layout.partRows);
        Value sum = b.load(mixedTile, {part, row, b.index(a.dim)});
        Value mixed = b.load(mixedTile, {part, row, column}, a.kWidth);
        a.writeResult(stage, b.add(stepRow(), m), head, column, b.split(mixed),
                      sum);
      });
}

void PrefillKernel::build() {
  stage.setOverlaps();
  allocate();
  initialize();
  b.roles(
      {{"consumers", consumers, layout.consumerRegisters, [&] { consume(); }},
       {"producer", layout.producers, layout.producerRegisters,
        [&] { produce(); }}});
  b.sync();
  b.ifThen(b.less(b.threadId(), consumers), [&] { storeRows(); });
  stage.finish();
}

void jet::buildPrefill(FormContext &context, AttentionOp op) {
  // Without k and v a ring has lost what the step's first rows see.
  if (!op.getK() && op.getCache().getType().getWindow())
    return;
  FormBuilder form = context.begin({.maxRows = 0});
  int64_t dim = op.getCache().getType().getHeadDim();
  if (dim == 64 || dim == 128)
    buildPrefillGroups(form, op);
  else
    buildPrefillWarps(form, op);
  form.finish();
}
