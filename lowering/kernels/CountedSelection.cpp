// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Selection by counting: see Selection.h.

#include "lowering/kernels/Selection.h"

#include <limits>

using namespace mlir;
using namespace jet;

using Values = TileBuilder::Values;

static constexpr int64_t kLastId = std::numeric_limits<int32_t>::max();

Value SelectKernel::keyOf(Value value) {
  Value zero = b.i32(0);
  Value bits = arith::BitcastOp::create(b, b.getI32Type(), value);
  Value isZero = b.compare(arith::CmpFPredicate::OEQ, value, b.f32(0));
  bits = b.select(isZero, zero, bits);
  // Of negative numbers all bits turn, else the sign.
  Value sign = b.i32(std::numeric_limits<int32_t>::min());
  Value turned = b.select(b.compare(arith::CmpIPredicate::slt, bits, zero),
                          b.i32(-1), sign);
  Value isNaN = b.compare(arith::CmpFPredicate::UNO, value, value);
  return b.select(isNaN, zero, arith::XOrIOp::create(b, bits, turned));
}

Value SelectKernel::countOfThread(Test test) {
  Value count = b.i32(0);
  for (size_t i = 0; i < values.size(); ++i)
    count = b.add(count, arith::ExtUIOp::create(b, b.getI32Type(), test(i)));
  return count;
}

/// i32, all threads get it. With numbers `turn` that follow each other one
/// barrier is enough: the warps still read the other half.
Value SelectKernel::countOfBlock(Value turn, Test test) {
  Value count = b.sumOfWarp(countOfThread(test));
  Value half = b.rem(turn, 2), warp = b.warpId();
  b.ifThen(b.equal(b.laneId(), 0),
           [&] { b.store(count, partials, {half, warp}); });
  b.sync();
  Value total = b.load(partials, {half, b.index(0)});
  for (int64_t warp = 1; warp < warps; ++warp)
    total = arith::AddIOp::create(b, total,
                                  b.load(partials, {half, b.index(warp)}));
  return total;
}

void SelectKernel::fillSlots() {
  b.loop(b.threadId(), b.index(k), b.index(threads), [&](Value slot) {
    b.store(b.i32(kLastId), slotIds, {slot});
    b.store(b.f32(std::numeric_limits<float>::quiet_NaN()), slotValues, {slot});
  });
}

/// The k-th key and, of elements with that key, the last id that is in.
void SelectKernel::findBounds() {
  using P = arith::CmpIPredicate;
  Value zero = b.index(0), one = b.index(1);
  Value wanted = b.i32(k), top = b.i32(31);
  bound = b.loop(zero, b.index(32), one, {b.i32(0)},
                 [&](Value i, ValueRange so) -> Values {
                   Value shift = arith::SubIOp::create(b, top, b.toI32(i));
                   Value bit = arith::ShLIOp::create(b, b.i32(1), shift);
                   Value next = arith::OrIOp::create(b, so[0], bit);
                   Value count = countOfBlock(i, [&](size_t element) {
                     return b.compare(P::uge, keys[element], next);
                   });
                   Value isIn = b.compare(P::sge, count, wanted);
                   return {b.select(isIn, next, so[0])};
                 })[0];
  // Turns 32 and 33; the loop below begins with an even one again.
  Value larger = countOfBlock(b.index(32), [&](size_t element) {
    return b.compare(P::ugt, keys[element], bound);
  });
  Value equal = countOfBlock(b.index(33), [&](size_t element) {
    return b.equal(keys[element], bound);
  });
  Value room = arith::SubIOp::create(b, wanted, larger);
  // All that are equal are in, if there is room.
  b.store(b.i32(kLastId), bounds, {zero}, b.equal(b.threadId(), zero));
  b.ifThen(b.compare(P::sgt, equal, room), [&] { findIdBound(room); });
  b.sync();
  idBound = b.load(bounds, {zero});
}

/// The least id up to which there are as many of the bound's key as `room`,
/// bit by bit: a bit is set if those below it are too few. Ids are not
/// negative.
void SelectKernel::findIdBound(Value room) {
  using P = arith::CmpIPredicate;
  Value top = b.i32(30);
  Value last =
      b.loop(b.index(0), b.index(31), b.index(1), {b.i32(0)},
             [&](Value i, ValueRange so) -> Values {
               Value shift = arith::SubIOp::create(b, top, b.toI32(i));
               Value bit = arith::ShLIOp::create(b, b.i32(1), shift);
               Value next = arith::OrIOp::create(b, so[0], bit);
               Value below = countOfBlock(i, [&](size_t element) {
                 return b.both(b.equal(keys[element], bound),
                               b.compare(P::slt, ids[element], next));
               });
               return {b.select(b.compare(P::slt, below, room), next, so[0])};
             })[0];
  b.store(last, bounds, {b.index(0)}, b.equal(b.threadId(), 0));
}

/// Elements that are in to the slots; what fills up lists is there already.
void SelectKernel::packSlots() {
  using P = arith::CmpIPredicate;
  auto isIn = [&](size_t element) {
    Value ties = b.both(b.equal(keys[element], bound),
                        b.compare(P::sle, ids[element], idBound));
    ties = b.both(ties, b.compare(P::ne, ids[element], b.i32(kLastId)));
    return b.either(b.compare(P::ugt, keys[element], bound), ties);
  };
  Value slot = b.toIndex(scan(countOfThread(isIn)).before[0]);
  for (size_t i = 0; i < keys.size(); ++i) {
    Value in = isIn(i), fits = b.both(in, b.less(slot, k));
    b.store(ids[i], slotIds, {slot}, fits);
    b.store(values[i], slotValues, {slot}, fits);
    slot = b.select(in, b.add(slot, 1), slot);
  }
  b.sync();
}

void SelectKernel::orderSlots() {
  using P = arith::CmpIPredicate;
  b.loop(b.threadId(), b.index(k), b.index(threads), [&](Value slot) {
    b.store(keyOf(b.load(slotValues, {slot})), slotKeys, {slot});
  });
  b.sync();
  b.loop(b.threadId(), b.index(k), b.index(threads), [&](Value slot) {
    Value key = b.load(slotKeys, {slot}), id = b.load(slotIds, {slot});
    Value better = b.loop(
        b.index(0), b.index(k), b.index(1), {b.index(0)},
        [&](Value other, ValueRange so) -> Values {
          Value otherKey = b.load(slotKeys, {other});
          Value otherId = b.load(slotIds, {other});
          Value earlier = b.both(b.equal(otherId, id), b.less(other, slot));
          Value ties =
              b.both(b.equal(otherKey, key),
                     b.either(b.compare(P::slt, otherId, id), earlier));
          Value isBetter = b.either(b.compare(P::ugt, otherKey, key), ties);
          return {b.select(isBetter, b.add(so[0], 1), so[0])};
        })[0];
    writeResult(better, b.load(slotValues, {slot}), id);
  });
}

void SelectKernel::countAll() {
  for (size_t i = 0; i < values.size(); ++i) {
    ids[i] = b.select(exist[i], ids[i], b.i32(kLastId));
    keys.push_back(keyOf(values[i]));
  }
  fillSlots();
  findBounds();
  packSlots();
  orderSlots();
}
