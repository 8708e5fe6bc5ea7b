// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Kernels, shared memory, roles, ids.

#include "lowering/tile/LowerTile.h"

using namespace mlir;
using namespace jet::tile;

namespace {

/// Registers of a thread at the start of a kernel whose CTA has an SM for
/// itself.
int64_t entryRegisters(int64_t block) {
  return std::min<int64_t>(kMaxRegisters / block / 8 * 8, 255);
}

struct LowerKernel : ConvertOpToLLVMPattern<KernelOp> {
  using ConvertOpToLLVMPattern::ConvertOpToLLVMPattern;
  LogicalResult
  matchAndRewrite(KernelOp op, OpAdaptor,
                  ConversionPatternRewriter &rewriter) const override {
    TypeConverter::SignatureConversion signature(op.getNumArguments());
    SmallVector<Type> types;
    for (auto [i, type] : llvm::enumerate(op.getArgumentTypes())) {
      Type converted = getTypeConverter()->convertType(type);
      if (!converted)
        return rewriter.notifyMatchFailure(op, "argument has no LLVM type");
      signature.addInputs(i, converted);
      types.push_back(converted);
    }
    auto type = LLVM::LLVMFunctionType::get(
        LLVM::LLVMVoidType::get(getContext()), types);
    auto function =
        LLVM::LLVMFuncOp::create(rewriter, op.getLoc(), op.getSymName(), type);
    setAttributes(op, function, rewriter);
    for (auto [i, type] : llvm::enumerate(op.getArgumentTypes()))
      if (isa<TensorMapType>(type))
        passByValue(function, i, rewriter);
    rewriter.inlineRegionBefore(op.getBody(), function.getBody(),
                                function.end());
    if (failed(rewriter.convertRegionTypes(&function.getBody(),
                                           *getTypeConverter(), &signature)))
      return failure();
    rewriter.eraseOp(op);
    return success();
  }

  static void setAttributes(KernelOp op, LLVM::LLVMFuncOp function,
                            Builder builder) {
    MLIRContext *context = op.getContext();
    using Name = NVVM::NVVMDialect;
    function->setAttr(Name::getKernelFuncAttrName(), builder.getUnitAttr());
    function->setAttr(
        Name::getReqntidAttrName(),
        builder.getDenseI32ArrayAttr({int32_t(op.getBlock()), 1, 1}));
    if (op.getCluster() > 1)
      function->setAttr(
          Name::getClusterDimAttrName(),
          builder.getDenseI32ArrayAttr({int32_t(op.getCluster()), 1, 1}));
    // The assembler needs the register count at entry for setmaxnreg.
    bool budgets = false;
    op.walk([&](RoleOp role) { budgets |= role.getRegisters().has_value(); });
    if (budgets)
      function->setAttr(Name::getMinctasmAttrName(),
                        builder.getI32IntegerAttr(1));
    if (auto resident = op->getAttrOfType<IntegerAttr>(kResidentAttr))
      function->setAttr(Name::getMinctasmAttrName(), resident);
    if (Attribute bytes = op->getAttr(kSharedBytesAttr))
      function->setAttr(kSharedBytesAttr, bytes);
    (void)context;
  }

