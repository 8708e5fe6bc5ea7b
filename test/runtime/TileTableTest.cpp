// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Tables of tiles: what is read is what was printed, and what is wrong is said
// with its place.

#include "runtime/TileTable.h"

#include <gtest/gtest.h>

namespace jet {
namespace {

TEST(TileTable, ReadsWhatItPrints) {
  TileTable table;
  table.device = "NVIDIA H200";
  table.date = "2026-11-28";
  table.products["1536 -> 2x8960 bf16 code"] = {
      {2048, {{"128x192 by 8", 170.54}, {"128x256 by 8", 171}}},
      {512, {{"128x256 by 8", 0.01}}}};
  const std::string text = printTileTable(table);
  const Result<TileTable> read = parseTileTable(text, "t.json");
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(read->device, table.device);
  EXPECT_EQ(read->date, table.date);
  const TileTable::ByRows &rows = read->products.at("1536 -> 2x8960 bf16 code");
  ASSERT_EQ(rows.size(), 2u);
  EXPECT_EQ(rows.at(2048).at("128x192 by 8"), 170.5);
  EXPECT_EQ(rows.at(2048).at("128x256 by 8"), 171);
  // Never 0, which would be no time.
  EXPECT_EQ(rows.at(512).at("128x256 by 8"), 0.1);
  EXPECT_EQ(printTileTable(*read), text);
}

std::string tableOf(const char *products) {
  return std::string(R"({"format": "jet-tiles", "version": 1, "device": "d",)"
                     R"("date": "2026-11-28", "products": )") +
         products + "}";
}

TEST(TileTable, SaysWhatIsWrong) {
  const auto message = [](const std::string &text) {
    const Result<TileTable> read = parseTileTable(text, "t.json");
    return read ? std::string("none") : read.error().message;
  };
  const std::pair<std::string, const char *> wrong[] = {
      {R"({"format": "other"})", "t.json: $.format: expected \"jet-tiles\""},
      {R"({"format": "jet-tiles", "version": 2})", "t.json: $.version: "},
      {tableOf("{}"), "t.json: $.products: expected an object that is not "
                      "empty, found"},
      {tableOf(R"({"p": {}})"), "t.json: $.products.p: expected an object that "
                                "is not empty"},
      {tableOf(R"({"p": {"2k": {"t": 1}}})"),
       "expected a number of rows >= 1 as key, found \"2k\""},
      {tableOf(R"({"p": {"0": {"t": 1}}})"), "found \"0\""},
      {tableOf(R"({"p": {"64": {"t": 0}}})"), "expected microseconds > 0"},
      {tableOf(R"({"p": {"64": {"t": "1"}}})"), "expected microseconds > 0"},
      {R"({"format": "jet-tiles", "more": 1})", "more"}};
  for (const auto &[text, expected] : wrong)
    EXPECT_NE(message(text).find(expected), std::string::npos)
        << text << "\n  " << message(text);
}

} // namespace
} // namespace jet
