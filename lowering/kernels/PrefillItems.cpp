// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What PrefillAttention.cpp works on: items, their rows and keys, and the
// producer, which brings the keys.
//
// How many rows a sequence has is known to the batch alone: a CTA adds up the
// items of all sequences, and for each item those in front of its own. The last
// ones, which see the most keys, come first, of sequences with equally many in
// turn; a CTA takes one from the front, then one from the back of as many as
// there are CTAs, so that the sums of lengths are alike.
//
// Keys come from two places, one after the other. The cache holds all of them
// if the op has no k and v; else those before the step, and k and v the step's
// own. A ring is read as it lies, from the newest key's tile back as far as the
// item sees: the order does not matter to the softmax.

#include "lowering/kernels/PrefillAttention.h"

using namespace mlir;
using namespace jet;

using Values = TileBuilder::Values;
using Ring = TileBuilder::Ring;

Value PrefillKernel::ofBatch(Value place) {
  Value batch =
      stage.memory(Place::ofOperand(batchOperand),
                   MemRefType::get({ShapedType::kDynamic}, b.getI32Type()));
  return b.toIndex(b.load(batch, {place}));
}

/// Of a sequence's row of the batch: slot, tokens before, row, rows; pages.
Value PrefillKernel::ofSequence(Value sequence, int64_t column) {
  return ofBatch(b.add(batchRow(sequence), column));
}

Value PrefillKernel::batchRow(Value sequence) {
  return b.mul(sequence,
               stage.size(stage.form.symbol(Symbol::C) + kBatchColumns));
}

void PrefillKernel::forItems(Ring at, function_ref<Ring(Ring)> body) {
  countItems();
  Value rounds = b.ceilDiv(b.mul(items, a.kvHeads), kMultiprocessors);
  b.loop(b.index(0), rounds, b.index(1), {at.slot, at.parity},
         [&](Value round, ValueRange carried) -> Values {
           Value back = b.sub(b.index(kMultiprocessors - 1), b.blockX());
           Value turn = b.select(b.equal(b.rem(round, 2), 0), b.blockX(), back);
           Value item = b.add(b.mul(round, kMultiprocessors), turn);
           kvHead = b.rem(item, a.kvHeads);
           // Counted anew: the counts would stay in registers through all
           // tiles.
           countItems();
           findItem(numberOf(b.div(item, a.kvHeads)));
           findKeys();
           Ring next = body({carried[0], carried[1]});
           return {next.slot, next.parity};
         });
}

/// Those of a KV head: of all sequences, and the most of one.
void PrefillKernel::countItems() {
  Value none = b.index(0);
  Values count =
      b.loop(none, stage.size(stage.form.symbol(Symbol::B)), b.index(1),
             {none, none}, [&](Value sequence, ValueRange so) -> Values {
               Value here = itemsOf(ofSequence(sequence, 3));
               return {b.add(so[0], here), b.max(so[1], here)};
             });
  items = count[0];
  mostItems = count[1];
}

/// Where the item of a turn is among those of all sequences: negative behind
/// the last turn.
Value PrefillKernel::numberOf(Value turn) {
  Value sequences = stage.size(stage.form.symbol(Symbol::B));
  Value rank = b.div(turn, sequences);
  Value sequence = b.sub(turn, b.mul(rank, sequences));
  Value last = b.sub(b.mul(b.add(sequence, 1), mostItems), b.index(1));
  Value isEven = b.equal(b.mul(mostItems, sequences), items);
  Value number = b.select(isEven, b.sub(last, rank),
                          b.sub(b.sub(items, b.index(1)), turn));
  return b.select(b.less(turn, items), number, b.index(-1));
}

/// Of a sequence and KV head: blocks of rows of all its heads, in parts.
Value PrefillKernel::itemsOf(Value rows) {
  Value blocks = b.ceilDiv(rows, layout.partRows);
  return b.ceilDiv(b.mul(blocks, a.group), layout.parts);
}

/// The item of that number, of all sequences; without rows if it is negative,
/// as of the last round's behind the last.
void PrefillKernel::findItem(Value number) {
  Value none = b.index(0);
  Values found = b.loop(
      none, stage.size(stage.form.symbol(Symbol::B)), b.index(1),
      {number, none, none, none}, [&](Value sequence, ValueRange so) -> Values {
        Value left = so[0], rows = ofSequence(sequence, 3);
        Value items = itemsOf(rows);
        Value isHere =
            b.both(b.inverse(b.less(left, none)), b.less(left, items));
        return {b.sub(left, items), b.select(isHere, sequence, so[1]),
                b.select(isHere, b.mul(left, layout.parts), so[2]),
                b.select(isHere, rows, so[3])};
      });
  Value sequence = found[1];
  firstPart = found[2];
  sequenceRows = found[3];
  slot = ofSequence(sequence, 0);
  position = ofSequence(sequence, 1);
  sequenceRow = ofSequence(sequence, 2);
  firstPage = b.add(batchRow(sequence), kBatchColumns);
  Value lastBlock = b.div(b.add(firstPart, layout.parts - 1), a.group);
  first = b.mul(b.div(firstPart, a.group), layout.partRows);
  end = b.min(sequenceRows, b.mul(b.add(lastBlock, 1), layout.partRows));
}

