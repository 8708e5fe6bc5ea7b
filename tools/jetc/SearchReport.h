// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What jetc search tells of a search.

#ifndef JET_TOOLS_JETC_SEARCHREPORT_H
#define JET_TOOLS_JETC_SEARCHREPORT_H

#include "search/Importance.h"
#include "search/Search.h"

#include <nlohmann/json.hpp>

namespace jet {

/// What a placement costs.
struct PlacementCosts {
  double stateBytes, decodeSeconds, parameters;
};

struct SearchReport {
  const Evaluations &evaluations;
  const Limits &limits;
  const SearchResult &result;
  std::string model, objective;       // as given
  const Evaluated *uniform = nullptr; // the same number of layers, if known
  std::vector<LayerImportance> importance = {};
  int64_t context = 0, batch = 0; // of costs
  std::string machine = {};
  LayerSum<double> state = {}, seconds = {}, parameters = {};

  const SearchSpace &space() const { return evaluations.space; }
  const std::vector<std::string> &metrics() const {
    return evaluations.evaluator.metricNames();
  }
  PlacementCosts costsOf(const Placement &placement) const;
  /// The metric of an objective that is one, else -1.
  int singleMetric() const;
  /// What is minimised as the user knows it: the metric, or the sum.
  double shownValue(const Evaluated &evaluated) const;
};

/// 1 where less of the metric is better, -1 where more is.
int metricDirection(llvm::StringRef name);
/// "1.0345".
std::string formatMetric(double value, int digits = 6);
/// How much better `value` is than `other`: "3.1 % better".
std::string compareMetric(llvm::StringRef name, double value, double other);

void printSearch(const SearchReport &report);
nlohmann::ordered_json searchToJson(const SearchReport &report);
/// Writes `path` whole or not at all.
Result<void> writeSearchHtml(const std::string &path,
                             const SearchReport &report);

} // namespace jet

#endif // JET_TOOLS_JETC_SEARCHREPORT_H
