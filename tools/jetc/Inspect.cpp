// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "runtime/Package.h"
#include "search/Space.h"
#include "support/CheckedMath.h"
#include "support/Json.h"
#include "tools/jetc/InspectCost.h"
#include "tools/jetc/InspectHtml.h"
#include "tools/jetc/InspectKernels.h"
#include "tools/jetc/InspectMemory.h"
#include "tools/jetc/Options.h"

#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/SetVector.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/raw_ostream.h"

using namespace jet;
using llvm::outs;

namespace {

/// What was worked out about a package.
struct Summary {
  const Package &package;
  int64_t context = 0;
  StateBytes state = {};                  // at `context`
  std::vector<ActivationPeak> peaks = {}; // one per program
};

} // namespace

/// Parameters that are made from several tensors when weights are loaded.
static nlohmann::ordered_json packedToJson(const Package &package) {
  nlohmann::ordered_json result = nlohmann::ordered_json::array();
  for (const ParameterInfo &parameter : package.parameters) {
    if (parameter.concat.empty() && !parameter.columnScale)
      continue;
    std::vector<SourceTensor> tensors = parameter.concat;
    if (tensors.empty())
      tensors.push_back({parameter.name, parameter.shape});
    nlohmann::ordered_json sources = nlohmann::ordered_json::array();
    for (const SourceTensor &source : tensors)
      sources.push_back({{"name", source.name}, {"shape", source.shape}});
    result.push_back({{"shape", parameter.shape},
                      {"dtype", dtypeName(parameter.dtype)},
                      {"sources", std::move(sources)}});
    if (parameter.columnScale)
      result.back()["column_scale"] = parameter.columnScale->name;
  }
  return result;
}

/// The same as text, those of one shape together.
static void printPacked(const Package &package) {
  struct Kind {
    int64_t count = 0;
    size_t sources = 0;
  };
  llvm::MapVector<std::pair<int64_t, int64_t>, Kind> kinds; // by rows and size
  int64_t bytes = 0;
  for (const ParameterInfo &parameter : package.parameters) {
    if (parameter.concat.empty())
      continue;
    int64_t elements = checkedProduct(parameter.shape).value_or(0);
    Kind &kind = kinds[{parameter.shape[0], elements / parameter.shape[0]}];
    ++kind.count;
    kind.sources = parameter.concat.size();
    bytes += elements * dtypeBytes(parameter.dtype);
  }
  if (kinds.empty())
    return;
  outs() << "  packed      " << formatBytes(bytes)
         << " of weights, copied when they are loaded\n";
  for (const auto &[shape, kind] : kinds)
    outs() << "    " << kind.count << " × [" << shape.first << ", "
           << shape.second << "] of " << kind.sources << " tensors\n";
}

/// Element types of the states of a kind: "BF16".
static std::string stateDTypes(const Package &package, StateKind kind) {
  llvm::SetVector<llvm::StringRef> names;
  for (const StateInfo &state : package.states)
    if (state.kind == kind)
      names.insert(dtypeName(state.dtype));
  return llvm::join(names, ", ");
}

static constexpr StateKind kStateKinds[] = {
    StateKind::AttentionKv, StateKind::WindowKv, StateKind::Recurrent,
    StateKind::ConvTail};

static nlohmann::ordered_json toJson(const Summary &summary) {
  const Package &package = summary.package;
  const ModelInfo &model = package.model;
  const StateBytes &state = summary.state;
  nlohmann::ordered_json programs = nlohmann::ordered_json::object();
  for (auto [program, peak] : llvm::zip_equal(package.programs, summary.peaks))
    programs[program.name] = {{"launches", program.launches.size()},
                              {"buffers", program.buffers.size()},
                              {"arena_bytes_per_token", peak.arenaBytes},
                              {"lower_bound_bytes_per_token", peak.liveBytes},
                              {"arena_ratio", peak.ratio()}};
  nlohmann::ordered_json dtypes = nlohmann::ordered_json::object();
  for (StateKind kind : kStateKinds)
    if (std::string types = stateDTypes(package, kind); !types.empty())
      dtypes[std::string(stateKindName(kind))] = types;
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
          {"page_size", model.pageSize},
          {"context", summary.context},
          {"state_bytes_per_sequence",
           {{"attention_kv", state.attentionKv},
            {"window_kv", state.windowKv},
            {"recurrent", state.recurrent},
            {"conv_tail", state.convTail},
            {"total", state.total()}}},
          {"state_dtypes", dtypes},
          {"packed_parameters", packedToJson(package)},
          {"programs", programs},
          {"kernels", inspectKernels(package)}};
}

