// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// jet-reference: logits (and greedy continuations) of a model, computed by the
// reference implementation in this folder.

#include "Model.h"

#include "CLI/CLI.hpp"

#include <algorithm>
#include <cstdio>
#include <map>

using namespace jet;
using namespace jet::reference;

namespace {

struct Arguments {
  std::string config, weights, input, output;
  int64_t greedy = 0;
  int64_t stateLayer = -1;
  Options options;
};

} // namespace

/// The sequences of input_ids [B, T], cut to lengths [B] where given.
static Result<std::vector<std::vector<int64_t>>>
readSequences(const TensorMap &input, const std::string &path, int64_t vocab) {
  auto ids = findTensor(input, "input_ids", path);
  if (!ids)
    return ids.error();
  const std::vector<int64_t> &shape = (*ids)->shape;
  if (shape.size() != 2 || (*ids)->size() == 0)
    return Error{path + ": input_ids: expected [B, T], found " +
                 std::to_string(shape.size()) + " dimensions, " +
                 std::to_string((*ids)->size()) + " elements"};
  auto lengths = input.find("lengths");
  std::vector<std::vector<int64_t>> sequences;
  for (int64_t b = 0; b < shape[0]; ++b) {
    int64_t length = shape[1];
    if (lengths != input.end()) {
      if (lengths->second.size() != shape[0])
        return Error{path + ": lengths: expected [B], found " +
                     std::to_string(lengths->second.size()) + " elements"};
      length = static_cast<int64_t>(lengths->second.values[b]);
    }
    if (length < 1 || length > shape[1])
      return Error{path + ": lengths: expected 1 to T, found " +
                   std::to_string(length)};
    std::vector<int64_t> sequence;
    for (int64_t t = 0; t < length; ++t) {
      int64_t id = static_cast<int64_t>((*ids)->values[b * shape[1] + t]);
      if (id < 0 || id >= vocab)
        return Error{path + ": input_ids: expected less than " +
                     std::to_string(vocab) + ", found " + std::to_string(id)};
      sequence.push_back(id);
    }
    sequences.push_back(std::move(sequence));
  }
  return sequences;
}

/// Appends `count` tokens to `ids`, each the most likely one (the lowest id
/// among equals) after all before it.
static void continueGreedily(const Model &model, int64_t count,
                             std::vector<int64_t> &ids) {
  for (int64_t i = 0; i < count; ++i) {
    std::vector<double> logits =
        model.forward(ids, /*lastOnly=*/true).logits.data;
    ids.push_back(std::max_element(logits.begin(), logits.end()) -
                  logits.begin());
  }
}

static Result<void> run(const Arguments &arguments) {
  auto parsed = readSpec(arguments.config);
  if (!parsed)
    return parsed.error();
  const ModelSpec &spec = parsed->spec;
  auto weights = readCheckpoint(arguments.weights);
  if (!weights)
    return weights.error();
  auto input = readTensors(arguments.input);
  if (!input)
    return input.error();
  auto sequences = readSequences(*input, arguments.input, spec.vocabSize);
  if (!sequences)
    return sequences.error();
  auto model = Model::create(spec, *weights, arguments.options);
  if (!model)
    return Error{arguments.weights + ": " + model.error().message};
  if (arguments.stateLayer >= int64_t(spec.layers.size()))
    return Error{"--state-layer: expected less than " +
                 std::to_string(spec.layers.size()) + ", found " +
                 std::to_string(arguments.stateLayer)};

  int64_t batch = sequences->size(), width = (*input)["input_ids"].shape[1];
  Tensor logits{DType::F32, {batch, width, spec.vocabSize}, {}};
  Tensor tokens{DType::I32, {batch, arguments.greedy}, {}};
  Tensor state{DType::F32, {batch}, {}};
  for (std::vector<int64_t> &ids : *sequences) {
    Output output = model->forward(ids);
    // Rows past a sequence's length are zeros.
    output.logits.data.resize(width * spec.vocabSize, 0.0);
    logits.values.insert(logits.values.end(), output.logits.data.begin(),
                         output.logits.data.end());
    continueGreedily(*model, arguments.greedy, ids);
    tokens.values.insert(tokens.values.end(), ids.end() - arguments.greedy,
                         ids.end());
    if (arguments.stateLayer >= 0) {
      Matrix last = model->forward(ids).states[arguments.stateLayer];
      state.values.insert(state.values.end(), last.data.begin(),
                          last.data.end());
    }
  }
  TensorMap result{{"logits", std::move(logits)}};
  if (arguments.greedy > 0)
    result.emplace("greedy_tokens", std::move(tokens));
  if (!state.values.empty()) {
    state.shape = model->stateShape(arguments.stateLayer);
    state.shape.insert(state.shape.begin(), batch);
    result.emplace("recurrent_state_layer" +
                       std::to_string(arguments.stateLayer),
                   std::move(state));
  }
  return writeTensors(result, arguments.output);
}

int main(int argc, char **argv) {
  Arguments arguments;
  CLI::App app("Computes a model's logits in double precision, by formulas "
               "independent of the compiler's.");
  app.add_option("config", arguments.config, "config.json")->required();
  app.add_option("--weights", arguments.weights, "safetensors file or folder")
      ->required();
  app.add_option("--input", arguments.input,
                 "safetensors: input_ids [B, T] i32, optional lengths [B] i32")
      ->required();
  app.add_option("--output", arguments.output,
                 "safetensors: logits [B, T, vocab] f32")
      ->required();
  app.add_option("--greedy", arguments.greedy,
                 "also write greedy_tokens [B, N] that continue each sequence")
      ->check(CLI::Range(0, 1 << 20));
  app.add_option("--chunk", arguments.options.chunk,
                 "rows of a chunk of the gated delta rule")
      ->check(CLI::Range(1, 1 << 20));
  const std::map<std::string, Rounding> types = {{"f32", Rounding::None},
                                                 {"bf16", Rounding::BFloat16},
                                                 {"fp8", Rounding::F8E4M3}};
  auto addType = [&](const char *name, Rounding &type, const char *what) {
    app.add_option(name, type, what)->transform(CLI::CheckedTransformer(types));
  };
  addType("--kv-dtype", arguments.options.kv, "type that K and V take");
  addType("--tail-dtype", arguments.options.tail,
          "type that the convolution's input takes");
  addType("--state-dtype", arguments.options.state,
          "type that S is rounded to after each chunk");
  addType("--activation-dtype", arguments.options.activations,
          "type that inputs of projections are rounded to");
  app.add_option("--placement", arguments.options.placement,
                 "mixers of a supernet's layers")
      ->delimiter(',');
  app.add_option("--state-layer", arguments.stateLayer,
                 "also write recurrent_state_layer<N> after the last token, "
                 "continuation included");
  CLI11_PARSE(app, argc, argv);

  if (auto result = run(arguments); !result) {
    std::fprintf(stderr, "jet-reference: %s\n", result.error().message.c_str());
    return 1;
  }
  return 0;
}
