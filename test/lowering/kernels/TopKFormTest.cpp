// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The forms of jet.linear_top_k and jet.merge_top_k against the order of
// jet.top_k, to the bit. Logits are small integers: many are equal.

#include "../FormHarness.h"
#include "../TopKKernels.h"

#include <algorithm>
#include <numeric>

using namespace jet;
using namespace jet::test;

namespace {

constexpr int64_t kLastId = INT32_MAX;

class TopKForm : public testing::TestWithParam<uint64_t> {
protected:
  void checkLinear(int64_t rows, int64_t columns, int64_t k, int64_t block,
                   size_t form);
  void checkMerge(int64_t rows, int64_t count, int64_t k);
  void checkHardBlocks(int64_t columns, int64_t k, int64_t block);
  void checkHardCandidates(int64_t count, int64_t k);
  Random random{0x70B};
};

INSTANTIATE_TEST_SUITE_P(Seeds, TopKForm, testing::Values(0, 1));

struct Candidate {
  double value;
  int64_t id;
};

bool comesBefore(const Candidate &a, const Candidate &b) {
  const bool aIsNumber = !std::isnan(a.value), bIsNumber = !std::isnan(b.value);
  if (aIsNumber != bIsNumber)
    return aIsNumber;
  if (aIsNumber && a.value != b.value)
    return a.value > b.value;
  return a.id < b.id;
}

/// Expects the first k of `candidates`, filled up, from [row, column] on.
void expectFirst(std::vector<Candidate> candidates, int64_t k,
                 const Buffer &values, const Buffer &ids, int64_t row,
                 int64_t column) {
  std::sort(candidates.begin(), candidates.end(), comesBefore);
  candidates.resize(std::max<size_t>(k, candidates.size()), {NAN, kLastId});
  for (int64_t i = 0; i < k; ++i) {
    const double got = values(row, column + i), want = candidates[i].value;
    EXPECT_EQ(ids(row, column + i), candidates[i].id)
        << "row " << row << ", place " << column + i;
    EXPECT_TRUE(std::isnan(want)
                    ? std::isnan(got)
                    : got == want && std::signbit(got) == std::signbit(want))
        << got << " for " << want << ", row " << row << ", place "
        << column + i;
  }
}

void TopKForm::checkLinear(int64_t rows, int64_t columns, int64_t k,
                           int64_t block, size_t form) {
  constexpr int64_t kInner = 64;
  const int64_t blocks = (columns + block - 1) / block;
  const auto forms = Forms::build(headKernel(columns, kInner, k, block));
  ASSERT_TRUE(forms);
  Buffer x(DType::F32, {rows, kInner});
  Buffer weight(DType::BF16, {columns, kInner});
  for (int64_t i = 0; i < x.count(); ++i)
    x.set(i, uniform(random, 0, 9) ? 0 : double(uniform(random, -2, 2)));
  for (int64_t i = 0; i < weight.count(); ++i)
    weight.set(i, double(uniform(random, -2, 2)));
  // Columns of NaN.
  for (int i = 0; i < 5; ++i)
    weight.set(weight.at(uniform(random, 0, columns - 1), 0), NAN);
  Buffer values(DType::F32, {rows, blocks * k});
  Buffer ids(DType::I32, {rows, blocks * k});
  forms->run("head", {&x, &weight, &values, &ids}, Step::rows(rows), GetParam(),
             form);
  for (int64_t r = 0; r < rows; ++r)
    for (int64_t j = 0; j < blocks; ++j) {
      std::vector<Candidate> candidates;
      for (int64_t n = j * block; n < std::min(columns, (j + 1) * block); ++n) {
        double sum = 0;
        for (int64_t c = 0; c < kInner; ++c)
          sum += x(r, c) * weight(n, c);
        candidates.push_back({sum, n});
      }
      expectFirst(candidates, k, values, ids, r, j * k);
    }
}

void TopKForm::checkMerge(int64_t rows, int64_t count, int64_t k) {
  const auto forms = Forms::build(mergeKernel(count, k));
  ASSERT_TRUE(forms);
  Buffer values(DType::F32, {rows, count}), ids(DType::I32, {rows, count});
  Buffer bestValues(DType::F32, {rows, k}), bestIds(DType::I32, {rows, k});
  std::vector<std::vector<Candidate>> candidates(rows);
  for (int64_t r = 0; r < rows; ++r) {
    std::vector<int64_t> order(count);
    std::iota(order.begin(), order.end(), 0);
    std::shuffle(order.begin(), order.end(), random);
    for (int64_t i = 0; i < count; ++i) {
      const double some[] = {
          NAN,       -0.0, 0,  INFINITY,
          -INFINITY, 1,    -1, double(uniform(random, -1000, 1000)) / 7};
      // In the first row all are equal, in the second few are numbers.
      const int64_t which = r == 0 ? 5 : uniform(random, 0, 7);
      values.set(values.at(r, i), some[which]);
      ids.set(ids.at(r, i), double(order[i] * 3));
      if (r == 1 && uniform(random, 0, 9)) {
        values.set(values.at(r, i), NAN);
        ids.set(ids.at(r, i), double(kLastId));
      }
      candidates[r].push_back({values(r, i), static_cast<int64_t>(ids(r, i))});
    }
  }
  forms->run("merge", {&values, &ids, &bestValues, &bestIds}, Step::rows(rows),
             GetParam(), 0);
  for (int64_t r = 0; r < rows; ++r)
    expectFirst(candidates[r], k, bestValues, bestIds, r, 0);
}

/// Value `i` of `count` that are hard to select from; of the patterns from
/// kSpecial on some are not finite.
constexpr int kSpecial = 8, kPatterns = 14;
double hardValue(int pattern, int64_t i, int64_t count, int64_t k,
                 Random &random) {
  const double noise = double(uniform(random, -10000, 10000)) / 1024;
  switch (pattern) {
  case 0:
    return 1;
  case 1:
    return double(i);
  case 2:
    return double(-i);
  case 3:
    return double(i % 3);
  case 4: // neighbours are large
    return i >= count / 2 && i < count / 2 + k ? 100 + noise : noise;
  case 5: // in few threads, and in few warps
    return i % 64 < 4 ? 100 + noise : noise;
  case 6:
    return i % 2 ? 0.0 : -0.0;
  case 7: // as linear_top_k gives them: in lists that are in order
    return double(-(i % k)) + noise / 100;
  case 8:
    return NAN;
  case 9: // too few numbers
    return i % count < k - 1 ? noise : NAN;
  case 10: // just enough
    return i % count < k ? noise : NAN;
  case 11:
    return i % 5 ? -INFINITY : NAN;
  case 12:
    return i % 7 ? noise : INFINITY;
  default:
    return i < k / 2 ? noise : -INFINITY;
  }
}

void TopKForm::checkHardCandidates(int64_t count, int64_t k) {
  const auto forms = Forms::build(mergeKernel(count, k));
  ASSERT_TRUE(forms);
  const int64_t rows = kPatterns;
  Buffer values(DType::F32, {rows, count}), ids(DType::I32, {rows, count});
  Buffer bestValues(DType::F32, {rows, k}), bestIds(DType::I32, {rows, k});
  for (int64_t r = 0; r < rows; ++r)
    for (int64_t i = 0; i < count; ++i) {
      values.set(values.at(r, i), hardValue(int(r), i, count, k, random));
      // In no order, and of some rows all the same.
      ids.set(ids.at(r, i), r % 5 == 4 ? 7 : double(i * 7919 % count));
    }
  forms->run("merge", {&values, &ids, &bestValues, &bestIds}, Step::rows(rows),
             GetParam(), 0);
  for (int64_t r = 0; r < rows; ++r) {
    std::vector<Candidate> candidates;
    for (int64_t i = 0; i < count; ++i)
      candidates.push_back({values(r, i), static_cast<int64_t>(ids(r, i))});
    expectFirst(candidates, k, bestValues, bestIds, r, 0);
  }
}

/// Row r picks column r of the weights, so that they are the logits.
void TopKForm::checkHardBlocks(int64_t columns, int64_t k, int64_t block) {
  const int64_t rows = kSpecial, inner = kSpecial;
  const int64_t blocks = (columns + block - 1) / block;
  const auto forms = Forms::build(headKernel(columns, inner, k, block));
  ASSERT_TRUE(forms);
  Buffer x(DType::F32, {rows, inner}), weight(DType::BF16, {columns, inner});
  Buffer values(DType::F32, {rows, blocks * k});
  Buffer ids(DType::I32, {rows, blocks * k});
  for (int64_t r = 0; r < rows; ++r) {
    for (int64_t c = 0; c < inner; ++c)
      x.set(x.at(r, c), r == c);
    for (int64_t n = 0; n < columns; ++n)
      weight.set(weight.at(n, r),
                 hardValue(int(r), n % block, block, k, random));
  }
  forms->run("head", {&x, &weight, &values, &ids}, Step::rows(rows),
             GetParam());
  for (int64_t r = 0; r < rows; ++r)
    for (int64_t j = 0; j < blocks; ++j) {
      std::vector<Candidate> candidates;
      for (int64_t n = j * block; n < std::min(columns, (j + 1) * block); ++n)
        candidates.push_back({weight(n, r) + 0.0, n});
      expectFirst(candidates, k, values, ids, r, j * k);
    }
}

TEST_P(TopKForm, OfBlocks) {
  // Whole blocks, and a last one that is shorter, or shorter than k.
  checkLinear(3, 256, 16, 128, 0);
  checkLinear(2, 200, 16, 128, 0);
  checkLinear(2, 326, 80, 128, 0);
  checkLinear(2, 96, 1, 2048, 0);
}

TEST_P(TopKForm, OfManyRows) { checkLinear(130, 72, 8, 64, 4); }

TEST_P(TopKForm, OfHardBlocks) {
  // Last blocks of all threads, of some warps, of fewer than k columns, and of
  // an odd number of columns, which are loaded alone.
  checkHardBlocks(2048 + 384, 64, 2048);
  checkHardBlocks(512 + 100, 16, 512);
  checkHardBlocks(512 + 10, 16, 512);
  checkHardBlocks(511, 16, 512);
  checkHardBlocks(8192 + 900, 256, 8192);
  checkHardBlocks(300, 1, 64);
}

TEST_P(TopKForm, OfHardCandidates) {
  checkHardCandidates(4800, 64);
  checkHardCandidates(4864, 256);
  checkHardCandidates(1027, 64);
  checkHardCandidates(600, 1);
  // More than threads.
  checkHardCandidates(120, 100);
}

TEST_P(TopKForm, OfCandidates) {
  checkMerge(4, 48, 16);
  checkMerge(3, 700, 64);
  checkMerge(2, 33, 33);
}

} // namespace
