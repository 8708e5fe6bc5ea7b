// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "search/Importance.h"

using namespace jet;

/// The layers that are a base mixer unless they get full attention.
static std::vector<size_t> importantLayers(const SearchSpace &space) {
  std::vector<size_t> layers;
  for (size_t layer = 0; layer < space.numLayers(); ++layer) {
    int full = space.find(layer, "attn");
    if (full >= 0 && full != space.layers[layer].base)
      layers.push_back(layer);
  }
  return layers;
}

static Metrics difference(const Evaluated &with, const Evaluated &without) {
  Metrics result;
  for (auto [a, b] : llvm::zip_equal(with.metrics, without.metrics))
    result.push_back(a - b);
  result.push_back(with.value - without.value);
  return result;
}

std::vector<LayerImportance>
jet::layerImportance(const Evaluations &evaluations) {
  const SearchSpace &space = evaluations.space;
  const size_t numValues = evaluations.evaluator.metricNames().size() + 1;
  const Evaluated *none = evaluations.find(space.basePlacement());
  std::vector<LayerImportance> result;
  for (size_t layer : importantLayers(space)) {
    LayerImportance importance{layer, std::nullopt, Metrics(numValues), 0};
    const int full = space.find(layer, "attn");
    for (const Evaluated &with : evaluations.all()) {
      if (with.placement[layer] != full)
        continue;
      Placement placement = with.placement;
      placement[layer] = space.layers[layer].base;
      const Evaluated *without = evaluations.find(placement);
      if (!without)
        continue;
      Metrics change = difference(with, *without);
      if (without == none)
        importance.alone = change;
      for (size_t i = 0; i < numValues; ++i)
        importance.mean[i] += change[i];
      ++importance.pairs;
    }
    for (double &value : importance.mean)
      value /= std::max<size_t>(importance.pairs, 1);
    result.push_back(std::move(importance));
  }
  return result;
}

std::vector<Placement> jet::importancePlacements(const SearchSpace &space) {
  std::vector<Placement> placements = {space.basePlacement()};
  for (size_t layer : importantLayers(space)) {
    placements.push_back(placements.front());
    placements.back()[layer] = space.find(layer, "attn");
  }
  return placements;
}
