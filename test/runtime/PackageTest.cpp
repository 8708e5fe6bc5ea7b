// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Values of the package format: sizes, state accounting, targets.

#include "Fixture.h"

#include <gtest/gtest.h>

using namespace jet;
using namespace jet::test;

using Kind = SizeExpr::Kind;

static SizeExpr number(int64_t value) { return SizeExpr::makeConstant(value); }
static SizeExpr letter(Symbol symbol) { return SizeExpr::makeSymbol(symbol); }

TEST(SizeExprTest, EvaluatesEverySymbolAndOperation) {
  const SymbolValues symbols = {2, 3, 5, 7, 11, 13};
  const Symbol all[] = {Symbol::R, Symbol::B, Symbol::T,
                        Symbol::C, Symbol::S, Symbol::P};
  for (int i = 0; i < kNumSymbols; ++i)
    EXPECT_EQ(*letter(all[i]).evaluate(symbols), symbols[i]);
  const SizeExpr sum = SizeExpr::make(Kind::Add, letter(Symbol::T), number(4));
  EXPECT_EQ(*sum.evaluate(symbols), 9);
  EXPECT_EQ(
      *SizeExpr::make(Kind::Mul, sum, letter(Symbol::C)).evaluate(symbols), 63);
  EXPECT_EQ(*SizeExpr::make(Kind::CeilDiv, sum, number(3)).evaluate(symbols),
            3);
  EXPECT_EQ(*SizeExpr::make(Kind::CeilDiv, sum, number(4)).evaluate(symbols),
            3);
  EXPECT_EQ(
      *SizeExpr::make(Kind::CeilDiv, number(0), number(4)).evaluate(symbols),
      0);
  EXPECT_EQ(*SizeExpr::make(Kind::FloorDiv, sum, number(4)).evaluate(symbols),
            2);
}

TEST(SizeExprTest, OverflowAndDivisionByZeroAreErrors) {
  const SymbolValues symbols = {1, 1, INT64_MAX, 1, 1, 1};
  const SizeExpr tokens = letter(Symbol::T);
  EXPECT_FALSE(SizeExpr::make(Kind::Add, tokens, number(1)).evaluate(symbols));
  EXPECT_FALSE(SizeExpr::make(Kind::Mul, tokens, number(2)).evaluate(symbols));
  EXPECT_FALSE(
      SizeExpr::make(Kind::CeilDiv, tokens, number(0)).evaluate(symbols));
  EXPECT_FALSE(
      SizeExpr::make(Kind::CeilDiv, tokens, number(-1)).evaluate(symbols));
  EXPECT_FALSE(
      SizeExpr::make(Kind::FloorDiv, tokens, number(0)).evaluate(symbols));
  // Rounding up must not overflow on the way.
  EXPECT_EQ(*SizeExpr::make(Kind::CeilDiv, tokens, number(2)).evaluate(symbols),
            INT64_MAX / 2 + 1);
}

TEST(StateBytesTest, CountsByKind) {
  Package package = makePackage(false);
  package.states.push_back({0, StateKind::ConvTail, DType::BF16, {3, 10}});
  package.states.push_back(
      {1, StateKind::WindowKv, DType::BF16, {2, 3, 16, 8}});
  const Result<StateBytes> bytes = stateBytesPerSequence(package, 100);
  ASSERT_TRUE(bytes) << messageOf(bytes);
  EXPECT_EQ(bytes->recurrent, kHidden * 4);
  EXPECT_EQ(bytes->attentionKv, 2 * 100 * kHidden * 4);
  EXPECT_EQ(bytes->convTail, 3 * 10 * 2);
  EXPECT_EQ(bytes->windowKv, 2 * 3 * 16 * 8 * 2);
  EXPECT_EQ(bytes->total(), 16 + 3200 + 60 + 1536);
  // The last page counts whole.
  EXPECT_EQ(stateBytesPerSequence(package, 97)->attentionKv,
            bytes->attentionKv);
  EXPECT_EQ(stateBytesPerSequence(package, 0)->attentionKv, 0);
  EXPECT_FALSE(stateBytesPerSequence(package, -1));
  EXPECT_FALSE(stateBytesPerSequence(package, INT64_MAX / 2));
}

TEST(TargetTest, AcceptsThisMachineAndNamesWhatDiffers) {
  const TargetInfo fits = makePackage(false).target;
  EXPECT_TRUE(checkTarget(fits, "p.jet"));
  TargetInfo other = fits;
  other.kind = "sm_90a";
  EXPECT_EQ(messageOf(checkTarget(other, "p.jet")),
            "p.jet: target: expected kind 'cpu' or 'cuda', found 'sm_90a'");
  other = fits;
  other.arch = "riscv64";
  EXPECT_NE(messageOf(checkTarget(other, "p.jet")).find("found 'riscv64'"),
            std::string::npos);
  other = fits;
  other.cpuLevel = "x86-64-v99";
  EXPECT_EQ(messageOf(checkTarget(other, "p.jet")),
            "p.jet: target: expected a known CPU level, found 'x86-64-v99'");
}
