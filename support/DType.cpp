// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "support/DType.h"

#include <cstddef>
#include <iterator>

namespace jet {
namespace {

struct DTypeFacts {
  std::string_view name;
  int64_t bytes;
};

/// Indexed by DType.
constexpr DTypeFacts kFacts[] = {
    {"F32", 4}, {"F16", 2}, {"BF16", 2}, {"F8_E4M3", 1}, {"F64", 8}, {"I8", 1},
    {"U8", 1},  {"I16", 2}, {"I32", 4},  {"I64", 8},     {"BOOL", 1}};

const DTypeFacts &factsOf(DType type) {
  return kFacts[static_cast<size_t>(type)];
}

} // namespace

std::string_view dtypeName(DType type) { return factsOf(type).name; }

std::optional<DType> parseDType(std::string_view name) {
  for (size_t i = 0; i < std::size(kFacts); ++i)
    if (kFacts[i].name == name)
      return static_cast<DType>(i);
  return std::nullopt;
}

int64_t dtypeBytes(DType type) { return factsOf(type).bytes; }

} // namespace jet
