// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// jet.attention and jet.kv_append against a history of all positions and a full
// mask. What no position is stored in holds NaN, so reading it shows.

#include "KernelHarness.h"

#include <map>
#include <optional>

using namespace jet;
using namespace jet::test;

namespace {

constexpr DType F32 = DType::F32;

struct Config {
  int64_t heads, kvHeads, dim;
  std::optional<int64_t> window; // else pages
  DType storage;
  double spread = 1; // of queries and keys: large ones make softmax sharp
  int64_t page = 8;
  double kScale = 1, vScale = 1;
};

/// All keys and values of a sequence, the step's included: [positions, Hkv, D].
struct History {
  Buffer k, v;
};

class Attention : public testing::TestWithParam<std::string> {
protected:
  static std::string cacheTypeOf(const Config &config) {
    std::string scales;
    if (config.kScale != 1)
      scales += ", k_scale = " + std::to_string(config.kScale);
    if (config.vScale != 1)
      scales += ", v_scale = " + std::to_string(config.vScale);
    return cacheType(config.kvHeads, config.dim, config.storage, config.page,
                     config.window, scales);
  }

  std::vector<History> makeHistories(const Config &config, const Step &step) {
    std::vector<History> histories;
    for (const Sequence &sequence : step.sequences) {
      const std::vector<int64_t> shape = {sequence.position + sequence.rows,
                                          config.kvHeads, config.dim};
      const double spread = config.spread;
      histories.push_back(
          {Buffer::random(random, config.storage, shape, -spread, spread),
           Buffer::random(random, config.storage, shape)});
    }
    return histories;
  }

  /// Stores positions [0, end) one after another.
  static void store(const Config &config, const Step &step,
                    const History &history, int64_t slot, int64_t end,
                    Buffer &cache) {
    for (int64_t p = 0; p < end; ++p) {
      const int64_t row = p % config.window.value_or(config.page);
      const int64_t unit =
          config.window ? slot : step.page(slot, p / config.page);
      for (int64_t h = 0; h < config.kvHeads; ++h)
        for (int64_t d = 0; d < config.dim; ++d) {
          cache.set(cache.at(unit, 0, h, row, d), history.k(p, h, d));
          cache.set(cache.at(unit, 1, h, row, d), history.v(p, h, d));
        }
    }
  }

  static Buffer makeCache(const Config &config, const Step &step) {
    return Buffer(config.storage,
                  {config.window ? step.slots : step.pages(), 2, config.kvHeads,
                   config.window.value_or(config.page), config.dim});
  }

  /// The step's rows of `plane` of the histories.
  static Buffer stepRows(const Config &config, const Step &step,
                         const std::vector<History> &histories,
                         Buffer History::*plane) {
    Buffer rows(config.storage, {step.tokens, config.kvHeads, config.dim});
    for (size_t b = 0; b < histories.size(); ++b) {
      const Sequence &sequence = step.sequences[b];
      const Buffer &source = histories[b].*plane;
      for (int64_t r = 0; r < sequence.rows; ++r)
        for (int64_t i = 0; i < config.kvHeads * config.dim; ++i)
          rows.set(rows.at(sequence.row + r, 0, 0) + i,
                   source.get(source.at(sequence.position + r, 0, 0) + i));
    }
    return rows;
  }

  void checkAttention(const Config &config, const Kernels &kernels, Step step);
  void checkAppend(const Config &config, const Kernels &kernels, Step step);
  void checkRandomSteps(const Config &config, const Kernels &kernels,
                        int count) {
    for (int i = 0; i < count; ++i) {
      const Step step = Step::random(random, 40);
      checkAttention(config, kernels, step);
      checkAppend(config, kernels, step);
    }
  }
  void compareRow(const Config &config, const History &history, const Buffer &q,
                  const Buffer &y, int64_t row, int64_t position,
                  Comparison &comparison);

  std::unique_ptr<Kernels> compile(const Config &config) {
    const std::string kv =
        rowsType({config.kvHeads, config.dim}, config.storage);
    const std::string q = rowsType({config.heads, config.dim}, F32);
    const std::string cache = cacheTypeOf(config);
    return Kernels::compile(
        kernelText("attention", "jet.attention %a, %b, %c, %d, %e",
                   {q, kv, kv, cache, "!jet.batch"}, {q}) +
            kernelText("append", "jet.kv_append %a, %b, %c, %d",
                       {cache, kv, kv, "!jet.batch"}, {cache}),
        GetParam());
  }

