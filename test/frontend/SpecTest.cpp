// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

//
// What valid configs are read as.

#include "TestConfig.h"

#include <gtest/gtest.h>

namespace {

using namespace jet;
using nlohmann::json;
using test::baseConfig;
using test::errorOf;
using test::mutated;

ParsedSpec parsed(const json &config) {
  auto result = parseSpec(config.dump(), "cfg.json");
  if (!result) {
    ADD_FAILURE() << result.error().message;
    return {};
  }
  return std::move(*result);
}

ParsedSpec readFrom(const std::string &path) {
  auto result = readSpec(std::string(JET_SOURCE_DIR) + path);
  if (!result) {
    ADD_FAILURE() << result.error().message;
    return {};
  }
  return std::move(*result);
}

std::string placementOf(const ModelSpec &spec) {
  std::string letters;
  for (const LayerSpec &layer : spec.layers)
    letters += layer.isSupernet ? 'X' : mixerName(layer.candidates[0])[0];
  return letters;
}

TEST(Spec, EveryFieldIsRead) {
  auto [spec, warnings] = parsed(baseConfig());
  EXPECT_TRUE(warnings.empty());
  EXPECT_EQ(spec.hiddenSize, 96);
  EXPECT_EQ(spec.intermediateSize, 160);
  EXPECT_EQ(spec.vocabSize, 389);
  EXPECT_EQ(spec.maxPositionEmbeddings, 4096);
  EXPECT_EQ(spec.rmsNormEps, 1e-6);
  EXPECT_EQ(spec.initializerRange, 0.02);
  EXPECT_FALSE(spec.tieWordEmbeddings);
  EXPECT_EQ(spec.dtype, DType::F32);
  EXPECT_EQ(placementOf(spec), "jas");
  EXPECT_EQ(spec.attention.numHeads, 6);
  EXPECT_EQ(spec.attention.numKvHeads, 2);
  EXPECT_EQ(spec.attention.headDim, 20);
  EXPECT_EQ(spec.attention.ropeTheta, 10000);
  EXPECT_EQ(spec.window, 16);
  ASSERT_TRUE(spec.jetBlock);
  EXPECT_EQ(spec.jetBlock->numHeads, 3);
  EXPECT_EQ(spec.jetBlock->keyHeadDim, 24);
  EXPECT_EQ(spec.jetBlock->valueHeadDim, 64);
  EXPECT_EQ(spec.jetBlock->convSize, 2);
  EXPECT_EQ(spec.jetBlock->generatorDim, 24);
  EXPECT_EQ(spec.jetBlock->normEps, 1e-5);
  EXPECT_FALSE(spec.placement);
  EXPECT_EQ(spec.bosTokenId, 1);
  EXPECT_EQ(spec.eosTokenIds, (std::vector<int64_t>{2, 388}));
}

TEST(Spec, GatedDeltaNetAndMamba2) {
  json config = baseConfig();
  config["layer_types"] = {"gdn", "supernet", "mamba2"};
  config["supernet_candidates"] = {"mamba2", "gdn", "attn"};
  json &sections = config["efficient_attention_config"];
  sections["gdn"] = test::gatedDeltaNetConfig();
  sections["mamba2"] = test::mamba2Config();
  // What says only what is always so, or how others compute.
  sections["gdn"].update({{"mode", "chunk"},
                          {"use_gate", true},
                          {"use_short_conv", true},
                          {"conv_bias", false},
                          {"allow_neg_eigval", false}});
  sections["mamba2"].update({{"chunk_size", 256},
                             {"expand", 2},
                             {"use_bias", false},
                             {"use_conv_bias", true},
                             {"rms_norm", true},
                             {"norm_before_gate", false},
                             {"time_step_limit", nullptr}});
  auto [spec, warnings] = parsed(config);
  EXPECT_TRUE(warnings.empty());
  EXPECT_EQ(placementOf(spec), "gXm");
  EXPECT_EQ(spec.layers[1].candidates,
            (std::vector<MixerKind>{MixerKind::Mamba2, MixerKind::GatedDeltaNet,
                                    MixerKind::Attention}));
  ASSERT_TRUE(spec.gatedDeltaNet);
  EXPECT_EQ(spec.gatedDeltaNet->numKeyHeads, 2);
  EXPECT_EQ(spec.gatedDeltaNet->numHeads, 4);
  EXPECT_EQ(spec.gatedDeltaNet->keyHeadDim, 24);
  EXPECT_EQ(spec.gatedDeltaNet->valueHeadDim, 36);
  EXPECT_EQ(spec.gatedDeltaNet->convSize, 3);
  EXPECT_EQ(spec.gatedDeltaNet->normEps, 1e-6);
  ASSERT_TRUE(spec.mamba2);
  EXPECT_EQ(spec.mamba2->numHeads, 6);
  EXPECT_EQ(spec.mamba2->headDim, 20);
  EXPECT_EQ(spec.mamba2->stateDim, 16);
  EXPECT_EQ(spec.mamba2->numGroups, 2);
  EXPECT_EQ(spec.mamba2->convSize, 4);
  EXPECT_EQ(spec.mamba2->normEps, 1e-5);
  EXPECT_EQ(spec.mamba2->convDim(), 120 + 2 * 32);
  EXPECT_EQ(spec.mamba2->projectionDim(), 2 * 120 + 2 * 32 + 6);

  // As many heads of v as of q and k, unless it says otherwise.
  sections["gdn"].erase("num_v_heads");
  EXPECT_EQ(parsed(config).spec.gatedDeltaNet->numHeads, 2);
}

TEST(Spec, TheTwoBillionExample) {
  auto [spec, warnings] = readFrom("/examples/jet-nemotron-2b.json");
  EXPECT_TRUE(warnings.empty());
  EXPECT_EQ(placementOf(spec), "jjjjjjjjjjjjjjajjjjassjjjjjj");
  EXPECT_EQ(spec.hiddenSize, 1536);
  EXPECT_EQ(spec.attention.headDim, 128);
  EXPECT_EQ(spec.window, 1152);
  EXPECT_EQ(spec.dtype, DType::BF16);
  EXPECT_TRUE(spec.tieWordEmbeddings);
  ASSERT_TRUE(spec.jetBlock);
  EXPECT_EQ(spec.jetBlock->keyDim(), 12 * 96);
  EXPECT_EQ(spec.jetBlock->valueHeadDim, 256);
  EXPECT_EQ(spec.jetBlock->generatorDim, 384);
}

TEST(Spec, TheFourBillionExample) {
  auto [spec, warnings] = readFrom("/examples/jet-nemotron-4b.json");
  EXPECT_TRUE(warnings.empty());
  EXPECT_EQ(placementOf(spec), "jjjjjsjjjjjjjjjjsajsassjjsjsjjjjajjj");
  EXPECT_EQ(spec.hiddenSize, 2048);
  EXPECT_EQ(spec.attention.headDim, 128);
  EXPECT_EQ(spec.window, 2048);
  ASSERT_TRUE(spec.jetBlock);
  EXPECT_EQ(spec.jetBlock->keyHeadDim, 128);
  EXPECT_EQ(spec.jetBlock->valueHeadDim, 256);
}

TEST(Spec, ADirectoryMeansItsConfig) {
  for (const char *path : {"/examples/tinyjet", "/examples/tinyjet/"}) {
    auto [spec, warnings] = readFrom(path);
    EXPECT_TRUE(warnings.empty());
    EXPECT_EQ(placementOf(spec), "ajjjajjj");
    EXPECT_EQ(spec.window, 64) << "configured, though no layer uses it";
  }
  auto result = readSpec(std::string(JET_SOURCE_DIR) + "/test");
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().message,
            std::string(JET_SOURCE_DIR) +
                "/test/config.json: cannot open: No such file or directory");
}

