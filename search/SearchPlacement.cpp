// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "passes/Passes.h"
#include "search/Passes.h"
#include "search/Search.h"

using namespace mlir;

namespace jet {
#define GEN_PASS_DEF_SEARCHPLACEMENTPASS
#include "search/Passes.h.inc"
} // namespace jet

using namespace jet;

/// Searches; the space outlives the call, what the result says refers to it.
static Result<SearchResult> runSearch(SearchOp search, ModelOp model,
                                      const SearchSpace &space) {
  auto evaluator = makeEvaluator(search, space);
  if (!evaluator)
    return evaluator.error();
  Result<Objective> objective = makeObjective(search, **evaluator);
  if (!objective)
    return objective.error();
  LayerCosts costs(model, space);
  Result<Limits> limits = Limits::create(search, space, costs);
  if (!limits)
    return limits.error();
  Evaluations evaluations(space, **evaluator, *objective);
  return searchPlacement(evaluations, *limits, search.getBeam());
}

namespace {

struct SearchPlacementPass
    : jet::impl::SearchPlacementPassBase<SearchPlacementPass> {
  using SearchPlacementPassBase::SearchPlacementPassBase;

  void runOnOperation() override {
    SymbolTable symbols(getOperation());
    llvm::SmallPtrSet<Operation *, 2> searched;
    for (auto search :
         llvm::make_early_inc_range(getOperation().getOps<SearchOp>())) {
      auto model = symbols.lookup<ModelOp>(search.getModel());
      if (!searched.insert(model).second) {
        search.emitOpError() << "expected one search of "
                             << search.getModelAttr() << ", found another";
        return signalPassFailure();
      }
      if (failed(place(search, model)))
        return signalPassFailure();
      search.erase();
    }
  }

  LogicalResult place(SearchOp search, ModelOp model) {
    SearchSpace space(model);
    Result<SearchResult> result = runSearch(search, model, space);
    if (!result)
      return search.emitOpError() << result.error().message;
    const Evaluated &best = result->best;
    if (remarks)
      emitRemark(search.getLoc())
          << result->method << ": " << space.describe(best.placement)
          << "; minimizes to " << best.value;
    for (auto [layer, name] :
         llvm::zip_equal(model.getLayers(), space.namesOf(best.placement)))
      if (failed(placeLayer(layer, name)))
        return failure();
    return success();
  }
};

} // namespace
