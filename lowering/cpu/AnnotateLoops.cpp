// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "lowering/Passes.h"

using namespace mlir;

namespace jet {
#define GEN_PASS_DEF_ANNOTATELOOPSPASS
#include "lowering/Passes.h.inc"
} // namespace jet

/// "Do not vectorise this loop."
static LLVM::LoopAnnotationAttr makeAnnotation(MLIRContext *context) {
  auto vectorize = LLVM::LoopVectorizeAttr::get(
      context, /*disable=*/BoolAttr::get(context, true), {}, {}, {}, {}, {},
      {});
  return LLVM::LoopAnnotationAttr::get(context, {}, vectorize, {}, {}, {}, {},
                                       {}, {}, {}, {}, {}, {}, {}, {}, {});
}

namespace {
struct AnnotateLoopsPass : jet::impl::AnnotateLoopsPassBase<AnnotateLoopsPass> {
  using AnnotateLoopsPassBase::AnnotateLoopsPassBase;

  void runOnOperation() override {
    auto annotation = makeAnnotation(&getContext());
    getOperation().walk([&](scf::ForOp inner) {
      for (auto outer = inner->getParentOfType<scf::ForOp>(); outer;
           outer = outer->getParentOfType<scf::ForOp>())
        outer->setAttr("llvm.loop_annotation", annotation);
    });
  }
};
} // namespace
