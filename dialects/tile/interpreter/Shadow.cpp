// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "dialects/tile/interpreter/Machine.h"

using namespace jet::tile;

Shadow::Shadow(const Components &components, int64_t bytes, int64_t granule)
    : components(components), granule(granule),
      places((bytes + granule - 1) / granule) {}

void Shadow::reset() {
  std::fill(places.begin(), places.end(), Place());
  more.clear();
}

Race Shadow::checkWrite(const Accessor &accessor, const Access &write) {
  if (write.time == 0 || write == lastWrite)
    return Race::None;
  bool needsFence =
      accessor.async && components.isGenericWrite(write.component);
  for (const Thread &thread : accessor.threads) {
    if (!thread.knows(components, write.component, write.time))
      return Race::Unordered;
    if (needsFence &&
        !thread.knows(components, components.fenced(write.component),
                      write.time))
      return Race::Unfenced;
  }
  lastWrite = write;
  return Race::None;
}

bool Shadow::knowsRead(const Accessor &accessor, const Access &read) {
  if (read.time == 0 || read == lastRead)
    return true;
  for (const Thread &thread : accessor.threads)
    if (!thread.knows(components, read.component, read.time))
      return false;
  lastRead = read;
  return true;
}

void Shadow::noteRead(const Accessor &accessor, Place &place) {
  for (Access &read : place.reads)
    if (read.time == 0 || read.component == accessor.access.component) {
      read = accessor.access;
      return;
    }
  // One that this read comes after needs no place of its own.
  if (knowsRead(accessor, place.reads[0])) {
    place.reads[0] = accessor.access;
    return;
  }
  if (!place.moreReads) {
    more.emplace_back();
    place.moreReads = more.size();
  }
  std::vector<Access> &list = more[place.moreReads - 1];
  for (Access &read : list)
    if (read.component == accessor.access.component) {
      read = accessor.access;
      return;
    }
  list.push_back(accessor.access);
}

Conflict Shadow::read(const Accessor &accessor, int64_t begin, int64_t end) {
  Conflict conflict;
  lastWrite = lastRead = Access();
  for (int64_t i = begin / granule; i < (end + granule - 1) / granule; ++i) {
    Place &place = places[i];
    if (conflict.race == Race::None)
      if (Race race = checkWrite(accessor, place.write); race != Race::None)
        conflict = {race, place.write, true};
    noteRead(accessor, place);
  }
  return conflict;
}

Conflict Shadow::write(const Accessor &accessor, int64_t begin, int64_t end) {
  Conflict conflict;
  lastWrite = lastRead = Access();
  auto check = [&](const Access &read) {
    if (conflict.race == Race::None && !knowsRead(accessor, read))
      conflict = {Race::Unordered, read, false};
  };
  for (int64_t i = begin / granule; i < (end + granule - 1) / granule; ++i) {
    Place &place = places[i];
    // Pending readers first: they say more than the write that they waited for.
    check(place.reads[0]);
    check(place.reads[1]);
    if (place.moreReads)
      for (const Access &read : more[place.moreReads - 1])
        check(read);
    if (conflict.race == Race::None)
      if (Race race = checkWrite(accessor, place.write); race != Race::None)
        conflict = {race, place.write, true};
    if (place.moreReads)
      more[place.moreReads - 1].clear();
    place.reads[0] = place.reads[1] = Access();
    place.write = accessor.access;
  }
  return conflict;
}
