// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "search/Search.h"

using namespace jet;

namespace {

/// What an allowed placement can grow from.
class Growth {
public:
  Growth(const SearchSpace &space, const Limits &limits)
      : limits(limits), isBase(space.mixers.size()) {
    bool isMixed = false;
    std::vector<bool> isOther(space.mixers.size());
    for (const LayerChoices &layer : space.layers)
      for (size_t i = 0; i < layer.mixers.size(); ++i)
        (i == layer.base ? isBase : isOther)[layer.mixers[i]] = true;
    for (size_t i = 0; i < isBase.size(); ++i)
      isMixed |= isBase[i] && isOther[i];
    for (const MixerCounts &counts : limits.allowed()) {
      int grown = 0;
      for (size_t i = 0; i < counts.size(); ++i)
        grown += isBase[i] ? 0 : counts[i];
      longest = std::max(longest, grown);
    }
    // Counts then do not tell how many layers have grown.
    if (isMixed && !limits.allowed().empty())
      longest = space.numLayers();
  }

  /// Layers that an allowed placement has grown, at most.
  int maxGrown() const { return longest; }

  /// Whether an allowed placement may have all that `counts` has but for base
  /// mixers, which give way as others come.
  bool mayReach(const MixerCounts &counts) const {
    return llvm::any_of(limits.allowed(), [&](const MixerCounts &goal) {
      for (size_t i = 0; i < counts.size(); ++i)
        if (!isBase[i] && counts[i] > goal[i])
          return false;
      return true;
    });
  }

private:
  const Limits &limits;
  std::vector<bool> isBase;
  int longest = 0;
};

} // namespace

/// All ways to give one more layer of `parents` another mixer than its base.
static std::vector<Placement> grow(const SearchSpace &space,
                                   llvm::ArrayRef<Placement> parents,
                                   const Growth &growth) {
  std::set<Placement> children;
  for (const Placement &parent : parents)
    for (size_t layer = 0; layer < parent.size(); ++layer) {
      const LayerChoices &choices = space.layers[layer];
      if (parent[layer] != choices.base)
        continue;
      for (size_t i = 0; i < choices.names.size(); ++i) {
        Placement child = parent;
        child[layer] = i;
        if (i != choices.base && growth.mayReach(space.countsOf(child)))
          children.insert(std::move(child));
      }
    }
  return {children.begin(), children.end()};
}

Result<std::vector<BeamStep>>
jet::growBeam(Evaluations &evaluations, const Limits &limits, size_t width) {
  const SearchSpace &space = evaluations.space;
  Growth growth(space, limits);
  std::vector<BeamStep> steps;
  std::vector<Placement> placements;
  if (!limits.allowed().empty())
    placements.push_back(space.basePlacement());
  for (int grown = 0; !placements.empty(); ++grown) {
    // Of later steps each grows what this one keeps.
    evaluations.outlook =
        std::max(growth.maxGrown() - grown, 0) * width * space.numLayers();
    if (auto done = evaluations.evaluate(placements); !done)
      return done.error();
    std::vector<const Evaluated *> known;
    for (const Placement &placement : placements)
      if (const Evaluated *evaluated = evaluations.find(placement))
        known.push_back(evaluated);
    llvm::sort(known, [&](const Evaluated *a, const Evaluated *b) {
      return evaluations.isBetter(*a, *b);
    });
    BeamStep step{grown, placements.size(), {}};
    for (const Evaluated *evaluated : llvm::ArrayRef(known).take_front(width))
      step.kept.push_back(evaluated->placement);
    std::vector<Placement> parents = step.kept;
    if (grown == 0)
      parents = {space.basePlacement()}; // whether a table knows it or not
    placements.clear();
    if (grown < growth.maxGrown())
      placements = grow(space, parents, growth);
    steps.push_back(std::move(step));
  }
  evaluations.outlook = 0;
  return steps;
}
