// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Random initial weights, the same on every run and for every number of
// threads: value i of a tensor depends on the seed, the tensor's name and i.

#ifndef JET_TOOLS_JET_RUN_RANDOMWEIGHTS_H
#define JET_TOOLS_JET_RUN_RANDOMWEIGHTS_H

#include "support/DType.h"

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace jet {

/// Immutable; generate() may be called from several threads.
class RandomWeights {
public:
  RandomWeights(uint64_t seed, double initializerRange);

  /// Stores the elements [begin, end) of the tensor `name` at `out`, as F32 or
  /// BF16. `begin` must be even.
  void generate(std::string_view name, DType dtype, int64_t begin, int64_t end,
                std::byte *out) const;

private:
  /// A standard normal number for 32 random bits.
  float normal(uint32_t bits) const;
  template <typename Store, typename Make>
  void fill(uint64_t stream, int64_t begin, int64_t end, Store store,
            Make make) const;

  uint64_t seed;
  float range;
  std::vector<float> quantiles; // of the normal distribution
};

} // namespace jet

#endif // JET_TOOLS_JET_RUN_RANDOMWEIGHTS_H