TEST(Spec, ASupernetLayerHasSeveralCandidates) {
  auto [spec, warnings] = readFrom("/test/frontend/supernet.json");
  EXPECT_TRUE(warnings.empty());
  EXPECT_EQ(placementOf(spec), "XXXXXXXX");
  for (const LayerSpec &layer : spec.layers)
    EXPECT_EQ(layer.candidates, (std::vector<MixerKind>{MixerKind::Attention,
                                                        MixerKind::JetBlock}));
}

TEST(Spec, SupernetCandidatesMayBeListed) {
  json config = baseConfig();
  config["layer_types"] = {"supernet", "jet", "supernet"};
  config["supernet_candidates"] = {"swa", "jet", "attn"};
  config["placement"] = {"swa", "jet", "attn"};
  auto [spec, warnings] = parsed(config);
  EXPECT_EQ(placementOf(spec), "XjX");
  EXPECT_EQ(
      spec.layers[0].candidates,
      (std::vector<MixerKind>{MixerKind::SlidingWindow, MixerKind::JetBlock,
                              MixerKind::Attention}));
  EXPECT_EQ(spec.layers[1].candidates.size(), 1u);
  EXPECT_EQ(spec.placement, (std::vector<std::string>{"swa", "jet", "attn"}));
}

TEST(Spec, HeadDimFollowsFromTheHiddenSize) {
  for (const char *value : {static_cast<const char *>(nullptr), "null"}) {
    auto [spec, warnings] = parsed(mutated(baseConfig(), "/head_dim", value));
    EXPECT_EQ(spec.attention.headDim, 16);
  }
}

TEST(Spec, OptionalFieldsMayBeAbsentOrNull) {
  for (const char *value : {static_cast<const char *>(nullptr), "null"})
    for (const char *field :
         {"/bos_token_id", "/eos_token_id", "/initializer_range",
          "/rope_scaling", "/placement", "/supernet_candidates"})
      EXPECT_EQ(
          errorOf(mutated(mutated(baseConfig(), field, "null"), field, value)),
          "accepted")
          << field;
  auto [spec, warnings] =
      parsed(mutated(mutated(baseConfig(), "/bos_token_id", nullptr),
                     "/eos_token_id", "null"));
  EXPECT_FALSE(spec.bosTokenId);
  EXPECT_TRUE(spec.eosTokenIds.empty());
}

