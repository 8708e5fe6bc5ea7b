// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "search/Evaluator.h"

using namespace jet;

TableEvaluator::TableEvaluator(SearchOp search, const SearchSpace &space) {
  for (auto measured : search.getBody().front().getOps<MeasuredOp>()) {
    Placement placement;
    for (auto [layer, name] : llvm::enumerate(measured.getPlacement()))
      placement.push_back(
          space.find(layer, llvm::cast<mlir::StringAttr>(name).getValue()));
    Metrics metrics;
    const bool isFirst = table.empty();
    for (mlir::NamedAttribute metric : measured.getMetrics()) {
      if (isFirst)
        names.push_back(metric.getName().str());
      metrics.push_back(
          llvm::cast<mlir::FloatAttr>(metric.getValue()).getValueAsDouble());
    }
    table.emplace(std::move(placement), std::move(metrics));
  }
}

Result<void> TableEvaluator::evaluate(llvm::ArrayRef<Placement> placements,
                                      Found found, Report) {
  for (const Placement &placement : placements) {
    auto row = table.find(placement);
    auto done =
        found(placement,
              row == table.end() ? std::nullopt : std::optional(row->second));
    if (!done)
      return done;
  }
  return {};
}

std::optional<std::vector<Placement>> TableEvaluator::knownPlacements() const {
  std::vector<Placement> placements;
  for (const auto &[placement, metrics] : table)
    placements.push_back(placement);
  return placements;
}

Result<void> ScoreEvaluator::evaluate(llvm::ArrayRef<Placement> placements,
                                      Found found, Report) {
  for (const Placement &placement : placements) {
    double sum = 0;
    for (auto [layer, choice] : llvm::zip_equal(space.layers, placement))
      sum += layer.scores[choice];
    if (auto done = found(placement, Metrics{sum}); !done)
      return done;
  }
  return {};
}

Result<std::unique_ptr<Evaluator>>
jet::makeEvaluator(SearchOp search, const SearchSpace &space) {
  if (!search.getBody().front().getOps<MeasuredOp>().empty())
    return std::unique_ptr<Evaluator>(new TableEvaluator(search, space));
  if (space.hasScores())
    return std::unique_ptr<Evaluator>(new ScoreEvaluator(space));
  return Error{"expected measured placements, or scores of every layer's "
               "candidates, found neither"};
}
