// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Whole models down to packages: what the launch lists say is held against the
// spec, and followed step by step.

#include "lowering/BuildPackage.h"
#include "dialects/jet/Jet.h"
#include "frontend/Import.h"
#include "frontend/Spec.h"
#include "lowering/Pipelines.h"
#include "lowering/Registration.h"

#include "mlir/IR/Diagnostics.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"

#include <algorithm>
#include <gtest/gtest.h>
#include <map>
#include <set>

namespace {

using namespace jet;
using Kind = OperandRef::Kind;

mlir::MLIRContext &getContext() {
  static mlir::MLIRContext *context = [] {
    mlir::DialectRegistry registry;
    registerAllDialects(registry);
    auto *made =
        new mlir::MLIRContext(registry, mlir::MLIRContext::Threading::DISABLED);
    made->loadDialect<JetDialect>();
    return made;
  }();
  return *context;
}

struct Built {
  ModelSpec spec;
  Package package;
};

/// Spec to package, but for the code.
std::unique_ptr<Built> build(const std::string &path) {
  auto parsed = readSpec(std::string(JET_SOURCE_DIR) + path);
  if (!parsed) {
    ADD_FAILURE() << parsed.error().message;
    return nullptr;
  }
  auto built = std::make_unique<Built>();
  built->spec = std::move(parsed->spec);
  auto module = importSpec(getContext(), built->spec, "m", path);
  mlir::PassManager pm(&getContext());
  buildPlacePipeline(pm, PlacementOptions());
  buildExpandPipeline(pm, ExpandOptions());
  buildLaunchPipeline(pm);
  buildPlanPipeline(pm, PlanOptions());
  buildLinalgPipeline(pm);
  buildLoopsPipeline(pm, CpuOptions());
  if (failed(pm.run(*module))) {
    ADD_FAILURE() << path << ": the pipelines failed";
    return nullptr;
  }
  mlir::FailureOr<Package> package = buildPackage(*module);
  if (failed(package)) {
    ADD_FAILURE() << path << ": no package";
    return nullptr;
  }
  built->package = std::move(*package);
  return built;
}

class Packages : public testing::TestWithParam<const char *> {
protected:
  void SetUp() override {
    static std::map<std::string, std::unique_ptr<Built>> cache;
    auto [entry, isNew] = cache.try_emplace(GetParam());
    if (isNew)
      entry->second = build(GetParam());
    ASSERT_TRUE(entry->second);
    built = entry->second.get();
  }
  const ModelSpec &spec() const { return built->spec; }
  const Package &package() const { return built->package; }
  /// Launches of `program` whose kernel's name begins with `prefix`.
  int64_t countLaunches(const ProgramInfo &program,
                        const std::string &prefix) const {
    return std::ranges::count_if(program.launches, [&](const LaunchInfo &l) {
      return package().kernels[l.kernel].name.starts_with(prefix);
    });
  }
  int64_t countLayers(MixerKind kind) const {
    return std::ranges::count_if(spec().layers, [&](const LayerSpec &layer) {
      return layer.candidates.front() == kind;
    });
  }

