// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// jetc search --jet-block: the sizes of JetBlocks at a fixed cache.

#include "dialects/jet/Targets.h"
#include "frontend/Import.h"
#include "lowering/MachineRates.h"
#include "lowering/Registration.h"
#include "search/MeasureDecode.h"
#include "support/File.h"
#include "tools/jetc/Options.h"
#include "tools/jetc/SearchOptions.h"
#include "tools/jetc/SearchProgress.h"
#include "tools/jetc/ShapeReport.h"

#include "llvm/Support/FileSystem.h"
#include "llvm/Support/raw_ostream.h"

using namespace mlir;
using namespace jet;

namespace {

class ShapeCommand {
public:
  explicit ShapeCommand(const SearchOptions &options)
      : options(options), handler(&context, [this](Diagnostic &diagnostic) {
          if (diagnostic.getSeverity() == DiagnosticSeverity::Error &&
              complaint.empty())
            complaint = ": " + diagnostic.str();
        }) {
    DialectRegistry registry;
    registerAllDialects(registry);
    context.appendDialectRegistry(registry);
    context.loadDialect<JetDialect>();
    context.disableMultithreading();
  }

  Result<void> run() {
    if (auto done = readQuestion(); !done)
      return done;
    std::optional<SearchProgress> progress; // of one round
    auto found = searchShapes(
        context, text, path, question, [&](size_t done, size_t expected) {
          if (done == 0)
            progress.emplace("shapes");
          progress->update(static_cast<double>(done),
                           static_cast<double>(expected), "");
        });
    progress.reset();
    if (!found)
      return explain(found.error());
    result = std::move(*found);
    result.model = modelName(path);
    if (options.measure)
      if (auto done = measureFront(); !done)
        return done;
    return writeResult();
  }

private:
  /// With what MLIR said of it.
  Error explain(const Error &error) const {
    return Error{error.message + complaint};
  }

  Result<void> readQuestion() {
    path = options.config;
    if (llvm::sys::fs::is_directory(path))
      path += "/config.json";
    Result<ParsedSpec> parsed = readSpec(path);
    if (!parsed)
      return parsed.error();
    for (const std::string &warning : parsed->warnings)
      llvm::errs() << "jetc: warning: " << warning << "\n";
    Result<std::string> config = readTextFile(path, 16 << 20);
    if (!config)
      return config.error();
    text = std::move(*config);
    Result<JetBlockRanges> ranges = parseJetBlockRanges(options.jetBlock);
    if (!ranges)
      return ranges.error();
    Result<TargetAttr> target = findTarget(context, options.target);
    if (!target)
      return Error{"--target: " + target.error().message};
    question.ranges = std::move(*ranges);
    if (options.cacheBytes)
      question.cacheBytes = static_cast<double>(*options.cacheBytes);
    question.cacheTolerance = options.cacheTolerance / 100;
    question.speedTolerance = options.speedTolerance / 100;
    question.batch = options.batch;
    question.context =
        options.context ? options.context : parsed->spec.maxPositionEmbeddings;
    if (question.context > parsed->spec.maxPositionEmbeddings)
      return Error{"--context: expected at most " +
                   std::to_string(parsed->spec.maxPositionEmbeddings) +
                   " (max_position_embeddings), found " +
                   std::to_string(question.context)};
    question.machine = getMachineRates(*target);
    question.maxParameters = options.maxParameters;
    if (options.maxDecodeMicroseconds)
      question.maxDecodeSeconds = *options.maxDecodeMicroseconds * 1e-6;
    return {};
  }

  /// Compiles and runs the shapes of the front.
  Result<void> measureFront() {
    const auto shapes = llvm::count_if(
        result.shapes, [](const ShapeCosts &one) { return one.isOnFront; });
    SearchProgress progress("shapes");
    double done = 0;
    for (ShapeCosts &one : result.shapes) {
      if (!one.isOnFront)
        continue;
      progress.update(done++, static_cast<double>(shapes), "");
      auto config = reshapeConfig(text, path, one.shape);
      if (!config)
        return config.error();
      Result<ParsedSpec> parsed = parseSpec(*config, path);
      if (!parsed)
        return parsed.error();
      OwningOpRef<ModuleOp> module =
          importSpec(context, parsed->spec, result.model, path);
      auto seconds =
          measureDecode(*module, question.batch, question.context, options.run);
      if (!seconds)
        return explain(seconds.error());
      one.measuredSeconds = *seconds;
    }
    result.chosen = chooseShape(result.shapes, question.speedTolerance);
    return {};
  }

  /// Files first, so that what is printed is true.
  Result<void> writeResult() {
    ShapeReport report{question, result,
                       options.measure ? options.run.device : ""};
    if (!options.output.empty()) {
      auto config =
          reshapeConfig(text, path, result.shapes[result.chosen].shape);
      if (!config)
        return config.error();
      if (auto done = writeTextFile(options.output, *config); !done)
        return done;
    }
    if (!options.report.empty())
      if (auto done = writeShapesHtml(options.report, report); !done)
        return done;
    if (options.json)
      llvm::outs() << shapesToJson(report).dump(2) << "\n";
    else
      printShapes(report);
    return {};
  }

  const SearchOptions &options;
  MLIRContext context;
  std::string complaint; // MLIR's first
  ScopedDiagnosticHandler handler;
  std::string path, text; // of the config
  ShapeQuestion question;
  ShapeResult result;
};

} // namespace

int jet::searchJetBlocks(const SearchOptions &options) {
  Result<void> done = ShapeCommand(options).run();
  return done ? 0 : reportError(done.error().message);
}
