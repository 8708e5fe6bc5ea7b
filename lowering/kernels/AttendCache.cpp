// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The first stage of jet.attention in decode steps, as DecodeAttention.cpp
// describes it.

#include "lowering/kernels/DecodeAttention.h"

#include <limits>

using namespace mlir;
using namespace jet;

using Values = TileBuilder::Values;
using Ring = TileBuilder::Ring;

namespace {

constexpr int64_t kWarps = 4, kConsumers = kWarps * 32;
constexpr int64_t kWarpKeys = DecodeAttention::kKeys / kWarps;

class AttendKernel {
public:
  AttendKernel(FormBuilder &form, const DecodeAttention &attention)
      : a(attention),
        stage(form, "attend", kConsumers + 32,
              {attention.shares ? attention.shares : form.constant(1),
               form.constant(attention.kvHeads * attention.headTiles),
               form.symbol(Symbol::B)}),
        b(stage.b) {}

  void build();

private:
  int64_t tileBytes() const { return 2 * DecodeAttention::kKeys * a.dim * 2; }
  tile::AccType slabType() const {
    return tile::AccType::get(b.getContext(), DecodeAttention::kHeads,
                              a.slabColumns);
  }

  /// The softmax of a warp's keys so far.
  struct Running {
    Value top, sum; // rows
    Values mixed;   // a slab each

    explicit Running(ValueRange values)
        : top(values[0]), sum(values[1]), mixed(values.drop_front(2)) {}
    Values values() const {
      Values all = {top, sum};
      llvm::append_range(all, mixed);
      return all;
    }
  };

  void allocate();
  void initialize();
  void load(Value tile, Value slot);
  void produce();
  void loadQueries();
  void clearPastEnd(Value values, Value firstKey);
  Value scores(ArrayRef<Value> queries, Value keys, Value firstKey);
  Running attend(Value scores, Value values, Running running);
  void storeWarp(const Running &running);
  void consume();
  void combineWarps();

  const DecodeAttention &a;
  Stage stage;
  TileBuilder &b;
  Value ring, queryTile, warpParts, full, empty;
  Value share, kvHead, firstHead, sequence; // firstHead: in the group
  SequenceWork work;
  Value begin, end; // tiles
};

} // namespace

void AttendKernel::allocate() {
  Type bf16 = b.getBF16Type();
  int64_t swizzle = a.slabColumns * 2;
  ring = b.alloc(b.shared({a.slots, 2, a.slabs, DecodeAttention::kKeys / a.box,
                           a.box, a.slabColumns},
                          bf16, swizzle));
  queryTile = b.alloc(b.shared(
      {a.slabs, DecodeAttention::kHeads, a.slabColumns}, bf16, swizzle));
  // Columns D and D + 1 are the maximum and the sum; 8 make a fragment, and
  // send the rows to different banks.
  warpParts = tile::ReuseOp::create(
      b, b.shared({kWarps, DecodeAttention::kHeads, a.dim + 8}, b.getF32Type()),
      ring, 0);
  auto barriers = tile::BarriersType::get(b.getContext(), a.slots);
  full = b.alloc(barriers);
  empty = b.alloc(barriers);
}

void AttendKernel::initialize() {
  b.initRing(full, empty, kWarps);
  b.sync();
  tile::LaunchDependentsOp::create(b);
  share = b.blockX();
  kvHead = a.headTiles == 1 ? b.blockY() : b.div(b.blockY(), a.headTiles);
  firstHead = a.headTiles == 1 ? b.index(0)
                               : b.mul(b.rem(b.blockY(), a.headTiles),
                                       DecodeAttention::kHeads);
  sequence = b.blockZ();
  // The batch is an input of the step: no launch before writes it.
  work = a.readSequence(stage, sequence);
  begin = b.mul(share, work.perShare);
  end = b.min(b.add(begin, work.perShare), work.tiles);
}

