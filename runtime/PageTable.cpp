// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "runtime/PageTable.h"
#include "runtime/Package.h"

#include <algorithm>

namespace jet {

PageTable::PageTable(int64_t slots, int64_t columns, int64_t pageSize,
                     int64_t pages)
    : width(columns), size(pageSize), total(pages),
      table(slots * columns, kNoPage), counts(slots, 0) {
  // The lowest numbers go first, so that pools are touched from the beginning.
  for (int64_t page = pages; page-- > 0;)
    unused.push_back(static_cast<int32_t>(page));
}

int64_t PageTable::missing(int64_t slot, int64_t positions) const {
  return std::max<int64_t>(0, pagesFor(positions, size) - counts[slot]);
}

void PageTable::grow(int64_t slot, int64_t positions) {
  for (int64_t left = missing(slot, positions); left > 0; --left) {
    table[slot * width + counts[slot]++] = unused.back();
    unused.pop_back();
  }
}

std::vector<int32_t> PageTable::shrink(int64_t slot, int64_t positions) {
  std::vector<int32_t> returned;
  while (counts[slot] > pagesFor(positions, size)) {
    int32_t &last = table[slot * width + --counts[slot]];
    returned.push_back(last);
    unused.push_back(last);
    last = kNoPage;
  }
  return returned;
}

} // namespace jet
