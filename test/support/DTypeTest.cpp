// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "support/DType.h"

#include <gtest/gtest.h>

namespace {

using jet::DType;

TEST(DType, NamesRoundTripAndSizesAreThoseOfTheFormat) {
  const std::tuple<DType, const char *, int64_t> table[] = {
      {DType::F32, "F32", 4},   {DType::F16, "F16", 2},
      {DType::BF16, "BF16", 2}, {DType::F8E4M3, "F8_E4M3", 1},
      {DType::F64, "F64", 8},   {DType::I8, "I8", 1},
      {DType::U8, "U8", 1},     {DType::I16, "I16", 2},
      {DType::I32, "I32", 4},   {DType::I64, "I64", 8},
      {DType::Bool, "BOOL", 1}};
  for (auto [type, name, bytes] : table) {
    EXPECT_EQ(jet::dtypeName(type), name);
    EXPECT_EQ(jet::parseDType(name), type);
    EXPECT_EQ(jet::dtypeBytes(type), bytes);
  }
}

TEST(DType, OtherSpellingsAreUnknown) {
  for (const char *name : {"", "f32", "BF16 ", "bfloat16", "F8_E5M2", "U64"})
    EXPECT_FALSE(jet::parseDType(name)) << name;
}

} // namespace
