// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// jet.gated_delta_rule with what fusion adds to it: code on its operands, keys
// of unit length, and a gated norm. Against the recurrence in double.

#include "PortHarness.h"

#include <array>

using namespace jet;
using namespace jet::test;

namespace {

constexpr DType F32 = DType::F32, BF16 = DType::BF16;
/// Large, so that a head of short keys or values does not blow up roundings.
constexpr double kQkEps = 0.0625, kNormEps = 0.125, kScale = 0.375;

struct Config {
  int64_t heads, keyDim, valueDim;
  bool qkNorm, norm, code;
  DType result = F32;
};

using Vector = std::vector<double>;

/// A step's operands and the op's text.
struct Problem {
  Problem(Random &random, const Config &config, const Step &step);

  Arguments arguments;
  std::vector<Buffer *> inputs; // q, k, v, g, beta
  std::vector<Port> ports;      // the code on them
  Buffer *state = nullptr, *gate = nullptr, *weight = nullptr, *y = nullptr;
  std::string text, stateType;
};

Problem::Problem(Random &random, const Config &config, const Step &step) {
  const auto [heads, keyDim, valueDim, qkNorm, norm, code, result] = config;
  const int64_t rows = step.tokens;
  // Keys longer than 1 would make the recurrence diverge.
  const double length = qkNorm ? 1 : 1 / std::sqrt(keyDim);
  auto anyType = [&] { return code && uniform(random, 0, 1) ? BF16 : F32; };
  auto add = [&](std::vector<int64_t> sizes, double low, double high) {
    sizes.insert(sizes.begin(), rows);
    inputs.push_back(&arguments.add(
        Buffer::random(random, anyType(), sizes, low, high), true));
  };
  add({heads, keyDim}, -length, length);
  add({heads, keyDim}, -length, length);
  add({heads, valueDim}, -1, 1);
  add({heads}, -1.5, 0);
  add({heads}, 0, 1);
  stateType = "!jet.recurrent_state<" + std::to_string(heads) + "x" +
              std::to_string(keyDim) + "x" + std::to_string(valueDim) + "xf32>";
  state = &arguments.add(
      Buffer::random(random, F32, {step.slots, heads, keyDim, valueDim}), false,
      stateType);
  arguments.add(step.batch(), false, "!jet.batch");
  text = "jet.gated_delta_rule " + Arguments::names(0, 7);
  if (qkNorm)
    text += " qk_norm eps " + std::to_string(kQkEps) + " scale " +
            std::to_string(kScale);
  if (norm) {
    gate = &arguments.add(
        Buffer::random(random, anyType(), {rows, heads, valueDim}, -3, 3),
        true);
    weight =
        &arguments.add(Buffer::random(random, anyType(), {valueDim}), false);
    text +=
        " norm " + Arguments::names(7, 9) + " eps " + std::to_string(kNormEps);
  }
  for (size_t i = 0; i < 5; ++i) {
    Port &port = ports.emplace_back();
    port.place = "operand " + std::to_string(i);
    port.in = inputs[i]->dtype();
    if (!code)
      continue;
    if (i < 3) {
      port.silu = uniform(random, 0, 1);
      port.addExtras(random, arguments, rows,
                     {heads, i < 2 ? keyDim : valueDim}, uniform(random, 0, 3));
    } else {
      // Decay stays decay, and beta near [0, 1].
      port.factorLow = 0;
      port.termLow = -0.25;
      port.termHigh = 0;
      port.addExtra(random, arguments, {heads}, false);
      if (i == 3)
        port.addExtra(random, arguments, {heads}, false);
      else
        port.addExtras(random, arguments, rows, {heads}, 1);
    }
    text += port.text();
  }
}

class FusedDeltaRule : public testing::TestWithParam<std::string> {
protected:
  void check(const Config &config, const Step &step);
  void checkHead(const Config &config, const Problem &problem,
                 const Buffer &before, const Sequence &sequence, int64_t h,
                 Comparison &comparison);

