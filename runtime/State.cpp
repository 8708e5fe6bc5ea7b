// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "runtime/State.h"

#include "support/CheckedMath.h"

#include <algorithm>

namespace jet {

static Error outOfRange(const char *what, int64_t minimum, int64_t maximum,
                        int64_t found) {
  return {std::string(what) + ": expected " + std::to_string(minimum) + " to " +
          std::to_string(maximum) + ", found " + std::to_string(found)};
}

/// Of `slots` sequences of `capacity`, or fewer pages than that takes.
static int64_t bytesOf(const Package &package, int64_t slots, int64_t capacity,
                       std::optional<int64_t> pages) {
  // verifyPackage() made sure that max_batch sequences of max_context fit.
  const StateBytes bytes = *stateBytesPerSequence(package, capacity);
  if (!pages)
    return slots * bytes.total();
  const int64_t columns = pagesFor(capacity, package.model.pageSize);
  return slots * (bytes.total() - bytes.attentionKv) +
         bytes.attentionKv / columns * *pages;
}

/// The largest number from 0 to `most` that `fits`, which holds for all below
/// one that it holds for.
template <typename Fits> static int64_t largest(int64_t most, Fits fits) {
  int64_t low = 0, high = most;
  while (low < high) {
    const int64_t middle = low + (high - low + 1) / 2;
    if (fits(middle))
      low = middle;
    else
      high = middle - 1;
  }
  return low;
}

/// Whether the device has room, before anything is taken; what would fit.
static Result<void> checkRoom(const Model &model, int64_t slots,
                              int64_t capacity, std::optional<int64_t> pages) {
  const std::optional<int64_t> free = model.device()->freeBytes();
  const Package &package = model.package();
  const int64_t needed = bytesOf(package, slots, capacity, pages);
  if (!free || needed <= *free)
    return {};
  const int64_t batch = largest(slots - 1, [&](int64_t value) {
    return bytesOf(package, value, capacity, {}) <= *free;
  });
  const int64_t context = largest(capacity - 1, [&](int64_t value) {
    return bytesOf(package, slots, value, {}) <= *free;
  });
  std::string advice;
  if (batch)
    advice = "a batch of " + std::to_string(batch);
  if (context)
    advice += (batch ? " or a context of " : "a context of ") +
              std::to_string(context);
  return Error{"state: expected room for batch " + std::to_string(slots) +
               " of context " + std::to_string(capacity) + ", " +
               std::to_string(needed) + " bytes, on " + model.device()->name() +
               ", found " + std::to_string(*free) + " bytes free" +
               (advice.empty() ? "" : "; " + advice + " fits")};
}

Result<State> State::create(std::shared_ptr<const Model> model, int64_t slots,
                            int64_t capacity, std::optional<int64_t> pages,
                            Poison poison) {
  const ModelInfo &info = model->info();
  if (slots < 1 || slots > info.maxBatch)
    return outOfRange("batch", 1, info.maxBatch, slots);
  if (capacity < 1 || capacity > info.maxContext)
    return outOfRange("context", 1, info.maxContext, capacity);
  const int64_t columns = pagesFor(capacity, info.pageSize);
  const int64_t enough = slots * columns;
  if (pages && (*pages < 1 || *pages > enough))
    return outOfRange("pages", 1, enough, *pages);
  if (auto room = checkRoom(*model, slots, capacity, pages); !room)
    return room.error();
  State state;
  state.table =
      PageTable(slots, columns, info.pageSize, pages.value_or(enough));
  state.owner = std::move(model);
  state.maxPosition = capacity;
  state.poison = poison;
  state.positions.assign(slots, 0);
  const std::vector<StateInfo> &states = state.owner->package().states;
  for (size_t i = 0; i < states.size(); ++i) {
    // verifyPackage() made sure that max_batch sequences of max_context fit.
    Part part;
    part.kind = states[i].kind;
    part.unitBytes =
        *checkedProduct(states[i].shape) * dtypeBytes(states[i].dtype);
    const int64_t units = states[i].isPaged() ? state.table.pages() : slots;
    Result<ZeroMemory> memory = ZeroMemory::create(
        state.owner->device(), part.unitBytes * units, "state");
    if (!memory)
      return memory.error();
    part.memory = std::move(*memory);
    state.parts.push_back(std::move(part));
  }
  if (poison == Poison::On)
    for (Part &part : state.parts)
      if (part.kind == StateKind::AttentionKv ||
          part.kind == StateKind::WindowKv)
        part.memory.poison(0, part.memory.size());
  return state;
}

/// What a new sequence finds: a recurrence begins at zero, a cache is written
/// before it is read.
void State::clear(int64_t slot, int64_t count) {
  for (Part &part : parts) {
    const int64_t offset = part.unitBytes * slot;
    const int64_t bytes = part.unitBytes * count;
    if (part.kind == StateKind::AttentionKv)
      continue; // in pages
    if (poison == Poison::On && part.kind == StateKind::WindowKv)
      part.memory.poison(offset, bytes);
    else
      part.memory.clear(offset, bytes);
  }
}

/// Gives back the pages of `slot` beyond `positions`.
void State::free(int64_t slot, int64_t positions) {
  for (int32_t page : table.shrink(slot, positions))
    for (Part &part : parts)
      if (poison == Poison::On && part.kind == StateKind::AttentionKv)
        part.memory.poison(part.unitBytes * page, part.unitBytes);
}

void State::fill(std::byte value) {
  for (Part &part : parts)
    part.memory.fill(0, part.memory.size(), value);
}

std::vector<int64_t> State::slotShape(int64_t index) const {
  const StateInfo &info = owner->package().states[index];
  std::vector<int64_t> shape = info.shape;
  if (info.isPaged())
    shape[2] = maxPosition;
  return shape;
}

Result<std::vector<std::byte>> State::read(int64_t index, int64_t slot) const {
  const Part &part = parts[index];
  std::vector<std::byte> unit(part.unitBytes);
  if (part.kind != StateKind::AttentionKv) {
    if (auto done = part.memory.read(part.unitBytes * slot, part.unitBytes,
                                     unit.data());
        !done)
      return done.error();
    return unit;
  }

  const std::vector<int64_t> shape = slotShape(index);
  const int64_t rowBytes =
      shape[3] * dtypeBytes(owner->package().states[index].dtype);
  std::vector<std::byte> bytes(shape[0] * shape[1] * maxPosition * rowBytes);
  int64_t first = 0; // position of the page
  for (int32_t page : table.held(slot)) {
    if (auto done = part.memory.read(part.unitBytes * page, part.unitBytes,
                                     unit.data());
        !done)
      return done.error();
    const int64_t rows = std::min(table.pageSize(), maxPosition - first);
    for (int64_t plane = 0; plane < shape[0] * shape[1]; ++plane)
      std::copy_n(unit.data() + plane * table.pageSize() * rowBytes,
                  rows * rowBytes,
                  bytes.data() + (plane * maxPosition + first) * rowBytes);
    first += rows;
  }
  return bytes;
}

Result<void> State::reset(int64_t slot) {
  if (slot < 0 || slot >= slots())
    return outOfRange("slot", 0, slots() - 1, slot);
  clear(slot, 1);
  free(slot, 0);
  positions[slot] = 0;
  return {};
}

void State::resetAll() {
  clear(0, slots());
  for (int64_t slot = 0; slot < slots(); ++slot) {
    free(slot, 0);
    positions[slot] = 0;
  }
}

Result<void> State::setPosition(int64_t slot, int64_t position) {
  if (slot < 0 || slot >= slots())
    return outOfRange("slot", 0, slots() - 1, slot);
  if (position < 0 || position > maxPosition)
    return outOfRange("position", 0, maxPosition, position);
  if (const int64_t missing = table.missing(slot, position);
      missing > table.freePages())
    return outOfRange("pages", 0, table.freePages(), missing);
  free(slot, position);
  table.grow(slot, position);
  positions[slot] = position;
  return {};
}

} // namespace jet
