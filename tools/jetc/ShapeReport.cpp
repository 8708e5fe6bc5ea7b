// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "tools/jetc/ShapeReport.h"
#include "tools/jetc/ChartFrame.h"
#include "tools/jetc/InspectCost.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/raw_ostream.h"

using namespace jet;
using llvm::format;
using llvm::raw_ostream;
using nlohmann::ordered_json;

static double tokensPerSecond(const ShapeReport &report, double seconds) {
  return static_cast<double>(report.question.batch) / seconds;
}

static std::string formatCount(double value) {
  std::string text;
  llvm::raw_string_ostream(text) << format("%.0f", value);
  return text;
}

/// 1640000000 → "1.640 B", as papers have it.
static std::string formatParameters(double value) {
  std::string text;
  llvm::raw_string_ostream os(text);
  if (value >= 1e8)
    os << format("%.3f B", value / 1e9);
  else
    os << format("%.3f M", value / 1e6);
  return text;
}

static std::string formatCache(double bytes) {
  return formatBytes(std::llround(bytes));
}

static std::string describeSizes(const ShapeReport &report) {
  const ShapeQuestion &question = report.question;
  return "batch " + std::to_string(question.batch) + " at context " +
         std::to_string(question.context) + " on " + question.machine.name;
}

/// "11 of 90 shapes hold 154.67 MiB ± 1 % of a sequence".
static std::string describeSpace(const ShapeReport &report) {
  std::string text;
  llvm::raw_string_ostream(text)
      << report.result.shapes.size() << " of " << report.result.enumerated
      << " JetBlock shapes hold " << formatCache(report.result.cacheBytes)
      << format(" ± %g %%", 100 * report.question.cacheTolerance)
      << " of a sequence within all limits";
  return text;
}

//===----------------------------------------------------------------------===//
// Table
//===----------------------------------------------------------------------===//

namespace {

/// The rows of the table, as text and as HTML.
struct Table {
  std::vector<std::string> names;
  std::vector<std::vector<std::string>> rows;

  explicit Table(const ShapeReport &report)
      : names({"d_k", "d_v", "heads", "parameters", "without generator",
               "cache", "tokens/s predicted"}) {
    if (!report.device.empty())
      names.push_back("measured");
    for (const ShapeCosts &one : report.result.shapes) {
      rows.push_back(
          {std::to_string(one.shape.keyDim), std::to_string(one.shape.valueDim),
           std::to_string(one.shape.heads), formatParameters(one.parameters),
           formatParameters(one.plainParameters), formatCache(one.cacheBytes),
           formatCount(tokensPerSecond(report, one.decodeSeconds))});
      if (!report.device.empty())
        rows.back().push_back(
            one.measuredSeconds
                ? formatCount(tokensPerSecond(report, *one.measuredSeconds))
                : "");
    }
  }
};

} // namespace

void jet::printShapes(const ShapeReport &report) {
  const ShapeResult &result = report.result;
  raw_ostream &os = llvm::outs();
  os << result.model << ": " << describeSpace(report) << "\n  "
     << describeSizes(report) << "; * the front of speed and parameters\n";
  Table table(report);
  std::vector<size_t> widths;
  for (size_t i = 0; i < table.names.size(); ++i) {
    widths.push_back(table.names[i].size());
    for (const auto &row : table.rows)
      widths[i] = std::max(widths[i], row[i].size());
  }
  auto print = [&](const std::vector<std::string> &cells) {
    for (auto [cell, width] : llvm::zip_equal(cells, widths))
      os << "  " << llvm::right_justify(cell, width);
  };
  print(table.names);
  for (size_t i = 0; i < table.rows.size(); ++i) {
    os << "\n";
    print(table.rows[i]);
    os << (result.shapes[i].isOnFront ? "  *" : "")
       << (i == result.chosen ? " chosen" : "");
  }
  os << "\n";
}

//===----------------------------------------------------------------------===//
// JSON
//===----------------------------------------------------------------------===//

static ordered_json toJson(const ShapeReport &report, const ShapeCosts &one) {
  ordered_json json = {
      {"d_k", one.shape.keyDim},
      {"d_v", one.shape.valueDim},
      {"heads", one.shape.heads},
      {"parameters", std::llround(one.parameters)},
      {"parameters_without_generator", std::llround(one.plainParameters)},
      {"cache_bytes", std::llround(one.cacheBytes)},
      {"decode_seconds", one.decodeSeconds},
      {"tokens_per_second", tokensPerSecond(report, one.decodeSeconds)}};
  if (one.measuredSeconds) {
    json["measured_seconds"] = *one.measuredSeconds;
    json["measured_tokens_per_second"] =
        tokensPerSecond(report, *one.measuredSeconds);
  }
  json["front"] = one.isOnFront;
  return json;
}

