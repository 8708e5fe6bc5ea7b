// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "RandomWeights.h"

#include "runtime/Sampler.h"
#include "support/BFloat16.h"

#include <cmath>
#include <cstring>

namespace jet {

// Knots between which normal() interpolates. A table costs a nanosecond a
// value where Box-Muller costs twenty: 2 billion values in seconds.
static constexpr int kTableBits = 14;
static constexpr int kKnots = (1 << kTableBits) + 1;

/// The number that a standard normal variable is below with probability `p`,
/// by bisection: made once per knot, exact to the last bits of a float.
static double normalQuantile(double p) {
  double low = -10, high = 10;
  for (int i = 0; i < 60; ++i) {
    const double middle = (low + high) / 2;
    (std::erfc(-middle / std::sqrt(2.0)) / 2 < p ? low : high) = middle;
  }
  return low;
}

RandomWeights::RandomWeights(uint64_t seed, double initializerRange)
    : seed(seed), range(static_cast<float>(initializerRange)),
      quantiles(kKnots) {
  // The outermost knots stand for the tails: 4.2 standard deviations.
  for (int i = 0; i < kKnots; ++i) {
    const double p = static_cast<double>(i) / (kKnots - 1);
    const double tail = 0.25 / (kKnots - 1);
    quantiles[i] = static_cast<float>(
        normalQuantile(std::fmin(std::fmax(p, tail), 1 - tail)));
  }
}

float RandomWeights::normal(uint32_t bits) const {
  constexpr int fractionBits = 32 - kTableBits;
  const uint32_t index = bits >> fractionBits;
  const float fraction = static_cast<float>(bits & ((1u << fractionBits) - 1)) *
                         (1.0f / (1u << fractionBits));
  return quantiles[index] +
         (quantiles[index + 1] - quantiles[index]) * fraction;
}

static uint64_t hashName(std::string_view name) {
  uint64_t hash = 0xcbf29ce484222325u; // FNV-1a
  for (char c : name)
    hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3u;
  return hash;
}

template <typename Store, typename Make>
void RandomWeights::fill(uint64_t stream, int64_t begin, int64_t end,
                         Store store, Make make) const {
  for (int64_t i = begin; i < end; i += 2) {
    const uint64_t bits = randomBits(stream, static_cast<uint64_t>(i / 2));
    store(i - begin, make(static_cast<uint32_t>(bits)));
    if (i + 1 < end)
      store(i + 1 - begin, make(static_cast<uint32_t>(bits >> 32)));
  }
}

void RandomWeights::generate(std::string_view name, DType dtype, int64_t begin,
                             int64_t end, std::byte *out) const {
  const uint64_t stream = randomBits(seed, hashName(name));
  auto generateWith = [&](auto make) {
    if (dtype == DType::BF16)
      fill(
          stream, begin, end,
          [out](int64_t i, float value) {
            const uint16_t bits = floatToBFloat16(value);
            std::memcpy(out + i * 2, &bits, sizeof(bits));
          },
          make);
    else
      fill(
          stream, begin, end,
          [out](int64_t i, float value) {
            std::memcpy(out + i * 4, &value, sizeof(value));
          },
          make);
  };
  auto uniform = [](uint32_t bits) { return (bits + 0.5) * 0x1p-32; };
  // What the authors' model code initialises each kind of weight with.
  if (name.ends_with("norm.weight") || name.ends_with(".D"))
    generateWith([&](uint32_t bits) { return 1 + 0.1f * normal(bits); });
  else if (name.ends_with("conv1d.weight") || name.ends_with("conv1d.bias"))
    // Uniform up to 1 / sqrt(taps), of which all released models have 4.
    generateWith([&](uint32_t bits) {
      return static_cast<float>(uniform(bits)) - 0.5f;
    });
  else if (name.ends_with(".A_log"))
    generateWith([&](uint32_t bits) {
      return static_cast<float>(std::log(1 + 15 * uniform(bits)));
    });
  else if (name.ends_with(".dt_bias"))
    generateWith([&](uint32_t bits) {
      const double dt =
          std::exp(std::log(0.001) + uniform(bits) * std::log(100.0));
      return static_cast<float>(dt + std::log(-std::expm1(-dt)));
    });
  else
    generateWith([&](uint32_t bits) { return range * normal(bits); });
}

} // namespace jet
