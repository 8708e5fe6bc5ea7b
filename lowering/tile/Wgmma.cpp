// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// wgmma: descriptors, products, waits.

#include "lowering/tile/LowerTile.h"

using namespace mlir;
using namespace jet::tile;

namespace {

/// The matrix descriptor of a swizzled tile: address / 16 in bits 0-13, the
/// leading offset / 16 in 16-29, the stride offset / 16 in 32-45, the swizzle
/// in 62-63.
Value descriptor(OpBuilder &builder, Location loc, Value pointer,
                 SharedType tile, bool transposed) {
  Code code(builder, loc);
  int64_t swizzle = tile.getSwizzle();
  // The stride leads to the next 8 rows. The leading offset is unused (1) when
  // the contiguous dimension is one swizzled row; transposed it leads to the
  // next swizzled row of columns.
  uint64_t stride = 8 * swizzle / 16;
  uint64_t leading =
      transposed ? tile.dropLeading(1).getNumBytes() / 16 : uint64_t(1);
  uint64_t mode = swizzle == 128 ? 1 : swizzle == 64 ? 2 : 3;
  uint64_t fixed = mode << 62 | stride << 32 | leading << 16;
  Value address =
      LLVM::PtrToIntOp::create(builder, loc, builder.getI32Type(), pointer);
  Value low = code.bitAnd(code.shiftRight(address, 4), 0x3FFF);
  Value wide = LLVM::ZExtOp::create(builder, loc, builder.getI64Type(), low);
  return LLVM::OrOp::create(builder, loc, wide, code.i64(fixed));
}

struct LowerWgmma : ConvertOpToLLVMPattern<WgmmaOp> {
  using ConvertOpToLLVMPattern::ConvertOpToLLVMPattern;

  LogicalResult
  matchAndRewrite(WgmmaOp op, OpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    Location loc = op.getLoc();
    Code code(rewriter, loc);
    SharedType b = op.getB().getType();
    Value descB =
        descriptor(rewriter, loc, adaptor.getB(), b, op.getTransposed());
    // 16 along K: 32 bytes in a row, or 16 rows.
    int64_t stepA = op.getTurned() ? 128 : 2;
    int64_t stepB = op.getTransposed() ? b.getSwizzle() : 2;
    auto fragA = dyn_cast<FragType>(op.getA().getType());
    int64_t k = fragA ? fragA.getColumns()
                      : cast<SharedType>(op.getA().getType())
                            .getShape()[op.getTurned() ? 0 : 1];
    Value descA;
    SmallVector<Value> registersA;
    if (fragA)
      registersA = code.unpackStruct(adaptor.getA());
    else
      descA = descriptor(rewriter, loc, adaptor.getA(),
                         cast<SharedType>(op.getA().getType()), op.getTurned());

    Type type = getTypeConverter()->convertType(op.getType());
    Value acc = adaptor.getC();
    for (int64_t i = 0; i < k / 16; ++i) {
      Value stepDescB = code.add(descB, stepB * i);
      bool accumulate = bool(acc);
      if (!acc)
        acc = LLVM::UndefOp::create(rewriter, loc, type);
      if (fragA)
        acc = fromRegisters(rewriter, op, acc, accumulate,
                            ArrayRef(registersA).slice(4 * i, 4), stepDescB);
      else
        acc = fromShared(rewriter, op, acc, accumulate,
                         code.add(descA, stepA * i), stepDescB);
    }
    rewriter.replaceOp(op, acc);
    return success();
  }

  static Value fromShared(OpBuilder &builder, WgmmaOp op, Value acc,
                          bool accumulate, Value descA, Value descB) {
    auto shape = NVVM::MMAShapeAttr::get(op.getContext(), 64,
                                         op.getType().getColumns(), 16);
    return NVVM::WgmmaMmaAsyncOp::create(
        builder, op.getLoc(), acc.getType(), acc, descA, descB, shape,
        NVVM::WGMMATypes::bf16, NVVM::WGMMATypes::bf16, NVVM::WGMMATypes::f32,
        accumulate ? NVVM::WGMMAScaleOut::one : NVVM::WGMMAScaleOut::zero,
        NVVM::WGMMAScaleIn::one, NVVM::WGMMAScaleIn::one,
        op.getTurned() ? NVVM::MMALayout::col : NVVM::MMALayout::row,
        op.getTransposed() ? NVVM::MMALayout::row : NVVM::MMALayout::col,
        NVVM::MMAIntOverflowAttr());
  }

