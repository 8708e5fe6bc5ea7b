// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// jet.top_k, jet.linear_top_k, jet.merge_top_k, jet.sample. The first three
// keep one list a row, k long and in order, into which elements are inserted
// one after another:
//
//   list = k × (NaN, largest id)            (comes after everything)
//   for each element:
//     if it comes before the last of the list:
//       drop the last, move what comes after the element up, put it in place
//
// Of V elements in no particular order about k · (1 + ln(V / k)) are inserted,
// so most cost one comparison. Exchanging each element along the list without
// branches would be k dependent steps instead of a count that vectorises and a
// move of half the list.

#include "lowering/linalg/PortCode.h"

#include <limits>

using namespace mlir;
using namespace jet;

namespace {

/// What is kept of a row: the first k, as rank-1 tensors.
struct List {
  Value values, ids;
};

class TopK {
public:
  TopK(KernelBuilder &b, int64_t k) : b(b), k(k) {}

  /// Empties a list, or several ([rows, k]).
  List clear(List list) {
    auto nan = arith::ConstantOp::create(
        b, b.getF32FloatAttr(std::numeric_limits<float>::quiet_NaN()));
    auto last = arith::ConstantOp::create(b, b.getI32IntegerAttr(INT32_MAX));
    auto fill = [&](Value with, Value tensor) {
      return linalg::FillOp::create(b, ValueRange{with}, ValueRange{tensor})
          .getResult(0);
    };
    return {fill(nan, list.values), fill(last, list.ids)};
  }

  /// Inserts the `count` elements of the rank-1 tensor `values`; `idOf` is
  /// their ids.
  List insertAll(List list, Value values, Value count,
                 function_ref<Value(Value)> idOf) {
    SmallVector<Value> result = b.loop(
        count, {list.values, list.ids}, [&](Value i, ValueRange current) {
          Value value = tensor::ExtractOp::create(b, values, i);
          List next = insert({current[0], current[1]}, value, idOf(i));
          return SmallVector<Value>{next.values, next.ids};
        });
    return {result[0], result[1]};
  }

  /// Row `r` of the lists [rows, k], and back.
  List getRow(List lists, Value r) {
    return {b.row(lists.values, r), b.row(lists.ids, r)};
  }
  List setRow(List lists, Value r, List row) {
    SmallVector<OpFoldResult> at = {r, b.getIndexAttr(0)};
    SmallVector<OpFoldResult> sizes = {b.getIndexAttr(1), b.getIndexAttr(k)};
    return {b.insert(row.values, lists.values, at, sizes),
            b.insert(row.ids, lists.ids, at, sizes)};
  }

private:
  Value compare(arith::CmpFPredicate predicate, Value x, Value y) {
    return arith::CmpFOp::create(b, predicate, x, y);
  }

  /// The order of jet.top_k.
  Value comesBefore(Value value, Value id, Value otherValue, Value otherId) {
    using P = arith::CmpFPredicate;
    Value isNumber = compare(P::ORD, value, value);
    // Larger, or the other is NaN.
    Value larger =
        arith::AndIOp::create(b, isNumber, compare(P::UGT, value, otherValue));
    Value bothNaN =
        arith::AndIOp::create(b, compare(P::UNO, value, value),
                              compare(P::UNO, otherValue, otherValue));
    Value tie =
        arith::OrIOp::create(b, compare(P::OEQ, value, otherValue), bothNaN);
    Value lower =
        arith::CmpIOp::create(b, arith::CmpIPredicate::slt, id, otherId);
    return arith::OrIOp::create(b, larger,
                                arith::AndIOp::create(b, tie, lower));
  }

  Value isBeforeElement(Value value, Value id, List list, Value at) {
    return comesBefore(value, id, tensor::ExtractOp::create(b, list.values, at),
                       tensor::ExtractOp::create(b, list.ids, at));
  }

