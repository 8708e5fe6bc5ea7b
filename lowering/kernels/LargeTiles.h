// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Into what tiles a product of many rows is cut: by a table of what each tile
// took on a GPU, and where that says nothing by a model of the time.

#ifndef JET_LOWERING_KERNELS_LARGETILES_H
#define JET_LOWERING_KERNELS_LARGETILES_H

#include "runtime/TileTable.h"

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/SmallVector.h"

#include <optional>
#include <string>

namespace jet {

/// A tile of kRows rows, see LargeProjection.cpp.
struct LargeTile {
  static constexpr int64_t kRows = 128, kStrips = 2, kPair = 2;

  int64_t columns;    // of the tile: two strips
  int64_t blockPairs; // pairs of tiles of rows that a block of tiles spans
  /// Whether the groups of warps take whole tiles in turn, instead of halves of
  /// the same.
  bool pingPong = false;

  int64_t stripColumns() const { return columns / kStrips; }
  /// Whether a strip can be halved, in columns that are stored at once.
  bool hasHalves() const { return !pingPong && stripColumns() % 64 == 0; }
  /// "128x256 by 8", "128x192 by 8 ping-pong".
  std::string name() const;
};
/// All there are. The first is taken where there is no reason for another.
llvm::ArrayRef<LargeTile> largeTiles();

/// What decides how long a product takes: y_i = x · W_iᵀ of many rows.
struct LargeProduct {
  struct Output {
    int64_t columns, products;
    std::string type;       // of elements, and "code" or what else comes on top
    bool hasAngles = false; // loaded for each element, in f32
  };
  int64_t inner; // of x
  llvm::SmallVector<Output> outputs;

  /// In tables: "1536 -> 2x8960 bf16 code".
  std::string name() const;
  /// The first strip of each output, and the number of all.
  llvm::SmallVector<int64_t> firstStrips(int64_t stripColumns) const;
  /// Along the columns.
  int64_t tiles(const LargeTile &tile) const;
  /// Whether registers hold what is loaded for the results beside the sums.
  bool fits(const LargeTile &tile) const;
};

/// How tiles are chosen.
struct TileChoice {
  TileTable table;
  /// Whether those that are not chosen are built as well, to be measured.
  bool alternatives = false;

  /// A tile and the rows that it is for: at most `maxRows`, or any with 0.
  struct Part {
    int64_t maxRows;
    LargeTile tile;
  };
  /// Of `product`, for rows that grow; the last part is for any. With
  /// alternatives the others follow.
  llvm::SmallVector<Part> choose(const LargeProduct &product) const;
};

/// The tile that takes the least time by the model.
LargeTile modelTile(const LargeProduct &product);

/// The table called `name` that came with the compiler (targets/tiles), "none"
/// for one that says nothing, or else the one in the file of that name. Errors:
/// neither exists, what parseTileTable() reports, a tile that is none of
/// largeTiles().
Result<TileTable> findTileTable(const std::string &name);
/// The table that is used unless another is asked for.
inline constexpr const char *kDefaultTiles = "h200";

} // namespace jet

#endif // JET_LOWERING_KERNELS_LARGETILES_H
