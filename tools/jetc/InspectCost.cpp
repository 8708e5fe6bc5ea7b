// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "tools/jetc/InspectCost.h"
#include "dialects/jet/Jet.h"
#include "dialects/jet/Targets.h"
#include "lowering/MachineRates.h"
#include "support/CheckedMath.h"

#include "llvm/Support/Format.h"
#include "llvm/Support/raw_ostream.h"

using namespace jet;
using llvm::outs;

//===----------------------------------------------------------------------===//
// Options to reports
//===----------------------------------------------------------------------===//

static Result<MachineRates> findMachine(const std::string &name) {
  mlir::MLIRContext context;
  context.loadDialect<JetDialect>();
  Result<TargetAttr> target = findTarget(context, name);
  if (!target)
    return target.error();
  return getMachineRates(*target);
}

/// `value`, or `fallback` for 0; an error names the option.
static Result<int64_t> positiveOption(const char *option, int64_t value,
                                      int64_t fallback, int64_t maximum) {
  if (value < 0 || value > maximum)
    return Error{std::string(option) + ": expected 1 to " +
                 std::to_string(maximum) + ", found " + std::to_string(value)};
  return value ? value : fallback;
}

/// The programs to report on: the one asked for, else those of logits.
static Result<std::vector<std::string>> findPhases(const std::string &asked,
                                                   const Package &package) {
  if (asked.empty())
    return std::vector<std::string>{"decode", "prefill"};
  std::string names;
  for (const ProgramInfo &program : package.programs) {
    if (program.name == "forward")
      continue; // as prefill, but for the logits
    if (program.name == asked)
      return std::vector<std::string>{asked};
    names += (names.empty() ? "" : ", ") + program.name;
  }
  return Error{"--phase: expected one of " + names + ", found '" + asked + "'"};
}

Result<CostTable> jet::inspectCost(const InspectOptions &options,
                                   const Package &package, int64_t context) {
  Result<std::vector<std::string>> phases = findPhases(options.phase, package);
  if (!phases)
    return phases.error();
  Result<int64_t> batch =
      positiveOption("--batch", options.batch, package.model.maxBatch, 1 << 20);
  if (!batch)
    return batch.error();
  Result<int64_t> tokens =
      positiveOption("--tokens", options.tokens, context, context);
  if (!tokens)
    return tokens.error();
  const bool isGpu = package.target.kind == "cuda";
  Result<MachineRates> machine =
      findMachine(!options.machine.empty() ? options.machine
                  : isGpu                  ? "h100-sxm"
                                           : package.target.kind);
  if (!machine)
    return Error{"--target: " + machine.error().message};

  CostTable table{*machine, {}};
  for (const std::string &phase : *phases) {
    bool isPrefill = !isDecodeProgram(phase);
    CostSizes sizes;
    sizes.batch = *batch;
    std::optional<int64_t> all = checkedMul(*batch, isPrefill ? *tokens : 1);
    if (!all)
      return Error{"--context: batch times context does not fit 64 bits"};
    sizes.tokens = *all;
    sizes.context = isPrefill ? context - *tokens : context;
    Result<CostReport> report = reportCost(package, phase, sizes, *machine);
    if (!report)
      return Error{options.package + ": " + report.error().message};
    table.phases.push_back(std::move(*report));
  }
  return table;
}

Result<void> jet::rejectCostOptions(const InspectOptions &options) {
  const std::pair<const char *, bool> given[] = {
      {"--batch", options.batch != 0},
      {"--tokens", options.tokens != 0},
      {"--phase", !options.phase.empty()},
      {"--target", !options.machine.empty()}};
  for (auto [name, isGiven] : given)
    if (isGiven)
      return Error{std::string(name) + ": expected --cost beside it"};
  return {};
}

//===----------------------------------------------------------------------===//
// JSON
//===----------------------------------------------------------------------===//

static nlohmann::ordered_json bytesToJson(const CostBytes &bytes) {
  return {{"weights", bytes.weights},
          {"state", bytes.state},
          {"activations", bytes.activations},
          {"total", bytes.total()}};
}

static nlohmann::ordered_json rowToJson(const CostRow &row,
                                        const CostReport &report) {
  return {{"op", row.op},
          {"launches", row.launches},
          {"bytes", bytesToJson(row.bytes)},
          {"flops", {{"tensor", row.tensorFlops}, {"vector", row.vectorFlops}}},
          {"bound", row.memoryBound() ? "memory" : "compute"},
          {"seconds", row.seconds},
          {"share", report.total.seconds > 0
                        ? row.seconds / report.total.seconds
                        : 0.0}};
}

/// Moved bytes over unavoidable ones.
static double byteRatio(const CostReport &report) {
  return static_cast<double>(report.total.bytes.total()) /
         static_cast<double>(report.unavoidable.total());
}

