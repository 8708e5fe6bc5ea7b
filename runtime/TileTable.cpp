// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "runtime/TileTable.h"

#include "runtime/JsonReader.h"
#include "support/File.h"

#include <charconv>
#include <cmath>

namespace jet {

static constexpr size_t kMaxFileBytes = size_t(4) << 20;
static constexpr int64_t kVersion = 1;
static constexpr const char *kFormat = "jet-tiles";

using Members = std::vector<std::pair<std::string, JsonNode>>;

/// What an object that is not empty holds.
static Members membersOf(const JsonNode &node) {
  Members members;
  if (node.failed())
    return members;
  if (!node.json()->is_object() || node.json()->empty()) {
    node.fail("an object that is not empty");
    return members;
  }
  for (const auto &[key, value] : node.json()->items())
    members.emplace_back(key, node[key.c_str()]);
  return members;
}

static int64_t readRows(const JsonNode &node, const std::string &key) {
  int64_t rows = 0;
  const char *end = key.data() + key.size();
  const auto [last, status] = std::from_chars(key.data(), end, rows);
  if (status != std::errc() || last != end || rows < 1)
    node.fail("a number of rows >= 1 as key", "\"" + key + "\"");
  return rows;
}

static double readMicroseconds(const JsonNode &node) {
  if (node.failed())
    return 0;
  const bool isNumber = node.json()->is_number();
  const double time = isNumber ? node.json()->get<double>() : 0;
  if (!std::isfinite(time) || time <= 0)
    node.fail("microseconds > 0");
  return time;
}

Result<TileTable> parseTileTable(std::string_view text,
                                 const std::string &name) {
  Result<nlohmann::json> json = parseJson(text, name);
  if (!json)
    return json.error();
  JsonNode::Reader reader{name, {}};
  const JsonNode root(reader, &*json, "$");
  root.allowOnly({"format", "version", "device", "date", "products"});
  if (!root.failed() && root["format"].string() != kFormat)
    root["format"].fail("\"jet-tiles\"");
  root["version"].integer(kVersion, kVersion);
  TileTable table;
  table.device = root["device"].string();
  table.date = root["date"].string();
  for (const auto &[product, byRows] : membersOf(root["products"]))
    for (const auto &[key, times] : membersOf(byRows)) {
      TileTable::Times &read = table.products[product][readRows(times, key)];
      for (const auto &[tile, time] : membersOf(times))
        read[tile] = readMicroseconds(time);
    }
  if (reader.error)
    return *reader.error;
  return table;
}

Result<TileTable> readTileTable(const std::string &path) {
  Result<std::string> text = readTextFile(path, kMaxFileBytes);
  if (!text)
    return text.error();
  return parseTileTable(*text, path);
}

std::string printTileTable(const TileTable &table) {
  const auto quoted = [](const std::string &text) {
    return nlohmann::json(text).dump();
  };
  std::string text = "{\"format\": " + quoted(kFormat) +
                     ", \"version\": " + std::to_string(kVersion) +
                     ",\n \"device\": " + quoted(table.device) +
                     ", \"date\": " + quoted(table.date) +
                     ",\n \"products\": {";
  const char *product = "\n";
  for (const auto &[name, byRows] : table.products) {
    text += product + ("  " + quoted(name) + ": {");
    product = ",\n";
    const char *line = "\n";
    for (const auto &[rows, times] : byRows) {
      text += line + ("   \"" + std::to_string(rows) + "\": {");
      line = ",\n";
      const char *comma = "";
      for (const auto &[tile, time] : times) {
        // A tenth of a microsecond is less than what runs differ by.
        const double rounded = std::max(0.1, std::round(time * 10) / 10);
        text += comma + quoted(tile) + ": " + nlohmann::json(rounded).dump();
        comma = ", ";
      }
      text += "}";
    }
    text += "}";
  }
  return text + "}}\n";
}

} // namespace jet
