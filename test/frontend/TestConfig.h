// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A small valid config for the tests to break.

#ifndef JET_TEST_FRONTEND_TESTCONFIG_H
#define JET_TEST_FRONTEND_TESTCONFIG_H

#include "frontend/Spec.h"

#include <nlohmann/json.hpp>
#include <string>

namespace jet::test {

/// One layer of every mixer, every field that has an effect.
inline nlohmann::json baseConfig() {
  return nlohmann::json::parse(R"({
    "model_type": "jet_nemotron",
    "torch_dtype": "float32",
    "hidden_act": "silu",
    "hidden_size": 96,
    "intermediate_size": 160,
    "vocab_size": 389,
    "max_position_embeddings": 4096,
    "rms_norm_eps": 1e-6,
    "initializer_range": 0.02,
    "tie_word_embeddings": false,
    "num_hidden_layers": 3,
    "layer_types": ["jet", "attn", "swa"],
    "num_attention_heads": 6,
    "num_key_value_heads": 2,
    "head_dim": 20,
    "rope_theta": 10000.0,
    "rope_scaling": null,
    "efficient_attention_config": {
      "jet": {
        "num_heads": 3,
        "head_dim": 24,
        "expand_v": 2.6666666667,
        "conv_size": 2,
        "dconv_generator_reduction": 8,
        "norm_eps": "1e-5"
      },
      "swa": { "window_size": 16 }
    },
    "bos_token_id": 1,
    "eos_token_id": [2, 388]
  })");
}

/// Sections of efficient_attention_config, every field that has an effect.
inline nlohmann::json gatedDeltaNetConfig() {
  return nlohmann::json::parse(R"({
    "num_heads": 2,
    "num_v_heads": 4,
    "head_dim": 24,
    "expand_v": 1.5,
    "conv_size": 3,
    "norm_eps": "1e-6"
  })");
}

inline nlohmann::json mamba2Config() {
  return nlohmann::json::parse(R"({
    "num_heads": 6,
    "head_dim": 20,
    "state_size": 16,
    "n_groups": 2,
    "conv_kernel": 4,
    "norm_eps": 1e-5
  })");
}

/// `config` with the value at JSON pointer `at` set to the JSON text `value`,
/// or removed when `value` is null.
inline nlohmann::json mutated(nlohmann::json config, const std::string &at,
                              const char *value) {
  nlohmann::json::json_pointer pointer(at);
  if (value)
    config[pointer] = nlohmann::json::parse(value);
  else
    config[pointer.parent_pointer()].erase(pointer.back());
  return config;
}

/// The error for `config`, or "accepted".
inline std::string errorOf(const nlohmann::json &config) {
  auto result = parseSpec(config.dump(), "cfg.json");
  return result ? "accepted" : result.error().message;
}

} // namespace jet::test

#endif // JET_TEST_FRONTEND_TESTCONFIG_H
