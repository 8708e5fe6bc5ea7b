// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The form of jet.delta_step for the GPU against its general form on the CPU.

#include "../FormHarness.h"
#include "../PortHarness.h"

using namespace jet;
using namespace jet::test;

namespace {

constexpr DType F32 = DType::F32, BF16 = DType::BF16;

struct Config {
  int64_t heads, keyDim, valueDim, width, inner;
  DType storage = F32, values = F32, state = F32, result = F32;
  bool norms = true;
};

/// One token of each of `count` sequences, in shuffled rows and slots.
Step oneTokenEach(Random &random, int64_t count) {
  Step step;
  step.tokens = count;
  step.slots = count + 2;
  step.capacity = 70;
  std::vector<int64_t> slots(step.slots), rows(count);
  std::iota(slots.begin(), slots.end(), 0);
  std::iota(rows.begin(), rows.end(), 0);
  std::shuffle(slots.begin(), slots.end(), random);
  std::shuffle(rows.begin(), rows.end(), random);
  for (int64_t i = 0; i < count; ++i)
    step.sequences.push_back({slots[i], uniform(random, 0, 60), rows[i], 1});
  return step;
}

/// A step with the code that a JetBlock has on its values, q, k and decay.
class StepKernel {
public:
  StepKernel(const Config &config, const Step &step, Random &random);

  std::vector<Buffer *> pointers() {
    std::vector<Buffer *> all = arguments.pointers();
    all.push_back(&y);
    return all;
  }
  std::string text;
  Arguments arguments;
  Buffer y;
  size_t tail = 4, state = 10; // operands

private:
  std::string body(const Config &config) const;
  std::string tailType, stateType, resultType;
};

StepKernel::StepKernel(const Config &config, const Step &step, Random &random)
    : y(config.result, {step.tokens, config.heads, config.valueDim}) {
  const auto [heads, keyDim, valueDim, width, inner, storage, values,
              stateStorage, result, norms] = config;
  const int64_t rows = step.tokens, channels = heads * valueDim;
  tailType = "!jet.conv_tail<" + std::to_string(width - 1) + "x" +
             std::to_string(channels) + "x" + elementType(storage) + ">";
  stateType = "!jet.recurrent_state<" + std::to_string(heads) + "x" +
              std::to_string(keyDim) + "x" + std::to_string(valueDim) + "x" +
              elementType(stateStorage) + ">";
  resultType = rowsType({heads, valueDim}, result);
  auto add = [&](DType dtype, std::vector<int64_t> sizes, bool isRows,
                 double low = -1, double high = 1) {
    if (isRows)
      sizes.insert(sizes.begin(), rows);
    arguments.add(Buffer::random(random, dtype, sizes, low, high), isRows);
  };
  add(storage, {channels}, true); // u
  Buffer h = Buffer::random(random, BF16, {rows, inner}), wide(F32, h.shape());
  for (int64_t i = 0; i < h.count(); ++i)
    wide.set(i, h.get(i)); // rounding it loses nothing
  arguments.add(wide, true);
  add(BF16, {channels * width, inner}, false); // weight
  add(BF16, {channels * width}, false);        // bias
  arguments.add(
      Buffer::random(random, storage, {step.slots, width - 1, channels}), false,
      tailType);
  arguments.add(step.batch(), false, "!jet.batch");
  add(F32, {heads, keyDim}, true); // q
  add(F32, {heads, keyDim}, true); // k
  add(F32, {heads}, true);         // g
  add(F32, {heads}, true, 0, 1);   // beta
  arguments.add(Buffer::random(random, stateStorage,
                               {step.slots, heads, keyDim, valueDim}),
                false, stateType);
  if (norms) {
    add(F32, {heads, valueDim}, true, -3, 3); // gate
    add(BF16, {valueDim}, false);             // norm
  }
  add(BF16, {heads}, false); // of the decay's code
  std::string names;
  for (size_t i = 0; i < arguments.types.size(); ++i)
    names += (i ? ", %" : "%") + std::string(1, static_cast<char>('a' + i));
  text = kernelText("k", "jet.delta_step(" + names + ")", arguments.types,
                    {resultType, tailType, stateType}, body(config));
}

std::string StepKernel::body(const Config &config) const {
  const std::string flat =
      rowsType({config.heads * config.valueDim}, config.values);
  const std::string heads =
      rowsType({config.heads, config.valueDim}, config.values);
  const std::vector<std::string> &types = arguments.types;
  auto list = [&](std::vector<size_t> operands) {
    std::string text;
    for (size_t i : operands)
      text += (text.empty() ? "" : ", ") + types[i];
    return text;
  };
  auto silu = [](const std::string &place, DType out = F32) {
    return Port{.place = place, .silu = true, .out = out}.text();
  };
  std::string head;
  for (size_t i = 0; i < types.size(); ++i)
    head += (i ? ", %" : "%") + std::to_string(i) + ": " + types[i];
  const std::string extra = std::to_string(types.size() - 1);
  const std::string decay = " on operand 3 with(%" + extra + R"() {
    ^bb0(%g_x: f32, %g_n: bf16):
      %g_w = arith.extf %g_n : bf16 to f32
      %g_s = arith.addf %g_x, %g_w : f32
      %g_e = math.exp %g_s : f32
      %g_l = math.log1p %g_e : f32
      %g_m = arith.negf %g_l : f32
      jet.yield %g_m : f32
    })";
  const std::string norms =
      config.norms ? " qk_norm eps 0.0625 scale 0.375 norm %11, %12 eps 0.125"
                   : "";
  std::string ruleTypes =
      list({6, 7}) + ", " + heads + ", " + list({8, 9, 10, 5});
  if (config.norms)
    ruleTypes += ", " + list({11, 12});
  ruleTypes += ", " + types.back();
  return "{\n^bb0(" + head +
         "):\n%conv, %next = jet.generated_conv %0, %1, %2, %3, %4, %5" +
         silu("result 0", config.values) + " : (" + list({0, 1, 2, 3, 4, 5}) +
         ") -> (" + flat + ", " + tailType +
         ")\n%values = jet.split_heads %conv : (" + flat + ") -> " + heads +
         "\n%made, %after = jet.gated_delta_rule %6, %7, %values, %8, %9, "
         "%10, %5" +
         norms + silu("operand 0") + silu("operand 1") + decay + " : (" +
         ruleTypes + ") -> (" + resultType + ", " + stateType +
         ")\njet.step_yield %made, %next, %after : " + resultType + ", " +
         tailType + ", " + stateType + "\n}";
}

