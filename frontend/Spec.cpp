// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "frontend/MixerSpecs.h"
#include "support/CheckedMath.h"
#include "support/File.h"
#include "support/Json.h"

#include <algorithm>
#include <initializer_list>
#include <sys/stat.h>

namespace jet {
namespace {

using nlohmann::json;

constexpr int64_t kMaxLayers = 10000;
/// Bytes of weights, or of one sequence's state.
constexpr int64_t kMaxBytes = int64_t(1) << 60;

constexpr std::string_view kMixerNames[] = {"attn", "swa", "jet", "gdn",
                                            "mamba2"};

class SpecParser {
public:
  SpecParser(const json &document, SpecDiagnostics &diagnostics)
      : root(&document, "$", diagnostics), diagnostics(diagnostics) {}

  ModelSpec parse() {
    readModel();
    readAttention();
    readLayers();
    readMixers();
    readPlacement();
    readTokens();
    root.ignore({"_name_or_path", "architectures", "attention_dropout",
                 "auto_map", "max_window_layers", "pad_token_id",
                 "transformers_version", "use_cache", "use_mrope"});
    root.warnOfUnread();
    if (!diagnostics.failed())
      checkTotals();
    return std::move(spec);
  }

private:
  void readModel();
  void readAttention();
  void readLayers();
  std::vector<MixerKind> readSupernetCandidates();
  void readMixers();
  void readPlacement();
  void readTokens();
  void checkTotals();

  /// The index of the first layer that may use `kind`.
  std::optional<size_t> firstUseOf(MixerKind kind) const;
  /// The member `key` of `parent` that configures `kind`, checked to be an
  /// object, and to be there if a layer needs it.
  const json *mixerConfig(ObjectReader &parent, MixerKind kind);
  /// Reads the member of `parent` that configures `kind` by `read`, if there is
  /// one.
  template <typename MixerSpec>
  void readMixer(ObjectReader &parent, MixerKind kind,
                 MixerSpec (*read)(ObjectReader &, SpecDiagnostics &),
                 std::optional<MixerSpec> &into);

