// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//   x̃[m, k] = x[m, k] · norm[k];  scale[m] = 1 / sqrt(mean_k(x[m, k]²) + eps)
//
// All threads make a row after the other, or several at once where that keeps
// about 8 loads of each thread under way.

#include "lowering/kernels/OwnRows.h"

#include "llvm/ADT/bit.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace jet;

using Values = TileBuilder::Values;

OwnRows::OwnRows(Stage &stage, const RowInput &input, int64_t rows,
                 int64_t steps, int64_t threads)
    : b(stage.b), reader(stage, input), rows(rows), threads(threads) {
  tiles = b.alloc(b.shared({steps, rows, kStep}, b.getBF16Type(), 128));
  squares = b.alloc(b.shared({rows, threads / 32}, b.getF32Type()));
  scales = b.alloc(b.shared({rows}, b.getF32Type()));
}

void OwnRows::make(Value rowCount, Value begin, Value end, int64_t barrier) {
  count = rowCount;
  beginColumn = b.mul(begin, kStep), endColumn = b.mul(end, kStep);
  warp = b.warpId(), lane = b.laneId();
  int64_t width = reader.width();
  int64_t turns =
      llvm::divideCeil(llvm::alignTo(reader.inner(), kStep), threads * width);
  Value last = b.index(reader.inner() - width);
  for (int64_t i = 0; i < turns; ++i) {
    columns.push_back(b.add(b.mul(b.threadId(), width), i * threads * width));
    // Not of the launch before.
    norms.push_back(reader.norms(b.min(columns.back(), last)));
  }
  auto together = std::min(rows, std::max<int64_t>(8 / turns, 1));
  together = static_cast<int64_t>(llvm::bit_floor(uint64_t(together)));
  tile::WaitDependenciesOp::create(b);
  // All CTAs read the same rows: one alone is not to be read several times.
  b.ifElse(
      b.equal(count, 1), [&] { makeRows(b.index(0), 1); },
      [&] {
        b.loop(b.index(0), count, b.index(together),
               [&](Value first) { makeRows(first, together); });
      });
  tile::FenceAsyncOp::create(b);
  b.sync(barrier, threads);
  if (reader.hasScale())
    makeScales();
}

/// Rows from `first` on. Those that are not there are copies of the last; their
/// results are never stored.
void OwnRows::makeRows(Value first, int64_t together) {
  Value last = b.index(reader.inner() - reader.width());
  SmallVector<Values> elements;
  for (int64_t m = 0; m < together; ++m) {
    Value row = b.min(b.add(first, m), b.sub(count, b.index(1)));
    for (Value column : columns)
      elements.push_back(reader.read(row, b.min(column, last)));
  }
  for (int64_t m = 0; m < together; ++m) {
    Value row = b.add(first, m), sum = b.f32(0);
    for (auto [i, column] : llvm::enumerate(columns)) {
      Values &x = elements[m * columns.size() + i];
      Value inside = b.less(column, reader.inner());
      for (auto [element, norm] : llvm::zip_equal(x, norms[i])) {
        element = b.select(inside, element, b.f32(0));
        sum = b.fma(element, element, sum);
        element = b.convert(b.mulf(element, norm), b.getBF16Type());
      }
      Value local = b.sub(column, beginColumn);
      Value isPart = b.both(b.inverse(b.less(column, beginColumn)),
                            b.less(column, endColumn));
      b.ifThen(isPart, [&] {
        b.store(b.join(x), tiles,
                {b.div(local, kStep), row, b.rem(local, kStep)});
      });
    }
    if (reader.hasScale()) {
      sum = b.sumOfWarp(sum);
      b.store(sum, squares, {row, warp}, b.equal(lane, 0));
    }
  }
}

void OwnRows::makeScales() {
  Value thread = b.threadId();
  b.ifThen(b.less(thread, count), [&] {
    Value sum = b.load(squares, {thread, b.index(0)});
    for (int64_t i = 1; i < threads / 32; ++i)
      sum = b.addf(sum, b.load(squares, {thread, b.index(i)}));
    b.store(reader.scaleOf(sum), scales, {thread});
  });
}

void OwnRows::scale(MutableArrayRef<Value> results, Value m) {
  if (!reader.hasScale())
    return;
  Value factor = b.load(scales, {m});
  for (Value &result : results)
    result = b.mulf(result, factor);
}
