// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The placements of a supernet.

#ifndef JET_SEARCH_SPACE_H
#define JET_SEARCH_SPACE_H

#include "dialects/jet/Jet.h"

#include <cstdint>
#include <string>
#include <vector>

namespace jet {

/// For each layer, which of its candidates it gets.
using Placement = std::vector<uint8_t>;

/// For each mixer of a space, how many layers have it. All that limits look at:
/// what layers with equal mixers cost is equal.
using MixerCounts = std::vector<int32_t>;

/// What a layer may be.
struct LayerChoices {
  std::vector<std::string> names; // of the candidates, e.g. "attn", "jet"
  std::vector<int> mixers;        // of each candidate, index of its mixer
  std::vector<double> scores;     // of each candidate; empty: none
  /// The candidate that a search starts from: the first linear mixer, else
  /// attention with a window, else the first.
  uint8_t base = 0;
};

struct SearchSpace {
  explicit SearchSpace(ModelOp model);

  std::vector<LayerChoices> layers;
  std::vector<MixerAttrInterface> mixers; // the different ones

  size_t numLayers() const { return layers.size(); }
  Placement basePlacement() const;
  MixerCounts countsOf(const Placement &placement) const;
  /// How many layers have a mixer of that name.
  int countOf(const Placement &placement, llvm::StringRef mixer) const;
  std::vector<std::string> namesOf(const Placement &placement) const;
  /// "0-3 jet, 4 attn, 5-7 jet".
  std::string describe(const Placement &placement) const;
  /// The candidate of `layer` called `name`, or -1.
  int find(size_t layer, llvm::StringRef name) const;
  /// Whether all layers have scores.
  bool hasScores() const;
};

/// "0-13 jet, 14 attn, …": consecutive layers of one kind together.
std::string describeLayers(llvm::ArrayRef<std::string> layers);

/// Full attention at `count` of the layers that may have it, evenly spaced —
/// layer ⌊(2i + 1)·n / (2·count)⌋ of the n, i = 0, 1, … — and each other
/// layer's base. `count` is at most n.
Placement uniformPlacement(const SearchSpace &space, int count);

} // namespace jet

#endif // JET_SEARCH_SPACE_H
