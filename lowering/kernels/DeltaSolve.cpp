// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// T = (I − N)⁻¹ in blocks of 16 rows and columns:
//
//   D[i] = (I − N[i, i])⁻¹,  Z[i, j] = D[i] · N[i, j], j < i
//
// by substitution in f32, a warp a block of rows, a lane two columns of [Z|D];
// then, as T = D + Z · T, on tensor cores, a warp 8 columns of a block:
//
//   T[1, 0] = Z[1, 0] · D[0]      T[3, 2] = Z[3, 2] · D[2]
//   V[2]    = Z[2, 0:2]           V[3]    = Z[3, 0:2] + Z[3, 2] · Z[2, 0:2]
//
//   T[2:4, 0:2] = V · T[0:2, 0:2]
//
// A factor x there is x₁ + x₂, both in bf16, of the product all but x₂ · y₂:
// 2⁻¹⁷ of it, less than what T is rounded to.
//
// [Z|D] takes the place of N, a row's parts in the bytes of its block; T
// comes to where that is zero or no longer needed:
//
//   D[0]  T[1, 0]  T[2, 0:2]
//         D[1]     T[3, 0:2]
//   V[2]           D[2]  T[3, 2]
//   V[3]                 D[3]
//
// 8 more columns a row: 8 rows begin in different banks.

#include "lowering/kernels/DeltaSolve.h"

using namespace mlir;
using namespace jet;

using Values = TileBuilder::Values;

static constexpr int64_t kBlock = 16, kBlocks = DeltaSolver::kRows / kBlock;
static constexpr int64_t kHalf = DeltaSolver::kRows / 2;
static constexpr int64_t kParts = 2, kStride = DeltaSolver::kRows + 8;
static constexpr int64_t kBytes = DeltaSolver::kRows * kStride * 4;
/// Columns of a product that a warp makes.
static constexpr int64_t kColumns = 8;

DeltaSolver::DeltaSolver(TileBuilder &b)
    : b(b), someSums(tile::AccType::get(b.getContext(), kBlock, kColumns)),
      bytes(b.alloc(b.shared({kBytes / 128, 64}, b.getBF16Type(), 128))),
      system(tile::ReuseOp::create(
          b, b.shared({kBlocks, kBlock, kStride}, b.getF32Type()), bytes, 0)),
      parts(tile::ReuseOp::create(
          b, b.shared({kBlocks, kParts, kBlock, kStride}, b.getBF16Type()),
          bytes, 0)) {}

/// The block's rows of [Z|D − I] from the top, as those of N and what the
/// rows above add, four at once. A warp reads no other's rows.
void DeltaSolver::substitute(Value n) {
  constexpr int64_t kStep = 4, kOwn = 2; // columns of N; of the lane
  Value all = tile::ViewOp::create(
      b, b.shared({kRows, kStride}, b.getF32Type()), system);
  tile::StoreAccOp::create(b, n, all, b.index(0), b.index(0), Value(), Value(),
                           UnitAttr());
  tile::SyncWarpOp::create(b);
  Value block = b.warpId(), lane = b.laneId();
  Value column = b.mul(lane, kOwn), diagonal = b.mul(block, kBlock);
  SmallVector<Values> x;
  for (int64_t t = 0; t < kBlock; ++t)
    x.push_back(b.split(b.load(system, {block, b.index(t), column}, kOwn)));
  for (int64_t s = 0; s < kBlock; s += kStep)
    for (int64_t t = s + 1; t < kBlock; ++t) {
      Values row = b.split(
          b.load(system, {block, b.index(t), b.add(diagonal, s)}, kStep));
      for (int64_t j = 0; j < kStep && s + j < t; ++j)
        for (int64_t i = 0; i < kOwn; ++i)
          x[t][i] = b.fma(row[j], x[s + j][i], x[t][i]);
    }
  tile::SyncWarpOp::create(b); // all lanes have read N
  for (int64_t t = 0; t < kBlock; ++t) {
    Values high, low;
    for (Value element : x[t]) {
      high.push_back(nearest(element));
      low.push_back(b.subf(element, high.back()));
    }
    for (const auto &[part, values] : {std::pair(0, high), {1, low}})
      b.store(b.convert(b.join(values), b.getBF16Type()), parts,
              {block, b.index(part), b.index(t), column});
  }
  tile::SyncWarpOp::create(b);
  b.store(b.convert(b.f32(1), b.getBF16Type()), parts,
          {block, b.index(0), b.rem(lane, kBlock),
           b.add(diagonal, b.rem(lane, kBlock))},
          b.less(lane, kBlock));
}

void DeltaSolver::solve() {
  b.sync();
  multiplyPairs();
  b.sync();
  multiplyHalves();
  b.sync();
}

/// The nearest number that is one in bf16. (A conversion there and back takes a
/// slow instruction.)
Value DeltaSolver::nearest(Value x) {
  Value bits = arith::BitcastOp::create(b, b.getI32Type(), x);
  bits = arith::AddIOp::create(b, bits, b.i32(0x8000));
  bits = arith::AndIOp::create(b, bits, b.i32(-0x10000));
  return arith::BitcastOp::create(b, b.getF32Type(), bits);
}