class DeltaStepForm : public testing::Test {
protected:
  void check(const Config &config, int64_t sequences, size_t form,
             uint64_t seed) {
    const Step step = oneTokenEach(random, sequences);
    StepKernel given(config, step, random);
    StepKernel wanted(given);
    auto kernels = Kernels::compile(given.text, cpuLevels().front());
    auto forms = Forms::build(given.text);
    ASSERT_TRUE(kernels && forms);
    wanted.y.poison();
    given.y.poison();
    kernels->run("k", wanted.pointers(), step);
    forms->run("k", given.pointers(), step, seed, form);
    const std::vector<Buffer *> got = given.pointers(),
                                want = wanted.pointers();
    for (size_t operand : {given.tail, given.state, got.size() - 1}) {
      Comparison comparison("operand " + std::to_string(operand));
      // Both are rounded, maybe to neighbours.
      bool isNarrow = got[operand]->dtype() == BF16;
      for (int64_t i = 0; i < want[operand]->count(); ++i) {
        const double value = want[operand]->get(i);
        const double rounding = isNarrow ? std::abs(value) / 256 : 0;
        comparison.near(*got[operand], i, value,
                        kMagnitude + rounding / kTolerance);
      }
    }
  }

  /// Of elements of the state and of normed results, and what approximate exp
  /// and 1/x add.
  static constexpr double kMagnitude = 8;
  Random random{0xDE17A};
};

// Forms: 0 and 1 for a few sequences, without and with a stage for the taps,
// then by the rows of the projection.

TEST_F(DeltaStepForm, SharesAHeadAmongCtas) {
  check({4, 16, 40, 4, 8}, 3, 0, 0);
  check({4, 16, 40, 4, 8}, 3, 0, 1);
  check({1, 96, 256, 4, 72}, 2, 0, 2);
  check({16, 24, 8, 3, 16}, 2, 0, 0);
  check({2, 200, 64, 2, 136}, 2, 0, 2);
  check({4, 16, 40, 4, 8}, 3, 1, 1);
  check({1, 96, 256, 4, 72}, 4, 1, 0);
  check({2, 200, 72, 3, 16}, 3, 1, 2);
}

TEST_F(DeltaStepForm, StreamsHeads) {
  check({4, 16, 40, 4, 8}, 3, 2, 0);
  check({1, 96, 256, 4, 72}, 2, 2, 2);
  check({2, 16, 32, 4, 8}, 13, 3, 1);
  check({2, 16, 32, 4, 8}, 17, 4, 0);
  check({2, 16, 32, 4, 8}, 65, 5, 1);
  check({2, 16, 32, 4, 8}, 130, 6, 0);
}

// Several heads a CTA, of some CTAs one more than of others.
TEST_F(DeltaStepForm, StreamsMoreHeadsThanCtas) {
  check({16, 16, 72, 2, 8}, 45, 4, 0);
  check({16, 8, 136, 4, 8}, 60, 4, 3);
  check({16, 8, 8, 3, 8}, 67, 6, 1);
}

TEST_F(DeltaStepForm, StreamsOddSizes) {
  check({8, 8, 72, 2, 24}, 1, 2, 1);
  check({2, 200, 64, 4, 8}, 2, 2, 2);
  check({1, 256, 256, 3, 8}, 2, 2, 0);
  check({3, 104, 248, 2, 8}, 2, 2, 1);
}

TEST_F(DeltaStepForm, RoundsToNarrowTypes) {
  check({4, 40, 72, 4, 24, BF16}, 3, 0, 0);
  check({4, 40, 72, 4, 24, BF16, BF16, BF16, BF16}, 3, 0, 1);
  check({4, 40, 72, 4, 24, BF16, BF16, BF16, BF16}, 3, 1, 0);
  check({4, 40, 72, 4, 24, BF16, BF16, BF16, BF16}, 3, 2, 1);
  check({16, 24, 72, 4, 24, F32, F32, BF16}, 35, 4, 0);
}

TEST_F(DeltaStepForm, NeedsNoNorms) {
  check({4, 16, 72, 4, 8, F32, F32, F32, F32, false}, 3, 0, 0);
  check({4, 16, 72, 4, 8, F32, F32, F32, F32, false}, 3, 2, 0);
  check({16, 8, 72, 4, 8, F32, F32, F32, F32, false}, 37, 4, 1);
}

} // namespace
