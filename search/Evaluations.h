// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The placements that a search has looked at: each is evaluated once.

#ifndef JET_SEARCH_EVALUATIONS_H
#define JET_SEARCH_EVALUATIONS_H

#include "search/Evaluator.h"

#include <deque>
#include <functional>
#include <map>

namespace jet {

struct Evaluated {
  Placement placement;
  Metrics metrics;
  double value = 0; // what is minimised
};

/// Σ weight · metric.
struct Objective {
  std::vector<double> weights; // one per metric

  double of(const Metrics &metrics) const;
};

/// The weights of `search` in the order of the evaluator's metrics. An error
/// when it has not one of them.
Result<Objective> makeObjective(SearchOp search, const Evaluator &evaluator);

class Evaluations {
public:
  Evaluations(const SearchSpace &space, Evaluator &evaluator,
              Objective objective)
      : space(space), evaluator(evaluator), objective(std::move(objective)) {}

  /// Called after each placement that was evaluated.
  std::function<Result<void>(const Evaluated &)> onEvaluated;
  /// Called now and again; `expected` placements are all that is asked for.
  std::function<void(double done, double expected, const Evaluated *best)>
      onProgress;

  /// Evaluates those that were not, and were not found unknown.
  Result<void> evaluate(llvm::ArrayRef<Placement> placements);
  /// Takes in what was evaluated before.
  void add(const Placement &placement, const Metrics &metrics);

  /// Null when it was not evaluated, or nothing is known of it.
  const Evaluated *find(const Placement &placement) const;
  /// In the order in which they were evaluated.
  const std::deque<Evaluated> &all() const { return evaluated; }
  /// How many placements the evaluator knew nothing of.
  size_t numUnknown() const { return unknown; }
  /// How many more placements the search may still ask for, at most.
  size_t outlook = 0;

  /// Whether `a` is better: the lower value; of equal ones fewer layers with
  /// full attention, then the one that has in the first layer in which they
  /// differ the candidate that the model names first.
  bool isBetter(const Evaluated &a, const Evaluated &b) const;

  const SearchSpace &space;
  Evaluator &evaluator;
  const Objective objective;

private:
  std::deque<Evaluated> evaluated;              // references stay valid
  std::map<Placement, const Evaluated *> index; // null: unknown
  size_t unknown = 0;
  const Evaluated *best = nullptr;
};

} // namespace jet

#endif // JET_SEARCH_EVALUATIONS_H
