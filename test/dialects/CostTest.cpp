// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Costs of ops as numbers, against sums written out;
// test/dialects/jet/cost.mlir has them as expressions.

#include "dialects/jet/Jet.h"
#include "dialects/jet/Targets.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/OwningOpRef.h"

#include <algorithm>
#include <gtest/gtest.h>
#include <optional>

namespace {

using namespace jet;

class CostTest : public testing::Test {
protected:
  CostTest() { context.loadDialect<JetDialect>(); }

  KvCacheType cache(std::optional<int64_t> window) {
    std::optional<int64_t> page;
    if (!window)
      page = 64;
    mlir::FloatAttr one = mlir::Builder(&context).getF64FloatAttr(1);
    return KvCacheType::get(&context, 2, 8, mlir::BFloat16Type::get(&context),
                            page, window, one, one);
  }

  mlir::MLIRContext context{mlir::MLIRContext::Threading::DISABLED};
};

int64_t valueOf(const CostExpr &expr, const CostSizes &sizes) {
  Result<int64_t> value = expr.evaluate(sizes);
  EXPECT_TRUE(value) << expr.toString();
  return value ? *value : -1;
}

} // namespace

TEST_F(CostTest, AttentionCountsTheKeysThatEachRowSees) {
  for (std::optional<int64_t> window : {std::optional<int64_t>(), {1}, {5}})
    for (int64_t before : {0, 1, 3, 4, 5, 6, 40})
      for (int64_t each : {1, 2, 4, 5, 6, 17}) {
        OpCost cost;
        addAttention(cost, cache(window), /*heads=*/6);
        const int64_t batch = 3, limit = window.value_or(INT64_MAX);
        int64_t seen = 0;
        for (int64_t i = 1; i <= each; ++i)
          seen += std::min(before + i, limit);
        const CostSizes sizes = {.rows = 0,
                                 .batch = batch,
                                 .tokens = batch * each,
                                 .context = before};
        EXPECT_EQ(valueOf(cost.tensorFlops, sizes), batch * seen * 4 * 6 * 8)
            << limit << " " << before << " " << each;
        EXPECT_EQ(valueOf(cost.vectorFlops, sizes), batch * seen * 5 * 6);
        // K and V, 2 heads of 8, bf16.
        EXPECT_EQ(valueOf(cost.stateRead, sizes),
                  batch * std::min(before, limit) * 64);
        EXPECT_TRUE(cost.stateWritten.isZero());
        addKvAppend(cost, cache(window));
        EXPECT_EQ(valueOf(cost.stateWritten, sizes),
                  batch * std::min(each, limit) * 64);
      }
}

TEST_F(CostTest, AConvolutionOfOneTapHasNoTail) {
  OpCost cost;
  addConvolution(cost, ConvTailType::get(&context, 0, 7,
                                         mlir::BFloat16Type::get(&context)));
  EXPECT_TRUE(cost.stateRead.isZero());
  EXPECT_EQ(cost.vectorFlops.toString(), "14*T");
}

TEST_F(CostTest, AttributesRoundTrip) {
  OpCost cost;
  addAttention(cost, cache(5), 6);
  addKvAppend(cost, cache(5));
  cost.weightsRead = 12;
  cost.activationsRead = CostExpr::unknown();
  auto module = mlir::ModuleOp::create(mlir::UnknownLoc::get(&context));
  mlir::OwningOpRef<mlir::ModuleOp> owner(module);
  mlir::DictionaryAttr attribute = costToAttribute(&context, "attention", cost);
  EXPECT_EQ(attribute.getAs<mlir::StringAttr>("op").getValue(), "attention");
  EXPECT_FALSE(attribute.get("activations_written")); // 0
  auto read = costFromAttribute(module, attribute);
  ASSERT_TRUE(mlir::succeeded(read));
  for (const CostPart &part : kCostParts)
    EXPECT_EQ((*read.*part.member).toString(), (cost.*part.member).toString())
        << part.name;
}

TEST_F(CostTest, OtherAttributesAreErrors) {
  std::string message;
  mlir::ScopedDiagnosticHandler handler(
      &context,
      [&](mlir::Diagnostic &diagnostic) { message = diagnostic.str(); });
  auto module = mlir::ModuleOp::create(mlir::UnknownLoc::get(&context));
  mlir::OwningOpRef<mlir::ModuleOp> owner(module);
  mlir::Builder b(&context);
  const std::pair<mlir::NamedAttribute, const char *> wrong[] = {
      {b.getNamedAttr("weights", b.getStringAttr("3")),
       "expected the parts of a cost as strings, found \"weights\""},
      {b.getNamedAttr("weights_read", b.getI64IntegerAttr(3)),
       "found \"weights_read\""},
      {b.getNamedAttr("weights_read", b.getStringAttr("3 *")),
       "at character 4"}};
  for (const auto &[entry, expected] : wrong) {
    EXPECT_TRUE(
        mlir::failed(costFromAttribute(module, b.getDictionaryAttr({entry}))));
    EXPECT_NE(message.find("jet.cost: "), std::string::npos) << message;
    EXPECT_NE(message.find(expected), std::string::npos) << message;
  }
}

TEST_F(CostTest, EveryDescriptionThatShipsIsOne) {
  ASSERT_EQ(builtinTargetNames().size(), 3u);
  EXPECT_TRUE(llvm::is_sorted(builtinTargetNames()));
  for (llvm::StringRef name : builtinTargetNames()) {
    Result<TargetAttr> target = findTarget(context, name.str());
    ASSERT_TRUE(target) << target.error().message;
    EXPECT_EQ(target->getName(), name);
    // What is built in and what users copy are the same.
    Result<TargetAttr> file =
        findTarget(context, std::string(JET_SOURCE_DIR) + "/targets/" +
                                name.str() + ".mlir");
    ASSERT_TRUE(file) << file.error().message;
    EXPECT_EQ(*file, *target);
  }
}
