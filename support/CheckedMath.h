// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Arithmetic on sizes that come from files: every product and sum is checked.

#ifndef JET_SUPPORT_CHECKEDMATH_H
#define JET_SUPPORT_CHECKEDMATH_H

#include <cstdint>
#include <optional>

namespace jet {

/// a * b, or nothing when it does not fit.
inline std::optional<int64_t> checkedMul(int64_t a, int64_t b) {
  int64_t result;
  if (__builtin_mul_overflow(a, b, &result))
    return std::nullopt;
  return result;
}

/// a + b, or nothing when it does not fit.
inline std::optional<int64_t> checkedAdd(int64_t a, int64_t b) {
  int64_t result;
  if (__builtin_add_overflow(a, b, &result))
    return std::nullopt;
  return result;
}

/// The product of all of `range`, or nothing when it does not fit.
template <typename Range>
std::optional<int64_t> checkedProduct(const Range &range) {
  std::optional<int64_t> result = 1;
  for (int64_t value : range)
    if (!(result = checkedMul(*result, value)))
      return std::nullopt;
  return result;
}

} // namespace jet

#endif // JET_SUPPORT_CHECKEDMATH_H
