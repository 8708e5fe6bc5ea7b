// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef JET_SUPPORT_BFLOAT16_H
#define JET_SUPPORT_BFLOAT16_H

#include <bit>
#include <cstdint>

namespace jet {

inline float bfloat16ToFloat(uint16_t bits) {
  return std::bit_cast<float>(static_cast<uint32_t>(bits) << 16);
}

/// Rounds to the nearest, ties to even. A NaN stays one.
inline uint16_t floatToBFloat16(float value) {
  const auto bits = std::bit_cast<uint32_t>(value);
  if (value != value)
    return static_cast<uint16_t>((bits >> 16) | 0x40);
  return static_cast<uint16_t>((bits + 0x7fff + ((bits >> 16) & 1)) >> 16);
}

} // namespace jet

#endif // JET_SUPPORT_BFLOAT16_H
