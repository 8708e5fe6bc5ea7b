// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

//
// Whatever the text, the answer is a spec or one line that says where.

#include "TestConfig.h"

#include <algorithm>
#include <gtest/gtest.h>
#include <random>

namespace {

using namespace jet;
using nlohmann::json;
using test::baseConfig;
using test::errorOf;
using test::mutated;

/// One printable line that starts with the file's name.
void expectPresentable(const std::string &message) {
  EXPECT_EQ(message.rfind("cfg.json: ", 0), 0u) << message;
  EXPECT_LT(message.size(), 300u) << message;
  EXPECT_TRUE(std::all_of(message.begin(), message.end(), [](char c) {
    return c >= 0x20 && c < 0x7f;
  })) << message;
}

/// JSON pointers of all scalars below `value`.
void collectLeaves(const json &value, const std::string &at,
                   std::vector<std::string> &leaves) {
  if (!value.is_structured()) {
    leaves.push_back(at);
    return;
  }
  for (const auto &[key, member] : value.items())
    collectLeaves(member, at + "/" + key, leaves);
}

/// "$.a.b[1]" for "/a/b/1".
std::string pathOf(const std::string &pointer) {
  std::string path = "$";
  for (size_t i = 0; i < pointer.size();) {
    size_t end = std::min(pointer.find('/', i + 1), pointer.size());
    std::string step = pointer.substr(i + 1, end - i - 1);
    path += isdigit(step[0]) ? "[" + step + "]" : "." + step;
    i = end;
  }
  return path;
}

TEST(SpecRobustness, EveryRequiredFieldIsMissedByName) {
  std::vector<std::string> leaves;
  collectLeaves(baseConfig(), "", leaves);
  const std::vector<std::string> optional = {
      "/bos_token_id", "/head_dim", "/initializer_range", "/rope_scaling"};
  size_t numRequired = 0;
  for (const std::string &leaf : leaves) {
    if (isdigit(leaf.back())) // an element of a list
      continue;
    std::string error = errorOf(mutated(baseConfig(), leaf, nullptr));
    if (std::find(optional.begin(), optional.end(), leaf) != optional.end()) {
      EXPECT_EQ(error, "accepted") << leaf;
      continue;
    }
    ++numRequired;
    EXPECT_EQ(error.rfind("cfg.json: " + pathOf(leaf) + ": expected ", 0), 0u)
        << error;
    EXPECT_TRUE(error.ends_with(", found nothing")) << error;
  }
  EXPECT_EQ(numRequired, 20u);
}

TEST(SpecRobustness, NoFieldTakesAValueOfAnotherKind) {
  std::vector<std::string> leaves;
  collectLeaves(baseConfig(), "", leaves);
  const char *wrong[] = {"\"x\"", "[]",     "{}",    "-1",
                         "1e300", "-1e300", "[[0]]", "-9223372036854775808"};
  for (const std::string &leaf : leaves)
    for (const char *value : wrong) {
      std::string error = errorOf(mutated(baseConfig(), leaf, value));
      expectPresentable(error);
      EXPECT_EQ(error.rfind("cfg.json: " + pathOf(leaf) + ": expected ", 0), 0u)
          << leaf << " = " << value << ": " << error;
    }
}

TEST(SpecRobustness, SizesAreExactIntegersInRange) {
  const char *sizes[] = {"/hidden_size",
                         "/intermediate_size",
                         "/vocab_size",
                         "/max_position_embeddings",
                         "/num_hidden_layers",
                         "/num_attention_heads",
                         "/num_key_value_heads",
                         "/head_dim",
                         "/efficient_attention_config/jet/num_heads",
                         "/efficient_attention_config/jet/head_dim",
                         "/efficient_attention_config/jet/conv_size",
                         ("/efficient_attention_config/jet/"
                          "dconv_generator_reduction"),
                         "/efficient_attention_config/swa/window_size"};
  const char *wrong[] = {"0",          "-1",   "1.5",
                         "2.0",        "true", "2147483648",
                         "4294967297", "1e10", "18446744073709551617"};
  for (const char *size : sizes)
    for (const char *value : wrong) {
      std::string error = errorOf(mutated(baseConfig(), size, value));
      EXPECT_EQ(error.rfind("cfg.json: " + pathOf(size) +
                                ": expected an integer from 1 to ",
                            0),
                0u)
          << size << " = " << value << ": " << error;
    }
}

TEST(SpecRobustness, LargeButLegalSizesDoNotOverflow) {
  std::vector<std::string> leaves;
  collectLeaves(baseConfig(), "", leaves);
  for (const std::string &a : leaves)
    for (const std::string &b : leaves) {
      json config = mutated(baseConfig(), a, "2147483646");
      std::string error = errorOf(mutated(config, b, "2147483646"));
      if (error != "accepted")
        expectPresentable(error);
    }
}

TEST(SpecRobustness, EveryTruncationIsAnError) {
  std::string text = baseConfig().dump(1);
  for (size_t length = 0; length < text.size(); ++length) {
    auto result = parseSpec(text.substr(0, length), "cfg.json");
    ASSERT_FALSE(result) << length;
    expectPresentable(result.error().message);
  }
}

TEST(SpecRobustness, DamagedTextNeverCrashes) {
  const std::string text = baseConfig().dump(1);
  std::mt19937 random(20240607);
  auto below = [&](size_t bound) { return random() % bound; };
  size_t numErrors = 0;
  for (int round = 0; round < 20000; ++round) {
    std::string damaged = text;
    for (size_t edits = 1 + below(4); edits > 0; --edits) {
      size_t at = below(damaged.size());
      switch (below(4)) {
      case 0:
        damaged[at] = static_cast<char>(below(256));
        break;
      case 1:
        damaged.erase(at, 1 + below(12));
        break;
      case 2:
        damaged.insert(at, text, below(text.size()), 1 + below(12));
        break;
      default:
        damaged[at] = "{}[]\",:0129-.eE"[below(15)];
      }
      if (damaged.empty())
        damaged = " ";
    }
    auto result = parseSpec(damaged, "cfg.json");
    if (result)
      continue;
    ++numErrors;
    expectPresentable(result.error().message);
  }
  EXPECT_GT(numErrors, 10000u);
}

TEST(SpecRobustness, DeepAndHugeTextIsRefused) {
  EXPECT_EQ(parseSpec("{\"x\":" + std::string(10000, '['), "cfg.json")
                .error()
                .message,
            "cfg.json: expected at most 64 levels of nesting, found more");
  EXPECT_EQ(
      parseSpec(std::string_view("{", size_t(1) << 30), "cfg.json")
          .error()
          .message,
      "cfg.json: expected at most 16777216 bytes of JSON, found 1073741824");
}

} // namespace
