// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "search/JetBlockShapes.h"
#include "dialects/jet/Targets.h"
#include "frontend/Import.h"
#include "lowering/MachineRates.h"
#include "support/File.h"
#include "test/search/CompileWhole.h"
#include "test/search/Question.h"

using namespace jet;

namespace {

constexpr double kMebibyte = 1 << 20;

class JetBlockShapesTest : public ::testing::Test {
protected:
  void SetUp() override {
    auto read = readTextFile(path, 1 << 20);
    ASSERT_TRUE(read) << read.error().message;
    text = *read;
    Result<TargetAttr> target = findTarget(question.context, "h100-sxm");
    ASSERT_TRUE(target);
    ask.machine = getMachineRates(*target);
    ask.batch = 128;
    ask.context = 64000;
  }

  void setRanges(const std::vector<std::string> &texts) {
    auto ranges = parseJetBlockRanges(texts);
    ASSERT_TRUE(ranges) << ranges.error().message;
    ask.ranges = *ranges;
  }

  ShapeResult find() {
    auto found = searchShapes(question.context, text, path, ask);
    EXPECT_TRUE(found) << found.error().message;
    return found ? *found : ShapeResult();
  }

  std::string findError() {
    auto found = searchShapes(question.context, text, path, ask);
    return found ? "" : found.error().message;
  }

