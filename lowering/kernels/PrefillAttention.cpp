// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// jet.attention of many tokens a sequence.
//
//   s[i, h, j] = q[i, h]·K[j] / sqrt(D);  y[i, h] = softmax(s[i, h]) · V
//
// over the keys j that row i sees: those up to its own position, within the
// window. A part is a block of rows of a sequence and a head; an item is some
// parts whose heads share a KV head, of the same rows as far as there are
// heads, so that they see the same keys, which are read once:
//
//   attend   CTA, one an SM: items, the longest ones first
//     producer (1 warp)    for each item, for each tile of keys: wait
//                          empty[slot]; TMA of K to full[slot]; the same of V
//     consumers            a part each; for each item: Q to shared memory; for
//                          each tile: S = Q·Kᵀ, masked where some rows do not
//                          see some keys; online softmax, in which O is scaled
//                          where a row's top moves (kSlack); O += P·V; then
//                          O / sum
//
// So the next item's keys arrive while the last one's rows are written. Queries
// that are loaded meanwhile, in registers that results leave, made items of
// 8192 rows take 7% longer; parts that multiply in turn, or begin one after the
// other, none shorter. Which items, rows and keys: PrefillItems.cpp. What a
// part is and how it multiplies: PrefillGroups.cpp, PrefillWarps.cpp.
//
// A part goes through all of an item's tiles, but multiplies only those that
// its own rows see. What a tile holds past the last key may be no number: those
// scores are masked, and those values, of weight 0, are cleared.
//
// Shared memory: a ring of tiles of keys and of values in turn; Q; and for each
// part some columns of O, so that rows are written in long pieces.

#include "lowering/kernels/PrefillAttention.h"

#include <limits>
#include <numeric>

using namespace mlir;
using namespace jet;

using Values = TileBuilder::Values;

/// How far scores may be above what they are weighed by, as powers of two: the
/// weights stay far from what bf16 and f32 hold, and rows so far are seldom
/// multiplied. Each row decides by its own scores.
static constexpr double kSlack = 8;

PrefillKernel::PrefillKernel(FormBuilder &form, AttentionOp op,
                             const Layout &layout)
    : a(op), layout(layout), hasStep(op.getK()), cacheOperand(hasStep ? 3 : 1),
      batchOperand(cacheOperand + 1),
      consumers(layout.parts * layout.partThreads),
      box(std::gcd(layout.keys, a.unitRows)),
      chunkColumns(std::min<int64_t>(32, layout.mixedColumns)),
      stage(form, "attend", consumers + layout.producers,
            {form.constant(kMultiprocessors)}),
      b(stage.b) {}

void PrefillKernel::allocate() {
  Type bf16 = b.getBF16Type();
  int64_t swizzle = a.slabColumns * 2;
  ring = b.alloc(
      b.shared({layout.slots, a.slabs, layout.keys / box, box, a.slabColumns},
               bf16, swizzle));
  queryTile = b.alloc(b.shared(
      {a.slabs, layout.parts, layout.partRows, a.slabColumns}, bf16, swizzle));
  // Behind the columns is the sum; 8 make a fragment, and send the rows to
  // different banks.
  chunks = b.alloc(b.shared({layout.parts, layout.partRows, chunkColumns + 8},
                            b.getF32Type()));
  auto barriers = tile::BarriersType::get(b.getContext(), layout.slots);
  full = b.alloc(barriers);
  empty = b.alloc(barriers);
}

/// A slot of the ring: keys or values, [slabs, keys, columns].
Value PrefillKernel::slotTile(Value slot) {
  auto type = b.shared({a.slabs, layout.keys, a.slabColumns}, b.getBF16Type(),
                       a.slabColumns * 2);
  return tile::ViewOp::create(b, type, b.slice(ring, {slot}));
}

/// Each warp gives a slot back.
void PrefillKernel::release(Value slot) {
  tile::SyncWarpOp::create(b);
  b.ifThen(tile::ElectOp::create(b), [&] { b.arrive(empty, slot); });
}

/// The part's rows of q to shared memory in bf16, zeros behind them. A thread
/// loads several units before it stores them.
void PrefillKernel::loadQueries() {
  Value q = stage.operand(kQueryOperand);
  int64_t units = a.dim / a.kWidth;
  int64_t threads = layout.partThreads, all = layout.partRows * units;
  int64_t atOnce = std::gcd<int64_t>(all / threads, 8);
  Value count = b.sub(rowsOfPart.to, rowsOfPart.from);
  b.loop(b.rem(b.threadId(), threads), b.index(all), b.index(threads * atOnce),
         [&](Value unit) {
           Values rows, columns, loaded;
           for (int64_t i = 0; i < atOnce; ++i) {
             Value at = b.add(unit, i * threads);
             rows.push_back(b.div(at, units));
             columns.push_back(b.mul(b.rem(at, units), a.kWidth));
             loaded.push_back(b.loadIf(
                 b.less(rows[i], count), q,
                 {b.add(stepRow(), rows[i]), head, columns[i]}, a.kWidth));
           }
           for (int64_t i = 0; i < atOnce; ++i)
             b.store(b.convert(loaded[i], b.getBF16Type()), queryTile,
                     {b.div(columns[i], a.slabColumns), part(), rows[i],
                      b.rem(columns[i], a.slabColumns)});
         });
  tile::FenceAsyncOp::create(b);
  syncPart();
}

