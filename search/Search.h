// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Looking for the best placement: by beam, over all, or exactly for scores.

#ifndef JET_SEARCH_SEARCH_H
#define JET_SEARCH_SEARCH_H

#include "search/Evaluations.h"
#include "search/Limits.h"

namespace jet {

/// A size of a beam search.
struct BeamStep {
  int grown = 0; // layers that have not their base mixer
  size_t evaluated = 0;
  std::vector<Placement> kept; // the best, best first
};

struct SearchResult {
  Evaluated best;
  std::string method;          // "beam 4", "exhaustive", "exact"
  std::vector<BeamStep> steps; // of a beam search
};

/// The best placement that is allowed. A beam grows from all base mixers one
/// layer at a time and keeps the best `beam` placements of each size, leaving
/// out those that nothing allowed can grow from. Without a beam: the exact
/// optimum of a sum of scores; else the best of all that the evaluator knows,
/// or of all that are allowed if those are at most kMaxExhaustive. Errors: no
/// placement is allowed and known, which says what excludes the best; too many
/// placements; what the evaluator reports.
Result<SearchResult> searchPlacement(Evaluations &evaluations,
                                     const Limits &limits,
                                     std::optional<int64_t> beam);

inline constexpr size_t kMaxExhaustive = 1 << 16;

/// The placement with the best sum of scores among those that are allowed, or
/// with `anyway` among all. Nothing when none is.
std::optional<Placement> findExactOptimum(const Evaluations &evaluations,
                                          const Limits &limits, bool anyway);

/// Each step of a beam.
Result<std::vector<BeamStep>> growBeam(Evaluations &evaluations,
                                       const Limits &limits, size_t width);

} // namespace jet

#endif // JET_SEARCH_SEARCH_H
