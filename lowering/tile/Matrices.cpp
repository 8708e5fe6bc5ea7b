// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Matrices of a warp or a warpgroup: mma.sync, ldmatrix, maps, reductions,
// stores.

#include "lowering/tile/LowerTile.h"

#include "mlir/IR/IRMapping.h"

using namespace mlir;
using namespace jet::tile;

namespace {

struct LowerLoadMatrix : ConvertOpToLLVMPattern<LoadMatrixOp> {
  using ConvertOpToLLVMPattern::ConvertOpToLLVMPattern;

  /// Row and column, within the 16×16 or 8×16 elements of an instruction, that
  /// this lane points to. Matrices of 8×8 come from lanes 0-7, 8-15, ….
  static std::pair<Value, Value> lanePlace(Code &code, bool rowsFirst) {
    Value lane = code.laneId();
    if (rowsFirst) // below each other, then right
      return {code.bitAnd(lane, 15),
              code.shiftLeft(code.shiftRight(lane, 4), 3)};
    Value low = code.bitAnd(lane, 7);
    return {code.add(low, code.shiftLeft(code.shiftRight(lane, 4), 3)),
            code.bitAnd(lane, 8)};
  }

  LogicalResult
  matchAndRewrite(LoadMatrixOp op, OpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    Location loc = op.getLoc();
    Code code(rewriter, loc);
    FragType frag = op.getType();
    bool transposed = op.getTransposed();
    auto [row, column] = lanePlace(code, frag.isA() || transposed);
    // 16 rows of the fragment an instruction, or the 8 of a last one.
    SmallVector<Value> registers;
    for (int64_t k = 0; k < frag.getColumns(); k += 16)
      for (int64_t n = 0; n < frag.getRows(); n += 16) {
        int64_t num = frag.getRows() - n == 8 ? 2 : 4;
        int64_t moreRows = transposed ? k : n, moreColumns = transposed ? n : k;
        // Of a last 8 rows, lanes 16-31 repeat the addresses of 0-15.
        Value r = row, c = column;
        if (num == 2) {
          if (transposed)
            c = code.i32(0);
          else
            r = code.bitAnd(row, 7);
        }
        r = code.add(code.add(adaptor.getRow(), r), moreRows);
        c = code.add(code.add(adaptor.getColumn(), c), moreColumns);
        Value pointer =
            code.element(op.getSource().getType(), adaptor.getSource(), {r, c});
        llvm::append_range(
            registers,
            code.unpackStruct(load(rewriter, loc, pointer, num, transposed)));
      }
    rewriter.replaceOp(
        op, code.packStruct(getTypeConverter()->convertType(frag), registers));
    return success();
  }

