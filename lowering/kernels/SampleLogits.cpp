// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// jet.sample_logits: a CTA a row, by the bounds of its definition
// (lowering/linalg/SampleLogits.cpp).
//
//   largest, its first id                      two passes over the row
//   T > 0:  the mass of all                    one
//     K < N:  the weight that bounds K tokens, two bits a pass     15 + 1
//     P < 1:  the weight that bounds P of the mass                 15 + 1
//     the weight at u of what is left, its token               15 + 1 + 1
//
// The row is read from L2 in each pass, and weights are made anew: their exp
// costs less than memory for them. All threads know all sums.

#include "lowering/kernels/Forms.h"
#include "lowering/kernels/TileBuilder.h"

#include "llvm/Support/MathExtras.h"

#include <limits>

using namespace mlir;
using namespace jet;

using Values = TileBuilder::Values;
using P = arith::CmpFPredicate;
using I = arith::CmpIPredicate;

namespace {

constexpr int64_t kMostThreads = 1024;
constexpr int64_t kAtOnce = 4; // loads of a thread that are under way
constexpr int64_t kDigit = 2, kBits = 30, kDigits = 3;
constexpr int64_t kMostSums = 3;

class LogitSampler {
public:
  LogitSampler(Stage &stage, int64_t columns, int64_t threads);
  void build();

private:
  struct Bound {
    bool ofCount; // of tokens, not of their weights
    Value target;
    bool isStrict;
  };
  struct Cut {
    Value bits, count, mass;
  };
  /// One element of the row: whether there is one, and what it is.
  struct Element {
    Value isIn, logit, column;
  };
  enum class Fold { Sum, Max };

  Values fold(Fold how, int64_t count,
              function_ref<Values(const Element &)> terms);
  Values sum(int64_t count,
             function_ref<Values(Value isIn, Value weight, Value bits)> terms);
  Value weigh(Value logit);
  Value bitsOf(Value weight) {
    return arith::BitcastOp::create(b, b.getI32Type(), weight);
  }
  Value one(Value condition) { return b.select(condition, b.f32(1), b.f32(0)); }
  Value firstOf(function_ref<Value(const Element &)> test);
  Value search(const Bound &bound);
  Cut apply(const Bound &bound, const Cut &before);
  Cut applyIf(Value condition, const Bound &bound, const Cut &before);
  Value roundUp(Value x, Value most, bool isStrict);
  Value find(const Cut &cut);
  Value sample();