  /// A descriptor is 128 bytes in the parameters of the launch.
  static void passByValue(LLVM::LLVMFuncOp function, unsigned argument,
                          Builder builder) {
    auto bytes = LLVM::LLVMArrayType::get(builder.getI64Type(), 16);
    function.setArgAttr(argument, "llvm.byval", TypeAttr::get(bytes));
    function.setArgAttr(argument, "llvm.align", builder.getI64IntegerAttr(64));
    function.setArgAttr(argument, "nvvm.grid_constant", builder.getUnitAttr());
  }
};

struct LowerReturn : ConvertOpToLLVMPattern<ReturnOp> {
  using ConvertOpToLLVMPattern::ConvertOpToLLVMPattern;
  LogicalResult
  matchAndRewrite(ReturnOp op, OpAdaptor,
                  ConversionPatternRewriter &rewriter) const override {
    // Returns of a role are rewritten with their role.
    if (isa<RoleOp>(op->getParentOp()))
      return failure();
    rewriter.replaceOpWithNewOp<LLVM::ReturnOp>(op, ValueRange());
    return success();
  }
};

struct LowerAlloc : ConvertOpToLLVMPattern<AllocOp> {
  using ConvertOpToLLVMPattern::ConvertOpToLLVMPattern;
  LogicalResult
  matchAndRewrite(AllocOp op, OpAdaptor,
                  ConversionPatternRewriter &rewriter) const override {
    Code code(rewriter, op.getLoc());
    auto pointer = LLVM::LLVMPointerType::get(getContext(), 3);
    Value base = LLVM::AddressOfOp::create(rewriter, op.getLoc(), pointer,
                                           kSharedSymbol);
    int64_t offset = op->getAttrOfType<IntegerAttr>(kOffsetAttr).getInt();
    rewriter.replaceOp(op, code.bytes(base, code.i32(offset)));
    return success();
  }
};

struct LowerSlice : ConvertOpToLLVMPattern<SliceOp> {
  using ConvertOpToLLVMPattern::ConvertOpToLLVMPattern;
  LogicalResult
  matchAndRewrite(SliceOp op, OpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    Code code(rewriter, op.getLoc());
    Value linear;
    ArrayRef<int64_t> shape = op.getSource().getType().getShape();
    for (auto [size, index] :
         llvm::zip(shape, adaptor.getIndices())) // the leading sizes
      linear = linear ? code.add(code.mul(linear, size), index) : index;
    if (!linear) {
      rewriter.replaceOp(op, adaptor.getSource());
      return success();
    }
    Value offset = code.mul(linear, op.getType().getNumBytes());
    rewriter.replaceOp(op, code.bytes(adaptor.getSource(), offset));
    return success();
  }
};

struct LowerReuse : ConvertOpToLLVMPattern<ReuseOp> {
  using ConvertOpToLLVMPattern::ConvertOpToLLVMPattern;
  LogicalResult
  matchAndRewrite(ReuseOp op, OpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    Code code(rewriter, op.getLoc());
    rewriter.replaceOp(
        op, code.bytes(adaptor.getSource(), code.i32(op.getOffset())));
    return success();
  }
};

struct LowerView : ConvertOpToLLVMPattern<ViewOp> {
  using ConvertOpToLLVMPattern::ConvertOpToLLVMPattern;
  LogicalResult
  matchAndRewrite(ViewOp op, OpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    rewriter.replaceOp(op, adaptor.getSource());
    return success();
  }
};

/// if (warp < end of first) first else if (warp < end of second) …
struct LowerRoles : ConvertOpToLLVMPattern<RolesOp> {
  using ConvertOpToLLVMPattern::ConvertOpToLLVMPattern;
  LogicalResult
  matchAndRewrite(RolesOp op, OpAdaptor,
                  ConversionPatternRewriter &rewriter) const override {
    Location loc = op.getLoc();
    auto function = op->getParentOfType<LLVM::LLVMFuncOp>();
    if (!function)
      return failure();
    auto reqntid = function->getAttrOfType<DenseI32ArrayAttr>(
        NVVM::NVVMDialect::getReqntidAttrName());
    int64_t entry = entryRegisters(reqntid[0]);

    Block *block = rewriter.getInsertionBlock();
    Block *next = rewriter.splitBlock(block, rewriter.getInsertionPoint());
    rewriter.setInsertionPointToEnd(block);
    Value warp = Code(rewriter, loc).warpId();
    int64_t end = 0;
    SmallVector<RoleOp> roles(op.getBody().front().getOps<RoleOp>());
    for (RoleOp role : roles) {
      Block *body = &role.getBody().front();
      end += role.getThreads() / 32;
      for (Block &inner : role.getBody())
        if (isa<ReturnOp>(inner.getTerminator())) {
          rewriter.setInsertionPointToEnd(&inner);
          rewriter.replaceOpWithNewOp<LLVM::BrOp>(inner.getTerminator(),
                                                  ValueRange(), next);
        }
      if (role.getRegisters() && *role.getRegisters() != entry) {
        rewriter.setInsertionPointToStart(body);
        NVVM::SetMaxRegisterOp::create(
            rewriter, role.getLoc(), *role.getRegisters(),
            *role.getRegisters() > entry
                ? NVVM::SetMaxRegisterAction::increase
                : NVVM::SetMaxRegisterAction::decrease);
      }
      rewriter.inlineRegionBefore(role.getBody(), next);
      rewriter.setInsertionPointToEnd(block);
      if (role == roles.back()) {
        LLVM::BrOp::create(rewriter, loc, body);
        break;
      }
      Block *other = rewriter.createBlock(next);
      rewriter.setInsertionPointToEnd(block);
      Code code(rewriter, loc);
      LLVM::CondBrOp::create(rewriter, loc, code.less(warp, code.i32(end)),
                             body, other);
      block = other;
    }
    rewriter.eraseOp(op);
    return success();
  }
};

/// Ids, by a member function of Code.
template <typename Op, Value (Code::*id)(), int64_t shift = 0>
struct LowerId : ConvertOpToLLVMPattern<Op> {
  using ConvertOpToLLVMPattern<Op>::ConvertOpToLLVMPattern;
  LogicalResult
  matchAndRewrite(Op op, typename Op::Adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    Code code(rewriter, op.getLoc());
    Value value = (code.*id)();
    rewriter.replaceOp(op, shift ? code.shiftRight(value, shift) : value);
    return success();
  }
};

template <typename Op, typename X, typename Y, typename Z>
struct LowerGrid : ConvertOpToLLVMPattern<Op> {
  using ConvertOpToLLVMPattern<Op>::ConvertOpToLLVMPattern;
  LogicalResult
  matchAndRewrite(Op op, typename Op::Adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    Type i32 = rewriter.getI32Type();
    switch (op.getAxis()) {
    case Axis::x:
      rewriter.replaceOpWithNewOp<X>(op, i32);
      break;
    case Axis::y:
      rewriter.replaceOpWithNewOp<Y>(op, i32);
      break;
    case Axis::z:
      rewriter.replaceOpWithNewOp<Z>(op, i32);
      break;
    }
    return success();
  }
};

struct LowerClusterRank : ConvertOpToLLVMPattern<ClusterRankOp> {
  using ConvertOpToLLVMPattern::ConvertOpToLLVMPattern;
  LogicalResult
  matchAndRewrite(ClusterRankOp op, OpAdaptor,
                  ConversionPatternRewriter &rewriter) const override {
    rewriter.replaceOpWithNewOp<NVVM::ClusterId>(op, rewriter.getI32Type());
    return success();
  }
};

struct LowerElect : ConvertOpToLLVMPattern<ElectOp> {
  using ConvertOpToLLVMPattern::ConvertOpToLLVMPattern;
  LogicalResult
  matchAndRewrite(ElectOp op, OpAdaptor,
                  ConversionPatternRewriter &rewriter) const override {
    rewriter.replaceOpWithNewOp<NVVM::ElectSyncOp>(op, rewriter.getI1Type(),
                                                   Value());
    return success();
  }
};

} // namespace

void jet::tile::populateKernelPatterns(const LLVMTypeConverter &converter,
                                       RewritePatternSet &patterns) {
  patterns
      .add<LowerKernel, LowerReturn, LowerAlloc, LowerSlice, LowerView,
           LowerReuse, LowerRoles, LowerId<ThreadIdOp, &Code::threadId>,
           LowerId<LaneIdOp, &Code::laneId>, LowerId<WarpIdOp, &Code::warpId>,
           LowerId<WarpgroupIdOp, &Code::warpId, 2>,
           LowerGrid<BlockIdOp, NVVM::BlockIdXOp, NVVM::BlockIdYOp,
                     NVVM::BlockIdZOp>,
           LowerGrid<GridDimOp, NVVM::GridDimXOp, NVVM::GridDimYOp,
                     NVVM::GridDimZOp>,
           LowerClusterRank, LowerElect>(converter);
}
