// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What sequences keep between steps: caches, recurrent states, convolution
// tails. Owned by the caller.

#ifndef JET_RUNTIME_STATE_H
#define JET_RUNTIME_STATE_H

#include "runtime/Model.h"
#include "runtime/PageTable.h"

#include <memory>
#include <optional>
#include <span>
#include <vector>

namespace jet {

/// Room for a number of sequences ("slots") of at most `capacity` tokens each,
/// whose full-attention caches share `pages` pages: a sequence takes pages as
/// it grows and gives them back when its slot is reset. Use from one thread at
/// a time. Memory that no token has reached costs nothing, so that a large
/// capacity is cheap.
class State {
public:
  /// All slots begin empty. Without a number of pages there are enough for all
  /// slots at their capacity. Errors: slots not in [1, max_batch], capacity not
  /// in [1, max_context], pages not in [1, enough], no address space. With
  /// poison, what a sequence has not written of its caches is NaN.
  static Result<State> create(std::shared_ptr<const Model> model, int64_t slots,
                              int64_t capacity,
                              std::optional<int64_t> pages = {},
                              Poison poison = Poison::Off);

  int64_t slots() const { return static_cast<int64_t>(positions.size()); }
  int64_t capacity() const { return maxPosition; }
  const Model &model() const { return *owner; }
  const PageTable &pageTable() const { return table; }

  /// Number of tokens that `slot` has taken in. `slot` must be in range.
  int64_t position(int64_t slot) const { return positions[slot]; }
  /// Makes `slot` a new sequence: its slots zero (but see create()), its pages
  /// free, position 0.
  Result<void> reset(int64_t slot);
  /// Makes all slots new sequences.
  void resetAll();
  /// Pretends that `slot` has taken in `position` tokens, without computing
  /// what they would have left. For benchmarks. Also an error: no free pages.
  Result<void> setPosition(int64_t slot, int64_t position);

  /// Fills the states of all slots and pages with one byte. For benchmarks.
  void fill(std::byte value);

  /// A copy of what `slot` has in package state `index`, in slotShape(); both
  /// must be in range. Of pages, those it holds, and zeros. An error of the
  /// device.
  Result<std::vector<std::byte>> read(int64_t index, int64_t slot) const;
  /// The package's shape of a slot; of a full-attention cache, [2, kv_heads,
  /// capacity, head_dim].
  std::vector<int64_t> slotShape(int64_t index) const;
  /// All slots or pages of package state `index`, in the device's memory: what
  /// kernels get.
  std::span<std::byte> memory(int64_t index) const {
    const ZeroMemory &memory = parts[index].memory;
    return {memory.data(), static_cast<size_t>(memory.size())};
  }

private:
  friend class Session;

  struct Part {
    ZeroMemory memory;
    int64_t unitBytes = 0; // of a slot or page
    StateKind kind = StateKind::Recurrent;
  };
  void clear(int64_t slot, int64_t count);
  void free(int64_t slot, int64_t positions);

  std::shared_ptr<const Model> owner;
  std::vector<Part> parts; // one per state of the package
  std::vector<int64_t> positions;
  PageTable table;
  int64_t maxPosition = 0;
  Poison poison = Poison::Off;
};

} // namespace jet

#endif // JET_RUNTIME_STATE_H
