// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// jetc search --report: the result as one page to look at, without scripts and
// without anything from outside the file.

#include "tools/jetc/InspectCharts.h"
#include "tools/jetc/InspectCost.h"
#include "tools/jetc/SearchCharts.h"

#include <cmath>

using namespace jet;
using llvm::raw_ostream;

static std::string showBytes(double bytes) {
  return formatBytes(std::llround(bytes));
}

static void writeFacts(raw_ostream &os, const SearchReport &report) {
  const Evaluated &best = report.result.best;
  const SearchSpace &space = report.space();
  PlacementCosts costs = report.costsOf(best.placement);
  os << "<h1>" << escapeHtml(report.model) << "</h1>\n<p>placement for "
     << escapeHtml(report.objective) << ", found by "
     << escapeHtml(report.result.method) << " search over "
     << report.evaluations.all().size()
     << " placements</p>\n<div class=\"facts\">";
  std::vector<std::pair<std::string, std::string>> facts = {
      {std::to_string(space.countOf(best.placement, "attn")) + " of " +
           std::to_string(space.numLayers()),
       "layers with full attention"},
      {formatMetric(report.shownValue(best)), report.objective}};
  if (int metric = report.singleMetric(); report.uniform && metric >= 0)
    facts.push_back(
        {compareMetric(report.metrics()[metric], best.metrics[metric],
                       report.uniform->metrics[metric]),
         "beside the uniform placement"});
  facts.push_back({showBytes(costs.stateBytes),
                   "state of a sequence at " + std::to_string(report.context)});
  facts.push_back({formatSeconds(costs.decodeSeconds),
                   "a decode step predicted, batch " +
                       std::to_string(report.batch) + " on " + report.machine});
  facts.push_back(
      {std::to_string(std::llround(costs.parameters)), "parameters"});
  for (const auto &[value, name] : facts)
    os << "<div><b>" << escapeHtml(value) << "</b><span>" << escapeHtml(name)
       << "</span></div>";
  os << "</div>\n";
}

static void writeStrip(raw_ostream &os, const SearchReport &report,
                       const Placement &placement) {
  os << "<div class=\"strip\">";
  for (auto [i, name] : llvm::enumerate(report.space().namesOf(placement)))
    os << "<div class=\"" << mixerClass(name) << "\" title=\"layer " << i
       << ": " << escapeHtml(name) << "\">" << i << "</div>";
  os << "</div>\n";
}

/// Cells of a row of a table: a placement's metrics and costs.
static void writeCells(raw_ostream &os, const SearchReport &report,
                       const Evaluated &one) {
  PlacementCosts costs = report.costsOf(one.placement);
  for (double value : one.metrics)
    os << "<td class=\"number\">" << formatMetric(value) << "</td>";
  os << "<td class=\"number\">" << showBytes(costs.stateBytes)
     << "</td><td class=\"number\">" << formatSeconds(costs.decodeSeconds)
     << "</td><td class=\"number\">" << std::llround(costs.parameters)
     << "</td></tr>\n";
}

static void writeHeader(raw_ostream &os, const SearchReport &report,
                        llvm::StringRef first) {
  os << "<table><tr><th>" << first << "</th>";
  for (const std::string &name : report.metrics())
    os << "<th class=\"number\">" << escapeHtml(name) << "</th>";
  os << "<th class=\"number\">state</th><th class=\"number\">decode</th>"
        "<th class=\"number\">parameters</th></tr>\n";
}

static void writeComparison(raw_ostream &os, const SearchReport &report) {
  const Evaluated &best = report.result.best;
  os << "<section><h2>The placement</h2>\n<p class=\"legend\">";
  for (const char *mixer : {"attn", "swa", "jet", "gdn", "mamba2"})
    if (int count = report.space().countOf(best.placement, mixer))
      writeLegendEntry(os, mixerClass(mixer),
                       std::to_string(count) + " " + mixer);
  os << "</p>\n<h3>Learned</h3>\n";
  writeStrip(os, report, best.placement);
  if (report.uniform) {
    os << "<h3>Uniform, as many layers evenly spaced</h3>\n";
    writeStrip(os, report, report.uniform->placement);
  }
  writeHeader(os, report, "placement");
  os << "<tr class=\"best\"><td>learned</td>";
  writeCells(os, report, best);
  if (report.uniform) {
    os << "<tr><td>uniform</td>";
    writeCells(os, report, *report.uniform);
  }
  if (const Evaluated *none =
          report.evaluations.find(report.space().basePlacement())) {
    os << "<tr><td>no layer of full attention</td>";
    writeCells(os, report, *none);
  }
  os << "</table>\n";
  if (report.uniform) {
    os << "<p>Learned is, beside uniform: ";
    llvm::interleaveComma(
        llvm::enumerate(report.metrics()), os, [&](const auto &metric) {
          os << escapeHtml(metric.value()) << " "
             << compareMetric(metric.value(), best.metrics[metric.index()],
                              report.uniform->metrics[metric.index()]);
        });
    os << ".</p>\n";
  }
  os << "</section>\n";
}

