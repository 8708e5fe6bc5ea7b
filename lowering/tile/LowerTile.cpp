// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "lowering/tile/LowerTile.h"
#include "lowering/Passes.h"

#include "mlir/Conversion/ArithToLLVM/ArithToLLVM.h"
#include "mlir/Conversion/ControlFlowToLLVM/ControlFlowToLLVM.h"
#include "mlir/Conversion/IndexToLLVM/IndexToLLVM.h"
#include "mlir/Conversion/LLVMCommon/TypeConverter.h"
#include "mlir/Conversion/MathToLLVM/MathToLLVM.h"
#include "mlir/Conversion/VectorToLLVM/ConvertVectorToLLVM.h"
#include "mlir/Dialect/Arith/Transforms/Passes.h"
#include "mlir/Transforms/DialectConversion.h"

namespace jet {
#define GEN_PASS_DEF_LOWERTILEPASS
#include "lowering/Passes.h.inc"
} // namespace jet

using namespace mlir;
using namespace jet;
using namespace jet::tile;

static Type repeat(Type type, int64_t count) {
  return LLVM::LLVMStructType::getLiteral(type.getContext(),
                                          SmallVector<Type>(count, type));
}

/// What a thread holds of each type. Registers of a warp are one struct: LLVM
/// carries it through loops without copies.
static void addTileTypes(LLVMTypeConverter &converter) {
  MLIRContext *context = &converter.getContext();
  Builder builder(context);
  auto pointer = [context](unsigned space) {
    return LLVM::LLVMPointerType::get(context, space);
  };
  Type f32 = builder.getF32Type(), i32 = builder.getI32Type();
  converter.addConversion([=](MemRefType) -> Type { return pointer(1); });
  converter.addConversion([=](TensorMapType) -> Type { return pointer(0); });
  converter.addConversion([=](SharedType) -> Type { return pointer(3); });
  converter.addConversion([=](BarriersType) -> Type { return pointer(3); });
  converter.addConversion(
      [=](AccType type) -> Type { return repeat(f32, type.getNumElements()); });
  converter.addConversion([=](RowsType) -> Type { return repeat(f32, 2); });
  converter.addConversion([=](FragType type) -> Type {
    return repeat(i32, type.getNumRegisters());
  });
}

namespace {

struct LowerTilePass : jet::impl::LowerTilePassBase<LowerTilePass> {
  void runOnOperation() override {
    assignSharedMemory();
    MLIRContext *context = &getContext();
    LowerToLLVMOptions options(context);
    // Registers are scarce, and global offsets are widened where they are
    // multiplied.
    options.overrideIndexBitwidth(32);
    LLVMTypeConverter converter(context, options);
    addTileTypes(converter);

    RewritePatternSet patterns(context);
    populateKernelPatterns(converter, patterns);
    populateSyncPatterns(converter, patterns);
    populateCopyPatterns(converter, patterns);
    populateWgmmaPatterns(converter, patterns);
    populateMatrixPatterns(converter, patterns);
    arith::populateCeilFloorDivExpandOpsPatterns(patterns);
    arith::populateArithToLLVMConversionPatterns(converter, patterns);
    cf::populateControlFlowToLLVMConversionPatterns(converter, patterns);
    index::populateIndexToLLVMConversionPatterns(converter, patterns);
    populateMathToLLVMConversionPatterns(converter, patterns);
    populateVectorToLLVMConversionPatterns(converter, patterns);

    LLVMConversionTarget target(*context);
    target.addLegalDialect<NVVM::NVVMDialect>();
    target.addLegalOp<ModuleOp, UnrealizedConversionCastOp>();
    if (failed(
            applyFullConversion(getOperation(), target, std::move(patterns))))
      signalPassFailure();
  }

private:
  /// Offsets of allocations, and the symbol they are relative to.
  void assignSharedMemory() {
    ModuleOp module = getOperation();
    Builder builder(&getContext());
    bool used = false;
    module.walk([&](KernelOp kernel) {
      SmallVector<int64_t> offsets = kernel.assignOffsets();
      size_t i = 0;
      for (AllocOp alloc : kernel.getBody().front().getOps<AllocOp>())
        alloc->setAttr(kOffsetAttr, builder.getI32IntegerAttr(offsets[i++]));
      kernel->setAttr(kSharedBytesAttr,
                      builder.getI32IntegerAttr(offsets.back()));
      used |= offsets.back() > 0;
    });
    if (!used || module.lookupSymbol(kSharedSymbol))
      return;
    OpBuilder top = OpBuilder::atBlockBegin(module.getBody());
    // Dynamic, as static shared memory ends at 48 KB; aligned for swizzles.
    LLVM::GlobalOp::create(top, module.getLoc(),
                           LLVM::LLVMArrayType::get(top.getI8Type(), 0),
                           /*isConstant=*/false, LLVM::Linkage::External,
                           kSharedSymbol, Attribute(), /*alignment=*/1024,
                           /*addrSpace=*/3);
  }
};

} // namespace