/// Its rows are none behind the sequence's last.
void PrefillKernel::findPart() {
  Value number = b.add(firstPart, part());
  head = b.add(b.mul(kvHead, a.group), b.rem(number, a.group));
  Value from = b.mul(b.div(number, a.group), layout.partRows);
  Value to = b.min(sequenceRows, b.add(from, layout.partRows));
  rowsOfPart = {from, b.max(from, to)};
}

/// The keys of the cache that any row of the item sees.
void PrefillKernel::findKeys() {
  if (a.window) {
    findRing();
    return;
  }
  cached.count = hasStep ? position : b.add(position, end);
  cached.tiles = b.select(b.less(b.index(0), end),
                          b.ceilDiv(cached.count, layout.keys), b.index(0));
}

/// And those of the step, where they are needed: they would stay in registers.
void PrefillKernel::findOwnKeys() {
  Value none = b.index(0);
  firstOwn = none;
  if (a.window) {
    // Older ones fill the tiles, so that none has values to clear.
    Value oldest = b.max(none, b.sub(first, b.index(*a.window - 1)));
    Value tiles = b.ceilDiv(b.sub(end, oldest), layout.keys);
    firstOwn = b.max(none, b.sub(end, b.mul(tiles, layout.keys)));
  }
  own.count = b.sub(end, firstOwn);
  own.tiles = b.ceilDiv(own.count, layout.keys);
}

/// Row i sees ages < window − 1 − i of the ring, 0 being the newest key's.
void PrefillKernel::findRing() {
  Value none = b.index(0);
  int64_t window = *a.window, size = layout.keys;
  cached.count = b.min(position, b.index(window));
  Value newest = b.rem(b.add(position, window - 1), window);
  cached.newest = b.div(newest, size);
  cached.around = b.ceilDiv(cached.count, size);
  newestKeys = b.add(b.rem(newest, size), 1);
  Value seen = b.min(b.sub(b.index(window - 1), first), cached.count);
  Value more = b.max(none, b.sub(seen, newestKeys));
  // The tile at the ring's end may have fewer.
  Value tiles = b.add(b.ceilDiv(more, size), window % size ? 2 : 1);
  Value isSeen = b.both(b.less(none, seen), b.less(none, end));
  cached.tiles = b.select(isSeen, b.min(tiles, cached.around), none);
}

Value PrefillKernel::firstKey(const Keys &keys, Value tile) {
  if (keys.newest) {
    tile = b.sub(keys.newest, tile);
    tile = b.select(b.less(tile, 0), b.add(tile, keys.around), tile);
  }
  return b.mul(tile, layout.keys);
}

//===----------------------------------------------------------------------===//
// What a part's rows see
//===----------------------------------------------------------------------===//

/// Of keys numbered such that row i sees `before` + i and those in front of it.
PrefillKernel::Seen PrefillKernel::seenKeys(Value before) {
  Value none = b.index(0);
  Range rows = rowsOfPart;
  Seen seen{{none, b.add(before, rows.to)},
            {none, b.add(b.add(before, rows.from), 1)},
            [=, this](Value row, Value key) {
              Value behind = b.sub(b.add(before, row), key);
              if (a.window)
                return b.compare(arith::CmpIPredicate::ult, behind,
                                 b.index(*a.window));
              return b.compare(arith::CmpIPredicate::sge, behind, b.index(0));
            }};
  if (a.window) {
    Value window = b.index(*a.window);
    seen.some.from = b.sub(seen.all.to, window);
    seen.all.from = b.sub(seen.some.to, window);
  }
  seen.some.to = b.select(b.less(rows.from, rows.to), seen.some.to, none);
  return seen;
}

PrefillKernel::Seen PrefillKernel::seenInCache() {
  if (!hasStep)
    return seenKeys(position);
  Value none = b.index(0);
  Range rows = rowsOfPart;
  Seen seen{{none, cached.count},
            {none, cached.count},
            [=, this](Value row, Value key) {
              return a.window ? seesInRing(row, key)
                              : b.less(key, cached.count);
            }};
  if (a.window) {
    // Behind the newest tile ages follow each other; and around the end, if
    // tiles divide the ring.
    int64_t size = layout.keys;
    auto last = [&](Value row) {
      Value ages = b.sub(b.index(*a.window - 1), row);
      return b.add(b.sub(ages, newestKeys), size);
    };
    seen.all = {b.index(size), none};
    if (*a.window % size == 0) {
      seen.some.to = last(rows.from);
      seen.all.to = last(b.sub(rows.to, b.index(1)));
    }
  }
  seen.some.to = b.select(b.less(rows.from, rows.to), seen.some.to, none);
  return seen;
}

