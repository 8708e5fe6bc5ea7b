// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What placements and layers are worth, from files into IR. docs/search.md has
// the formats. Errors are "<file>:<line>: expected <x>, found <y>".

#ifndef JET_SEARCH_READSCORES_H
#define JET_SEARCH_READSCORES_H

#include "search/Space.h"
#include "support/Error.h"

namespace jet {

/// Adds a `jet.measured` to `search` for each row of the CSV file, which has a
/// column `full_attention` (a digit a layer: 1 full attention, 0 the layer's
/// other candidate) or `placement` (names of mixers, spaces between), perhaps
/// `num_full`, and metrics.
Result<void> addMeasurements(SearchOp search, const SearchSpace &space,
                             const std::string &path);

/// The placements in the file that addMeasurements() reads, in its order;
/// metrics do not have to be there.
Result<std::vector<Placement>> readPlacements(const SearchSpace &space,
                                              const std::string &path);

/// Gives each layer of `model` that has candidates its scores from the CSV file
/// with the columns `layer` and one for each mixer.
Result<void> setLayerScores(ModelOp model, const std::string &path);

/// "recall_loss", "recall_accuracy", "text_loss + 0.5 * recall_loss": the
/// weights of what is minimised, for `jet.search`. Of a metric whose name has
/// "loss", "error" or "perplexity" less is better, with "accuracy" or "score"
/// more; any other says which: "min:x", "max:x".
Result<mlir::DictionaryAttr> parseObjective(mlir::MLIRContext *context,
                                            llvm::StringRef text);

/// 1 where less of the metric is better, -1 where more is, 0 where its name,
/// which may begin with min: or max:, does not say.
int directionOfMetric(llvm::StringRef name);

} // namespace jet

#endif // JET_SEARCH_READSCORES_H