  static Value load(OpBuilder &builder, Location loc, Value pointer,
                    int64_t num, bool transposed) {
    Type type = LLVM::LLVMStructType::getLiteral(
        builder.getContext(), SmallVector<Type>(num, builder.getI32Type()));
    return NVVM::LdMatrixOp::create(
        builder, loc, type, pointer, num,
        transposed ? NVVM::MMALayout::col : NVVM::MMALayout::row,
        NVVM::LdStMatrixShapeAttr::get(builder.getContext(), 8, 8),
        NVVM::LdStMatrixEltType::B16);
  }
};

struct LowerMma : ConvertOpToLLVMPattern<MmaOp> {
  using ConvertOpToLLVMPattern::ConvertOpToLLVMPattern;
  LogicalResult
  matchAndRewrite(MmaOp op, OpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    Code code(rewriter, op.getLoc());
    SmallVector<Value> a = code.unpackStruct(adaptor.getA());
    SmallVector<Value> b = code.unpackStruct(adaptor.getB());
    SmallVector<Value> c = code.unpackStruct(adaptor.getC());
    Type four = LLVM::LLVMStructType::getLiteral(
        getContext(), SmallVector<Type>(4, rewriter.getF32Type()));
    int64_t tiles = op.getType().getColumns() / 8;
    for (int64_t k = 0; k < op.getA().getType().getColumns() / 16; ++k)
      for (int64_t n = 0; n < tiles; ++n) {
        Value product = NVVM::MmaOp::create(
            rewriter, op.getLoc(), four, ValueRange(a).slice(4 * k, 4),
            ValueRange(b).slice(2 * (k * tiles + n), 2),
            ValueRange(c).slice(4 * n, 4), ArrayRef<int64_t>{16, 8, 16},
            std::nullopt, std::nullopt,
            std::array{NVVM::MMATypes::bf16, NVVM::MMATypes::bf16},
            std::array{NVVM::MMALayout::row, NVVM::MMALayout::col});
        llvm::copy(code.unpackStruct(product), c.begin() + 4 * n);
      }
    rewriter.replaceOp(op, code.packStruct(adaptor.getC().getType(), c));
    return success();
  }
};

struct LowerSplat : ConvertOpToLLVMPattern<SplatOp> {
  using ConvertOpToLLVMPattern::ConvertOpToLLVMPattern;
  LogicalResult
  matchAndRewrite(SplatOp op, OpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    auto type = cast<LLVM::LLVMStructType>(
        getTypeConverter()->convertType(op.getType()));
    SmallVector<Value> values(type.getBody().size(), adaptor.getValue());
    rewriter.replaceOp(op,
                       Code(rewriter, op.getLoc()).packStruct(type, values));
    return success();
  }
};

struct LowerColumns : ConvertOpToLLVMPattern<ColumnsOp> {
  using ConvertOpToLLVMPattern::ConvertOpToLLVMPattern;
  LogicalResult
  matchAndRewrite(ColumnsOp op, OpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    Code code(rewriter, op.getLoc());
    SmallVector<Value> values = code.unpackStruct(adaptor.getSource());
    // A thread has 4 of each 8 columns.
    rewriter.replaceOp(
        op,
        code.packStruct(getTypeConverter()->convertType(op.getType()),
                        ArrayRef(values).slice(op.getFirst() / 2,
                                               op.getType().getNumElements())));
    return success();
  }
};

struct LowerElements : ConvertOpToLLVMPattern<ElementsOp> {
  using ConvertOpToLLVMPattern::ConvertOpToLLVMPattern;
  LogicalResult
  matchAndRewrite(ElementsOp op, OpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    rewriter.replaceOp(
        op, Code(rewriter, op.getLoc()).unpackStruct(adaptor.getSource()));
    return success();
  }
};

struct LowerPack : ConvertOpToLLVMPattern<PackOp> {
  using ConvertOpToLLVMPattern::ConvertOpToLLVMPattern;
  LogicalResult
  matchAndRewrite(PackOp op, OpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    Code code(rewriter, op.getLoc());
    SmallVector<Value> values = code.unpackStruct(adaptor.getSource());
    // Two n-tiles of the product are one k-step of the operand, in order.
    SmallVector<Value> registers;
    for (size_t i = 0; i < values.size(); i += 2)
      registers.push_back(code.packBf16(values[i], values[i + 1]));
    rewriter.replaceOp(
        op, code.packStruct(getTypeConverter()->convertType(op.getType()),
                            registers));
    return success();
  }
};

struct LowerMap : ConvertOpToLLVMPattern<MapOp> {
  using ConvertOpToLLVMPattern::ConvertOpToLLVMPattern;

  /// Of an input, what belongs to element `i` of the result, in row `half` of
  /// the thread's two.
  static Value elementOf(Type type, ArrayRef<Value> values, int64_t i,
                         int64_t half, Code &code) {
    if (isa<RowsType>(type))
      return values[half];
    return isa<FragType>(type) ? code.unpackBf16(values[i / 2], i % 2)
                               : values[i];
  }

