// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The form of jet.attention in decode steps against the definition. Places of
// the cache that hold no position of a sequence hold NaN, and pages that it has
// not reached no number of a page.

#include "../FormHarness.h"

using namespace jet;
using namespace jet::test;

namespace {

struct Config {
  int64_t heads, kvHeads, dim;
  std::optional<int64_t> window; // else pages
  int64_t page = 64;
  DType queries = DType::F32, result = DType::F32;
};

class DecodeAttention : public testing::TestWithParam<uint64_t> {
protected:
  /// Sequences that have the given numbers of tokens before the step, in shares
  /// or whole.
  void check(const Config &config, const std::vector<int64_t> &positions,
             bool whole = false);

  Random random{0xDECA};
};

INSTANTIATE_TEST_SUITE_P(Seeds, DecodeAttention, testing::Values(0, 1));

/// Rows and slots are in another order than the sequences.
Step makeStep(const Config &config, const std::vector<int64_t> &positions) {
  Step step;
  const auto count = static_cast<int64_t>(positions.size());
  step.tokens = count;
  step.slots = count + 1;
  step.pageSize = config.page;
  for (int64_t b = 0; b < count; ++b) {
    step.sequences.push_back({count - b, positions[b], (b + 1) % count, 1});
    step.capacity = std::max(step.capacity, positions[b] + 1);
  }
  return step;
}

/// Softmax of a head's scores, by which `values` are mixed.
std::vector<double> mix(const std::vector<double> &scores,
                        const std::vector<std::vector<double>> &values) {
  const double top = *std::max_element(scores.begin(), scores.end());
  double sum = 0;
  std::vector<double> mixed(values.front().size());
  for (size_t j = 0; j < scores.size(); ++j) {
    const double weight = std::exp(scores[j] - top);
    sum += weight;
    for (size_t d = 0; d < mixed.size(); ++d)
      mixed[d] += weight * values[j][d];
  }
  for (double &element : mixed)
    element /= sum;
  return mixed;
}

void DecodeAttention::check(const Config &config,
                            const std::vector<int64_t> &positions, bool whole) {
  const Step step = makeStep(config, positions);
  const std::string cacheText = cacheType(
      config.kvHeads, config.dim, DType::BF16, config.page, config.window);
  const std::unique_ptr<Forms> forms = Forms::build(
      kernelText("attention", "jet.attention %a, %b, %c",
                 {rowsType({config.heads, config.dim}, config.queries),
                  cacheText, "!jet.batch"},
                 {rowsType({config.heads, config.dim}, config.result)}));
  ASSERT_TRUE(forms);

  const int64_t dim = config.dim;
  Buffer q = Buffer::random(random, config.queries,
                            {step.tokens, config.heads, dim}, -2, 2);
  // The tensor cores take queries in bf16.
  for (int64_t i = 0; i < q.count(); ++i) {
    Buffer rounded(DType::BF16, {1});
    rounded.set(0, q.get(i));
    q.set(i, rounded.get(0));
  }
  Buffer y(config.result, {step.tokens, config.heads, dim});
  Buffer batch = step.batch();
  Buffer cache(DType::BF16,
               {config.window ? step.slots : step.pages(), 2, config.kvHeads,
                config.window.value_or(config.page), dim});
  std::uniform_real_distribution<double> number(-1, 1);
  for (const Sequence &sequence : step.sequences) {
    const int64_t last = sequence.position;
    for (int64_t p = config.window
                         ? std::max<int64_t>(0, last + 1 - *config.window)
                         : 0;
         p <= last; ++p)
      for (int64_t i = 0; i < 2 * config.kvHeads * dim; ++i) {
        const int64_t unit = config.window
                                 ? sequence.slot
                                 : step.page(sequence.slot, p / config.page);
        const int64_t row = p % config.window.value_or(config.page);
        cache.set(cache.at(unit, i / dim / config.kvHeads,
                           i / dim % config.kvHeads, row, i % dim),
                  number(random));
      }
  }
  // Of pages one sequence has a form of its own.
  int64_t form = whole + (!config.window && (whole || positions.size() > 1));
  forms->run("attention", {&q, &cache, &batch, &y}, step, GetParam(), form);

  int64_t wrong = 0;
  double worst = 0;
  for (const Sequence &sequence : step.sequences)
    for (int64_t h = 0; h < config.heads; ++h) {
      const int64_t g = h * config.kvHeads / config.heads;
      std::vector<double> scores;
      std::vector<std::vector<double>> values;
      const int64_t last = sequence.position;
      for (int64_t p = config.window
                           ? std::max<int64_t>(0, last + 1 - *config.window)
                           : 0;
           p <= last; ++p) {
        const int64_t unit = config.window
                                 ? sequence.slot
                                 : step.page(sequence.slot, p / config.page);
        const int64_t row = p % config.window.value_or(config.page);
        double score = 0;
        values.emplace_back();
        for (int64_t d = 0; d < dim; ++d) {
          score += q(sequence.row, h, d) * cache(unit, 0, g, row, d);
          values.back().push_back(cache(unit, 1, g, row, d));
        }
        scores.push_back(score / std::sqrt(dim));
      }
      const std::vector<double> want = mix(scores, values);
      for (int64_t d = 0; d < dim; ++d) {
        // Weights are rounded to bf16: each by 2⁻⁹ of itself, at most.
        const double off = std::abs(y(sequence.row, h, d) - want[d]);
        worst = std::isnan(off) ? INFINITY : std::max(worst, off);
        wrong += !(off <= 0x1p-8);
      }
    }
  EXPECT_EQ(wrong, 0) << "elements are wrong, by " << worst << " at most";
}

TEST_P(DecodeAttention, OfOneShare) {
  // One key, a part of a warp's, a whole tile, a key more.
  check({4, 2, 64, {}}, {0, 9, 63, 64});
}

TEST_P(DecodeAttention, OfManyShares) {
  // Shares of two tiles, the last one of fewer.
  check({2, 2, 64, {}}, {700});
  check({12, 2, 128, {}}, {1500});
  check({3, 1, 256, {}, 8}, {700});
  check({2, 1, 64, {}}, {127, 128, 129, 1000});
}

TEST_P(DecodeAttention, OfLongShares) {
  // 4 shares of a head, of more tiles than the ring of slots has.
  check({16, 16, 64, {}}, {1500, 5, 639, 640});
}

TEST_P(DecodeAttention, OfWholeSequences) {
  // More of them than fill the machine; or as if there were.
  check({70, 70, 64, {}}, {5, 130}, true);
  check({12, 2, 128, {}}, {0, 63, 700}, true);
}

TEST_P(DecodeAttention, InTheRing) {
  // Before it has come round, when it is full, and after.
  check({12, 2, 128, 192}, {5, 190, 191, 192, 500});
  check({12, 2, 128, 256}, {5, 255, 256, 1000});
}

TEST_P(DecodeAttention, OfOddSizes) {
  // Rows of 96, small pages, a ring of boxes of 32, results in bf16.
  check({6, 2, 96, {}, 16}, {70, 200});
  check({6, 2, 96, 96, 64, DType::BF16, DType::BF16}, {70, 200});
  check({3, 1, 256, {}, 8}, {130});
}

TEST_P(DecodeAttention, OfMoreHeadsThanACtaHas) {
  check({40, 2, 64, {}}, {30, 300});
}

} // namespace
