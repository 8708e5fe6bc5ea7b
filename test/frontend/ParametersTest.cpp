// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

//
// The list of tensors, against real checkpoints and the published sizes.

#include "TestConfig.h"
#include "support/File.h"
#include "support/Json.h"

#include <cstring>
#include <gtest/gtest.h>
#include <map>

namespace {

using namespace jet;
using nlohmann::json;

using Shapes = std::map<std::string, std::vector<int64_t>>;

ModelSpec readFrom(const std::string &path) {
  auto result = readSpec(std::string(JET_SOURCE_DIR) + path);
  if (!result) {
    ADD_FAILURE() << result.error().message;
    return {};
  }
  return std::move(result->spec);
}

Shapes shapesOf(const ModelSpec &spec) {
  Shapes shapes;
  for (const ParameterSpec &parameter : listParameters(spec))
    EXPECT_TRUE(shapes.emplace(parameter.name, parameter.shape).second)
        << parameter.name << " occurs twice";
  return shapes;
}

/// What the header of the safetensors file at `path` lists.
Shapes shapesInCheckpoint(const std::string &path) {
  auto file = MappedFile::open(std::string(JET_SOURCE_DIR) + path);
  uint64_t length = 0;
  if (!file || file->bytes().size() < sizeof length) {
    ADD_FAILURE() << "no checkpoint at " << path;
    return {};
  }
  std::memcpy(&length, file->bytes().data(), sizeof length);
  auto header = parseJson(file->text().substr(sizeof length, length), path);
  if (!header) {
    ADD_FAILURE() << header.error().message;
    return {};
  }
  Shapes shapes;
  for (const auto &[name, tensor] : header->items())
    if (name != "__metadata__")
      shapes[name] = tensor["shape"].get<std::vector<int64_t>>();
  return shapes;
}

int64_t countOf(const ModelSpec &spec) {
  int64_t count = 0;
  for (const ParameterSpec &parameter : listParameters(spec)) {
    int64_t size = 1;
    for (int64_t dim : parameter.shape)
      size *= dim;
    count += size;
  }
  return count;
}

TEST(Parameters, AreThoseOfTheCheckpoints) {
  for (const std::string directory : {"/test/e2e/tiny", "/examples/tinyjet"})
    EXPECT_EQ(shapesOf(readFrom(directory)),
              shapesInCheckpoint(directory + "/model.safetensors"));
}

// 1.965 and 3.96 billion.
TEST(Parameters, AddUpToThePublishedSizes) {
  EXPECT_EQ(countOf(readFrom("/examples/jet-nemotron-2b.json")), 1964806208);
  EXPECT_EQ(countOf(readFrom("/examples/jet-nemotron-4b.json")), 3960424768);
}

TEST(Parameters, TheHeadIsATensorOnlyWhenNotTied) {
  json config = test::baseConfig();
  auto untied = parseSpec(config.dump(), "cfg.json");
  config["tie_word_embeddings"] = true;
  auto tied = parseSpec(config.dump(), "cfg.json");
  ASSERT_TRUE(untied && tied);
  Shapes shapes = shapesOf(untied->spec);
  EXPECT_EQ(shapes["lm_head.weight"], (std::vector<int64_t>{389, 96}));
  shapes.erase("lm_head.weight");
  EXPECT_EQ(shapesOf(tied->spec), shapes);
}

TEST(Parameters, OfASupernetLiveUnderTheMixersName) {
  Shapes shapes = shapesOf(readFrom("/test/frontend/supernet.json"));
  const std::string layer = "model.layers.7.";
  EXPECT_TRUE(shapes.contains(layer + "self_attn.attn.q_proj.bias"));
  EXPECT_TRUE(shapes.contains(layer + "self_attn.jet.A_log"));
  EXPECT_FALSE(shapes.contains(layer + "self_attn.q_proj.weight"));
  EXPECT_EQ(shapes[layer + "self_attn.jet.dynamic_conv1d.kernel_generator."
                           "w2.weight"],
            (std::vector<int64_t>{3 * 96 * 4, 36}));
  // Two norms, three MLP matrices, 7 + 13 tensors of the two paths.
  EXPECT_EQ(shapes.size(), 8u * (5 + 7 + 13) + 2);
}

// Under the names of flash-linear-attention and mamba_ssm.
TEST(Parameters, OfGatedDeltaNetAndMamba2) {
  json config = test::baseConfig();
  config["layer_types"] = {"gdn", "mamba2", "supernet"};
  config["supernet_candidates"] = {"mamba2"};
  config["efficient_attention_config"]["gdn"] = test::gatedDeltaNetConfig();
  config["efficient_attention_config"]["mamba2"] = test::mamba2Config();
  auto parsed = parseSpec(config.dump(), "cfg.json");
  ASSERT_TRUE(parsed);
  Shapes found;
  for (const auto &[name, shape] : shapesOf(parsed->spec))
    for (const std::string prefix :
         {"model.layers.0.self_attn.", "model.layers.1.self_attn."})
      if (name.starts_with(prefix))
        found[name.substr(std::string("model.layers.").size())] = shape;
  const std::string gdn = "0.self_attn.", mamba = "1.self_attn.";
  EXPECT_EQ(found, (Shapes{{gdn + "q_proj.weight", {48, 96}},
                           {gdn + "k_proj.weight", {48, 96}},
                           {gdn + "v_proj.weight", {144, 96}},
                           {gdn + "g_proj.weight", {144, 96}},
                           {gdn + "a_proj.weight", {4, 96}},
                           {gdn + "b_proj.weight", {4, 96}},
                           {gdn + "A_log", {4}},
                           {gdn + "dt_bias", {4}},
                           {gdn + "q_conv1d.weight", {48, 1, 3}},
                           {gdn + "k_conv1d.weight", {48, 1, 3}},
                           {gdn + "v_conv1d.weight", {144, 1, 3}},
                           {gdn + "o_norm.weight", {36}},
                           {gdn + "o_proj.weight", {96, 144}},
                           {mamba + "in_proj.weight", {310, 96}},
                           {mamba + "conv1d.weight", {184, 1, 4}},
                           {mamba + "conv1d.bias", {184}},
                           {mamba + "A_log", {6}},
                           {mamba + "D", {6}},
                           {mamba + "dt_bias", {6}},
                           {mamba + "norm.weight", {120}},
                           {mamba + "out_proj.weight", {96, 120}}}));
  EXPECT_TRUE(shapesOf(parsed->spec)
                  .contains("model.layers.2.self_attn.mamba2.conv1d.bias"));
}

TEST(Parameters, ComeInOrder) {
  auto parameters = listParameters(readFrom("/test/e2e/tiny"));
  EXPECT_EQ(parameters.front().name, "model.embed_tokens.weight");
  EXPECT_EQ(parameters[1].name, "model.layers.0.input_layernorm.weight");
  EXPECT_EQ(parameters.back().name, "model.norm.weight");
}

} // namespace
