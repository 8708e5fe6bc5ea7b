// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "search/Search.h"

using namespace jet;

/// Of the first layers, for every combination of counts the best choice: what
/// limits will say of the whole depends on the counts alone.
std::optional<Placement> jet::findExactOptimum(const Evaluations &evaluations,
                                               const Limits &limits,
                                               bool anyway) {
  const SearchSpace &space = evaluations.space;
  const double weight = evaluations.objective.weights.front();
  std::map<MixerCounts, Evaluated> bests = {
      {MixerCounts(space.mixers.size()), Evaluated()}};
  for (const LayerChoices &layer : space.layers) {
    std::map<MixerCounts, Evaluated> next;
    for (const auto &[counts, prefix] : bests)
      for (size_t i = 0; i < layer.names.size(); ++i) {
        MixerCounts after = counts;
        ++after[layer.mixers[i]];
        Evaluated longer = prefix;
        longer.placement.push_back(i);
        longer.value += weight * layer.scores[i];
        auto [entry, isNew] = next.try_emplace(std::move(after), longer);
        // With equal counts, only value and order decide.
        if (!isNew && (longer.value < entry->second.value ||
                       (longer.value == entry->second.value &&
                        longer.placement < entry->second.placement)))
          entry->second = std::move(longer);
      }
    bests = std::move(next);
  }
  const Evaluated *best = nullptr;
  for (const auto &[counts, whole] : bests)
    if ((anyway || limits.allow(counts)) &&
        (!best || evaluations.isBetter(whole, *best)))
      best = &whole;
  return best ? std::optional(best->placement) : std::nullopt;
}
