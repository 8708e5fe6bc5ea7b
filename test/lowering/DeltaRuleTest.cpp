// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// jet.gated_delta_rule against its chunked form (arXiv 2412.06464); the
// additive rule against the same without the correction, which is the dual form
// of a state space (arXiv 2405.21060).

#include "KernelHarness.h"

using namespace jet;
using namespace jet::test;

namespace {

constexpr DType F32 = DType::F32, BF16 = DType::BF16;

struct Options {
  DType storage = F32;
  bool additive = false;
  int64_t shared = 1; // heads of v that read one of q and k
};

class DeltaRule : public testing::TestWithParam<std::string> {
protected:
  void checkDeltaRule(const Kernels &kernels, int64_t heads, int64_t keyDim,
                      int64_t valueDim, const Step &step, int64_t chunk,
                      Options options = {});

  Random random{0xDE17A};
};

INSTANTIATE_TEST_SUITE_P(Cpu, DeltaRule, testing::ValuesIn(cpuLevels()),
                         nameOfLevel);

using Matrix = std::vector<std::vector<double>>;

Matrix zeros(int64_t rows, int64_t columns) {
  return Matrix(rows, std::vector<double>(columns));
}

double dot(const std::vector<double> &a, const std::vector<double> &b) {
  double sum = 0;
  for (size_t i = 0; i < a.size(); ++i)
    sum += a[i] * b[i];
  return sum;
}

/// One head of one sequence.
struct Head {
  Matrix q, k, v; // [rows, D]
  std::vector<double> g, beta;
  Matrix state; // [d_k, d_v]
};

/// Rows [begin, end) of `head` at once: returns their outputs and advances the
/// state. Decay from row j to row i is exp(γ_i − γ_j), γ the running sum of g.
Matrix runChunk(Head &head, int64_t begin, int64_t end, bool additive) {
  const int64_t n = end - begin, keyDim = head.state.size();
  const int64_t valueDim = head.state[0].size();
  std::vector<double> sum(n);
  for (int64_t i = 0; i < n; ++i)
    sum[i] = (i ? sum[i - 1] : 0) + head.g[begin + i];

  // (I + tril(β k kᵀ ∘ decay, −1)) D = β v − β γ k S, solved from the top.
  Matrix delta = zeros(n, valueDim);
  for (int64_t i = 0; i < n; ++i) {
    const std::vector<double> &key = head.k[begin + i];
    for (int64_t d = 0; d < valueDim; ++d) {
      double read = 0;
      for (int64_t c = 0; c < keyDim; ++c)
        read += std::exp(sum[i]) * key[c] * head.state[c][d];
      for (int64_t j = 0; j < i; ++j)
        read += std::exp(sum[i] - sum[j]) * dot(key, head.k[begin + j]) *
                delta[j][d];
      const double value = head.v[begin + i][d];
      delta[i][d] = head.beta[begin + i] * (additive ? value : value - read);
    }
  }

  // O = γ q S + (q kᵀ ∘ decay) D.
  Matrix out = zeros(n, valueDim);
  for (int64_t i = 0; i < n; ++i)
    for (int64_t d = 0; d < valueDim; ++d) {
      for (int64_t c = 0; c < keyDim; ++c)
        out[i][d] += std::exp(sum[i]) * head.q[begin + i][c] * head.state[c][d];
      for (int64_t j = 0; j <= i; ++j)
        out[i][d] += std::exp(sum[i] - sum[j]) *
                     dot(head.q[begin + i], head.k[begin + j]) * delta[j][d];
    }

  // S ← γ_n S + (k ∘ decay to the end)ᵀ D.
  for (int64_t c = 0; c < keyDim; ++c)
    for (int64_t d = 0; d < valueDim; ++d) {
      head.state[c][d] *= std::exp(sum[n - 1]);
      for (int64_t j = 0; j < n; ++j)
        head.state[c][d] +=
            std::exp(sum[n - 1] - sum[j]) * head.k[begin + j][c] * delta[j][d];
    }
  return out;
}

/// The operands of a step, q and k as long as a JetBlock makes them.
struct Operands {
  Operands(Random &random, const Step &step, int64_t heads, int64_t keyDim,
           int64_t valueDim, DType storage, int64_t shared)
      : shared(shared), q(unit(random, step.tokens, heads / shared, keyDim)),
        k(unit(random, step.tokens, heads / shared, keyDim)),
        v(Buffer::random(random, F32, {step.tokens, heads, valueDim})),
        g(Buffer::random(random, F32, {step.tokens, heads}, -1.5, 0)),
        beta(Buffer::random(random, F32, {step.tokens, heads}, 0, 1)),
        state(Buffer::random(random, storage,
                             {step.slots, heads, keyDim, valueDim})),
        batch(step.batch()), y(F32, v.shape()) {}