nlohmann::ordered_json jet::costToJson(const CostTable &table) {
  nlohmann::ordered_json phases = nlohmann::ordered_json::array();
  for (const CostReport &report : table.phases) {
    nlohmann::ordered_json ops = nlohmann::ordered_json::array();
    for (const CostRow &row : report.rows)
      ops.push_back(rowToJson(row, report));
    const CostSizes &sizes = report.sizes;
    phases.push_back({{"phase", report.program},
                      {"batch", sizes.batch},
                      {"tokens_per_sequence", sizes.tokens / sizes.batch},
                      {"positions_before", sizes.context},
                      {"ops", ops},
                      {"total", rowToJson(report.total, report)},
                      {"unavoidable_bytes", bytesToJson(report.unavoidable)},
                      {"bytes_ratio", byteRatio(report)},
                      {"bound_seconds", report.boundSeconds},
                      {"launches_without_cost", report.launchesWithoutCost}});
  }
  const MachineRates &machine = table.machine;
  return {{"target",
           {{"name", machine.name},
            {"memory_bandwidth", machine.memoryBandwidth},
            {"tensor_flops", machine.tensorFlops},
            {"vector_flops", machine.vectorFlops},
            {"launch_seconds", machine.launchSeconds}}},
          {"phases", phases}};
}

//===----------------------------------------------------------------------===//
// Text
//===----------------------------------------------------------------------===//

std::string jet::formatSi(double value) {
  const char *prefixes[] = {"", "k", "M", "G", "T", "P", "E"};
  int prefix = 0;
  while (value >= 999.5 && prefix < 6)
    value /= 1000, ++prefix;
  int decimals = prefix == 0 || value >= 99.95 ? 0 : value >= 9.995 ? 1 : 2;
  std::string text;
  llvm::raw_string_ostream(text)
      << llvm::format("%.*f", decimals, value) << " " << prefixes[prefix];
  return text;
}

std::string jet::formatSeconds(double seconds) {
  const char *units[] = {"s", "ms", "us", "ns"};
  int unit = 0;
  while (seconds < 0.9995 && unit < 3)
    seconds *= 1000, ++unit;
  std::string text;
  llvm::raw_string_ostream(text) << llvm::format("%.*f",
                                                 seconds >= 99.95   ? 0
                                                 : seconds >= 9.995 ? 1
                                                                    : 2,
                                                 seconds)
                                 << " " << units[unit];
  return text;
}

/// "-" for nothing.
static std::string formatCount(int64_t value, const char *unit) {
  return value ? formatSi(value) + unit : "-";
}

static void printCells(llvm::ArrayRef<std::string> cells) {
  const unsigned widths[] = {18, 9, 10, 10, 12, 10, 10, 9, 10, 7};
  std::string line = "  ";
  for (auto [i, cell] : llvm::enumerate(cells)) {
    std::string padding(std::max<int>(widths[i] - cell.size(), 1), ' ');
    line += i == 0 ? cell + padding : padding + cell;
  }
  outs() << llvm::StringRef(line).rtrim() << "\n";
}

static void printRow(const CostRow &row, const CostReport &report) {
  std::string share;
  llvm::raw_string_ostream(share)
      << llvm::format("%.1f%%", report.total.seconds > 0
                                    ? 100 * row.seconds / report.total.seconds
                                    : 0.0);
  printCells(
      {row.op, std::to_string(row.launches),
       formatCount(row.bytes.weights, "B"), formatCount(row.bytes.state, "B"),
       formatCount(row.bytes.activations, "B"),
       formatCount(row.tensorFlops, ""), formatCount(row.vectorFlops, ""),
       row.memoryBound() ? "memory" : "compute", formatSeconds(row.seconds),
       share});
}

static void printPhase(const Package &package, const CostReport &report) {
  const CostSizes &sizes = report.sizes;
  const ModelInfo &model = package.model;
  int64_t tokens = sizes.tokens / sizes.batch;
  bool isPrefill = !isDecodeProgram(report.program);
  outs() << "\n"
         << report.program << ": " << sizes.batch
         << (sizes.batch == 1 ? " sequence, " : " sequences, ")
         << (isPrefill ? std::to_string(tokens) + " tokens each after "
                       : "1 token each after ")
         << sizes.context << " positions";
  if (sizes.batch > model.maxBatch ||
      sizes.context + (isPrefill ? tokens : 0) > model.maxContext)
    outs() << " (more than compiled for)";
  outs() << "\n";
  printCells({"op", "launches", "weights", "state", "activations", "tensor",
              "vector", "bound", "time", "share"});
  for (const CostRow &row : report.rows)
    printRow(row, report);
  printRow(report.total, report);
  const CostBytes &floor = report.unavoidable;
  printCells({"unavoidable bytes", "", formatCount(floor.weights, "B"),
              formatCount(floor.state, "B"),
              formatCount(floor.activations, "B")});
  outs() << "  moves " << formatSi(report.total.bytes.total()) << "B, "
         << llvm::format("%.3f", byteRatio(report)) << " times the unavoidable "
         << formatSi(floor.total()) << "B; "
         << formatSeconds(report.total.seconds) << " predicted, bound "
         << formatSeconds(report.boundSeconds) << "\n";
  if (report.launchesWithoutCost)
    outs() << "  without a known cost, left out: " << report.launchesWithoutCost
           << " launches\n";
}

void jet::printCost(const Package &package, const CostTable &table) {
  const MachineRates &machine = table.machine;
  outs() << package.model.name << " on " << machine.name << ": "
         << formatSi(machine.memoryBandwidth) << "B/s, "
         << formatSi(machine.tensorFlops) << "FLOP/s in matrix products, "
         << formatSi(machine.vectorFlops) << "FLOP/s otherwise";
  if (machine.launchSeconds > 0)
    outs() << ", " << formatSeconds(machine.launchSeconds) << " a launch";
  outs() << "\n";
  for (const CostReport &report : table.phases)
    printPhase(package, report);
}
