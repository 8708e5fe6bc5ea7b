// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Kernels of a toy model, in the ABI of runtime/Package.h. Hidden size 4,
// vocabulary 16; see Fixture.h for what the model computes.

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <numeric>

namespace {
enum Symbol { R, B, T, C, S, P };
constexpr int64_t kHidden = 4, kVocab = 16, kPageSize = 4;

/// A row of the batch, in front of its pages.
struct Sequence {
  int32_t slot, position, firstRow, count;
};

/// Rows of the batch, [B, 4 + C].
class Batch {
public:
  Batch(void *const *operands, const int64_t *symbols)
      : rows(static_cast<const int32_t *>(operands[0])), columns(symbols[C]) {}

  const Sequence &operator[](int64_t b) const {
    return *reinterpret_cast<const Sequence *>(row(b));
  }
  int64_t page(int64_t b, int64_t position) const {
    return row(b)[4 + position / kPageSize];
  }

private:
  const int32_t *row(int64_t b) const { return rows + b * (4 + columns); }

  const int32_t *rows;
  int64_t columns;
};

template <typename Type> Type *operand(void *const *operands, int index) {
  return static_cast<Type *>(operands[index]);
}

/// logits = weight * x for one row.
void head(const float *weight, const float *x, float *logits) {
  for (int64_t v = 0; v < kVocab; ++v) {
    logits[v] = 0;
    for (int64_t h = 0; h < kHidden; ++h)
      logits[v] += weight[v * kHidden + h] * x[h];
  }
}

/// The index of one of `count` sorted values; `sampling` is temperature, top-p,
/// top-k and u.
int64_t pick(const float *values, int64_t count, const float *sampling) {
  const double temperature = sampling[0];
  if (temperature == 0)
    return 0;
  if (sampling[2] >= 1 && sampling[2] < static_cast<float>(count))
    count = static_cast<int64_t>(sampling[2]);
  double total = 0, mass = 0, sum = 0;
  const auto weight = [&](int64_t i) {
    return std::exp((values[i] - values[0]) / temperature);
  };
  for (int64_t i = 0; i < count; ++i)
    total += weight(i);
  int64_t kept = 0, best = 0;
  while (mass < sampling[1] * total && kept < count)
    mass += weight(kept++);
  while (best < kept - 1 && (sum += weight(best)) <= sampling[3] * mass)
    ++best;
  return best;
}
} // namespace

