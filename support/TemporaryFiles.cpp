// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "support/TemporaryFiles.h"
#include "support/File.h"

#include <atomic>
#include <cerrno>
#include <climits>
#include <csignal>
#include <cstring>
#include <unistd.h>

namespace jet {
namespace {

/// Who may touch a slot's path: its owner while Filling, nobody but readers
/// while Live, the signal handler alone once Dying.
enum SlotState : int { Free, Filling, Live, Dying };

struct Slot {
  std::atomic<int> state = Free;
  char path[PATH_MAX];
};

// The handler may interrupt anything, malloc included: a fixed table of
// lock-free states is all it can rely on.
constexpr int kNumSlots = 32;
Slot slots[kNumSlots];
static_assert(std::atomic<int>::is_always_lock_free);

void removeTemporaries(int signalNumber) {
  int savedErrno = errno;
  for (Slot &slot : slots) {
    int expected = Live;
    if (slot.state.compare_exchange_strong(expected, Dying))
      unlink(slot.path);
  }
  errno = savedErrno;
  // SA_RESETHAND restored the default action; it runs when we return.
  raise(signalNumber);
}

} // namespace

int registerTemporary(const std::string &path) {
  if (path.size() >= sizeof(Slot::path))
    return -1;
  for (int i = 0; i < kNumSlots; ++i) {
    int expected = Free;
    if (!slots[i].state.compare_exchange_strong(expected, Filling))
      continue;
    std::memcpy(slots[i].path, path.c_str(), path.size() + 1);
    slots[i].state.store(Live);
    return i;
  }
  return -1;
}

void unregisterTemporary(int slot) {
  if (slot < 0)
    return;
  int expected = Live;
  slots[slot].state.compare_exchange_strong(expected, Free);
}

void removeTemporariesOnSignal() {
  for (int signalNumber : {SIGINT, SIGTERM, SIGHUP, SIGPIPE}) {
    struct sigaction old = {};
    if (sigaction(signalNumber, nullptr, &old) == 0 &&
        old.sa_handler == SIG_IGN)
      continue;
    struct sigaction action = {};
    action.sa_handler = removeTemporaries;
    action.sa_flags = SA_RESETHAND;
    sigemptyset(&action.sa_mask);
    sigaction(signalNumber, &action, nullptr);
  }
  std::signal(SIGXFSZ, SIG_IGN);
}

} // namespace jet
