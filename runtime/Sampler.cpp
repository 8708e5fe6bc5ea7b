// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "runtime/Sampler.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

namespace jet {

static uint64_t mix(uint64_t x) {
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
  return x ^ (x >> 31);
}

uint64_t randomBits(uint64_t seed, uint64_t counter) {
  constexpr uint64_t golden = 0x9e3779b97f4a7c15u;
  // Mixing the seed first keeps neighbouring seeds from sharing sequences.
  return mix(mix(seed + golden) + (counter + 1) * golden);
}

double randomUniform(uint64_t seed, uint64_t counter) {
  return static_cast<double>(randomBits(seed, counter) >> 11) * 0x1p-53;
}

int32_t argmax(std::span<const float> logits) {
  size_t best = 0;
  for (size_t i = 1; i < logits.size(); ++i)
    if (logits[i] > logits[best] || std::isnan(logits[best]))
      best = i;
  return static_cast<int32_t>(std::isnan(logits[best]) ? 0 : best);
}

Result<Sampler> Sampler::create(const SamplingOptions &options,
                                uint64_t stream) {
  if (!std::isfinite(options.temperature) || options.temperature < 0)
    return Error{"temperature: expected a number >= 0, found " +
                 std::to_string(options.temperature)};
  if (options.topK < 0)
    return Error{"top-k: expected an integer >= 0, found " +
                 std::to_string(options.topK)};
  if (!(options.topP > 0 && options.topP <= 1))
    return Error{"top-p: expected a number in (0, 1], found " +
                 std::to_string(options.topP)};
  Sampler sampler(options);
  sampler.stream = randomBits(options.seed, stream);
  return sampler;
}

int32_t Sampler::sample(std::span<const float> logits) {
  const int32_t best = argmax(logits);
  if (isGreedy() || !std::isfinite(logits[best]))
    return best;

  order.resize(logits.size());
  std::iota(order.begin(), order.end(), 0);
  // NaNs last; equals in the order of their ids, so that every machine agrees.
  auto before = [&](int32_t a, int32_t b) {
    const float x = logits[a], y = logits[b];
    if (std::isnan(x) || std::isnan(y))
      return std::isnan(x) == std::isnan(y) ? a < b : std::isnan(y);
    return x != y ? x > y : a < b;
  };
  size_t kept = order.size();
  if (options.topK > 0 && static_cast<uint64_t>(options.topK) < kept) {
    kept = static_cast<size_t>(options.topK);
    std::nth_element(order.begin(), order.begin() + kept - 1, order.end(),
                     before);
  }
  std::sort(order.begin(), order.begin() + kept, before);
  largest.clear();
  for (size_t i = 0; i < kept; ++i)
    largest.push_back(logits[order[i]]);
  return order[pick(largest)];
}

bool candidatesSuffice(const SamplingRow &row, int64_t count, int64_t vocab) {
  const bool isGreedy = row.temperature == 0 || row.topK == 1;
  return count > 0 &&
         (isGreedy || count == vocab ||
          (row.topK >= 1 && row.topK <= static_cast<float>(count)));
}

bool Sampler::canUseCandidates(int64_t count, int64_t vocab) const {
  return candidatesSuffice(row(), count, vocab);
}

int32_t Sampler::sample(std::span<const float> values,
                        std::span<const int32_t> ids) {
  if (isGreedy() || !std::isfinite(values[0]))
    return ids[0];
  if (options.topK > 0 && static_cast<uint64_t>(options.topK) < values.size())
    values = values.first(static_cast<size_t>(options.topK));
  return ids[pick(values)];
}

SamplingRow Sampler::row() const {
  if (isGreedy())
    return {};
  // Down, so that it stays below 1.
  const double uniform = randomUniform(stream, counter);
  auto rounded = static_cast<float>(uniform);
  if (static_cast<double>(rounded) > uniform)
    rounded = std::nextafter(rounded, 0.0f);
  // Finite as a float too.
  constexpr double most = std::numeric_limits<float>::max();
  return {static_cast<float>(std::min(options.temperature, most)),
          static_cast<float>(options.topP), static_cast<float>(options.topK),
          rounded};
}

size_t Sampler::pick(std::span<const float> sorted) {
  size_t kept = sorted.size();
  weights.resize(kept);
  double total = 0;
  for (size_t i = 0; i < kept; ++i) {
    const double logit = sorted[i];
    weights[i] = std::isnan(logit)
                     ? 0
                     : std::exp((logit - sorted[0]) / options.temperature);
    total += weights[i];
  }
  // Keep the most likely tokens until their probability reaches topP.
  double mass = 0;
  for (size_t i = 0; i < kept; ++i) {
    mass += weights[i];
    if (mass >= options.topP * total)
      kept = i + 1;
  }
  double point = randomUniform(stream, counter++) * mass;
  for (size_t i = 0; i < kept; ++i) {
    point -= weights[i];
    if (point < 0)
      return i;
  }
  return kept - 1;
}

} // namespace jet
