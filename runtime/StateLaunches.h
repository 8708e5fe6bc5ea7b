// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What of a program the states depend on.

#ifndef JET_RUNTIME_STATELAUNCHES_H
#define JET_RUNTIME_STATELAUNCHES_H

#include "runtime/Package.h"

#include <vector>

namespace jet {

/// The launches of `program`, in order, without which another state would be
/// left behind: those that write states, and those that make what they read.
/// The others make the outputs: the head, and what of the last layer comes
/// after its mixer.
std::vector<size_t> findStateLaunches(const Package &package,
                                      const ProgramInfo &program);

} // namespace jet

#endif // JET_RUNTIME_STATELAUNCHES_H
