// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Ctrl-C as a request: commands stop between steps and clean up.

#ifndef JET_TOOLS_JET_RUN_INTERRUPT_H
#define JET_TOOLS_JET_RUN_INTERRUPT_H

namespace jet {

/// From now on the first SIGINT or SIGTERM only sets a flag; a second one ends
/// the process (without leaving temporary files).
void catchInterrupts();

/// Whether a signal asked to stop.
bool interrupted();

/// 128 + the signal's number, as shells report it: 130 for Ctrl-C.
int interruptStatus();

} // namespace jet

#endif // JET_TOOLS_JET_RUN_INTERRUPT_H