ordered_json jet::shapesToJson(const ShapeReport &report) {
  const ShapeResult &result = report.result;
  ordered_json shapes = ordered_json::array();
  for (const ShapeCosts &one : result.shapes)
    shapes.push_back(toJson(report, one));
  return {{"model", result.model},
          {"enumerated", result.enumerated},
          {"cache_bytes", std::llround(result.cacheBytes)},
          {"cache_tolerance", report.question.cacheTolerance},
          {"costs_at",
           {{"context", report.question.context},
            {"batch", report.question.batch},
            {"target", report.question.machine.name}}},
          {"measured_on", report.device.empty() ? ordered_json()
                                                : ordered_json(report.device)},
          {"shapes", shapes},
          {"chosen", toJson(report, result.shapes[result.chosen])}};
}

//===----------------------------------------------------------------------===//
// Page
//===----------------------------------------------------------------------===//

static std::string describe(const JetBlockShape &shape) {
  return "(" + std::to_string(shape.keyDim) + ", " +
         std::to_string(shape.valueDim) + ", " + std::to_string(shape.heads) +
         ")";
}

/// Predicted speed over parameters, and the front.
static void writeChart(raw_ostream &os, const ShapeReport &report) {
  const ShapeResult &result = report.result;
  std::vector<double> sizes, speeds;
  for (const ShapeCosts &one : result.shapes) {
    sizes.push_back(one.parameters);
    speeds.push_back(tokensPerSecond(report, one.decodeSeconds));
  }
  Axis across = Axis::over(sizes), up = Axis::over(speeds);
  Frame frame;
  frame.height = 320;
  auto x = [&](double value) { return frame.x(across.fraction(value)); };
  auto y = [&](double value) { return frame.y(up.fraction(value)); };
  frame.open(os, "Predicted speed over parameters");
  for (int i = 0; i <= kTicks; ++i) {
    const double part = double(i) / kTicks;
    frame.writeYTick(os, frame.y(part), formatCount(up.at(part)));
    frame.writeXTick(os, frame.x(part), formatParameters(across.at(part)));
  }
  frame.writeXTitle(os, "parameters");
  for (auto [one, size, speed] : llvm::zip_equal(result.shapes, sizes, speeds))
    os << format("<circle class=\"%s\" cx=\"%.1f\" cy=\"%.1f\" r=\"3.5\">",
                 one.isOnFront ? "c0" : "cx", x(size), y(speed))
       << "<title>" << describe(one.shape) << ": " << formatParameters(size)
       << ", " << formatCount(speed) << " tokens/s</title></circle>\n";
  os << "<polyline class=\"front\" points=\"";
  for (auto [one, size, speed] : llvm::zip_equal(result.shapes, sizes, speeds))
    if (one.isOnFront)
      os << format("%.1f,%.1f ", x(size), y(speed));
  os << "\"/>\n";
  writeRing(os, x(sizes[result.chosen]), y(speeds[result.chosen]), "chosen");
  os << "</svg>\n";
}

Result<void> jet::writeShapesHtml(const std::string &path,
                                  const ShapeReport &report) {
  const ShapeResult &result = report.result;
  const ShapeCosts &chosen = result.shapes[result.chosen];
  std::string text;
  llvm::raw_string_ostream os(text);
  os << "<h1>" << escapeHtml(result.model) << "</h1>\n<p>"
     << escapeHtml(describeSpace(report)) << "; "
     << escapeHtml(describeSizes(report)) << "</p>\n<div class=\"facts\">";
  const std::pair<std::string, std::string> facts[] = {
      {describe(chosen.shape), "d_k, d_v, heads chosen"},
      {formatParameters(chosen.parameters), "parameters"},
      {formatCache(chosen.cacheBytes), "of a sequence"},
      {formatCount(tokensPerSecond(report, chosen.decodeSeconds)),
       "tokens/s predicted"}};
  for (const auto &[value, name] : facts)
    os << "<div><b>" << escapeHtml(value) << "</b><span>" << escapeHtml(name)
       << "</span></div>";
  os << "</div>\n<section><h2>Speed and parameters</h2>\n<p>Each shape at this "
        "cache; the line joins those that no other is as fast and as large "
        "as.</p>\n<p class=\"legend\">";
  writeLegendEntry(os, "c0", "on the front");
  writeLegendEntry(os, "cx", "not");
  os << "</p>\n";
  writeChart(os, report);
  os << "</section>\n<section><h2>The shapes</h2>\n<table><tr>";
  Table table(report);
  for (const std::string &name : table.names)
    os << "<th class=\"number\">" << escapeHtml(name) << "</th>";
  os << "<th>front</th></tr>\n";
  for (auto [i, row] : llvm::enumerate(table.rows)) {
    os << (i == result.chosen ? "<tr class=\"best\">" : "<tr>");
    for (const std::string &cell : row)
      os << "<td class=\"number\">" << escapeHtml(cell) << "</td>";
    os << "<td>" << (result.shapes[i].isOnFront ? "front" : "")
       << (i == result.chosen ? ", chosen" : "") << "</td></tr>\n";
  }
  os << "</table>\n<p>Times and bytes are those of the compiler's plans; the "
        "generator is that of the convolutions' taps.</p></section>\n";
  return writePage(path, result.model + ": JetBlock shapes", text);
}
