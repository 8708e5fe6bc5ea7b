// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// jet-run forward: logits of given tokens, file to file.

#include "Commands.h"
#include "Interrupt.h"
#include "Progress.h"

#include "runtime/Model.h"
#include "runtime/PrefillChunk.h"
#include "runtime/Safetensors.h"
#include "runtime/Session.h"
#include "support/CheckedMath.h"
#include "support/Json.h"

#include <CLI/CLI.hpp>

#include <algorithm>
#include <cstdio>
#include <cstring>

namespace jet {

namespace {

struct ForwardOptions {
  std::string package, weights, input, output, device;
  int64_t chunk = 0;
  int threads = 0;
  bool states = false, json = false;
};

/// What IN.safetensors holds.
struct ForwardInput {
  int64_t batch = 0, width = 0;
  std::vector<int32_t> ids;     // [batch, width]
  std::vector<int64_t> lengths; // [batch]
};

} // namespace

/// A tensor of I32 with the shape [rank dimensions], copied out.
static Result<std::vector<int32_t>>
readInts(const TensorView &view, size_t rank, const std::string &place) {
  if (view.dtype != DType::I32 || view.shape.size() != rank)
    return Error{place + ": expected I32 " + (rank == 2 ? "[B, T]" : "[B]") +
                 ", found " + describeTensor(view.dtype, view.shape)};
  std::vector<int32_t> values(view.bytes.size() / sizeof(int32_t));
  if (!values.empty())
    std::memcpy(values.data(), view.bytes.data(), view.bytes.size());
  return values;
}

static Result<ForwardInput> readInput(const std::string &path) {
  Result<SafetensorsFile> file = SafetensorsFile::open(path);
  if (!file)
    return file.error();
  const std::string place = path + ": tensor 'input_ids'";
  const TensorView *ids = file->find("input_ids");
  if (!ids)
    return Error{place + ": expected I32 [B, T], found none"};
  Result<std::vector<int32_t>> values = readInts(*ids, 2, place);
  if (!values)
    return values.error();
  ForwardInput input;
  input.batch = ids->shape[0];
  input.width = ids->shape[1];
  if (values->empty())
    return Error{place + ": expected at least one token, found " +
                 describeTensor(ids->dtype, ids->shape)};
  input.ids = std::move(*values);
  input.lengths.assign(input.batch, input.width);
  const TensorView *lengths = file->find("lengths");
  if (!lengths)
    return input;
  const std::string lengthsPlace = path + ": tensor 'lengths'";
  Result<std::vector<int32_t>> given = readInts(*lengths, 1, lengthsPlace);
  if (!given)
    return given.error();
  if (static_cast<int64_t>(given->size()) != input.batch)
    return Error{lengthsPlace + ": expected " + std::to_string(input.batch) +
                 " values, found " + std::to_string(given->size())};
  for (int64_t b = 0; b < input.batch; ++b) {
    if ((*given)[b] < 0 || (*given)[b] > input.width)
      return Error{lengthsPlace + ": expected lengths from 0 to " +
                   std::to_string(input.width) + ", found " +
                   std::to_string((*given)[b])};
    input.lengths[b] = (*given)[b];
  }
  return input;
}

/// The output file: logits, then the states when asked for.
static Result<SafetensorsWriter> createOutput(const ForwardOptions &options,
                                              const ForwardInput &input,
                                              const State &state) {
  const Package &package = state.model().package();
  std::vector<TensorSpec> specs = {
      {"logits",
       DType::F32,
       {input.batch, input.width, package.model.vocabSize}}};
  for (size_t i = 0; options.states && i < package.states.size(); ++i) {
    std::vector<int64_t> shape = state.slotShape(i);
    shape.insert(shape.begin(), input.batch);
    specs.push_back({"state." + std::to_string(i) + "." +
                         std::string(stateKindName(package.states[i].kind)),
                     package.states[i].dtype, std::move(shape)});
  }
  return SafetensorsWriter::create(options.output, specs);
}

/// Steps through the tokens and writes the logits where they belong.
static Result<void> runChunks(const ForwardOptions &options,
                              const ForwardInput &input, Session &session,
                              State &state, SafetensorsWriter &writer) {
  const int64_t vocab = state.model().info().vocabSize;
  std::vector<ChunkedSequence> pending;
  int64_t total = 0, done = 0;
  for (int64_t b = 0; b < input.batch; ++b) {
    pending.push_back(
        {b, std::span(input.ids).subspan(b * input.width, input.lengths[b])});
    total += input.lengths[b];
  }
  const PrefillChunk chunk =
      options.chunk > 0
          ? PrefillChunk::ofEach(options.chunk)
          : choosePrefillChunk(state, input.batch, LogitsOf::AllTokens);
  Progress progress("forward", total);
  while (!interrupted()) {
    const std::vector<StepInput> inputs = nextChunk(pending, chunk);
    if (inputs.empty())
      break;
    auto logits = session.step(state, inputs, LogitsOf::AllTokens);
    if (!logits)
      return logits.error();
    const float *rows = logits->data();
    for (const StepInput &step : inputs) {
      ChunkedSequence &sequence = pending[step.slot];
      const int64_t first = step.slot * input.width + sequence.done;
      const auto count = static_cast<int64_t>(step.tokens.size());
      const int64_t bytes = count * vocab * int64_t(sizeof(float));
      if (auto written = writer.writeAt(first * vocab * int64_t(sizeof(float)),
                                        rows, bytes);
          !written)
        return written;
      rows += count * vocab;
      sequence.done += count;
      done += count;
    }
    progress.update(done);
  }
  return {};
}

static Result<void> writeStates(const State &state, SafetensorsWriter &writer) {
  const size_t count = state.model().package().states.size();
  for (size_t i = 0; i < count; ++i)
    for (int64_t slot = 0; slot < state.slots(); ++slot) {
      Result<std::vector<std::byte>> bytes = state.read(i, slot);
      if (!bytes)
        return bytes.error();
      const auto size = static_cast<int64_t>(bytes->size());
      if (auto done = writer.writeAt(writer.offset(i + 1) + slot * size,
                                     bytes->data(), size);
          !done)
        return done;
    }
  return {};
}

static Result<int> runForward(const ForwardOptions &options) {
  Result<ForwardInput> input = readInput(options.input);
  if (!input)
    return input.error();
  auto model = loadModel(options.package, options.weights, options.device);
  if (!model)
    return model.error();
  Result<State> state = State::create(*model, input->batch, input->width);
  if (!state)
    return Error{options.input + ": " + state.error().message};
  // All ids, before anything is computed or written.
  const int64_t vocab = (*model)->info().vocabSize;
  for (int64_t b = 0; b < input->batch; ++b)
    for (int64_t t = 0; t < input->lengths[b]; ++t)
      if (const int32_t id = input->ids[b * input->width + t];
          id < 0 || id >= vocab)
        return Error{options.input + ": input_ids[" + std::to_string(b) + ", " +
                     std::to_string(t) + "]: expected 0 to " +
                     std::to_string(vocab - 1) + ", found " +
                     std::to_string(id)};

  Result<SafetensorsWriter> writer = createOutput(options, *input, *state);
  if (!writer)
    return writer.error();
  // The file's full length first: rows that are padding stay zero.
  const char zero = 0;
  if (auto done = writer->writeAt(writer->dataBytes() - 1, &zero, 1); !done)
    return done.error();
  const Stopwatch stopwatch;
  Session session(*model, options.threads);
  if (auto done = runChunks(options, *input, session, *state, *writer); !done)
    return done.error();
  if (interrupted())
    return interruptStatus();
  if (options.states)
    if (auto done = writeStates(*state, *writer); !done)
      return done.error();
  if (auto done = writer->commit(); !done)
    return done.error();
  if (options.json) {
    int64_t tokens = 0;
    for (int64_t length : input->lengths)
      tokens += length;
    const nlohmann::json summary = {{"output", options.output},
                                    {"tokens", tokens},
                                    {"seconds", stopwatch.seconds()}};
    std::printf("%s\n", summary.dump().c_str());
  }
  if (auto done = finishStdout(); !done)
    return done.error();
  return 0;
}

void addForwardCommand(CLI::App &app, Command &command) {
  auto options = std::make_shared<ForwardOptions>();
  CLI::App *forward = app.add_subcommand(
      "forward", "Logits of all given tokens, from file to file");
  forward->add_option("PACKAGE", options->package, "Made by jetc compile")
      ->required();
  forward
      ->add_option("--weights", options->weights,
                   "Checkpoint: a directory, .safetensors file or index")
      ->required()
      ->type_name("PATH");
  forward
      ->add_option("--input", options->input,
                   "Safetensors with input_ids [B,T] I32 and, if sequences "
                   "differ, lengths [B] I32")
      ->required()
      ->type_name("IN.safetensors");
  forward
      ->add_option("--output", options->output,
                   "Safetensors to write: logits [B,T,vocab] F32, zeros beyond "
                   "a sequence's length")
      ->required()
      ->type_name("OUT.safetensors");
  forward
      ->add_option(
          "--chunk", options->chunk,
          "Tokens of a sequence to take in at once [what plan and free "
          "memory allow]; changes nothing but rounding")
      ->check(CLI::PositiveNumber);
  forward->add_flag("--states", options->states,
                    "Also write what the sequences leave behind, as "
                    "state.<i>.<kind> [B,...]");
  addDeviceOption(*forward, options->device);
  forward->add_option("--threads", options->threads, "Threads [all]")
      ->check(CLI::Range(1, 4096));
  forward->add_flag("--json", options->json, "Print a summary as JSON");
  forward->footer("Example:\n"
                  "  jet-run forward tiny.jet --weights tiny --input "
                  "in.safetensors --output out.safetensors");
  forward->callback([options, &command] {
    command = [options] { return runForward(*options); };
  });
}

} // namespace jet
