// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What sequences keep between steps: caches, recurrent states, convolution
// tails. Owned by the caller.

#ifndef JET_RUNTIME_STATE_H
#define JET_RUNTIME_STATE_H

#include "runtime/Model.h"

#include <memory>
#include <span>
#include <vector>

namespace jet {

/// Room for a number of sequences ("slots") of at most `capacity` tokens each.
/// Use from one thread at a time. Memory that no token has reached costs
/// nothing, so that a large capacity is cheap.
class State {
public:
  /// All slots begin empty. Errors: slots not in [1, max_batch], capacity not
  /// in [1, max_context], no address space. With poison, positions of a cache
  /// that its sequence has not reached are NaN, not zeros.
  static Result<State> create(std::shared_ptr<const Model> model, int64_t slots,
                              int64_t capacity, Poison poison = Poison::Off);

  int64_t slots() const { return static_cast<int64_t>(positions.size()); }
  int64_t capacity() const { return maxPosition; }
  const Model &model() const { return *owner; }

  /// Number of tokens that `slot` has taken in. `slot` must be in range.
  int64_t position(int64_t slot) const { return positions[slot]; }
  /// Makes `slot` a new sequence: everything zero (but see create()), position
  /// 0.
  Result<void> reset(int64_t slot);
  /// Pretends that `slot` has taken in `position` tokens, without computing
  /// what they would have left. For benchmarks.
  Result<void> setPosition(int64_t slot, int64_t position);

  /// Fills the states of all slots with one byte. For benchmarks.
  void fill(std::byte value);

  /// The part of package state `index` that belongs to `slot`; both must be in
  /// range.
  std::span<std::byte> slotBytes(int64_t index, int64_t slot) const;
  /// Its shape, with C replaced by the capacity.
  std::vector<int64_t> slotShape(int64_t index) const;
  /// All slots of package state `index`: what kernels get.
  std::byte *data(int64_t index) const { return parts[index].memory.data(); }

private:
  friend class Session;

  struct Part {
    ZeroMemory memory;
    int64_t slotBytes = 0;
    /// A cache: what is read of it was written by the same sequence.
    bool isCache = false;
  };
  void clear(int64_t slot);

  std::shared_ptr<const Model> owner;
  std::vector<Part> parts; // one per state of the package
  std::vector<int64_t> positions;
  int64_t maxPosition = 0;
  Poison poison = Poison::Off;
};

} // namespace jet

#endif // JET_RUNTIME_STATE_H
