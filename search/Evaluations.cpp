// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "search/Evaluations.h"

using namespace jet;

double Objective::of(const Metrics &metrics) const {
  double sum = 0;
  for (auto [weight, metric] : llvm::zip_equal(weights, metrics))
    if (weight != 0)
      sum += weight * metric;
  return sum;
}

Result<Objective> jet::makeObjective(SearchOp search,
                                     const Evaluator &evaluator) {
  const std::vector<std::string> &names = evaluator.metricNames();
  Objective objective{std::vector<double>(names.size())};
  for (mlir::NamedAttribute entry : search.getMinimize()) {
    auto found = llvm::find(names, entry.getName().getValue());
    if (found == names.end())
      return Error{"expected a metric to minimize that is one of " +
                   llvm::join(names, ", ") + ", found '" +
                   entry.getName().str() + "'"};
    objective.weights[found - names.begin()] =
        llvm::cast<mlir::FloatAttr>(entry.getValue()).getValueAsDouble();
  }
  return objective;
}

void Evaluations::add(const Placement &placement, const Metrics &metrics) {
  evaluated.push_back({placement, metrics, objective.of(metrics)});
  const Evaluated &added = evaluated.back();
  index[placement] = &added;
  if (!best || isBetter(added, *best))
    best = &added;
}

Result<void> Evaluations::evaluate(llvm::ArrayRef<Placement> placements) {
  std::vector<Placement> missing;
  for (const Placement &placement : placements)
    if (index.try_emplace(placement, nullptr).second)
      missing.push_back(placement);
  const auto before = static_cast<double>(evaluated.size());
  const double expected = before + missing.size() + outlook;
  auto report = [&](double part) {
    if (onProgress)
      onProgress(before + part * missing.size(), expected, best);
  };
  auto found = [&](const Placement &placement,
                   const std::optional<Metrics> &metrics) -> Result<void> {
    if (!metrics) {
      ++unknown;
      return {};
    }
    add(placement, *metrics);
    return onEvaluated ? onEvaluated(evaluated.back()) : Result<void>();
  };
  return evaluator.evaluate(missing, found, report);
}

const Evaluated *Evaluations::find(const Placement &placement) const {
  auto found = index.find(placement);
  return found == index.end() ? nullptr : found->second;
}

bool Evaluations::isBetter(const Evaluated &a, const Evaluated &b) const {
  if (a.value != b.value)
    return a.value < b.value;
  int fullOfA = space.countOf(a.placement, "attn");
  int fullOfB = space.countOf(b.placement, "attn");
  if (fullOfA != fullOfB)
    return fullOfA < fullOfB;
  return a.placement < b.placement;
}
