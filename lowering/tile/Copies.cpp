// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Loads, stores and asynchronous copies; scalar approximations.

#include "lowering/tile/LowerTile.h"

using namespace mlir;
using namespace jet::tile;

namespace {

int64_t byteSize(Type type) {
  if (auto vector = dyn_cast<VectorType>(type))
    return vector.getNumElements() * vector.getElementTypeBitWidth() / 8;
  return type.getIntOrFloatBitWidth() / 8;
}

struct LowerLoad : ConvertOpToLLVMPattern<LoadOp> {
  using ConvertOpToLLVMPattern::ConvertOpToLLVMPattern;
  LogicalResult
  matchAndRewrite(LoadOp op, OpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    Location loc = op.getLoc();
    Value pointer = Code(rewriter, loc)
                        .element(op.getMemory().getType(), adaptor.getMemory(),
                                 adaptor.getIndices());
    unsigned alignment = byteSize(op.getType());
    if (!op.getMask()) {
      rewriter.replaceOpWithNewOp<LLVM::LoadOp>(op, op.getType(), pointer,
                                                alignment);
      return success();
    }
    Block *block = rewriter.getInsertionBlock();
    Block *next = rewriter.splitBlock(block, rewriter.getInsertionPoint());
    Value result = next->addArgument(op.getType(), loc);
    Block *then = rewriter.createBlock(next);
    Value value =
        LLVM::LoadOp::create(rewriter, loc, op.getType(), pointer, alignment);
    LLVM::BrOp::create(rewriter, loc, value, next);
    rewriter.setInsertionPointToEnd(block);
    LLVM::CondBrOp::create(rewriter, loc, adaptor.getMask(), then, ValueRange(),
                           next, adaptor.getOther());
    rewriter.replaceOp(op, result);
    return success();
  }
};

struct LowerStore : ConvertOpToLLVMPattern<StoreOp> {
  using ConvertOpToLLVMPattern::ConvertOpToLLVMPattern;
  LogicalResult
  matchAndRewrite(StoreOp op, OpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    Location loc = op.getLoc();
    Value pointer = Code(rewriter, loc)
                        .element(op.getMemory().getType(), adaptor.getMemory(),
                                 adaptor.getIndices());
    unsigned alignment = byteSize(op.getValue().getType());
    if (op.getMask()) {
      Block *block = rewriter.getInsertionBlock();
      Block *next = rewriter.splitBlock(block, rewriter.getInsertionPoint());
      Block *then = rewriter.createBlock(next);
      LLVM::BrOp::create(rewriter, loc, next);
      rewriter.setInsertionPointToEnd(block);
      LLVM::CondBrOp::create(rewriter, loc, adaptor.getMask(), then, next);
      rewriter.setInsertionPointToStart(then);
    }
    LLVM::StoreOp::create(rewriter, loc, adaptor.getValue(), pointer,
                          alignment);
    rewriter.eraseOp(op);
    return success();
  }
};

/// The element's address in the shared memory of the CTA that `op` names.
template <typename Op>
Value remoteElement(Op op, typename Op::Adaptor adaptor,
                    ConversionPatternRewriter &rewriter) {
  Value own = Code(rewriter, op.getLoc())
                  .element(op.getMemory().getType(), adaptor.getMemory(),
                           adaptor.getIndices());
  auto cluster = LLVM::LLVMPointerType::get(op.getContext(), 7);
  return NVVM::MapaOp::create(rewriter, op.getLoc(), cluster, own,
                              adaptor.getRank());
}

struct LowerLoadRemote : ConvertOpToLLVMPattern<LoadRemoteOp> {
  using ConvertOpToLLVMPattern::ConvertOpToLLVMPattern;
  LogicalResult
  matchAndRewrite(LoadRemoteOp op, OpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    rewriter.replaceOpWithNewOp<LLVM::LoadOp>(
        op, op.getType(), remoteElement(op, adaptor, rewriter),
        byteSize(op.getType()));
    return success();
  }
};

struct LowerStoreRemote : ConvertOpToLLVMPattern<StoreRemoteOp> {
  using ConvertOpToLLVMPattern::ConvertOpToLLVMPattern;
  LogicalResult
  matchAndRewrite(StoreRemoteOp op, OpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    rewriter.replaceOpWithNewOp<LLVM::StoreOp>(
        op, adaptor.getValue(), remoteElement(op, adaptor, rewriter),
        byteSize(op.getValue().getType()));
    return success();
  }
};

/// TMA counts coordinates from the innermost.
SmallVector<Value> reverse(ValueRange coordinates) {
  return llvm::to_vector(llvm::reverse(coordinates));
}

/// createpolicy.fractional.L2 with fraction 1, as the hardware encodes it.
int64_t evictPolicy(Evict evict) {
  return evict == Evict::first ? 0x12F0000000000000 : 0x14F0000000000000;
}

struct LowerTmaLoad : ConvertOpToLLVMPattern<TmaLoadOp> {
  using ConvertOpToLLVMPattern::ConvertOpToLLVMPattern;
  LogicalResult
  matchAndRewrite(TmaLoadOp op, OpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    Code code(rewriter, op.getLoc());
    Value policy =
        op.getEvict() ? code.i64(evictPolicy(*op.getEvict())) : Value();
    NVVM::CpAsyncBulkTensorGlobalToSharedClusterOp::create(
        rewriter, op.getLoc(), code.clusterPointer(adaptor.getDestination()),
        adaptor.getMap(), reverse(adaptor.getCoordinates()),
        code.barrier(adaptor.getBarriers(), adaptor.getSlot()), ValueRange(),
        adaptor.getMulticast(), policy, NVVM::TMALoadMode::TILE,
        /*isCTAOnly=*/false, NVVM::CTAGroupKindAttr(), Value());
    rewriter.eraseOp(op);
    return success();
  }
};

struct LowerTmaStore : ConvertOpToLLVMPattern<TmaStoreOp> {
  using ConvertOpToLLVMPattern::ConvertOpToLLVMPattern;
  LogicalResult
  matchAndRewrite(TmaStoreOp op, OpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    NVVM::CpAsyncBulkTensorSharedCTAToGlobalOp::create(
        rewriter, op.getLoc(), adaptor.getMap(), adaptor.getSource(),
        reverse(adaptor.getCoordinates()), Value(), NVVM::TMAStoreMode::TILE,
        Value());
    rewriter.eraseOp(op);
    return success();
  }
};

struct LowerTmaPrefetch : ConvertOpToLLVMPattern<TmaPrefetchOp> {
  using ConvertOpToLLVMPattern::ConvertOpToLLVMPattern;
  LogicalResult
  matchAndRewrite(TmaPrefetchOp op, OpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    NVVM::CpAsyncBulkTensorPrefetchOp::create(
        rewriter, op.getLoc(), adaptor.getMap(),
        reverse(adaptor.getCoordinates()), ValueRange(),
        NVVM::TMALoadMode::TILE, Value());
    rewriter.eraseOp(op);
    return success();
  }
};

struct LowerPrefetchMap : ConvertOpToLLVMPattern<PrefetchMapOp> {
  using ConvertOpToLLVMPattern::ConvertOpToLLVMPattern;
  LogicalResult
  matchAndRewrite(PrefetchMapOp op, OpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    NVVM::PrefetchOp::create(rewriter, op.getLoc(),
                             NVVM::PrefetchCacheLevelAttr(),
                             NVVM::CacheEvictionPriorityAttr(),
                             adaptor.getMap(), Value(), /*tensormap=*/true);
    rewriter.eraseOp(op);
    return success();
  }
};

struct LowerBulkLoad : ConvertOpToLLVMPattern<BulkLoadOp> {
  using ConvertOpToLLVMPattern::ConvertOpToLLVMPattern;
  LogicalResult
  matchAndRewrite(BulkLoadOp op, OpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    Code code(rewriter, op.getLoc());
    NVVM::CpAsyncBulkGlobalToSharedClusterOp::create(
        rewriter, op.getLoc(), code.clusterPointer(adaptor.getDestination()),
        code.element(op.getMemory().getType(), adaptor.getMemory(),
                     adaptor.getIndices()),
        code.barrier(adaptor.getBarriers(), adaptor.getSlot()),
        code.i32(op.getDestination().getType().getNumBytes()), Value(),
        Value());
    rewriter.eraseOp(op);
    return success();
  }
};

struct LowerBulkStore : ConvertOpToLLVMPattern<BulkStoreOp> {
  using ConvertOpToLLVMPattern::ConvertOpToLLVMPattern;
  LogicalResult
  matchAndRewrite(BulkStoreOp op, OpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    Code code(rewriter, op.getLoc());
    NVVM::CpAsyncBulkSharedCTAToGlobalOp::create(
        rewriter, op.getLoc(),
        code.element(op.getMemory().getType(), adaptor.getMemory(),
                     adaptor.getIndices()),
        adaptor.getSource(), code.i32(op.getSource().getType().getNumBytes()),
        Value(), Value());
    rewriter.eraseOp(op);
    return success();
  }
};

struct LowerBulkWait : ConvertOpToLLVMPattern<BulkWaitOp> {
  using ConvertOpToLLVMPattern::ConvertOpToLLVMPattern;
  LogicalResult
  matchAndRewrite(BulkWaitOp op, OpAdaptor,
                  ConversionPatternRewriter &rewriter) const override {
    rewriter.replaceOpWithNewOp<NVVM::CpAsyncBulkWaitGroupOp>(
        op, op.getPending(), op.getReadAttr());
    return success();
  }
};

struct LowerCpAsync : ConvertOpToLLVMPattern<CpAsyncOp> {
  using ConvertOpToLLVMPattern::ConvertOpToLLVMPattern;
  LogicalResult
  matchAndRewrite(CpAsyncOp op, OpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    Location loc = op.getLoc();
    Code code(rewriter, loc);
    SharedType tile = op.getDestination().getType();
    int64_t bytes = int64_t(op.getCount()) *
                    tile.getElementType().getIntOrFloatBitWidth() / 8;
    // Bytes to read; the rest are zeros.
    Value size;
    if (op.getMask())
      size = LLVM::SelectOp::create(rewriter, loc, adaptor.getMask(),
                                    code.i32(bytes), code.i32(0));
    // 16-byte copies bypass L1.
    auto cache = bytes == 16 ? NVVM::LoadCacheModifierKind::CG
                             : NVVM::LoadCacheModifierKind::CA;
    NVVM::CpAsyncOp::create(
        rewriter, loc,
        code.element(tile, adaptor.getDestination(), adaptor.getAt()),
        code.element(op.getMemory().getType(), adaptor.getMemory(),
                     adaptor.getIndices()),
        bytes, cache, size);
    rewriter.eraseOp(op);
    return success();
  }
};

struct LowerCpAsyncWait : ConvertOpToLLVMPattern<CpAsyncWaitOp> {
  using ConvertOpToLLVMPattern::ConvertOpToLLVMPattern;
  LogicalResult
  matchAndRewrite(CpAsyncWaitOp op, OpAdaptor,
                  ConversionPatternRewriter &rewriter) const override {
    rewriter.replaceOpWithNewOp<NVVM::CpAsyncWaitGroupOp>(op, op.getPending());
    return success();
  }
};

struct LowerShuffleXor : ConvertOpToLLVMPattern<ShuffleXorOp> {
  using ConvertOpToLLVMPattern::ConvertOpToLLVMPattern;
  LogicalResult
  matchAndRewrite(ShuffleXorOp op, OpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    rewriter.replaceOp(op, Code(rewriter, op.getLoc())
                               .shuffleXor(adaptor.getValue(), op.getOffset()));
    return success();
  }
};

struct LowerExp2 : ConvertOpToLLVMPattern<Exp2Op> {
  using ConvertOpToLLVMPattern::ConvertOpToLLVMPattern;
  LogicalResult
  matchAndRewrite(Exp2Op op, OpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    rewriter.replaceOpWithNewOp<LLVM::CallIntrinsicOp>(
        op, op.getType(), rewriter.getStringAttr("llvm.nvvm.ex2.approx.ftz.f"),
        adaptor.getValue());
    return success();
  }
};

struct LowerRcp : ConvertOpToLLVMPattern<RcpOp> {
  using ConvertOpToLLVMPattern::ConvertOpToLLVMPattern;
  LogicalResult
  matchAndRewrite(RcpOp op, OpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    rewriter.replaceOpWithNewOp<NVVM::RcpApproxFtzF32Op>(op, op.getType(),
                                                         adaptor.getValue());
    return success();
  }
};

} // namespace

void jet::tile::populateCopyPatterns(const LLVMTypeConverter &converter,
                                     RewritePatternSet &patterns) {
  patterns.add<LowerLoad, LowerLoadRemote, LowerStoreRemote, LowerStore,
               LowerTmaLoad, LowerTmaStore, LowerTmaPrefetch, LowerPrefetchMap,
               LowerBulkLoad, LowerBulkStore, LowerBulkWait, LowerCpAsync,
               LowerCpAsyncWait, LowerShuffleXor, LowerExp2, LowerRcp>(
      converter);
  patterns.add<LowerPlain<BulkCommitOp>>(
      converter, emitPlain<NVVM::CpAsyncBulkCommitGroupOp>);
  patterns.add<LowerPlain<CpAsyncCommitOp>>(
      converter, emitPlain<NVVM::CpAsyncCommitGroupOp>);
}
