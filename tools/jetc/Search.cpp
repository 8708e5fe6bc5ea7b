// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// jetc search: config and scores to IR, the search, and what is made of it.

#include "dialects/jet/Targets.h"
#include "frontend/Import.h"
#include "lowering/MachineRates.h"
#include "lowering/Registration.h"
#include "passes/Passes.h"
#include "search/EvaluationLog.h"
#include "search/Export.h"
#include "search/LiveEvaluator.h"
#include "search/ReadScores.h"
#include "support/File.h"
#include "tools/jetc/Options.h"
#include "tools/jetc/SearchOptions.h"
#include "tools/jetc/SearchProgress.h"
#include "tools/jetc/SearchReport.h"

#include "mlir/IR/Verifier.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/raw_ostream.h"

using namespace mlir;
using namespace jet;

static std::string printModule(ModuleOp module) {
  std::string text;
  llvm::raw_string_ostream stream(text);
  module->print(stream);
  return text + "\n";
}

namespace {

class SearchCommand {
public:
  explicit SearchCommand(const SearchOptions &options)
      : options(options), handler(&context, [this](Diagnostic &diagnostic) {
          if (diagnostic.getSeverity() != DiagnosticSeverity::Error ||
              !complaint.empty())
            return;
          std::string place = describePlace(diagnostic.getLocation());
          complaint = (place.empty() ? place : place + ": ") + diagnostic.str();
        }) {
    DialectRegistry registry;
    registerAllDialects(registry);
    context.appendDialectRegistry(registry);
    context.loadDialect<JetDialect>();
    context.disableMultithreading();
  }

  Result<void> run() {
    if (auto done = checkOutput(); !done)
      return done;
    if (auto done = readModel(); !done)
      return done;
    space.emplace(model);
    if (auto done = makeSearch(); !done)
      return done;
    if (auto done = evaluateAndReport(); !done)
      return done;
    return {};
  }

private:
  /// Before anything is computed.
  Result<void> checkOutput() {
    StringRef output = options.output;
    if (!output.empty() && !output.ends_with(".json") &&
        !output.ends_with(".mlir"))
      return Error{"-o: expected a name that ends in .json or .mlir, found '" +
                   options.output + "'"};
    return {};
  }

  Result<void> readModel() {
    configPath = options.config;
    if (llvm::sys::fs::is_directory(configPath))
      configPath += "/config.json";
    Result<ParsedSpec> parsed = readSpec(configPath);
    if (!parsed)
      return parsed.error();
    for (const std::string &warning : parsed->warnings)
      llvm::errs() << "jetc: warning: " << warning << "\n";
    spec = std::move(parsed->spec);
    if (llvm::none_of(spec.layers, [](const LayerSpec &layer) {
          return layer.candidates.size() > 1;
        }))
      return Error{configPath + ": $.layer_types: expected a layer with "
                                "several candidates (\"supernet\"), found "
                                "none"};
    module = importSpec(context, spec, modelName(configPath), configPath);
    model = *module->getOps<ModelOp>().begin();
    return {};
  }

  /// Positions of a sequence in all that costs are about.
  int64_t costContext() const {
    return options.context ? options.context : spec.maxPositionEmbeddings;
  }

  /// The question as IR.
  Result<void> makeSearch() {
    Result<DictionaryAttr> objective =
        parseObjective(&context, options.objective);
    if (!objective)
      return objective.error();
    Result<TargetAttr> target = findTarget(context, options.target);
    if (!target)
      return Error{"--target: " + target.error().message};
    machine = *target;
    OpBuilder builder = OpBuilder::atBlockEnd(module->getBody());
    question = SearchOp::create(
        builder, builder.getUnknownLoc(), model.getSymName(), *objective,
        options.beam ? builder.getI64IntegerAttr(*options.beam)
                     : IntegerAttr());
    builder.createBlock(&question.getBody());
    addLimits(builder);
    if (!options.data.empty())
      return makeLiveEvaluator(*objective); // measurements are still to come
    if (auto done = addScores(*objective); !done)
      return done;
    if (auto done = finishQuestion(); !done)
      return done;
    auto made = makeEvaluator(question, *space);
    if (!made)
      return made.error();
    evaluator = std::move(*made);
    return {};
  }

  /// Checks the question, and writes it if that was asked for.
  Result<void> finishQuestion() {
    if (failed(verify(*module)))
      return Error{complaint};
    if (options.searchIr.empty())
      return {};
    return writeTextFile(options.searchIr, printModule(*module));
  }

  std::string weightsPath() const {
    if (!options.weights.empty())
      return options.weights;
    std::string folder = llvm::sys::path::parent_path(configPath).str();
    return folder.empty() ? "." : folder;
  }

