// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The table of live temporaries that a signal handler may read. Private to
// support/: everyone else uses AtomicFile.

#ifndef JET_SUPPORT_TEMPORARYFILES_H
#define JET_SUPPORT_TEMPORARYFILES_H

#include <string>

namespace jet {

/// Remembers `path` for removal by a signal. Call before the file is created,
/// so that no moment is left in which it exists unknown. Returns a slot, or -1
/// when the table is full or the path too long: the file is then still removed
/// by its owner, only not by a signal. Thread-safe.
int registerTemporary(const std::string &path);

/// Forgets the path in `slot`. Call after the file is gone or renamed.
void unregisterTemporary(int slot);

} // namespace jet

#endif // JET_SUPPORT_TEMPORARYFILES_H