/// Zeros in the place of the values past the last key, by all parts.
void PrefillKernel::clearPastEnd(const Keys &keys, Value tile, Value values) {
  constexpr int64_t kChunk = 8;
  Value valid = b.sub(keys.count, firstKey(keys, tile));
  b.ifThen(b.less(valid, layout.keys), [&] {
    int64_t units = a.slabColumns / kChunk;
    auto type = VectorType::get(kChunk, b.getBF16Type());
    Value zero = arith::ConstantOp::create(b, b.getZeroAttr(type));
    b.loop(b.add(b.mul(valid, units), b.threadId()),
           b.index(layout.keys * units), b.index(consumers), [&](Value unit) {
             Value column = b.mul(b.rem(unit, units), kChunk);
             for (int64_t slab = 0; slab < a.slabs; ++slab)
               b.store(zero, values,
                       {b.index(slab), b.div(unit, units), column});
           });
    // The next copy into the slot comes after these stores.
    tile::FenceAsyncOp::create(b);
    b.sync(1, consumers);
  });
}

/// −∞ where a row does not see a key.
Value PrefillKernel::mask(Value scores, Value firstKey, const Seen &seen) {
  Value none = b.f32(-std::numeric_limits<float>::infinity());
  return b.map(scores.getType(), {scores}, [&](ValueRange in) {
    Value row = b.add(rowsOfPart.from, in[1]);
    return b.select(seen.sees(row, b.add(firstKey, in[2])), in[0], none);
  });
}

/// The weights of scores that are not scaled yet, and by what those so far are
/// to be multiplied. Each thread reduces its own columns first; their sum stays
/// so until the end.
PrefillKernel::Weighed PrefillKernel::weigh(Value s, Running &running) {
  Type rows = rowsType();
  Value factor = b.f32(a.scale);
  auto eights = [&](Value of) {
    Values all;
    for (int64_t at = 0; at < layout.keys; at += 8)
      all.push_back(b.columns(of, at, 8));
    return all;
  };
  Value most = b.map(accType(8), eights(s), [&](ValueRange in) {
    Values left(in.take_front(layout.keys / 8));
    for (; left.size() > 1; left.resize((left.size() + 1) / 2))
      for (size_t i = 0; i < left.size() / 2; ++i)
        left[i] = b.maxf(left[i], left[left.size() - 1 - i]);
    return left.front();
  });
  most = tile::ReduceOp::create(b, rows, tile::Reduction::max, most);
  Value top = b.map(rows, {running.top, most}, [&](ValueRange in) {
    Value next = b.mulf(in[1], factor);
    Value isPast = b.compare(arith::CmpFPredicate::OGT, next,
                             b.addf(in[0], b.f32(kSlack)));
    return b.select(isPast, next, in[0]);
  });
  Value isScaled = tile::AnyLessOp::create(b, running.top, top);
  Value scale = b.map(rows, {running.top, top}, [&](ValueRange in) {
    return weighScore(b, in[0], in[1]);
  });
  Value weights = b.map(s.getType(), {s, top}, [&](ValueRange in) {
    Value below = arith::NegFOp::create(b, in[1]);
    return weighScore(b, b.fma(in[0], factor, below), b.f32(0));
  });
  Values sums = eights(weights);
  sums.append({running.sum, scale});
  running.top = top;
  running.sum = b.map(accType(8), sums, [&](ValueRange in) {
    size_t count = layout.keys / 8;
    Value sum = b.fma(in[count], in[count + 1], in[0]);
    for (size_t i = 1; i < count; ++i)
      sum = b.addf(sum, in[i]);
    return sum;
  });
  return {weights, scale, isScaled};
}

void PrefillKernel::scaleMixed(const Weighed &weighed, Running &running) {
  for (Value &mixed : running.mixed)
    mixed = b.ifElse(
        weighed.isScaled, mixed.getType(),
        [&]() -> Value {
          return b.map(mixed.getType(), {mixed, weighed.scale},
                       [&](ValueRange in) { return b.mulf(in[0], in[1]); });
        },
        [&] { return mixed; });
}

Value PrefillKernel::pack(Value weights) {
  return tile::PackOp::create(b, fragType(layout.partRows, layout.keys, "a"),
                              weights);
}

PrefillKernel::Running PrefillKernel::attendTile(const Keys &keys, Value tile,
                                                 Value isWhole,
                                                 const Seen &seen,
                                                 Running running) {
  Ring at = running.ring, after = b.advance(at, layout.slots);
  b.wait(full, at.slot, at.parity);
  Value s = multiplyKeys(slotTile(at.slot), running);
  release(at.slot);
  s = b.ifElse(
      isWhole, s.getType(), [&] { return s; },
      [&] { return mask(s, firstKey(keys, tile), seen); });
  Weighed weighed = weigh(s, running);
  b.wait(full, after.slot, after.parity);
  clearPastEnd(keys, tile, slotTile(after.slot));
  addValues(weighed, after.slot, running);
  running.ring = b.advance(after, layout.slots);
  return running;
}

