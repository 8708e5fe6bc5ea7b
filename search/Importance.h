// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What full attention in one layer is worth.

#ifndef JET_SEARCH_IMPORTANCE_H
#define JET_SEARCH_IMPORTANCE_H

#include "search/Evaluations.h"

namespace jet {

/// Of one layer that may have full attention and something else.
struct LayerImportance {
  size_t layer = 0;
  /// Metrics with full attention in this layer alone less those without any;
  /// the last entry is what is minimised. Nothing if one is not known.
  std::optional<Metrics> alone;
  /// The same, the mean over all pairs of evaluated placements that differ in
  /// this layer alone.
  Metrics mean;
  size_t pairs = 0;
};

std::vector<LayerImportance> layerImportance(const Evaluations &evaluations);

/// The placements that `alone` compares.
std::vector<Placement> importancePlacements(const SearchSpace &space);

} // namespace jet

#endif // JET_SEARCH_IMPORTANCE_H