/// Starts the copies of K and V of a tile. A box past the last key repeats the
/// one of that key: there may be no page behind it, and its keys do not count.
void AttendKernel::load(Value tile, Value slot) {
  FormBuilder &form = stage.form;
  Symbol units = a.window ? Symbol::S : Symbol::P;
  Value map = stage.map(
      Place::ofOperand(kCacheOperand),
      {form.symbol(units) * (2 * a.kvHeads * a.unitRows), form.constant(a.dim)},
      {a.box, a.slabColumns}, b.getBF16Type(), a.slabColumns * 2);
  // With more CTAs a KV head the bytes are read again.
  tile::EvictAttr evict;
  if (a.headTiles == 1)
    evict = tile::EvictAttr::get(b.getContext(), tile::Evict::first);
  Value lastBox = b.mul(b.div(b.sub(work.keys, b.index(1)), a.box), a.box);
  for (int64_t i = 0; i < DecodeAttention::kKeys / a.box; ++i) {
    Value row =
        b.min(b.add(b.mul(tile, DecodeAttention::kKeys), i * a.box), lastBox);
    Value unit = work.slot;
    if (!a.window) {
      auto flat = MemRefType::get({ShapedType::kDynamic}, b.getI32Type());
      Value batch = stage.memory(Place::ofOperand(kBatchOperand), flat);
      Value page = b.div(row, a.unitRows);
      unit = b.toIndex(b.load(batch, {b.add(work.firstPage, page)}));
      row = b.rem(row, a.unitRows);
    }
    for (int64_t plane = 0; plane < 2; ++plane) {
      Value head =
          b.add(b.mul(b.add(b.mul(unit, 2), plane), a.kvHeads), kvHead);
      Value first = b.add(b.mul(head, a.unitRows), row);
      for (int64_t slab = 0; slab < a.slabs; ++slab)
        tile::TmaLoadOp::create(
            b, map, ValueRange{first, b.index(slab * a.slabColumns)},
            b.slice(ring, {slot, b.index(plane), b.index(slab), b.index(i)}),
            full, slot, Value(), evict);
    }
  }
}

void AttendKernel::produce() {
  b.ifThen(tile::ElectOp::create(b), [&] {
    Value one = b.index(1);
    Value at = work.position;
    if (a.window)
      at = b.rem(at, *a.window);
    Value fresh =
        b.div(at, DecodeAttention::kKeys); // what the launch before writes
    Value ahead = b.min(b.sub(end, begin), b.index(a.slots));
    b.loop(b.index(0), ahead, one, [&](Value i) {
      Value tile = b.add(begin, i);
      b.expect(full, i, tileBytes());
      b.ifThen(b.inverse(b.equal(tile, fresh)), [&] { load(tile, i); });
    });
    tile::WaitDependenciesOp::create(b);
    Value i = b.sub(fresh, begin);
    Value isAhead = b.both(b.inverse(b.less(i, b.index(0))), b.less(i, ahead));
    b.ifThen(isAhead, [&] { load(fresh, i); });
    b.loop(b.add(begin, ahead), end, one, {b.index(0), b.i32(0)},
           [&](Value tile, ValueRange carried) -> Values {
             Ring ring{carried[0], carried[1]};
             b.wait(empty, ring.slot, ring.parity);
             b.expect(full, ring.slot, tileBytes());
             load(tile, ring.slot);
             Ring next = b.advance(ring, a.slots);
             return {next.slot, next.parity};
           });
  });
  tile::SyncWarpOp::create(b);
}

/// The heads' rows of q to shared memory in bf16, zeros behind them.
void AttendKernel::loadQueries() {
  Value q = stage.operand(kQueryOperand);
  int64_t units = a.dim / a.kWidth;
  b.loop(b.threadId(), b.index(DecodeAttention::kHeads * units),
         b.index(kConsumers), [&](Value unit) {
           Value m = b.div(unit, units);
           Value column = b.mul(b.rem(unit, units), a.kWidth);
           Value inGroup = b.add(firstHead, m);
           Value head = b.add(b.mul(kvHead, a.group), inGroup);
           Value elements = b.loadIf(b.less(inGroup, a.group), q,
                                     {work.row, head, column}, a.kWidth);
           b.store(
               b.convert(elements, b.getBF16Type()), queryTile,
               {b.div(column, a.slabColumns), m, b.rem(column, a.slabColumns)});
         });
  b.sync(1, kConsumers);
}

