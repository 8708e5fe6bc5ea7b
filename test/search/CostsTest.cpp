// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What the search takes from two small compilations for each mixer is what a
// compilation of the whole placement says.

#include "dialects/jet/Targets.h"
#include "lowering/MachineRates.h"
#include "runtime/LayerCuts.h"
#include "search/CompileModel.h"
#include "test/search/CompileWhole.h"
#include "test/search/Question.h"

using namespace jet;

namespace {

void expectSums(Question &question, const Placement &placement,
                const char *machineName) {
  SCOPED_TRACE(question.space->describe(placement) + " on " + machineName);
  Result<TargetAttr> target = findTarget(question.context, machineName);
  ASSERT_TRUE(target);
  MachineRates machine = getMachineRates(*target);
  mlir::OwningOpRef<mlir::ModuleOp> module = question.module->clone();
  Package whole = compileWhole(*module, machine.name != "cpu",
                               question.space->namesOf(placement));
  LayerCosts costs(question.model, *question.space);
  MixerCounts counts = question.space->countsOf(placement);

  auto parameters = costs.parameters();
  ASSERT_TRUE(parameters);
  EXPECT_EQ(parameters->of(counts), whole.model.parameters);
  for (int64_t context : {1, 63, 64, 1000, 65536}) {
    auto state = costs.stateBytes(context);
    Result<StateBytes> bytes = stateBytesPerSequence(whole, context);
    ASSERT_TRUE(state && bytes);
    EXPECT_EQ(state->of(counts), bytes->total()) << context;
  }
  for (auto [batch, context] : {std::pair(1, 128), {16, 4096}, {128, 65536}}) {
    CostSizes sizes;
    sizes.batch = sizes.tokens = batch;
    sizes.context = context;
    auto report = reportCost(whole, "decode", sizes, machine);
    auto seconds = costs.decodeSeconds(batch, context, machine);
    ASSERT_TRUE(report && seconds);
    EXPECT_NEAR(seconds->of(counts) / report->total.seconds, 1, 1e-12)
        << batch << " " << context;
  }
}

TEST(LayerCosts, OfTheExampleAreThoseOfTheWhole) {
  Question question;
  question.readConfig(examplePath("postnas/config.json"));
  for (const Placement &placement :
       {Placement{1, 1, 1, 1, 1, 1, 1, 1}, Placement{0, 1, 1, 0, 1, 0, 0, 1},
        Placement{1, 1, 1, 1, 1, 1, 1, 0}, Placement{0, 0, 0, 0, 0, 0, 0, 0}}) {
    expectSums(question, placement, "cpu");
    expectSums(question, placement, "h200");
  }
}

TEST(LayerCosts, OfA2BModelWithWindowsAreThoseOfTheWhole) {
  Question question;
  question.readConfig(examplePath("jet-nemotron-2b.json"));
  Placement asReleased(question.space->numLayers()); // one choice each
  expectSums(question, asReleased, "h200");
}

// Layers of several packages can follow each other.
TEST(LayerCuts, OfAGpuHandOnResidualsInBF16Everywhere) {
  Question question;
  question.readConfig(examplePath("jet-nemotron-2b.json"));
  mlir::OwningOpRef<mlir::ModuleOp> module = question.module->clone();
  Package whole = compileWhole(*module, /*forGpu=*/true);
  for (const ProgramInfo &program : whole.programs) {
    auto cuts = findLayerCuts(whole, program);
    ASSERT_TRUE(cuts) << program.name << ": " << cuts.error().message;
    EXPECT_EQ(cuts->size(), 29u);
    for (const LayerCut &cut : *cuts)
      EXPECT_EQ(program.buffers[cut.buffer].bytes, 1536 * 2) << program.name;
  }
}

// What placements are measured with.
TEST(LayerCuts, OfAGpuHandOnResidualsInF32WhereAsked) {
  Question question;
  question.readConfig(examplePath("tinyjet/config.json"));
  mlir::OwningOpRef<mlir::ModuleOp> module = question.module->clone();
  RunTarget target{.device = "cuda:0", .wideResiduals = true};
  auto package = compileModel(*module, {}, 1, target);
  ASSERT_TRUE(mlir::succeeded(package));
  for (const ProgramInfo &program : package->programs) {
    auto cuts = findLayerCuts(*package, program);
    ASSERT_TRUE(cuts) << program.name << ": " << cuts.error().message;
    for (const LayerCut &cut : *cuts)
      EXPECT_EQ(program.buffers[cut.buffer].bytes, 192 * 4) << program.name;
  }
}

} // namespace
