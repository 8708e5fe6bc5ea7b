// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//   jet.embedding    y[r] = table[tokens[r]]
//   jet.last_token   y[b] = x[row_b + rows_b − 1]
//
// A CTA copies a row, four elements a thread. There is little to win in the
// copy: what counts is that the launch after it may begin meanwhile.

#include "lowering/kernels/DeltaRule.h"
#include "lowering/kernels/Forms.h"

#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace jet;

static constexpr int64_t kWidth = 4;
static constexpr int64_t kMostThreads = 512;

/// A form whose CTAs along x copy the row of operand `source` that `rowOf` says
/// to theirs of the result. Weights are nothing to wait for.
static void copyRows(FormContext &context, Operation *op, unsigned source,
                     Symbol rows, bool isWeight,
                     function_ref<Value(Stage &)> rowOf) {
  auto type = cast<RankedTensorType>(op->getResult(0).getType());
  int64_t columns = type.getDimSize(1);
  if (columns % kWidth)
    return;
  FormBuilder form = context.begin({});
  int64_t threads = std::min<int64_t>(
      kMostThreads, llvm::alignTo(llvm::divideCeil(columns, kWidth), 32));
  Stage stage(form, "copy", threads, {form.symbol(rows)});
  TileBuilder &b = stage.b;
  stage.setOverlaps();
  tile::LaunchDependentsOp::create(b);
  Value from = rowOf(stage), to = stage.operand(form.resultOperand(0));
  auto step = [&](Value column, bool waits) {
    Value inside = b.less(column, columns);
    Value x = b.loadIf(inside, stage.operand(source), {from, column}, kWidth);
    if (waits)
      tile::WaitDependenciesOp::create(b);
    b.store(b.convert(x, type.getElementType()), to, {b.blockX(), column},
            inside);
  };
  if (!isWeight)
    tile::WaitDependenciesOp::create(b);
  for (int64_t i = 0; i < columns; i += threads * kWidth)
    step(b.add(b.mul(b.threadId(), kWidth), i), isWeight && i == 0);
  stage.finish();
  form.finish();
}

void jet::buildForms(FormContext &context, EmbeddingOp op) {
  copyRows(context, op, /*source=*/1, Symbol::R, /*isWeight=*/true,
           [](Stage &stage) {
             TileBuilder &b = stage.b;
             return b.toIndex(b.load(stage.operand(0), {b.blockX()}));
           });
}

void jet::buildForms(FormContext &context, LastTokenOp op) {
  copyRows(context, op, /*source=*/0, Symbol::B, /*isWeight=*/false,
           [](Stage &stage) {
             BatchLine line = readBatch(stage, 1, stage.b.blockX());
             return stage.b.sub(stage.b.add(line.row, line.rows),
                                stage.b.index(1));
           });
}
