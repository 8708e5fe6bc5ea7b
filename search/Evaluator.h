// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// How good placements are, and where that is known from.

#ifndef JET_SEARCH_EVALUATOR_H
#define JET_SEARCH_EVALUATOR_H

#include "search/Space.h"
#include "support/Error.h"

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace jet {

/// Values of the metrics of an evaluator, in the order of its names.
using Metrics = std::vector<double>;

/// Where metrics of placements come from. Use from one thread.
class Evaluator {
public:
  virtual ~Evaluator() = default;

  virtual const std::vector<std::string> &metricNames() const = 0;
  /// Calls `found` once for each of `placements`, in any order, with its
  /// metrics or, if it knows none, nothing; between calls `report` with the
  /// part of the work that is done. Ends with the first error.
  using Found = llvm::function_ref<Result<void>(
      const Placement &placement, const std::optional<Metrics> &metrics)>;
  using Report = llvm::function_ref<void(double done)>;
  virtual Result<void> evaluate(llvm::ArrayRef<Placement> placements,
                                Found found, Report report) = 0;
  /// All placements that it knows, if it does not know them all.
  virtual std::optional<std::vector<Placement>> knownPlacements() const {
    return std::nullopt;
  }
  /// Whether the one metric is the sum of the candidates' scores.
  virtual bool isSumOfScores() const { return false; }
};

/// The `jet.measured` ops of a search.
class TableEvaluator : public Evaluator {
public:
  TableEvaluator(SearchOp search, const SearchSpace &space);

  const std::vector<std::string> &metricNames() const override { return names; }
  Result<void> evaluate(llvm::ArrayRef<Placement> placements, Found found,
                        Report report) override;
  std::optional<std::vector<Placement>> knownPlacements() const override;

private:
  std::vector<std::string> names;
  std::map<Placement, Metrics> table;
};

/// The sum of the scores of a placement's candidates: metric "score".
class ScoreEvaluator : public Evaluator {
public:
  explicit ScoreEvaluator(const SearchSpace &space) : space(space) {}

  const std::vector<std::string> &metricNames() const override { return names; }
  Result<void> evaluate(llvm::ArrayRef<Placement> placements, Found found,
                        Report report) override;
  bool isSumOfScores() const override { return true; }

private:
  const SearchSpace &space;
  std::vector<std::string> names = {"score"};
};

/// What `search` is judged by: its measurements, or the layers' scores. An
/// error when it has neither.
Result<std::unique_ptr<Evaluator>> makeEvaluator(SearchOp search,
                                                 const SearchSpace &space);

} // namespace jet

#endif // JET_SEARCH_EVALUATOR_H
