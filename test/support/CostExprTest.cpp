// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "support/CostExpr.h"

#include <gtest/gtest.h>

#include <cstdint>

using namespace jet;

static const CostExpr R = CostExpr::rows(), B = CostExpr::batch(),
                      T = CostExpr::tokens(), N = CostExpr::tokensEach(),
                      L = CostExpr::context();

static int64_t valueOf(const CostExpr &expr, const CostSizes &sizes) {
  Result<int64_t> value = expr.evaluate(sizes);
  EXPECT_TRUE(value) << (value ? "" : value.error().message);
  return value ? *value : -1;
}

static std::string errorOf(const CostExpr &expr, const CostSizes &sizes) {
  Result<int64_t> value = expr.evaluate(sizes);
  EXPECT_FALSE(value);
  return value ? "" : value.error().message;
}

TEST(CostExprTest, PrintsOneFormForEqualPolynomials) {
  EXPECT_EQ(CostExpr().toString(), "0");
  EXPECT_EQ(CostExpr(7).toString(), "7");
  EXPECT_EQ((R * 2 + R * 3).toString(), "5*R");
  EXPECT_EQ((L * B + B * L).toString(), (B * L * 2).toString());
  EXPECT_EQ((R - R).toString(), "0");
  EXPECT_TRUE((R - R).isZero());
  EXPECT_EQ(((R + 1) * (R - 1)).toString(), "R*R - 1");
  EXPECT_EQ((CostExpr(3) - R).toString(), "-R + 3");
  EXPECT_EQ((B * CostExpr::min(L, 1152) * 1024).toString(),
            "1024*B*min(L, 1152)");
  EXPECT_TRUE((R + B) * 2 == B * 2 + R * 2);
  EXPECT_FALSE(R == B);
}

TEST(CostExprTest, FoldsWhatIsKnown) {
  EXPECT_EQ(CostExpr::min(3, 5).toString(), "3");
  EXPECT_EQ(CostExpr::min(L, L).toString(), "L");
  EXPECT_EQ(CostExpr::ceilDiv(7, 2).toString(), "4");
  EXPECT_EQ(CostExpr::ceilDiv(T, 1).toString(), "T");
  EXPECT_EQ(CostExpr::ceilDiv(T, B).toString(), "ceildiv(T, B)");
}

TEST(CostExprTest, EvaluatesWithEachSymbol) {
  const CostSizes sizes = {.rows = 2, .batch = 3, .tokens = 10, .context = 100};
  EXPECT_EQ(valueOf(R, sizes), 2);
  EXPECT_EQ(valueOf(B, sizes), 3);
  EXPECT_EQ(valueOf(T, sizes), 10);
  EXPECT_EQ(valueOf(N, sizes), 4); // rounded up
  EXPECT_EQ(valueOf(L, sizes), 100);
  EXPECT_EQ(valueOf(CostExpr::min(L, 99) * B - R * 7 + 1, sizes), 284);
  EXPECT_EQ(valueOf(CostExpr::ceilDiv(T, B), sizes), 4);
  EXPECT_EQ(valueOf(CostExpr::min(CostExpr(5) - L, R), sizes), -95);
}

TEST(CostExprTest, ReadsWhatItPrints) {
  const CostExpr m = CostExpr::min(N, CostExpr(64) - CostExpr::min(L, 64));
  const CostExpr exprs[] = {
      CostExpr(),          CostExpr(-3),
      CostExpr(INT64_MAX), CostExpr(INT64_MIN + 1),
      R * B - T * 12 + L,  CostExpr::ceilDiv(m * (m + 1), 2) * B * 768,
      CostExpr::unknown(),
  };
  for (const CostExpr &expr : exprs) {
    Result<CostExpr> read = CostExpr::parse(expr.toString());
    ASSERT_TRUE(read) << expr.toString();
    EXPECT_EQ(read->toString(), expr.toString());
  }
  EXPECT_EQ(CostExpr::parse(" 2 * R+B*3*1 - R ")->toString(), "R + 3*B");
}

TEST(CostExprTest, OverflowIsAnErrorNotANumber) {
  const CostExpr large = CostExpr(INT64_MAX);
  for (const CostExpr &expr : {large + 1, large * 2, large * R * 2,
                               CostExpr(INT64_MIN) - 1, large + R + 1 - R}) {
    EXPECT_EQ(expr.toString(), "unknown");
    EXPECT_FALSE(expr.isZero());
    EXPECT_NE(errorOf(expr, {}).find("does not fit 64 bits"),
              std::string::npos);
  }
  // What is unknown stays so.
  EXPECT_EQ((CostExpr::unknown() * 0).toString(), "unknown");
  EXPECT_EQ(CostExpr::min(CostExpr::unknown(), 1).toString(), "unknown");
  const CostSizes sizes = {.rows = INT64_MAX, .batch = INT64_MAX};
  EXPECT_NE(errorOf(R * B, sizes).find("B*R does not fit 64 bits"),
            std::string::npos);
  EXPECT_NE(errorOf(R + B, sizes).find("does not fit"), std::string::npos);
}

TEST(CostExprTest, DivisionNeedsAPositiveDivisor) {
  EXPECT_NE(errorOf(CostExpr::ceilDiv(T, L), {}).find("a divisor > 0"),
            std::string::npos);
  EXPECT_NE(errorOf(CostExpr::ceilDiv(CostExpr(0) - T, B), {})
                .find("a dividend >= 0"),
            std::string::npos);
}

TEST(CostExprTest, RefusesOtherText) {
  const std::pair<const char *, const char *> wrong[] = {
      {"", "expected a number, R, B, T, N, L, min( or ceildiv( at character 1"},
      {"2*", "at character 3"},
      {"C", "found 'C'"},
      {"R R", "expected the end at character 3, found 'R'"},
      {"min(R)", "expected ',' at character 6, found ')'"},
      {"min(R, B", "expected ')'"},
      {"9223372036854775808", "expected a number below 2^63"},
      {"(R)", "found '(R)'"},
      {"R + \x01", "found '?'"},
  };
  for (const auto &[text, message] : wrong) {
    Result<CostExpr> read = CostExpr::parse(text);
    ASSERT_FALSE(read) << text;
    EXPECT_NE(read.error().message.find(message), std::string::npos)
        << read.error().message;
  }
}

TEST(CostExprTest, HostileTextIsBounded) {
  std::string deep = "R";
  for (int i = 0; i < 200; ++i)
    deep = "min(" + deep + ", B)";
  ASSERT_FALSE(CostExpr::parse(deep));
  EXPECT_NE(CostExpr::parse(deep).error().message.find("nested at most 8 deep"),
            std::string::npos);

  EXPECT_FALSE(CostExpr::parse(std::string(5000, ' ') + "R"));

  std::string product = "R";
  for (int i = 0; i < 100; ++i)
    product += "*R";
  EXPECT_EQ(CostExpr::parse(product)->toString(), "unknown");

  // Every level would make the text 16 times as long.
  std::string grown = "R";
  const std::string sums = "*ceildiv(R + 1, 1)*ceildiv(B + 1, 1)"
                           "*ceildiv(T + 1, 1)*ceildiv(L + 1, 1)";
  for (int i = 0; i < 7; ++i)
    grown = "min(L, " + grown + sums + ")";
  EXPECT_EQ(CostExpr::parse(grown)->toString(), "unknown");
}
