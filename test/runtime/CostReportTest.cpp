// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "runtime/CostReport.h"

#include <gtest/gtest.h>

using namespace jet;
using Kind = OperandRef::Kind;

namespace {

SizeExpr number(int64_t value) { return SizeExpr::makeConstant(value); }

/// An embedding table of 10 x 4 bf16, a head of its own, a layer with each kind
/// of state, and programs of made-up costs.
Package makePackage() {
  const CostExpr R = CostExpr::rows(), B = CostExpr::batch(),
                 N = CostExpr::tokensEach(), L = CostExpr::context();
  Package package;
  package.model.vocabSize = 10;
  package.parameters = {{"table", DType::BF16, {10, 4}},
                        {"head", DType::BF16, {10, 4}},
                        {"norm", DType::F32, {4}}};
  package.states = {{0, StateKind::AttentionKv, DType::BF16, {2, 1, 64, 8}},
                    {1, StateKind::WindowKv, DType::BF16, {2, 1, 16, 8}},
                    {2, StateKind::Recurrent, DType::F32, {2, 3, 5}},
                    {2, StateKind::ConvTail, DType::BF16, {3, 7}}};
  KernelInfo embed{"embed", number(1), {}, "embedding", {}};
  embed.cost.weightsRead = R * 8;
  KernelInfo mix{"mix", number(1), {}, "attention", {}};
  mix.cost.stateRead = B * L * 32;
  mix.cost.stateWritten = B * N * 32;
  mix.cost.activationsRead = R * 3;
  mix.cost.activationsWritten = R * 5;
  mix.cost.tensorFlops = R * L * 100;
  mix.cost.vectorFlops = R * 7;
  KernelInfo head{"head", number(1), {}, "linear", {}};
  head.cost.weightsRead = 80;
  head.cost.tensorFlops = R * 80;
  package.kernels = {embed, mix, head, {"mystery", number(1), {}}};
  ProgramInfo decode;
  decode.name = "decode";
  decode.launches = {{0, false, {{Kind::Tokens, 0}, {Kind::Parameter, 0}}},
                     {1, false, {}},
                     {1, false, {}},
                     {2, true, {{Kind::Parameter, 1}, {Kind::Logits, 0}}},
                     {3, false, {}}};
  package.programs = {decode};
  return package;
}

const MachineRates kMachine = {"m", /*memoryBandwidth=*/1000,
                               /*tensorFlops=*/10000, /*vectorFlops=*/10,
                               /*launchSeconds=*/0.5};

CostReport reportOf(const Package &package, const CostSizes &sizes) {
  Result<CostReport> report = reportCost(package, "decode", sizes, kMachine);
  EXPECT_TRUE(report) << (report ? "" : report.error().message);
  return report ? *report : CostReport();
}

const CostRow &rowOf(const CostReport &report, const std::string &op) {
  static const CostRow none;
  for (const CostRow &row : report.rows)
    if (row.op == op)
      return row;
  ADD_FAILURE() << "no row " << op;
  return none;
}

} // namespace

TEST(CostReportTest, SumsLaunchesByOp) {
  CostReport report =
      reportOf(makePackage(), {.batch = 2, .tokens = 6, .context = 10});
  ASSERT_EQ(report.rows.size(), 3u);
  const CostRow &attention = rowOf(report, "attention");
  EXPECT_EQ(attention.launches, 2);
  EXPECT_EQ(attention.bytes.state, 2 * (2 * 10 * 32 + 2 * 3 * 32));
  EXPECT_EQ(attention.bytes.activations, 2 * 6 * 8);
  EXPECT_EQ(attention.bytes.weights, 0);
  EXPECT_EQ(attention.tensorFlops, 2 * 6 * 10 * 100);
  EXPECT_EQ(attention.vectorFlops, 2 * 6 * 7);
  // A launch over sequences has B rows.
  EXPECT_EQ(rowOf(report, "linear").tensorFlops, 2 * 80);
  EXPECT_EQ(rowOf(report, "embedding").bytes.weights, 6 * 8);
  EXPECT_EQ(report.total.launches, 4);
  EXPECT_EQ(report.total.bytes.weights, 48 + 80);
  EXPECT_EQ(report.total.bytes.total(), 48 + 80 + 1664 + 96);
  EXPECT_EQ(report.launchesWithoutCost, 1);
}

