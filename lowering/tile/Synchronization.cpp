// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Barriers, fences, clusters, dependent launches.

#include "lowering/tile/LowerTile.h"

using namespace mlir;
using namespace jet::tile;

namespace {

/// Ops without operands whose lowering is one op or a fixed few.
template <typename Op> struct LowerPlain : ConvertOpToLLVMPattern<Op> {
  using Emit = void (*)(OpBuilder &, Location);
  LowerPlain(const LLVMTypeConverter &converter, Emit emit)
      : ConvertOpToLLVMPattern<Op>(converter), emit(emit) {}
  LogicalResult
  matchAndRewrite(Op op, typename Op::Adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    emit(rewriter, op.getLoc());
    rewriter.eraseOp(op);
    return success();
  }
  Emit emit;
};

void fenceAsync(OpBuilder &builder, Location loc) {
  NVVM::FenceProxyOp::create(
      builder, loc, NVVM::ProxyKind::async_shared,
      NVVM::SharedSpaceAttr::get(builder.getContext(),
                                 NVVM::SharedSpace::shared_cta));
}

void fenceBarriers(OpBuilder &builder, Location loc) {
  NVVM::FenceMbarrierInitOp::create(builder, loc);
  fenceAsync(builder, loc);
}

void syncWarp(OpBuilder &builder, Location loc) {
  NVVM::SyncWarpOp::create(builder, loc, Code(builder, loc).i32(-1));
}

void syncCluster(OpBuilder &builder, Location loc) {
  // Not the aligned forms: threads may come from different roles.
  NVVM::ClusterArriveOp::create(builder, loc, UnitAttr());
  NVVM::ClusterWaitOp::create(builder, loc, UnitAttr());
}

void waitDependencies(OpBuilder &builder, Location loc) {
  NVVM::GriddepcontrolOp::create(builder, loc, NVVM::GridDepActionKind::wait);
}

void launchDependents(OpBuilder &builder, Location loc) {
  NVVM::GriddepcontrolOp::create(builder, loc,
                                 NVVM::GridDepActionKind::launch_dependents);
}

struct LowerInitBarriers : ConvertOpToLLVMPattern<InitBarriersOp> {
  using ConvertOpToLLVMPattern::ConvertOpToLLVMPattern;
  LogicalResult
  matchAndRewrite(InitBarriersOp op, OpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    Code code(rewriter, op.getLoc());
    for (int64_t i = 0; i < op.getBarriers().getType().getCount(); ++i)
      NVVM::MBarrierInitOp::create(
          rewriter, op.getLoc(),
          code.barrier(adaptor.getBarriers(), code.i32(i)),
          code.i32(op.getCount()), Value());
    rewriter.eraseOp(op);
    return success();
  }
};

/// Address of a barrier as the 32-bit operand of inline PTX.
Value barrierAddress(OpBuilder &builder, Location loc, Value barriers,
                     Value slot) {
  return LLVM::PtrToIntOp::create(builder, loc, builder.getI32Type(),
                                  Code(builder, loc).barrier(barriers, slot));
}

struct LowerArrive : ConvertOpToLLVMPattern<ArriveOp> {
  using ConvertOpToLLVMPattern::ConvertOpToLLVMPattern;
  LogicalResult
  matchAndRewrite(ArriveOp op, OpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    Value address = barrierAddress(rewriter, op.getLoc(), adaptor.getBarriers(),
                                   adaptor.getSlot());
    Code(rewriter, op.getLoc())
        .ptx("mbarrier.arrive.shared::cta.b64 _, [$0];", "r,~{memory}",
             address);
    rewriter.eraseOp(op);
    return success();
  }
};

struct LowerArriveRemote : ConvertOpToLLVMPattern<ArriveRemoteOp> {
  using ConvertOpToLLVMPattern::ConvertOpToLLVMPattern;
  LogicalResult
  matchAndRewrite(ArriveRemoteOp op, OpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    Value address = barrierAddress(rewriter, op.getLoc(), adaptor.getBarriers(),
                                   adaptor.getSlot());
    // Not .release.cluster: it becomes MEMBAR.ALL.GPU.
    Code(rewriter, op.getLoc())
        .ptx("{ .reg .b32 ra; mapa.shared::cluster.u32 ra, $0, $1; "
             "mbarrier.arrive.shared::cluster.b64 _, [ra]; }",
             "r,r,~{memory}", {address, adaptor.getRank()});
    rewriter.eraseOp(op);
    return success();
  }
};

struct LowerArriveExpect : ConvertOpToLLVMPattern<ArriveExpectOp> {
  using ConvertOpToLLVMPattern::ConvertOpToLLVMPattern;
  LogicalResult
  matchAndRewrite(ArriveExpectOp op, OpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    Value address = barrierAddress(rewriter, op.getLoc(), adaptor.getBarriers(),
                                   adaptor.getSlot());
    Code(rewriter, op.getLoc())
        .ptx("mbarrier.arrive.expect_tx.shared::cta.b64 _, [$0], $1;",
             "r,r,~{memory}", {address, adaptor.getBytes()});
    rewriter.eraseOp(op);
    return success();
  }
};

struct LowerWait : ConvertOpToLLVMPattern<WaitOp> {
  using ConvertOpToLLVMPattern::ConvertOpToLLVMPattern;
  LogicalResult
  matchAndRewrite(WaitOp op, OpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    Value address = barrierAddress(rewriter, op.getLoc(), adaptor.getBarriers(),
                                   adaptor.getSlot());
    // Without the time hint of nvvm.mbarrier.try_wait.parity; the labels are
    // local to the braces.
    Code(rewriter, op.getLoc())
        .ptx("{ .reg .pred p; W: mbarrier.try_wait.parity.shared::cta.b64 p, "
             "[$0], $1; @p bra D; bra W; D: }",
             "r,r,~{memory}", {address, adaptor.getParity()});
    rewriter.eraseOp(op);
    return success();
  }
};

struct LowerSync : ConvertOpToLLVMPattern<SyncOp> {
  using ConvertOpToLLVMPattern::ConvertOpToLLVMPattern;
  LogicalResult
  matchAndRewrite(SyncOp op, OpAdaptor,
                  ConversionPatternRewriter &rewriter) const override {
    Code code(rewriter, op.getLoc());
    if (op.getId())
      NVVM::BarrierOp::create(rewriter, op.getLoc(), Type(),
                              code.i32(*op.getId()), code.i32(*op.getThreads()),
                              NVVM::BarrierReductionAttr(), Value());
    else
      NVVM::BarrierOp::create(rewriter, op.getLoc());
    rewriter.eraseOp(op);
    return success();
  }
};

} // namespace

void jet::tile::populateSyncPatterns(const LLVMTypeConverter &converter,
                                     RewritePatternSet &patterns) {
  patterns.add<LowerInitBarriers, LowerArrive, LowerArriveRemote,
               LowerArriveExpect, LowerWait, LowerSync>(converter);
  patterns.add<LowerPlain<FenceAsyncOp>>(converter, fenceAsync);
  patterns.add<LowerPlain<FenceBarriersOp>>(converter, fenceBarriers);
  patterns.add<LowerPlain<SyncWarpOp>>(converter, syncWarp);
  patterns.add<LowerPlain<ClusterSyncOp>>(converter, syncCluster);
  patterns.add<LowerPlain<WaitDependenciesOp>>(converter, waitDependencies);
  patterns.add<LowerPlain<LaunchDependentsOp>>(converter, launchDependents);
}
