// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// How long products of many rows take in each of the tiles that they can be cut
// into, as measured: written by `jet-run tune`, read by the compiler. JSON:
//
//   {"format": "jet-tiles", "version": 1,
//    "device": "NVIDIA H200", "date": "2026-11-28",
//    "products": {
//      "1536 -> 2x8960 bf16 code": {             a StageInfo::product
//        "2048": {"128x192 by 8": 170.5, …},     rows: microseconds of each
//        "8192": …}}}                            StageInfo::tile
//
// It is made to be edited: of a product and number of rows the tile with the
// least time is taken, so that to leave a line out is to forbid its tile.

#ifndef JET_RUNTIME_TILETABLE_H
#define JET_RUNTIME_TILETABLE_H

#include "support/Error.h"

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

namespace jet {

struct TileTable {
  std::string device; // name of the GPU, as its driver says it
  std::string date;   // of the last measurement: YYYY-MM-DD
  using Times = std::map<std::string, double>; // µs by tile; not empty
  using ByRows = std::map<int64_t, Times>;     // not empty
  std::map<std::string, ByRows> products;
};

/// Reads `text`; `name` (a file's) begins every error, which has the place, and
/// what was expected and found: other keys, rows that are no positive integers,
/// times that are no positive numbers, a product or rows without any.
Result<TileTable> parseTileTable(std::string_view text,
                                 const std::string &name);
/// The same from a file.
Result<TileTable> readTileTable(const std::string &path);

/// One line for a product and a number of rows.
std::string printTileTable(const TileTable &table);

} // namespace jet

#endif // JET_RUNTIME_TILETABLE_H