  Stage &stage;
  TileBuilder &b;
  const int64_t columns, threads, width;
  Value logits, row, partials;
  Value temperature, topP, topK, uniform;
  Value largest, firstId, scale;
};

LogitSampler::LogitSampler(Stage &stage, int64_t columns, int64_t threads)
    : stage(stage), b(stage.b), columns(columns), threads(threads),
      width(columns % 4 ? 1 : 4),
      partials(b.alloc(b.shared({kMostSums, threads / 32}, b.getF32Type()))) {}

/// Over the row: the terms of each element (f32) put together, for all threads
/// alike and in an order that never changes.
Values LogitSampler::fold(Fold how, int64_t count,
                          function_ref<Values(const Element &)> terms) {
  auto join = [&](Value x, Value y) {
    return how == Fold::Sum ? b.addf(x, y) : b.maxf(x, y);
  };
  Value start =
      b.f32(how == Fold::Sum ? 0 : -std::numeric_limits<float>::infinity());
  const int64_t turn = threads * width * kAtOnce;
  Values own = b.loop(
      b.mul(b.threadId(), width), b.index(columns), b.index(turn),
      Values(count, start), [&](Value first, ValueRange so) -> Values {
        Values loaded, at;
        for (int64_t i = 0; i < kAtOnce; ++i) {
          at.push_back(b.add(first, i * threads * width));
          loaded.push_back(
              b.loadIf(b.less(at[i], columns), logits, {row, at[i]}, width));
        }
        Values made(so);
        for (int64_t i = 0; i < kAtOnce; ++i) {
          Value isIn = b.less(at[i], columns);
          for (auto [j, logit] : llvm::enumerate(b.split(loaded[i])))
            for (auto [sum, term] :
                 llvm::zip_equal(made, terms({isIn, logit, b.add(at[i], j)})))
              sum = join(sum, term);
        }
        return made;
      });
  const int64_t warps = threads / 32;
  b.sync(); // the sums before are read
  for (auto [i, value] : llvm::enumerate(own)) {
    value = how == Fold::Sum ? b.sumOfWarp(value) : b.maxOfWarp(value);
    b.store(value, partials, {b.index(i), b.warpId()}, b.equal(b.laneId(), 0));
  }
  b.sync();
  for (auto [i, value] : llvm::enumerate(own)) {
    value = b.load(partials, {b.index(i), b.index(0)});
    for (int64_t warp = 1; warp < warps; ++warp)
      value = join(value, b.load(partials, {b.index(i), b.index(warp)}));
  }
  return own;
}

Values LogitSampler::sum(
    int64_t count,
    function_ref<Values(Value isIn, Value weight, Value bits)> terms) {
  return fold(Fold::Sum, count, [&](const Element &element) {
    Value weight = b.select(element.isIn, weigh(element.logit), b.f32(0));
    return terms(element.isIn, weight, bitsOf(weight));
  });
}

Value LogitSampler::weigh(Value logit) {
  Value weight = b.exp(b.mulf(b.subf(logit, largest), scale));
  return b.select(b.compare(P::ORD, weight, weight), weight, b.f32(0));
}

/// The least column that passes; 0 if none does. An i32.
Value LogitSampler::firstOf(function_ref<Value(const Element &)> test) {
  Value none = b.f32(-double(columns));
  Value least = fold(Fold::Max, 1, [&](const Element &element) -> Values {
    Value negative = arith::SIToFPOp::create(
        b, b.getF32Type(), b.sub(b.i32(0), b.toI32(element.column)));
    return {b.select(b.both(element.isIn, test(element)), negative, none)};
  })[0];
  Value column = b.subf(b.f32(0), least);
  column =
      b.select(b.compare(P::OLT, column, b.f32(columns)), column, b.f32(0));
  return arith::FPToSIOp::create(b, b.getI32Type(), column);
}

Value LogitSampler::search(const Bound &bound) {
  auto digit = [&](Value i, ValueRange so) -> Values {
    Value shift = b.sub(b.i32(kBits - kDigit), b.toI32(b.mul(i, kDigit)));
    Value step = arith::ShLIOp::create(b, b.i32(1), shift);
    Values from = {so[0]};
    for (int64_t i = 0; i < kDigits; ++i)
      from.push_back(b.add(from.back(), step));
    Values sums = sum(kDigits, [&](Value isIn, Value weight, Value bits) {
      Value each = bound.ofCount ? one(isIn) : weight;
      Values terms;
      for (int64_t i = 1; i <= kDigits; ++i)
        terms.push_back(
            b.select(b.compare(I::sge, bits, from[i]), each, b.f32(0)));
      return terms;
    });
    Value next = from[0];
    for (int64_t i = 1; i <= kDigits; ++i) {
      Value sum = sums[i - 1];
      // Any of them, so that w* is one of the weights.
      Value reaches = b.both(
          b.compare(P::OGT, sum, b.f32(0)),
          b.compare(bound.isStrict ? P::OGT : P::OGE, sum, bound.target));
      next = b.select(reaches, from[i], next);
    }
    return {next};
  };
  return b.loop(b.index(0), b.index(kBits / kDigit), b.index(1), {b.i32(0)},
                digit)[0];
}

/// The least whole number from 1 to `most` that is x or more, or with
/// `isStrict` more; `most` where x is no number.
Value LogitSampler::roundUp(Value x, Value most, bool isStrict) {
  x = b.select(b.compare(P::OLT, x, most), x, most);
  x = b.select(b.compare(P::OGT, x, b.f32(0)), x, b.f32(0));
  Value whole = arith::SIToFPOp::create(
      b, b.getF32Type(), arith::FPToSIOp::create(b, b.getI32Type(), x));
  Value isShort = b.compare(isStrict ? P::OLE : P::OLT, whole, x);
  whole = b.select(isShort, b.addf(whole, b.f32(1)), whole);
  whole = b.select(b.compare(P::OLT, whole, most), whole, most);
  return b.select(b.compare(P::OGT, whole, b.f32(1)), whole, b.f32(1));
}

LogitSampler::Cut LogitSampler::apply(const Bound &bound, const Cut &before) {
  // Not below what is in.
  Value bits = arith::MaxSIOp::create(b, search(bound), before.bits);
  Value weight = arith::BitcastOp::create(b, b.getF32Type(), bits);
  Values sums = sum(3, [&](Value isIn, Value each, Value other) -> Values {
    Value isMore = b.compare(I::sgt, other, bits);
    return {b.select(isMore, each, b.f32(0)), one(b.both(isIn, isMore)),
            one(b.both(isIn, b.equal(other, bits)))};
  });
  Value most = b.select(b.equal(bits, before.bits), before.count, sums[2]);
  Value count = bound.ofCount ? b.subf(bound.target, sums[1])
                              : Value(arith::DivFOp::create(
                                    b, b.subf(bound.target, sums[0]), weight));
  count = roundUp(count, most, bound.isStrict);
  return {bits, count, b.addf(sums[0], b.mulf(count, weight))};
}

LogitSampler::Cut LogitSampler::applyIf(Value condition, const Bound &bound,
                                        const Cut &before) {
  Type f32 = b.getF32Type(), types[] = {b.getI32Type(), f32, f32};
  auto branch = scf::IfOp::create(b, types, condition, /*withElse=*/true);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(branch.thenBlock());
  Cut cut = apply(bound, before);
  scf::YieldOp::create(b, ValueRange{cut.bits, cut.count, cut.mass});
  b.setInsertionPointToStart(branch.elseBlock());
  scf::YieldOp::create(b, ValueRange{before.bits, before.count, before.mass});
  return {branch.getResult(0), branch.getResult(1), branch.getResult(2)};
}

/// The id of the last that is in: the first column up to which there are as
/// many of its weight, bit by bit where it is not the first of them.
Value LogitSampler::find(const Cut &cut) {
  auto isOne = [&](const Element &element) {
    return b.equal(bitsOf(weigh(element.logit)), cut.bits);
  };
  auto bitByBit = [&]() -> Value {
    const int64_t bits = llvm::Log2_64_Ceil(columns);
    return b.loop(
        b.index(0), b.index(bits), b.index(1), {b.i32(0)},
        [&](Value i, ValueRange so) -> Values {
          Value shift = b.sub(b.i32(bits - 1), b.toI32(i));
          Value next = b.add(so[0], arith::ShLIOp::create(b, b.i32(1), shift));
          Value below =
              fold(Fold::Sum, 1, [&](const Element &element) -> Values {
                Value isBelow =
                    b.compare(I::slt, b.toI32(element.column), next);
                return {
                    one(b.both(b.both(element.isIn, isBelow), isOne(element)))};
              })[0];
          return {b.select(b.compare(P::OLT, below, cut.count), next, so[0])};
        })[0];
  };
  Value column =
      b.ifElse(b.compare(P::OGT, cut.count, b.f32(1)), b.getI32Type(), bitByBit,
               [&] { return firstOf(isOne); });
  // Without any of that weight, when u is no number, any token will do.
  return arith::MinSIOp::create(b, column, b.i32(columns - 1));
}

Value LogitSampler::sample() {
  scale = b.reciprocal(temperature);
  Value mass =
      sum(1, [](Value, Value weight, Value) { return Values{weight}; })[0];
  Cut cut = {b.i32(0), b.f32(columns), mass};
  Value isCut = b.both(b.compare(P::OGE, topK, b.f32(1)),
                       b.compare(P::OLT, topK, b.f32(columns)));
  Value whole = arith::SIToFPOp::create(
      b, b.getF32Type(),
      arith::FPToSIOp::create(b, b.getI32Type(),
                              b.select(isCut, topK, b.f32(0))));
  cut = applyIf(isCut, {true, whole, false}, cut);
  cut = applyIf(b.compare(P::ULT, topP, b.f32(1)),
                {false, b.mulf(topP, cut.mass), false}, cut);
  return find(apply({false, b.mulf(uniform, cut.mass), true}, cut));
}

void LogitSampler::build() {
  stage.setOverlaps();
  tile::LaunchDependentsOp::create(b);
  row = b.blockX();
  logits = stage.operand(0);
  Values options = b.split(b.load(stage.operand(1), {row, b.index(0)}, 4));
  temperature = options[0];
  topP = options[1];
  topK = options[2];
  uniform = options[3];
  tile::WaitDependenciesOp::create(b);

  const double infinity = std::numeric_limits<double>::infinity();
  largest = fold(Fold::Max, 1, [&](const Element &element) -> Values {
    return {b.select(element.isIn, element.logit, b.f32(-infinity))};
  })[0]; // a NaN is not
  firstId = firstOf([&](const Element &element) {
    return b.compare(P::OEQ, element.logit, largest);
  });
  Value isFinite = b.both(b.compare(P::OLT, largest, b.f32(infinity)),
                          b.compare(P::OGT, largest, b.f32(-infinity)));
  Value samples = b.both(isFinite, b.compare(P::OGT, temperature, b.f32(0)));
  Value next = b.ifElse(
      samples, b.getI32Type(), [&] { return sample(); },
      [&] { return firstId; });
  b.store(next, stage.operand(2), {row}, b.equal(b.threadId(), 0));
}

} // namespace

void jet::buildForms(FormContext &context, SampleLogitsOp op) {
  int64_t columns = op.getLogits().getType().getDimSize(1);
  int64_t threads = std::min<int64_t>(
      kMostThreads, llvm::alignTo(llvm::divideCeil(columns, 4), 32));
  FormBuilder form = context.begin({});
  Stage stage(form, "sample", threads, {form.rows()});
  LogitSampler(stage, columns, threads).build();
  stage.finish();
  form.finish();
}
