// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The forms of jet.qkv_linear against the definition. Places of the cache that
// the step does not write stay as they are.

#include "../FormHarness.h"

using namespace jet;
using namespace jet::test;

namespace {

constexpr double kTheta = 1e6, kEps = 0.125;

struct Config {
  int64_t heads, kvHeads, dim;
  std::optional<int64_t> window; // else pages of 8
  bool withBias = true, withNorm = false;
  DType result = DType::F32;
  int64_t inner = 64;
  int64_t farther = 0; // tokens that positions are off by
  bool alternatives = false;
  bool normInWeights = false; // with withNorm
  bool apart = false;         // k and v are results, there is no cache
};

class QkvLinearForm : public testing::TestWithParam<uint64_t> {
protected:
  void check(const Config &config, size_t form, const Step &step);
  Random random{0x0C4B};
};

INSTANTIATE_TEST_SUITE_P(Seeds, QkvLinearForm, testing::Values(0, 1));

std::unique_ptr<Forms> build(const Config &config) {
  const auto [heads, kvHeads, dim, window, withBias, withNorm, result, inner,
              farther, alternatives, normInWeights, apart] = config;
  std::vector<std::string> operands = {rowsType({inner}, DType::BF16)};
  for (int64_t count : {heads, kvHeads, kvHeads})
    operands.push_back(tensorType({count * dim, inner}, DType::BF16));
  std::string op = "jet.qkv_linear %a(%b, %c, %d)";
  auto next = [&](const std::string &type) {
    operands.push_back(type);
    return "%" + std::string(1, static_cast<char>('a' + operands.size() - 1));
  };
  if (withBias) {
    std::string biases;
    for (int64_t count : {heads, kvHeads, kvHeads})
      biases += (biases.empty() ? "" : ", ") +
                next(tensorType({count * dim}, DType::BF16));
    op += " bias(" + biases + ")";
  }
  if (withNorm)
    op += " norm " +
          (normInWeights ? "" : next(tensorType({inner}, DType::BF16))) +
          " eps 0.125";
  op += " rope " + next("tensor<?xi32>") + " theta 1000000.0";
  std::vector<std::string> results = {rowsType({heads, dim}, result)};
  if (apart) {
    results.resize(3, rowsType({kvHeads, dim}, DType::BF16));
  } else {
    results.push_back(cacheType(kvHeads, dim, DType::BF16, 8, window));
    op += " append " + next(results.back());
    op += ", " + next("!jet.batch");
  }
  return Forms::build(kernelText("qkv", op, operands, results), alternatives);
}

/// Rows of p turned by their angles.
void rotate(std::vector<double> &p, int64_t position, int64_t dim) {
  const int64_t half = dim / 2;
  for (size_t head = 0; head < p.size(); head += dim)
    for (int64_t i = 0; i < half; ++i) {
      const auto frequency =
          static_cast<float>(1.0 / std::pow(kTheta, double(i) / half));
      const float angle = static_cast<float>(position) * frequency;
      const double cos = std::cos(double(angle)), sin = std::sin(double(angle));
      double &x = p[head + i], &y = p[head + half + i];
      const double turned = x * cos - y * sin;
      y = y * cos + x * sin;
      x = turned;
    }
}

void QkvLinearForm::check(const Config &config, size_t form, const Step &step) {
  const auto [heads, kvHeads, dim, window, withBias, withNorm, result, inner,
              farther, alternatives, normInWeights, apart] = config;
  const std::unique_ptr<Forms> forms = build(config);
  ASSERT_TRUE(forms);
  constexpr DType BF16 = DType::BF16;
  const int64_t rows = step.tokens, counts[] = {heads, kvHeads, kvHeads};
  Buffer x = Buffer::random(random, BF16, {rows, inner});
  Buffer norm = Buffer::random(random, BF16, {inner});
  std::vector<Buffer> weights, biases;
  for (int64_t count : counts) {
    weights.push_back(Buffer::random(random, BF16, {count * dim, inner}));
    biases.push_back(Buffer::random(random, BF16, {count * dim}));
  }
  Buffer batch = step.batch(), positions(DType::I32, {rows});
  for (int64_t r = 0; r < rows; ++r)
    positions.set(r, double(farther + r));
  for (const Sequence &sequence : step.sequences)
    for (int64_t r = 0; r < sequence.rows; ++r)
      positions.set(sequence.row + r, double(farther + sequence.position + r));
  Buffer cache(BF16, {window ? step.slots : step.pages(), 2, kvHeads,
                      window.value_or(step.pageSize), dim});
  Buffer q(result, {rows, heads, dim});
  Buffer k(BF16, {rows, kvHeads, dim}), v(BF16, {rows, kvHeads, dim});

  std::vector<Buffer *> operands = {&x};
  for (Buffer &weight : weights)
    operands.push_back(&weight);
  if (withBias)
    for (Buffer &bias : biases)
      operands.push_back(&bias);
  if (withNorm && !normInWeights)
    operands.push_back(&norm);
  if (apart)
    operands.insert(operands.end(), {&positions, &q, &k, &v});
  else
    operands.insert(operands.end(), {&positions, &cache, &batch, &q});
  forms->run("qkv", operands, step, GetParam(), form);

  // Sums of 64 products, and a rounding of each normed element to bf16.
  const double off = withNorm ? 0.05 : 1e-4;
  auto expectNear = [&](const Buffer &got, int64_t i, double want) {
    const double last = got.dtype() == BF16 ? 0x1p-8 : 0x1p-20;
    EXPECT_NEAR(got.get(i), want, off + std::abs(want) * last);
  };
  Buffer wanted(BF16, cache.shape()); // where there is a number
  auto project = [&](int64_t row, int part) {
    double scale = 1;
    if (withNorm) {
      double squares = 0;
      for (int64_t k = 0; k < inner; ++k)
        squares += x(row, k) * x(row, k);
      scale = 1 / std::sqrt(squares / double(inner) + kEps);
    }
    std::vector<double> p(counts[part] * dim);
    for (size_t n = 0; n < p.size(); ++n) {
      for (int64_t k = 0; k < inner; ++k)
        p[n] += x(row, k) * scale * (withNorm && !normInWeights ? norm(k) : 1) *
                weights[part](n, k);
      if (withBias)
        p[n] += biases[part](n);
    }
    if (part < 2)
      rotate(p, int64_t(positions(row)), dim);
    return p;
  };
  for (int64_t row = 0; row < rows; ++row) {
    const std::vector<double> want = project(row, 0);
    for (size_t i = 0; i < want.size(); ++i)
      expectNear(q, q.at(row, 0, 0) + int64_t(i), want[i]);
  }
  if (apart) {
    for (int64_t row = 0; row < rows; ++row)
      for (int part : {1, 2}) {
        const std::vector<double> want = project(row, part);
        const Buffer &got = part == 1 ? k : v;
        for (size_t i = 0; i < want.size(); ++i)
          expectNear(got, got.at(row, 0, 0) + int64_t(i), want[i]);
      }
    return;
  }
  int64_t written = 0;
  for (const Sequence &sequence : step.sequences)
    for (int64_t r = std::max<int64_t>(0, sequence.rows -
                                              window.value_or(sequence.rows));
         r < sequence.rows; ++r)
      for (int plane = 0; plane < 2; ++plane) {
        const std::vector<double> want = project(sequence.row + r, 1 + plane);
        const int64_t p = sequence.position + r;
        const int64_t unit = window
                                 ? sequence.slot
                                 : step.page(sequence.slot, p / step.pageSize);
        const int64_t at = p % window.value_or(step.pageSize);
        for (size_t i = 0; i < want.size(); ++i, ++written)
          expectNear(
              cache,
              cache.at(unit, plane, int64_t(i) / dim, at, int64_t(i) % dim),
              want[i]);
      }
  for (int64_t i = 0; i < cache.count(); ++i)
    written -= !cache.isPoison(i);
  EXPECT_EQ(written, 0) << "elements are written elsewhere";
}

/// Of `count` rows at most.
Step makeStep(Random &random, int64_t count) {
  Step step = Step::random(random, count);
  while (step.tokens > count)
    step = Step::random(random, count);
  step.pageSize = 8;
  return step;
}

TEST_P(QkvLinearForm, OfFewRows) {
  check({8, 4, 32, {}}, 1, makeStep(random, 16));
  check({4, 4, 32, 16, true, true}, 0, makeStep(random, 8));
  check({4, 2, 32, {}, true, true}, 1, makeStep(random, 16));
}

TEST_P(QkvLinearForm, OfManyRows) {
  check({4, 2, 64, {}, false, true, DType::BF16}, 2, makeStep(random, 60));
  check({2, 2, 48, 16}, 4, makeStep(random, 100));
}

/// More than 128: the product itself turns and appends.
TEST_P(QkvLinearForm, OfManyMoreRows) {
  check({4, 2, 128, {}, true, true, DType::BF16}, 4, makeStep(random, 300));
  check({3, 1, 128, {}, false, false, DType::F32, 200}, 4,
        makeStep(random, 200));
  check({2, 2, 128, 16, true, false, DType::BF16}, 4, makeStep(random, 150));
  check({2, 2, 64, {}, true, false, DType::BF16}, 4, makeStep(random, 150));
  check({1, 1, 256, {}, true, false, DType::BF16}, 4, makeStep(random, 140));
}

// Strips of 96 columns, which heads do not divide, and groups with whole tiles.
TEST_P(QkvLinearForm, OfManyMoreRowsInEachTile) {
  Config config{5, 1, 128, {}, true, true, DType::BF16};
  config.alternatives = true;
  const size_t forms = build(config)->kernel("qkv").forms.size();
  ASSERT_EQ(forms, 9);
  for (size_t form = 4; form < forms; ++form)
    check(config, form, makeStep(random, 300));
}

// Rows are scaled before they are rounded, or products are.
TEST_P(QkvLinearForm, ScalesRowsWhoseNormIsInTheWeights) {
  Config config{5, 1, 128, {}, true, true, DType::BF16};
  config.normInWeights = true;
  check(config, 1, makeStep(random, 16));
  check(config, 4, makeStep(random, 300));
}

// k and v as results: of few rows, of many whose heads tiles cannot halve, and
// turned by the product itself in all tiles.
TEST_P(QkvLinearForm, WithoutACache) {
  Config config{4, 2, 32, {}};
  config.apart = true;
  check(config, 1, makeStep(random, 16));
  check(config, 4, makeStep(random, 150));
  config = {5, 1, 128, {}, true, true, DType::BF16};
  config.apart = config.alternatives = config.normInWeights = true;
  for (size_t form = 4; form < build(config)->kernel("qkv").forms.size();
       ++form)
    check(config, form, makeStep(random, 300));
}

TEST_P(QkvLinearForm, FarFromTheBeginning) {
  Config config{2, 1, 128, {}, false};
  config.farther = 250000;
  check(config, 1, makeStep(random, 16));
}

} // namespace
