// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// jet.kv_append, any number of tokens
//
//   append   CTA (row): k and v of all heads, to their place in the cache
//
// and what it shares with the append of jet.qkv_linear.

#include "lowering/kernels/CacheRows.h"
#include "lowering/kernels/Elements.h"

using namespace mlir;
using namespace jet;

RowFinder::RowFinder(Stage &stage, KvCacheType type, unsigned batch,
                     int64_t threads)
    : stage(stage), b(stage.b), type(type), batch(batch), threads(threads),
      found(b.alloc(b.shared({1}, b.getI32Type()))) {
  b.store(b.i32(-1), found, {b.index(0)}, b.equal(b.threadId(), 0));
}

Value RowFinder::loadBatch(Value sequence, Value column) {
  auto flat = MemRefType::get({ShapedType::kDynamic}, b.getI32Type());
  Value memory = stage.memory(Place::ofOperand(batch), flat);
  Value columns = stage.size(stage.form.symbol(Symbol::C) + kBatchColumns);
  Value value = b.load(memory, {b.add(b.mul(sequence, columns), column)});
  return b.toIndex(value);
}

CacheRow RowFinder::find(Value row) {
  // A row is of one sequence, which one thread finds, or of none.
  b.sync();
  Value count = stage.size(stage.form.symbol(Symbol::B));
  b.loop(b.threadId(), count, b.index(threads), [&](Value sequence) {
    Value local = b.sub(row, loadBatch(sequence, b.index(2)));
    Value isIn = b.both(b.inverse(b.less(local, b.index(0))),
                        b.less(local, loadBatch(sequence, b.index(3))));
    b.store(b.toI32(sequence), found, {b.index(0)}, isIn);
  });
  b.sync();
  Value number = b.toIndex(b.load(found, {b.index(0)}));
  Value isKept = b.inverse(b.less(number, b.index(0)));
  Value sequence = b.max(number, b.index(0));
  Value local = b.sub(row, loadBatch(sequence, b.index(2)));
  // Of a row of none any position will do that has a place.
  Value position = b.select(
      isKept, b.add(loadBatch(sequence, b.index(1)), local), b.index(0));
  if (auto window = type.getWindow()) {
    // Of more rows than the window holds, only the last ones are stored.
    Value rest = b.sub(loadBatch(sequence, b.index(3)), local);
    return {loadBatch(sequence, b.index(0)), b.rem(position, *window),
            b.both(isKept, b.less(rest, *window + 1))};
  }
  Value page = b.div(position, *type.getPage());
  return {loadBatch(sequence, b.add(page, kBatchColumns)),
          b.rem(position, *type.getPage()), isKept};
}

void jet::buildForms(FormContext &context, KvAppendOp op) {
  constexpr int64_t kThreads = 128;
  KvCacheType type = op.getCache().getType();
  Type element = type.getStorageType();
  if (!element.isF32() && !element.isBF16())
    return;
  FormBuilder form = context.begin({});
  Stage stage(form, "append", kThreads, {form.rows()});
  TileBuilder &b = stage.b;
  RowFinder finder(stage, type, 3, kThreads);
  stage.setOverlaps();
  tile::LaunchDependentsOp::create(b);
  Value row = b.blockX();
  CacheRow place = finder.find(row);
  tile::WaitDependenciesOp::create(b);
  int64_t dim = type.getHeadDim(), width = vectorWidth(dim);
  int64_t units = dim / width;
  b.loop(b.threadId(), b.index(type.getHeads() * units), b.index(kThreads),
         [&](Value unit) {
           Value head = b.div(unit, units);
           Value column = b.mul(b.rem(unit, units), width);
           for (int64_t plane : {0, 1}) {
             Value x =
                 b.load(stage.operand(1 + plane), {row, head, column}, width);
             b.store(x, stage.operand(0),
                     {place.unit, b.index(plane), head, place.at, column},
                     place.isKept);
           }
         });
  stage.finish();
  form.finish();
}
