// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The form of jet.attention in steps of many tokens against the definition.
// Places of the cache and rows of the step that belong to no sequence hold NaN,
// and pages that none has reached no number of a page.

#include "../FormHarness.h"

using namespace jet;
using namespace jet::test;

namespace {

struct Config {
  int64_t heads, kvHeads, dim;
  bool hasStep = false;               // k and v
  std::optional<int64_t> window = {}; // else pages
  int64_t page = 64;
  DType queries = DType::F32, result = DType::F32;
  double queryRange = 2;
};

struct Tokens {
  int64_t before, rows;
};

/// Sequences in other slots, and with a row between them that is no one's.
Step makeStep(const Config &config, const std::vector<Tokens> &tokens) {
  Step step;
  step.slots = static_cast<int64_t>(tokens.size()) + 1;
  step.pageSize = config.page;
  for (const Tokens &one : tokens) {
    const auto number = static_cast<int64_t>(step.sequences.size());
    step.sequences.push_back(
        {step.slots - 1 - number, one.before, step.tokens, one.rows});
    step.tokens += one.rows + 1;
    step.capacity = std::max(step.capacity, one.before + one.rows);
  }
  return step;
}

class PrefillAttention : public testing::TestWithParam<uint64_t> {
protected:
  void check(const Config &config, const std::vector<Tokens> &tokens);
  void make(const Config &config, const std::vector<Tokens> &tokens);
  /// Where channel `d` of the key (plane 0) or value (1) at `position` lies.
  std::pair<Buffer *, int64_t> find(const Sequence &sequence, int64_t position,
                                    int64_t plane, int64_t head, int64_t d);
  /// The first position that row `i` of the sequence sees.
  int64_t firstSeen(const Sequence &sequence, int64_t i) const;
  std::vector<double> attend(const Sequence &sequence, int64_t i, int64_t head);

