// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Hardware-aware search: the sizes of a model's JetBlocks at a fixed cache.

#ifndef JET_SEARCH_JETBLOCKSHAPES_H
#define JET_SEARCH_JETBLOCKSHAPES_H

#include "search/LayerCosts.h"
#include "support/Error.h"

#include "mlir/IR/MLIRContext.h"
#include "llvm/ADT/ArrayRef.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace jet {

/// The sizes of a JetBlock that a search chooses.
struct JetBlockShape {
  int64_t keyDim = 0, valueDim = 0, heads = 0; // d_k, d_v of each head
  bool operator==(const JetBlockShape &) const = default;
};

/// The values that each of the sizes may take, ascending.
struct JetBlockRanges {
  std::vector<int64_t> keyDims, valueDims, heads;
};

/// From "d_k=64:256:32", "d_v=144,288" and "heads=4,8,12", each once and in any
/// order: from:to:step, a number, or several of these with commas. Errors:
/// another name or one that is missing, not positive numbers, a range without
/// values, more than kMaxShapes shapes.
Result<JetBlockRanges> parseJetBlockRanges(llvm::ArrayRef<std::string> texts);
inline constexpr size_t kMaxShapes = 4096;

/// The config in `text` — the file `path`, which parseSpec() took — with
/// JetBlocks of that shape.
Result<std::string> reshapeConfig(const std::string &text,
                                  const std::string &path,
                                  const JetBlockShape &shape);

struct ShapeQuestion {
  JetBlockRanges ranges;
  /// What a sequence holds at `context`, within a part `cacheTolerance` of it;
  /// without a number of bytes, what the config's own shape holds.
  std::optional<double> cacheBytes;
  double cacheTolerance = 0.01;
  /// Of the decode step whose time is predicted.
  int64_t batch = 0, context = 0;
  MachineRates machine;
  std::optional<int64_t> maxParameters;
  std::optional<double> maxDecodeSeconds;
  /// The result is at most this part slower than the fastest.
  double speedTolerance = 0.02;
};

/// A shape within the limits, by the compiler's plans of its model.
struct ShapeCosts {
  JetBlockShape shape;
  double cacheBytes = 0; // of a sequence
  double parameters = 0; // of the model
  /// Without those of the generators of the convolutions, which a block with a
  /// static convolution has not.
  double plainParameters = 0;
  double decodeSeconds = 0; // predicted
  std::optional<double> measuredSeconds = {};
  /// No other is as fast and as large, and better in one of these.
  bool isOnFront = false;
};

struct ShapeResult {
  std::string model;
  size_t enumerated = 0;          // shapes, of any cache
  double cacheBytes = 0;          // asked for
  std::vector<ShapeCosts> shapes; // by parameters
  size_t chosen = 0;              // index
};

/// Of `shapes`, sorted by parameters, the last on the front that is within the
/// tolerance of the fastest there: as measured, if the front was measured, else
/// as predicted.
size_t chooseShape(llvm::ArrayRef<ShapeCosts> shapes, double speedTolerance);

/// All shapes at the cache asked for, with their costs from small compilations
/// (see LayerCosts). `text` is the config at `path`. Errors: not a config of a
/// placed model with JetBlocks, a shape that no model can have, none within the
/// limits, which says what there is. `progress` is called for all shapes, then
/// for those at the cache.
Result<ShapeResult> searchShapes(mlir::MLIRContext &context,
                                 const std::string &text,
                                 const std::string &path,
                                 const ShapeQuestion &question,
                                 const LayerCosts::Progress &progress = {});

} // namespace jet

#endif // JET_SEARCH_JETBLOCKSHAPES_H