  Random random{0xDE17AF};
};

INSTANTIATE_TEST_SUITE_P(Cpu, FusedDeltaRule, testing::ValuesIn(cpuLevels()),
                         nameOfLevel);

Vector toUnitLength(Vector x, double scale) {
  double sum = kQkEps;
  for (double value : x)
    sum += value * value;
  for (double &value : x)
    value *= scale / std::sqrt(sum);
  return x;
}

void FusedDeltaRule::checkHead(const Config &config, const Problem &problem,
                               const Buffer &before, const Sequence &sequence,
                               int64_t h, Comparison &comparison) {
  const int64_t keyDim = config.keyDim, valueDim = config.valueDim;
  // Of states, values and outputs, by which roundings are measured.
  double magnitude = 8 + std::sqrt(keyDim);
  std::vector<Vector> state(keyDim, Vector(valueDim));
  for (int64_t i = 0; i < keyDim; ++i)
    for (int64_t d = 0; d < valueDim; ++d)
      state[i][d] = before(sequence.slot, h, i, d);

  for (int64_t r = sequence.row; r < sequence.row + sequence.rows; ++r) {
    auto read = [&](size_t operand) {
      const Buffer &x = *problem.inputs[operand];
      Vector values;
      for (int64_t d = 0; d < x.size(2); ++d)
        values.push_back(
            problem.ports[operand].apply({x(r, h, d)}, {r, h, d}).value);
      return values;
    };
    auto readGate = [&](size_t operand) {
      const Buffer &x = *problem.inputs[operand];
      return problem.ports[operand].apply({x(r, h)}, {r, h}).value;
    };
    Vector q = read(0), k = read(1), v = read(2);
    if (config.qkNorm) {
      q = toUnitLength(q, kScale);
      k = toUnitLength(k, 1);
    }
    const double decay = std::exp(readGate(3)), beta = readGate(4);
    Vector y(valueDim);
    double squares = 0;
    for (int64_t d = 0; d < valueDim; ++d) {
      double old = 0;
      for (int64_t i = 0; i < keyDim; ++i)
        old += k[i] * (state[i][d] *= decay);
      for (int64_t i = 0; i < keyDim; ++i)
        y[d] += q[i] * (state[i][d] += k[i] * beta * (v[d] - old));
      squares += y[d] * y[d];
      magnitude = std::max(magnitude, 4 * std::abs(v[d]));
    }
    const double factor = 1 / std::sqrt(squares / valueDim + kNormEps);
    for (int64_t d = 0; d < valueDim; ++d) {
      const Term raw(y[d], magnitude);
      const Term want =
          !config.norm
              ? raw
              : raw * factor *
                    (*problem.weight)(d)*silu((*problem.gate)(r, h, d));
      comparison.near(*problem.y, problem.y->at(r, h, d), want.value,
                      want.magnitude);
    }
  }
  for (int64_t i = 0; i < keyDim; ++i)
    for (int64_t d = 0; d < valueDim; ++d)
      comparison.near(*problem.state, problem.state->at(sequence.slot, h, i, d),
                      state[i][d], magnitude);
}

void FusedDeltaRule::check(const Config &config, const Step &step) {
  Problem problem(random, config, step);
  auto kernels = Kernels::compile(
      problem.arguments.kernel(
          problem.text,
          {rowsType({config.heads, config.valueDim}, config.result),
           problem.stateType}),
      GetParam());
  ASSERT_TRUE(kernels);
  const Buffer before = *problem.state;
  const int64_t row = config.heads * config.valueDim;
  problem.y = &problem.arguments.add(
      Buffer(config.result, {step.tokens, config.heads, config.valueDim}),
      true);
  kernels->run("k", problem.arguments.pointers(), step);

  Comparison comparison(problem.text);
  std::vector<bool> touched(step.slots);
  for (const Sequence &sequence : step.sequences) {
    touched[sequence.slot] = true;
    for (int64_t h = 0; h < config.heads; ++h)
      checkHead(config, problem, before, sequence, h, comparison);
  }
  for (int64_t i = 0; i < before.count(); ++i)
    if (!touched[i / (before.count() / step.slots)])
      comparison.same(*problem.state, i, before, i);
  for (int64_t i = 0; i < step.tokens * row; ++i)
    if (!step.owns(i / row))
      comparison.poison(*problem.y, i);
}

TEST_P(FusedDeltaRule, NormsItsKeysAndItsResult) {
  check({3, 7, 17, true, false, false}, Step::random(random, 20));
  check({2, 17, 9, false, true, false}, Step::random(random, 20));
  check({5, 33, 5, true, true, false}, Step::random(random, 20));
  check({1, 1, 1, true, true, false}, Step::random(random, 20));
}

TEST_P(FusedDeltaRule, RunsTheCodeOnItsOperands) {
  for (auto [heads, keyDim, valueDim] :
       {std::array<int64_t, 3>{1, 1, 1}, {4, 8, 16}, {3, 33, 7}, {2, 5, 65}})
    for (bool norm : {false, true})
      check({heads, keyDim, valueDim, true, norm, true},
            Step::random(random, 20));
}

TEST_P(FusedDeltaRule, RoundsANarrowResultOnce) {
  check({2, 7, 9, false, false, false, BF16}, Step::random(random, 20));
  check({2, 33, 17, true, false, true, BF16}, Step::random(random, 20));
  check({2, 33, 17, true, true, true, BF16}, Step::random(random, 20));
}

} // namespace
