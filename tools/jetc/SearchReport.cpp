// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "tools/jetc/SearchReport.h"
#include "search/ReadScores.h"
#include "tools/jetc/InspectCost.h"
#include "tools/jetc/InspectMemory.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/raw_ostream.h"

#include <cmath>

using namespace jet;
using llvm::outs;
using nlohmann::ordered_json;

PlacementCosts SearchReport::costsOf(const Placement &placement) const {
  MixerCounts counts = space().countsOf(placement);
  return {state.of(counts), seconds.of(counts), parameters.of(counts)};
}

int SearchReport::singleMetric() const {
  int found = -1;
  for (auto [i, weight] : llvm::enumerate(evaluations.objective.weights)) {
    if (weight == 0)
      continue;
    if (found >= 0)
      return -1;
    found = i;
  }
  return found;
}

double SearchReport::shownValue(const Evaluated &evaluated) const {
  int metric = singleMetric();
  return metric < 0 ? evaluated.value : evaluated.metrics[metric];
}

int jet::metricDirection(llvm::StringRef name) {
  return directionOfMetric(name) < 0 ? -1 : 1;
}

std::string jet::formatMetric(double value, int digits) {
  std::string text;
  llvm::raw_string_ostream(text) << llvm::format("%.*g", digits, value);
  return text;
}

std::string jet::compareMetric(llvm::StringRef name, double value,
                               double other) {
  const double gain = (other - value) * metricDirection(name);
  if (gain == 0)
    return "the same";
  const double share = std::abs(gain / other);
  std::string size = formatMetric(100 * share, 4) + " %";
  if (other == 0)
    size = formatMetric(std::abs(gain), 4);
  else if (share >= 10)
    size = formatMetric(value / other, 4) + " times as large,";
  return size + (gain > 0 ? " better" : " worse");
}

//===----------------------------------------------------------------------===//
// Text
//===----------------------------------------------------------------------===//

static size_t countAllowed(const SearchReport &report) {
  return llvm::count_if(report.evaluations.all(), [&](const Evaluated &one) {
    return report.limits.allow(report.space().countsOf(one.placement));
  });
}

void jet::printSearch(const SearchReport &report) {
  const SearchSpace &space = report.space();
  const Evaluated &best = report.result.best;
  auto label = [](llvm::StringRef text) {
    std::string padded = "  " + text.str();
    padded.resize(std::max<size_t>(padded.size() + 1, 19), ' ');
    return padded;
  };
  outs() << report.model << ": " << space.countOf(best.placement, "attn")
         << " of " << space.numLayers()
         << " layers with full attention: " << space.describe(best.placement)
         << "\n";
  outs() << label("search") << report.result.method << ", "
         << report.evaluations.all().size() << " placements evaluated, "
         << countAllowed(report) << " within the limits\n";
  for (auto [i, name] : llvm::enumerate(report.metrics())) {
    outs() << label(name)
           << llvm::left_justify(formatMetric(best.metrics[i]), 12);
    if (report.uniform) {
      double other = report.uniform->metrics[i];
      outs() << "uniform placement " << formatMetric(other) << ": "
             << compareMetric(name, best.metrics[i], other);
    }
    outs() << "\n";
  }
  if (report.singleMetric() < 0)
    outs() << label("objective") << formatMetric(best.value) << ", minimized\n";
  PlacementCosts costs = report.costsOf(best.placement);
  outs() << label("state") << formatBytes(std::llround(costs.stateBytes))
         << " of a sequence at context " << report.context << "\n";
  outs() << label("decode") << formatSeconds(costs.decodeSeconds)
         << " a step predicted, batch " << report.batch << " at context "
         << report.context << " on " << report.machine << "\n";
  outs() << label("parameters") << std::llround(costs.parameters) << "\n";
}

//===----------------------------------------------------------------------===//
// JSON
//===----------------------------------------------------------------------===//

static ordered_json metricsToJson(const SearchReport &report,
                                  const Metrics &metrics) {
  ordered_json json = ordered_json::object();
  for (auto [i, name] : llvm::enumerate(report.metrics()))
    json[name] = metrics[i];
  if (metrics.size() > report.metrics().size())
    json["minimized"] = metrics.back();
  return json;
}

static ordered_json toJson(const SearchReport &report,
                           const Evaluated &evaluated) {
  ordered_json layers = ordered_json::array();
  for (auto [i, name] :
       llvm::enumerate(report.space().namesOf(evaluated.placement)))
    if (name == "attn")
      layers.push_back(i);
  PlacementCosts costs = report.costsOf(evaluated.placement);
  return {{"placement", report.space().namesOf(evaluated.placement)},
          {"full_attention", layers},
          {"metrics", metricsToJson(report, evaluated.metrics)},
          {"minimized", evaluated.value},
          {"state_bytes", std::llround(costs.stateBytes)},
          {"decode_seconds", costs.decodeSeconds},
          {"parameters", std::llround(costs.parameters)}};
}

ordered_json jet::searchToJson(const SearchReport &report) {
  ordered_json steps = ordered_json::array();
  for (const BeamStep &step : report.result.steps) {
    ordered_json kept = ordered_json::array();
    for (const Placement &placement : step.kept)
      kept.push_back(report.space().namesOf(placement));
    steps.push_back(
        {{"grown", step.grown}, {"evaluated", step.evaluated}, {"kept", kept}});
  }
  ordered_json importance = ordered_json::array();
  for (const LayerImportance &layer : report.importance)
    importance.push_back(
        {{"layer", layer.layer},
         {"alone",
          layer.alone ? metricsToJson(report, *layer.alone) : ordered_json()},
         {"mean", metricsToJson(report, layer.mean)},
         {"pairs", layer.pairs}});
  return {{"model", report.model},
          {"objective", report.objective},
          {"method", report.result.method},
          {"evaluated", report.evaluations.all().size()},
          {"within_limits", countAllowed(report)},
          {"best", toJson(report, report.result.best)},
          {"uniform",
           report.uniform ? toJson(report, *report.uniform) : ordered_json()},
          {"costs_at",
           {{"context", report.context},
            {"batch", report.batch},
            {"target", report.machine}}},
          {"importance", importance},
          {"steps", steps}};
}
