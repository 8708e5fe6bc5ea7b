// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef JET_RUNTIME_COPYWEIGHTS_H
#define JET_RUNTIME_COPYWEIGHTS_H

#include "runtime/Device.h"
#include "support/DType.h"

#include <functional>
#include <span>
#include <vector>

namespace jet {

/// A tensor of a mapped checkpoint on its way into a device's memory.
struct WeightCopy {
  std::span<const std::byte> from;
  std::byte *to;
  /// Where it is not empty: each row is multiplied by it, in f32, and rounded
  /// to `dtype`, the type of both, which is F32 or BF16. `from` is whole rows.
  std::span<const std::byte> columnScale = {};
  DType dtype = DType::F32;
};

/// Copies on all threads, at the speed of memory, and gives the checkpoint's
/// pages back once a tensor is copied. `progress`, if there is one, gets the
/// bytes that are done and of all.
Result<void>
copyWeights(Device &device, const std::vector<WeightCopy> &copies,
            const std::function<void(int64_t done, int64_t total)> &progress);

} // namespace jet

#endif // JET_RUNTIME_COPYWEIGHTS_H
