// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "search/LiveEvaluator.h"

#include <cmath>

using namespace mlir;
using namespace jet;

/// Tokens that run together: enough to keep threads busy, and a GPU.
static constexpr int64_t kHostChunkTokens = 2048, kDeviceChunkTokens = 32768;
/// The most that their logits may take.
static constexpr int64_t kMaxLogitBytes = int64_t(1) << 30;
/// The most that residual streams may take.
static constexpr double kMaxStreamBytes = 2e9;

//===----------------------------------------------------------------------===//
// Compilation
//===----------------------------------------------------------------------===//

int64_t LiveEvaluator::maxSequences() const {
  return target.isHost() ? 16 : 64;
}

Result<void> LiveEvaluator::addChoice(ModelOp model, size_t choice,
                                      const std::string &weights) {
  std::vector<std::string> mixers;
  for (const LayerChoices &layer : space.layers)
    mixers.push_back(layer.names[std::min(choice, layer.names.size() - 1)]);
  OwningOpRef<ModuleOp> module = copyModel(model);
  // The states in f32 as far as that is a choice.
  (*module->getOps<ModelOp>().begin())
      .setKvStorage(Float32Type::get(model.getContext()));
  // Placements may differ by less than residuals in bf16 round.
  RunTarget exact = target;
  exact.wideResiduals = true;
  FailureOr<Package> package =
      compileModel(*module, mixers, maxSequences(), exact);
  if (failed(package))
    return Error{"the supernet with layers " + describeLayers(mixers) +
                 " does not compile"};
  auto loaded = loadModel(*package, weights, target);
  if (!loaded)
    return loaded.error();
  Choice added;
  added.model = *loaded;
  added.session = std::make_unique<Session>(added.model);
  auto cuts = findLayerCuts(added.model->package(),
                            added.model->program(ProgramKind::Forward));
  if (!cuts)
    return cuts.error();
  added.cuts = std::move(*cuts);
  const ProgramInfo &program = added.model->program(ProgramKind::Forward);
  for (const LayerCut &cut : added.cuts) {
    const int64_t bytes = program.buffers[cut.buffer].bytes;
    if (rowBytes && bytes != rowBytes)
      return Error{"expected a residual stream of " + std::to_string(rowBytes) +
                   " bytes a token everywhere, found " + std::to_string(bytes)};
    rowBytes = bytes;
  }
  choices.push_back(std::move(added));
  return {};
}

Result<std::unique_ptr<LiveEvaluator>> LiveEvaluator::create(
    ModelOp model, const SearchSpace &space, const std::string &weights,
    std::vector<EvaluationTask> tasks, const RunTarget &target) {
  std::unique_ptr<LiveEvaluator> evaluator(new LiveEvaluator(space, target));
  evaluator->tasks = std::move(tasks);
  int64_t longest = 0;
  for (const EvaluationTask &task : evaluator->tasks) {
    if (task.hasMask())
      evaluator->names.push_back(task.name + "_accuracy");
    evaluator->names.push_back(task.name + "_loss");
    longest = std::max(longest, task.length - 1);
  }
  size_t numChoices = 0;
  for (const LayerChoices &layer : space.layers)
    numChoices = std::max(numChoices, layer.names.size());
  for (size_t choice = 0; choice < numChoices; ++choice) {
    if (auto done = evaluator->addChoice(model, choice, weights); !done)
      return done.error();
    Choice &added = evaluator->choices.back();
    auto state = State::create(added.model, evaluator->maxSequences(), longest);
    if (!state)
      return state.error();
    added.state.emplace(std::move(*state));
  }
  evaluator->makeChunks(model.getVocabSize());
  return evaluator;
}

void LiveEvaluator::makeChunks(int64_t vocab) {
  const int64_t tokens =
      std::min(target.isHost() ? kHostChunkTokens : kDeviceChunkTokens,
               kMaxLogitBytes / int64_t(sizeof(float)) / vocab);
  double rows = 0;
  for (const EvaluationTask &task : tasks) {
    const int64_t together =
        std::clamp<int64_t>(tokens / (task.length - 1), 1, maxSequences());
    for (int64_t begin = 0; begin < task.sequences; begin += together)
      chunks.push_back(
          {&task, begin, std::min(begin + together, task.sequences), {}});
    rows += static_cast<double>(task.sequences) * (task.length - 1);
  }
  const double bytes = rows * rowBytes * (space.numLayers() + 1);
  stride = std::max<size_t>(std::ceil(bytes / kMaxStreamBytes), 1);
}

//===----------------------------------------------------------------------===//
// Evaluation
//===----------------------------------------------------------------------===//

Result<std::span<const float>> LiveEvaluator::runPart(
    size_t choice, const Chunk &chunk, const Session::ProgramPart &part,
    std::span<const std::byte> from, std::span<std::byte> to) {
  Choice &with = choices[choice];
  const EvaluationTask &task = *chunk.task;
  std::vector<StepInput> inputs;
  for (int64_t i = chunk.begin; i < chunk.end; ++i) {
    // The last token has nothing to predict.
    inputs.push_back({i - chunk.begin, std::span(task.ids).subspan(
                                           i * task.length, task.length - 1)});
  }
  return with.session->runPart(*with.state, inputs, part, from, to);
}

