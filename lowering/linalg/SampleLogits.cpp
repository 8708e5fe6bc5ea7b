// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// jet.sample_logits. Of a row with weights w:
//
//   cut     = (0, all)                   (a weight, and how many of it are in)
//   for each bound: K tokens, P of the mass, u of the mass that is left
//     w* = the largest weight from which on the tokens reach the bound,
//          two bits of it at a time: three sums over the row each
//     n* = how many of w* it takes, of the lower ids
//     cut = (w*, n*)
//   next = the n*-th token of weight w*
//
// Weights are not negative, so that their bits are in their order.

#include "lowering/linalg/KernelBuilder.h"

#include <limits>

using namespace mlir;
using namespace jet;

namespace {

constexpr int64_t kDigit = 2;  // bits that one pass over the row finds
constexpr int64_t kBits = 30;  // of weights up to 1
constexpr int64_t kDigits = 3; // values of them but 0

class LogitSampler {
public:
  LogitSampler(KernelBuilder &b, Value logits, Value sampling)
      : b(b), logits(logits), sampling(sampling) {}

  /// The id, an i32.
  Value pick();

private:
  using P = arith::CmpFPredicate;
  using I = arith::CmpIPredicate;
  using Values = SmallVector<Value>;

  /// What a sum has to reach, or with `isStrict` to exceed.
  struct Bound {
    Value count; // i1: of tokens, not of their weights
    Value target;
    bool isStrict;
  };
  /// Tokens of larger weights are in, and of those of this one so many.
  struct Cut {
    Value bits, count;
    Value mass; // of all that are in
  };

  Value compare(P predicate, Value x, Value y) {
    return arith::CmpFOp::create(b, predicate, x, y);
  }
  Value compare(I predicate, Value x, Value y) {
    return arith::CmpIOp::create(b, predicate, x, y);
  }
  Value both(Value x, Value y) { return arith::AndIOp::create(b, x, y); }
  Value select(Value condition, Value x, Value y) {
    return arith::SelectOp::create(b, condition, x, y);
  }
  Value i32(int64_t value) {
    return arith::ConstantOp::create(b, b.getI32IntegerAttr(value));
  }
  Value option(int64_t column) {
    return tensor::ExtractOp::create(b, sampling, b.index(column));
  }
  Value bitsOf(Value weight) {
    return arith::BitcastOp::create(b, b.getI32Type(), weight);
  }
  Value weightOf(Value bits) {
    return arith::BitcastOp::create(b, b.getF32Type(), bits);
  }

  Values findLargest();
  Value weigh(Value logit);
  void weighAll();
  /// f32 sums over the row of what `terms` gives for a weight and its bits.
  Values sum(int64_t count,
             function_ref<Values(Value weight, Value bits)> terms);
  Value leastBits();
  Cut apply(const Bound &bound, const Cut &before);
  Value search(const Bound &bound);
  Value find(const Cut &cut);