static void printText(const Summary &summary) {
  const Package &package = summary.package;
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
  outs() << "  (" << describeLayers(model.layers) << ")\n";
  outs() << "  parameters  " << llvm::format("%.3f", model.parameters / 1e9)
         << " B (" << model.parameters << ")\n";
  printPacked(package);
  outs() << "  limits      batch " << model.maxBatch << ", context "
         << model.maxContext << ", KV in pages of " << model.pageSize
         << " positions\n";
  outs() << "  target      " << package.target.kind << " "
         << (package.target.cpuLevel.empty() ? package.target.arch
                                             : package.target.cpuLevel)
         << ", " << package.kernels.size() << " kernels\n";
  for (auto [program, peak] : llvm::zip_equal(package.programs, summary.peaks))
    outs() << "  " << llvm::left_justify(program.name, 15)
           << program.launches.size() << " launches, activations "
           << formatBytes(peak.arenaBytes) << " per token, "
           << llvm::format("%.3f", peak.ratio()) << " times the "
           << formatBytes(peak.liveBytes) << " alive at once\n";
  const StateBytes &state = summary.state;
  outs() << "  state per sequence at context " << summary.context
         << (summary.context > model.maxContext ? " (more than compiled for)"
                                                : "")
         << "\n";
  const std::pair<llvm::StringRef, int64_t> rows[] = {
      {"attention KV", state.attentionKv},
      {"window KV", state.windowKv},
      {"recurrent", state.recurrent},
      {"conv tail", state.convTail}};
  for (auto [kind, row] : llvm::zip_equal(kStateKinds, rows)) {
    std::string types = stateDTypes(package, kind);
    outs() << "    " << llvm::left_justify(row.first, 14)
           << formatBytes(row.second) << (types.empty() ? "" : "  ") << types
           << "\n";
  }
  outs() << "    " << llvm::left_justify("total", 14)
         << formatBytes(state.total()) << "\n";
  printKernels(package);
}

/// Checks the context and works out what every report shows.
static Result<Summary> summarize(const InspectOptions &options,
                                 const Package &package) {
  Summary summary{package};
  // A length beyond the package's own limit is still worth an answer.
  summary.context =
      options.context ? options.context : package.model.maxContext;
  if (summary.context < 0)
    return Error{"--context: expected a positive number, found " +
                 std::to_string(summary.context)};
  Result<StateBytes> state = stateBytesPerSequence(package, summary.context);
  if (!state)
    return Error{options.package + ": " + state.error().message};
  summary.state = *state;
  for (const ProgramInfo &program : package.programs) {
    Result<ActivationPeak> peak = activationPeak(package, program);
    if (!peak)
      return Error{options.package + ": " + peak.error().message};
    summary.peaks.push_back(*peak);
  }
  return summary;
}

static Result<std::optional<MemoryFit>>
inspectMemory(const InspectOptions &options, const Summary &summary) {
  if (!options.memory) {
    if (options.chunkTokens)
      return Error{"--chunk: expected --memory beside it"};
    return std::optional<MemoryFit>();
  }
  Result<MemoryFit> fit = fitMemory(
      summary.package, *options.memory, summary.context,
      options.chunkTokens ? options.chunkTokens : kDefaultChunkTokens);
  if (!fit)
    return fit.error();
  return std::optional<MemoryFit>(*fit);
}

int jet::inspect(const InspectOptions &options) {
  Result<Package> package = readPackage(options.package);
  if (!package)
    return reportError(package.error().message);
  Result<Summary> summary = summarize(options, *package);
  if (!summary)
    return reportError(summary.error().message);
  Result<std::optional<MemoryFit>> memory = inspectMemory(options, *summary);
  if (!memory)
    return reportError(memory.error().message);
  CostTable cost;
  if (options.cost || options.html) {
    Result<CostTable> table = inspectCost(options, *package, summary->context);
    if (!table)
      return reportError(table.error().message);
    cost = std::move(*table);
  } else if (Result<void> unused = rejectCostOptions(options); !unused) {
    return reportError(unused.error().message);
  }
  if (options.html) {
    Result<void> written =
        writeHtml(*options.html, {*package, summary->context, summary->state,
                                  summary->peaks, cost, *memory});
    if (!written)
      return reportError(written.error().message);
  }
  if (options.json) {
    nlohmann::ordered_json json = toJson(*summary);
    if (*memory)
      json["memory"] = memoryToJson(**memory);
    if (options.cost)
      json["cost"] = costToJson(cost);
    outs() << json.dump(2) << "\n";
    return 0;
  }
  if (options.cost)
    printCost(*package, cost);
  else
    printText(*summary);
  if (*memory)
    printMemory(*package, **memory);
  return 0;
}
