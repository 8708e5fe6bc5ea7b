// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Barriers, fences, clusters, signals, dependent launches.

#include "lowering/tile/LowerTile.h"

using namespace mlir;
using namespace jet::tile;

namespace {

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

/// A barrier's address as the 32-bit operand that PTX takes.
template <typename Op>
  requires requires(Op op) { op.getBarriers(); }
Value addressOf(Code &code, OpBuilder &builder, Op op,
                typename Op::Adaptor adaptor) {
  return LLVM::PtrToIntOp::create(
      builder, op.getLoc(), builder.getI32Type(),
      code.barrier(adaptor.getBarriers(), adaptor.getSlot()));
}

/// That of a counter in global memory.
template <typename Op>
  requires requires(Op op) { op.getSignals(); }
Value addressOf(Code &code, OpBuilder &, Op op, typename Op::Adaptor adaptor) {
  return code.element(op.getSignals().getType(), adaptor.getSignals(),
                      adaptor.getIndices());
}

/// Ops on one barrier or counter that are inline PTX.
template <typename Op> struct LowerByAddress : ConvertOpToLLVMPattern<Op> {
  using Adaptor = typename Op::Adaptor;
  using Emit = void (*)(Code &, Value address, Adaptor);
  LowerByAddress(const LLVMTypeConverter &converter, Emit emit)
      : ConvertOpToLLVMPattern<Op>(converter), emit(emit) {}
  LogicalResult
  matchAndRewrite(Op op, Adaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    Code code(rewriter, op.getLoc());
    emit(code, addressOf(code, rewriter, op, adaptor), adaptor);
    rewriter.eraseOp(op);
    return success();
  }
  Emit emit;
};

void arrive(Code &code, Value address, ArriveOp::Adaptor) {
  code.ptx("mbarrier.arrive.shared::cta.b64 _, [$0];", "r,~{memory}", address);
}

void arriveRemote(Code &code, Value address, ArriveRemoteOp::Adaptor op) {
  // Not .release.cluster: it becomes MEMBAR.ALL.GPU.
  code.ptx("{ .reg .b32 ra; mapa.shared::cluster.u32 ra, $0, $1; "
           "mbarrier.arrive.shared::cluster.b64 _, [ra]; }",
           "r,r,~{memory}", {address, op.getRank()});
}

void arriveExpect(Code &code, Value address, ArriveExpectOp::Adaptor op) {
  code.ptx("mbarrier.arrive.expect_tx.shared::cta.b64 _, [$0], $1;",
           "r,r,~{memory}", {address, op.getBytes()});
}

void wait(Code &code, Value address, WaitOp::Adaptor op) {
  // Without the time hint of nvvm.mbarrier.try_wait.parity; the labels are
  // local to the braces.
  code.ptx("{ .reg .pred p; W: mbarrier.try_wait.parity.shared::cta.b64 p, "
           "[$0], $1; @p bra D; bra W; D: }",
           "r,r,~{memory}", {address, op.getParity()});
}

void addSignal(Code &code, Value address, AddSignalOp::Adaptor) {
  // Not .release: it becomes MEMBAR.ALL.GPU, more than a microsecond.
  code.ptx("red.relaxed.gpu.global.add.u32 [$0], 1;", "l,~{memory}", address);
}

void waitSignal(Code &code, Value address, WaitSignalOp::Adaptor op) {
  // Sleeps between the looks (ns, at most twice as long), so that many who wait
  // do not keep the memory busy.
  code.ptx("{ .reg .pred p; .reg .b32 v; "
           "W: ld.acquire.gpu.global.u32 v, [$0]; setp.ge.s32 p, v, $1; "
           "@p bra D; nanosleep.u32 400; bra W; D: }",
           "l,r,~{memory}", {address, op.getCount()});
}

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
  patterns.add<LowerInitBarriers, LowerSync>(converter);
  patterns.add<LowerByAddress<ArriveOp>>(converter, arrive);
  patterns.add<LowerByAddress<ArriveRemoteOp>>(converter, arriveRemote);
  patterns.add<LowerByAddress<ArriveExpectOp>>(converter, arriveExpect);
  patterns.add<LowerByAddress<WaitOp>>(converter, wait);
  patterns.add<LowerByAddress<AddSignalOp>>(converter, addSignal);
  patterns.add<LowerByAddress<WaitSignalOp>>(converter, waitSignal);
  patterns.add<LowerPlain<FenceAsyncOp>>(converter, fenceAsync);
  patterns.add<LowerPlain<FenceBarriersOp>>(converter, fenceBarriers);
  patterns.add<LowerPlain<SyncWarpOp>>(converter, syncWarp);
  patterns.add<LowerPlain<ClusterSyncOp>>(converter, syncCluster);
  patterns.add<LowerPlain<WaitDependenciesOp>>(converter, waitDependencies);
  patterns.add<LowerPlain<LaunchDependentsOp>>(converter, launchDependents);
}