/// The search by its steps, or without steps by number of layers.
static void writeTrace(raw_ostream &os, const SearchReport &report) {
  const SearchSpace &space = report.space();
  os << "<section><h2>The search</h2>\n<p>" << escapeHtml(report.result.method)
     << ": " << report.evaluations.all().size()
     << " placements evaluated. The best within the limits so far, what is "
        "minimized upwards:</p>\n";
  writeTraceChart(os, report);
  if (!report.result.steps.empty()) {
    os << "<h3>What the beam kept</h3>\n<table><tr><th>layers grown</th><th "
          "class=\"number\">evaluated</th><th>kept, best first</th></tr>\n";
    for (const BeamStep &step : report.result.steps) {
      os << "<tr><td>" << step.grown << "</td><td class=\"number\">"
         << step.evaluated << "</td><td>";
      for (const Placement &placement : llvm::ArrayRef(step.kept).take_front(8))
        os << escapeHtml(space.describe(placement)) << ": "
           << formatMetric(
                  report.shownValue(*report.evaluations.find(placement)))
           << "<br>";
      os << "</td></tr>\n";
    }
    os << "</table>\n";
  }
  os << "<h3>The best of each number of full-attention layers, of all "
        "evaluated</h3>\n";
  writeHeader(os, report, "layers with full attention");
  std::map<int, const Evaluated *> bests;
  for (const Evaluated &one : report.evaluations.all()) {
    const Evaluated *&best = bests[space.countOf(one.placement, "attn")];
    if (!best || report.evaluations.isBetter(one, *best))
      best = &one;
  }
  for (auto [count, best] : bests) {
    os << (best->placement == report.result.best.placement
               ? "<tr class=\"best\">"
               : "<tr>")
       << "<td>" << count << ": " << escapeHtml(space.describe(best->placement))
       << "</td>";
    writeCells(os, report, *best);
  }
  os << "</table></section>\n";
}

static void writePareto(raw_ostream &os, const SearchReport &report) {
  os << "<section><h2>Quality against cost</h2>\n<p>Every evaluated placement, "
        "by "
     << escapeHtml(report.objective)
     << " (what is minimized, better upwards); the line joins those that "
        "nothing cheaper is as good as. Costs are those of the compiler's "
        "plans, at context "
     << report.context << " and batch " << report.batch << " on "
     << escapeHtml(report.machine) << ".</p>\n<p class=\"legend\">";
  writeLegendEntry(os, "c0", "within the limits");
  writeLegendEntry(os, "cx", "not within");
  os << "</p>\n<h3>State of a sequence</h3>\n";
  writeParetoChart(os, report, &PlacementCosts::stateBytes,
                   "state of a sequence", showBytes);
  os << "<h3>Predicted time of a decode step</h3>\n";
  writeParetoChart(os, report, &PlacementCosts::decodeSeconds,
                   "seconds of a decode step", formatSeconds);
  os << "</section>\n";
}

static void writeTable(raw_ostream &os, const SearchReport &report) {
  constexpr size_t kMost = 50;
  std::vector<const Evaluated *> sorted;
  for (const Evaluated &one : report.evaluations.all())
    if (report.limits.allow(report.space().countsOf(one.placement)))
      sorted.push_back(&one);
  llvm::sort(sorted, [&](const Evaluated *a, const Evaluated *b) {
    return report.evaluations.isBetter(*a, *b);
  });
  os << "<section><h2>The best placements within the limits</h2>\n<p>"
     << std::min(sorted.size(), kMost) << " of " << sorted.size()
     << ", best first</p>\n";
  writeHeader(os, report, "placement");
  for (const Evaluated *one : llvm::ArrayRef(sorted).take_front(kMost)) {
    os << "<tr><td>" << escapeHtml(report.space().describe(one->placement))
       << "</td>";
    writeCells(os, report, *one);
  }
  os << "</table></section>\n";
}

Result<void> jet::writeSearchHtml(const std::string &path,
                                  const SearchReport &report) {
  std::string text;
  llvm::raw_string_ostream os(text);
  writeFacts(os, report);
  writeComparison(os, report);
  writeImportance(os, report);
  writeTrace(os, report);
  writePareto(os, report);
  writeTable(os, report);
  return writePage(path, report.model + ": placement", text);
}