/// A tile that only other parts see.
PrefillKernel::Running PrefillKernel::skipTile(const Keys &keys, Value tile,
                                               Running running) {
  Ring at = running.ring, after = b.advance(at, layout.slots);
  b.wait(full, at.slot, at.parity);
  release(at.slot);
  b.wait(full, after.slot, after.parity);
  clearPastEnd(keys, tile, slotTile(after.slot));
  release(after.slot);
  running.ring = b.advance(after, layout.slots);
  return running;
}

PrefillKernel::Running PrefillKernel::attend(const Keys &keys, const Seen &seen,
                                             Running running) {
  Value none = b.index(0);
  int64_t size = layout.keys;
  auto inside = [&](Value key) { return b.min(b.max(key, none), keys.count); };
  Value to = b.min(b.ceilDiv(inside(seen.some.to), size), keys.tiles);
  Value from = b.min(b.div(inside(seen.some.from), size), to);
  Value wholeFrom = b.ceilDiv(inside(seen.all.from), size);
  Value wholeTo = b.div(inside(seen.all.to), size);
  auto forTiles = [&](Value from, Value to, auto body) {
    running = unpack(b.loop(from, to, b.index(1), running.values(),
                            [&](Value tile, ValueRange carried) -> Values {
                              return body(tile, unpack(carried)).values();
                            }));
  };
  auto skip = [&](Value tile, Running so) { return skipTile(keys, tile, so); };
  forTiles(none, from, skip);
  forTiles(from, to, [&](Value tile, Running so) {
    Value isWhole =
        b.both(b.inverse(b.less(tile, wholeFrom)), b.less(tile, wholeTo));
    return attendTile(keys, tile, isWhole, seen, so);
  });
  forTiles(to, keys.tiles, skip);
  return running;
}

PrefillKernel::Running PrefillKernel::attendItem(Ring at) {
  findPart();
  loadQueries();
  takeQueries();
  Running running;
  // Finite, so that a row that has seen no key yet weighs with 1 what is 0.
  running.top = splat(rowsType(), std::numeric_limits<float>::lowest());
  running.sum = splat(accType(8), 0);
  for (int64_t column = 0; column < a.dim; column += layout.mixedColumns)
    running.mixed.push_back(splat(accType(layout.mixedColumns), 0));
  running.ring = at;
  running.pending = begin();
  running = attend(cached, seenInCache(), running);
  if (hasStep) {
    findOwnKeys();
    running = attend(own, seenKeys(b.sub(b.index(0), firstOwn)), running);
  }
  finish(running);
  return running;
}

/// A warp's 16 rows, some columns after the other.
void PrefillKernel::storeRows(const Running &running) {
  int64_t lanes = chunkColumns / a.kWidth;
  Value into = b.slice(chunks, {part()}), lane = b.laneId();
  auto store = [&](Value source, int64_t column) {
    tile::StoreAccOp::create(b, source, into, b.index(0), b.index(column),
                             Value(), Value(), UnitAttr());
  };
  Value sum =
      tile::ReduceOp::create(b, rowsType(), tile::Reduction::add, running.sum);
  store(b.map(accType(8), {splat(accType(8), 0), sum},
              [&](ValueRange in) { return in[1]; }),
        chunkColumns);
  Value firstRow =
      b.add(b.rem(b.mul(b.warpId(), 16), layout.partRows), b.div(lane, lanes));
  Value column = b.mul(b.rem(lane, lanes), a.kWidth);
  Value count = b.sub(rowsOfPart.to, rowsOfPart.from);
  for (int64_t at = 0; at < a.dim; at += chunkColumns) {
    store(b.columns(running.mixed[at / layout.mixedColumns],
                    at % layout.mixedColumns, chunkColumns),
          0);
    tile::SyncWarpOp::create(b);
    for (int64_t i = 0; i < 16; i += 32 / lanes) {
      Value row = b.add(firstRow, i);
      b.ifThen(b.less(row, count), [&] {
        Value mixed = b.load(into, {row, column}, a.kWidth);
        a.writeResult(stage, b.add(stepRow(), row), head, b.add(column, at),
                      b.split(mixed),
                      b.load(into, {row, b.index(chunkColumns)}));
      });
    }
    tile::SyncWarpOp::create(b);
  }
}

void PrefillKernel::consume() {
  tile::WaitDependenciesOp::create(b);
  forItems({b.index(0), b.i32(0)}, [&](Ring at) {
    Running done = attendItem(at);
    storeRows(done);
    return done.ring;
  });
}

void PrefillKernel::build() {
  stage.setOverlaps();
  allocate();
  b.initRing(full, empty, consumers / 32);
  b.sync();
  tile::LaunchDependentsOp::create(b);
  b.roles(
      {{"consumers", consumers, layout.consumerRegisters, [&] { consume(); }},
       {"producer", layout.producers, layout.producerRegisters,
        [&] { produce(); }}});
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