  Result<void> makeLiveEvaluator(DictionaryAttr objective) {
    auto tasks =
        readEvaluationData(options.data, spec.vocabSize,
                           spec.maxPositionEmbeddings, options.dataRows);
    if (!tasks)
      return tasks.error();
    std::optional<std::vector<Placement>> listed;
    if (!options.placements.empty()) {
      auto read = readPlacements(*space, options.placements);
      if (!read)
        return read.error();
      listed = std::move(*read);
    }
    auto made = LiveEvaluator::create(model, *space, weightsPath(),
                                      std::move(*tasks), options.run);
    if (!made)
      return explain(made.error());
    if (listed)
      (*made)->restrictTo(std::move(*listed));
    if (auto done = checkObjective(objective, (*made)->metricNames()); !done)
      return done;
    evaluator = std::move(*made);
    return {};
  }

  /// What was run as part of the question, which then has the same answer
  /// without the data.
  Result<void> addMeasured(const Evaluations &evaluations) {
    OpBuilder builder = OpBuilder::atBlockEnd(&question.getBody().front());
    for (const Evaluated &one : evaluations.all()) {
      NamedAttrList metrics;
      for (auto [name, value] :
           llvm::zip_equal(evaluator->metricNames(), one.metrics))
        metrics.set(name, builder.getF64FloatAttr(value));
      std::vector<std::string> names = space->namesOf(one.placement);
      MeasuredOp::create(
          builder, builder.getUnknownLoc(),
          builder.getStrArrayAttr(llvm::to_vector_of<StringRef>(names)),
          metrics.getDictionary(&context));
    }
    return finishQuestion();
  }

  void addLimits(OpBuilder &builder) {
    Location location = builder.getUnknownLoc();
    auto count = [&](const std::optional<int64_t> &value) {
      return value ? builder.getI64IntegerAttr(*value) : IntegerAttr();
    };
    auto limitLayers = [&](StringRef mixer, StringRef option,
                           const std::optional<int64_t> &exact,
                           const std::optional<int64_t> &most) {
      std::string name = (exact ? "--" : "--max-") + option.str();
      if (exact || most)
        LimitLayersOp::create(builder,
                              NameLoc::get(builder.getStringAttr(name)),
                              builder.getStringAttr(mixer), count(exact),
                              count(exact ? exact : most));
    };
    limitLayers("attn", "full", options.full, options.maxFull);
    limitLayers("swa", "window", options.window, options.maxWindow);
    if (options.maxStateBytes)
      LimitStateOp::create(builder, location, *options.maxStateBytes,
                           costContext());
    if (options.maxDecodeMicroseconds)
      LimitDecodeOp::create(
          builder, location,
          builder.getF64FloatAttr(*options.maxDecodeMicroseconds * 1e-6),
          builder.getI64IntegerAttr(options.batch),
          builder.getI64IntegerAttr(costContext()), machine);
    if (options.maxParameters)
      LimitParametersOp::create(builder, location, *options.maxParameters);
  }

  Result<void> addScores(DictionaryAttr objective) {
    std::vector<std::string> names = {"score"};
    if (!options.layerScores.empty()) {
      if (auto done = setLayerScores(model, options.layerScores); !done)
        return done;
      space.emplace(model);
    } else {
      if (auto done = addMeasurements(question, *space, options.scores); !done)
        return done;
      names.clear();
      auto first = *question.getBody().front().getOps<MeasuredOp>().begin();
      for (NamedAttribute metric : first.getMetrics())
        names.push_back(metric.getName().str());
    }
    return checkObjective(objective, names);
  }

  static Result<void> checkObjective(DictionaryAttr objective,
                                     const std::vector<std::string> &names) {
    for (NamedAttribute entry : objective)
      if (!llvm::is_contained(names, entry.getName().getValue()))
        return Error{"--objective: expected " + llvm::join(names, ", ") +
                     " or a sum of these, found '" + entry.getName().str() +
                     "'"};
    return {};
  }

  Result<void> evaluateAndReport() {
    Result<Objective> objective = makeObjective(question, *evaluator);
    if (!objective)
      return objective.error();
    LayerCosts costs(model, *space);
    Result<Limits> limits = Limits::create(question, *space, costs);
    if (!limits)
      return explain(limits.error());
    Evaluations evaluations(*space, *evaluator, *objective);
    std::optional<EvaluationLog> log;
    if (!options.log.empty()) {
      auto opened = EvaluationLog::open(options.log, options.resume,
                                        sourceOfScores(), evaluations);
      if (!opened)
        return opened.error();
      log.emplace(std::move(*opened));
      evaluations.onEvaluated = [&](const Evaluated &evaluated) {
        return log->write(evaluations, evaluated);
      };
    }
    Result<SearchResult> result = findPlacement(evaluations, *limits);
    if (!result)
      return result.error();
    SearchReport report{evaluations, *limits, *result, modelName(configPath),
                        options.objective};
    if (auto done = complete(report, evaluations, costs); !done)
      return done;
    if (!options.data.empty())
      if (auto done = addMeasured(evaluations); !done)
        return done;
    return writeResult(report);
  }

