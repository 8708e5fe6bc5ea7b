// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// jet.linear_top_k, whose logits go through scratch memory, and
// jet.merge_top_k.

#include "lowering/kernels/Elements.h"
#include "lowering/kernels/Projection.h"
#include "lowering/kernels/Selection.h"

#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace jet;

/// Values that can be loaded at once of rows of `columns` in blocks of `block`.
static int64_t widthOf(int64_t columns, int64_t block) {
  return columns % 4 || block % 4 ? 1 : 4;
}

//===----------------------------------------------------------------------===//
// Merge
//===----------------------------------------------------------------------===//

void jet::buildForms(FormContext &context, MergeTopKOp op) {
  int64_t count = op.getValues().getType().getDimSize(1);
  if (!SelectKernel::isSupported(count))
    return;
  FormBuilder form = context.begin({});
  SelectKernel select(form, count, op.getK(), {form.rows()},
                      widthOf(count, count));
  if (op.getSampling())
    select.setSampling(2);
  Stage &stage = select.getStage();
  TileBuilder &b = stage.b;
  select.build({stage.operand(0), stage.operand(1), b.index(0), b.index(count)},
               b.index(0));
  form.finish();
}

//===----------------------------------------------------------------------===//
// Linear top-k
//===----------------------------------------------------------------------===//

static void buildForm(FormBuilder form, LinearTopKOp op, ProjectionSize size) {
  Projection projection;
  projection.rows = form.rows();
  projection.inner = op.getX().getType().getDimSize(1);
  projection.input = rowInputOf(op);
  projection.size = size;
  int64_t columns = op.getWeight().getType().getDimSize(0);
  Place logits = Place::ofScratch(form.reserve(form.rows() * (columns * 4)));
  auto memory = [=](Stage &stage) {
    auto type =
        MemRefType::get({ShapedType::kDynamic, columns}, stage.b.getF32Type());
    return stage.memory(logits, type);
  };
  auto make =
      [=](Stage &stage, Value row, Value column, int64_t,
          ArrayRef<SmallVector<Value>> products) -> std::function<void()> {
    Value made = stage.b.join(products.front());
    return [=, &stage] { stage.b.store(made, memory(stage), {row, column}); };
  };
  projection.outputs.push_back({{Place::ofOperand(1)}, columns, make, logits});
  buildProjection(form, "project", projection);

  int64_t block = std::min<int64_t>(op.getBlock(), columns);
  SelectKernel select(
      form, block, op.getK(),
      {form.rows(), form.constant(llvm::divideCeil(columns, block))},
      widthOf(columns, block));
  Stage &stage = select.getStage();
  TileBuilder &b = stage.b;
  Value first = b.mul(b.blockY(), block);
  Value count = b.min(b.index(block), b.sub(b.index(columns), first));
  select.build({memory(stage), Value(), first, count},
               b.mul(b.blockY(), int64_t(op.getK())));
  form.finish();
}

void jet::buildForms(FormContext &context, LinearTopKOp op) {
  int64_t columns = op.getWeight().getType().getDimSize(0);
  if (op.getX().getType().getDimSize(1) % 8 || !hasPlainCode(op) ||
      !op.getWeight().getType().getElementType().isBF16() ||
      !SelectKernel::isSupported(std::min<int64_t>(op.getBlock(), columns)))
    return;
  for (ProjectionSize size : kProjectionSizes)
    buildForm(context.begin(size.fits()), op, size);
}
