// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// jet-run bench: how fast a package decodes and prefills.

#include "BenchKernels.h"
#include "Commands.h"
#include "Interrupt.h"
#include "Progress.h"

#include "runtime/Model.h"
#include "runtime/PrefillChunk.h"
#include "runtime/Session.h"
#include "support/CheckedMath.h"
#include "support/Json.h"

#include <CLI/CLI.hpp>

#include <algorithm>
#include <cstdio>
#include <limits>
#include <set>

namespace jet {

namespace {

struct BenchOptions {
  std::string package, weights, device;
  int64_t batch = 1, context = 1024, steps = 16, prefill = 0, chunk = 0;
  int threads = 0;
  double bandwidth = 0; // GB/s; 0 for what the device says
  KernelTiming kernels;
  bool logits = false;
  SamplingRow sampling = {
      .temperature = 0, .topP = 1, .topK = 0, .uniform = 0.5};
  bool json = false; // but with `kernels`, the output is JSON anyway
};

// A device may record a step at its second time, see Queue::step().
constexpr int64_t kWarmUps = 3;

// Of what takes a millisecond or less, between two looks at the clock.
constexpr int64_t kRepeats = 10;

} // namespace

/// Weights that a decode step reads: all parameters it names, but of an
/// embedding that is not the head as well only the rows of the batch.
static int64_t weightBytesPerStep(const Model &model, int64_t batch) {
  const Package &package = model.package();
  const ProgramInfo &decode = model.program(ProgramKind::Decode);
  bool tied = true;
  for (const ParameterInfo &parameter : package.parameters)
    tied &= parameter.name != "lm_head.weight";
  std::set<int64_t> used;
  for (const LaunchInfo &launch : decode.launches)
    for (const OperandRef &operand : launch.operands)
      if (operand.kind == OperandRef::Kind::Parameter)
        used.insert(operand.index);
  int64_t bytes = 0;
  for (int64_t index : used) {
    const ParameterInfo &parameter = package.parameters[index];
    const int64_t size = checkedProduct(parameter.shape).value_or(0) *
                         dtypeBytes(parameter.dtype);
    const bool isLookup = parameter.name == "model.embed_tokens.weight" &&
                          !tied && !parameter.shape.empty();
    bytes += isLookup ? size / std::max<int64_t>(1, parameter.shape[0]) * batch
                      : size;
  }
  return bytes;
}

/// As in `generate`, where the package can.
static bool devicePicks(const BenchOptions &options, const Model &model) {
  return !options.logits && model.candidates() > 0;
}

static const ProgramInfo &decodeProgram(const BenchOptions &options,
                                        const Model &model) {
  return model.program(devicePicks(options, model) &&
                               candidatesSuffice(options.sampling,
                                                 model.candidates(),
                                                 model.info().vocabSize)
                           ? ProgramKind::DecodeSample
                           : ProgramKind::Decode);
}

/// Fills caches and states with small numbers, so that every page is memory
/// of its own: untouched pages would all be read from one page in the cache.
static void touchState(State &state) {
  // 0x3c3c3c3c is 0.0115 as F32, 0x3c3c the same as BF16, 0x3c 1.5 as F8_E4M3.
  state.fill(std::byte(0x3c));
}

/// Seconds per step with `context` positions in every sequence.
static Result<std::vector<double>> timeDecode(const BenchOptions &options,
                                              Session &session, State &state) {
  std::vector<double> seconds;
  std::vector<int32_t> tokens(options.batch);
  std::vector<StepInput> inputs;
  const std::vector<SamplingRow> sampling(options.batch, options.sampling);
  for (int64_t b = 0; b < options.batch; ++b)
    inputs.push_back({b, std::span(&tokens[b], 1)});
  const int64_t vocab = state.model().info().vocabSize;
  Progress progress("decode", options.steps + kWarmUps);
  for (int64_t i = 0; i < options.steps + kWarmUps && !interrupted(); ++i) {
    for (int64_t b = 0; b < options.batch; ++b) {
      tokens[b] = static_cast<int32_t>((i * 7919 + b * 104729) % vocab);
      if (auto done = state.setPosition(b, options.context - 1); !done)
        return done.error();
    }
    const Stopwatch stopwatch;
    if (devicePicks(options, state.model())) {
      if (auto next = session.stepSample(state, inputs, sampling); !next)
        return next.error();
    } else if (auto logits = session.step(state, inputs); !logits) {
      return logits.error();
    }
    if (i >= kWarmUps)
      seconds.push_back(stopwatch.seconds());
    progress.update(i + 1);
  }
  std::sort(seconds.begin(), seconds.end());
  return seconds;
}

/// Takes in the same prompt of `tokens` tokens for all sequences, in at most
/// `steps` steps; those in which a prompt ends have logits. Returns what the
/// last one was.
static Result<CostSizes> runPrefill(const BenchOptions &options, int64_t tokens,
                                    const PrefillChunk &chunk, int64_t steps,
                                    Session &session, State &state) {
  const int64_t vocab = state.model().info().vocabSize;
  std::vector<int32_t> prompt;
  for (int64_t i = 0; i < tokens; ++i)
    prompt.push_back(static_cast<int32_t>((i * 7919 + 1) % vocab));
  std::vector<ChunkedSequence> pending;
  for (int64_t b = 0; b < options.batch; ++b) {
    if (auto done = state.reset(b); !done)
      return done.error();
    pending.push_back({b, prompt});
  }
  Progress progress("prefill", options.batch * tokens);
  CostSizes last;
  int64_t taken = 0;
  for (int64_t i = 0; i < steps && !interrupted(); ++i) {
    const std::vector<StepInput> inputs = nextChunk(pending, chunk);
    if (inputs.empty())
      break;
    last.tokens = last.context = 0;
    bool ends = false;
    for (const StepInput &input : inputs) {
      ChunkedSequence &sequence = pending[input.slot];
      const auto own = static_cast<int64_t>(input.tokens.size());
      last.context = std::max(last.context, sequence.done);
      last.tokens += own;
      sequence.done += own;
      ends |= sequence.left() == 0;
    }
    last.batch = static_cast<int64_t>(inputs.size());
    if (!ends) {
      if (auto done = session.extend(state, inputs); !done)
        return done.error();
    } else if (auto logits = session.step(state, inputs); !logits) {
      return logits.error();
    }
    progress.update(taken += last.tokens);
  }
  return last;
}

/// Seconds to take in options.prefill tokens of each sequence, on a GPU after a
/// step of the same size, and what the kernels of the last step take.
static Result<nlohmann::json> timePrefill(const BenchOptions &options,
                                          Session &session, State &state,
                                          double bandwidth) {
  const bool isHost = state.model().device()->isHost();
  const PrefillChunk chunk = options.chunk > 0
                                 ? PrefillChunk::ofEach(options.chunk)
                                 : choosePrefillChunk(state, options.batch);
  const int64_t most = chunk.tokens(options.batch);
  const int64_t first = std::min(most, options.prefill);
  if (auto warm =
          runPrefill(options, first, chunk, isHost ? 0 : 1, session, state);
      !warm)
    return warm.error();
  const Stopwatch stopwatch;
  auto last = runPrefill(options, options.prefill, chunk,
                         std::numeric_limits<int64_t>::max(), session, state);
  if (!last)
    return last.error();
  const double seconds = stopwatch.seconds();
  const int64_t tokens = options.batch * options.prefill;
  nlohmann::json result = {{"tokens", tokens},
                           {"chunk", most},
                           {"seconds", seconds},
                           {"tokens_per_second", double(tokens) / seconds}};
  if (options.kernels.ops.empty() || interrupted())
    return result;
  auto times = timeKernels(options.kernels, session, state, isHost ? 1 : 3);
  if (!times)
    return times.error();
  auto rows = describeKernels(state, *times, *last);
  if (!rows)
    return rows.error();
  if (!options.json)
    std::printf("%s\n", printKernels(*rows, bandwidth).c_str());
  else
    result["kernels"] = kernelsToJson(*rows, bandwidth);
  return result;
}

/// What the steps that were timed are.
static CostSizes sizesOf(const BenchOptions &options) {
  CostSizes sizes;
  sizes.batch = sizes.tokens = options.batch;
  sizes.context = options.context - 1;
  return sizes;
}

/// Adds to `decode` what the device takes for a step without the host, and
/// where the bandwidth of its memory is known, the least it could take.
static Result<void> addDeviceTimes(const BenchOptions &options,
                                   Session &session, const State &state,
                                   double bandwidth, nlohmann::json &decode) {
  std::vector<double> seconds;
  for (int64_t i = 0; i < std::min<int64_t>(options.steps, 16); ++i) {
    Result<double> time = session.timeStep(state, kRepeats);
    if (!time)
      return time.error();
    seconds.push_back(*time);
  }
  std::sort(seconds.begin(), seconds.end());
  const double median = seconds[seconds.size() / 2];
  decode["device_ms"] = median * 1e3;
  if (auto edges = session.recordedEdges())
    decode["graph"] = {{"edges", edges->all},
                       {"programmatic_edges", edges->programmatic}};
  if (bandwidth <= 0)
    return {};
  MachineRates machine;
  machine.memoryBandwidth = bandwidth;
  machine.tensorFlops = machine.vectorFlops =
      std::numeric_limits<double>::infinity();
  Result<CostReport> report = reportCost(
      state.model().package(), decodeProgram(options, state.model()).name,
      sizesOf(options), machine);
  if (!report)
    return report.error();
  decode["unavoidable_bytes"] = report->unavoidable.total();
  decode["bandwidth_gb_per_s"] = bandwidth / 1e9;
  decode["bound_ms"] = report->boundSeconds * 1e3;
  decode["ratio"] = median / report->boundSeconds;
  return {};
}

/// Adds what decode steps take to `result`; nothing if interrupted.
static Result<void> benchDecode(const BenchOptions &options, Session &session,
                                State &state, double bandwidth,
                                nlohmann::json &result) {
  const Model &model = state.model();
  Result<StateBytes> stateBytes =
      stateBytesPerSequence(model.package(), options.context);
  if (!stateBytes)
    return stateBytes.error();
  Result<std::vector<double>> seconds = timeDecode(options, session, state);
  if (!seconds)
    return seconds.error();
  if (interrupted())
    return {};
  const double median = (*seconds)[seconds->size() / 2];
  const int64_t weightBytes = weightBytesPerStep(model, options.batch);
  const int64_t stepStateBytes = stateBytes->total() * options.batch;
  nlohmann::json &decode = result["decode"];
  decode = {
      {"program", decodeProgram(options, model).name},
      {"steps", options.steps},
      {"median_ms", median * 1e3},
      {"min_ms", seconds->front() * 1e3},
      {"tokens_per_second", options.batch / median},
      {"weight_bytes_per_step", weightBytes},
      {"state_bytes_per_step", stepStateBytes},
      {"bytes_per_step", weightBytes + stepStateBytes},
      {"gigabytes_per_second", (weightBytes + stepStateBytes) / median / 1e9}};
  const bool isHost = model.device()->isHost();
  if (!isHost)
    if (auto done = addDeviceTimes(options, session, state, bandwidth, decode);
        !done)
      return done;
  if (options.kernels.ops.empty())
    return {};
  auto times =
      timeKernels(options.kernels, session, state, isHost ? 1 : kRepeats);
  if (!times)
    return times.error();
  auto rows = describeKernels(state, *times, sizesOf(options));
  if (!rows)
    return rows.error();
  if (options.json)
    result["kernels"] = kernelsToJson(*rows, bandwidth);
  else
    std::printf("%s\n", printKernels(*rows, bandwidth).c_str());
  return {};
}

static Result<int> runBench(const BenchOptions &options) {
  const Stopwatch loading;
  auto model =
      options.weights.empty()
          ? Model::loadWithMadeUpWeights(options.package, options.device)
          : loadModel(options.package, options.weights, options.device);
  if (!model)
    return model.error();
  const double loadSeconds = loading.seconds();
  if (auto known = checkOps(options.kernels, (*model)->package()); !known)
    return known.error();
  const int64_t capacity = std::max(options.context, options.prefill);
  Result<State> state = State::create(*model, options.batch, capacity);
  if (!state)
    return state.error();
  Session session(*model, options.threads);
  touchState(*state);

  nlohmann::json result = {
      {"package", options.package},
      {"model", (*model)->info().name},
      {"weights", options.weights.empty() ? "made up" : options.weights},
      {"batch", options.batch},
      {"context", options.context},
      {"threads", session.threads()},
      {"load_seconds", loadSeconds}};
  const double bandwidth = options.bandwidth > 0
                               ? options.bandwidth * 1e9
                               : (*model)->device()->memoryBandwidth();
  if (options.steps > 0)
    if (auto done = benchDecode(options, session, *state, bandwidth, result);
        !done)
      return done.error();
  if (options.prefill > 0 && !interrupted()) {
    auto prefill = timePrefill(options, session, *state, bandwidth);
    if (!prefill)
      return prefill.error();
    result["prefill"] = std::move(*prefill);
  }
  if (interrupted())
    return interruptStatus();
  std::printf("%s\n", result.dump(2).c_str());
  if (auto done = finishStdout(); !done)
    return done.error();
  return 0;
}

void addBenchCommand(CLI::App &app, Command &command) {
  auto options = std::make_shared<BenchOptions>();
  CLI::App *bench =
      app.add_subcommand("bench", "Measure speed; JSON on stdout");
  bench->add_option("PACKAGE", options->package, "Made by jetc compile")
      ->required();
  bench
      ->add_option("--weights", options->weights,
                   "Checkpoint [made-up values in memory]")
      ->type_name("PATH");
  bench->add_option("--batch", options->batch, "Sequences per step [1]")
      ->check(CLI::PositiveNumber);
  bench
      ->add_option("--context", options->context,
                   "Positions that each sequence holds [1024]; not computed, "
                   "so that a long one is quick to set up")
      ->check(CLI::PositiveNumber);
  bench
      ->add_option("--steps", options->steps,
                   "Decode steps to time; with 0 the prompt alone [16]")
      ->check(CLI::NonNegativeNumber);
  bench
      ->add_option("--prefill", options->prefill,
                   "Also time a prompt of this many tokens of each sequence "
                   "[0]")
      ->check(CLI::NonNegativeNumber);
  bench
      ->add_option("--chunk", options->chunk,
                   "Prompt tokens of a sequence at once [what plan and free "
                   "memory allow: in all at most 8192 on a GPU, 256 on a CPU]")
      ->check(CLI::PositiveNumber);
  addDeviceOption(*bench, options->device);
  bench->add_option("--threads", options->threads, "Threads [all]")
      ->check(CLI::Range(1, 4096));
  bench->add_flag("--logits", options->logits,
                  "Decode to logits also where the package can sample");
  bench
      ->add_option("--temperature", options->sampling.temperature,
                   "Sample; what the device picks has no part in what follows "
                   "[0: greedy]")
      ->check(CLI::NonNegativeNumber);
  bench
      ->add_option("--top-k", options->sampling.topK,
                   "Sample among the K most likely tokens [0: all]")
      ->check(CLI::NonNegativeNumber);
  bench
      ->add_option("--top-p", options->sampling.topP,
                   "Sample among the likeliest with this probability [1]")
      ->check(CLI::Range(0.0, 1.0));
  auto *kernels = bench->add_flag(
      std::string("--kernels{") + KernelTiming::kAll + "}",
      options->kernels.ops,
      "Time each kernel of a decode step, and of the prompt's last, "
      "by itself; tables before the rest, or with --json lists "
      "in it; --kernels=grouped_linear,attention those of these ops");
  const auto milliseconds = CLI::Range(0, 10'000);
  bench
      ->add_option("--pause", options->kernels.pause,
                   "ms without work before each kernel is timed: the clock of "
                   "a GPU depends on what it has done [0]")
      ->needs(kernels)
      ->check(milliseconds);
  bench
      ->add_option("--busy", options->kernels.busy,
                   "ms of the same kernel before it is timed, for half as long "
                   "[0]")
      ->needs(kernels)
      ->check(milliseconds);
  bench
      ->add_option("--bandwidth", options->bandwidth,
                   "GB/s of the device's memory, for bounds [what it says]")
      ->check(CLI::PositiveNumber);
  bench->add_flag("--json", options->json, "Nothing but JSON on stdout");
  bench->footer("Examples:\n"
                "  jet-run bench 2b.jet --batch 1 --context 65536\n"
                "  jet-run bench 2b.jet --weights 2b --batch 4 --context 4096 "
                "--prefill 512\n"
                "  jet-run bench 2b.jet --prefill 8192 --kernels=attention "
                "--busy 200");
  bench->callback([options, &command] {
    command = [options] { return runBench(*options); };
  });
}

} // namespace jet
