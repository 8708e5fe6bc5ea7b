// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Which tiles are chosen for products of many rows.

#include "lowering/kernels/LargeTiles.h"

#include <gtest/gtest.h>

using namespace jet;

namespace {

std::string partsOf(const TileChoice &choice, const LargeProduct &product) {
  std::string text;
  for (const TileChoice::Part &part : choice.choose(product))
    text += (text.empty() ? "" : "; ") + std::to_string(part.maxRows) + " " +
            part.tile.name();
  return text;
}

const LargeProduct kProduct = {1536, {{8960, 2, "bf16 code"}, {7, 1, "f32"}}};

TEST(LargeTiles, HaveNames) {
  EXPECT_EQ(kProduct.name(), "1536 -> 2x8960 bf16 code, 7 f32");
  EXPECT_EQ(largeTiles().front().name(), "128x256 by 8");
}

TEST(LargeTiles, CountsStrips) {
  // Pairs of strips of two products begin tiles.
  const LargeProduct product = {64, {{130, 1, ""}, {200, 2, ""}, {9, 1, ""}}};
  EXPECT_EQ(product.firstStrips(128), (llvm::SmallVector<int64_t>{0, 2, 6, 7}));
  EXPECT_EQ(product.firstStrips(96), (llvm::SmallVector<int64_t>{0, 2, 8, 9}));
  EXPECT_EQ(product.tiles({256, 8}), 4);
  EXPECT_EQ(product.tiles({192, 8}), 5);
}

TEST(LargeTiles, AreTheModelsWithoutATable) {
  EXPECT_EQ(partsOf({}, kProduct), "0 128x256 by 8");
  // 6 tiles of 256 columns on 8 pairs of rows leave 18 of 66 pairs without one.
  EXPECT_EQ(partsOf({}, {8960, {{1536, 1, "f32 code"}}}), "0 128x192 by 8");
}

TEST(LargeTiles, AreTheFastestOfTheTable) {
  TileChoice choice;
  choice.table.products[kProduct.name()] = {
      {512, {{"128x256 by 8", 2}, {"128x192 by 8", 1}}},
      {2048, {{"128x256 by 16", 1}, {"128x256 by 8", 1.5}}},
      {8192, {{"128x256 by 16", 3}}}};
  // Between two numbers of rows their geometric mean parts them.
  EXPECT_EQ(partsOf(choice, kProduct), "1024 128x192 by 8; 0 128x256 by 16");
  // Another product is the model's.
  EXPECT_EQ(partsOf(choice, {64, {{256, 1, "f32"}}}), "0 128x256 by 8");
}

TEST(LargeTiles, HaveAlternativesToMeasure) {
  TileChoice choice;
  choice.alternatives = true;
  EXPECT_EQ(choice.choose(kProduct).size(), largeTiles().size());
  for (const TileChoice::Part &part : choice.choose(kProduct))
    EXPECT_EQ(part.maxRows, 0);
}

TEST(LargeTiles, LeaveRegistersToWhatIsLoaded) {
  TileChoice choice;
  choice.alternatives = true;
  const LargeProduct turned = {
      1536, {{768, 2, "bf16 rope", /*hasAngles=*/true}, {256, 1, "bf16"}}};
  const std::string parts = partsOf(choice, turned);
  EXPECT_NE(parts.find("128x128 by 8 ping-pong"), std::string::npos) << parts;
  EXPECT_NE(parts.find("128x192 by 8"), std::string::npos) << parts;
  EXPECT_EQ(parts.find("128x192 by 8 ping-pong"), std::string::npos) << parts;
  EXPECT_EQ(parts.find("128x192 by 16 ping-pong"), std::string::npos) << parts;
}

TEST(LargeTiles, FindsTables) {
  EXPECT_TRUE(findTileTable("none"));
  const Result<TileTable> named = findTileTable("h300");
  ASSERT_FALSE(named);
  EXPECT_NE(named.error().message.find("or a file by jet-run tune, found "
                                       "'h300'"),
            std::string::npos)
      << named.error().message;
  EXPECT_FALSE(findTileTable("./nowhere.json"));
  const Result<TileTable> shipped = findTileTable(kDefaultTiles);
  EXPECT_TRUE(shipped) << shipped.error().message;
}

} // namespace