TEST(CostReportTest, TimeIsTheLongestOfMemoryAndUnits) {
  CostReport report =
      reportOf(makePackage(), {.batch = 2, .tokens = 6, .context = 10});
  // A launch: 880 bytes in 0.88 s, tensor 0.6 s, vector 4.2 s.
  const CostRow &attention = rowOf(report, "attention");
  EXPECT_DOUBLE_EQ(attention.seconds, 2 * (0.5 + 4.2));
  EXPECT_FALSE(attention.memoryBound());
  const CostRow &head = rowOf(report, "linear");
  EXPECT_DOUBLE_EQ(head.seconds, 0.5 + 0.08);
  EXPECT_TRUE(head.memoryBound());
  // Longest first, and all of them in the total.
  EXPECT_EQ(report.rows[0].op, "attention");
  EXPECT_EQ(report.rows[1].op, "linear");
  EXPECT_DOUBLE_EQ(report.total.seconds,
                   attention.seconds + head.seconds + 0.5 + 0.048);
}

TEST(CostReportTest, UnavoidableBytes) {
  CostReport report =
      reportOf(makePackage(), {.batch = 2, .tokens = 6, .context = 10});
  // The head and the norm whole, of the table the rows of 6 tokens.
  EXPECT_EQ(report.unavoidable.weights, 80 + 16 + 6 * 8);
  // Caches of 32 bytes a position: 10 cached and 3 new ones.
  EXPECT_EQ(report.unavoidable.state,
            2 * (2 * 32 * (10 + 3) + 2 * 30 * 4 + 2 * 21 * 2));
  EXPECT_EQ(report.unavoidable.activations, 6 * 4 + 2 * 10 * 4);
  EXPECT_DOUBLE_EQ(report.boundSeconds, report.total.vectorFlops / 10.0);
  // The window holds 16.
  report = reportOf(makePackage(), {.batch = 1, .tokens = 20, .context = 100});
  EXPECT_EQ(report.unavoidable.state,
            32 * (100 + 20) + 32 * (16 + 16) + 240 + 84);
}

TEST(CostReportTest, ATableThatTheHeadReadsToo) {
  Package package = makePackage();
  package.programs[0].launches[3].operands[0].index = 0; // tied
  package.parameters.erase(package.parameters.begin() + 1);
  CostReport report =
      reportOf(package, {.batch = 2, .tokens = 2, .context = 0});
  EXPECT_EQ(report.unavoidable.weights, 80 + 16);
}

TEST(CostReportTest, RefusesWhatItCannotAnswer) {
  auto errorOf = [](const Package &package, const std::string &name,
                    const CostSizes &sizes) {
    Result<CostReport> report = reportCost(package, name, sizes, kMachine);
    EXPECT_FALSE(report);
    return report ? "" : report.error().message;
  };
  Package package = makePackage();
  EXPECT_NE(errorOf(package, "prefill", {}).find("a program 'prefill'"),
            std::string::npos);
  for (const CostSizes &sizes :
       {CostSizes{.batch = 0}, CostSizes{.batch = 2, .tokens = 1},
        CostSizes{.context = -1}})
    EXPECT_NE(errorOf(package, "decode", sizes)
                  .find("expected at least one sequence"),
              std::string::npos);
  const CostSizes huge = {.tokens = 1, .context = INT64_MAX / 100};
  EXPECT_NE(errorOf(package, "decode", huge).find("does not fit 64 bits"),
            std::string::npos);
  package.kernels[2].cost.tensorFlops = CostExpr::unknown();
  EXPECT_NE(errorOf(package, "decode", {}).find("cost of kernel 'head'"),
            std::string::npos);
}
