// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "BenchKernels.h"

#include "runtime/FormSizes.h"

#include <CLI/StringTools.hpp>

#include <algorithm>
#include <array>
#include <cstdio>
#include <set>

namespace jet {

/// The ops whose kernels are timed.
static std::set<std::string> opsOf(const KernelTiming &timing) {
  const std::vector<std::string> ops = CLI::detail::split(timing.ops, ',');
  return {ops.begin(), ops.end()};
}

Result<void> checkOps(const KernelTiming &timing, const Package &package) {
  if (timing.ops.empty() || timing.ops == KernelTiming::kAll)
    return {};
  std::set<std::string> known;
  for (const KernelInfo &kernel : package.kernels)
    known.insert(kernel.op);
  known.erase(""); // unknown
  for (const std::string &op : opsOf(timing))
    if (!known.contains(op))
      return Error{"--kernels: expected ops of the package (" +
                   CLI::detail::join(known, ", ") + "), found '" + op + "'"};
  return {};
}

Result<std::vector<Session::KernelTime>> timeKernels(const KernelTiming &timing,
                                                     Session &session,
                                                     const State &state,
                                                     int64_t repeats) {
  const std::set<std::string> ops = opsOf(timing);
  return session.timeKernels(
      state, {repeats, timing.pause / 1e3, timing.busy / 1e3},
      [&](const KernelInfo &kernel) {
        return timing.ops == KernelTiming::kAll || ops.contains(kernel.op);
      });
}

/// Bytes of one launch; 0 for a kernel without a cost.
static Result<int64_t> bytesOf(const KernelInfo &kernel,
                               const CostSizes &sizes) {
  int64_t sum = 0;
  for (CostExpr OpCost::*part :
       {&OpCost::weightsRead, &OpCost::stateRead, &OpCost::stateWritten,
        &OpCost::activationsRead, &OpCost::activationsWritten}) {
    Result<int64_t> value = (kernel.cost.*part).evaluate(sizes);
    if (!value)
      return Error{"cost of kernel '" + kernel.name +
                   "': " + value.error().message};
    sum += *value;
  }
  return sum;
}

Result<std::vector<KernelRow>>
describeKernels(const State &state,
                const std::vector<Session::KernelTime> &times,
                const CostSizes &sizes) {
  const std::vector<KernelInfo> &kernels = state.model().package().kernels;
  std::vector<KernelRow> rows;
  for (const Session::KernelTime &time : times) {
    const KernelInfo &kernel = kernels[time.kernel];
    CostSizes own = sizes;
    own.rows = time.rowsAreSequences ? sizes.batch : sizes.tokens;
    Result<int64_t> bytes = bytesOf(kernel, own);
    if (!bytes)
      return bytes.error();
    // Forms look at the rows, sequences and tokens alone.
    const SymbolValues symbols = {own.rows, own.batch, own.tokens, 1, 1, 1};
    const KernelForm *form = chooseForm(kernel.forms, symbols);
    KernelRow row;
    row.name = kernel.name;
    row.op = kernel.op;
    row.path =
        form ? "form " + std::to_string(form - kernel.forms.data()) : "general";
    row.launches = time.launches;
    row.rows = own.rows;
    row.bytes = *bytes;
    row.seconds = time.seconds;
    if (form)
      for (const StageInfo &stage : form->stages)
        if (!stage.tile.empty())
          row.product = stage.product, row.tile = stage.tile;
    for (size_t i = 0; form && i < time.stageSeconds.size(); ++i)
      row.stages.emplace_back(form->stages[i].name, time.stageSeconds[i]);
    rows.push_back(std::move(row));
  }
  std::ranges::sort(rows, [](const KernelRow &a, const KernelRow &b) {
    return a.total() > b.total();
  });
  return rows;
}

std::string printKernels(const std::vector<KernelRow> &rows, double bandwidth) {
  std::array<char, 256> line;
  std::string text;
  const auto print = [&](const char *format, auto... values) {
    std::snprintf(line.data(), line.size(), format, values...);
    text += line.data();
  };
  size_t width = 6;
  double total = 0, bounds = 0;
  for (const KernelRow &row : rows) {
    width = std::min<size_t>(48, std::max(width, row.name.size()));
    total += row.total();
  }
  const int name = static_cast<int>(width);
  print("%-*s  %-8s %7s %5s %10s %10s %6s %10s %8s %9s %6s\n", name, "kernel",
        "path", "rows", "times", "each us", "all us", "share", "MB", "GB/s",
        "bound us", "ratio");
  for (const KernelRow &row : rows) {
    print("%-*.*s  %-8s %7lld %5lld %10.2f %10.1f %5.1f%% %10.3f %8.0f", name,
          name, row.name.c_str(), row.path.c_str(),
          static_cast<long long>(row.rows),
          static_cast<long long>(row.launches), row.seconds * 1e6,
          row.total() * 1e6, 100 * row.total() / std::max(total, 1e-12),
          double(row.bytes) / 1e6,
          double(row.bytes) / std::max(row.seconds, 1e-12) / 1e9);
    if (bandwidth > 0) {
      const double bound = double(row.bytes) / bandwidth;
      bounds += bound * double(row.launches);
      print(" %9.2f %6.1f", bound * 1e6, row.seconds / std::max(bound, 1e-12));
    }
    text += '\n';
    for (const auto &[stage, seconds] : row.stages)
      print("  %-*.*s  %-8s %7s %5s %10.2f\n", name - 2, name - 2,
            stage.c_str(), "stage", "", "", seconds * 1e6);
  }
  print("%-*s  %-8s %7s %5s %10s %10.1f", name, "all", "", "", "", "",
        total * 1e6);
  if (bandwidth > 0)
    print(" %6s %10s %8s %9.2f %6.1f", "", "", "", bounds * 1e6,
          total / std::max(bounds, 1e-12));
  return text + '\n';
}

nlohmann::json kernelsToJson(const std::vector<KernelRow> &rows,
                             double bandwidth) {
  nlohmann::json list = nlohmann::json::array();
  for (const KernelRow &row : rows) {
    nlohmann::json entry = {{"name", row.name},
                            {"op", row.op},
                            {"path", row.path},
                            {"rows", row.rows},
                            {"launches", row.launches},
                            {"us", row.seconds * 1e6},
                            {"total_us", row.total() * 1e6},
                            {"bytes", row.bytes}};
    if (bandwidth > 0)
      entry["bound_us"] = double(row.bytes) / bandwidth * 1e6;
    if (!row.tile.empty()) {
      entry["product"] = row.product;
      entry["tile"] = row.tile;
    }
    for (const auto &[stage, seconds] : row.stages)
      entry["stages"].push_back({{"name", stage}, {"us", seconds * 1e6}});
    list.push_back(std::move(entry));
  }
  return list;
}

} // namespace jet
