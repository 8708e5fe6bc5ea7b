// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "runtime/State.h"

#include "support/CheckedMath.h"

namespace jet {

static Error outOfRange(const char *what, int64_t minimum, int64_t maximum,
                        int64_t found) {
  return {std::string(what) + ": expected " + std::to_string(minimum) + " to " +
          std::to_string(maximum) + ", found " + std::to_string(found)};
}

Result<State> State::create(std::shared_ptr<const Model> model, int64_t slots,
                            int64_t capacity, Poison poison) {
  const ModelInfo &info = model->info();
  if (slots < 1 || slots > info.maxBatch)
    return outOfRange("batch", 1, info.maxBatch, slots);
  if (capacity < 1 || capacity > info.maxContext)
    return outOfRange("context", 1, info.maxContext, capacity);
  State state;
  state.owner = std::move(model);
  state.maxPosition = capacity;
  state.poison = poison;
  state.positions.assign(slots, 0);
  const std::vector<StateInfo> &states = state.owner->package().states;
  for (size_t i = 0; i < states.size(); ++i) {
    // verifyPackage() made sure that max_batch slots of max_context fit.
    Part part;
    part.isCache = states[i].kind == StateKind::AttentionKv ||
                   states[i].kind == StateKind::WindowKv;
    part.slotBytes =
        *checkedProduct(state.slotShape(i)) * dtypeBytes(states[i].dtype);
    Result<ZeroMemory> memory = ZeroMemory::create(
        state.owner->device(), part.slotBytes * slots, "state");
    if (!memory)
      return memory.error();
    part.memory = std::move(*memory);
    state.parts.push_back(std::move(part));
  }
  if (poison == Poison::On)
    for (int64_t slot = 0; slot < slots; ++slot)
      state.clear(slot);
  return state;
}

/// What a new sequence finds: a recurrence begins at zero, a cache is written
/// before it is read.
void State::clear(int64_t slot) {
  for (Part &part : parts) {
    const int64_t offset = part.slotBytes * slot;
    if (poison == Poison::On && part.isCache)
      part.memory.poison(offset, part.slotBytes);
    else
      part.memory.clear(offset, part.slotBytes);
  }
}

void State::fill(std::byte value) {
  for (Part &part : parts)
    part.memory.fill(0, part.memory.size(), value);
}

std::vector<int64_t> State::slotShape(int64_t index) const {
  const SymbolValues symbols = {1, 1, 1, maxPosition, 1};
  std::vector<int64_t> shape;
  for (const SizeExpr &dim : owner->package().states[index].shape)
    shape.push_back(*dim.evaluate(symbols));
  return shape;
}

std::span<std::byte> State::slotBytes(int64_t index, int64_t slot) const {
  const Part &part = parts[index];
  return {part.memory.data() + part.slotBytes * slot,
          static_cast<size_t>(part.slotBytes)};
}

Result<void> State::reset(int64_t slot) {
  if (slot < 0 || slot >= slots())
    return outOfRange("slot", 0, slots() - 1, slot);
  clear(slot);
  positions[slot] = 0;
  return {};
}

Result<void> State::setPosition(int64_t slot, int64_t position) {
  if (slot < 0 || slot >= slots())
    return outOfRange("slot", 0, slots() - 1, slot);
  if (position < 0 || position > maxPosition)
    return outOfRange("position", 0, maxPosition, position);
  positions[slot] = position;
  return {};
}

} // namespace jet
