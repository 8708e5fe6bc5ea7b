// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Which pages of the full-attention caches belong to which sequence. All layers
// share the numbers: page p of a sequence is page p of every layer's pool.

#ifndef JET_RUNTIME_PAGETABLE_H
#define JET_RUNTIME_PAGETABLE_H

#include <cstdint>
#include <span>
#include <vector>

namespace jet {

/// Hands out `pages` pages to slots, each of which can hold `columns`. Slots,
/// positions and counts must be in range. Use from one thread at a time.
class PageTable {
public:
  /// What a row of the table holds beyond the slot's pages.
  static constexpr int32_t kNoPage = -1;

  PageTable() = default;
  /// All pages are free. `pages` is at most INT32_MAX.
  PageTable(int64_t slots, int64_t columns, int64_t pageSize, int64_t pages);

  int64_t pageSize() const { return size; }
  int64_t columns() const { return width; }
  int64_t pages() const { return total; }
  int64_t freePages() const { return static_cast<int64_t>(unused.size()); }

  /// The pages of `slot` in the order of its positions.
  std::span<const int32_t> held(int64_t slot) const {
    return row(slot).first(counts[slot]);
  }
  /// All columns of `slot`: what it holds, then kNoPage.
  std::span<const int32_t> row(int64_t slot) const {
    return std::span(table).subspan(slot * width, width);
  }
  /// Pages that `slot` lacks to hold `positions`.
  int64_t missing(int64_t slot, int64_t positions) const;

  /// Takes the pages that `slot` lacks; as many must be free.
  void grow(int64_t slot, int64_t positions);
  /// Gives back the pages that `slot` does not need for `positions`, and
  /// returns them, the last first.
  std::vector<int32_t> shrink(int64_t slot, int64_t positions);

private:
  int64_t width = 0, size = 1, total = 0;
  std::vector<int32_t> table;  // [slots, width]
  std::vector<int64_t> counts; // by slot
  std::vector<int32_t> unused; // taken from the end
};

} // namespace jet

#endif // JET_RUNTIME_PAGETABLE_H
