// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Who last wrote and read each part of a CTA's shared memory.

#ifndef JET_DIALECTS_TILE_INTERPRETER_SHADOW_H
#define JET_DIALECTS_TILE_INTERPRETER_SHADOW_H

#include "dialects/tile/interpreter/Clock.h"

#include "llvm/ADT/ArrayRef.h"

namespace jet::tile {

struct Thread;

/// An access of shared memory: who, when, and by which instruction.
struct Access {
  Component component = 0;
  Time time = 0; // 0: none
  uint32_t instruction = 0;

  bool operator==(const Access &other) const = default;
};

/// Who is about to access. All of `threads` must know what was before.
struct Accessor {
  llvm::ArrayRef<Thread> threads;
  Access access;
  bool async = false; // by TMA or wgmma
};

/// What is wrong with an access.
enum class Race {
  None,
  Unordered, // nothing orders it after the other
  Unfenced   // a barrier does, but fence_async is missing
};

struct Conflict {
  Race race = Race::None;
  Access other;
  bool otherWrites = false;
};

class Shadow {
public:
  Shadow(const Components &components, int64_t bytes, int64_t granule);

  /// Forgets everything.
  void reset();
  /// Checks and notes an access of bytes [begin, end); the first conflict.
  Conflict read(const Accessor &accessor, int64_t begin, int64_t end);
  Conflict write(const Accessor &accessor, int64_t begin, int64_t end);

private:
  struct Place {
    Access write;
    // The readers since the write that no later one comes after.
    Access reads[2];
    uint32_t moreReads = 0; // in `more`, from 1
  };

  Race checkWrite(const Accessor &accessor, const Access &write);
  bool knowsRead(const Accessor &accessor, const Access &read);
  void noteRead(const Accessor &accessor, Place &place);

  const Components &components;
  int64_t granule;
  std::vector<Place> places;
  std::vector<std::vector<Access>> more;
  // Neighbours have mostly the same history.
  Access lastWrite, lastRead;
};

} // namespace jet::tile

#endif // JET_DIALECTS_TILE_INTERPRETER_SHADOW_H