  List insert(List list, Value value, Value id) {
    Value isKept = isBeforeElement(value, id, list, b.index(k - 1));
    auto branch = scf::IfOp::create(
        b, isKept,
        [&](OpBuilder &nested, Location) {
          inside(nested, [&] { return insertInPlace(list, value, id); });
        },
        [&](OpBuilder &nested, Location) {
          inside(nested, [&] { return list; });
        });
    return {branch.getResult(0), branch.getResult(1)};
  }

  void inside(OpBuilder &nested, function_ref<List()> body) {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPoint(nested.getInsertionBlock(), nested.getInsertionPoint());
    List list = body();
    scf::YieldOp::create(b, ValueRange{list.values, list.ids});
  }

  List insertInPlace(List list, Value value, Value id) {
    // How many of the list come before the element: a count, which vectorises.
    Value place =
        b.loop(b.index(k - 1), b.index(0), [&](Value i, ValueRange count) {
          Value isAfter = isBeforeElement(value, id, list, i);
          Value one =
              arith::SelectOp::create(b, isAfter, b.index(0), b.index(1));
          return SmallVector<Value>{b.add(count[0], one)};
        })[0];
    // From the end: [j] = [j - 1].
    SmallVector<Value> moved = b.loop(
        b.sub(b.index(k - 1), place), {list.values, list.ids},
        [&](Value i, ValueRange current) {
          Value to = b.sub(b.index(k - 1), i), from = b.sub(to, b.index(1));
          SmallVector<Value> next;
          for (Value tensor : current)
            next.push_back(tensor::InsertOp::create(
                b, tensor::ExtractOp::create(b, tensor, from), tensor, to));
          return next;
        });
    return {tensor::InsertOp::create(b, value, moved[0], place),
            tensor::InsertOp::create(b, id, moved[1], place)};
  }

