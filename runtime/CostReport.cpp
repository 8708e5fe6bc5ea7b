// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "runtime/CostReport.h"
#include "support/CheckedMath.h"

#include <algorithm>
#include <set>
#include <tuple>

namespace jet {
namespace {

/// Adds up products; remembers when one did not fit.
class CheckedSum {
public:
  void add(int64_t &sum, std::optional<int64_t> value) {
    if (value)
      value = checkedAdd(sum, *value);
    if (value)
      sum = *value;
    else
      overflowed = true;
  }
  bool overflowed = false;
};

class CostReporter {
public:
  CostReporter(const Package &package, const ProgramInfo &program,
               const CostSizes &sizes, const MachineRates &machine)
      : package(package), program(program), machine(machine) {
    report.program = program.name;
    report.sizes = sizes;
  }

  Result<CostReport> run() {
    for (const LaunchInfo &launch : program.launches)
      if (Result<void> added = addLaunch(launch); !added)
        return added.error();
    addUnavoidableWeights();
    if (Result<void> added = addUnavoidableState(); !added)
      return added.error();
    addUnavoidableActivations();
    for (const CostRow &row : report.rows)
      addRow(report.total, row);
    if (sums.overflowed || !checkedTotal(report.total.bytes) ||
        !checkedTotal(report.unavoidable))
      return Error{"cost of " + program.name + ": does not fit 64 bits"};
    report.total.op = "total";
    const CostRow &total = report.total;
    report.boundSeconds =
        std::max({report.unavoidable.total() / machine.memoryBandwidth,
                  total.tensorFlops / machine.tensorFlops,
                  total.vectorFlops / machine.vectorFlops});
    std::sort(report.rows.begin(), report.rows.end(),
              [](const CostRow &a, const CostRow &b) {
                return std::tie(b.seconds, a.op) < std::tie(a.seconds, b.op);
              });
    return std::move(report);
  }

private:
  static bool checkedTotal(const CostBytes &bytes) {
    std::optional<int64_t> sum = checkedAdd(bytes.weights, bytes.state);
    return sum && checkedAdd(*sum, bytes.activations);
  }

  CostRow &rowOf(const std::string &op) {
    for (CostRow &row : report.rows)
      if (row.op == op)
        return row;
    report.rows.emplace_back();
    report.rows.back().op = op;
    return report.rows.back();
  }

  void addRow(CostRow &to, const CostRow &row) {
    to.launches += row.launches;
    sums.add(to.bytes.weights, row.bytes.weights);
    sums.add(to.bytes.state, row.bytes.state);
    sums.add(to.bytes.activations, row.bytes.activations);
    sums.add(to.tensorFlops, row.tensorFlops);
    sums.add(to.vectorFlops, row.vectorFlops);
    to.seconds += row.seconds;
    to.memorySeconds += row.memorySeconds;
    to.computeSeconds += row.computeSeconds;
  }

  Result<void> addLaunch(const LaunchInfo &launch) {
    const KernelInfo &kernel = package.kernels[launch.kernel];
    if (kernel.op.empty()) {
      ++report.launchesWithoutCost;
      return {};
    }
    CostSizes sizes = report.sizes;
    sizes.rows = launch.rowsAreSequences ? sizes.batch : sizes.tokens;
    CostRow row;
    row.launches = 1;
    const std::pair<CostExpr OpCost::*, int64_t *> parts[] = {
        {&OpCost::weightsRead, &row.bytes.weights},
        {&OpCost::stateRead, &row.bytes.state},
        {&OpCost::stateWritten, &row.bytes.state},
        {&OpCost::activationsRead, &row.bytes.activations},
        {&OpCost::activationsWritten, &row.bytes.activations},
        {&OpCost::tensorFlops, &row.tensorFlops},
        {&OpCost::vectorFlops, &row.vectorFlops}};
    for (const auto &[part, sum] : parts) {
      Result<int64_t> value = (kernel.cost.*part).evaluate(sizes);
      if (!value)
        return Error{"cost of kernel '" + kernel.name +
                     "': " + value.error().message};
      sums.add(*sum, *value);
    }
    if (!checkedTotal(row.bytes))
      sums.overflowed = true;
    else
      row.memorySeconds = row.bytes.total() / machine.memoryBandwidth;
    // Units work side by side.
    row.computeSeconds = std::max(row.tensorFlops / machine.tensorFlops,
                                  row.vectorFlops / machine.vectorFlops);
    row.seconds =
        machine.launchSeconds + std::max(row.memorySeconds, row.computeSeconds);
    addRow(rowOf(kernel.op), row);
    return {};
  }