  ObjectReader root;
  SpecDiagnostics &diagnostics;
  ModelSpec spec;
};

void SpecParser::readModel() {
  root.choice("model_type", {"jet_nemotron"});
  spec.hiddenSize = root.integer("hidden_size", 1, kMaxDim);
  spec.intermediateSize = root.integer("intermediate_size", 1, kMaxDim);
  spec.vocabSize = root.integer("vocab_size", 1, kMaxDim);
  spec.maxPositionEmbeddings =
      root.integer("max_position_embeddings", 1, kMaxDim);
  spec.rmsNormEps = root.number("rms_norm_eps", kMinEps, 1);
  if (root.find("initializer_range"))
    spec.initializerRange = root.number("initializer_range", 0, 1e30);
  spec.tieWordEmbeddings = root.boolean("tie_word_embeddings");
  root.choice("hidden_act", {"silu"});
  spec.dtype = root.choice("torch_dtype", {"bfloat16", "float32"}) == 0
                   ? DType::BF16
                   : DType::F32;
}

void SpecParser::readAttention() {
  AttentionSpec &attention = spec.attention;
  attention.numHeads = root.integer("num_attention_heads", 1, kMaxDim);
  attention.numKvHeads = root.integer("num_key_value_heads", 1, kMaxDim);
  attention.ropeTheta = root.number("rope_theta", 1, 1e30);
  if (root.find("rope_scaling"))
    root.expected("rope_scaling", "null (rotary scaling is not supported)");

  if (attention.numHeads % attention.numKvHeads != 0)
    root.expected("num_key_value_heads",
                  "a divisor of num_attention_heads (" +
                      std::to_string(attention.numHeads) + ")");
  if (std::optional<int64_t> dim =
          root.optionalInteger("head_dim", 1, kMaxDim)) {
    attention.headDim = *dim;
    if (*dim % 2 != 0)
      root.expected("head_dim", "an even number (rotary pairs)");
  } else {
    attention.headDim = spec.hiddenSize / attention.numHeads;
    if (spec.hiddenSize % (2 * attention.numHeads) != 0)
      root.expected("hidden_size", "an even multiple of num_attention_heads (" +
                                       std::to_string(attention.numHeads) +
                                       ") as there is no head_dim");
  }
  checkWidth(diagnostics, root.pathOf("num_attention_heads"),
             "num_attention_heads * head_dim", attention.numHeads,
             attention.headDim);
}

std::vector<MixerKind> SpecParser::readSupernetCandidates() {
  std::vector<MixerKind> kinds;
  if (!root.find("supernet_candidates"))
    return {MixerKind::Attention, MixerKind::JetBlock};
  const json *list = root.array("supernet_candidates");
  if (!list)
    return kinds;
  if (list->empty())
    root.expected("supernet_candidates", "at least one mixer");
  std::string path = root.pathOf("supernet_candidates");
  for (size_t i = 0; i < list->size() && !diagnostics.failed(); ++i) {
    std::string place = path + "[" + std::to_string(i) + "]";
    auto kind = static_cast<MixerKind>(checkChoice(
        &(*list)[i], place, {std::begin(kMixerNames), std::end(kMixerNames)},
        diagnostics));
    if (std::find(kinds.begin(), kinds.end(), kind) != kinds.end())
      diagnostics.expected(place, "every mixer once",
                           describeJson((*list)[i]) + " again");
    kinds.push_back(kind);
  }
  return kinds;
}

void SpecParser::readLayers() {
  int64_t numLayers = root.integer("num_hidden_layers", 1, kMaxLayers);
  std::vector<MixerKind> candidates = readSupernetCandidates();
  const json *types = root.array("layer_types");
  if (!types || diagnostics.failed())
    return;
  if (types->size() != static_cast<size_t>(numLayers))
    root.expected("layer_types", "an array of " + std::to_string(numLayers) +
                                     " (num_hidden_layers)");
  constexpr size_t kSupernet = std::size(kMixerNames);
  std::vector<std::string> choices(std::begin(kMixerNames),
                                   std::end(kMixerNames));
  choices.push_back("supernet");
  std::string path = root.pathOf("layer_types");
  for (size_t i = 0; i < types->size() && !diagnostics.failed(); ++i) {
    size_t type =
        checkChoice(&(*types)[i], path + "[" + std::to_string(i) + "]", choices,
                    diagnostics);
    LayerSpec layer;
    layer.isSupernet = type == kSupernet;
    if (layer.isSupernet)
      layer.candidates = candidates;
    else
      layer.candidates = {static_cast<MixerKind>(type)};
    spec.layers.push_back(std::move(layer));
  }
}

std::optional<size_t> SpecParser::firstUseOf(MixerKind kind) const {
  for (size_t i = 0; i < spec.layers.size(); ++i) {
    const std::vector<MixerKind> &candidates = spec.layers[i].candidates;
    if (std::find(candidates.begin(), candidates.end(), kind) !=
        candidates.end())
      return i;
  }
  return std::nullopt;
}

const json *SpecParser::mixerConfig(ObjectReader &parent, MixerKind kind) {
  std::string_view key = mixerName(kind);
  const json *config = parent.find(key);
  if (config && config->is_object())
    return config;
  if (std::optional<size_t> layer = firstUseOf(kind))
    parent.expected(key, "an object, which $.layer_types[" +
                             std::to_string(*layer) + "] needs");
  else if (config)
    parent.expected(key, "an object");
  return nullptr;
}

template <typename MixerSpec>
void SpecParser::readMixer(ObjectReader &parent, MixerKind kind,
                           MixerSpec (*read)(ObjectReader &, SpecDiagnostics &),
                           std::optional<MixerSpec> &into) {
  const json *config = mixerConfig(parent, kind);
  if (!config)
    return;
  ObjectReader reader(config, parent.pathOf(mixerName(kind)), diagnostics);
  into = read(reader, diagnostics);
  reader.warnOfUnread();
}

void SpecParser::readMixers() {
  const json *config = root.find("efficient_attention_config");
  if (config && !config->is_object())
    root.expected("efficient_attention_config", "an object");
  ObjectReader reader(config, root.pathOf("efficient_attention_config"),
                      diagnostics);
  if (const json *swa = mixerConfig(reader, MixerKind::SlidingWindow)) {
    ObjectReader swaReader(swa, reader.pathOf("swa"), diagnostics);
    spec.window = swaReader.integer("window_size", 1, kMaxDim);
    swaReader.warnOfUnread();
  }
  readMixer(reader, MixerKind::JetBlock, readJetBlock, spec.jetBlock);
  readMixer(reader, MixerKind::GatedDeltaNet, readGatedDeltaNet,
            spec.gatedDeltaNet);
  readMixer(reader, MixerKind::Mamba2, readMamba2, spec.mamba2);
  reader.warnOfUnread();
}

void SpecParser::readPlacement() {
  if (!root.find("placement"))
    return;
  const json *list = root.array("placement");
  if (!list || diagnostics.failed())
    return;
  if (list->size() != spec.layers.size()) {
    root.expected("placement", "an array of " +
                                   std::to_string(spec.layers.size()) +
                                   " (num_hidden_layers)");
    return;
  }
  std::vector<std::string> placement;
  for (size_t i = 0; i < list->size() && !diagnostics.failed(); ++i) {
    std::vector<std::string> choices;
    for (MixerKind kind : spec.layers[i].candidates)
      choices.emplace_back(mixerName(kind));
    placement.push_back(choices[checkChoice(
        &(*list)[i], root.pathOf("placement") + "[" + std::to_string(i) + "]",
        choices, diagnostics)]);
  }
  spec.placement = std::move(placement);
}

void SpecParser::readTokens() {
  int64_t maxId = spec.vocabSize - 1;
  spec.bosTokenId = root.optionalInteger("bos_token_id", 0, maxId);
  const json *eos = root.find("eos_token_id");
  if (!eos)
    return;
  std::string path = root.pathOf("eos_token_id");
  if (!eos->is_array()) {
    spec.eosTokenIds = {checkInteger(eos, path, 0, maxId, diagnostics)};
    return;
  }
  for (size_t i = 0; i < eos->size(); ++i)
    spec.eosTokenIds.push_back(
        checkInteger(&(*eos)[i], path + "[" + std::to_string(i) + "]", 0, maxId,
                     diagnostics));
}

/// The sum of products `terms`, if it stays below kMaxBytes.
std::optional<int64_t>
boundedSum(std::initializer_list<std::initializer_list<int64_t>> terms) {
  int64_t sum = 0;
  for (std::initializer_list<int64_t> factors : terms) {
    std::optional<int64_t> product = checkedProduct(factors);
    if (!product || *product > kMaxBytes - sum)
      return std::nullopt;
    sum += *product;
  }
  return sum;
}

void SpecParser::checkTotals() {
  std::optional<int64_t> weights = 0;
  for (const ParameterSpec &parameter : listParameters(spec)) {
    std::optional<int64_t> size = checkedProduct(parameter.shape);
    if (size)
      weights = boundedSum({{*weights}, {*size, dtypeBytes(DType::F32)}});
    if (!size || !weights) {
      diagnostics.expected("$", "sizes that make at most 2^60 bytes of weights",
                           "more");
      return;
    }
  }
  int64_t numLayers = static_cast<int64_t>(spec.layers.size());
  const AttentionSpec &attention = spec.attention;
  JetBlockSpec jet = spec.jetBlock.value_or(JetBlockSpec());
  GatedDeltaNetSpec gdn = spec.gatedDeltaNet.value_or(GatedDeltaNetSpec());
  Mamba2Spec mamba = spec.mamba2.value_or(Mamba2Spec());
  int64_t positions =
      std::max(spec.maxPositionEmbeddings, spec.window.value_or(0));
  if (!boundedSum(
          {{numLayers, 8, attention.numKvHeads, attention.headDim, positions},
           {numLayers, 4, jet.keyDim(), jet.valueHeadDim},
           {numLayers, 4, jet.valueDim(), jet.convSize},
           {numLayers, 4, gdn.numHeads, gdn.keyHeadDim, gdn.valueHeadDim},
           {numLayers, 4, 2 * gdn.keyDim() + gdn.valueDim(), gdn.convSize},
           {numLayers, 4, mamba.innerDim(), mamba.stateDim},
           {numLayers, 4, mamba.convDim(), mamba.convSize}}))
    diagnostics.expected(
        "$", "sizes that make at most 2^60 bytes of state per sequence",
        "more");
}

} // namespace

std::string_view mixerName(MixerKind kind) {
  return kMixerNames[static_cast<size_t>(kind)];
}

std::optional<MixerKind> parseMixerKind(std::string_view name) {
  for (size_t i = 0; i < std::size(kMixerNames); ++i)
    if (kMixerNames[i] == name)
      return static_cast<MixerKind>(i);
  return std::nullopt;
}

Result<ParsedSpec> parseSpec(std::string_view text, const std::string &path) {
  Result<json> document = parseJson(text, path);
  if (!document)
    return document.error();
  SpecDiagnostics diagnostics(path);
  if (!document->is_object()) {
    diagnostics.expected("$", "an object", describeJson(*document));
    return diagnostics.firstError();
  }
  ModelSpec spec = SpecParser(*document, diagnostics).parse();
  if (diagnostics.failed())
    return diagnostics.firstError();
  return ParsedSpec{std::move(spec), diagnostics.takeWarnings()};
}

Result<ParsedSpec> readSpec(const std::string &path) {
  std::string file = path;
  struct stat info;
  if (stat(path.c_str(), &info) == 0 && S_ISDIR(info.st_mode))
    file += path.ends_with('/') ? "config.json" : "/config.json";
  Result<std::string> text = readTextFile(file, JsonLimits().maxBytes);
  if (!text)
    return text.error();
  return parseSpec(*text, file);
}

} // namespace jet
