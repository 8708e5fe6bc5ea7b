// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Selection with a floor, and what both ways share. CountedSelection.cpp has
// the other.

#include "lowering/kernels/Selection.h"

#include "llvm/Support/MathExtras.h"

#include <limits>

using namespace mlir;
using namespace jet;

using Values = TileBuilder::Values;

namespace {

constexpr int64_t kMostThreads = 512;
constexpr int64_t kMostPerThread = 32;
constexpr int64_t kLeastCapacity = 512;
constexpr int64_t kSampled = 2; // lanes of which one is a sample
constexpr int64_t kTurn = 16;   // survivors that a turn of a loop compares with

/// About 16 elements each.
int64_t threadsFor(int64_t count) {
  return std::min<int64_t>(kMostThreads,
                           llvm::alignTo(llvm::divideCeil(count, 16), 32));
}

} // namespace

SelectKernel::SelectKernel(FormBuilder &form, int64_t count, int64_t k,
                           ArrayRef<AffineExpr> grid, int64_t width)
    : k(k), threads(threadsFor(count)), warps(threads / 32), width(width),
      perThread(llvm::alignTo(llvm::divideCeil(count, threads), width)),
      pairs(llvm::divideCeil(perThread / width, 2)),
      capacity(std::max(kLeastCapacity, 4 * k)),
      stage(form, "select", threads, grid), b(stage.b) {
  Type i32 = b.getI32Type(), f32 = b.getF32Type();
  samples = b.alloc(b.shared({threads / kSampled}, f32));
  floors = b.alloc(b.shared({warps}, f32));
  counts = b.alloc(b.shared({pairs, warps}, i32));
  partials = b.alloc(b.shared({2, warps}, i32));
  bounds = b.alloc(b.shared({1}, i32));
  slotKeys = b.alloc(b.shared({k}, i32));
  slotIds = b.alloc(b.shared({capacity + kTurn}, i32));
  slotValues = b.alloc(b.shared({capacity + kTurn}, f32));
}

bool SelectKernel::isSupported(int64_t count) {
  return count <= kMostThreads * kMostPerThread;
}

void SelectKernel::load() {
  Value none = b.f32(std::numeric_limits<float>::quiet_NaN());
  Value others = b.join(Values(width, none));
  Value own = b.mul(b.threadId(), elements->inLists() ? perThread : width);
  int64_t step = elements->inLists() ? width : threads * width;
  for (int64_t i = 0; i < perThread / width; ++i) {
    Value number = b.add(own, i * step), at = b.add(elements->first, number);
    Value isThere = b.less(number, elements->count);
    Value indices[] = {b.blockX(), at};
    llvm::append_range(values, b.split(tile::LoadOp::create(
                                   b, others.getType(), elements->values,
                                   indices, isThere, others)));
    if (elements->ids)
      llvm::append_range(
          ids, b.split(b.loadIf(isThere, elements->ids, indices, width)));
    for (int64_t j = 0; j < width; ++j) {
      exist.push_back(isThere);
      if (!elements->ids)
        ids.push_back(b.toI32(b.add(at, j)));
    }
  }
}

SelectKernel::Sums SelectKernel::scan(ValueRange numbers) {
  Value none = b.i32(0), own = b.warpId();
  Value isFirst = b.equal(b.laneId(), 0);
  Sums sums;
  for (auto [i, number] : llvm::enumerate(numbers)) {
    auto [before, total] = b.scanWarp(number);
    b.store(total, counts, {b.index(int64_t(i)), own}, isFirst);
    sums.before.push_back(before);
    sums.total.push_back(none);
  }
  b.sync();
  for (int64_t warp = 0; warp < warps; ++warp) {
    Value isEarlier = b.less(b.index(warp), own);
    for (size_t i = 0; i < numbers.size(); ++i) {
      Value ofWarp = b.load(counts, {b.index(int64_t(i)), b.index(warp)});
      sums.before[i] = b.add(sums.before[i], b.select(isEarlier, ofWarp, none));
      sums.total[i] = b.add(sums.total[i], ofWarp);
    }
  }
  return sums;
}

void SelectKernel::writeResult(Value place, Value value, Value id) {
  Value indices[] = {b.blockX(), b.add(column, place)};
  Value isIn = b.less(place, k);
  b.store(value, stage.operand(stage.form.resultOperand(0)), indices, isIn);
  b.store(id, stage.operand(stage.form.resultOperand(1)), indices, isIn);
  if (!picking)
    return;
  b.store(value, picking->values, {place}, isIn);
  b.store(id, picking->ids, {place}, isIn);
}

//===----------------------------------------------------------------------===//
// Floor
//===----------------------------------------------------------------------===//

