// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What the patterns of -jet-lower-tile share. One pattern an op; each makes a
// short, fixed sequence of LLVM and NVVM.

#ifndef JET_LOWERING_TILE_LOWERTILE_H
#define JET_LOWERING_TILE_LOWERTILE_H

#include "dialects/tile/Tile.h"

#include "mlir/Conversion/LLVMCommon/ConversionTarget.h"
#include "mlir/Conversion/LLVMCommon/Pattern.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"

namespace jet::tile {

/// Attributes of a lowered kernel: bytes of dynamic shared memory.
inline constexpr llvm::StringLiteral kSharedBytesAttr = "tile.shared_bytes";

/// On a tile.kernel: so many CTAs are to fit in an SM, which bounds the
/// registers of a thread.
inline constexpr llvm::StringLiteral kResidentAttr = "tile.resident";

/// Attribute of tile.alloc while its kernel is lowered.
inline constexpr llvm::StringLiteral kOffsetAttr = "tile.offset";
/// The symbol of dynamic shared memory.
inline constexpr llvm::StringLiteral kSharedSymbol = "tile_shared";

/// Emits scalar code at one place. `index` is i32 throughout.
class Code {
public:
  Code(mlir::OpBuilder &builder, mlir::Location loc)
      : builder(builder), loc(loc) {}

  mlir::Value i32(int64_t value);
  mlir::Value i64(int64_t value);
  mlir::Value add(mlir::Value a, mlir::Value b);
  mlir::Value add(mlir::Value a, int64_t b);
  mlir::Value mul(mlir::Value a, int64_t b);
  mlir::Value shiftLeft(mlir::Value a, int64_t bits);
  mlir::Value shiftRight(mlir::Value a, int64_t bits);
  mlir::Value bitAnd(mlir::Value a, int64_t mask);
  mlir::Value bitXor(mlir::Value a, mlir::Value b);
  mlir::Value less(mlir::Value a, mlir::Value b); // signed
  mlir::Value extend(mlir::Value a);              // i32 to i64, signed

  mlir::Value threadId();
  mlir::Value laneId();
  /// The same in all lanes, as the assembler can see.
  mlir::Value warpId();
  /// Row of the thread's first element of an accumulator of `rows` rows.
  mlir::Value accRow(int64_t rows);
  /// Column of the thread's first element.
  mlir::Value accColumn();

  /// The pointer of an element of memory or of a shared tile.
  mlir::Value element(mlir::Type memory, mlir::Value base,
                      mlir::ValueRange indices);
  mlir::Value bytes(mlir::Value pointer, mlir::Value offset);
  mlir::Value barrier(mlir::Value barriers, mlir::Value slot);
  /// Shared memory as the cluster sees it.
  mlir::Value clusterPointer(mlir::Value pointer);

  /// Two f32 rounded to bf16 in one register, `low` in the lower half.
  mlir::Value packBf16(mlir::Value low, mlir::Value high);
  /// One of them again, as f32.
  mlir::Value unpackBf16(mlir::Value pair, bool high);
  llvm::SmallVector<mlir::Value> unpackStruct(mlir::Value value);
  mlir::Value packStruct(mlir::Type type, mlir::ValueRange values);
  mlir::Value shuffleXor(mlir::Value value, int64_t offset);
  /// Volatile inline PTX; no result without `result`.
  mlir::Value ptx(llvm::StringRef text, llvm::StringRef constraints,
                  mlir::ValueRange operands, mlir::Type result = {});

private:
  mlir::OpBuilder &builder;
  mlir::Location loc;
};

/// Ops without operands whose lowering is one op or a fixed few.
template <typename Op> struct LowerPlain : mlir::ConvertOpToLLVMPattern<Op> {
  using Emit = void (*)(mlir::OpBuilder &, mlir::Location);
  LowerPlain(const mlir::LLVMTypeConverter &converter, Emit emit)
      : mlir::ConvertOpToLLVMPattern<Op>(converter), emit(emit) {}
  mlir::LogicalResult
  matchAndRewrite(Op op, typename Op::Adaptor,
                  mlir::ConversionPatternRewriter &rewriter) const override {
    emit(rewriter, op.getLoc());
    rewriter.eraseOp(op);
    return mlir::success();
  }
  Emit emit;
};

/// An `emit` of LowerPlain that makes one op without operands.
template <typename Target>
void emitPlain(mlir::OpBuilder &builder, mlir::Location loc) {
  Target::create(builder, loc);
}

void populateKernelPatterns(const mlir::LLVMTypeConverter &converter,
                            mlir::RewritePatternSet &patterns);
void populateSyncPatterns(const mlir::LLVMTypeConverter &converter,
                          mlir::RewritePatternSet &patterns);
void populateCopyPatterns(const mlir::LLVMTypeConverter &converter,
                          mlir::RewritePatternSet &patterns);
void populateWgmmaPatterns(const mlir::LLVMTypeConverter &converter,
                           mlir::RewritePatternSet &patterns);
void populateMatrixPatterns(const mlir::LLVMTypeConverter &converter,
                            mlir::RewritePatternSet &patterns);

} // namespace jet::tile

#endif // JET_LOWERING_TILE_LOWERTILE_H
