// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "lowering/tile/LowerTile.h"

using namespace mlir;
using namespace jet::tile;

Value Code::i32(int64_t value) {
  return LLVM::ConstantOp::create(builder, loc, builder.getI32Type(),
                                  builder.getI32IntegerAttr(value));
}

Value Code::i64(int64_t value) {
  return LLVM::ConstantOp::create(builder, loc, builder.getI64Type(),
                                  builder.getI64IntegerAttr(value));
}

Value Code::add(Value a, Value b) {
  return LLVM::AddOp::create(builder, loc, a, b);
}

Value Code::add(Value a, int64_t b) {
  if (!b)
    return a;
  return add(a, a.getType().isInteger(64) ? i64(b) : i32(b));
}

Value Code::mul(Value a, int64_t b) {
  if (b == 1)
    return a;
  return LLVM::MulOp::create(builder, loc, a,
                             a.getType().isInteger(64) ? i64(b) : i32(b));
}

Value Code::shiftLeft(Value a, int64_t bits) {
  return LLVM::ShlOp::create(builder, loc, a, i32(bits));
}

Value Code::shiftRight(Value a, int64_t bits) {
  return LLVM::LShrOp::create(builder, loc, a, i32(bits));
}

Value Code::bitAnd(Value a, int64_t mask) {
  return LLVM::AndOp::create(builder, loc, a, i32(mask));
}

Value Code::bitXor(Value a, Value b) {
  return LLVM::XOrOp::create(builder, loc, a, b);
}

Value Code::less(Value a, Value b) {
  return LLVM::ICmpOp::create(builder, loc, LLVM::ICmpPredicate::slt, a, b);
}

Value Code::extend(Value a) {
  return LLVM::SExtOp::create(builder, loc, builder.getI64Type(), a);
}

Value Code::threadId() {
  return NVVM::ThreadIdXOp::create(builder, loc, builder.getI32Type());
}

Value Code::laneId() { return bitAnd(threadId(), 31); }

Value Code::warpId() {
  Value warp = shiftRight(threadId(), 5);
  return NVVM::ShflOp::create(builder, loc, builder.getI32Type(), i32(-1), warp,
                              i32(0), i32(31), NVVM::ShflKind::idx, UnitAttr());
}

Value Code::accRow(int64_t rows) {
  Value row = shiftRight(laneId(), 2);
  if (rows == 64)
    row = add(row, shiftLeft(bitAnd(warpId(), 3), 4));
  return row;
}

Value Code::accColumn() { return shiftLeft(bitAnd(laneId(), 3), 1); }

Value Code::bytes(Value pointer, Value offset) {
  return LLVM::GEPOp::create(builder, loc, pointer.getType(),
                             builder.getI8Type(), pointer, offset);
}

/// `index` as another one and a constant. Indices do not overflow, so that the
/// constant may be added after they are widened: elements at constant distances
/// then share an address.
static std::pair<Value, int64_t> withoutConstant(Value index) {
  auto sum = index.getDefiningOp<LLVM::AddOp>();
  IntegerAttr constant;
  if (sum && matchPattern(sum.getRhs(), m_Constant(&constant)))
    return {sum.getLhs(), constant.getInt()};
  return {index, 0};
}

Value Code::element(Type memory, Value base, ValueRange indices) {
  auto tile = dyn_cast<SharedType>(memory);
  ArrayRef<int64_t> shape =
      tile ? tile.getShape() : cast<MemRefType>(memory).getShape();
  Type elementType =
      tile ? tile.getElementType() : cast<MemRefType>(memory).getElementType();
  // Global memory has 64-bit offsets, shared memory never needs them.
  Value linear;
  int64_t distance = 0;
  for (auto [size, index] : llvm::zip_equal(shape, indices)) {
    auto [variable, constant] =
        tile ? std::pair(Value(index), int64_t(0)) : withoutConstant(index);
    Value wide = tile ? variable : extend(variable);
    linear = linear ? add(mul(linear, size), wide) : wide;
    distance = distance * size + constant;
  }
  if (!tile || !tile.getSwizzle()) {
    Value element = LLVM::GEPOp::create(builder, loc, base.getType(),
                                        elementType, base, linear);
    return distance ? LLVM::GEPOp::create(builder, loc, base.getType(),
                                          elementType, element, i64(distance))
                    : element;
  }
  // Bits 7 to 9 of the offset (the row) are added to bits 4 to 6 (the chunk):
  // as many as the row has chunks.
  Value offset = mul(linear, elementType.getIntOrFloatBitWidth() / 8);
  Value chunk = bitAnd(shiftRight(offset, 3), tile.getSwizzle() - 16);
  return bytes(base, bitXor(offset, chunk));
}

Value Code::barrier(Value barriers, Value slot) {
  return LLVM::GEPOp::create(builder, loc, barriers.getType(),
                             builder.getI64Type(), barriers, slot);
}

Value Code::clusterPointer(Value pointer) {
  auto type = LLVM::LLVMPointerType::get(builder.getContext(), 7);
  return LLVM::AddrSpaceCastOp::create(builder, loc, type, pointer);
}

Value Code::packBf16(Value low, Value high) {
  auto type = VectorType::get(2, builder.getBF16Type());
  Value pair = NVVM::ConvertF32x2ToBF16x2Op::create(
      builder, loc, type, high, low, Value(), NVVM::FPRoundingMode::RN);
  return LLVM::BitcastOp::create(builder, loc, builder.getI32Type(), pair);
}

Value Code::unpackBf16(Value pair, bool high) {
  Value bits = high ? bitAnd(pair, ~int64_t(0xFFFF)) : shiftLeft(pair, 16);
  return LLVM::BitcastOp::create(builder, loc, builder.getF32Type(), bits);
}

SmallVector<Value> Code::unpackStruct(Value value) {
  SmallVector<Value> values;
  auto type = cast<LLVM::LLVMStructType>(value.getType());
  for (size_t i = 0; i < type.getBody().size(); ++i)
    values.push_back(LLVM::ExtractValueOp::create(builder, loc, value, i));
  return values;
}

Value Code::packStruct(Type type, ValueRange values) {
  Value result = LLVM::PoisonOp::create(builder, loc, type);
  for (auto [i, value] : llvm::enumerate(values))
    result = LLVM::InsertValueOp::create(builder, loc, result, value, i);
  return result;
}

Value Code::shuffleXor(Value value, int64_t offset) {
  return NVVM::ShflOp::create(builder, loc, value.getType(), i32(-1), value,
                              i32(offset), i32(31), NVVM::ShflKind::bfly,
                              UnitAttr());
}

Value Code::ptx(StringRef text, StringRef constraints, ValueRange operands,
                Type result) {
  auto dialect =
      LLVM::AsmDialectAttr::get(builder.getContext(), LLVM::AsmDialect::AD_ATT);
  auto op = LLVM::InlineAsmOp::create(
      builder, loc, result ? TypeRange(result) : TypeRange(), operands, text,
      constraints, /*has_side_effects=*/true, /*is_align_stack=*/false,
      LLVM::tailcallkind::TailCallKind::None, dialect, ArrayAttr());
  return result ? op.getRes() : Value();
}
