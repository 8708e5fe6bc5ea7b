// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Embedding, layers, head.

#include "Model.h"

#include <algorithm>
#include <limits>

using namespace jet;
using namespace jet::reference;

static std::string shapeText(const std::vector<int64_t> &shape) {
  std::string text = "[";
  for (int64_t size : shape)
    text += (text.size() > 1 ? ", " : "") + std::to_string(size);
  return text + "]";
}

std::vector<double> WeightReader::get(const std::string &name) {
  auto found = tensors.find(name);
  auto expected = shapes.find(name);
  if (found != tensors.end() && expected != shapes.end() &&
      found->second.shape == expected->second)
    return found->second.values;
  if (message.empty())
    message =
        name + ": expected " +
        (expected == shapes.end() ? "no such parameter in the spec"
                                  : shapeText(expected->second)) +
        ", found " +
        (found == tensors.end() ? "no tensor" : shapeText(found->second.shape));
  return {};
}

Linear WeightReader::getLinear(const std::string &prefix, bool hasBias) {
  std::vector<double> weight = get(prefix + ".weight");
  std::vector<double> bias;
  if (hasBias)
    bias = get(prefix + ".bias");
  if (!message.empty())
    return {};
  const std::vector<int64_t> &shape = shapes[prefix + ".weight"];
  return Linear(weight, shape[0], shape[1], std::move(bias), inputType);
}

/// The mixer of every layer: the only candidate, or the one placed there.
static Result<std::vector<MixerKind>> placeMixers(const ModelSpec &spec,
                                                  const Options &options) {
  std::vector<std::string> names = options.placement;
  if (names.empty() && spec.placement)
    names = *spec.placement;
  if (!names.empty() && names.size() != spec.layers.size())
    return Error{"placement: expected " + std::to_string(spec.layers.size()) +
                 " mixers, found " + std::to_string(names.size())};
  std::vector<MixerKind> kinds;
  for (size_t i = 0; i < spec.layers.size(); ++i) {
    const std::vector<MixerKind> &candidates = spec.layers[i].candidates;
    std::string place = "layer " + std::to_string(i);
    if (names.empty() && candidates.size() > 1)
      return Error{place + ": expected a placement, found several candidates"};
    auto kind = names.empty() ? candidates.front() : parseMixerKind(names[i]);
    if (!kind || std::find(candidates.begin(), candidates.end(), *kind) ==
                     candidates.end())
      return Error{place + ": expected one of its candidates, found '" +
                   names[i] + "'"};
    kinds.push_back(*kind);
  }
  return kinds;
}

static std::unique_ptr<Mixer> makeMixer(const ModelSpec &spec, MixerKind kind,
                                        const Options &options,
                                        const std::string &prefix,
                                        WeightReader &weights) {
  int64_t window = std::numeric_limits<int64_t>::max();
  switch (kind) {
  case MixerKind::JetBlock:
    return makeJetBlock(*spec.jetBlock, options, prefix, weights);
  case MixerKind::GatedDeltaNet:
    return makeGatedDeltaNet(*spec.gatedDeltaNet, options, prefix, weights);
  case MixerKind::Mamba2:
    return makeMamba2(*spec.mamba2, options, prefix, weights);
  case MixerKind::SlidingWindow:
    window = *spec.window;
    [[fallthrough]];
  case MixerKind::Attention:
    return makeAttention(spec.attention, window, options, prefix, weights);
  }
  return nullptr;
}

Result<Model> Model::create(const ModelSpec &spec, const TensorMap &tensors,
                            const Options &options) {
  auto kinds = placeMixers(spec, options);
  if (!kinds)
    return kinds.error();
  WeightReader weights(tensors, spec, options);
  Model model;
  model.spec = spec;
  model.embedding = weights.get("model.embed_tokens.weight");
  model.finalNorm = weights.get("model.norm.weight");
  model.head = weights.getLinear(spec.tieWordEmbeddings ? "model.embed_tokens"
                                                        : "lm_head");
  for (size_t i = 0; i < kinds->size(); ++i) {
    MixerKind kind = (*kinds)[i];
    std::string prefix = "model.layers." + std::to_string(i) + ".";
    Layer layer;
    layer.inputNorm = weights.get(prefix + "input_layernorm.weight");
    layer.mlpNorm = weights.get(prefix + "post_attention_layernorm.weight");
    layer.gate = weights.getLinear(prefix + "mlp.gate_proj");
    layer.up = weights.getLinear(prefix + "mlp.up_proj");
    layer.down = weights.getLinear(prefix + "mlp.down_proj");
    std::string mixer = prefix + "self_attn.";
    if (spec.layers[i].isSupernet)
      mixer += std::string(mixerName(kind)) + ".";
    layer.mixer = makeMixer(spec, kind, options, mixer, weights);
    model.layers.push_back(std::move(layer));
  }
  if (!weights.error().empty())
    return Error{weights.error()};
  return model;
}

Output Model::forward(const std::vector<int64_t> &ids, bool lastOnly) const {
  int64_t length = static_cast<int64_t>(ids.size());
  Matrix x(length, spec.hiddenSize);
  for (int64_t t = 0; t < length; ++t)
    std::copy_n(embedding.begin() + ids[t] * spec.hiddenSize, spec.hiddenSize,
                x.row(t));

  Output output;
  for (const Layer &layer : layers) {
    Matrix state;
    Matrix normed = rmsNorm(x, layer.inputNorm, spec.rmsNormEps);
    addInPlace(x, layer.mixer->apply(normed, state));
    output.states.push_back(std::move(state));

    Matrix h = rmsNorm(x, layer.mlpNorm, spec.rmsNormEps);
    Matrix gated = layer.gate.apply(h);
    siluInPlace(gated);
    multiplyInPlace(gated, layer.up.apply(h));
    addInPlace(x, layer.down.apply(gated));
  }
  if (lastOnly) {
    Matrix last(1, x.cols);
    std::copy_n(x.row(length - 1), x.cols, last.row(0));
    x = std::move(last);
  }
  output.logits = head.apply(rmsNorm(x, finalNorm, spec.rmsNormEps));
  return output;
}
