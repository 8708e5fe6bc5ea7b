// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "tools/jetc/InspectHtml.h"
#include "support/File.h"
#include "tools/jetc/InspectCharts.h"

#include "llvm/ADT/MapVector.h"
#include "llvm/Support/Format.h"

#include <algorithm>

using namespace jet;
using llvm::format;
using llvm::raw_ostream;

/// Colours c0 to c7 are told apart by people who see colours differently, on
/// both backgrounds.
static constexpr const char *kStyle = R"(
:root { color-scheme: light dark; --page: #f4f4f1; --card: #fcfcfb;
  --ink: #0b0b0b; --soft: #52514e; --line: #e1e0d9; --c0: #2a78d6;
  --c1: #eb6834; --c2: #1baf7a; --c3: #eda100; --c4: #e87ba4; --c5: #008300;
  --c6: #4a3aa7; --c7: #e34948; --cx: #a3a199; }
@media (prefers-color-scheme: dark) { :root { --page: #0d0d0d; --card: #1a1a19;
  --ink: #ffffff; --soft: #c3c2b7; --line: #34332f; --c0: #3987e5;
  --c1: #d95926; --c2: #199e70; --c3: #c98500; --c4: #d55181; --c5: #2f9a2f;
  --c6: #9085e9; --c7: #e66767; --cx: #77756d; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--ink);
  font: 15px/1.5 system-ui, sans-serif; }
main { max-width: 1080px; margin: 0 auto; padding: 32px 20px 64px; }
h1 { font-size: 28px; margin: 0; } h2 { font-size: 19px; margin: 0 0 4px; }
h3 { font-size: 15px; margin: 20px 0 4px; }
p { margin: 0 0 12px; color: var(--soft); }
section { background: var(--card); border: 1px solid var(--line);
  border-radius: 10px; padding: 20px 22px; margin-top: 20px; }
.facts { display: grid; gap: 12px; margin-top: 20px;
  grid-template-columns: repeat(auto-fit, minmax(150px, 1fr)); }
.facts div { background: var(--card); border: 1px solid var(--line);
  border-radius: 10px; padding: 12px 14px; }
.facts b { display: block; white-space: nowrap; font-size: 19px; font-weight: 600; }
.facts span { color: var(--soft); font-size: 13px; }
.legend { font-size: 13px; margin: 6px 0; }
.legend span { margin-right: 16px; white-space: nowrap; }
i { display: inline-block; width: 11px; height: 11px; border-radius: 3px;
  margin-right: 6px; }
svg { display: block; width: 100%; height: auto; }
svg text { font: 12px system-ui, sans-serif; fill: var(--soft); }
svg .mid { text-anchor: middle; } svg .end { text-anchor: end; }
svg .inside { fill: #ffffff; font-weight: 600; font-size: 11px;
  pointer-events: none; paint-order: stroke; stroke: #000000;
  stroke-opacity: .45; stroke-width: 2px; }
.grid { stroke: var(--line); }
.mark { stroke: var(--ink); stroke-width: 1.2; stroke-dasharray: 4 3; }
.edge { stroke: var(--card); stroke-width: 1; }
.hover { fill: transparent; } .hover:hover { fill: #88888840; }
svg rect:not(.hover):hover { opacity: .7; }
.strip, .budget { display: flex; gap: 2px; margin: 10px 0; }
.strip div { flex: 1; min-width: 0; height: 34px; border-radius: 3px;
  color: #ffffff; font-size: 11px; text-align: center; line-height: 34px;
  text-shadow: 0 0 3px #000000a0; }
.budget div { height: 30px; border-radius: 3px; min-width: 2px; }
table { border-collapse: collapse; width: 100%; font-size: 14px;
  font-variant-numeric: tabular-nums; }
th { text-align: left; font-weight: 500; color: var(--soft); font-size: 13px; }
th, td { padding: 5px 10px 5px 0; border-bottom: 1px solid var(--line); }
td.number, th.number { text-align: right; white-space: nowrap; }
td.bars { width: 45%; } td.bars div { height: 9px; margin: 2px 0;
  border-radius: 0 4px 4px 0; min-width: 1px; }
.c0 { fill: var(--c0); background: var(--c0); }
.c1 { fill: var(--c1); background: var(--c1); }
.c2 { fill: var(--c2); background: var(--c2); }
.c3 { fill: var(--c3); background: var(--c3); }
.c4 { fill: var(--c4); background: var(--c4); }
.c5 { fill: var(--c5); background: var(--c5); }
.c6 { fill: var(--c6); background: var(--c6); }
.c7 { fill: var(--c7); background: var(--c7); }
.cx { fill: var(--cx); background: var(--cx); }
.heat { border-spacing: 2px; border-collapse: separate; }
.heat td { text-align: center; font-size: 12px; padding: 7px 2px; border: 0;
  border-radius: 3px; background: var(--line); }
.heat th.number { text-align: center; padding: 2px; border: 0; }
.heat th { border: 0; }
.front { fill: none; stroke: var(--c2); stroke-width: 1.5; }
.ring { fill: none; stroke: var(--ink); stroke-width: 2; }
tr.best td { font-weight: 600; }
.free { background: transparent; border: 1px dashed var(--soft); }
)";

void jet::writeLegendEntry(raw_ostream &os, llvm::StringRef color,
                           const std::string &text) {
  os << "<span><i class=\"" << color << "\"></i>" << escapeHtml(text)
     << "</span>";
}

//===----------------------------------------------------------------------===//
// Facts
//===----------------------------------------------------------------------===//

static void writeFacts(raw_ostream &os, const HtmlReport &report) {
  const Package &package = report.package;
  const ModelInfo &model = package.model;
  std::string parameters;
  llvm::raw_string_ostream(parameters)
      << format("%.3f B", model.parameters / 1e9);
  if (model.parameters < 100'000'000)
    parameters = std::to_string(model.parameters);
  os << "<h1>" << escapeHtml(model.name) << "</h1>\n<p>compiled by "
     << escapeHtml(package.producer) << " for "
     << escapeHtml(package.target.kind + " " +
                   (package.target.cpuLevel.empty() ? package.target.arch
                                                    : package.target.cpuLevel))
     << ", " << package.kernels.size() << " kernels</p>\n"
     << "<div class=\"facts\">";
  std::vector<std::pair<std::string, std::string>> facts = {
      {parameters, "parameters, " + model.dtype},
      {std::to_string(model.layers.size()),
       "layers of " + std::to_string(model.hiddenSize)},
      {std::to_string(model.vocabSize), "vocabulary"},
      {std::to_string(model.maxBatch) + " × " +
           std::to_string(model.maxContext),
       "batch and context, at most"},
      {formatBytes(report.state.total()),
       "state of a sequence at " + std::to_string(report.context)}};
  for (auto [program, peak] : llvm::zip_equal(package.programs, report.peaks))
    if (program.name == "decode")
      facts.push_back({formatBytes(peak.arenaBytes), "activations of a token"});
  for (const auto &[value, name] : facts)
    os << "<div><b>" << escapeHtml(value) << "</b><span>" << escapeHtml(name)
       << "</span></div>";
  os << "</div>\n";
}

static void writeMemory(raw_ostream &os, const HtmlReport &report) {
  if (!report.memory)
    return;
  const MemoryFit &fit = *report.memory;
  const MemoryTerms &terms = fit.terms;
  os << "<section><h2>";
  if (fit.largestBatch)
    os << "A batch of " << fit.largestBatch << " fits " << fit.given;
  else
    os << fit.given << " is " << formatBytes(terms.total - fit.budget)
       << " too little for one sequence";
  os << "</h2>\n<p>" << fit.batchOfTerms() << " × "
     << formatBytes(fit.statePerSequence) << " of state at context "
     << fit.context << ", prefilled " << fit.chunkTokens
     << " tokens at a time</p>\n<div class=\"budget\">";
  std::vector<std::tuple<const char *, std::string, int64_t>> parts = {
      {"c6", "weights", terms.weights},
      {"c0", "state", terms.state},
      {"c2", "activations", terms.activations},
      {"c3", "logits", terms.logits}};
  if (terms.total < fit.budget)
    parts.push_back({"free", "free", fit.budget - terms.total});
  std::string legend;
  llvm::raw_string_ostream legendStream(legend);
  for (const auto &[color, name, bytes] : parts) {
    std::string text = name + " " + formatBytes(bytes);
    os << "<div class=\"" << color << "\" style=\"flex: " << bytes
       << "\" title=\"" << text << "\"></div>";
    writeLegendEntry(legendStream, color, text);
  }
  os << "</div>\n<p class=\"legend\">" << legend << "</p></section>\n";
}

//===----------------------------------------------------------------------===//
// State
//===----------------------------------------------------------------------===//

static Result<void> writeLayers(raw_ostream &os, const HtmlReport &report) {
  const std::vector<std::string> &layers = report.package.model.layers;
  llvm::MapVector<llvm::StringRef, int64_t> counts;
  os << "<div class=\"strip\">";
  for (size_t i = 0; i < layers.size(); ++i) {
    Package only;
    for (const StateInfo &state : report.package.states)
      if (state.layer == static_cast<int64_t>(i))
        only.states.push_back(state);
    Result<StateBytes> bytes = stateBytesPerSequence(only, report.context);
    if (!bytes)
      return bytes.error();
    ++counts[layers[i]];
    os << "<div class=\"" << mixerClass(layers[i]) << "\" title=\"layer " << i
       << ": " << escapeHtml(layers[i]) << ", " << formatBytes(bytes->total())
       << " of state at " << report.context << "\">" << i << "</div>";
  }
  os << "</div>\n<p class=\"legend\">";
  for (const auto &[mixer, count] : counts)
    writeLegendEntry(os, mixerClass(mixer),
                     std::to_string(count) + " " + mixer.str());
  os << "</p>\n";
  return {};
}

static Result<void> writeState(raw_ostream &os, const HtmlReport &report) {
  const StateBytes &state = report.state;
  os << "<section><h2>Layers and what they remember</h2>\n"
        "<p>Each layer by its mixer; below, the state of one sequence as its "
        "context grows.</p>\n";
  if (Result<void> written = writeLayers(os, report); !written)
    return written;
  os << "<h3>" << formatBytes(state.total()) << " at context " << report.context
     << "</h3>\n<p class=\"legend\">";
  writeLegendEntry(os, "c1", "attention KV " + formatBytes(state.attentionKv));
  writeLegendEntry(os, "c3", "window KV " + formatBytes(state.windowKv));
  writeLegendEntry(os, "c2", "conv tail " + formatBytes(state.convTail));
  writeLegendEntry(os, "c0", "recurrent " + formatBytes(state.recurrent));
  os << "</p>\n";
  if (Result<void> written = writeStateChart(os, report); !written)
    return written;
  os << "</section>\n";
  return {};
}

//===----------------------------------------------------------------------===//
// Memory maps
//===----------------------------------------------------------------------===//

static void writeMaps(raw_ostream &os, const HtmlReport &report) {
  const Package &package = report.package;
  OpColors colors(package);
  os << "<section><h2>Where activations live</h2>\n<p>Each rectangle is a "
        "buffer: from the launch that writes it to the last that reads it, at "
        "its offset in bytes per token. No plan can be lower than the dashed "
        "line, the most bytes alive in one launch.</p>\n";
  colors.writeLegend(os);
  for (llvm::StringRef name : {"decode", "prefill"}) {
    size_t i = llvm::find_if(package.programs,
                             [&](const ProgramInfo &program) {
                               return program.name == name;
                             }) -
               package.programs.begin();
    if (i == package.programs.size())
      continue;
    const ProgramInfo &program = package.programs[i];
    const ActivationPeak &peak = report.peaks[i];
    int64_t launches = program.launches.size();
    os << "<h3>" << escapeHtml(program.name) << ": " << launches
       << " launches, " << formatBytes(peak.arenaBytes) << " per token, "
       << format("%.3f", peak.ratio()) << " times the "
       << formatBytes(peak.liveBytes) << " alive at once</h3>\n";
    writeMemoryMap(os, report, i, colors, {0, launches, launches <= 32});
    constexpr int64_t kCloseUp = 16;
    if (launches <= 32)
      continue;
    int64_t begin =
        std::clamp<int64_t>(peak.launch - kCloseUp / 2, 0, launches - kCloseUp);
    os << "<h3>" << escapeHtml(program.name)
       << ", close up where most is alive</h3>\n";
    writeMemoryMap(os, report, i, colors, {begin, begin + kCloseUp, true});
  }
  os << "</section>\n";
}

//===----------------------------------------------------------------------===//
// Cost
//===----------------------------------------------------------------------===//

static double shareOf(double part, double whole) {
  return whole > 0 ? part / whole : 0;
}

static void writeCostPhase(raw_ostream &os, const CostReport &report) {
  const CostSizes &sizes = report.sizes;
  const CostRow &total = report.total;
  double ratio =
      shareOf(total.bytes.total(), double(report.unavoidable.total()));
  os << "<h3>" << escapeHtml(report.program) << ": batch " << sizes.batch
     << ", " << sizes.tokens / sizes.batch
     << (isDecodeProgram(report.program) ? " new token each after "
                                         : " new tokens each after ")
     << sizes.context << " positions</h3>\n<p>" << formatSeconds(total.seconds)
     << " predicted, " << formatSeconds(report.boundSeconds)
     << " at best; moves " << formatSi(total.bytes.total()) << "B, "
     << format("%.3f", ratio) << " times what no schedule can avoid</p>\n"
     << "<table><tr><th>op</th><th class=\"number\">launches</th><th>share"
        "</th><th class=\"number\">time</th><th class=\"number\">bytes</th>"
        "<th>bound</th></tr>\n";
  double longest = 0;
  for (const CostRow &row : report.rows)
    longest = std::max({longest, shareOf(row.seconds, total.seconds),
                        shareOf(row.bytes.total(), total.bytes.total())});
  for (const CostRow &row : report.rows) {
    os << "<tr><td>" << escapeHtml(row.op) << "</td><td class=\"number\">"
       << row.launches << "</td><td class=\"bars\">";
    for (auto [color, name, share] :
         {std::tuple("c0", "time", shareOf(row.seconds, total.seconds)),
          std::tuple("c1", "bytes",
                     shareOf(row.bytes.total(), total.bytes.total()))})
      os << "<div class=\"" << color << "\" style=\"width: "
         << format("%.2f%%", 100 * shareOf(share, longest)) << "\" title=\""
         << format("%.1f%%", 100 * share) << " of the " << name << "\"></div>";
    os << "</td><td class=\"number\">" << formatSeconds(row.seconds) << " · "
       << format("%.1f%%", 100 * shareOf(row.seconds, total.seconds))
       << "</td><td class=\"number\">" << formatSi(row.bytes.total()) << "B · "
       << format("%.1f%%",
                 100 * shareOf(row.bytes.total(), total.bytes.total()))
       << "</td><td>" << (row.memoryBound() ? "memory" : "compute")
       << "</td></tr>\n";
  }
  os << "</table>\n";
}

static void writeCost(raw_ostream &os, const HtmlReport &report) {
  const MachineRates &machine = report.cost.machine;
  os << "<section><h2>What a step costs on " << escapeHtml(machine.name)
     << "</h2>\n<p>" << formatSi(machine.memoryBandwidth) << "B/s, "
     << formatSi(machine.tensorFlops) << "FLOP/s in matrix products, "
     << formatSi(machine.vectorFlops)
     << "FLOP/s otherwise</p>\n<p class=\"legend\">";
  writeLegendEntry(os, "c0", "share of time");
  writeLegendEntry(os, "c1", "share of bytes moved");
  os << "</p>\n";
  for (const CostReport &phase : report.cost.phases)
    writeCostPhase(os, phase);
  os << "</section>\n";
}

Result<void> jet::writePage(const std::string &path, llvm::StringRef title,
                            llvm::StringRef body) {
  std::string text;
  llvm::raw_string_ostream os(text);
  os << "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
        "<meta name=\"viewport\" content=\"width=device-width, "
        "initial-scale=1\">\n<title>"
     << escapeHtml(title) << "</title>\n<style>" << kStyle
     << "</style></head><body><main>\n"
     << body << "</main></body></html>\n";
  return writeTextFile(path, text);
}

Result<void> jet::writeHtml(const std::string &path, const HtmlReport &report) {
  std::string text;
  if (path.empty())
    return Error{"--html: expected a file name, found ''"};
  llvm::raw_string_ostream os(text);
  writeFacts(os, report);
  writeMemory(os, report);
  if (Result<void> written = writeState(os, report); !written)
    return written;
  writeMaps(os, report);
  writeCost(os, report);
  return writePage(path, report.package.model.name, text);
}
