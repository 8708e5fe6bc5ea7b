// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "lowering/kernels/WarpSampler.h"

#include "llvm/Support/MathExtras.h"

#include <limits>

using namespace mlir;
using namespace jet;

using Values = TileBuilder::Values;
using P = arith::CmpFPredicate;

static constexpr int64_t kLanes = 32;
static constexpr int64_t kTurn = 4; // weights that are added up at once

WarpSampler::WarpSampler(TileBuilder &b, int64_t count)
    : b(b), most(count),
      sums(b.alloc(
          b.shared({int64_t(llvm::alignTo(count, kTurn))}, b.getF32Type()))) {}

void WarpSampler::load(Value sampling, Value row) {
  Values options = b.split(b.load(sampling, {row, b.index(0)}, 4));
  temperature = options[0];
  topP = options[1];
  topK = options[2];
  uniform = options[3];
}

/// n, from the first value.
Value WarpSampler::countOf(Value first) {
  // A cut that is no number of candidates is none: it cannot be converted.
  Value isCut = b.both(b.compare(P::OGE, topK, b.f32(1)),
                       b.compare(P::OLT, topK, b.f32(most)));
  Value cut = b.toIndex(arith::FPToSIOp::create(
      b, b.getI32Type(), b.select(isCut, topK, b.f32(0))));
  Value most = b.select(isCut, cut, b.index(this->most));
  constexpr double infinity = std::numeric_limits<double>::infinity();
  Value isFinite = b.both(b.compare(P::OLT, first, b.f32(infinity)),
                          b.compare(P::OGT, first, b.f32(-infinity)));
  Value samples = b.both(isFinite, b.compare(P::OGT, temperature, b.f32(0)));
  return b.select(samples, most, b.index(1));
}

/// The sums of the n weights in their place. Behind them up to a whole turn are
/// zeros.
void WarpSampler::sumUp(Value n) {
  b.ifThen(b.equal(b.laneId(), 0), [&] {
    b.loop(b.index(0), n, b.index(kTurn), {b.f32(0)},
           [&](Value i, ValueRange so) -> Values {
             Values four = b.split(b.load(sums, {i}, kTurn));
             Value sum = so[0];
             for (Value &weight : four)
               weight = sum = arith::AddFOp::create(b, sum, weight);
             b.store(b.join(four), sums, {i});
             return {sum};
           });
  });
}

/// How many of the first `end` sums pass. All lanes get it.
Value WarpSampler::count(Value end, function_ref<Value(Value)> test) {
  Value passes = b.loop(b.laneId(), end, b.index(kLanes), {b.i32(0)},
                        [&](Value i, ValueRange so) -> Values {
                          Value one = arith::ExtUIOp::create(
                              b, b.getI32Type(), test(b.load(sums, {i})));
                          return {b.add(so[0], one)};
                        })[0];
  return b.toIndex(b.sumOfWarp(passes));
}

void WarpSampler::pick(const Row &row, Value next, Value at) {
  auto place = [&](Value i) {
    Values indices = row.indices;
    indices.push_back(i);
    return indices;
  };
  Value zero = b.index(0), lane = b.laneId();
  Value first = b.load(row.values, place(zero)), n = countOf(first);
  // Finite, or what comes of it is no number, and so 0.
  Value scale = b.reciprocal(temperature);
  b.loop(lane, b.mul(b.ceilDiv(n, kTurn), kTurn), b.index(kLanes),
         [&](Value i) {
           Value isIn = b.less(i, n);
           Value value = b.loadIf(isIn, row.values, place(i));
           Value weight = b.exp(b.mulf(b.subf(value, first), scale));
           isIn = b.both(isIn, b.compare(P::ORD, weight, weight));
           b.store(b.select(isIn, weight, b.f32(0)), sums, {i});
         });
  tile::SyncWarpOp::create(b);
  sumUp(n);
  tile::SyncWarpOp::create(b);
  Value last = b.sub(n, b.index(1));
  Value enough = b.mulf(topP, b.load(sums, {last}));
  Value m = b.min(last, count(n, [&](Value sum) {
                    return b.compare(P::OLT, sum, enough);
                  }));
  Value point = b.mulf(uniform, b.load(sums, {m}));
  Value pick =
      count(m, [&](Value sum) { return b.compare(P::OLE, sum, point); });
  b.ifThen(b.equal(lane, 0),
           [&] { b.store(b.load(row.ids, place(pick)), next, {at}); });
}