/// Adds up what the logits of a chunk say of its targets.
static void addTargets(const EvaluationTask &task, int64_t begin, int64_t end,
                       std::span<const float> logits, double &loss,
                       double &hits, double &targets) {
  const int64_t rows = (end - begin) * (task.length - 1);
  const int64_t vocab = static_cast<int64_t>(logits.size()) / rows;
  for (int64_t row = 0; row < rows; ++row) {
    const int64_t sequence = begin + row / (task.length - 1);
    const int64_t position = row % (task.length - 1) + 1;
    if (!task.isTarget(sequence, position))
      continue;
    std::span<const float> of = logits.subspan(row * vocab, vocab);
    const int32_t token = task.ids[sequence * task.length + position];
    const auto largest = std::max_element(of.begin(), of.end());
    double sum = 0;
    for (float logit : of)
      sum += std::exp(logit - *largest);
    loss += std::log(sum) + *largest - of[token];
    hits += largest - of.begin() == token;
    ++targets;
  }
}

Result<void> LiveEvaluator::runChunk(Chunk &chunk, const Placement &placement,
                                     size_t firstLayer, Sums &sums) {
  const size_t numLayers = space.numLayers();
  const EvaluationTask &task = *chunk.task;
  const size_t bytes = (chunk.end - chunk.begin) * (task.length - 1) * rowBytes;
  for (Choice &choice : choices)
    choice.state->resetAll(); // layers find zeros
  std::vector<std::byte> stream;
  chunk.streams.resize(numLayers + 1);
  // The embedding is the same in all packages.
  if (chunk.streams[0].empty()) {
    stream.resize(bytes);
    const LayerCut &cut = choices[0].cuts[0];
    auto done = runPart(0, chunk, {0, cut.launch, -1, cut.buffer}, {}, stream);
    if (!done)
      return done.error();
    chunk.streams[0] = stream;
  }
  stream = chunk.streams[firstLayer];
  for (size_t layer = firstLayer; layer < numLayers; ++layer) {
    const size_t choice = placement[layer];
    const LayerCut &in = choices[choice].cuts[layer];
    const LayerCut &out = choices[choice].cuts[layer + 1];
    auto done =
        runPart(choice, chunk, {in.launch, out.launch, in.buffer, out.buffer},
                stream, stream);
    if (!done)
      return done.error();
    numLayersRun += static_cast<double>(chunk.end - chunk.begin);
    if ((layer + 1) % stride == 0)
      chunk.streams[layer + 1] = stream;
  }
  const LayerCut &last = choices[0].cuts[numLayers];
  const size_t end =
      choices[0].model->program(ProgramKind::Forward).launches.size();
  auto logits =
      runPart(0, chunk, {last.launch, end, last.buffer, -1}, stream, {});
  if (!logits)
    return logits.error();
  addTargets(task, chunk.begin, chunk.end, *logits, sums.loss, sums.hits,
             sums.targets);
  return {};
}

Metrics LiveEvaluator::toMetrics(
    const std::map<const EvaluationTask *, Sums> &sums) const {
  Metrics metrics;
  for (const EvaluationTask &task : tasks) {
    const Sums &of = sums.at(&task);
    if (task.hasMask())
      metrics.push_back(of.hits / of.targets);
    metrics.push_back(of.loss / of.targets);
  }
  return metrics;
}

Result<void> LiveEvaluator::evaluate(llvm::ArrayRef<Placement> placements,
                                     Found found, Report report) {
  std::vector<Placement> sorted;
  for (const Placement &placement : placements) {
    if (!listed || llvm::is_contained(*listed, placement))
      sorted.push_back(placement);
    else if (auto done = found(placement, std::nullopt); !done)
      return done;
  }
  // Neighbours in this order begin alike.
  llvm::sort(sorted);
  for (size_t i = 0; i < sorted.size(); ++i) {
    const Placement &placement = sorted[i];
    size_t common = 0;
    while (common < kept.size() && kept[common] == placement[common])
      ++common;
    const size_t firstLayer =
        std::min(common, space.numLayers() - 1) / stride * stride;
    kept.clear(); // until all chunks have the new streams
    std::map<const EvaluationTask *, Sums> sums;
    for (size_t c = 0; c < chunks.size(); ++c) {
      if (auto done =
              runChunk(chunks[c], placement, firstLayer, sums[chunks[c].task]);
          !done)
        return done;
      report((i + (c + 1.0) / chunks.size()) / sorted.size());
    }
    kept = placement;
    const Metrics metrics = toMetrics(sums);
    for (auto [name, metric] : llvm::zip_equal(names, metrics))
      if (!std::isfinite(metric))
        return Error{name + " of " + space.describe(placement) +
                     ": expected a finite number, found " +
                     std::to_string(metric)};
    if (auto done = found(placement, metrics); !done)
      return done;
  }
  return {};
}
