// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "Interrupt.h"

#include "support/File.h"

#include <atomic>
#include <csignal>

namespace jet {

static std::atomic<int> caughtSignal = 0;
static_assert(std::atomic<int>::is_always_lock_free);

extern "C" void jetRunRequestStop(int signal) {
  caughtSignal.store(signal);
  // For the next signal. Only sigaction() inside: safe here.
  removeTemporariesOnSignal();
}

void catchInterrupts() {
  removeTemporariesOnSignal();
  for (int signal : {SIGINT, SIGTERM}) {
    struct sigaction old = {};
    if (sigaction(signal, nullptr, &old) == 0 && old.sa_handler == SIG_IGN)
      continue;
    struct sigaction action = {};
    action.sa_handler = jetRunRequestStop;
    action.sa_flags = SA_RESTART;
    sigemptyset(&action.sa_mask);
    sigaction(signal, &action, nullptr);
  }
}

bool interrupted() { return caughtSignal.load(std::memory_order_relaxed) != 0; }

int interruptStatus() { return 128 + caughtSignal.load(); }

} // namespace jet
