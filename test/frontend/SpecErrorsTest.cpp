// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

//
// One line per way to be wrong, with the exact message.

#include "TestConfig.h"

#include <gtest/gtest.h>

namespace {

using namespace jet;
using nlohmann::json;
using test::baseConfig;
using test::errorOf;
using test::mutated;

struct Broken {
  const char *at;    // JSON pointer
  const char *value; // JSON text; null removes the member
  const char *error; // after "cfg.json: $"
};

void PrintTo(const Broken &broken, std::ostream *os) {
  *os << broken.at << " = " << (broken.value ? broken.value : "absent");
}

class SpecError : public testing::TestWithParam<Broken> {};

TEST_P(SpecError, HasThisMessage) {
  const Broken &broken = GetParam();
  EXPECT_EQ(errorOf(mutated(baseConfig(), broken.at, broken.value)),
            std::string("cfg.json: $") + broken.error);
}

#define JET "/efficient_attention_config/jet"
#define JET_PATH ".efficient_attention_config.jet"
#define GDN "/efficient_attention_config/gdn"
#define GDN_PATH ".efficient_attention_config.gdn"
#define MAMBA "/efficient_attention_config/mamba2"
#define MAMBA_PATH ".efficient_attention_config.mamba2"
#define DIM "expected an integer from 1 to 2147483647, found "

const Broken kModel[] = {
    {"/model_type", nullptr,
     ".model_type: expected \"jet_nemotron\", found nothing"},
    {"/model_type", "\"qwen2\"",
     ".model_type: expected \"jet_nemotron\", found \"qwen2\""},
    {"/torch_dtype", "\"float16\"",
     ".torch_dtype: expected \"bfloat16\" or \"float32\", found \"float16\""},
    {"/hidden_act", "\"gelu\"",
     ".hidden_act: expected \"silu\", found \"gelu\""},
    {"/hidden_size", nullptr, ".hidden_size: " DIM "nothing"},
    {"/hidden_size", "\"96\"", ".hidden_size: " DIM "\"96\""},
    {"/hidden_size", "1e300", ".hidden_size: " DIM "1e+300"},
    {"/hidden_size", "96.0", ".hidden_size: " DIM "96.0"},
    {"/intermediate_size", "0", ".intermediate_size: " DIM "0"},
    {"/vocab_size", "-5", ".vocab_size: " DIM "-5"},
    {"/max_position_embeddings", "18446744073709551615",
     ".max_position_embeddings: " DIM "18446744073709551615"},
    {"/rms_norm_eps", "0",
     ".rms_norm_eps: expected a number from 1e-30 to 1, found 0"},
    {"/rms_norm_eps", "\"1e-6\"",
     ".rms_norm_eps: expected a number from 1e-30 to 1, found \"1e-6\""},
    {"/initializer_range", "-1",
     ".initializer_range: expected a number from 0 to 1e+30, found -1"},
    {"/tie_word_embeddings", nullptr,
     ".tie_word_embeddings: expected true or false, found nothing"},
    {"/tie_word_embeddings", "1",
     ".tie_word_embeddings: expected true or false, found 1"},
    {"/bos_token_id", "389",
     ".bos_token_id: expected an integer from 0 to 388, found 389"},
    {"/eos_token_id", "-1",
     ".eos_token_id: expected an integer from 0 to 388, found -1"},
    {"/eos_token_id/1", "\"x\"",
     ".eos_token_id[1]: expected an integer from 0 to 388, found \"x\""},
};
INSTANTIATE_TEST_SUITE_P(Model, SpecError, testing::ValuesIn(kModel));

const Broken kAttention[] = {
    {"/num_attention_heads", "0", ".num_attention_heads: " DIM "0"},
    {"/num_key_value_heads", "4",
     ".num_key_value_heads: expected a divisor of num_attention_heads (6), "
     "found 4"},
    {"/num_key_value_heads", "12",
     ".num_key_value_heads: expected a divisor of num_attention_heads (6), "
     "found 12"},
    {"/head_dim", "21",
     ".head_dim: expected an even number (rotary pairs), found 21"},
    {"/head_dim", "2147483646",
     ".num_attention_heads: expected num_attention_heads * head_dim to be at "
     "most 2147483647, found 6 * 2147483646"},
    {"/rope_theta", nullptr,
     ".rope_theta: expected a number from 1 to 1e+30, found nothing"},
    {"/rope_theta", "1e300",
     ".rope_theta: expected a number from 1 to 1e+30, found 1e+300"},
    {"/rope_scaling", "{\"type\": \"yarn\", \"factor\": 4}",
     ".rope_scaling: expected null (rotary scaling is not supported), found an "
     "object of 2"},
    {"/efficient_attention_config/swa/window_size", "0",
     ".efficient_attention_config.swa.window_size: " DIM "0"},
    {"/efficient_attention_config/swa/window_size", nullptr,
     ".efficient_attention_config.swa.window_size: " DIM "nothing"},
    {"/efficient_attention_config/swa", nullptr,
     ".efficient_attention_config.swa: expected an object, which "
     "$.layer_types[2] needs, found nothing"},
};
INSTANTIATE_TEST_SUITE_P(Attention, SpecError, testing::ValuesIn(kAttention));

TEST(SpecError, WithoutHeadDimTheHiddenSizeMustDivideEvenly) {
  json config = mutated(baseConfig(), "/head_dim", nullptr);
  for (const char *size : {"97", "90"}) // no multiple; 15 is odd
    EXPECT_EQ(errorOf(mutated(config, "/hidden_size", size)),
              std::string("cfg.json: $.hidden_size: expected an even multiple "
                          "of num_attention_heads (6) as there is no "
                          "head_dim, found ") +
                  size);
}

const Broken kLayers[] = {
    {"/num_hidden_layers", "4",
     ".layer_types: expected an array of 4 (num_hidden_layers), found an array "
     "of 3"},
    {"/num_hidden_layers", "10001",
     ".num_hidden_layers: expected an integer from 1 to 10000, found 10001"},
    {"/layer_types", nullptr, ".layer_types: expected an array, found nothing"},
    {"/layer_types", "{}",
     ".layer_types: expected an array, found an object of 0"},
    {"/layer_types/2", "\"foo\"",
     ".layer_types[2]: expected \"attn\", \"swa\", \"jet\", \"gdn\", "
     "\"mamba2\" or \"supernet\", found \"foo\""},
    {"/layer_types/0", "3",
     ".layer_types[0]: expected \"attn\", \"swa\", \"jet\", \"gdn\", "
     "\"mamba2\" or \"supernet\", found 3"},
    {"/supernet_candidates", "\"jet\"",
     ".supernet_candidates: expected an array, found \"jet\""},
    {"/supernet_candidates", "[]",
     ".supernet_candidates: expected at least one mixer, found an array of 0"},
    {"/supernet_candidates", "[\"jet\", \"supernet\"]",
     ".supernet_candidates[1]: expected \"attn\", \"swa\", \"jet\", "
     "\"gdn\" or \"mamba2\", found \"supernet\""},
    {"/supernet_candidates", "[\"jet\", \"attn\", \"jet\"]",
     ".supernet_candidates[2]: expected every mixer once, found \"jet\" again"},
    {"/placement", "[\"jet\", \"attn\"]",
     ".placement: expected an array of 3 (num_hidden_layers), found an array "
     "of 2"},
    {"/placement", "[\"jet\", \"attn\", \"jet\"]",
     ".placement[2]: expected \"swa\", found \"jet\""},
    {"/placement", "7", ".placement: expected an array, found 7"},
};
INSTANTIATE_TEST_SUITE_P(Layers, SpecError, testing::ValuesIn(kLayers));

TEST(SpecError, APlacementPicksAmongTheCandidates) {
  json config = baseConfig();
  config["layer_types"][1] = "supernet";
  config["placement"] = {"jet", "swa", "swa"};
  EXPECT_EQ(errorOf(config), "cfg.json: $.placement[1]: expected \"attn\" or "
                             "\"jet\", found \"swa\"");
}

TEST(SpecError, ACandidateNeedsItsConfigToo) {
  json config = baseConfig();
  config["layer_types"] = {"attn", "supernet", "attn"};
  config["efficient_attention_config"].erase("jet");
  EXPECT_EQ(errorOf(config),
            "cfg.json: $.efficient_attention_config.jet: expected an object, "
            "which $.layer_types[1] needs, found nothing");
}

const Broken kJetBlock[] = {
    {"/efficient_attention_config", "[]",
     ".efficient_attention_config: expected an object, found an array of 0"},
    {JET, "4",
     JET_PATH ": expected an object, which $.layer_types[0] needs, found 4"},
    {JET "/num_heads", nullptr, JET_PATH ".num_heads: " DIM "nothing"},
    {JET "/head_dim", "-1", JET_PATH ".head_dim: " DIM "-1"},
    {JET "/conv_size", "0", JET_PATH ".conv_size: " DIM "0"},
    {JET "/expand_v", "0",
     JET_PATH ".expand_v: expected a number from 1e-09 to 1000000000, found 0"},
    {JET "/expand_v", "\"2\"",
     JET_PATH
     ".expand_v: expected a number from 1e-09 to 1000000000, found \"2\""},
    {JET "/expand_v", "1e9",
     JET_PATH ".expand_v: expected head_dim (24) * expand_v to be an integer "
              "from 1 to 2147483647, found 1000000000.0"},
    {JET "/expand_v", "80000000",
     JET_PATH ".num_heads: expected num_heads * head_dim * expand_v to be at "
              "most 2147483647, found 3 * 1920000000"},
    {JET "/num_heads", "2000000000",
     JET_PATH ".num_heads: expected num_heads * head_dim to be at most "
              "2147483647, found 2000000000 * 24"},
    {JET "/conv_size", "2000000000",
     JET_PATH ".conv_size: expected num_heads * head_dim * expand_v * "
              "conv_size to be at most 2147483647, found 192 * 2000000000"},
    {JET "/dconv_generator_reduction", "0",
     JET_PATH ".dconv_generator_reduction: " DIM "0"},
    {JET "/dconv_generator_reduction", "193",
     JET_PATH ".dconv_generator_reduction: expected at most num_heads * "
              "head_dim * expand_v (192), found 193"},
    {JET "/norm_eps", "\"1e-5x\"",
     JET_PATH ".norm_eps: expected a number from 1e-30 to 1, found \"1e-5x\""},
    {JET "/norm_eps", "\"nan\"",
     JET_PATH ".norm_eps: expected a number from 1e-30 to 1, found \"nan\""},
    {JET "/norm_eps", "\"\"",
     JET_PATH ".norm_eps: expected a number from 1e-30 to 1, found \"\""},
};
INSTANTIATE_TEST_SUITE_P(JetBlock, SpecError, testing::ValuesIn(kJetBlock));

const Broken kGatedDeltaNet[] = {
    {"/layer_types/0", "\"gdn\"",
     GDN_PATH ": expected an object, which $.layer_types[0] needs, found "
              "nothing"},
    {GDN, "[]", GDN_PATH ": expected an object, found an array of 0"},
};
INSTANTIATE_TEST_SUITE_P(GatedDeltaNet, SpecError,
                         testing::ValuesIn(kGatedDeltaNet));

/// With sections of the other linear mixers.
json mixersConfig() {
  json config = baseConfig();
  config["layer_types"] = {"jet", "gdn", "mamba2"};
  config["efficient_attention_config"]["gdn"] = test::gatedDeltaNetConfig();
  config["efficient_attention_config"]["mamba2"] = test::mamba2Config();
  return config;
}

class MixerError : public testing::TestWithParam<Broken> {};

TEST_P(MixerError, HasThisMessage) {
  const Broken &broken = GetParam();
  EXPECT_EQ(errorOf(mutated(mixersConfig(), broken.at, broken.value)),
            std::string("cfg.json: $") + broken.error);
}

const Broken kMixers[] = {
    {GDN "/num_heads", nullptr, GDN_PATH ".num_heads: " DIM "nothing"},
    {GDN "/num_heads", "\"2\"", GDN_PATH ".num_heads: " DIM "\"2\""},
    {GDN "/num_v_heads", "3",
     GDN_PATH ".num_v_heads: expected a multiple of num_heads (2), found 3"},
    {GDN "/num_v_heads", "0", GDN_PATH ".num_v_heads: " DIM "0"},
    {GDN "/head_dim", "1e300", GDN_PATH ".head_dim: " DIM "1e+300"},
    {GDN "/head_dim", "2147483646",
     GDN_PATH ".expand_v: expected head_dim (2147483646) * expand_v to be an "
              "integer from 1 to 2147483647, found 1.5"},
    {GDN "/expand_v", "1e-9",
     GDN_PATH ".expand_v: expected head_dim (24) * expand_v to be an integer "
              "from 1 to 2147483647, found 1e-09"},
    {GDN "/num_heads", "2000000000",
     GDN_PATH ".num_v_heads: expected a multiple of num_heads (2000000000), "
              "found 4"},
    {GDN "/num_v_heads", "2000000000",
     GDN_PATH ".num_heads: expected num_v_heads * head_dim * expand_v to be at "
              "most 2147483647, found 2000000000 * 36"},
    {GDN "/conv_size", "-4", GDN_PATH ".conv_size: " DIM "-4"},
    {GDN "/norm_eps", "0",
     GDN_PATH ".norm_eps: expected a number from 1e-30 to 1, found 0"},
    {GDN "/use_gate", "false",
     GDN_PATH ".use_gate: expected true (false is not supported), found false"},
    {GDN "/use_short_conv", "1",
     GDN_PATH ".use_short_conv: expected true or false, found 1"},
    {GDN "/conv_bias", "true",
     GDN_PATH ".conv_bias: expected false (true is not supported), found true"},
    {GDN "/allow_neg_eigval", "true",
     GDN_PATH ".allow_neg_eigval: expected false (true is not supported), "
              "found true"},
    {MAMBA, "null",
     MAMBA_PATH ": expected an object, which $.layer_types[2] needs, found "
                "null"},
    {MAMBA "/num_heads", "2.5", MAMBA_PATH ".num_heads: " DIM "2.5"},
    {MAMBA "/head_dim", nullptr, MAMBA_PATH ".head_dim: " DIM "nothing"},
    {MAMBA "/state_size", "0", MAMBA_PATH ".state_size: " DIM "0"},
    {MAMBA "/n_groups", "4",
     MAMBA_PATH ".n_groups: expected a divisor of num_heads (6), found 4"},
    {MAMBA "/conv_kernel", "[]",
     MAMBA_PATH ".conv_kernel: " DIM "an array of 0"},
    {MAMBA "/head_dim", "2000000000",
     MAMBA_PATH ".num_heads: expected num_heads * head_dim to be at most "
                "2147483647, found 6 * 2000000000"},
    {MAMBA "/state_size", "2000000000",
     MAMBA_PATH ".n_groups: expected n_groups * state_size to be at most "
                "2147483647, found 2 * 2000000000"},
    {MAMBA "/state_size", "1000000000",
     MAMBA_PATH ".num_heads: expected num_heads * (2 * head_dim + 1) + 2 * "
                "n_groups * state_size to be at most 2147483647, found "
                "4000000246"},
    {MAMBA "/time_step_limit", "[0.0, 0.1]",
     MAMBA_PATH ".time_step_limit: expected null (limits are not supported), "
                "found an array of 2"},
    {MAMBA "/use_bias", "true",
     MAMBA_PATH ".use_bias: expected false (true is not supported), found "
                "true"},
    {MAMBA "/use_conv_bias", "false",
     MAMBA_PATH ".use_conv_bias: expected true (false is not supported), found "
                "false"},
    {MAMBA "/norm_before_gate", "true",
     MAMBA_PATH ".norm_before_gate: expected false (true is not supported), "
                "found true"},
    {MAMBA "/rms_norm", "false",
     MAMBA_PATH ".rms_norm: expected true (false is not supported), found "
                "false"},
    {MAMBA "/norm_eps", "2",
     MAMBA_PATH ".norm_eps: expected a number from 1e-30 to 1, found 2"},
    {"/supernet_candidates", "[\"gdn\", \"gdn\"]",
     ".supernet_candidates[1]: expected every mixer once, found \"gdn\" again"},
};
INSTANTIATE_TEST_SUITE_P(Mixers, MixerError, testing::ValuesIn(kMixers));

TEST(SpecError, TotalsAreBoundedEvenWhereEverySizeIs) {
  json config = baseConfig();
  config["hidden_size"] = 2147483647;
  config["intermediate_size"] = 2147483647;
  EXPECT_EQ(errorOf(config),
            "cfg.json: $: expected sizes that make at most 2^60 bytes of "
            "weights, found more");
  config = baseConfig();
  config["num_key_value_heads"] = 6;
  config["head_dim"] = 300000000;
  config["max_position_embeddings"] = 2147483647;
  EXPECT_EQ(errorOf(config),
            "cfg.json: $: expected sizes that make at most 2^60 bytes of state "
            "per sequence, found more");
}

TEST(SpecError, TheDocumentMustBeAnObject) {
  EXPECT_EQ(errorOf(json::array({1, 2})),
            "cfg.json: $: expected an object, found an array of 2");
  EXPECT_EQ(parseSpec("", "cfg.json")
                .error()
                .message.rfind("cfg.json: line 1, column 1: ", 0),
            0u);
}

} // namespace