  KernelBuilder &b;
  Value logits, sampling;
  Value largest, scale; // f32
  Value weights;        // [V]
  Value end;            // of the row: 0 where nothing is to sum up
};

/// The value and the id of the first of jet.top_k.
SmallVector<Value> LogitSampler::findLargest() {
  Value none = b.f32(std::numeric_limits<double>::quiet_NaN());
  return b.loop(
      b.asValue(b.dim(logits, 0)), {none, i32(0)},
      [&](Value i, ValueRange so) -> Values {
        Value value = tensor::ExtractOp::create(b, logits, i);
        // Larger, or the first number.
        Value isBetter =
            both(compare(P::ORD, value, value), compare(P::UGT, value, so[0]));
        Value id = arith::IndexCastOp::create(b, b.getI32Type(), i);
        return {select(isBetter, value, so[0]), select(isBetter, id, so[1])};
      });
}

Value LogitSampler::weigh(Value logit) {
  Value difference = arith::SubFOp::create(b, logit, largest);
  Value weight =
      math::ExpOp::create(b, arith::DivFOp::create(b, difference, scale));
  return select(compare(P::UNO, weight, weight), b.f32(0), weight);
}

void LogitSampler::weighAll() {
  OpFoldResult size = b.dim(logits, 0);
  weights =
      b.loop(end, {b.empty({size}, b.getF32Type())},
             [&](Value i, ValueRange so) -> Values {
               Value logit = tensor::ExtractOp::create(b, logits, i);
               return {tensor::InsertOp::create(b, weigh(logit), so[0], i)};
             })[0];
}

SmallVector<Value>
LogitSampler::sum(int64_t count,
                  function_ref<Values(Value weight, Value bits)> terms) {
  return b.loop(end, Values(count, b.f32(0)),
                [&](Value i, ValueRange so) -> Values {
                  Value weight = tensor::ExtractOp::create(b, weights, i);
                  Values sums;
                  for (auto [sum, term] :
                       llvm::zip_equal(so, terms(weight, bitsOf(weight))))
                    sums.push_back(b.addf(sum, term));
                  return sums;
                });
}

/// Of the weights that are not 0.
Value LogitSampler::leastBits() {
  Value most = i32(std::numeric_limits<int32_t>::max());
  return b.loop(end, {most}, [&](Value i, ValueRange so) -> Values {
    Value bits = bitsOf(tensor::ExtractOp::create(b, weights, i));
    Value isWeight = compare(I::sgt, bits, i32(0));
    return {arith::MinSIOp::create(b, so[0], select(isWeight, bits, most))};
  })[0];
}

/// The bits of w*; 0 where all do not reach the bound. Sums of more terms are
/// not less, so that the digits that pass are the lowest.
Value LogitSampler::search(const Bound &bound) {
  auto digit = [&](Value i, ValueRange so) -> Values {
    Value number = arith::IndexCastOp::create(b, b.getI32Type(), i);
    Value shift = arith::SubIOp::create(
        b, i32(kBits - kDigit), arith::MulIOp::create(b, number, i32(kDigit)));
    Value step = arith::ShLIOp::create(b, i32(1), shift);
    Values from = {so[0]};
    for (int64_t i = 0; i < kDigits; ++i)
      from.push_back(arith::AddIOp::create(b, from.back(), step));
    Values sums = sum(kDigits, [&](Value weight, Value bits) {
      Value each = select(bound.count, b.f32(1), weight);
      Values terms;
      for (int64_t i = 1; i <= kDigits; ++i)
        terms.push_back(select(compare(I::sge, bits, from[i]), each, b.f32(0)));
      return terms;
    });
    Value next = from[0];
    for (int64_t i = 1; i <= kDigits; ++i) {
      Value sum = sums[i - 1];
      // Any of them, so that w* is one of the weights.
      Value reaches =
          both(compare(P::OGT, sum, b.f32(0)),
               compare(bound.isStrict ? P::OGT : P::OGE, sum, bound.target));
      next = select(reaches, from[i], next);
    }
    return {next};
  };
  return b.loop(b.index(kBits / kDigit), {i32(0)}, digit)[0];
}

LogitSampler::Cut LogitSampler::apply(const Bound &bound, const Cut &before) {
  // Not below what is in.
  Value bits = arith::MaxSIOp::create(b, search(bound), before.bits);
  Value weight = weightOf(bits);
  Value each = select(bound.count, b.f32(1), weight);
  Values sums = sum(3, [&](Value weight, Value other) -> Values {
    Value zero = b.f32(0), one = b.f32(1);
    Value isMore = compare(I::sgt, other, bits);
    return {select(isMore, weight, zero), select(isMore, one, zero),
            select(compare(I::eq, other, bits), one, zero)};
  });
  Value most = select(compare(I::eq, bits, before.bits), before.count, sums[2]);
  Value missing = arith::SubFOp::create(b, bound.target,
                                        select(bound.count, sums[1], sums[0]));
  Value count = arith::DivFOp::create(b, missing, each);
  // In [0, most], so that it can be converted; what is no number takes all.
  count = select(compare(P::OLT, count, most), count, most);
  count = select(compare(P::OGT, count, b.f32(0)), count, b.f32(0));
  Value whole = arith::SIToFPOp::create(
      b, b.getF32Type(), arith::FPToSIOp::create(b, b.getI32Type(), count));
  Value isShort = bound.isStrict ? compare(P::OLE, whole, count)
                                 : compare(P::OLT, whole, count);
  count = select(isShort, arith::AddFOp::create(b, whole, b.f32(1)), whole);
  count = select(compare(P::OLT, count, most), count, most);
  count = select(compare(P::OGT, count, b.f32(1)), count, b.f32(1));
  Value own = arith::MulFOp::create(b, count, weight);
  return {bits, count, arith::AddFOp::create(b, sums[0], own)};
}

/// The id of the last that is in.
Value LogitSampler::find(const Cut &cut) {
  return b.loop(end, {b.f32(0), i32(0)}, [&](Value i, ValueRange so) -> Values {
    Value weight = tensor::ExtractOp::create(b, weights, i);
    Value isOne = compare(I::eq, bitsOf(weight), cut.bits);
    Value count =
        arith::AddFOp::create(b, so[0], select(isOne, b.f32(1), b.f32(0)));
    Value isIt = both(isOne, compare(P::OLE, count, cut.count));
    Value id = arith::IndexCastOp::create(b, b.getI32Type(), i);
    return {count, select(isIt, id, so[1])};
  })[1];
}

Value LogitSampler::pick() {
  Value zero = b.f32(0), one = b.f32(1);
  Values first = findLargest();
  largest = first[0];
  scale = option(0);
  Value infinity = b.f32(std::numeric_limits<double>::infinity());
  Value samples =
      both(compare(P::OLT, math::AbsFOp::create(b, largest), infinity),
           compare(P::OGT, scale, zero));
  Value all = b.asValue(b.dim(logits, 0));
  Value row = select(samples, all, b.index(0));
  end = row;
  weighAll();

  // A bound that all reach costs nothing: its sums are empty.
  Value no = arith::ConstantOp::create(b, b.getBoolAttr(false));
  Value yes = arith::ConstantOp::create(b, b.getBoolAttr(true));
  Value topK = option(2), topP = option(1);
  Value total = sum(1, [](Value weight, Value) { return Values{weight}; })[0];
  Value size = arith::UIToFPOp::create(
      b, b.getF32Type(), arith::IndexCastOp::create(b, b.getI32Type(), all));
  // Sums are not all in one order: that of all weights may exceed what a search
  // finds, which then ends at the least.
  Value least = leastBits();
  Value count = sum(1, [&](Value, Value bits) -> Values {
    return {select(compare(I::eq, bits, least), one, zero)};
  })[0];
  Cut cut = {least, count, total};
  auto applyIf = [&](Value isCut, const Bound &bound) {
    end = select(isCut, row, b.index(0));
    Cut next = apply(bound, cut);
    cut = {select(isCut, next.bits, cut.bits),
           select(isCut, next.count, cut.count),
           select(isCut, next.mass, cut.mass)};
    end = row;
  };
  Value isCut = both(compare(P::OGE, topK, one), compare(P::OLT, topK, size));
  Value whole =
      arith::FPToSIOp::create(b, b.getI32Type(), select(isCut, topK, zero));
  applyIf(isCut,
          {yes, arith::SIToFPOp::create(b, b.getF32Type(), whole), false});
  applyIf(compare(P::ULT, topP, one),
          {no, arith::MulFOp::create(b, topP, cut.mass), false});
  cut = apply({no, arith::MulFOp::create(b, option(3), cut.mass), true}, cut);
  return select(samples, find(cut), first[1]);
}

/// Where the pick of each row goes.
Lowered pickRows(KernelBuilder &b, Value logits, Value sampling) {
  OpFoldResult rows = b.dim(logits, 0), one = b.getIndexAttr(1);
  return b.grid(
      {rows}, {one}, {b.empty({rows}, b.getI32Type())},
      [&](ValueRange point, ValueRange inits) {
        Value id =
            LogitSampler(b, b.row(logits, point[0]), b.row(sampling, point[0]))
                .pick();
        return SmallVector<GridResult>{b.element(id, inits[0], point[0])};
      });
}

} // namespace

Lowered jet::lowerSampleLogits(KernelBuilder &b, SampleLogitsOp op,
                               ValueRange operands) {
  return pickRows(b, operands[0], operands[1]);
}