  LogicalResult
  matchAndRewrite(MapOp op, OpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    Location loc = op.getLoc();
    Code code(rewriter, loc);
    Block &block = op.getBody().front();
    auto acc = dyn_cast<AccType>(op.getType());
    int64_t rows = acc ? acc.getRows() : cast<RowsType>(op.getType()).getRows();
    int64_t count = acc ? acc.getNumElements() : 2;
    Value firstRow = code.accRow(rows);
    Value firstColumn = acc ? code.accColumn() : Value();
    auto asIndex = [&](Value value) {
      return UnrealizedConversionCastOp::create(rewriter, loc,
                                                rewriter.getIndexType(), value)
          .getResult(0);
    };
    SmallVector<SmallVector<Value>> inputs;
    for (Value input : adaptor.getInputs())
      inputs.push_back(code.unpackStruct(input));

    SmallVector<Value> results;
    for (int64_t i = 0; i < count; ++i) {
      int64_t half = acc ? i / 2 % 2 : i;
      IRMapping mapping;
      for (size_t j = 0; j < inputs.size(); ++j)
        mapping.map(block.getArgument(j), elementOf(op.getInputs()[j].getType(),
                                                    inputs[j], i, half, code));
      mapping.map(block.getArgument(inputs.size()),
                  asIndex(code.add(firstRow, 8 * half)));
      if (acc)
        mapping.map(block.getArgument(inputs.size() + 1),
                    asIndex(code.add(firstColumn, i / 4 * 8 + i % 2)));
      for (Operation &inner : block.without_terminator())
        rewriter.clone(inner, mapping);
      results.push_back(
          mapping.lookup(cast<YieldOp>(block.getTerminator()).getValues()[0]));
    }
    rewriter.replaceOp(
        op, code.packStruct(getTypeConverter()->convertType(op.getType()),
                            results));
    return success();
  }
};

struct LowerReduce : ConvertOpToLLVMPattern<ReduceOp> {
  using ConvertOpToLLVMPattern::ConvertOpToLLVMPattern;
  LogicalResult
  matchAndRewrite(ReduceOp op, OpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    Location loc = op.getLoc();
    Code code(rewriter, loc);
    auto combine = [&](Value a, Value b) -> Value {
      if (op.getKind() == Reduction::add)
        return LLVM::FAddOp::create(rewriter, loc, a, b);
      return LLVM::MaxNumOp::create(rewriter, loc, a, b);
    };
    SmallVector<Value> values = code.unpackStruct(adaptor.getSource());
    SmallVector<Value> results;
    for (int64_t half = 0; half < 2; ++half) {
      Value sum;
      for (size_t i = 0; i < values.size(); ++i)
        if (int64_t(i / 2 % 2) == half)
          sum = sum ? combine(sum, values[i]) : values[i];
      for (int64_t offset : {1, 2}) // the four lanes of a row
        sum = combine(sum, code.shuffleXor(sum, offset));
      results.push_back(sum);
    }
    rewriter.replaceOp(
        op, code.packStruct(getTypeConverter()->convertType(op.getType()),
                            results));
    return success();
  }
};

struct LowerAnyLess : ConvertOpToLLVMPattern<AnyLessOp> {
  using ConvertOpToLLVMPattern::ConvertOpToLLVMPattern;
  LogicalResult
  matchAndRewrite(AnyLessOp op, OpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    Location loc = op.getLoc();
    Code code(rewriter, loc);
    Value any;
    for (auto [a, b] : llvm::zip_equal(code.unpackStruct(adaptor.getA()),
                                       code.unpackStruct(adaptor.getB()))) {
      Value less =
          LLVM::FCmpOp::create(rewriter, loc, LLVM::FCmpPredicate::olt, a, b);
      any = any ? LLVM::OrOp::create(rewriter, loc, any, less) : less;
    }
    rewriter.replaceOpWithNewOp<NVVM::VoteSyncOp>(
        op, rewriter.getI1Type(),
        LLVM::ConstantOp::create(rewriter, loc, rewriter.getI32Type(), -1), any,
        NVVM::VoteSyncKind::any);
    return success();
  }
};

struct LowerStoreAcc : ConvertOpToLLVMPattern<StoreAccOp> {
  using ConvertOpToLLVMPattern::ConvertOpToLLVMPattern;
  LogicalResult
  matchAndRewrite(StoreAccOp op, OpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    Location loc = op.getLoc();
    Code code(rewriter, loc);
    Type memory = op.getMemory().getType();
    auto tile = dyn_cast<SharedType>(memory);
    bool bf16 = (tile ? tile.getElementType()
                      : cast<MemRefType>(memory).getElementType())
                    .isBF16();
    if (op.getTransposed()) {
      storeTransposed(code, op, adaptor, bf16, rewriter);
      rewriter.eraseOp(op);
      return success();
    }
    SmallVector<Value> values = code.unpackStruct(adaptor.getSource());
    Value row = code.add(adaptor.getRow(),
                         code.accRow(op.getSource().getType().getRows()));
    Value column = code.add(adaptor.getColumn(), code.accColumn());
    // One place a row; columns are constant offsets from there.
    for (int64_t half = 0; half < 2; ++half) {
      Value r = code.add(row, 8 * half);
      Value base = code.element(memory, adaptor.getMemory(), {r, column});
      Value inside = op.getRows() ? code.less(r, adaptor.getRows()) : Value();
      for (size_t i = 2 * half; i < values.size(); i += 4) {
        int64_t offset = i / 4 * 8;
        Value pointer = code.bytes(base, code.i32(offset * (bf16 ? 2 : 4)));
        Value pair = bf16 ? code.packBf16(values[i], values[i + 1])
                          : pairOf(rewriter, loc, values[i], values[i + 1]);
        Value mask = inside;
        if (inside)
          mask = LLVM::AndOp::create(
              rewriter, loc, inside,
              code.less(code.add(column, offset), adaptor.getColumns()));
        store(rewriter, loc, pair, pointer, mask, bf16 ? 4 : 8);
      }
    }
    rewriter.eraseOp(op);
    return success();
  }