  /// All parameters, but of a table that is only looked up in, the rows.
  void addUnavoidableWeights() {
    std::set<int64_t> readWhole, lookedUp;
    for (const LaunchInfo &launch : program.launches)
      for (const OperandRef &operand : launch.operands)
        if (operand.kind == OperandRef::Kind::Parameter) {
          bool isTable = package.kernels[launch.kernel].op == "embedding";
          (isTable ? lookedUp : readWhole).insert(operand.index);
        }
    for (size_t i = 0; i < package.parameters.size(); ++i) {
      const ParameterInfo &parameter = package.parameters[i];
      int64_t bytes = dtypeBytes(parameter.dtype);
      if (lookedUp.count(i) && !readWhole.count(i)) {
        int64_t columns = parameter.shape.empty() ? 1 : parameter.shape.back();
        auto row = checkedMul(bytes, columns);
        sums.add(report.unavoidable.weights,
                 row ? checkedMul(*row, report.sizes.tokens) : row);
        continue;
      }
      auto elements = checkedProduct(parameter.shape);
      sums.add(report.unavoidable.weights,
               elements ? checkedMul(*elements, bytes) : elements);
    }
  }

  Result<void> addUnavoidableState() {
    const CostSizes &sizes = report.sizes;
    const int64_t perSequence = sizes.tokens / sizes.batch;
    for (const StateInfo &state : package.states) {
      const bool isRing = state.kind == StateKind::WindowKv;
      const bool isCache = isRing || state.isPaged();
      // Of one position of a cache, of all of another state.
      std::vector<int64_t> shape = state.shape;
      if (isCache)
        shape.erase(shape.begin() + 2);
      std::optional<int64_t> bytes = checkedProduct(shape);
      if (bytes)
        bytes = checkedMul(*bytes, dtypeBytes(state.dtype));
      // Positions that a cache holds.
      const int64_t limit = isRing ? state.shape[2] : INT64_MAX;
      int64_t read = isCache ? std::min(sizes.context, limit) : 1;
      int64_t written = isCache ? std::min(perSequence, limit) : 1;
      auto units = checkedAdd(read, written);
      units = units ? checkedMul(*units, sizes.batch) : units;
      sums.add(report.unavoidable.state,
               units && bytes ? checkedMul(*units, *bytes) : std::nullopt);
    }
    return {};
  }

  void addUnavoidableActivations() {
    const CostSizes &sizes = report.sizes;
    int64_t rows = program.logitsPerSequence ? sizes.batch : sizes.tokens;
    sums.add(report.unavoidable.activations, checkedMul(4, sizes.tokens));
    // Of a row: logits of 4 bytes or candidates of 8 with their ids; how to
    // sample, and the next token.
    int64_t outputs = program.candidates ? 8 * program.candidates
                                         : 4 * package.model.vocabSize;
    if (picksTokens(program))
      outputs += 4 * kSamplingColumns + 4;
    sums.add(report.unavoidable.activations, checkedMul(outputs, rows));
  }

  const Package &package;
  const ProgramInfo &program;
  const MachineRates &machine;
  CostReport report;
  CheckedSum sums;
};

} // namespace

Result<CostReport> reportCost(const Package &package, const std::string &name,
                              const CostSizes &sizes,
                              const MachineRates &machine) {
  if (sizes.batch < 1 || sizes.tokens < sizes.batch || sizes.context < 0)
    return Error{"cost of " + name +
                 ": expected at least one sequence, a token of each and a "
                 "context >= 0, found " +
                 std::to_string(sizes.batch) + ", " +
                 std::to_string(sizes.tokens) + " and " +
                 std::to_string(sizes.context)};
  for (const ProgramInfo &program : package.programs)
    if (program.name == name)
      return CostReporter(package, program, sizes, machine).run();
  return Error{"expected a program '" + name + "', found none"};
}

} // namespace jet