  Random random{0xF1A5};
  Config config;
  Step step;
  std::unique_ptr<Buffer> q, k, v, cache;
};

INSTANTIATE_TEST_SUITE_P(Seeds, PrefillAttention, testing::Values(0, 1));

std::pair<Buffer *, int64_t> PrefillAttention::find(const Sequence &sequence,
                                                    int64_t position,
                                                    int64_t plane, int64_t head,
                                                    int64_t d) {
  if (config.hasStep && position >= sequence.position) {
    Buffer *from = plane ? v.get() : k.get();
    return {from,
            from->at(sequence.row + position - sequence.position, head, d)};
  }
  const int64_t unit = config.window
                           ? sequence.slot
                           : step.page(sequence.slot, position / config.page);
  const int64_t row = position % config.window.value_or(config.page);
  return {cache.get(), cache->at(unit, plane, head, row, d)};
}

int64_t PrefillAttention::firstSeen(const Sequence &sequence, int64_t i) const {
  if (!config.window)
    return 0;
  return std::max<int64_t>(0, sequence.position + i + 1 - *config.window);
}

void PrefillAttention::make(const Config &of,
                            const std::vector<Tokens> &tokens) {
  config = of;
  step = makeStep(config, tokens);
  const int64_t dim = config.dim, kvHeads = config.kvHeads;
  q = std::make_unique<Buffer>(config.queries,
                               std::vector{step.tokens, config.heads, dim});
  cache = std::make_unique<Buffer>(
      DType::BF16,
      std::vector{config.window ? step.slots : step.pages(), int64_t(2),
                  kvHeads, config.window.value_or(config.page), dim});
  for (std::unique_ptr<Buffer> *own : {&k, &v})
    *own = std::make_unique<Buffer>(DType::BF16,
                                    std::vector{step.tokens, kvHeads, dim});
  std::uniform_real_distribution<double> number(-1, 1);
  for (const Sequence &sequence : step.sequences) {
    // The tensor cores take queries in bf16.
    Buffer rounded(DType::BF16, {1});
    for (int64_t i = 0; i < sequence.rows * config.heads * dim; ++i) {
      rounded.set(0, config.queryRange * number(random));
      q->set(sequence.row * config.heads * dim + i, rounded.get(0));
    }
    // What the ring holds, or all.
    const int64_t begin =
        config.window ? std::max<int64_t>(0, sequence.position - *config.window)
                      : 0;
    for (int64_t p = begin; p < sequence.position + sequence.rows; ++p)
      for (int64_t i = 0; i < 2 * kvHeads * dim; ++i) {
        auto [into, at] =
            find(sequence, p, i / dim / kvHeads, i / dim % kvHeads, i % dim);
        into->set(at, number(random));
      }
  }
}

std::vector<double> PrefillAttention::attend(const Sequence &sequence,
                                             int64_t i, int64_t head) {
  const int64_t kvHead = head * config.kvHeads / config.heads;
  const int64_t last = sequence.position + i;
  std::vector<double> scores;
  for (int64_t p = firstSeen(sequence, i); p <= last; ++p) {
    double score = 0;
    for (int64_t d = 0; d < config.dim; ++d) {
      auto [from, at] = find(sequence, p, 0, kvHead, d);
      score += (*q)(sequence.row + i, head, d) * from->get(at);
    }
    scores.push_back(score / std::sqrt(config.dim));
  }
  const double top = *std::max_element(scores.begin(), scores.end());
  double sum = 0;
  std::vector<double> mixed(config.dim);
  for (size_t j = 0; j < scores.size(); ++j) {
    const double weight = std::exp(scores[j] - top);
    sum += weight;
    for (int64_t d = 0; d < config.dim; ++d) {
      auto [from, at] =
          find(sequence, firstSeen(sequence, i) + static_cast<int64_t>(j), 1,
               kvHead, d);
      mixed[d] += weight * from->get(at);
    }
  }
  for (double &element : mixed)
    element /= sum;
  return mixed;
}

void PrefillAttention::check(const Config &of,
                             const std::vector<Tokens> &tokens) {
  make(of, tokens);
  const std::string keys = rowsType({config.kvHeads, config.dim}, DType::BF16);
  std::vector<std::string> operands = {
      rowsType({config.heads, config.dim}, config.queries),
      cacheType(config.kvHeads, config.dim, DType::BF16, config.page,
                config.window),
      "!jet.batch"};
  if (config.hasStep)
    operands.insert(operands.begin() + 1, {keys, keys});
  const std::unique_ptr<Forms> forms = Forms::build(kernelText(
      "attention",
      config.hasStep ? "jet.attention %a, %b, %c, %d, %e"
                     : "jet.attention %a, %b, %c",
      operands, {rowsType({config.heads, config.dim}, config.result)}));
  ASSERT_TRUE(forms);

  Buffer y(config.result, {step.tokens, config.heads, config.dim});
  Buffer batch = step.batch();
  std::vector<Buffer *> buffers = {q.get(), cache.get(), &batch, &y};
  if (config.hasStep)
    buffers.insert(buffers.begin() + 1, {k.get(), v.get()});
  // The forms for one token a sequence are others.
  forms->run("attention", buffers, step, GetParam(), config.hasStep ? 0 : 3);

  int64_t wrong = 0;
  double worst = 0;
  for (const Sequence &sequence : step.sequences)
    for (int64_t i = 0; i < sequence.rows; ++i)
      for (int64_t h = 0; h < config.heads; ++h) {
        const std::vector<double> want = attend(sequence, i, h);
        for (int64_t d = 0; d < config.dim; ++d) {
          // Weights are rounded to bf16: each by 2⁻⁹ of itself, at most.
          const double off = std::abs(y(sequence.row + i, h, d) - want[d]);
          worst = std::isnan(off) ? INFINITY : std::max(worst, off);
          wrong += !(off <= 0x1p-8);
        }
      }
  EXPECT_EQ(wrong, 0) << "elements are wrong, by " << worst << " at most";
  for (int64_t row = 0; row < step.tokens; ++row)
    if (!step.owns(row))
      EXPECT_TRUE(y.isPoison(y.at(row, 0, 0))) << "row " << row;
}

TEST_P(PrefillAttention, OfWholeAndBrokenTiles) {
  check({2, 1, 64}, {{0, 1}, {0, 63}, {0, 64}});
  check({2, 1, 64}, {{0, 65}, {0, 150}});
  check({1, 1, 64}, {{0, 191}, {0, 192}, {0, 193}});
  check({1, 1, 96}, {{0, 111}, {0, 112}, {0, 113}});
}

TEST_P(PrefillAttention, BehindOlderTokens) {
  // 6 heads share the keys of one; more tiles than the ring of slots has.
  check({6, 1, 64}, {{37, 70}, {64, 1}});
  check({2, 2, 64}, {{300, 65}, {5, 3}, {63, 2}});
  check({1, 1, 128}, {{333, 210}});
  check({1, 1, 128, true}, {{70, 300}});
}

TEST_P(PrefillAttention, OfOddSizes) {
  // Rows of 96, small pages, results in bf16; 256 columns.
  check({2, 2, 96, false, {}, 8}, {{70, 20}, {3, 66}});
  check({2, 1, 128, false, {}, 16, DType::BF16, DType::BF16},
        {{10, 65}, {70, 7}});
  check({1, 1, 256, false, {}, 8}, {{130, 9}});
  check({1, 1, 256, true, 128}, {{130, 65}});
}

TEST_P(PrefillAttention, OfAStepBeforeItIsStored) {
  check({2, 1, 64, true}, {{0, 65}, {70, 10}, {128, 1}});
}

TEST_P(PrefillAttention, InTheRing) {
  // Empty, before it has come round, when it is full, and after; chunks that
  // are smaller than the window, of its size, and larger.
  check({6, 2, 64, true, 64}, {{0, 150}, {5, 63}});
  check({2, 1, 64, true, 96}, {{95, 64}, {96, 65}, {97, 1}});
  check({2, 1, 64, true, 32}, {{31, 100}, {500, 33}});
  check({1, 1, 128, true, 192}, {{191, 1}, {1000, 150}});
  // The newest key anywhere in a tile, as many tiles as the rows see.
  check({1, 1, 128, true, 256}, {{700, 300}, {130, 40}});
  check({1, 1, 64, true, 384}, {{1000, 200}, {384, 130}, {1151, 3}});
}

// Tops move far, in some rows of a warp, in any tile.
TEST_P(PrefillAttention, OfFarScores) {
  for (const double range : {10., 60.})
    for (const int64_t dim : {64, 96})
      check({1, 1, dim, false, {}, 64, DType::F32, DType::F32, range},
            {{150, 70}, {0, 193}});
  check({2, 1, 64, true, 96, 64, DType::F32, DType::F32, 60}, {{130, 100}});
}

TEST_P(PrefillAttention, OfMoreTilesThanCtas) {
  check({70, 70, 64}, {{0, 130}, {3, 70}});
  check({50, 50, 96, true, 64}, {{70, 113}, {5, 3}});
  check({60, 60, 64}, {{0, 250}, {9, 1}, {3, 70}});
}

// An item has rows of several heads, and of two blocks of rows where heads do
// not divide into its parts.
TEST_P(PrefillAttention, OfHeadsThatShareKeys) {
  check({8, 2, 64}, {{20, 130}, {0, 64}, {7, 65}});
  check({5, 1, 128}, {{64, 70}});
  check({6, 2, 96}, {{30, 33}, {0, 16}});
  check({8, 1, 64, true, 128}, {{300, 100}, {40, 129}});
  check({4, 1, 64, true, 96}, {{200, 260}});
}

} // namespace
