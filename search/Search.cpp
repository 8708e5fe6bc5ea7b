// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "search/Search.h"

#include "llvm/ADT/StringExtras.h"

using namespace jet;

/// The best of what was evaluated, with `anyway` whether allowed or not.
static const Evaluated *findBest(const Evaluations &evaluations,
                                 const Limits &limits, bool anyway) {
  const Evaluated *best = nullptr;
  for (const Evaluated &evaluated : evaluations.all())
    if ((anyway ||
         limits.allow(evaluations.space.countsOf(evaluated.placement))) &&
        (!best || evaluations.isBetter(evaluated, *best)))
      best = &evaluated;
  return best;
}

/// Every placement that is allowed.
static Result<std::vector<Placement>>
enumeratePlacements(const SearchSpace &space, const Limits &limits) {
  std::vector<Placement> all = {{}};
  for (const LayerChoices &layer : space.layers) {
    std::vector<Placement> longer;
    for (const Placement &prefix : all)
      for (size_t i = 0; i < layer.names.size(); ++i) {
        longer.push_back(prefix);
        longer.back().push_back(i);
      }
    if (longer.size() > 16 * kMaxExhaustive)
      return Error{"expected a beam: there are more than " +
                   std::to_string(16 * kMaxExhaustive) + " placements"};
    all = std::move(longer);
  }
  llvm::erase_if(all, [&](const Placement &placement) {
    return !limits.allow(space.countsOf(placement));
  });
  if (all.size() > kMaxExhaustive)
    return Error{"expected a beam: there are " + std::to_string(all.size()) +
                 " placements within the limits"};
  return all;
}

/// Why there is no result, and what excludes the best of all placements.
static Error explainNone(const Evaluations &evaluations, const Limits &limits) {
  const SearchSpace &space = evaluations.space;
  std::string message =
      limits.allowed().empty()
          ? "no placement is within all limits: " +
                llvm::join(limits.ranges(), "; ")
          : "nothing is known of any placement within the limits";
  std::optional<Placement> best;
  if (evaluations.evaluator.isSumOfScores())
    best = findExactOptimum(evaluations, limits, /*anyway=*/true);
  else if (const Evaluated *found = findBest(evaluations, limits, true))
    best = found->placement;
  if (!best)
    return Error{message};
  return Error{message + "; the best of all, " + space.describe(*best) +
               ", is excluded by " +
               llvm::join(limits.violations(space.countsOf(*best)), "; ")};
}

Result<SearchResult> jet::searchPlacement(Evaluations &evaluations,
                                          const Limits &limits,
                                          std::optional<int64_t> beam) {
  SearchResult result;
  std::optional<std::vector<Placement>> known =
      evaluations.evaluator.knownPlacements();
  if (beam && !limits.allowed().empty()) {
    result.method = "beam " + std::to_string(*beam);
    auto steps = growBeam(evaluations, limits, *beam);
    if (!steps)
      return steps.error();
    result.steps = std::move(*steps);
  } else if (evaluations.evaluator.isSumOfScores()) {
    result.method = "exact";
    if (auto best = findExactOptimum(evaluations, limits, /*anyway=*/false))
      if (auto done = evaluations.evaluate(*best); !done)
        return done.error();
  } else {
    result.method = "exhaustive";
    if (!known) {
      auto all = enumeratePlacements(evaluations.space, limits);
      if (!all)
        return all.error();
      known = std::move(*all);
    }
    // Also those that are not allowed: they cost nothing, and say what limits
    // cost.
    if (auto done = evaluations.evaluate(*known); !done)
      return done.error();
  }
  const Evaluated *best = findBest(evaluations, limits, /*anyway=*/false);
  if (!best)
    return explainNone(evaluations, limits);
  result.best = *best;
  return result;
}
