// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "tools/jetc/SearchCharts.h"
#include "tools/jetc/ChartFrame.h"

using namespace jet;
using llvm::format;
using llvm::raw_ostream;

static std::string describePoint(const SearchReport &report,
                                 const Evaluated &one) {
  std::string text = report.space().describe(one.placement);
  for (auto [i, name] : llvm::enumerate(report.metrics()))
    text += ", " + name + " " + formatMetric(one.metrics[i]);
  return text;
}

void jet::writeParetoChart(raw_ostream &os, const SearchReport &report,
                           double PlacementCosts::*cost, llvm::StringRef title,
                           llvm::function_ref<std::string(double)> formatCost) {
  struct Point {
    const Evaluated *one;
    double cost, value;
  };
  std::vector<Point> points;
  std::vector<double> costs, values;
  for (const Evaluated &one : report.evaluations.all()) {
    points.push_back({&one, report.costsOf(one.placement).*cost, one.value});
    costs.push_back(points.back().cost);
    values.push_back(points.back().value);
  }
  Axis across = Axis::over(costs), up = Axis::over(values);
  Frame frame;
  frame.height = 320;
  frame.yMaximum = 1;
  auto x = [&](double value) { return frame.x(across.fraction(value)); };
  auto y = [&](double value) { return frame.y(1 - up.fraction(value)); };
  frame.open(os, ("Quality against " + title).str());
  for (int i = 0; i <= kTicks; ++i) {
    double value = up.at(1 - double(i) / kTicks);
    frame.writeYTick(os, y(value), formatMetric(value, 4));
    frame.writeXTick(os, frame.x(double(i) / kTicks),
                     formatCost(across.at(double(i) / kTicks)));
  }
  frame.writeXTitle(os, title);
  for (const Point &point : points) {
    const bool allowed =
        report.limits.allow(report.space().countsOf(point.one->placement));
    os << format("<circle class=\"%s\" cx=\"%.1f\" cy=\"%.1f\" r=\"3.5\">",
                 allowed ? "c0" : "cx", x(point.cost), y(point.value))
       << "<title>" << escapeHtml(describePoint(report, *point.one)) << ", "
       << formatCost(point.cost) << "</title></circle>\n";
  }
  llvm::sort(points, [](const Point &a, const Point &b) {
    return std::tie(a.cost, a.value) < std::tie(b.cost, b.value);
  });
  os << "<polyline class=\"front\" points=\"";
  double best = std::numeric_limits<double>::infinity();
  for (const Point &point : points)
    if (point.value < best) {
      best = point.value;
      os << format("%.1f,%.1f ", x(point.cost), y(point.value));
    }
  os << "\"/>\n";
  auto mark = [&](const Evaluated &one, llvm::StringRef text) {
    writeRing(os, x(report.costsOf(one.placement).*cost), y(one.value), text);
  };
  mark(report.result.best, "learned");
  if (report.uniform &&
      report.uniform->placement != report.result.best.placement)
    mark(*report.uniform, "uniform");
  os << "</svg>\n";
}

void jet::writeTraceChart(raw_ostream &os, const SearchReport &report) {
  std::vector<double> bests;
  const Evaluated *best = nullptr;
  for (const Evaluated &one : report.evaluations.all()) {
    if (report.limits.allow(report.space().countsOf(one.placement)) &&
        (!best || report.evaluations.isBetter(one, *best)))
      best = &one;
    if (best)
      bests.push_back(best->value);
  }
  if (bests.size() < 2)
    return;
  Axis up = Axis::over(bests);
  Frame frame;
  frame.height = 220;
  frame.yMaximum = 1;
  auto y = [&](double value) { return frame.y(1 - up.fraction(value)); };
  const size_t skipped = report.evaluations.all().size() - bests.size();
  auto x = [&](size_t i) {
    return frame.x(double(i + skipped) /
                   double(report.evaluations.all().size() - 1));
  };
  frame.open(os, "The best so far");
  for (int i = 0; i <= kTicks; ++i) {
    double value = up.at(double(i) / kTicks);
    frame.writeYTick(os, y(value), formatMetric(value, 4));
    frame.writeXTick(
        os, frame.x(double(i) / kTicks),
        std::to_string((report.evaluations.all().size() - 1) * i / kTicks + 1));
  }
  frame.writeXTitle(os, "placements evaluated");
  os << "<polyline class=\"front\" points=\"";
  for (size_t i = 0; i < bests.size(); ++i) {
    if (i)
      os << format("%.1f,%.1f ", x(i), y(bests[i - 1]));
    os << format("%.1f,%.1f ", x(i), y(bests[i]));
  }
  os << "\"/>\n</svg>\n";
}

/// One row a metric, one column a layer. `valueOf` gives the change that full
/// attention makes, or nothing.
static void writeHeat(
    raw_ostream &os, const SearchReport &report,
    llvm::function_ref<std::optional<double>(const LayerImportance &, size_t)>
        valueOf) {
  os << "<table class=\"heat\"><tr><th></th>";
  for (const LayerImportance &layer : report.importance)
    os << "<th class=\"number\">" << layer.layer << "</th>";
  os << "</tr>\n";
  for (auto [metric, name] : llvm::enumerate(report.metrics())) {
    double most = 0;
    for (const LayerImportance &layer : report.importance)
      if (auto value = valueOf(layer, metric))
        most = std::max(most, std::abs(*value));
    os << "<tr><th>" << escapeHtml(name) << "</th>";
    for (const LayerImportance &layer : report.importance) {
      std::optional<double> change = valueOf(layer, metric);
      if (!change) {
        os << "<td>?</td>";
        continue;
      }
      const double gain = -*change * metricDirection(name);
      os << "<td style=\"background: color-mix(in srgb, var(--"
         << (gain >= 0 ? "c0" : "c1") << ") "
         << format("%.0f%%", most > 0 ? 75 * std::abs(gain) / most : 0.0)
         << ", var(--card))\" title=\"layer " << layer.layer << ": "
         << escapeHtml(name) << format(" %+.4g", *change) << "\">"
         << format("%+.2g", *change) << "</td>";
    }
    os << "</tr>\n";
  }
  os << "</table>\n";
}

void jet::writeImportance(raw_ostream &os, const SearchReport &report) {
  os << "<section><h2>What full attention in a layer is worth</h2>\n<p>The "
        "change of each metric; the stronger the colour, the larger it is "
        "beside the other layers'.</p>\n<p class=\"legend\">";
  writeLegendEntry(os, "c0", "better");
  writeLegendEntry(os, "c1", "worse");
  os << "</p>\n<h3>In this layer alone, against none</h3>\n";
  writeHeat(
      os, report,
      [](const LayerImportance &layer, size_t metric) -> std::optional<double> {
        if (!layer.alone)
          return std::nullopt;
        return (*layer.alone)[metric];
      });
  os << "<h3>Mean over all evaluated placements that differ in this layer "
        "alone</h3>\n";
  writeHeat(
      os, report,
      [](const LayerImportance &layer, size_t metric) -> std::optional<double> {
        if (!layer.pairs)
          return std::nullopt;
        return layer.mean[metric];
      });
  os << "</section>\n";
}
