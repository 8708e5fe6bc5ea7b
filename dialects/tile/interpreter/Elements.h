// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Element types in memory, and where elements lie.

#ifndef JET_DIALECTS_TILE_INTERPRETER_ELEMENTS_H
#define JET_DIALECTS_TILE_INTERPRETER_ELEMENTS_H

#include "dialects/tile/Tile.h"

#include <bit>
#include <cmath>
#include <cstddef>
#include <cstring>

namespace jet::tile {

/// An element type. Integers have a width, floats a kind.
struct Element {
  /// F64 is for scalars, not for memory.
  enum class Kind : uint8_t { None, Integer, F32, F64, BF16, F16, F8E4M3 };
  Kind kind = Kind::None;
  uint8_t bits = 0;

  /// Kind::None for types that are not supported.
  static Element of(mlir::Type type);
  bool isFloat() const { return kind > Kind::Integer; }
  int64_t bytes() const { return (bits + 7) / 8; }
};

/// Sign-extends the lower `bits` of `value`.
inline int64_t wrap(int64_t value, unsigned bits) {
  return int64_t(uint64_t(value) << (64 - bits)) >> (64 - bits);
}
/// The lower `bits` of `value` as an unsigned number.
inline uint64_t unsignedOf(int64_t value, unsigned bits) {
  return uint64_t(value) << (64 - bits) >> (64 - bits);
}

inline float fromBf16(uint16_t bits) {
  return std::bit_cast<float>(uint32_t(bits) << 16);
}
/// Rounds to the nearest, of two to the even.
inline uint16_t toBf16(float value) {
  uint32_t bits = std::bit_cast<uint32_t>(value);
  if (std::isnan(value))
    return uint16_t(bits >> 16 | 0x40);
  return uint16_t((bits + 0x7FFF + (bits >> 16 & 1)) >> 16);
}

/// The bits of a float in its type, and back.
uint32_t floatToBits(Element element, float value);
float floatFromBits(Element element, uint32_t bits);
/// `value` rounded to a float type.
inline float roundTo(Element element, float value) {
  if (element.kind == Element::Kind::F32)
    return value;
  return floatFromBits(element, floatToBits(element, value));
}

/// Memory of a type: global, or a tile in shared memory.
struct Memory {
  Element element;
  llvm::SmallVector<int64_t, 4> shape; // the leading one may be dynamic
  int64_t swizzle = 0;
  bool shared = false;

  static Memory of(mlir::Type type);
  int64_t rank() const { return shape.size(); }
  int64_t numElements() const;
  int64_t numBytes() const { return numElements() * element.bytes(); }
};

/// Where byte `offset` of a tile lies from its start: chunks of 16 bytes are
/// permuted in groups of 8 rows.
inline int64_t swizzled(int64_t offset, int64_t swizzle) {
  return swizzle ? offset ^ (offset >> 3 & (swizzle - 16)) : offset;
}

} // namespace jet::tile

#endif // JET_DIALECTS_TILE_INTERPRETER_ELEMENTS_H