  const Built *built = nullptr;
};

std::string nameOf(const testing::TestParamInfo<const char *> &info) {
  return std::vector<std::string>{"Tiny", "Jet2B", "Jet4B",
                                  "Mixers"}[info.index];
}

INSTANTIATE_TEST_SUITE_P(Models, Packages,
                         testing::Values("/test/e2e/tiny/config.json",
                                         "/examples/jet-nemotron-2b.json",
                                         "/examples/jet-nemotron-4b.json",
                                         "/test/e2e/Inputs/mixers.json"),
                         nameOf);

TEST_P(Packages, ParametersAreThoseOfTheSpec) {
  using Entry = std::tuple<std::string, std::vector<int64_t>, DType>;
  std::vector<Entry> expected, found;
  int64_t count = 0;
  for (const ParameterSpec &parameter : listParameters(spec())) {
    expected.push_back({parameter.name, parameter.shape, spec().dtype});
    int64_t size = 1;
    for (int64_t dim : parameter.shape)
      size *= dim;
    count += size;
  }
  for (const ParameterInfo &parameter : package().parameters)
    found.push_back({parameter.name, parameter.shape, parameter.dtype});
  std::ranges::sort(expected);
  std::ranges::sort(found);
  EXPECT_EQ(found, expected);
  EXPECT_EQ(package().model.parameters, count);
}

TEST_P(Packages, ModelSaysWhatTheSpecSays) {
  const ModelInfo &model = package().model;
  EXPECT_EQ(model.name, "m");
  EXPECT_EQ(model.dtype, dtypeName(spec().dtype));
  EXPECT_EQ(model.hiddenSize, spec().hiddenSize);
  EXPECT_EQ(model.vocabSize, spec().vocabSize);
  EXPECT_EQ(model.maxContext, spec().maxPositionEmbeddings);
  ASSERT_EQ(model.layers.size(), spec().layers.size());
  for (size_t i = 0; i < model.layers.size(); ++i)
    EXPECT_EQ(model.layers[i], mixerName(spec().layers[i].candidates.front()));
}

/// "kind layer dtype sizes" for each state.
std::vector<std::string> describe(const std::vector<StateInfo> &states) {
  std::vector<std::string> lines;
  for (const StateInfo &state : states) {
    std::string line = std::string(stateKindName(state.kind)) + " " +
                       std::to_string(state.layer) + " " +
                       std::string(dtypeName(state.dtype));
    for (int64_t size : state.shape)
      line += " " + std::to_string(size);
    lines.push_back(line);
  }
  return lines;
}

TEST_P(Packages, StatesAreThoseOfTheMixers) {
  std::vector<StateInfo> expected;
  auto add = [&](size_t layer, StateKind kind, DType dtype,
                 std::vector<int64_t> sizes) {
    expected.push_back(
        {static_cast<int64_t>(layer), kind, dtype, std::move(sizes)});
  };
  const AttentionSpec &attention = spec().attention;
  for (size_t i = 0; i < spec().layers.size(); ++i) {
    switch (spec().layers[i].candidates.front()) {
    case MixerKind::Attention:
      add(i, StateKind::AttentionKv, spec().dtype,
          {2, attention.numKvHeads, 64, attention.headDim});
      break;
    case MixerKind::SlidingWindow:
      add(i, StateKind::WindowKv, spec().dtype,
          {2, attention.numKvHeads, *spec().window, attention.headDim});
      break;
    case MixerKind::JetBlock: {
      const JetBlockSpec &jet = *spec().jetBlock;
      add(i, StateKind::Recurrent, DType::F32,
          {jet.numHeads, jet.keyHeadDim, jet.valueHeadDim});
      add(i, StateKind::ConvTail, spec().dtype,
          {jet.convSize - 1, jet.valueDim()});
      break;
    }
    case MixerKind::GatedDeltaNet: {
      const GatedDeltaNetSpec &gdn = *spec().gatedDeltaNet;
      add(i, StateKind::Recurrent, DType::F32,
          {gdn.numHeads, gdn.keyHeadDim, gdn.valueHeadDim});
      for (int64_t columns : {gdn.keyDim(), gdn.keyDim(), gdn.valueDim()})
        add(i, StateKind::ConvTail, spec().dtype, {gdn.convSize - 1, columns});
      break;
    }
    case MixerKind::Mamba2: {
      const Mamba2Spec &mamba = *spec().mamba2;
      add(i, StateKind::Recurrent, DType::F32,
          {mamba.numHeads, mamba.stateDim, mamba.headDim});
      for (int64_t columns :
           {mamba.innerDim(), mamba.groupsDim(), mamba.groupsDim()})
        add(i, StateKind::ConvTail, spec().dtype,
            {mamba.convSize - 1, columns});
      break;
    }
    }
  }
  EXPECT_EQ(describe(package().states), describe(expected));
}

TEST_P(Packages, ProgramsLaunchEveryLayer) {
  ASSERT_EQ(package().programs.size(), 3u);
  const char *names[] = {"prefill", "decode", "forward"};
  const bool perSequence[] = {true, true, false};
  const int64_t layers = spec().layers.size();
  const int64_t jets = countLayers(MixerKind::JetBlock);
  const int64_t nets = countLayers(MixerKind::GatedDeltaNet);
  const int64_t mambas = countLayers(MixerKind::Mamba2);
  const int64_t attentions = layers - jets - nets - mambas;
  for (int i = 0; i < 3; ++i) {
    const ProgramInfo &program = package().programs[i];
    EXPECT_EQ(program.name, names[i]);
    EXPECT_EQ(program.logitsPerSequence, perSequence[i]);
    EXPECT_EQ(countLaunches(program, "attention"), attentions);
    EXPECT_EQ(countLaunches(program, "kv_append"), attentions);
    EXPECT_EQ(countLaunches(program, "rope"), 2 * attentions);
    EXPECT_EQ(countLaunches(program, "gated_delta_rule"), jets + nets + mambas);
    EXPECT_EQ(countLaunches(program, "dynamic_conv"), jets);
    EXPECT_EQ(countLaunches(program, "short_conv"), 3 * (nets + mambas));
    // Of q and k; of Mamba2's groups, of which there are two.
    EXPECT_EQ(countLaunches(program, "l2_norm"), 2 * (jets + nets) + mambas);
    EXPECT_EQ(countLaunches(program, "swiglu"), layers);
    EXPECT_EQ(countLaunches(program, "rms_norm"), 2 * layers + 1);
    // q, k, v, o; q, k, v, g, a, b, o and the generator's two; without these;
    // z, x, B, C, dt, out; MLP; head.
    EXPECT_EQ(countLaunches(program, "linear"), 4 * attentions + 9 * jets +
                                                    7 * nets + 6 * mambas +
                                                    3 * layers + 1);
  }
}

// Only behind the last tokens are rows sequences, and only prefill has them.
TEST_P(Packages, RowsAreTokensUntilTheLastTokens) {
  for (const ProgramInfo &program : package().programs) {
    const bool hasLast = program.name == "prefill";
    EXPECT_EQ(countLaunches(program, "last_token"), hasLast);
    bool isBehind = false;
    for (const LaunchInfo &launch : program.launches) {
      EXPECT_EQ(launch.rowsAreSequences, isBehind) << program.name;
      if (package().kernels[launch.kernel].name.starts_with("last_token"))
        isBehind = true;
    }
  }
}

/// First write and last use of each buffer of `program`; checks on the way that
/// nothing is read that was not written.
std::vector<std::pair<int64_t, int64_t>> follow(const Package &package,
                                                const ProgramInfo &program) {
  std::vector<std::pair<int64_t, int64_t>> lives(program.buffers.size(),
                                                 {-1, -1});
  for (size_t step = 0; step < program.launches.size(); ++step) {
    const LaunchInfo &launch = program.launches[step];
    const KernelInfo &kernel = package.kernels[launch.kernel];
    EXPECT_EQ(launch.operands.size(), kernel.operands.size());
    for (size_t i = 0; i < launch.operands.size(); ++i) {
      const OperandRef &operand = launch.operands[i];
      const Access access = kernel.operands[i].access;
      EXPECT_EQ(access == Access::ReadWrite,
                operand.kind == Kind::State && access != Access::Read);
      EXPECT_EQ(access == Access::Write, (operand.kind == Kind::Buffer &&
                                          lives[operand.index].first == -1) ||
                                             operand.kind == Kind::Logits)
          << program.name << " launch " << step << " operand " << i;
      if (operand.kind != Kind::Buffer)
        continue;
      auto &[first, last] = lives[operand.index];
      if (first == -1)
        first = step;
      last = step;
    }
  }
  return lives;
}

TEST_P(Packages, BuffersHoldTheirValuesUntilTheLastUse) {
  for (const ProgramInfo &program : package().programs) {
    const auto lives = follow(package(), program);
    int64_t end = 0;
    for (size_t i = 0; i < lives.size(); ++i) {
      const BufferInfo &own = program.buffers[i];
      EXPECT_GE(lives[i].first, 0) << "buffer " << i << " is never written";
      EXPECT_EQ(own.offset % 64, 0);
      end = std::max(end, own.offset + own.bytes);
      for (size_t j = 0; j < i; ++j) {
        const BufferInfo &other = program.buffers[j];
        EXPECT_TRUE(lives[i].second < lives[j].first ||
                    lives[j].second < lives[i].first ||
                    own.offset + own.bytes <= other.offset ||
                    other.offset + other.bytes <= own.offset)
            << program.name << ": buffers " << i << " and " << j << " overlap";
      }
    }
    EXPECT_EQ(program.arenaBytesPerRow, end);
  }
}

// In order of layers: first what reads the old state, then what updates it.
TEST_P(Packages, EveryStateIsUpdatedOnce) {
  for (const ProgramInfo &program : package().programs) {
    std::map<int64_t, int64_t> updates;
    for (const LaunchInfo &launch : program.launches) {
      const KernelInfo &kernel = package().kernels[launch.kernel];
      for (size_t i = 0; i < launch.operands.size(); ++i) {
        if (launch.operands[i].kind != Kind::State)
          continue;
        const int64_t state = launch.operands[i].index;
        if (kernel.operands[i].access == Access::ReadWrite)
          ++updates[state];
        else
          EXPECT_EQ(updates.count(state), 0u) << "read after the update";
      }
    }
    EXPECT_EQ(updates.size(), package().states.size());
    for (auto [state, count] : updates)
      EXPECT_EQ(count, 1) << "state " << state;
  }
}

TEST_P(Packages, BeginWithTokensAndEndWithLogits) {
  for (const ProgramInfo &program : package().programs) {
    const OperandRef &tokens = program.launches.front().operands.front();
    EXPECT_EQ(tokens.kind, Kind::Tokens);
    int64_t logits = 0;
    for (const LaunchInfo &launch : program.launches)
      for (const OperandRef &operand : launch.operands)
        logits += operand.kind == Kind::Logits;
    EXPECT_EQ(logits, 1);
    EXPECT_EQ(program.launches.back().operands.back().kind, Kind::Logits);
  }
}

// Layers share kernels, and so do programs: code does not grow with depth.
TEST_P(Packages, KernelsAreSharedByLayers) {
  std::set<std::string> names;
  for (const KernelInfo &kernel : package().kernels)
    EXPECT_TRUE(names.insert(kernel.name).second) << kernel.name;
  std::set<std::string> mixers(package().model.layers.begin(),
                               package().model.layers.end());
  EXPECT_LE(names.size(), 15 * mixers.size());
  std::set<int64_t> used;
  for (const ProgramInfo &program : package().programs)
    for (const LaunchInfo &launch : program.launches)
      used.insert(launch.kernel);
  EXPECT_EQ(used.size(), names.size()) << "a kernel is never launched";
}

TEST_P(Packages, AreSoundToTheRuntime) {
  Package whole = package();
  whole.producer = "test";
  whole.target = {"cpu", "x86_64", "x86-64-v2"};
  whole.blobs.push_back({"host_code", {std::byte{1}}});
  Result<void> verified = verifyPackage(whole, "m.jet");
  EXPECT_TRUE(verified) << verified.error().message;
}

//===----------------------------------------------------------------------===//
// Broken modules
//===----------------------------------------------------------------------===//

/// The error that buildPackage() reports for `text`.
std::string errorOf(const std::string &text) {
  auto module = mlir::parseSourceString<mlir::ModuleOp>(text, &getContext());
  if (!module)
    return "not parsed";
  std::string message = "none";
  mlir::ScopedDiagnosticHandler handler(
      &getContext(),
      [&](mlir::Diagnostic &diagnostic) { message = diagnostic.str(); });
  EXPECT_EQ(failed(buildPackage(*module)), message != "none");
  return message;
}

const std::string kModel = R"(
  jet.model @test hidden 2 intermediate 2 vocab 2 max_position 2
      rms_norm_eps 1.0e-06 storage f32 {
    jet.layer 0 mixer #jet.attention<heads = 1, kv_heads = 1, head_dim = 2, rope_theta = 10000.0> weights "self_attn"
  }
)";

TEST(BuildPackage, WantsAModelAndKernels) {
  const std::string expected = "expected a jet.model and a module @kernels";
  EXPECT_EQ(errorOf("module { }"), expected);
  EXPECT_EQ(errorOf(kModel), expected);
  EXPECT_EQ(errorOf("module @kernels { }"), expected);
  EXPECT_EQ(errorOf(kModel + "module @kernels { }"), "none");
}

TEST(BuildPackage, WantsLoweredKernels) {
  EXPECT_EQ(errorOf(kModel + R"(module @kernels {
    func.func @k(%x: memref<?x4xf32>) { return }
  })"),
            "'func.func' op expected jet.grid; run -jet-map-grid first");
}

} // namespace