  static Buffer unit(Random &random, int64_t rows, int64_t heads, int64_t dim) {
    Buffer x = Buffer::random(random, F32, {rows, heads, dim});
    for (int64_t i = 0; i < rows * heads; ++i) {
      double sum = 0;
      for (int64_t d = 0; d < dim; ++d)
        sum += x.get(i * dim + d) * x.get(i * dim + d);
      for (int64_t d = 0; d < dim; ++d)
        x.set(i * dim + d, x.get(i * dim + d) / std::sqrt(sum));
    }
    return x;
  }

  Head head(const Sequence &sequence, int64_t h) const {
    Head head;
    auto row = [&](const Buffer &x, int64_t r, int64_t h) {
      std::vector<double> values;
      for (int64_t d = 0; d < x.size(2); ++d)
        values.push_back(x(r, h, d));
      return values;
    };
    for (int64_t i = 0; i < sequence.rows; ++i) {
      const int64_t r = sequence.row + i;
      head.q.push_back(row(q, r, h / shared));
      head.k.push_back(row(k, r, h / shared));
      head.v.push_back(row(v, r, h));
      head.g.push_back(g(r, h));
      head.beta.push_back(beta(r, h));
    }
    head.state = zeros(state.size(2), state.size(3));
    for (int64_t i = 0; i < state.size(2); ++i)
      for (int64_t d = 0; d < state.size(3); ++d)
        head.state[i][d] = state(sequence.slot, h, i, d);
    return head;
  }

