// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "lowering/kernels/KeyRows.h"

using namespace mlir;
using namespace jet;

using Values = TileBuilder::Values;

/// Elements that a lane has at once, 16 bytes of bf16.
static constexpr int64_t kWidth = 8;

KeyRows::KeyRows(Stage &stage, const DeltaChunks &chunks, RuleInputs &inputs,
                 const ChunkRows &rows, Value head, int64_t threads)
    : stage(stage), b(stage.b), c(chunks), inputs(inputs), rows(rows),
      head(head), parts(threads / DeltaChunks::kRows) {
  ownRow = b.div(b.threadId(), parts);
  part = b.rem(b.threadId(), parts);
}

std::pair<Value, Value> KeyRows::placeOf(int64_t i) {
  Value number = b.add(part, i * parts);
  Value inside;
  if ((i + 1) * parts * kWidth > c.keyDim) {
    inside = b.less(number, c.keyDim / kWidth);
    number = b.min(number, b.index(c.keyDim / kWidth - 1));
  }
  return {b.mul(number, kWidth), inside};
}

Values KeyRows::load(unsigned number) {
  Value memory = inputs.flat(c.rule, number);
  int64_t width =
      cast<MemRefType>(memory.getType()).getElementType().isF32() ? 4 : kWidth;
  Values loaded;
  for (int64_t i = 0; i < units(); ++i) {
    Value column = b.add(b.mul(head, c.keyDim), placeOf(i).first);
    for (int64_t j = 0; j < kWidth; j += width)
      loaded.push_back(
          b.load(memory, {rows.at(b, ownRow), b.add(column, j)}, width));
  }
  return loaded;
}

SmallVector<Values> KeyRows::finish(unsigned number, ArrayRef<Value> loaded) {
  constexpr int64_t kExtra = 4; // elements of extras that are loaded at once
  GatedDeltaRuleOp rule = c.rule;
  auto ported = cast<PortOpInterface>(rule.getOperation());
  Values elements;
  for (Value vector : loaded)
    llvm::append_range(elements, b.split(vector));
  SmallVector<Values> all(units());
  for (auto [i, unit] : llvm::enumerate(all)) {
    auto [first, inside] = placeOf(i);
    for (int64_t j = 0; j < kWidth; j += kExtra) {
      Value column = b.add(b.mul(head, c.keyDim), b.add(first, j));
      Values some(ArrayRef(elements).slice(i * kWidth + j, kExtra));
      some = applyCode(stage, ported, number, rows.at(b, ownRow), column,
                       kExtra, {some});
      for (Value x : some) {
        x = b.convert(x, b.getF32Type());
        unit.push_back(inside ? b.select(inside, x, b.f32(0)) : x);
      }
    }
  }
  return all;
}

Value KeyRows::scaleOf(ArrayRef<Values> part, double scale) {
  Value factor = b.f32(1);
  GatedDeltaRuleOp rule = c.rule;
  if (rule.getQkNormEps()) {
    Values sums(2, b.f32(0));
    for (const Values &unit : part)
      for (auto [i, x] : llvm::enumerate(unit))
        sums[i % 2] = b.fma(x, x, sums[i % 2]);
    Value sum = b.addf(sums[0], sums[1]);
    for (int64_t offset = 1; offset < parts; offset *= 2)
      sum = b.addf(sum, tile::ShuffleXorOp::create(b, sum, offset));
    Value eps = b.f32(rule.getQkNormEps()->convertToDouble());
    // As the machine approximates it: else there is a call for small numbers.
    Value length =
        math::SqrtOp::create(b, b.addf(sum, eps), arith::FastMathFlags::afn);
    factor = b.mulf(b.reciprocal(length), b.f32(scale));
  }
  return b.select(b.less(ownRow, rows.count), factor, b.f32(0));
}

void KeyRows::store(ArrayRef<Values> part, Value factor, Value memory,
                    Value firstRow) {
  for (auto [i, unit] : llvm::enumerate(part)) {
    auto [column, inside] = placeOf(i);
    Values scaled;
    for (Value x : unit)
      scaled.push_back(b.mulf(x, factor));
    Value vector = b.convert(b.join(scaled), b.getBF16Type());
    if (firstRow)
      b.store(vector, memory, {b.add(firstRow, ownRow), column}, inside);
    else
      b.store(vector, memory,
              {b.div(column, c.slab), ownRow, b.rem(column, c.slab)}, inside);
  }
}