  KernelBuilder &b;
  int64_t k;
};

Value toId(KernelBuilder &b, Value column) {
  return arith::IndexCastOp::create(b, b.getI32Type(), column);
}

/// What is picked of one row, by its `sampling`: jet.sample. Returns the id, an
/// i32. Sums are not reassociated.
Value sampleRow(KernelBuilder &b, List list, Value sampling) {
  using P = arith::CmpFPredicate;
  auto compare = [&](P predicate, Value x, Value y) -> Value {
    return arith::CmpFOp::create(b, predicate, x, y);
  };
  auto select = [&](Value condition, Value x, Value y) -> Value {
    return arith::SelectOp::create(b, condition, x, y);
  };
  auto option = [&](int64_t column) -> Value {
    return tensor::ExtractOp::create(b, sampling, b.index(column));
  };
  auto value = [&](Value i) -> Value {
    return tensor::ExtractOp::create(b, list.values, i);
  };
  Value temperature = option(0), topP = option(1), topK = option(2),
        uniform = option(3);
  Value zero = b.f32(0), one = b.index(1), first = value(b.index(0));
  OpFoldResult size = b.dim(list.values, 0);

  // A cut that is no number of candidates is none: it cannot be converted.
  int64_t k = cast<RankedTensorType>(list.values.getType()).getDimSize(0);
  Value isCut = arith::AndIOp::create(b, compare(P::OGE, topK, b.f32(1)),
                                      compare(P::OLT, topK, b.f32(k)));
  Value cut = arith::IndexCastOp::create(
      b, b.getIndexType(),
      arith::FPToSIOp::create(b, b.getI32Type(), select(isCut, topK, zero)));
  Value infinity = b.f32(std::numeric_limits<double>::infinity());
  Value isFinite = compare(P::OLT, math::AbsFOp::create(b, first), infinity);
  Value samples =
      arith::AndIOp::create(b, isFinite, compare(P::OGT, temperature, zero));
  Value n = select(samples, select(isCut, cut, b.index(k)), one);
  Value last = b.sub(n, one);

  SmallVector<Value> summed =
      b.loop(n, {b.empty({size}, b.getF32Type()), zero},
             [&](Value i, ValueRange so) -> SmallVector<Value> {
               Value difference = arith::SubFOp::create(b, value(i), first);
               Value weight = math::ExpOp::create(
                   b, arith::DivFOp::create(b, difference, temperature));
               weight = select(compare(P::UNO, weight, weight), zero, weight);
               Value sum = arith::AddFOp::create(b, so[1], weight);
               return {tensor::InsertOp::create(b, sum, so[0], i), sum};
             });
  auto sum = [&](Value i) -> Value {
    return tensor::ExtractOp::create(b, summed[0], i);
  };
  // Sums ascend, so that those that pass come first.
  auto count = [&](Value end, P predicate, Value bound) {
    return b.loop(end, b.index(0),
                  [&](Value i, ValueRange so) -> SmallVector<Value> {
                    Value passes = compare(predicate, sum(i), bound);
                    return {b.add(so[0], select(passes, one, b.index(0)))};
                  })[0];
  };
  Value m =
      b.min(count(n, P::OLT, arith::MulFOp::create(b, topP, summed[1])), last);
  Value pick = count(m, P::OLE, arith::MulFOp::create(b, uniform, sum(m)));
  return tensor::ExtractOp::create(b, list.ids, pick);
}

/// A grid over the rows of `input`, each of which `body` reduces to a list, and
/// with `sampling` to what is picked of it.
Lowered reduceRows(KernelBuilder &b, Value input, int64_t k, Value sampling,
                   function_ref<List(TopK &, Value row, List)> body) {
  OpFoldResult rows = b.dim(input, 0), one = b.getIndexAttr(1);
  SmallVector<OpFoldResult> sizes = {rows, b.getIndexAttr(k)};
  SmallVector<Value> inits = {b.empty(sizes, b.getF32Type()),
                              b.empty(sizes, b.getI32Type())};
  if (sampling)
    inits.push_back(b.empty({rows}, b.getI32Type()));
  return b.grid({rows}, {one}, inits, [&](ValueRange point, ValueRange inits) {
    TopK topK(b, k);
    List list = topK.clear(topK.getRow({inits[0], inits[1]}, point[0]));
    list = body(topK, point[0], list);
    SmallVector<OpFoldResult> at = {point[0], b.getIndexAttr(0)};
    SmallVector<OpFoldResult> extent = {one, b.getIndexAttr(k)};
    SmallVector<GridResult> results = {{list.values, at, extent},
                                       {list.ids, at, extent}};
    if (sampling)
      results.push_back(b.element(sampleRow(b, list, b.row(sampling, point[0])),
                                  inits[2], point[0]));
    return results;
  });
}

} // namespace

Lowered jet::lowerTopK(KernelBuilder &b, TopKOp op, ValueRange operands) {
  Value count = b.asValue(b.dim(operands[0], 1));
  return reduceRows(b, operands[0], op.getK(), /*sampling=*/{},
                    [&](TopK &topK, Value row, List list) {
                      return topK.insertAll(
                          list, b.row(operands[0], row), count,
                          [&](Value i) { return toId(b, i); });
                    });
}

Lowered jet::lowerMergeTopK(KernelBuilder &b, MergeTopKOp op,
                            ValueRange operands) {
  Value count = b.asValue(b.dim(operands[0], 1));
  return reduceRows(
      b, operands[0], op.getK(), op.getSampling() ? operands[2] : Value(),
      [&](TopK &topK, Value row, List list) {
        Value ids = b.row(operands[1], row);
        return topK.insertAll(list, b.row(operands[0], row), count,
                              [&](Value i) -> Value {
                                return tensor::ExtractOp::create(b, ids, i);
                              });
      });
}

Lowered jet::lowerSample(KernelBuilder &b, SampleOp op, ValueRange operands) {
  OpFoldResult rows = b.dim(operands[0], 0);
  return b.grid({rows}, {b.getIndexAttr(1)}, {b.empty({rows}, b.getI32Type())},
                [&](ValueRange point, ValueRange inits) {
                  auto row = [&](unsigned operand) {
                    return b.row(operands[operand], point[0]);
                  };
                  Value id = sampleRow(b, {row(0), row(1)}, row(2));
                  return SmallVector<GridResult>{
                      b.element(id, inits[0], point[0])};
                });
}