/// Lane i gets the i-th largest value of the lanes: a bitonic sort. No NaNs.
Value SelectKernel::sortOfWarp(Value value) {
  Value lane = b.toI32(b.laneId());
  auto hasBit = [&](int64_t bit) {
    return b.equal(arith::AndIOp::create(b, lane, b.i32(bit)), b.i32(bit));
  };
  for (int64_t size = 2; size <= 32; size *= 2)
    for (int64_t offset = size / 2; offset; offset /= 2) {
      Value other = tile::ShuffleXorOp::create(b, value, offset);
      // The lower lane gets the larger value where the run descends.
      Value getsLess = hasBit(offset);
      if (size < 32)
        getsLess = arith::XOrIOp::create(b, getsLess, hasBit(size));
      Value less = arith::MinNumFOp::create(b, value, other);
      value = b.select(getsLess, less, b.maxf(value, other));
    }
  return value;
}

/// In each of the first n warps ⌈k/n⌉ lanes have the floor: of as many warps as
/// have elements, if lanes suffice.
void SelectKernel::storeFloors(Value sorted) {
  Value warp = b.warpId(), lane = b.laneId();
  Value n = b.min(b.ceilDiv(elements->count, 32 * width), b.index(warps));
  n = b.max(n, b.index(llvm::divideCeil(k, 32)));
  // The lane ⌈k/n⌉ − 1, without a division.
  Value isTheirs = b.both(b.less(b.mul(lane, n), k),
                          b.inverse(b.less(b.mul(b.add(lane, 1), n), k)));
  Value most = b.f32(std::numeric_limits<float>::infinity());
  b.store(b.select(b.less(warp, n), sorted, most), floors, {warp}, isTheirs);
}

/// A sample stands for kSampled lanes that are as large.
void SelectKernel::storeFloorOfSamples(Value sorted) {
  Value lane = b.laneId();
  Value at = b.add(b.mul(b.warpId(), 32 / kSampled), b.div(lane, kSampled));
  b.store(sorted, samples, {at}, b.equal(b.rem(lane, kSampled), kSampled - 1));
  b.sync();
  int64_t count = threads / kSampled;
  b.ifThen(b.less(b.threadId(), count), [&] {
    Value sample = b.load(samples, {b.threadId()});
    Value better =
        countBetter(samples, {}, b.threadId(), sample, b.index(count));
    b.store(sample, floors, {b.index(0)},
            b.equal(better, llvm::divideCeil(k, kSampled) - 1));
  });
}

void SelectKernel::findFloor() {
  Value most = b.f32(-std::numeric_limits<float>::infinity());
  for (Value value : values)
    most = b.maxf(most, value); // a NaN is not
  Value sorted = sortOfWarp(most);
  if (elements->inLists())
    storeFloorOfSamples(sorted);
  else
    storeFloors(sorted);
  b.sync();
}

Value SelectKernel::loadFloor() {
  Value floor = b.load(floors, {b.index(0)});
  for (int64_t warp = 1; warp < (elements->inLists() ? 1 : warps); ++warp)
    floor = arith::MinNumFOp::create(b, floor, b.load(floors, {b.index(warp)}));
  return floor;
}

//===----------------------------------------------------------------------===//
// Survivors
//===----------------------------------------------------------------------===//

static Value survives(TileBuilder &b, Value value, Value floor) {
  return b.compare(arith::CmpFPredicate::OGE, value, floor);
}

/// Where the survivors of each vector of the thread go: vector by vector, which
/// is the order of ids where elements have it. A number holds two counts.
SelectKernel::Places SelectKernel::placeSurvivors() {
  Value floor = loadFloor();
  Values counts(pairs, b.i32(0));
  for (auto [i, value] : llvm::enumerate(values)) {
    int64_t vector = i / width;
    Value &sum = counts[vector / 2], one = b.i32(vector % 2 ? 1 << 16 : 1);
    sum = b.add(sum, b.select(survives(b, value, floor), one, b.i32(0)));
  }
  Sums sums = scan(counts);
  auto count = [&](ValueRange pairs, int64_t vector) -> Value {
    Value pair = pairs[vector / 2];
    if (vector % 2)
      return arith::ShRUIOp::create(b, pair, b.i32(16));
    return arith::AndIOp::create(b, pair, b.i32(0xffff));
  };
  Places places;
  places.total = b.i32(0);
  for (int64_t vector = 0; vector < perThread / width; ++vector) {
    places.first.push_back(b.add(places.total, count(sums.before, vector)));
    places.total = b.add(places.total, count(sums.total, vector));
  }
  return places;
}

/// With NaN behind them, so that loops need not end at the last.
void SelectKernel::packSurvivors(const Places &places) {
  // Loaded again, so that conditions need not be kept.
  Value floor = loadFloor(), slot;
  for (auto [i, value] : llvm::enumerate(values)) {
    if (i % width == 0)
      slot = b.toIndex(places.first[i / width]);
    Value isIn = survives(b, value, floor);
    b.store(value, slotValues, {slot}, isIn);
    b.store(ids[i], slotIds, {slot}, isIn);
    slot = b.select(isIn, b.add(slot, 1), slot);
  }
  Value end = b.add(b.toIndex(places.total), b.threadId());
  b.store(b.f32(std::numeric_limits<float>::quiet_NaN()), slotValues, {end},
          b.less(b.threadId(), kTurn));
  b.sync();
}