/// Zeros in the place of the warp's values past the last key: what lies there
/// may be no number, and has weight 0.
void AttendKernel::clearPastEnd(Value values, Value firstKey) {
  constexpr int64_t kChunk = 8;
  Value valid = b.sub(work.keys, firstKey);
  b.ifThen(b.less(valid, kWarpKeys), [&] {
    int64_t chunks = a.slabColumns / kChunk;
    auto type = VectorType::get(kChunk, b.getBF16Type());
    Value zero = arith::ConstantOp::create(b, b.getZeroAttr(type));
    Value row = b.mul(b.rem(b.warpId(), kWarps), kWarpKeys);
    b.loop(b.laneId(), b.index(kWarpKeys * chunks), b.index(32),
           [&](Value unit) {
             Value key = b.div(unit, chunks);
             Value column = b.mul(b.rem(unit, chunks), kChunk);
             Value isPast = b.inverse(b.less(key, valid));
             for (int64_t slab = 0; slab < a.slabs; ++slab)
               b.store(zero, values, {b.index(slab), b.add(row, key), column},
                       isPast);
           });
    // The next copy into the slot comes after these stores.
    tile::FenceAsyncOp::create(b);
    tile::SyncWarpOp::create(b);
  });
}

/// Of the warp's keys, −∞ past the last.
Value AttendKernel::scores(ArrayRef<Value> queries, Value keys,
                           Value firstKey) {
  auto type =
      tile::AccType::get(b.getContext(), DecodeAttention::kHeads, kWarpKeys);
  auto fragment =
      tile::FragType::get(b.getContext(), kWarpKeys, a.slabColumns, "b");
  Value row = b.mul(b.warpId(), kWarpKeys);
  Value s = tile::SplatOp::create(b, type, b.f32(0));
  for (auto [slab, query] : llvm::enumerate(queries)) {
    Value k =
        tile::LoadMatrixOp::create(b, fragment, b.slice(keys, {b.index(slab)}),
                                   row, b.index(0), UnitAttr());
    s = tile::MmaOp::create(b, query, k, s);
  }
  Value valid = b.sub(work.keys, firstKey);
  Value scale = b.f32(a.scale);
  Value none = b.f32(-std::numeric_limits<float>::infinity());
  return b.map(type, {s}, [&](ValueRange in) {
    return b.select(b.less(in[2], valid), b.mulf(in[0], scale), none);
  });
}

AttendKernel::Running AttendKernel::attend(Value s, Value values,
                                           Running running) {
  auto rows = tile::RowsType::get(b.getContext(), DecodeAttention::kHeads);
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
  Value sum = b.map(rows, {running.sum, scale, more},
                    [&](ValueRange in) { return b.fma(in[0], in[1], in[2]); });
  Value p = tile::PackOp::create(b,
                                 tile::FragType::get(b.getContext(),
                                                     DecodeAttention::kHeads,
                                                     kWarpKeys, "a"),
                                 weights);
  auto fragment =
      tile::FragType::get(b.getContext(), a.slabColumns, kWarpKeys, "b");
  Value row = b.mul(b.warpId(), kWarpKeys);
  Values next = {top, sum};
  for (auto [slab, mixed] : llvm::enumerate(running.mixed)) {
    Value v = tile::LoadMatrixOp::create(b, fragment,
                                         b.slice(values, {b.index(slab)}), row,
                                         b.index(0), b.getUnitAttr());
    Value scaled = b.map(slabType(), {mixed, scale},
                         [&](ValueRange in) { return b.mulf(in[0], in[1]); });
    next.push_back(tile::MmaOp::create(b, p, v, scaled));
  }
  return Running(next);
}

/// [16, D] of the warp's O, then maximum and sum.
void AttendKernel::storeWarp(const Running &running) {
  Value into = b.slice(warpParts, {b.warpId()});
  auto store = [&](Value source, int64_t column) {
    tile::StoreAccOp::create(b, source, into, b.index(0), b.index(column),
                             Value(), Value(), UnitAttr());
  };
  for (auto [slab, mixed] : llvm::enumerate(running.mixed))
    store(mixed, slab * a.slabColumns);
  auto narrow = tile::AccType::get(b.getContext(), DecodeAttention::kHeads, 8);
  Value none = tile::SplatOp::create(b, narrow, b.f32(0));
  Value both =
      b.map(narrow, {none, running.top, running.sum}, [&](ValueRange in) {
        return b.select(b.equal(b.rem(in[4], 2), 0), in[1], in[2]);
      });
  store(both, a.dim);
}

