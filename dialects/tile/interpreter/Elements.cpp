// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "dialects/tile/interpreter/Elements.h"

#include "llvm/ADT/APFloat.h"

using namespace mlir;
using namespace jet::tile;

Element Element::of(Type type) {
  if (type.isIndex())
    return {Kind::Integer, 32};
  if (type.isInteger() && type.getIntOrFloatBitWidth() <= 64)
    return {Kind::Integer, uint8_t(type.getIntOrFloatBitWidth())};
  if (type.isF32())
    return {Kind::F32, 32};
  if (type.isF64())
    return {Kind::F64, 64};
  if (type.isBF16())
    return {Kind::BF16, 16};
  if (type.isF16())
    return {Kind::F16, 16};
  if (isa<Float8E4M3FNType>(type))
    return {Kind::F8E4M3, 8};
  return {};
}

// Rare types take the way through LLVM's numbers.
static const llvm::fltSemantics &semanticsOf(Element element) {
  return element.kind == Element::Kind::F16 ? llvm::APFloat::IEEEhalf()
                                            : llvm::APFloat::Float8E4M3FN();
}

uint32_t jet::tile::floatToBits(Element element, float value) {
  if (element.kind == Element::Kind::F32)
    return std::bit_cast<uint32_t>(value);
  if (element.kind == Element::Kind::BF16)
    return toBf16(value);
  llvm::APFloat number(value);
  bool losesInfo;
  number.convert(semanticsOf(element), llvm::APFloat::rmNearestTiesToEven,
                 &losesInfo);
  return number.bitcastToAPInt().getZExtValue();
}

/// All 256 numbers.
static const std::array<float, 256> &f8Table() {
  static const std::array<float, 256> table = [] {
    std::array<float, 256> values;
    for (int bits = 0; bits < 256; ++bits)
      values[bits] =
          llvm::APFloat(llvm::APFloat::Float8E4M3FN(), llvm::APInt(8, bits))
              .convertToFloat();
    return values;
  }();
  return table;
}

float jet::tile::floatFromBits(Element element, uint32_t bits) {
  switch (element.kind) {
  case Element::Kind::BF16:
    return fromBf16(bits);
  case Element::Kind::F16:
    return llvm::APFloat(llvm::APFloat::IEEEhalf(),
                         llvm::APInt(16, bits & 0xFFFF))
        .convertToFloat();
  case Element::Kind::F8E4M3:
    return f8Table()[bits & 0xFF];
  default:
    return std::bit_cast<float>(bits);
  }
}

Memory Memory::of(Type type) {
  Memory memory;
  if (auto tile = dyn_cast<SharedType>(type)) {
    memory.element = Element::of(tile.getElementType());
    memory.shape.assign(tile.getShape().begin(), tile.getShape().end());
    memory.swizzle = tile.getSwizzle();
    memory.shared = true;
  } else if (auto map = dyn_cast<TensorMapType>(type)) {
    memory.element = Element::of(map.getElementType());
    memory.shape.assign(map.getShape().begin(), map.getShape().end());
    memory.swizzle = map.getSwizzle();
  } else if (auto global = dyn_cast<MemRefType>(type)) {
    memory.element = Element::of(global.getElementType());
    memory.shape.assign(global.getShape().begin(), global.getShape().end());
  }
  if (memory.element.kind == Element::Kind::F64)
    memory.element = {};
  return memory;
}

int64_t Memory::numElements() const {
  int64_t elements = 1;
  for (int64_t size : shape)
    elements *= size;
  return elements;
}
