// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Placements measured by running them. The supernet is compiled once for each
// of a layer's choices: one package in which every layer has its first
// candidate, one with the second, and so on. Between two layers only the
// residual stream is alive, so any placement runs as layers from these
// packages, and what layers see does not change with the layers behind them:
// streams of a common beginning are kept.

#ifndef JET_SEARCH_LIVEEVALUATOR_H
#define JET_SEARCH_LIVEEVALUATOR_H

#include "runtime/LayerCuts.h"
#include "runtime/Session.h"
#include "search/CompileModel.h"
#include "search/EvaluationData.h"
#include "search/Evaluator.h"

namespace jet {

/// For each task: {task}_loss, the mean cross-entropy (nats) of its targets;
/// with a mask also {task}_accuracy, the part of them that is the most likely
/// token.
class LiveEvaluator : public Evaluator {
public:
  /// Compiles `model` for `target` and loads the supernet's checkpoint. Errors:
  /// compilation, no such device, weights that are missing.
  static Result<std::unique_ptr<LiveEvaluator>>
  create(ModelOp model, const SearchSpace &space, const std::string &weights,
         std::vector<EvaluationTask> tasks, const RunTarget &target = {});

  const std::vector<std::string> &metricNames() const override { return names; }
  Result<void> evaluate(llvm::ArrayRef<Placement> placements, Found found,
                        Report report) override;
  /// Makes these all that it knows, to a search that asks for no others.
  void restrictTo(std::vector<Placement> placements) {
    listed = std::move(placements);
  }
  std::optional<std::vector<Placement>> knownPlacements() const override {
    return listed;
  }
  /// Layers that were run so far, of all sequences; for tests.
  double layersRun() const { return numLayersRun; }

private:
  /// A package with one candidate of each layer.
  struct Choice {
    std::shared_ptr<const Model> model;
    std::unique_ptr<Session> session;
    std::optional<State> state;
    std::vector<LayerCut> cuts;
  };
  /// Sequences of a task that run together.
  struct Chunk {
    const EvaluationTask *task;
    int64_t begin, end;
    /// The residual stream before each layer, [rows, bytes]; empty where it is
    /// not kept.
    std::vector<std::vector<std::byte>> streams;
  };
  struct Sums {
    double loss = 0, hits = 0, targets = 0;
  };

  LiveEvaluator(const SearchSpace &space, const RunTarget &target)
      : space(space), target(target) {}
  /// That run together, at most.
  int64_t maxSequences() const;
  Result<void> addChoice(ModelOp model, size_t choice,
                         const std::string &weights);
  void makeChunks(int64_t vocab);
  Result<void> runChunk(Chunk &chunk, const Placement &placement,
                        size_t firstLayer, Sums &sums);
  Result<std::span<const float>> runPart(size_t choice, const Chunk &chunk,
                                         const Session::ProgramPart &part,
                                         std::span<const std::byte> from,
                                         std::span<std::byte> to);
  Metrics toMetrics(const std::map<const EvaluationTask *, Sums> &sums) const;

  const SearchSpace &space;
  const RunTarget target;
  std::vector<EvaluationTask> tasks;
  std::vector<std::string> names;
  std::optional<std::vector<Placement>> listed;
  std::vector<Choice> choices;
  std::vector<Chunk> chunks;
  int64_t rowBytes = 0; // of the residual stream
  size_t stride = 1;    // every so many layers it is kept
  Placement kept;       // whose streams those are; empty: nobody's
  double numLayersRun = 0;
};

} // namespace jet

#endif // JET_SEARCH_LIVEEVALUATOR_H