  Result<SearchResult> findPlacement(Evaluations &evaluations,
                                     const Limits &limits) {
    SearchProgress progress;
    evaluations.onProgress = [&](double done, double expected,
                                 const Evaluated *best) {
      std::string text;
      if (best)
        text = options.objective + " " + formatMetric(best->value) + " (" +
               space->describe(best->placement) + ")";
      progress.update(done, expected, text);
    };
    auto result = searchPlacement(evaluations, limits, question.getBeam());
    evaluations.onProgress = nullptr;
    return result;
  }

  std::string sourceOfScores() const {
    if (options.data.empty())
      return options.scores.empty() ? options.layerScores : options.scores;
    std::string source = options.data;
    for (const auto &[name, count] : options.dataRows)
      source += " " + name + "=" + std::to_string(count);
    source += " run with " + weightsPath();
    if (!options.run.isHost())
      source += options.run.generalKernels ? " on a GPU in f32" : " on a GPU";
    return source;
  }

  /// An error of a small compilation, with what MLIR said of it.
  Error explain(const Error &error) const {
    return complaint.empty() ? error : Error{error.message + ": " + complaint};
  }

  /// What the report says besides the result.
  Result<void> complete(SearchReport &report, Evaluations &evaluations,
                        LayerCosts &costs) {
    const Placement &best = report.result.best.placement;
    std::vector<Placement> others = importancePlacements(*space);
    const int full = space->countOf(best, "attn");
    std::optional<Placement> uniform;
    if (full > 0 && space->countOf(best, "swa") == 0)
      uniform = others.emplace_back(uniformPlacement(*space, full));
    if (auto done = evaluations.evaluate(others); !done)
      return done;
    if (uniform)
      report.uniform = evaluations.find(*uniform);
    report.importance = layerImportance(evaluations);
    report.context = costContext();
    report.batch = options.batch;
    MachineRates rates = getMachineRates(machine);
    report.machine = rates.name;
    auto state = costs.stateBytes(report.context);
    auto seconds = costs.decodeSeconds(report.batch, report.context, rates);
    auto parameters = costs.parameters();
    for (const auto *cost : {&state, &seconds, &parameters})
      if (!*cost)
        return explain(cost->error());
    report.state = std::move(*state);
    report.seconds = std::move(*seconds);
    report.parameters = std::move(*parameters);
    return {};
  }

  /// Files first, so that what is printed is true.
  Result<void> writeResult(const SearchReport &report) {
    const std::vector<std::string> mixers =
        space->namesOf(report.result.best.placement);
    Result<std::string> text = readTextFile(configPath, 16 << 20);
    if (!text)
      return text.error();
    Result<std::string> config = placeConfig(*text, configPath, mixers);
    if (!config)
      return config.error();
    if (!options.exportTo.empty())
      if (auto done = exportModel(spec, mixers, *config, weightsPath(),
                                  options.exportTo);
          !done)
        return done;
    if (StringRef(options.output).ends_with(".mlir")) {
      question.erase();
      for (auto [layer, name] : llvm::zip_equal(model.getLayers(), mixers))
        if (failed(placeLayer(layer, name)))
          return Error{complaint};
      *config = printModule(*module);
    }
    if (!options.output.empty())
      if (auto done = writeTextFile(options.output, *config); !done)
        return done;
    if (!options.report.empty())
      if (auto done = writeSearchHtml(options.report, report); !done)
        return done;
    if (options.json)
      llvm::outs() << searchToJson(report).dump(2) << "\n";
    else
      printSearch(report);
    return {};
  }

  const SearchOptions &options;
  MLIRContext context;
  std::string complaint; // MLIR's first
  ScopedDiagnosticHandler handler;
  std::string configPath;
  ModelSpec spec;
  OwningOpRef<ModuleOp> module;
  ModelOp model;
  SearchOp question;
  TargetAttr machine;
  std::optional<SearchSpace> space;
  std::unique_ptr<Evaluator> evaluator;
};

} // namespace

int jet::search(const SearchOptions &options) {
  Result<void> done = SearchCommand(options).run();
  return done ? 0 : reportError(done.error().message);
}