/// `better` and how many of `others` from a multiple of kTurn on pass, as f32:
/// of integers the assembler makes a chain of conditional moves.
Value SelectKernel::count(Value others, Value ids, Value from, Value to,
                          Value better,
                          function_ref<Value(const Other &)> test) {
  auto loop = [&](Value first, ValueRange so) -> Values {
    Values passes;
    for (int64_t i = 0; i < kTurn; i += 4) {
      Value at = b.add(first, i);
      Values four = b.split(b.load(others, {at}, 4));
      Values fourIds = ids ? b.split(b.load(ids, {at}, 4)) : Values(4);
      for (int64_t j = 0; j < 4; ++j)
        passes.push_back(arith::UIToFPOp::create(
            b, b.getF32Type(), test({four[j], fourIds[j], b.add(at, j)})));
    }
    for (size_t n = passes.size(); n > 1; n /= 2)
      for (size_t i = 0; i < n / 2; ++i)
        passes[i] = b.addf(passes[2 * i], passes[2 * i + 1]);
    return {b.addf(so[0], passes[0])};
  };
  return b.loop(from, to, b.index(kTurn), {better}, loop)[0];
}

/// How many of `others` up to `end` come before the one at `place`, which has
/// `value`: of equal ones those of lower `ids`, if there are, and those in
/// front.
Value SelectKernel::countBetter(Value others, Value ids, Value place,
                                Value value, Value end) {
  using P = arith::CmpIPredicate;
  Value id = ids ? b.load(ids, {place}) : Value();
  auto isBetter = [&](const Other &other, Value isFirstOfTies) {
    Value ties =
        b.both(b.compare(arith::CmpFPredicate::OEQ, other.value, value),
               isFirstOfTies);
    return b.either(b.compare(arith::CmpFPredicate::OGT, other.value, value),
                    ties);
  };
  auto inFront = [&](const Other &other) {
    return ids ? isBetter(other, b.compare(P::sle, other.id, id))
               : b.compare(arith::CmpFPredicate::OGE, other.value, value);
  };
  auto nearby = [&](const Other &other) {
    Value isInFront = b.less(other.place, place);
    if (ids)
      isInFront = b.either(b.less(other.id, id),
                           b.both(b.equal(other.id, id), isInFront));
    return isBetter(other, isInFront);
  };
  auto behind = [&](const Other &other) {
    return ids ? isBetter(other, b.less(other.id, id))
               : b.compare(arith::CmpFPredicate::OGT, other.value, value);
  };
  // Places of one turn are compared, all others are known to be on one side.
  Value first = b.sub(place, b.rem(place, kTurn)), last = b.add(first, kTurn);
  Value better = count(others, ids, b.index(0), first, b.f32(0), inFront);
  better = count(others, ids, first, last, better, nearby);
  better = count(others, ids, last, end, better, behind);
  return b.toIndex(arith::FPToSIOp::create(b, b.getI32Type(), better));
}

void SelectKernel::orderSurvivors(Value count) {
  // Ids that ascend do so with the slots.
  Value compared = elements->inLists() ? slotIds : Value();
  b.loop(b.threadId(), count, b.index(threads), [&](Value slot) {
    Value value = b.load(slotValues, {slot});
    Value place = countBetter(slotValues, compared, slot, value, count);
    writeResult(place, value, b.load(slotIds, {slot}));
  });
}

void SelectKernel::setSampling(unsigned sampling) {
  picking.emplace(Picking{WarpSampler(b, k), stage.operand(sampling),
                          b.alloc(b.shared({k}, b.getF32Type())),
                          b.alloc(b.shared({k}, b.getI32Type()))});
}

void SelectKernel::build(const Elements &elements, Value column) {
  using P = arith::CmpIPredicate;
  this->elements = &elements;
  this->column = column;
  stage.setOverlaps();
  tile::LaunchDependentsOp::create(b);
  if (picking)
    picking->sampler.load(picking->sampling, b.blockX());
  tile::WaitDependenciesOp::create(b);
  load();
  if (hasFloor()) {
    findFloor();
    Places places = placeSurvivors();
    Value isEnough = b.compare(P::sge, places.total, b.i32(k));
    Value fits = b.compare(P::sle, places.total, b.i32(capacity));
    b.ifElse(
        b.both(isEnough, fits),
        [&] {
          packSurvivors(places);
          orderSurvivors(b.toIndex(places.total));
        },
        [&] { countAll(); });
  } else {
    countAll();
  }
  if (picking) {
    b.sync();
    b.ifThen(b.equal(b.warpId(), 0), [&] {
      picking->sampler.pick({picking->values, picking->ids, {}},
                            stage.operand(stage.form.resultOperand(2)),
                            b.blockX());
    });
  }
  stage.finish();
}
