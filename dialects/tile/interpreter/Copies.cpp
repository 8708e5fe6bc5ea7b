// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What copies do when they happen. Their checks were made when they started.

#include "dialects/tile/interpreter/Machine.h"

using namespace mlir;
using namespace jet::tile;

/// Calls `piece(global, shared, bytes)` for each row of a box, with null for
/// rows outside of the tensor; the bytes before and behind are outside, too.
template <typename Piece>
static void forEachRow(const Copy &copy, Piece piece) {
  const Memory &box = copy.instruction->memory;
  const Argument &argument = copy.cta->machine.stage.arguments[copy.argument];
  int64_t rank = box.rank(), width = box.element.bytes();
  int64_t rowBytes = box.shape.back() * width;
  std::vector<int64_t> strides = argument.strides;
  if (strides.empty()) {
    strides.assign(rank - 1, 0);
    int64_t stride = argument.sizes.back() * width;
    for (int64_t i = rank - 2; i >= 0; stride *= argument.sizes[i--])
      strides[i] = stride;
  }
  int64_t rows = box.numElements() / box.shape.back();
  int64_t first =
      std::clamp<int64_t>(-copy.coordinates.back(), 0, box.shape.back());
  int64_t last = std::clamp<int64_t>(
      argument.sizes.back() - copy.coordinates.back(), first, box.shape.back());
  for (int64_t row = 0; row < rows; ++row) {
    int64_t rest = row, offset = 0;
    bool inside = first < last;
    for (int64_t i = rank - 2; i >= 0; --i) {
      int64_t at = copy.coordinates[i] + rest % box.shape[i];
      rest /= box.shape[i];
      inside &= at >= 0 && at < argument.sizes[i];
      offset += at * strides[i];
    }
    offset += copy.coordinates.back() * width;
    piece(inside ? argument.data + offset : nullptr, row * rowBytes,
          first * width, last * width, rowBytes);
  }
}

static void loadBox(const Copy &copy) {
  std::byte *tile = copy.cta->shared.data() + copy.offset;
  int64_t swizzle = copy.instruction->memory.swizzle;
  forEachRow(copy, [&](const std::byte *from, int64_t row, int64_t first,
                       int64_t last, int64_t bytes) {
    for (int64_t i = 0; i < bytes; i += 16) {
      std::byte chunk[16] = {};
      int64_t begin = std::max(i, first), end = std::min(i + 16, last);
      if (from && begin < end)
        std::memcpy(chunk + (begin - i), from + begin, end - begin);
      std::memcpy(tile + swizzled(row + i, swizzle), chunk, 16);
    }
  });
}

static void storeBox(const Copy &copy) {
  const std::byte *tile = copy.cta->shared.data() + copy.offset;
  int64_t swizzle = copy.instruction->memory.swizzle;
  forEachRow(copy, [&](std::byte *to, int64_t row, int64_t first, int64_t last,
                       int64_t bytes) {
    for (int64_t i = 0; to && i < bytes; i += 16) {
      int64_t begin = std::max(i, first), end = std::min(i + 16, last);
      if (begin < end)
        std::memcpy(to + begin, tile + swizzled(row + i, swizzle) + (begin - i),
                    end - begin);
    }
  });
}

void jet::tile::performLoad(const Copy &copy) {
  if (isa<TmaLoadOp>(copy.instruction->op))
    return loadBox(copy);
  std::byte *to = copy.cta->shared.data() + copy.offset;
  if (copy.isZero) {
    std::memset(to, 0, copy.bytes);
    return;
  }
  const Argument &argument = copy.cta->machine.stage.arguments[copy.argument];
  int64_t width = copy.instruction->memory.element.bytes();
  std::memcpy(to, argument.data + copy.element * width, copy.bytes);
}

void jet::tile::performStore(const Copy &copy) {
  if (isa<TmaStoreOp>(copy.instruction->op))
    return storeBox(copy);
  const Argument &argument = copy.cta->machine.stage.arguments[copy.argument];
  int64_t width = copy.instruction->memory.element.bytes();
  std::memcpy(argument.data + copy.element * width,
              copy.cta->shared.data() + copy.offset, copy.bytes);
}
