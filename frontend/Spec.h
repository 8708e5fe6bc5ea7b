// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A checked model spec: what a Hugging Face config.json of model_type
// "jet_nemotron" says, after every field was checked for presence, type, range
// and consistency. This library knows nothing of MLIR; jet-run uses it too.

#ifndef JET_FRONTEND_SPEC_H
#define JET_FRONTEND_SPEC_H

#include "support/DType.h"
#include "support/Error.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace jet {

/// The token mixers that a layer may use, under their config.json names.
enum class MixerKind {
  Attention,
  SlidingWindow,
  JetBlock,
  GatedDeltaNet,
  Mamba2
};

/// "attn", "swa", "jet", "gdn", "mamba2".
std::string_view mixerName(MixerKind kind);
std::optional<MixerKind> parseMixerKind(std::string_view name);

/// Full and sliding-window attention (grouped query heads).
struct AttentionSpec {
  int64_t numHeads = 0;   // query heads
  int64_t numKvHeads = 0; // divides numHeads
  int64_t headDim = 0;    // even (rotary pairs)
  double ropeTheta = 0;
};

/// JetBlock: dynamic convolution and gated delta rule.
struct JetBlockSpec {
  int64_t numHeads = 0;
  int64_t keyHeadDim = 0;   // d_k, config "head_dim"
  int64_t valueHeadDim = 0; // d_v = round(d_k * expand_v)
  int64_t convSize = 0;     // W >= 1
  int64_t generatorDim = 0; // numHeads * d_v / dconv_generator_reduction
  double normEps = 0;

  int64_t keyDim() const { return numHeads * keyHeadDim; }
  int64_t valueDim() const { return numHeads * valueHeadDim; }
};

/// Gated DeltaNet: short convolutions and gated delta rule (arXiv 2412.06464),
/// under the names of flash-linear-attention.
struct GatedDeltaNetSpec {
  int64_t numKeyHeads = 0;  // of q and k, config "num_heads"
  int64_t numHeads = 0;     // of v: numKeyHeads, or "num_v_heads"
  int64_t keyHeadDim = 0;   // d_k, config "head_dim"
  int64_t valueHeadDim = 0; // d_v = round(d_k * expand_v)
  int64_t convSize = 0;     // W >= 1
  double normEps = 0;

  int64_t keyDim() const { return numKeyHeads * keyHeadDim; }
  int64_t valueDim() const { return numHeads * valueHeadDim; }
};

/// Mamba2: short convolutions and a selective state space (arXiv 2405.21060),
/// its tensors under the names of mamba_ssm.
struct Mamba2Spec {
  int64_t numHeads = 0;
  int64_t headDim = 0;
  int64_t stateDim = 0;  // of a head, config "state_size"
  int64_t numGroups = 0; // of heads that share B and C; divides numHeads
  int64_t convSize = 0;  // W >= 1, config "conv_kernel"
  double normEps = 0;

  int64_t innerDim() const { return numHeads * headDim; }
  /// Of B, and of C.
  int64_t groupsDim() const { return numGroups * stateDim; }
  /// Channels of the convolution: x, B, C.
  int64_t convDim() const { return innerDim() + 2 * groupsDim(); }
  /// Rows of in_proj: z, x, B, C, dt.
  int64_t projectionDim() const { return innerDim() + convDim() + numHeads; }
};

/// One decoder layer. A plain layer has one candidate; a layer of a supernet
/// has several, and its weights live under "self_attn.<mixer name>.".
struct LayerSpec {
  std::vector<MixerKind> candidates;
  bool isSupernet = false;
};

struct ModelSpec {
  int64_t hiddenSize = 0;
  int64_t intermediateSize = 0;
  int64_t vocabSize = 0;
  int64_t maxPositionEmbeddings = 0;
  double rmsNormEps = 0;
  double initializerRange = 0.02;
  bool tieWordEmbeddings = false;
  DType dtype = DType::BF16;            // F32 or BF16: weights and KV
  AttentionSpec attention;              // shared by "attn" and "swa" layers
  std::optional<int64_t> window;        // required if any layer may be "swa"
  std::optional<JetBlockSpec> jetBlock; // required if any layer may be "jet"
  std::optional<GatedDeltaNetSpec> gatedDeltaNet; // likewise for "gdn"
  std::optional<Mamba2Spec> mamba2;               // likewise for "mamba2"
  std::vector<LayerSpec> layers;
  /// Optional config field "placement": one mixer name per layer that picks
  /// among a supernet's candidates.
  std::optional<std::vector<std::string>> placement;
  std::optional<int64_t> bosTokenId;
  std::vector<int64_t> eosTokenIds; // empty when the config names none
};

/// A checkpoint tensor that a model needs, under its Hugging Face name.
struct ParameterSpec {
  std::string name;
  std::vector<int64_t> shape;
};

/// A spec and what was odd about its text without being wrong.
struct ParsedSpec {
  ModelSpec spec;
  std::vector<std::string> warnings; // e.g. unknown fields, one line each
};

/// Checks `text`, the content of the file `path` (named in messages only).
/// An error is one line: "<path>: $.json.path: expected <x>, found <y>".
Result<ParsedSpec> parseSpec(std::string_view text, const std::string &path);

/// Reads and checks a config.json. `path` may be the directory that holds it.
Result<ParsedSpec> readSpec(const std::string &path);

/// Every tensor of the model's checkpoint (for a supernet: of all candidates),
/// in a fixed order: embedding, layers, final norm, head (absent when tied).
/// All are stored in spec.dtype.
std::vector<ParameterSpec> listParameters(const ModelSpec &spec);

} // namespace jet

#endif // JET_FRONTEND_SPEC_H