  Random random{0xA77E};
};

INSTANTIATE_TEST_SUITE_P(Cpu, Attention, testing::ValuesIn(cpuLevels()),
                         nameOfLevel);

/// softmax(mask + q Kᵀ / sqrt(D)) V over all positions of the sequence.
void Attention::compareRow(const Config &config, const History &history,
                           const Buffer &q, const Buffer &y, int64_t row,
                           int64_t position, Comparison &comparison) {
  for (int64_t h = 0; h < config.heads; ++h) {
    const int64_t g = h * config.kvHeads / config.heads;
    std::vector<double> weights;
    double top = -INFINITY, sum = 0;
    for (int64_t j = 0; j < history.k.size(0); ++j) {
      double score = 0;
      for (int64_t d = 0; d < config.dim; ++d)
        score += q(row, h, d) * config.kScale * history.k(j, g, d);
      const bool visible =
          j <= position && (!config.window || j > position - *config.window);
      weights.push_back(visible ? score / std::sqrt(config.dim) : -INFINITY);
      top = std::max(top, weights.back());
    }
    for (double &weight : weights)
      sum += weight = std::exp(weight - top);
    for (int64_t d = 0; d < config.dim; ++d) {
      double want = 0;
      for (int64_t j = 0; j < history.v.size(0); ++j)
        want += weights[j] / sum * config.vScale * history.v(j, g, d);
      // Values are below 1; an error in a score scales with the score.
      comparison.near(y, y.at(row, h, d), want,
                      1 + config.spread * config.spread);
    }
  }
}

void Attention::checkAttention(const Config &config, const Kernels &kernels,
                               Step step) {
  step.pageSize = config.page;
  const std::vector<History> histories = makeHistories(config, step);
  Buffer cache = makeCache(config, step);
  for (size_t b = 0; b < histories.size(); ++b)
    store(config, step, histories[b], step.sequences[b].slot,
          step.sequences[b].position, cache);
  Buffer k = stepRows(config, step, histories, &History::k);
  Buffer v = stepRows(config, step, histories, &History::v);
  Buffer q =
      Buffer::random(random, F32, {step.tokens, config.heads, config.dim},
                     -config.spread, config.spread);
  Buffer batch = step.batch(), y(F32, q.shape());
  kernels.run("attention", {&q, &k, &v, &cache, &batch, &y}, step);

  Comparison comparison("attention");
  for (size_t b = 0; b < histories.size(); ++b) {
    const Sequence &sequence = step.sequences[b];
    for (int64_t r = 0; r < sequence.rows; ++r)
      compareRow(config, histories[b], q, y, sequence.row + r,
                 sequence.position + r, comparison);
  }
  for (int64_t row = 0; row < step.tokens; ++row)
    if (!step.owns(row))
      for (int64_t i = 0; i < config.heads * config.dim; ++i)
        comparison.poison(y, y.at(row, 0, 0) + i);
}

void Attention::checkAppend(const Config &config, const Kernels &kernels,
                            Step step) {
  step.pageSize = config.page;
  const std::vector<History> histories = makeHistories(config, step);
  Buffer cache = makeCache(config, step);
  for (size_t b = 0; b < histories.size(); ++b)
    store(config, step, histories[b], step.sequences[b].slot,
          step.sequences[b].position, cache);
  Buffer want = cache;
  for (size_t b = 0; b < histories.size(); ++b)
    store(config, step, histories[b], step.sequences[b].slot,
          histories[b].k.size(0), want);
  Buffer k = stepRows(config, step, histories, &History::k);
  Buffer v = stepRows(config, step, histories, &History::v);
  Buffer batch = step.batch();
  kernels.run("append", {&cache, &k, &v, &batch}, step);

  // Poison stays poison: other slots and other positions are not touched.
  Comparison comparison("kv_append");
  for (int64_t i = 0; i < cache.count(); ++i)
    comparison.same(cache, i, want, i);
}

TEST_P(Attention, SeesEverythingBefore) {
  for (const Config &config :
       {Config{1, 1, 2, {}, F32}, Config{5, 5, 7, {}, DType::BF16},
        Config{4, 2, 17, {}, F32}, Config{3, 1, 33, {}, DType::BF16},
        Config{2, 1, 96, {}, F32}}) {
    auto kernels = compile(config);
    ASSERT_TRUE(kernels);
    checkRandomSteps(config, *kernels, 3);
  }
}

// What is stored in a byte is taken times its scale.
TEST_P(Attention, ScalesBytes) {
  constexpr DType F8 = DType::F8E4M3;
  for (const Config &config :
       {Config{4, 2, 17, {}, F8}, Config{3, 1, 33, {}, F8, 1, 4, 0.75},
        Config{2, 2, 32, 13, F8, 1, 8, 1, 0.375},
        Config{2, 1, 7, 3, F8, 1, 8, 0.25, 0.8125}}) {
    auto kernels = compile(config);
    ASSERT_TRUE(kernels);
    checkRandomSteps(config, *kernels, 3);
  }
}

// Pages of one position, of a few, and larger than the context; positions
// around the edges of pages, for every number of rows.
TEST_P(Attention, GoesFromPageToPage) {
  for (int64_t page : {1, 2, 4, 256}) {
    const Config config{2, 1, 5, {}, F32, /*spread=*/1, page};
    auto kernels = compile(config);
    ASSERT_TRUE(kernels);
    checkRandomSteps(config, *kernels, 3);
    for (int64_t position = 0; position <= 5; ++position)
      for (int64_t rows = 1; rows <= 5; ++rows) {
        const Step step{{{1, position, 0, rows}}, rows, position + rows, 2};
        checkAttention(config, *kernels, step);
        checkAppend(config, *kernels, step);
      }
  }
}

// Windows below, at and above what a step has, with rings not yet full, just
// full, and gone round several times.
TEST_P(Attention, SeesTheWindowOnly) {
  for (const Config &config :
       {Config{2, 1, 3, 1, F32}, Config{4, 2, 7, 3, DType::BF16},
        Config{1, 1, 33, 8, F32}, Config{3, 3, 17, 13, F32}}) {
    auto kernels = compile(config);
    ASSERT_TRUE(kernels);
    checkRandomSteps(config, *kernels, 6);
  }
}

// Every position around the edge of the ring, for every number of rows.
TEST_P(Attention, WrapsAroundTheRingAtEveryPosition) {
  const Config config{2, 1, 5, 4, F32};
  auto kernels = compile(config);
  ASSERT_TRUE(kernels);
  for (int64_t position = 0; position <= 9; ++position)
    for (int64_t rows = 1; rows <= 9; ++rows) {
      const Step step{{{1, position, 0, rows}}, rows, position + rows, 2};
      checkAttention(config, *kernels, step);
      checkAppend(config, *kernels, step);
    }
}

// More keys than are scored at once, in the cache and in the step; pages of one
// block and of several; with a window, whole blocks of the ring that have left
// it.
TEST_P(Attention, ScoresInBlocks) {
  for (const Config &config :
       {Config{2, 1, 5, {}, F32, 1, 64}, Config{2, 1, 5, {}, F32, 1, 128},
        Config{2, 1, 5, 130, F32}}) {
    auto kernels = compile(config);
    ASSERT_TRUE(kernels);
    for (auto [position, rows] : {std::pair<int64_t, int64_t>{63, 66},
                                  {64, 64},
                                  {65, 1},
                                  {0, 200},
                                  {150, 140}}) {
      const Step step{{{1, position, 0, rows}}, rows, position + rows, 2};
      checkAttention(config, *kernels, step);
    }
  }
}

// Scores of several hundred: exponentials that underflow to 0, none above 1.
TEST_P(Attention, StandsSharpScores) {
  for (std::optional<int64_t> window : {std::optional<int64_t>(), {6}}) {
    const Config config{2, 1, 33, window, F32, /*spread=*/20};
    auto kernels = compile(config);
    ASSERT_TRUE(kernels);
    checkAttention(config, *kernels, Step::random(random, 40));
  }
}

} // namespace