/// Entry e of the ring is as old as it lies behind the newest, around the end.
Value PrefillKernel::seesInRing(Value row, Value key) {
  Value window = b.index(*a.window);
  Value newest = b.rem(b.add(position, *a.window - 1), *a.window);
  Value age = b.sub(newest, key);
  age = b.select(b.less(age, 0), b.add(age, window), age);
  Value limit = b.sub(b.index(*a.window - 1), row);
  return b.both(b.less(key, cached.count), b.less(age, limit));
}

//===----------------------------------------------------------------------===//
// The producer
//===----------------------------------------------------------------------===//

/// Starts the copies of K (plane 0) or V of a tile of the cache. A box past the
/// last key repeats the one of that key: there may be no page behind it, nor
/// more of a ring that tiles do not divide.
void PrefillKernel::loadCache(Value tile, int64_t plane, Value into) {
  FormBuilder &form = stage.form;
  Symbol units = a.window ? Symbol::S : Symbol::P;
  Value map = stage.map(
      Place::ofOperand(cacheOperand),
      {form.symbol(units) * (2 * a.kvHeads * a.unitRows), form.constant(a.dim)},
      {box, a.slabColumns}, b.getBF16Type(), a.slabColumns * 2);
  bool mayPass = !a.window || *a.window % layout.keys;
  Value lastBox = b.mul(b.div(b.sub(cached.count, b.index(1)), box), box);
  for (int64_t i = 0; i < layout.keys / box; ++i) {
    Value row = b.add(firstKey(cached, tile), i * box);
    if (mayPass)
      row = b.min(row, lastBox);
    Value unit = slot;
    if (!a.window) {
      unit = ofBatch(b.add(firstPage, b.div(row, a.unitRows)));
      row = b.rem(row, a.unitRows);
    }
    Value head = b.add(b.mul(b.add(b.mul(unit, 2), plane), a.kvHeads), kvHead);
    Value at = b.add(b.mul(head, a.unitRows), row);
    for (int64_t slab = 0; slab < a.slabs; ++slab)
      tile::TmaLoadOp::create(b, map,
                              ValueRange{at, b.index(slab * a.slabColumns)},
                              b.slice(ring, {into, b.index(slab), b.index(i)}),
                              full, into, Value(), tile::EvictAttr());
  }
}

/// The same of the step's own: zeros past its last row.
void PrefillKernel::loadStep(Value tile, int64_t plane, Value into) {
  FormBuilder &form = stage.form;
  Value row = b.add(b.add(sequenceRow, firstOwn), firstKey(own, tile));
  Value map = stage.map(Place::ofOperand(1 + plane),
                        {form.rows(), form.constant(a.kvHeads * a.dim)},
                        {layout.keys, a.slabColumns}, b.getBF16Type(),
                        a.slabColumns * 2);
  for (int64_t slab = 0; slab < a.slabs; ++slab)
    tile::TmaLoadOp::create(
        b, map,
        ValueRange{row, b.add(b.mul(kvHead, a.dim), slab * a.slabColumns)},
        b.slice(slotTile(into), {b.index(slab)}), full, into, Value(),
        tile::EvictAttr());
}

void PrefillKernel::produce() {
  // Of a group the other warps have nothing to do.
  Value isFirst = b.equal(b.warpId(), consumers / 32);
  using Load = function_ref<void(Value tile, int64_t plane, Value slot)>;
  auto stream = [&](const Keys &keys, Ring at, Load load) -> Ring {
    Values end =
        b.loop(b.index(0), keys.tiles, b.index(1), {at.slot, at.parity},
               [&](Value tile, ValueRange carried) -> Values {
                 Ring so{carried[0], carried[1]};
                 for (int64_t plane : {0, 1}) {
                   b.wait(empty, so.slot, so.parity);
                   b.expect(full, so.slot, layout.keys * a.dim * 2);
                   load(tile, plane, so.slot);
                   so = b.advance(so, layout.slots);
                 }
                 return {so.slot, so.parity};
               });
    return {end[0], end[1]};
  };
  b.ifThen(b.both(isFirst, tile::ElectOp::create(b)), [&] {
    tile::WaitDependenciesOp::create(b);
    // The slots are empty at first, as after a phase of parity 1.
    forItems({b.index(0), b.i32(1)}, [&](Ring at) {
      at = stream(cached, at, [&](Value tile, int64_t plane, Value slot) {
        loadCache(tile, plane, slot);
      });
      if (!hasStep)
        return at;
      findOwnKeys();
      return stream(own, at, [&](Value tile, int64_t plane, Value slot) {
        loadStep(tile, plane, slot);
      });
    });
  });
  tile::SyncWarpOp::create(b);
}
