// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// jet.delta_step against the ops of its body, each as a kernel of its own: the
// same bits.

#include "PortHarness.h"

using namespace jet;
using namespace jet::test;

namespace {

constexpr DType F32 = DType::F32, BF16 = DType::BF16;

struct Config {
  int64_t heads, keyDim, valueDim, width, inner;
  DType storage = F32, values = F32, state = F32;
};

class DeltaStep : public testing::TestWithParam<std::string> {
protected:
  void check(const Config &config, const Step &step);

  Random random{0x57E9};
};

INSTANTIATE_TEST_SUITE_P(Cpu, DeltaStep, testing::ValuesIn(cpuLevels()),
                         nameOfLevel);

/// "(a, b) -> (c, d)".
std::string signature(const std::vector<std::string> &in,
                      const std::vector<std::string> &out) {
  auto list = [](const std::vector<std::string> &types) {
    std::string text;
    for (const std::string &type : types)
      text += (text.empty() ? "" : ", ") + type;
    return "(" + text + ")";
  };
  return list(in) + " -> " + list(out);
}

void DeltaStep::check(const Config &config, const Step &step) {
  const auto [heads, keyDim, valueDim, width, inner, storage, values,
              stateStorage] = config;
  const int64_t rows = step.tokens, channels = heads * valueDim;
  const std::string tailType = "!jet.conv_tail<" + std::to_string(width - 1) +
                               "x" + std::to_string(channels) + "x" +
                               elementType(storage) + ">";
  const std::string stateType =
      "!jet.recurrent_state<" + std::to_string(heads) + "x" +
      std::to_string(keyDim) + "x" + std::to_string(valueDim) + "x" +
      elementType(stateStorage) + ">";
  auto rowsOf = [&](std::vector<int64_t> sizes, double low, double high) {
    sizes.insert(sizes.begin(), rows);
    return Buffer::random(random, F32, sizes, low, high);
  };
  const Buffer u = Buffer::random(random, storage, {rows, channels});
  const Buffer h = rowsOf({inner}, -1, 1);
  const Buffer w = Buffer::random(random, BF16, {channels * width, inner});
  const Buffer b = Buffer::random(random, BF16, {channels * width});
  const Buffer tail =
      Buffer::random(random, storage, {step.slots, width - 1, channels});
  const Buffer q = rowsOf({heads, keyDim}, -1, 1);
  const Buffer k = rowsOf({heads, keyDim}, -1, 1);
  const Buffer g = rowsOf({heads}, -1.5, 0), beta = rowsOf({heads}, 0, 1);
  const Buffer state = Buffer::random(random, stateStorage,
                                      {step.slots, heads, keyDim, valueDim});
  const Buffer gate = rowsOf({heads, valueDim}, -3, 3);
  const Buffer weight = Buffer::random(random, F32, {valueDim});

  const std::string resultType = rowsType({heads, valueDim}, F32);
  const std::string flatType = rowsType({channels}, values);
  const std::string headsType = rowsType({heads, valueDim}, values);
  const std::string code =
      " on result 0 {\n^bb0(%x: f32):\n%square = arith.mulf %x, %x : f32\n" +
      std::string(values == BF16
                      ? "%narrow = arith.truncf %square : f32 to bf16\n"
                        "jet.yield %narrow : bf16\n}"
                      : "jet.yield %square : f32\n}");
  const std::string norms = " qk_norm eps 0.0625 scale 0.375";

  // The convolution, then the rule on what it made.
  Arguments convolution;
  convolution.add(u, true);
  convolution.add(h, true);
  convolution.add(w, false);
  convolution.add(b, false);
  Buffer &nextTail = convolution.add(tail, false, tailType);
  convolution.add(step.batch(), false, "!jet.batch");
  const std::vector<std::string> convTypes = convolution.types;
  auto kernel = Kernels::compile(
      convolution.kernel("jet.generated_conv " + Arguments::names(0, 6) + code,
                         {flatType, tailType}),
      GetParam());
  ASSERT_TRUE(kernel);
  Buffer &convolved = convolution.add(Buffer(values, {rows, channels}), true);
  kernel->run("k", convolution.pointers(), step);

  Arguments rule;
  rule.add(q, true);
  rule.add(k, true);
  Buffer &v = rule.add(Buffer(values, {rows, heads, valueDim}), true);
  for (int64_t i = 0; i < convolved.count(); ++i)
    v.set(i, convolved.get(i));
  rule.add(g, true);
  rule.add(beta, true);
  Buffer &nextState = rule.add(state, false, stateType);
  rule.add(step.batch(), false, "!jet.batch");
  rule.add(gate, true);
  rule.add(weight, false);
  const std::vector<std::string> ruleTypes = rule.types;
  kernel = Kernels::compile(rule.kernel("jet.gated_delta_rule " +
                                            Arguments::names(0, 7) + norms +
                                            " norm %arg7, %arg8 eps 0.125",
                                        {resultType, stateType}),
                            GetParam());
  ASSERT_TRUE(kernel);
  Buffer &y = rule.add(Buffer(F32, {rows, heads, valueDim}), true);
  kernel->run("k", rule.pointers(), step);

  // Both at once.
  Arguments fused;
  fused.add(u, true);
  fused.add(h, true);
  fused.add(w, false);
  fused.add(b, false);
  Buffer &fusedTail = fused.add(tail, false, tailType);
  fused.add(step.batch(), false, "!jet.batch");
  for (const Buffer *rowsBuffer : {&q, &k, &g, &beta})
    fused.add(*rowsBuffer, true);
  Buffer &fusedState = fused.add(state, false, stateType);
  fused.add(gate, true);
  fused.add(weight, false);
  std::string names, arguments;
  for (size_t i = 0; i < fused.types.size(); ++i) {
    names += (i ? ", %" : "%") + std::string(1, static_cast<char>('a' + i));
    arguments += (i ? ", %" : "%") + std::to_string(i) + ": " + fused.types[i];
  }
  const std::string body =
      " {\n^bb0(" + arguments + "):\n%conv, %next = jet.generated_conv " +
      "%0, %1, %2, %3, %4, %5" + code + " : " +
      signature(convTypes, {flatType, tailType}) +
      "\n%values = jet.split_heads %conv : (" + flatType + ") -> " + headsType +
      "\n%made, %after = jet.gated_delta_rule %6, %7, %values, %8, %9, %10, "
      "%5" +
      norms + " norm %11, %12 eps 0.125 : " +
      signature(ruleTypes, {resultType, stateType}) +
      "\njet.step_yield %made, %next, %after : " + resultType + ", " +
      tailType + ", " + stateType + "\n}";
  kernel = Kernels::compile(kernelText("k", "jet.delta_step(" + names + ")",
                                       fused.types,
                                       {resultType, tailType, stateType}, body),
                            GetParam());
  ASSERT_TRUE(kernel);
  Buffer &fusedY = fused.add(Buffer(F32, {rows, heads, valueDim}), true);
  kernel->run("k", fused.pointers(), step);

  Comparison comparison("jet.delta_step");
  const std::pair<Buffer *, Buffer *> pairs[] = {
      {&fusedY, &y}, {&fusedTail, &nextTail}, {&fusedState, &nextState}};
  for (auto [got, want] : pairs)
    for (int64_t i = 0; i < want->count(); ++i)
      comparison.same(*got, i, *want, i);
}

TEST_P(DeltaStep, IsItsParts) {
  check({3, 7, 17, 4, 5}, Step::random(random, 20));
  check({2, 17, 9, 2, 33}, Step::random(random, 20));
  check({5, 33, 16, 3, 8, BF16}, Step::random(random, 40));
  check({2, 8, 65, 4, 9, BF16, BF16}, Step::random(random, 20));
  check({3, 7, 17, 4, 5, BF16, F32, BF16}, Step::random(random, 20));
}

TEST_P(DeltaStep, NeedsNoTail) {
  check({2, 5, 8, 1, 4}, Step::random(random, 20));
  check({1, 1, 1, 1, 1}, Step::random(random, 20));
}

} // namespace
