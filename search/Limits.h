// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The limits of a search.

#ifndef JET_SEARCH_LIMITS_H
#define JET_SEARCH_LIMITS_H

#include "search/LayerCosts.h"

#include <set>

namespace jet {

class Limits {
public:
  /// From the ops in the body of `search`. Errors: a cost cannot be worked
  /// out; there are too many different mixers.
  static Result<Limits> create(SearchOp search, const SearchSpace &space,
                               LayerCosts &costs);

  /// Whether a placement with these counts keeps to all limits.
  bool allow(const MixerCounts &counts) const {
    return feasible.count(counts) != 0;
  }
  /// The limits that it does not keep to, one line each: "state of a sequence
  /// at context 64: expected at most 60000 bytes, found 61440".
  std::vector<std::string> violations(const MixerCounts &counts) const;
  /// The counts of all placements that are allowed.
  const std::set<MixerCounts> &allowed() const { return feasible; }
  /// Why no placement is allowed, one line each limit: the range of what
  /// placements have of it.
  std::vector<std::string> ranges() const;

private:
  struct Limit {
    std::string what, unit; // "state of a sequence at context 64", " bytes"
    LayerSum<double> sum;
    double min = 0, max = 0;
    double scale = 1; // of numbers in messages
  };
  std::string describe(const Limit &limit, double value) const;
  std::string boundsOf(const Limit &limit) const;

  std::vector<Limit> limits;
  std::set<MixerCounts> possible, feasible;
};

} // namespace jet

#endif // JET_SEARCH_LIMITS_H
