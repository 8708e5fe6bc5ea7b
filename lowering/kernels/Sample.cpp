// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// jet.sample by itself: a warp a row. Where candidates are merged it is a part
// of that (TopK.cpp).

#include "lowering/kernels/Forms.h"
#include "lowering/kernels/WarpSampler.h"

using namespace mlir;
using namespace jet;

void jet::buildForms(FormContext &context, SampleOp op) {
  FormBuilder form = context.begin({});
  Stage stage(form, "sample", /*threads=*/32, {form.rows()});
  TileBuilder &b = stage.b;
  WarpSampler sampler(b, op.getValues().getType().getDimSize(1));
  stage.setOverlaps();
  tile::LaunchDependentsOp::create(b);
  Value row = b.blockX();
  sampler.load(stage.operand(2), row);
  tile::WaitDependenciesOp::create(b);
  sampler.pick({stage.operand(0), stage.operand(1), {row}}, stage.operand(3),
               row);
  stage.finish();
  form.finish();
}