//===----------------------------------------------------------------------===//
// Linear top-k
//
//   x̂ = code on x, normed if asked for
//   for blocks of columns:                                       (the grid)
//     a list for each row
//     for pieces of the block, as wide as a block of jet.linear:
//       p = x̂ · weightᵀ
//       for each row: insert its part of p into its list
//
// A piece of weights stays in the cache while the rows pass over it, as in
// jet.linear, and no logits are kept but those of a piece.
//===----------------------------------------------------------------------===//

Lowered jet::lowerLinearTopK(KernelBuilder &b, LinearTopKOp op,
                             ValueRange operands) {
  PortCode code(b, cast<PortOpInterface>(op.getOperation()), operands);
  int64_t k = op.getK(), block = op.getBlock();
  int64_t outputs = op.getWeight().getType().getDimSize(0);
  int64_t piece = std::min({kLinearBlock, block, outputs});
  // Then every piece is whole, and its size known.
  bool isWhole = outputs % piece == 0 && block % piece == 0;
  OpFoldResult rows = b.dim(operands[0], 0), inner = b.dim(operands[0], 1);
  OpFoldResult zero = b.getIndexAttr(0);
  Value x = code.read(0, {{zero, zero}, {rows, inner}, {true, true}});
  if (std::optional<APFloat> eps = op.getNormEps())
    x = b.normRows(x, op.getNorm() ? operands[2] : Value(),
                   eps->convertToDouble());

  auto body = [&](ValueRange point, ValueRange inits) {
    TopK topK(b, k);
    Value begin = point[0];
    Value end = b.min(b.add(begin, b.index(block)), b.index(outputs));
    Value number = b.createOrFold<arith::DivUIOp>(begin, b.index(block));
    OpFoldResult column = b.createOrFold<arith::MulIOp>(number, b.index(k));
    SmallVector<OpFoldResult> at = {zero, column};
    SmallVector<OpFoldResult> extent = {rows, b.getIndexAttr(k)};
    auto slice = [&](Value tensor) {
      return b.slice(tensor, at, extent, {true, true});
    };
    List lists = topK.clear({slice(inits[0]), slice(inits[1])});
    Value pieces =
        b.createOrFold<arith::CeilDivUIOp>(b.sub(end, begin), b.index(piece));
    SmallVector<Value> result = b.loop(
        pieces, {lists.values, lists.ids}, [&](Value i, ValueRange current) {
          Value first =
              b.add(begin, b.createOrFold<arith::MulIOp>(i, b.index(piece)));
          OpFoldResult width = b.getIndexAttr(piece);
          if (!isWhole)
            width = b.min(b.index(piece), b.sub(end, first));
          Value w =
              b.slice(operands[1], {first, zero}, {width, inner}, {true, true});
          Value p = b.contract(x, w, b.filled({rows, width}, 0));
          SmallVector<Value> next =
              b.loop(b.asValue(rows), current, [&](Value r, ValueRange lists) {
                List list = topK.getRow({lists[0], lists[1]}, r);
                list = topK.insertAll(
                    list, b.row(p, r), b.asValue(width),
                    [&](Value n) { return toId(b, b.add(first, n)); });
                List all = topK.setRow({lists[0], lists[1]}, r, list);
                return SmallVector<Value>{all.values, all.ids};
              });
          return next;
        });
    return SmallVector<GridResult>{{result[0], at, extent},
                                   {result[1], at, extent}};
  };
  int64_t columns = op.getValues().getType().getDimSize(1);
  SmallVector<OpFoldResult> sizes = {rows, b.getIndexAttr(columns)};
  return b.grid(
      {b.getIndexAttr(outputs)}, {b.getIndexAttr(block)},
      {b.empty(sizes, b.getF32Type()), b.empty(sizes, b.getI32Type())}, body);
}