extern "C" {

/// tokens [R], weight [vocab, hidden] -> x [R, hidden]; grid R.
void fixture_embed(void *const *operands, const int64_t *, int64_t begin,
                   int64_t end) {
  const auto *tokens = operand<const int32_t>(operands, 0);
  const auto *weight = operand<const float>(operands, 1);
  auto *x = operand<float>(operands, 2);
  for (int64_t r = begin; r < end; ++r)
    for (int64_t h = 0; h < kHidden; ++h)
      x[r * kHidden + h] = weight[tokens[r] * kHidden + h];
}

/// batch [B, 4 + C], x [T, hidden], sums [S, 1, 1, hidden] -> y [T, hidden];
/// grid B. The state is the running sum of x; y is the sum so far.
void fixture_running_sum(void *const *operands, const int64_t *symbols,
                         int64_t begin, int64_t end) {
  const Batch batch(operands, symbols);
  const auto *x = operand<const float>(operands, 1);
  auto *sums = operand<float>(operands, 2);
  auto *y = operand<float>(operands, 3);
  for (int64_t b = begin; b < end; ++b) {
    float *sum = sums + batch[b].slot * kHidden;
    for (int64_t i = 0; i < batch[b].count; ++i)
      for (int64_t h = 0; h < kHidden; ++h) {
        const int64_t at = (batch[b].firstRow + i) * kHidden + h;
        y[at] = sum[h] += x[at];
      }
  }
}

/// batch [B, 4 + C], positions [T], y [T, hidden], cache
/// [P, 2, 1, page, hidden] -> z [T, hidden]; grid B. Position p of the cache
/// keeps y; z adds half of position p / 2 and a little of the position.
void fixture_look_back(void *const *operands, const int64_t *symbols,
                       int64_t begin, int64_t end) {
  const Batch batch(operands, symbols);
  const auto *positions = operand<const int32_t>(operands, 1);
  const auto *y = operand<const float>(operands, 2);
  auto *cache = operand<float>(operands, 3);
  auto *z = operand<float>(operands, 4);
  for (int64_t b = begin; b < end; ++b) {
    auto at = [&](int64_t position) {
      return cache +
             (batch.page(b, position) * 2 * kPageSize + position % kPageSize) *
                 kHidden;
    };
    for (int64_t i = 0; i < batch[b].count; ++i) {
      const int64_t row = batch[b].firstRow + i;
      const int64_t position = positions[row];
      for (int64_t h = 0; h < kHidden; ++h) {
        at(position)[h] = y[row * kHidden + h];
        z[row * kHidden + h] = y[row * kHidden + h] +
                               0.5f * at(position / 2)[h] +
                               0.01f * static_cast<float>(position);
      }
    }
  }
}

/// batch [B, 4 + C], z [T, hidden], weight [vocab, hidden] -> logits [B,
/// vocab]; grid B.
void fixture_head_last(void *const *operands, const int64_t *symbols,
                       int64_t begin, int64_t end) {
  const Batch batch(operands, symbols);
  const auto *z = operand<const float>(operands, 1);
  const auto *weight = operand<const float>(operands, 2);
  auto *logits = operand<float>(operands, 3);
  for (int64_t b = begin; b < end; ++b)
    head(weight, z + (batch[b].firstRow + batch[b].count - 1) * kHidden,
         logits + b * kVocab);
}

/// z [R, hidden], weight [vocab, hidden] -> logits [R, vocab]; grid R.
void fixture_head_all(void *const *operands, const int64_t *, int64_t begin,
                      int64_t end) {
  const auto *z = operand<const float>(operands, 0);
  const auto *weight = operand<const float>(operands, 1);
  auto *logits = operand<float>(operands, 2);
  for (int64_t r = begin; r < end; ++r)
    head(weight, z + r * kHidden, logits + r * kVocab);
}

/// batch [B, 4 + C], z [T, hidden], weight [vocab, hidden] -> values [B, 3],
/// ids [B, 3]; sampling [B, 4] -> next [B]; grid B.
void fixture_head_sample(void *const *operands, const int64_t *symbols,
                         int64_t begin, int64_t end) {
  constexpr int64_t k = 3;
  const Batch batch(operands, symbols);
  const auto *z = operand<const float>(operands, 1);
  const auto *weight = operand<const float>(operands, 2);
  auto *values = operand<float>(operands, 3);
  auto *ids = operand<int32_t>(operands, 4);
  const auto *sampling = operand<const float>(operands, 5);
  auto *next = operand<int32_t>(operands, 6);
  for (int64_t b = begin; b < end; ++b) {
    float logits[kVocab];
    bool isTaken[kVocab] = {};
    head(weight, z + (batch[b].firstRow + batch[b].count - 1) * kHidden,
         logits);
    for (int64_t i = 0; i < k; ++i) {
      int64_t best = -1;
      for (int64_t v = 0; v < kVocab; ++v)
        if (!isTaken[v] && (best < 0 || logits[v] > logits[best]))
          best = v;
      isTaken[best] = true;
      values[b * k + i] = logits[best];
      ids[b * k + i] = static_cast<int32_t>(best);
    }
    next[b] = ids[b * k + pick(values + b * k, k, sampling + b * 4)];
  }
}

/// logits [B, vocab], sampling [B, 4] -> next [B]; grid B.
void fixture_pick(void *const *operands, const int64_t *, int64_t begin,
                  int64_t end) {
  const auto *logits = operand<const float>(operands, 0);
  const auto *sampling = operand<const float>(operands, 1);
  auto *next = operand<int32_t>(operands, 2);
  for (int64_t b = begin; b < end; ++b) {
    const float *row = logits + b * kVocab;
    int32_t ids[kVocab];
    float values[kVocab];
    std::iota(ids, ids + kVocab, 0);
    std::sort(ids, ids + kVocab, [&](int32_t x, int32_t y) {
      return row[x] != row[y] ? row[x] > row[y] : x < y;
    });
    for (int64_t i = 0; i < kVocab; ++i)
      values[i] = row[ids[i]];
    next[b] = ids[pick(values, kVocab, sampling + b * 4)];
  }
}

} // extern "C"
