// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "support/Json.h"

#include <gtest/gtest.h>

namespace {

using nlohmann::json;

std::string errorOf(std::string_view text, const jet::JsonLimits &limits = {}) {
  auto result = jet::parseJson(text, "f.json", limits);
  return result ? "accepted: " + result->dump() : result.error().message;
}

TEST(ParseJson, BuildsTheDocument) {
  const char *text = R"( {"a": [1, -2, 2.5e3, "x\u00e9\n", true, false, null],
                          "b": {"c": {}, "d": []}, "": [[], [[3]]]} )";
  auto result = jet::parseJson(text, "f.json");
  ASSERT_TRUE(result) << result.error().message;
  EXPECT_EQ(*result, json::parse(text));
}

TEST(ParseJson, TakesScalarsAndTheWholeIntegerRange) {
  EXPECT_EQ(errorOf("7"), "accepted: 7");
  EXPECT_EQ(errorOf("[9223372036854775807, -9223372036854775808, "
                    "18446744073709551615]"),
            "accepted: [9223372036854775807,-9223372036854775808,"
            "18446744073709551615]");
}

TEST(ParseJson, SyntaxErrorsHaveLineAndColumn) {
  EXPECT_EQ(errorOf(""), "f.json: line 1, column 1: expected '[', '{', or a "
                         "literal, found end of input");
  EXPECT_EQ(errorOf("{\n  \"a\": 1,\n}"),
            "f.json: line 3, column 1: expected string literal, found '}'");
  EXPECT_EQ(errorOf("{\"a\" 1}"),
            "f.json: line 1, column 6: expected ':', found number literal");
  EXPECT_EQ(errorOf("[1, 2"),
            "f.json: line 1, column 5: expected ']', found end of input");
  EXPECT_EQ(errorOf("[1] x"),
            "f.json: line 1, column 5: invalid literal, near \"1] x\"");
  EXPECT_EQ(errorOf("{}\n{}"),
            "f.json: line 2, column 1: expected end of input, found '{'");
}

TEST(ParseJson, NumbersThatAreNotFiniteAreErrors) {
  EXPECT_EQ(errorOf("[NaN]"),
            "f.json: line 1, column 2: invalid literal, near \"[N\"");
  EXPECT_EQ(errorOf("[nan]"),
            "f.json: line 1, column 3: invalid literal, near \"[na\"");
  EXPECT_EQ(errorOf("[-Infinity]"),
            "f.json: line 1, column 3: invalid number; expected digit after "
            "'-', near \"-I\"");
  EXPECT_EQ(errorOf("[1e999]"),
            "f.json: line 1, column 6: number overflow parsing '1e999'");
}

TEST(ParseJson, AKeyTwiceIsAnErrorWithItsPath) {
  EXPECT_EQ(errorOf(R"({"a": 1, "a": 1})"),
            "f.json: $.a: expected every key once, found \"a\" twice");
  EXPECT_EQ(errorOf(R"({"x": [0, {"p q": {"b": {}, "c": 2, "b": 3}}]})"),
            "f.json: $.x[1][\"p q\"].b: expected every key once, found \"b\" "
            "twice");
  // Escapes spell the same key.
  EXPECT_EQ(errorOf(R"({"a": 1, "\u0061": 1})"),
            "f.json: $.a: expected every key once, found \"a\" twice");
  EXPECT_EQ(errorOf(R"([{"a": 1}, {"a": {"a": 1}}])"),
            R"(accepted: [{"a":1},{"a":{"a":1}}])");
}

TEST(ParseJson, DepthIsLimited) {
  std::string open(64, '['), close(64, ']');
  EXPECT_EQ(errorOf(open + close), "accepted: " + open + close);
  const char *tooDeep =
      "f.json: expected at most 64 levels of nesting, found more";
  EXPECT_EQ(errorOf("[" + open + close + "]"), tooDeep);
  EXPECT_EQ(errorOf(std::string(10000, '[')), tooDeep);
  std::string objects;
  for (int i = 0; i < 10000; ++i)
    objects += "{\"k\":";
  EXPECT_EQ(errorOf(objects), tooDeep);
  EXPECT_EQ(errorOf("[[1]]", {.maxBytes = 100, .maxDepth = 1}),
            "f.json: expected at most 1 levels of nesting, found more");
}

TEST(ParseJson, SizeIsCheckedBeforeAnythingIsRead) {
  EXPECT_EQ(errorOf("[1, 2]", {.maxBytes = 5}),
            "f.json: expected at most 5 bytes of JSON, found 6");
  EXPECT_EQ(errorOf("[1,2]", {.maxBytes = 5}), "accepted: [1,2]");
  // A view of a gigabyte that is not there: only its length may be looked at.
  EXPECT_EQ(
      errorOf(std::string_view("x", size_t(1) << 30)),
      "f.json: expected at most 16777216 bytes of JSON, found 1073741824");
}

TEST(ParseJson, ANulByteDoesNotEndTheText) {
  EXPECT_EQ(errorOf(std::string_view("{}\0{}", 5)),
            "f.json: line 1, column 3: expected JSON text, found a NUL byte");
}

TEST(ParseJson, MessagesAreShortAndOnOneLine) {
  std::string long1 = errorOf("\"" + std::string(100000, 'a'));
  EXPECT_LT(long1.size(), 200u);
  EXPECT_NE(long1.find("missing closing quote"), std::string::npos) << long1;
  for (const char *text : {"\"\xff\xfe\"", "\"a\nb\"", "\"\\q\"", "[\x01]",
                           "/* no comments */ 1"}) {
    std::string message = errorOf(text);
    EXPECT_EQ(message.rfind("f.json: line ", 0), 0u) << message;
    for (char c : message)
      EXPECT_TRUE(c >= 0x20 && c < 0x7f) << message;
  }
  EXPECT_EQ(errorOf("{\"a\": [1, 2.x]}"),
            "f.json: line 1, column 13: invalid number; expected digit after "
            "'.', near \"2.x\"");
  std::string number = errorOf("1e" + std::string(100000, '9'));
  EXPECT_LT(number.size(), 200u);
}

TEST(DescribeJson, ScalarsAreTextAndContainersAreCounts) {
  EXPECT_EQ(jet::describeJson(json(3)), "3");
  EXPECT_EQ(jet::describeJson(json(-2.5)), "-2.5");
  EXPECT_EQ(jet::describeJson(json(nullptr)), "null");
  EXPECT_EQ(jet::describeJson(json(true)), "true");
  EXPECT_EQ(jet::describeJson(json("foo")), "\"foo\"");
  EXPECT_EQ(jet::describeJson(json::array({1, 2, 3})), "an array of 3");
  EXPECT_EQ(jet::describeJson(json::object()), "an object of 0");
}

TEST(DescribeJson, LongOrStrangeStringsAreCutAndEscaped) {
  EXPECT_EQ(jet::describeJson(json("a\nb\x01")), "\"a\\nb\\u0001\"");
  std::string cut = jet::describeJson(json(std::string(1000, 'x')));
  EXPECT_EQ(cut, "\"" + std::string(55, 'x') + "\"...");
  EXPECT_LE(jet::describeJson(json(std::string(1000, '\x02'))).size(), 60u);
}

TEST(JsonMemberPath, QuotesOnlyOddKeys) {
  EXPECT_EQ(jet::jsonMemberPath("$", "a_1"), "$.a_1");
  EXPECT_EQ(jet::jsonMemberPath("$.x", "a-b"), "$.x[\"a-b\"]");
  EXPECT_EQ(jet::jsonMemberPath("$", ""), "$[\"\"]");
}

} // namespace