  const std::string path = examplePath("jet-nemotron-2b.json");
  std::string text;
  Question question;
  ShapeQuestion ask;
};

/// A row of the authors' table (Jet-Nemotron, arXiv 2508.15884), all of 154 MB
/// at 64K. The parameters are billions.
struct PublishedRow {
  JetBlockShape shape;
  double parameters;
};
const PublishedRow kPublished[] = {
    {{256, 288, 4}, 1.62},  {{192, 384, 4}, 1.64}, {{128, 576, 4}, 1.70},
    {{256, 144, 8}, 1.66},  {{192, 192, 8}, 1.70}, {{128, 288, 8}, 1.74},
    {{128, 192, 12}, 1.78}, {{96, 256, 12}, 1.84}, {{64, 384, 12}, 1.98}};

TEST_F(JetBlockShapesTest, ReproducesTheAuthorsParametersAndCache) {
  setRanges(
      {"d_k=64,96,128,192,256", "d_v=144,192,256,288,384,576", "heads=4,8,12"});
  ask.cacheBytes = 154 * kMebibyte;
  ShapeResult result = find();
  EXPECT_EQ(result.enumerated, 90u);
  for (const PublishedRow &row : kPublished) {
    auto found = llvm::find_if(result.shapes, [&](const ShapeCosts &one) {
      return one.shape == row.shape;
    });
    ASSERT_NE(found, result.shapes.end());
    SCOPED_TRACE(row.shape.keyDim);
    EXPECT_NEAR(found->cacheBytes / kMebibyte, 154, 1);
    // The table counts blocks without a generator of the convolution's taps.
    // Of one row it has 0.03 less than the sizes make.
    const bool isOdd = row.shape == JetBlockShape{256, 144, 8};
    EXPECT_NEAR(found->plainParameters / 1e9, row.parameters + 0.03 * isOdd,
                0.0055);
    EXPECT_GT(found->parameters, found->plainParameters);
  }
}

TEST_F(JetBlockShapesTest, CostsAreThoseOfTheWholeModel) {
  setRanges({"d_k=64", "d_v=384", "heads=12"});
  const ShapeCosts one = find().shapes.at(0);
  auto config = reshapeConfig(text, path, one.shape);
  ASSERT_TRUE(config);
  Result<ParsedSpec> parsed = parseSpec(*config, path);
  ASSERT_TRUE(parsed) << parsed.error().message;
  auto module = importSpec(question.context, parsed->spec, "m", path);
  Package whole = compileWhole(*module, /*forGpu=*/true);
  EXPECT_EQ(one.parameters, double(whole.model.parameters));
  auto state = stateBytesPerSequence(whole, ask.context);
  ASSERT_TRUE(state);
  EXPECT_EQ(one.cacheBytes, double(state->total()));
  CostSizes sizes;
  sizes.batch = sizes.tokens = ask.batch;
  sizes.context = ask.context;
  auto cost = reportCost(whole, "decode", sizes, ask.machine);
  ASSERT_TRUE(cost);
  EXPECT_NEAR(one.decodeSeconds / cost->total.seconds, 1, 1e-12);
}

TEST_F(JetBlockShapesTest, TheFrontHasWhatNothingBeatsInBoth) {
  setRanges({"d_k=64:256:32", "d_v=96:384:96", "heads=8,12"});
  ask.cacheTolerance = 0.05;
  ask.speedTolerance = 0.01;
  ShapeResult result = find();
  ASSERT_GT(result.shapes.size(), 3u);
  EXPECT_TRUE(result.shapes[result.chosen].isOnFront);
  double fastest = 1;
  for (const ShapeCosts &one : result.shapes) {
    EXPECT_NEAR(one.cacheBytes, result.cacheBytes, 0.05 * result.cacheBytes);
    fastest = std::min(fastest, one.decodeSeconds);
    bool isBeaten = false;
    for (const ShapeCosts &other : result.shapes)
      isBeaten |= (other.parameters > one.parameters &&
                   other.decodeSeconds <= one.decodeSeconds) ||
                  (other.parameters >= one.parameters &&
                   other.decodeSeconds < one.decodeSeconds);
    EXPECT_EQ(one.isOnFront, !isBeaten);
  }
  for (const ShapeCosts &one : result.shapes)
    if (one.isOnFront && fastest >= 0.99 * one.decodeSeconds)
      EXPECT_LE(one.parameters, result.shapes[result.chosen].parameters);
}

TEST(JetBlockShapes, WhatWasMeasuredDecides) {
  std::vector<ShapeCosts> shapes(4);
  const double predicted[] = {1.0, 1.005, 1.008, 1.5};
  for (size_t i = 0; i < shapes.size(); ++i) {
    shapes[i].parameters = double(i);
    shapes[i].decodeSeconds = predicted[i];
    shapes[i].isOnFront = i != 2;
  }
  EXPECT_EQ(chooseShape(shapes, 0), 0u);
  EXPECT_EQ(chooseShape(shapes, 0.01), 1u);
  EXPECT_EQ(chooseShape(shapes, 0.5), 3u);
  const double measured[] = {8, 7, 0, 4};
  for (size_t i : {0, 1, 3})
    shapes[i].measuredSeconds = measured[i];
  EXPECT_EQ(chooseShape(shapes, 0.01), 3u);
}

TEST_F(JetBlockShapesTest, LimitsLeaveShapesOut) {
  setRanges({"d_k=64,96", "d_v=256,384", "heads=12"});
  ShapeResult all = find();
  ASSERT_EQ(all.shapes.size(), 2u);
  EXPECT_EQ(all.shapes[1].shape, (JetBlockShape{64, 384, 12}));
  ask.maxParameters = 2000000000;
  EXPECT_EQ(find().shapes.size(), 1u);
  ask.maxParameters = 1000000;
  EXPECT_NE(findError().find("no shape at this cache is within all limits: "
                             "parameters: expected at most 1000000, found 19"),
            std::string::npos)
      << findError();
  ask.maxParameters.reset();
  ask.maxDecodeSeconds = all.shapes[0].decodeSeconds * 1.001;
  EXPECT_EQ(find().shapes.size(), 1u);
  ask.maxDecodeSeconds = 1e-9;
  EXPECT_NE(findError().find("decode step: expected at most 0.001 us, found "),
            std::string::npos)
      << findError();
}

TEST_F(JetBlockShapesTest, RefusesWhatCannotBe) {
  setRanges({"d_k=96", "d_v=256", "heads=12"});
  ask.cacheBytes = 1000;
  EXPECT_NE(findError().find("no shape is within 1 % of the cache at context "
                             "64000: expected 1000 bytes, found 16"),
            std::string::npos)
      << findError();
  setRanges({"d_k=96", "d_v=1", "heads=1"});
  EXPECT_NE(findError().find("--jet-block: d_k 96, d_v 1, 1 heads: "),
            std::string::npos)
      << findError();
  auto supernet = readTextFile(examplePath("postnas/config.json"), 1 << 20);
  ASSERT_TRUE(supernet);
  text = *supernet;
  EXPECT_NE(findError().find("$.layer_types: expected a mixer of each layer, "
                             "found \"supernet\" for layer 0"),
            std::string::npos)
      << findError();
}

TEST(JetBlockRanges, AreNumbersAndRanges) {
  auto ranges =
      parseJetBlockRanges({"heads=12,4,4", "d_k=64:128:32,96:97", "d_v=256"});
  ASSERT_TRUE(ranges) << ranges.error().message;
  EXPECT_EQ(ranges->keyDims, (std::vector<int64_t>{64, 96, 97, 128}));
  EXPECT_EQ(ranges->valueDims, (std::vector<int64_t>{256}));
  EXPECT_EQ(ranges->heads, (std::vector<int64_t>{4, 12}));
}

TEST(JetBlockRanges, RefusesOthers) {
  auto error = [](const std::string &keyDims) {
    auto ranges = parseJetBlockRanges({keyDims, "d_v=256", "heads=12"});
    return ranges ? "" : ranges.error().message;
  };
  const std::string expected =
      "--jet-block: d_k: expected numbers from 1 to 1048576 or ranges "
      "from:to:step, found ";
  EXPECT_EQ(error("d_k="), expected + "''");
  EXPECT_EQ(error("d_k=0"), expected + "'0'");
  EXPECT_EQ(error("d_k=many"), expected + "'many'");
  EXPECT_EQ(error("d_k=64:32"), expected + "'64:32'");
  EXPECT_EQ(error("d_k=1:2:0"), expected + "'1:2:0'");
  EXPECT_EQ(error("d_k=1:2:1:1"), expected + "'1:2:1:1'");
  EXPECT_EQ(error("width=1"), "--jet-block: expected d_k=…, d_v=… and "
                              "heads=…, found 'width=1'");
  EXPECT_EQ(error("d_v=1"), "--jet-block: expected d_v once, found it twice");
  EXPECT_EQ(error("d_k=1:5000"),
            "--jet-block: expected at most 4096 shapes, found 5000");
}

} // namespace
