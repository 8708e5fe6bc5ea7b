// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A model and a search of it, from a config and the text of the search's body.

#ifndef JET_TEST_SEARCH_QUESTION_H
#define JET_TEST_SEARCH_QUESTION_H

#include "frontend/Import.h"
#include "lowering/Registration.h"
#include "search/ReadScores.h"
#include "search/Search.h"

#include "mlir/Parser/Parser.h"
#include "llvm/Support/raw_ostream.h"
#include <gtest/gtest.h>

namespace jet {

inline std::string examplePath(const std::string &name) {
  return JET_SOURCE_DIR "/examples/" + name;
}

/// Owns all that a search refers to.
struct Question {
  mlir::MLIRContext context;
  mlir::OwningOpRef<mlir::ModuleOp> module;
  ModelOp model;
  SearchOp search;
  std::optional<SearchSpace> space;

  Question() {
    mlir::DialectRegistry registry;
    registerAllDialects(registry);
    context.appendDialectRegistry(registry);
    context.loadDialect<JetDialect>();
    context.disableMultithreading();
  }

  /// The model of a config, without a search.
  void readConfig(const std::string &path) {
    Result<ParsedSpec> parsed = readSpec(path);
    ASSERT_TRUE(parsed) << parsed.error().message;
    module = importSpec(context, parsed->spec, "m", path);
    model = *module->getOps<ModelOp>().begin();
    space.emplace(model);
  }

  /// The model and, as IR, "minimize {…} … { … }".
  void readConfig(const std::string &path, const std::string &ask) {
    readConfig(path);
    std::string text;
    llvm::raw_string_ostream(text) << *model << "\njet.search @m " << ask;
    parse(text);
  }

  void parse(const std::string &text) {
    module = mlir::parseSourceString<mlir::ModuleOp>(text, &context);
    ASSERT_TRUE(module) << text;
    model = *module->getOps<ModelOp>().begin();
    search = *module->getOps<SearchOp>().begin();
    space.emplace(model);
  }

  /// Searches as the pass does.
  Result<SearchResult> answer() {
    auto evaluator = makeEvaluator(search, *space);
    if (!evaluator)
      return evaluator.error();
    Result<Objective> objective = makeObjective(search, **evaluator);
    if (!objective)
      return objective.error();
    LayerCosts costs(model, *space);
    Result<Limits> limits = Limits::create(search, *space, costs);
    if (!limits)
      return limits.error();
    Evaluations evaluations(*space, **evaluator, *objective);
    return searchPlacement(evaluations, *limits, search.getBeam());
  }
};

} // namespace jet

#endif // JET_TEST_SEARCH_QUESTION_H
