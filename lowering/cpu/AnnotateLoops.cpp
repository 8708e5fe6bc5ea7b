// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "lowering/Passes.h"

using namespace mlir;

namespace jet {
#define GEN_PASS_DEF_ANNOTATELOOPSPASS
#define GEN_PASS_DEF_MOVELOOPANNOTATIONSPASS
#include "lowering/Passes.h.inc"
} // namespace jet

/// What conversions carry from an scf.for to the branch that closes it.
static constexpr StringLiteral kAnnotation = "llvm.loop_annotation";

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
        outer->setAttr(kAnnotation, annotation);
    });
  }
};

struct MoveLoopAnnotationsPass
    : jet::impl::MoveLoopAnnotationsPassBase<MoveLoopAnnotationsPass> {
  using MoveLoopAnnotationsPassBase::MoveLoopAnnotationsPassBase;

  void runOnOperation() override {
    getOperation()->walk([&](Operation *op) {
      auto annotation =
          op->getAttrOfType<LLVM::LoopAnnotationAttr>(kAnnotation);
      if (!annotation)
        return;
      op->removeAttr(kAnnotation);
      if (auto branch = dyn_cast<LLVM::BrOp>(op))
        branch.setLoopAnnotationAttr(annotation);
      else if (auto branch = dyn_cast<LLVM::CondBrOp>(op))
        branch.setLoopAnnotationAttr(annotation);
    });
  }
};
} // namespace
