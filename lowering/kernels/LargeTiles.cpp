// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "lowering/kernels/LargeTiles.h"
#include "lowering/kernels/Forms.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/MathExtras.h"

#include <cmath>

using namespace mlir;
using namespace jet;

// Tried and rejected: blocks of 4 pairs (3% slower); every other pair of CTAs
// shifted by a half tile, so that not all store at once (1 or 2% faster where k
// is 1536 and results are f32, 18% slower where it is 3072).
static constexpr LargeTile kTiles[] = {
    {256, 8},       {192, 8},        {256, 16},     {192, 16},
    {192, 8, true}, {192, 16, true}, {128, 8, true}};

ArrayRef<LargeTile> jet::largeTiles() { return kTiles; }

std::string LargeTile::name() const {
  return (Twine(kRows) + "x" + Twine(columns) + " by " + Twine(blockPairs) +
          (pingPong ? " ping-pong" : ""))
      .str();
}

static const LargeTile *findTile(StringRef name) {
  const LargeTile *tile = llvm::find_if(
      kTiles, [&](const LargeTile &tile) { return tile.name() == name; });
  return tile == std::end(kTiles) ? nullptr : tile;
}

std::string LargeProduct::name() const {
  std::string text = std::to_string(inner) + " -> ";
  StringRef comma;
  for (const Output &output : outputs) {
    text += comma;
    if (output.products > 1)
      text += std::to_string(output.products) + "x";
    text += std::to_string(output.columns) + " " + output.type;
    comma = ", ";
  }
  return text;
}

SmallVector<int64_t> LargeProduct::firstStrips(int64_t stripColumns) const {
  SmallVector<int64_t> first;
  int64_t strips = 0;
  for (const Output &output : outputs) {
    // Strips of two products share a tile. One between two results is the
    // first's, behind its columns.
    if (output.products == 2)
      strips = llvm::alignTo(strips, LargeTile::kStrips);
    first.push_back(strips);
    strips += llvm::divideCeil(output.columns, stripColumns) * output.products;
  }
  first.push_back(strips);
  return first;
}

int64_t LargeProduct::tiles(const LargeTile &tile) const {
  return llvm::divideCeil(firstStrips(tile.stripColumns()).back(),
                          LargeTile::kStrips);
}

bool LargeProduct::fits(const LargeTile &tile) const {
  int64_t sums = tile.pingPong ? tile.columns : tile.columns / 2;
  return sums <= 128 ||
         llvm::none_of(outputs, [](const Output &o) { return o.hasAngles; });
}

/// What the pairs of CTAs, 66 of them at once, take together: the tiles of the
/// busiest one times their columns, for steps of 2048 and 8192 rows. Narrow
/// tiles waste less of narrow results, and wide ones read less, and can be
/// halved in the last round: narrow ones have to win by 2%.
LargeTile jet::modelTile(const LargeProduct &product) {
  constexpr int64_t kPairs = kMultiprocessors / LargeTile::kPair;
  auto cost = [&](const LargeTile &tile) {
    double sum = 0;
    for (int64_t rows : {2048, 8192}) {
      int64_t count =
          rows / (LargeTile::kPair * LargeTile::kRows) * product.tiles(tile);
      int64_t rest = count % kPairs;
      double last = !rest                                    ? 0
                    : tile.hasHalves() && rest * 2 <= kPairs ? 0.5
                                                             : 1;
      sum += (double(count / kPairs) + last) * double(tile.columns) / rows;
    }
    return sum;
  };
  LargeTile wide = kTiles[0], narrow = kTiles[1];
  return cost(narrow) < cost(wide) * 0.98 ? narrow : wide;
}

SmallVector<TileChoice::Part>
TileChoice::choose(const LargeProduct &product) const {
  SmallVector<Part> parts;
  if (auto known = table.products.find(product.name());
      known != table.products.end())
    for (auto at = known->second.begin(); at != known->second.end(); ++at) {
      const auto best =
          llvm::min_element(at->second, [](const auto &a, const auto &b) {
            return a.second < b.second;
          });
      LargeTile tile = *findTile(best->first);
      // Up to the geometric mean with the next number of rows.
      auto next = std::next(at);
      int64_t most = next == known->second.end()
                         ? 0
                         : std::llround(std::sqrt(double(at->first) *
                                                  double(next->first)));
      if (!parts.empty() && parts.back().tile.name() == tile.name())
        parts.pop_back();
      parts.push_back({most, tile});
    }
  if (parts.empty() || parts.back().maxRows)
    parts.push_back({0, modelTile(product)});
  SmallVector<Part> all = parts;
  for (const LargeTile &tile : kTiles)
    if (alternatives && product.fits(tile) &&
        llvm::none_of(
            parts, [&](const Part &p) { return p.tile.name() == tile.name(); }))
      all.push_back({0, tile});
  return all;
}

//===----------------------------------------------------------------------===//
// Tables
//===----------------------------------------------------------------------===//

static constexpr struct {
  StringLiteral name;
  const char *text;
} kTables[] = {
    {"none", R"({"format": "jet-tiles", "version": 1, "device": "", "date": "",
                 "products": {"": {"1": {"128x256 by 8": 1}}}})"},
#include "targets/Tiles.inc"
};

static Result<TileTable> loadTable(const std::string &name) {
  for (const auto &entry : kTables)
    if (entry.name == name)
      return parseTileTable(entry.text, "targets/tiles/" + name + ".json");
  // Only what looks like a path is taken for one.
  if (name.find_first_of("./") != std::string::npos)
    return readTileTable(name);
  return Error{
      "expected " +
      llvm::join(llvm::map_range(kTables, [](const auto &e) { return e.name; }),
                 ", ") +
      " or a file by jet-run tune, found '" + name + "'"};
}

Result<TileTable> jet::findTileTable(const std::string &name) {
  Result<TileTable> table = loadTable(name);
  if (!table)
    return table;
  for (const auto &[product, byRows] : table->products)
    for (const auto &[rows, times] : byRows)
      for (const auto &[tile, time] : times)
        if (!findTile(tile))
          return Error{
              name + ": $.products[\"" + product + "\"][\"" +
              std::to_string(rows) + "\"]: expected one of " +
              llvm::join(llvm::map_range(
                             kTiles, [](const auto &t) { return t.name(); }),
                         ", ") +
              ", found '" + tile + "'"};
  return table;
}
