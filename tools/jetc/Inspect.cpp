// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "runtime/Package.h"
#include "support/Json.h"
#include "tools/jetc/InspectCost.h"
#include "tools/jetc/Options.h"

#include "llvm/ADT/MapVector.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/raw_ostream.h"

using namespace jet;
using llvm::outs;

/// 1536 → "1.5 KiB".
static std::string formatBytes(int64_t bytes) {
  const char *units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
  double value = bytes;
  int unit = 0;
  while (value >= 1024 && unit < 4)
    value /= 1024, ++unit;
  std::string text;
  llvm::raw_string_ostream stream(text);
  stream << llvm::format(unit ? "%.2f " : "%.0f ", value) << units[unit];
  return text;
}

/// Consecutive layers of one kind together: "0-13 jet, 14 attn, …".
static std::string formatLayers(const std::vector<std::string> &layers) {
  std::string text;
  for (size_t begin = 0; begin < layers.size();) {
    size_t end = begin;
    while (end + 1 < layers.size() && layers[end + 1] == layers[begin])
      ++end;
    text += (text.empty() ? "" : ", ") + std::to_string(begin) +
            (end > begin ? "-" + std::to_string(end) : "") + " " +
            layers[begin];
    begin = end + 1;
  }
  return text;
}

static nlohmann::ordered_json toJson(const Package &package,
                                     const StateBytes &state, int64_t context) {
  const ModelInfo &model = package.model;
  nlohmann::ordered_json programs = nlohmann::ordered_json::object();
  for (const ProgramInfo &program : package.programs)
    programs[program.name] = {
        {"launches", program.launches.size()},
        {"buffers", program.buffers.size()},
        {"arena_bytes_per_token", program.arenaBytesPerRow}};
  nlohmann::ordered_json kernels = nlohmann::ordered_json::array();
  for (const KernelInfo &kernel : package.kernels)
    kernels.push_back(
        {{"name", kernel.name}, {"operands", kernel.operands.size()}});
  return {{"name", model.name},
          {"producer", package.producer},
          {"target",
           {{"kind", package.target.kind},
            {"arch", package.target.arch},
            {"cpu_level", package.target.cpuLevel}}},
          {"dtype", model.dtype},
          {"parameters", model.parameters},
          {"layers", model.layers},
          {"hidden_size", model.hiddenSize},
          {"vocab_size", model.vocabSize},
          {"max_batch", model.maxBatch},
          {"max_context", model.maxContext},
          {"context", context},
          {"state_bytes_per_sequence",
           {{"attention_kv", state.attentionKv},
            {"window_kv", state.windowKv},
            {"recurrent", state.recurrent},
            {"conv_tail", state.convTail},
            {"total", state.total()}}},
          {"programs", programs},
          {"kernels", kernels}};
}

static void printText(const Package &package, const StateBytes &state,
                      int64_t context) {
  const ModelInfo &model = package.model;
  outs() << model.name << ": " << model.layers.size() << " layers, hidden "
         << model.hiddenSize << ", vocabulary " << model.vocabSize << ", "
         << model.dtype << "\n";
  llvm::MapVector<llvm::StringRef, int64_t> counts;
  for (const std::string &layer : model.layers)
    ++counts[layer];
  outs() << "  layers      ";
  llvm::interleave(
      counts, outs(),
      [](const auto &entry) { outs() << entry.second << " " << entry.first; },
      ", ");
  outs() << "  (" << formatLayers(model.layers) << ")\n";
  outs() << "  parameters  " << llvm::format("%.3f", model.parameters / 1e9)
         << " B (" << model.parameters << ")\n";
  outs() << "  limits      batch " << model.maxBatch << ", context "
         << model.maxContext << "\n";
  outs() << "  target      " << package.target.kind << " "
         << package.target.cpuLevel << ", " << package.kernels.size()
         << " kernels\n";
  for (const ProgramInfo &program : package.programs)
    outs() << "  " << llvm::left_justify(program.name, 12)
           << program.launches.size() << " launches, activations "
           << formatBytes(program.arenaBytesPerRow) << " per token\n";
  outs() << "  state per sequence at context " << context
         << (context > model.maxContext ? " (more than compiled for)" : "")
         << "\n";
  for (auto [name, bytes] :
       {std::pair<llvm::StringRef, int64_t>{"attention KV", state.attentionKv},
        {"window KV", state.windowKv},
        {"recurrent", state.recurrent},
        {"conv tail", state.convTail},
        {"total", state.total()}})
    outs() << "    " << llvm::left_justify(name, 14) << formatBytes(bytes)
           << "\n";
}

int jet::inspect(const InspectOptions &options) {
  Result<Package> package = readPackage(options.package);
  if (!package)
    return reportError(package.error().message);
  // A length beyond the package's own limit is still worth an answer.
  int64_t context =
      options.context ? options.context : package->model.maxContext;
  if (context < 0)
    return reportError("--context: expected a positive number, found " +
                       std::to_string(context));
  Result<StateBytes> state = stateBytesPerSequence(*package, context);
  if (!state)
    return reportError(options.package + ": " + state.error().message);
  CostTable cost;
  if (options.cost) {
    Result<CostTable> table = inspectCost(options, *package, context);
    if (!table)
      return reportError(table.error().message);
    cost = std::move(*table);
  } else if (Result<void> unused = rejectCostOptions(options); !unused) {
    return reportError(unused.error().message);
  }
  if (options.json) {
    nlohmann::ordered_json summary = toJson(*package, *state, context);
    if (options.cost)
      summary["cost"] = costToJson(cost);
    outs() << summary.dump(2) << "\n";
  } else if (options.cost) {
    printCost(*package, cost);
  } else {
    printText(*package, *state, context);
  }
  return 0;
}