void AttendKernel::consume() {
  tile::WaitDependenciesOp::create(b);
  loadQueries();
  Value warp = b.warpId();
  auto fragment = tile::FragType::get(b.getContext(), DecodeAttention::kHeads,
                                      a.slabColumns, "a");
  Values queries;
  for (int64_t slab = 0; slab < a.slabs; ++slab)
    queries.push_back(tile::LoadMatrixOp::create(
        b, fragment, b.slice(queryTile, {b.index(slab)}), b.index(0),
        b.index(0), UnitAttr()));
  // Finite, so that a warp without keys weighs with 1 what is 0.
  Value least = b.f32(std::numeric_limits<float>::lowest());
  auto rows = tile::RowsType::get(b.getContext(), DecodeAttention::kHeads);
  Values inits = {tile::SplatOp::create(b, rows, least),
                  tile::SplatOp::create(b, rows, b.f32(0))};
  for (int64_t slab = 0; slab < a.slabs; ++slab)
    inits.push_back(tile::SplatOp::create(b, slabType(), b.f32(0)));
  size_t count = inits.size();
  llvm::append_range(inits, ArrayRef<Value>{b.index(0), b.i32(0)});
  auto plane = b.shared({a.slabs, DecodeAttention::kKeys, a.slabColumns},
                        b.getBF16Type(), a.slabColumns * 2);
  Values results = b.loop(
      begin, end, b.index(1), inits,
      [&](Value tile, ValueRange carried) -> Values {
        Ring at{carried[count], carried[count + 1]};
        auto part = [&](int64_t i) -> Value {
          return tile::ViewOp::create(b, plane,
                                      b.slice(ring, {at.slot, b.index(i)}));
        };
        Value keys = part(0), values = part(1);
        Value firstKey =
            b.add(b.mul(tile, DecodeAttention::kKeys), b.mul(warp, kWarpKeys));
        b.wait(full, at.slot, at.parity);
        clearPastEnd(values, firstKey);
        Running next = attend(scores(queries, keys, firstKey), values,
                              Running(carried.take_front(count)));
        tile::SyncWarpOp::create(b);
        b.ifThen(tile::ElectOp::create(b), [&] { b.arrive(empty, at.slot); });
        Ring after = b.advance(at, a.slots);
        Values all = next.values();
        llvm::append_range(all, ArrayRef<Value>{after.slot, after.parity});
        return all;
      });
  b.sync(1, kConsumers); // all are done with the ring
  storeWarp(Running(ValueRange(results).take_front(count)));
}

/// Writes the result, or the share's part of it.
void AttendKernel::combineWarps() {
  int64_t units = a.dim / a.kWidth;
  Value heads = b.min(b.sub(b.index(a.group), firstHead),
                      b.index(DecodeAttention::kHeads));
  b.loop(
      b.threadId(), b.mul(heads, units), b.index(kConsumers), [&](Value unit) {
        Value m = b.div(unit, units);
        Value column = b.mul(b.rem(unit, units), a.kWidth);
        Values tops, sums;
        Value top, sum = b.f32(0);
        for (int64_t warp = 0; warp < kWarps; ++warp) {
          Values pair =
              b.split(b.load(warpParts, {b.index(warp), m, b.index(a.dim)}, 2));
          tops.push_back(pair[0]);
          sums.push_back(pair[1]);
          top = top ? b.maxf(top, pair[0]) : pair[0];
        }
        Values mixed(a.kWidth, b.f32(0));
        for (int64_t warp = 0; warp < kWarps; ++warp) {
          Value weight = weighScore(b, tops[warp], top);
          sum = b.fma(sums[warp], weight, sum);
          Value part = b.load(warpParts, {b.index(warp), m, column}, a.kWidth);
          for (auto [element, more] : llvm::zip_equal(mixed, b.split(part)))
            element = b.fma(more, weight, element);
        }
        Value head = b.add(b.mul(kvHead, a.group), b.add(firstHead, m));
        auto writeResult = [&] {
          a.writeResult(stage, work.row, head, column, mixed, sum);
        };
        if (!a.shares)
          return writeResult();
        b.ifElse(b.equal(work.shares, 1), writeResult, [&] {
          Value row = a.shareRow(stage, sequence, head, share);
          b.store(b.join(mixed), a.partsMemory(stage), {row, column});
          b.store(b.join({top, sum}), a.topsMemory(stage), {row, b.index(0)},
                  b.equal(column, 0));
        });
      });
}

void AttendKernel::build() {
  stage.setOverlaps();
  allocate();
  initialize();
  b.roles({{"consumers", kConsumers, 0, [&] { consume(); }},
           {"producer", 32, 0, [&] { produce(); }}});
  b.sync();
  b.ifThen(b.both(b.less(b.threadId(), kConsumers), b.less(begin, end)),
           [&] { combineWarps(); });
  stage.finish();
}

void jet::buildAttend(FormBuilder &form, const DecodeAttention &attention) {
  AttendKernel(form, attention).build();
}
