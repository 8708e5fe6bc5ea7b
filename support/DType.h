// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Element types as files name them (safetensors spelling).

#ifndef JET_SUPPORT_DTYPE_H
#define JET_SUPPORT_DTYPE_H

#include <cstdint>
#include <optional>
#include <string_view>

namespace jet {

enum class DType { F32, F16, BF16, F8E4M3, F64, I8, U8, I16, I32, I64, Bool };

/// "F32", "BF16", "F8_E4M3", …: the spelling of the safetensors format.
std::string_view dtypeName(DType type);
std::optional<DType> parseDType(std::string_view name);
/// Bytes of one element.
int64_t dtypeBytes(DType type);

} // namespace jet

#endif // JET_SUPPORT_DTYPE_H