  int64_t shared;
  Buffer q, k, v, g, beta, state, batch, y;
};

void DeltaRule::checkDeltaRule(const Kernels &kernels, int64_t heads,
                               int64_t keyDim, int64_t valueDim,
                               const Step &step, int64_t chunk,
                               Options options) {
  Operands operands(random, step, heads, keyDim, valueDim, options.storage,
                    options.shared);
  const Operands before = operands;
  kernels.run("k",
              {&operands.q, &operands.k, &operands.v, &operands.g,
               &operands.beta, &operands.state, &operands.batch, &operands.y},
              step);

  // States, values and outputs are of the order of 1, a sum over keys of its
  // root; every row adds its own rounding.
  const double magnitude = 4 + std::sqrt(keyDim);
  Comparison comparison("gated_delta_rule in chunks of " +
                        std::to_string(chunk));
  std::vector<bool> touched(step.slots);
  for (const Sequence &sequence : step.sequences) {
    touched[sequence.slot] = true;
    for (int64_t h = 0; h < heads; ++h) {
      Head head = before.head(sequence, h);
      for (int64_t begin = 0; begin < sequence.rows; begin += chunk) {
        const int64_t end = std::min(begin + chunk, sequence.rows);
        const Matrix out = runChunk(head, begin, end, options.additive);
        for (int64_t i = begin; i < end; ++i)
          for (int64_t d = 0; d < valueDim; ++d)
            comparison.near(operands.y, operands.y.at(sequence.row + i, h, d),
                            out[i - begin][d], magnitude);
      }
      for (int64_t i = 0; i < keyDim; ++i)
        for (int64_t d = 0; d < valueDim; ++d)
          comparison.near(operands.state,
                          operands.state.at(sequence.slot, h, i, d),
                          head.state[i][d], magnitude);
    }
  }
  const int64_t slot = heads * keyDim * valueDim;
  for (int64_t i = 0; i < operands.state.count(); ++i)
    if (!touched[i / slot])
      comparison.same(operands.state, i, before.state, i);
  for (int64_t row = 0; row < step.tokens; ++row)
    if (!step.owns(row))
      for (int64_t i = 0; i < heads * valueDim; ++i)
        comparison.poison(operands.y, operands.y.at(row, 0, 0) + i);
}

TEST_P(DeltaRule, IsItsChunkedForm) {
  const int64_t shapes[][3] = {
      {1, 1, 1}, {5, 3, 7}, {2, 17, 33}, {3, 33, 96}, {1, 96, 17}};
  for (auto [heads, keyDim, valueDim] : shapes) {
    const std::string keys = rowsType({heads, keyDim}, F32);
    const std::string values = rowsType({heads, valueDim}, F32);
    const std::string gates = rowsType({heads}, F32);
    const std::string state = "!jet.recurrent_state<" + std::to_string(heads) +
                              "x" + std::to_string(keyDim) + "x" +
                              std::to_string(valueDim) + "xf32>";
    auto kernels = Kernels::compile(
        kernelText("k", "jet.gated_delta_rule %a, %b, %c, %d, %e, %f, %g",
                   {keys, keys, values, gates, gates, state, "!jet.batch"},
                   {values, state}),
        GetParam());
    ASSERT_TRUE(kernels);
    for (int repeat = 0; repeat < 2; ++repeat)
      checkDeltaRule(*kernels, heads, keyDim, valueDim,
                     Step::random(random, 20), uniform(random, 1, 16));
    // Long enough for several chunks of every size.
    const Step longer{{{1, 0, 0, 37}}, 37, 37, 2};
    checkDeltaRule(*kernels, heads, keyDim, valueDim, longer,
                   uniform(random, 1, 16));
  }
}

// A narrow state is rounded once, after the last row: the outputs are those of
// f32, and so is the state but for one rounding.
TEST_P(DeltaRule, RoundsANarrowStateOnce) {
  const std::string keys = rowsType({3, 17}, F32);
  const std::string values = rowsType({3, 33}, F32), gates = rowsType({3}, F32);
  const std::string state = "!jet.recurrent_state<3x17x33xbf16>";
  auto kernels = Kernels::compile(
      kernelText("k", "jet.gated_delta_rule %a, %b, %c, %d, %e, %f, %g",
                 {keys, keys, values, gates, gates, state, "!jet.batch"},
                 {values, state}),
      GetParam());
  ASSERT_TRUE(kernels);
  for (int repeat = 0; repeat < 4; ++repeat)
    checkDeltaRule(*kernels, 3, 17, 33, Step::random(random, 20),
                   uniform(random, 1, 16), {.storage = BF16});
}

// Without the correction, and with heads of q and k that several of v read.
TEST_P(DeltaRule, IsItsDualFormWhenAdditive) {
  const int64_t shapes[][4] = {{1, 1, 1, 1},
                               {4, 2, 3, 7},
                               {6, 3, 17, 33},
                               {3, 3, 16, 64},
                               {2, 1, 128, 17}};
  for (auto [heads, shared, keyDim, valueDim] : shapes)
    for (bool additive : {false, true}) {
      const std::string keys = rowsType({heads / shared, keyDim}, F32);
      const std::string values = rowsType({heads, valueDim}, F32);
      const std::string gates = rowsType({heads}, F32);
      const std::string state =
          "!jet.recurrent_state<" + std::to_string(heads) + "x" +
          std::to_string(keyDim) + "x" + std::to_string(valueDim) + "xf32>";
      std::string op = "jet.gated_delta_rule %a, %b, %c, %d, %e, %f, %g";
      auto kernels = Kernels::compile(
          kernelText("k", op + (additive ? " additive" : ""),
                     {keys, keys, values, gates, gates, state, "!jet.batch"},
                     {values, state}),
          GetParam());
      ASSERT_TRUE(kernels);
      for (int repeat = 0; repeat < 3; ++repeat)
        checkDeltaRule(*kernels, heads, keyDim, valueDim,
                       Step::random(random, 20), uniform(random, 1, 16),
                       {.additive = additive, .shared = shared});
    }
}

// All sizes of chunks say the same of one sequence.
TEST_P(DeltaRule, DoesNotDependOnChunks) {
  const std::string keys = rowsType({2, 7}, F32), gates = rowsType({2}, F32);
  const std::string state = "!jet.recurrent_state<2x7x7xf32>";
  auto kernels = Kernels::compile(
      kernelText("k", "jet.gated_delta_rule %a, %b, %c, %d, %e, %f, %g",
                 {keys, keys, keys, gates, gates, state, "!jet.batch"},
                 {keys, state}),
      GetParam());
  ASSERT_TRUE(kernels);
  const Step step{{{0, 0, 0, 33}}, 33, 33, 1};
  for (int64_t chunk = 1; chunk <= 16; ++chunk)
    checkDeltaRule(*kernels, 2, 7, 7, step, chunk);
}

} // namespace