  /// NVVM has no form with A in registers.
  static Value fromRegisters(OpBuilder &builder, WgmmaOp op, Value acc,
                             bool accumulate, ArrayRef<Value> a, Value descB) {
    Code code(builder, op.getLoc());
    int64_t count = op.getType().getNumElements();
    std::string text, constraints;
    llvm::raw_string_ostream out(text), list(constraints);
    out << "wgmma.mma_async.sync.aligned.m64n" << op.getType().getColumns()
        << "k16.f32.bf16.bf16 {";
    for (int64_t i = 0; i < count; ++i) {
      out << (i ? ", $" : "$") << i;
      list << "=f,";
    }
    out << "}, {$" << 2 * count << ", $" << 2 * count + 1 << ", $"
        << 2 * count + 2 << ", $" << 2 * count + 3 << "}, $" << 2 * count + 4
        << (accumulate ? ", 1" : ", 0") << ", 1, 1, "
        << (op.getTransposed() ? "1;" : "0;");
    for (int64_t i = 0; i < count; ++i)
      list << i << ",";
    list << "r,r,r,r,l";
    SmallVector<Value> operands = code.unpackStruct(acc);
    operands.append(a.begin(), a.end());
    operands.push_back(descB);
    return code.ptx(text, constraints, operands, acc.getType());
  }
};

struct LowerWgmmaWait : ConvertOpToLLVMPattern<WgmmaWaitOp> {
  using ConvertOpToLLVMPattern::ConvertOpToLLVMPattern;
  LogicalResult
  matchAndRewrite(WgmmaWaitOp op, OpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    Location loc = op.getLoc();
    Code code(rewriter, loc);
    if (adaptor.getAccumulators().empty()) {
      rewriter.replaceOpWithNewOp<NVVM::WgmmaWaitGroupSyncOp>(op,
                                                              op.getPending());
      return success();
    }
    // The wait names the registers, or their uses could move above it.
    SmallVector<Value> values;
    for (Value acc : adaptor.getAccumulators())
      llvm::append_range(values, code.unpackStruct(acc));
    std::string constraints;
    llvm::raw_string_ostream list(constraints);
    for (size_t i = 0; i < values.size(); ++i)
      list << "=f,";
    for (size_t i = 0; i < values.size(); ++i)
      list << i << (i + 1 < values.size() ? "," : "");
    Type all = LLVM::LLVMStructType::getLiteral(
        getContext(), SmallVector<Type>(values.size(), rewriter.getF32Type()));
    Value waited = code.ptx("wgmma.wait_group.sync.aligned " +
                                std::to_string(op.getPending()) + ";",
                            constraints, values, all);
    SmallVector<Value> results = code.unpackStruct(waited), replacements;
    ArrayRef<Value> rest = results;
    for (AccType type : llvm::map_range(op.getResultTypes(), [](Type type) {
           return cast<AccType>(type);
         })) {
      replacements.push_back(
          code.packStruct(getTypeConverter()->convertType(type),
                          rest.take_front(type.getNumElements())));
      rest = rest.drop_front(type.getNumElements());
    }
    rewriter.replaceOp(op, replacements);
    return success();
  }
};

} // namespace

void jet::tile::populateWgmmaPatterns(const LLVMTypeConverter &converter,
                                      RewritePatternSet &patterns) {
  patterns.add<LowerWgmma, LowerWgmmaWait>(converter);
  patterns.add<LowerPlain<WgmmaFenceOp>>(converter,
                                         emitPlain<NVVM::WgmmaFenceAlignedOp>);
  patterns.add<LowerPlain<WgmmaCommitOp>>(
      converter, emitPlain<NVVM::WgmmaGroupSyncAlignedOp>);
}
