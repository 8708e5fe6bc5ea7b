// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "runtime/CopyWeights.h"

#include "runtime/ThreadPool.h"
#include "support/BFloat16.h"
#include "support/File.h"

#include <algorithm>
#include <cstring>
#include <mutex>
#include <optional>

namespace jet {

/// What a thread scales at once, or copies at least, and how many of these all
/// threads do between two reports.
static constexpr size_t kBlockBytes = size_t(1) << 20;
static constexpr size_t kBlocksAtOnce = 256;

/// Elements in memory that is not aligned to them.
template <typename Bits>
static Bits load(std::span<const std::byte> bytes, size_t index) {
  Bits bits;
  std::memcpy(&bits, bytes.data() + index * sizeof(bits), sizeof(bits));
  return bits;
}

template <typename Bits, typename ToFloat, typename FromFloat>
static void scale(const WeightCopy &copy, size_t first, std::span<Bits> result,
                  ToFloat toFloat, FromFloat fromFloat) {
  const size_t columns = copy.columnScale.size() / sizeof(Bits);
  size_t column = first % columns;
  for (size_t i = 0; i < result.size(); ++i) {
    const float product = toFloat(load<Bits>(copy.from, first + i)) *
                          toFloat(load<Bits>(copy.columnScale, column));
    result[i] = fromFloat(product);
    if (++column == columns)
      column = 0;
  }
}

/// The bytes [low, high) of the scaled tensor.
static std::vector<std::byte> scaled(const WeightCopy &copy, size_t low,
                                     size_t high) {
  std::vector<std::byte> block(high - low);
  if (copy.dtype == DType::BF16)
    scale(copy, low / sizeof(uint16_t),
          std::span(reinterpret_cast<uint16_t *>(block.data()),
                    block.size() / sizeof(uint16_t)),
          bfloat16ToFloat, floatToBFloat16);
  else
    scale(
        copy, low / sizeof(float),
        std::span(reinterpret_cast<float *>(block.data()),
                  block.size() / sizeof(float)),
        [](float value) { return value; }, [](float value) { return value; });
  return block;
}

static Result<void> copyBytes(Device &device, const WeightCopy &copy,
                              size_t low, size_t high) {
  if (copy.columnScale.empty())
    return device.write(copy.to + low, copy.from.data() + low,
                        static_cast<int64_t>(high - low));
  for (; low < high; low += kBlockBytes) {
    const std::vector<std::byte> block =
        scaled(copy, low, std::min(high, low + kBlockBytes));
    if (auto done = device.write(copy.to + low, block.data(),
                                 static_cast<int64_t>(block.size()));
        !done)
      return done;
  }
  return {};
}

Result<void>
copyWeights(Device &device, const std::vector<WeightCopy> &copies,
            const std::function<void(int64_t, int64_t)> &progress) {
  int64_t total = 0, done = 0;
  for (const WeightCopy &copy : copies)
    total += static_cast<int64_t>(copy.from.size());
  if (total == 0)
    return {};
  if (progress)
    progress(0, total);
  ThreadPool pool;
  std::mutex mutex;
  std::optional<Error> problem;
  for (const WeightCopy &copy : copies) {
    const size_t size = copy.from.size();
    const size_t stride = kBlockBytes * kBlocksAtOnce;
    for (size_t start = 0; start < size; start += stride) {
      const size_t end = std::min(size, start + stride);
      const auto blocks = (end - start + kBlockBytes - 1) / kBlockBytes;
      pool.run(static_cast<int64_t>(blocks), [&](int64_t first, int64_t last) {
        auto copied = copyBytes(device, copy, start + first * kBlockBytes,
                                std::min(end, start + last * kBlockBytes));
        const std::lock_guard<std::mutex> lock(mutex);
        if (!copied)
          problem = copied.error();
      });
      if (problem)
        return *problem;
      done += static_cast<int64_t>(end - start);
      if (progress)
        progress(done, total);
    }
    // The checkpoint's pages were read for this alone.
    MappedFile::release(copy.from);
  }
  return {};
}

} // namespace jet
