// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The checkpoint tensors of a model, under their Hugging Face names.

#include "frontend/Spec.h"

#include <utility>

namespace jet {
namespace {

using Parameters = std::vector<ParameterSpec>;

void addAttention(const ModelSpec &spec, const std::string &prefix,
                  Parameters &parameters) {
  const AttentionSpec &attention = spec.attention;
  int64_t queryDim = attention.numHeads * attention.headDim;
  int64_t kvDim = attention.numKvHeads * attention.headDim;
  const std::pair<const char *, int64_t> projections[] = {
      {"q_proj", queryDim}, {"k_proj", kvDim}, {"v_proj", kvDim}};
  for (auto [name, dim] : projections) {
    parameters.push_back({prefix + name + ".weight", {dim, spec.hiddenSize}});
    parameters.push_back({prefix + name + ".bias", {dim}});
  }
  parameters.push_back({prefix + "o_proj.weight", {spec.hiddenSize, queryDim}});
}

void addJetBlock(const ModelSpec &spec, const std::string &prefix,
                 Parameters &parameters) {
  const JetBlockSpec &jet = *spec.jetBlock;
  const std::pair<const char *, int64_t> projections[] = {
      {"q_proj", jet.keyDim()},   {"k_proj", jet.keyDim()},
      {"v_proj", jet.valueDim()}, {"g_proj", jet.valueDim()},
      {"a_proj", jet.numHeads},   {"b_proj", jet.numHeads}};
  for (auto [name, dim] : projections)
    parameters.push_back({prefix + name + ".weight", {dim, spec.hiddenSize}});
  parameters.push_back({prefix + "A_log", {jet.numHeads}});
  parameters.push_back({prefix + "dt_bias", {jet.numHeads}});

  // One convolution kernel of W taps per value channel, made per token.
  std::string generator = prefix + "dynamic_conv1d.kernel_generator.";
  int64_t taps = jet.valueDim() * jet.convSize;
  parameters.push_back(
      {generator + "w1.weight", {jet.generatorDim, spec.hiddenSize}});
  parameters.push_back({generator + "w2.weight", {taps, jet.generatorDim}});
  parameters.push_back({generator + "w2.bias", {taps}});

  parameters.push_back({prefix + "o_norm.weight", {jet.valueHeadDim}});
  parameters.push_back(
      {prefix + "o_proj.weight", {spec.hiddenSize, jet.valueDim()}});
}

void addGatedDeltaNet(const ModelSpec &spec, const std::string &prefix,
                      Parameters &parameters) {
  const GatedDeltaNetSpec &gdn = *spec.gatedDeltaNet;
  const std::pair<const char *, int64_t> projections[] = {
      {"q_proj", gdn.keyDim()},   {"k_proj", gdn.keyDim()},
      {"v_proj", gdn.valueDim()}, {"g_proj", gdn.valueDim()},
      {"a_proj", gdn.numHeads},   {"b_proj", gdn.numHeads}};
  for (auto [name, dim] : projections)
    parameters.push_back({prefix + name + ".weight", {dim, spec.hiddenSize}});
  parameters.push_back({prefix + "A_log", {gdn.numHeads}});
  parameters.push_back({prefix + "dt_bias", {gdn.numHeads}});
  const std::pair<const char *, int64_t> convolutions[] = {
      {"q_conv1d", gdn.keyDim()},
      {"k_conv1d", gdn.keyDim()},
      {"v_conv1d", gdn.valueDim()}};
  for (auto [name, dim] : convolutions)
    parameters.push_back({prefix + name + ".weight", {dim, 1, gdn.convSize}});
  parameters.push_back({prefix + "o_norm.weight", {gdn.valueHeadDim}});
  parameters.push_back(
      {prefix + "o_proj.weight", {spec.hiddenSize, gdn.valueDim()}});
}

void addMamba2(const ModelSpec &spec, const std::string &prefix,
               Parameters &parameters) {
  const Mamba2Spec &mamba = *spec.mamba2;
  // z, x, B, C, dt; the convolution is over x, B, C.
  parameters.push_back(
      {prefix + "in_proj.weight", {mamba.projectionDim(), spec.hiddenSize}});
  parameters.push_back(
      {prefix + "conv1d.weight", {mamba.convDim(), 1, mamba.convSize}});
  parameters.push_back({prefix + "conv1d.bias", {mamba.convDim()}});
  for (const char *name : {"A_log", "D", "dt_bias"})
    parameters.push_back({prefix + name, {mamba.numHeads}});
  parameters.push_back({prefix + "norm.weight", {mamba.innerDim()}});
  parameters.push_back(
      {prefix + "out_proj.weight", {spec.hiddenSize, mamba.innerDim()}});
}

void addMixer(const ModelSpec &spec, MixerKind kind, const std::string &prefix,
              Parameters &parameters) {
  switch (kind) {
  case MixerKind::Attention:
  case MixerKind::SlidingWindow:
    return addAttention(spec, prefix, parameters);
  case MixerKind::JetBlock:
    return addJetBlock(spec, prefix, parameters);
  case MixerKind::GatedDeltaNet:
    return addGatedDeltaNet(spec, prefix, parameters);
  case MixerKind::Mamba2:
    return addMamba2(spec, prefix, parameters);
  }
}

void addLayer(const ModelSpec &spec, const LayerSpec &layer,
              const std::string &prefix, Parameters &parameters) {
  int64_t hidden = spec.hiddenSize, inner = spec.intermediateSize;
  parameters.push_back({prefix + "input_layernorm.weight", {hidden}});
  for (MixerKind kind : layer.candidates) {
    std::string mixer = prefix + "self_attn.";
    if (layer.isSupernet)
      mixer += std::string(mixerName(kind)) + ".";
    addMixer(spec, kind, mixer, parameters);
  }
  parameters.push_back({prefix + "post_attention_layernorm.weight", {hidden}});
  parameters.push_back({prefix + "mlp.gate_proj.weight", {inner, hidden}});
  parameters.push_back({prefix + "mlp.up_proj.weight", {inner, hidden}});
  parameters.push_back({prefix + "mlp.down_proj.weight", {hidden, inner}});
}

} // namespace

std::vector<ParameterSpec> listParameters(const ModelSpec &spec) {
  Parameters parameters;
  parameters.push_back(
      {"model.embed_tokens.weight", {spec.vocabSize, spec.hiddenSize}});
  for (size_t i = 0; i < spec.layers.size(); ++i)
    addLayer(spec, spec.layers[i], "model.layers." + std::to_string(i) + ".",
             parameters);
  parameters.push_back({"model.norm.weight", {spec.hiddenSize}});
  if (!spec.tieWordEmbeddings)
    parameters.push_back({"lm_head.weight", {spec.vocabSize, spec.hiddenSize}});
  return parameters;
}

} // namespace jet