TEST(Spec, OneEndTokenNeedsNoList) {
  auto [spec, warnings] = parsed(mutated(baseConfig(), "/eos_token_id", "7"));
  EXPECT_EQ(spec.eosTokenIds, std::vector<int64_t>{7});
}

TEST(Spec, NormEpsMayBeANumberOrItsSpelling) {
  for (const char *value : {"1e-5", "\"1e-5\"", "\"0.00001\"", "1.0e-05"}) {
    auto [spec, warnings] = parsed(mutated(
        baseConfig(), "/efficient_attention_config/jet/norm_eps", value));
    ASSERT_TRUE(spec.jetBlock);
    EXPECT_EQ(spec.jetBlock->normEps, 1e-5) << value;
  }
}

TEST(Spec, ExpandVIsARoundedDecimal) {
  const char *at = "/efficient_attention_config/jet/expand_v";
  // 24 * expand_v; an integer when within 1e-5 of one, relatively.
  const std::pair<const char *, int64_t> table[] = {
      {"2", 48},       {"2.0", 48},     {"2.6666666667", 64},
      {"2.66667", 64}, {"2.66665", 64}, {"0.3333333333", 8},
      {"1.25", 30}};
  for (auto [value, dim] : table) {
    auto [spec, warnings] = parsed(mutated(baseConfig(), at, value));
    ASSERT_TRUE(spec.jetBlock) << value;
    EXPECT_EQ(spec.jetBlock->valueHeadDim, dim) << value;
  }
  for (const char *value : {"2.6667", "2.6666", "2.01", "0.04"})
    EXPECT_EQ(errorOf(mutated(baseConfig(), at, value)),
              std::string("cfg.json: $.efficient_attention_config.jet.expand_v"
                          ": expected head_dim (24) * expand_v to be an "
                          "integer from 1 to 2147483647, found ") +
                  value);
}

TEST(Spec, TheGeneratorDimIsAnIntegerDivision) {
  const char *at = "/efficient_attention_config/jet/dconv_generator_reduction";
  auto [spec, warnings] = parsed(mutated(baseConfig(), at, "7"));
  ASSERT_TRUE(spec.jetBlock);
  EXPECT_EQ(spec.jetBlock->generatorDim, 192 / 7);
}

TEST(Spec, MixersThatNoLayerUsesNeedNoConfig) {
  json config = baseConfig();
  config["layer_types"] = {"attn", "attn", "attn"};
  config.erase("efficient_attention_config");
  auto [spec, warnings] = parsed(config);
  EXPECT_FALSE(spec.window);
  EXPECT_FALSE(spec.jetBlock);
}

TEST(Spec, UnknownFieldsAreWarningsWithTheirPath) {
  json config = baseConfig();
  config["sliding_window"] = 4;
  config["odd key"] = 1;
  config["efficient_attention_config"]["mamba"] = json::object();
  config["efficient_attention_config"]["jet"]["extra"] = 1;
  config["efficient_attention_config"]["swa"]["extra"] = 1;
  std::vector<std::string> expected = {
      "cfg.json: $.efficient_attention_config.swa.extra: unknown field, "
      "ignored",
      "cfg.json: $.efficient_attention_config.jet.extra: unknown field, "
      "ignored",
      "cfg.json: $.efficient_attention_config.mamba: unknown field, ignored",
      "cfg.json: $[\"odd key\"]: unknown field, ignored",
      "cfg.json: $.sliding_window: unknown field, ignored"};
  EXPECT_EQ(parsed(config).warnings, expected);
}

TEST(Spec, AMillionUnknownFieldsAreFewWarnings) {
  json config = baseConfig();
  for (int i = 0; i < 1000; ++i)
    config["x" + std::to_string(i)] = i;
  auto [spec, warnings] = parsed(config);
  ASSERT_EQ(warnings.size(), 21u);
  EXPECT_EQ(warnings.back(), "cfg.json: 980 more unknown fields, ignored");
}

TEST(Spec, FieldsWithoutEffectAreNoWarnings) {
  json config = baseConfig();
  for (const char *field :
       {"architectures", "auto_map", "attention_dropout", "max_window_layers",
        "transformers_version", "use_cache", "use_mrope"})
    config[field] = 1;
  config["efficient_attention_config"]["jet"]["mode"] = "chunk";
  config["efficient_attention_config"]["jet"]["dconv_implementation"] =
      "triton";
  EXPECT_TRUE(parsed(config).warnings.empty());
}

TEST(MixerKind, NamesRoundTrip) {
  for (const char *name : {"attn", "swa", "jet"}) {
    auto kind = parseMixerKind(name);
    ASSERT_TRUE(kind);
    EXPECT_EQ(mixerName(*kind), name);
  }
  EXPECT_FALSE(parseMixerKind("supernet"));
  EXPECT_FALSE(parseMixerKind("Attn"));
}

} // namespace