  /// The columns of an accumulator as rows of memory.
  static void storeTransposed(Code &code, StoreAccOp op, OpAdaptor adaptor,
                              bool bf16, ConversionPatternRewriter &rewriter) {
    Location loc = op.getLoc();
    Type memory = op.getMemory().getType();
    SmallVector<Value> values = code.unpackStruct(adaptor.getSource());
    Value row = code.add(adaptor.getRow(), code.accColumn());
    Value column = code.add(adaptor.getColumn(),
                            code.accRow(op.getSource().getType().getRows()));
    for (auto [i, value] : llvm::enumerate(values)) {
      int64_t down = i / 4 * 8 + i % 2, right = i % 4 / 2 * 8;
      Value pointer =
          code.element(memory, adaptor.getMemory(),
                       {code.add(row, down), code.add(column, right)});
      if (bf16)
        value = LLVM::FPTruncOp::create(rewriter, loc, rewriter.getBF16Type(),
                                        value);
      LLVM::StoreOp::create(rewriter, loc, value, pointer, bf16 ? 2 : 4);
    }
  }

  static Value pairOf(OpBuilder &builder, Location loc, Value low, Value high) {
    Code code(builder, loc);
    Value pair = LLVM::PoisonOp::create(
        builder, loc, VectorType::get(2, builder.getF32Type()));
    pair = LLVM::InsertElementOp::create(builder, loc, pair, low, code.i32(0));
    return LLVM::InsertElementOp::create(builder, loc, pair, high, code.i32(1));
  }

  static void store(ConversionPatternRewriter &rewriter, Location loc,
                    Value value, Value pointer, Value mask, int64_t alignment) {
    if (!mask) {
      LLVM::StoreOp::create(rewriter, loc, value, pointer, alignment);
      return;
    }
    Block *block = rewriter.getInsertionBlock();
    Block *next = rewriter.splitBlock(block, rewriter.getInsertionPoint());
    Block *then = rewriter.createBlock(next);
    LLVM::StoreOp::create(rewriter, loc, value, pointer, alignment);
    LLVM::BrOp::create(rewriter, loc, next);
    rewriter.setInsertionPointToEnd(block);
    LLVM::CondBrOp::create(rewriter, loc, mask, then, next);
    rewriter.setInsertionPointToStart(next);
  }
};

struct LowerStoreMatrix : ConvertOpToLLVMPattern<StoreMatrixOp> {
  using ConvertOpToLLVMPattern::ConvertOpToLLVMPattern;
  LogicalResult
  matchAndRewrite(StoreMatrixOp op, OpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    Location loc = op.getLoc();
    Code code(rewriter, loc);
    SharedType tile = op.getDestination().getType();
    SmallVector<Value> values = code.unpackStruct(adaptor.getSource());
    bool transposed = op.getTransposed();
    // Lanes 0-15 point to the rows, 16-31 to the same 8 columns further;
    // transposed, lanes of 8 to the columns: to those of rows 0-7, of rows
    // 8-15, and likewise of the next 8 columns.
    Value lane = code.laneId();
    Value row = code.bitAnd(lane, 15);
    Value column = code.shiftLeft(code.shiftRight(lane, 4), 3);
    if (transposed) {
      row = code.bitAnd(lane, 8);
      column = code.add(column, code.bitAnd(lane, 7));
    }
    if (tile.getShape()[transposed] == 64)
      row = code.add(row, code.shiftLeft(code.bitAnd(code.warpId(), 3), 4));
    for (int64_t c = 0; c < tile.getShape()[!transposed]; c += 16) {
      SmallVector<Value> registers;
      size_t first = (op.getFirst() + c) / 2;
      for (size_t i = 0; i < 8; i += 2)
        registers.push_back(
            code.packBf16(values[first + i], values[first + i + 1]));
      Value at = code.add(column, c);
      Value pointer =
          code.element(tile, adaptor.getDestination(),
                       transposed ? ValueRange{at, row} : ValueRange{row, at});
      NVVM::StMatrixOp::create(
          rewriter, loc, pointer, registers,
          transposed ? NVVM::MMALayout::col : NVVM::MMALayout::row,
          NVVM::LdStMatrixShapeAttr::get(getContext(), 8, 8),
          NVVM::LdStMatrixEltType::B16);
    }
    rewriter.eraseOp(op);
    return success();
  }
};

} // namespace

void jet::tile::populateMatrixPatterns(const LLVMTypeConverter &converter,
                                       RewritePatternSet &patterns) {
  patterns.add<LowerLoadMatrix, LowerMma, LowerSplat, LowerColumns,
               LowerElements, LowerPack, LowerMap, LowerReduce, LowerAnyLess,
               LowerStoreAcc, LowerStoreMatrix>(converter);
}