/// Adds the product of a block of `left` and some columns of the block of rows
/// `right`.
Value DeltaSolver::multiply(Value left, Value leftColumn, Value right,
                            Value rightColumn, Value sum) {
  auto load = [&](Value block, int64_t part, Value column, int64_t rows,
                  StringRef kind) -> Value {
    return tile::LoadMatrixOp::create(
        b, tile::FragType::get(b.getContext(), rows, kBlock, kind),
        b.slice(parts, {block, b.index(part)}), b.index(0), column,
        kind == "b" ? b.getUnitAttr() : UnitAttr());
  };
  Values x, y;
  for (int64_t part = 0; part < kParts; ++part) {
    x.push_back(load(left, part, leftColumn, kBlock, "a"));
    y.push_back(load(right, part, rightColumn, kColumns, "b"));
  }
  for (auto [i, j] : {std::pair(1, 0), {0, 1}, {0, 0}})
    sum = tile::MmaOp::create(b, x[i], y[j], sum);
  return sum;
}

/// Both parts of sums.
void DeltaSolver::keep(Value sums, Value block, Value column) {
  auto store = [&](int64_t part, llvm::function_ref<Value(Value)> take) {
    Value taken = b.map(sums.getType(), {sums},
                        [&](ValueRange in) { return take(in[0]); });
    tile::StoreAccOp::create(b, taken, b.slice(parts, {block, b.index(part)}),
                             b.index(0), column, Value(), Value(), UnitAttr());
  };
  store(0, [&](Value x) { return nearest(x); });
  store(1, [&](Value x) { return b.subf(x, nearest(x)); });
}

/// Elements of what stands there now.
Values DeltaSolver::partsAt(Value block, Value row, Value column,
                            int64_t width) {
  Values sums;
  for (int64_t part = 0; part < kParts; ++part) {
    Value some = b.load(parts, {block, b.index(part), row, column}, width);
    for (auto [i, x] : llvm::enumerate(b.split(some))) {
      Value element = b.convert(x, b.getF32Type());
      if (part == 0)
        sums.push_back(element);
      else
        sums[i] = b.addf(sums[i], element);
    }
  }
  return sums;
}

/// T[1, 0] and T[3, 2] by two warps each, V[3] by four.
void DeltaSolver::multiplyPairs() {
  constexpr int64_t kTiles = kBlock / kColumns; // of a block's columns
  Value warp = b.warpId();
  b.ifElse(
      b.less(warp, 2 * kTiles),
      [&] {
        Value upper = b.mul(b.div(warp, kTiles), 2), lower = b.add(upper, 1);
        Value first = b.mul(upper, kBlock);
        Value column = b.add(first, b.mul(b.rem(warp, kTiles), kColumns));
        Value sums = tile::SplatOp::create(b, someSums, b.f32(0));
        keep(multiply(lower, first, upper, column, sums), upper,
             b.add(column, kBlock));
      },
      [&] {
        Value column = b.mul(b.sub(warp, b.index(2 * kTiles)), kColumns);
        Value z = b.map(someSums, {}, [&](ValueRange in) {
          return partsAt(b.index(3), in[0], b.add(in[1], column), 1)[0];
        });
        z = multiply(b.index(3), b.index(2 * kBlock), b.index(2), column, z);
        tile::SyncWarpOp::create(b); // all lanes have read Z
        keep(z, b.index(3), column);
      });
}

/// T[2:4, 0:2].
void DeltaSolver::multiplyHalves() {
  constexpr int64_t kTiles = kHalf / kColumns;
  Value warp = b.warpId(), row = b.div(warp, kTiles), low = b.add(row, 2);
  Value column = b.mul(b.rem(warp, kTiles), kColumns);
  Value none = tile::SplatOp::create(b, someSums, b.f32(0));
  Value isLeft = b.less(column, kBlock); // T[0, 1] is zero
  Value sums = b.ifElse(
      isLeft, someSums,
      [&] { return multiply(low, b.index(0), b.index(0), column, none); },
      [&] { return none; });
  sums =
      multiply(low, b.index(kBlock), b.select(isLeft, b.index(0), b.index(1)),
               b.select(isLeft, b.add(column, kBlock), column), sums);
  keep(sums, row, b.add(column, kHalf));
}

Value DeltaSolver::row(int64_t i) {
  constexpr int64_t kVectors = kRows / kWidth; // of a row
  return b.add(b.div(b.threadId(), kVectors), i * (kThreads / kVectors));
}
Value DeltaSolver::firstColumn() {
  return b.mul(b.rem(b.threadId(), kRows / kWidth), kWidth);
}

Values DeltaSolver::elements(int64_t i) {
  static_assert(kThreads * kWidth == kRows * kHalf, "half of the rows at once");
  Value row = b.div(b.threadId(), kRows / kWidth), column = firstColumn();
  Value isLower = b.inverse(b.less(row, kBlock)); // of two blocks
  Value upper = b.index(2 * i),
        own = b.select(isLower, b.index(2 * i + 1), upper);
  // Of the blocks on the diagonal, and the one below the first of them.
  Value isBelow = b.both(isLower, b.less(column, 2 * i * kBlock + kBlock));
  Value block = b.select(isBelow, upper, own);
  Value at = b.select(isBelow, b.add(column, kBlock), column);
  if (i == 1) {
    Value isLeft = b.less(column, kHalf);
    block = b.select(isLeft, b.select(isLower, b.index(1), b.index(0)), block);
    at = b.select(isLeft, b.add(column, kHalf), at);
  }
  Value isAbove = b.inverse(b.less(column, b.mul(b.add(own, 1), kBlock)));
  Values found = partsAt(block, b.rem(row, kBlock), at, kWidth);
  for (Value &x : found)
    x = b.select(isAbove, b.f32(0), x);
  return found;
}
