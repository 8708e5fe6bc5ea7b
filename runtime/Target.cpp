// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Whether this machine can run a package's code.

#include "runtime/Package.h"

#include <utility>

namespace jet {

#if defined(__x86_64__)
static constexpr const char *kHostArch = "x86_64";

/// The highest x86-64 microarchitecture level of this machine, 1 to 4.
static int hostLevel() {
  __builtin_cpu_init();
  if (__builtin_cpu_supports("x86-64-v4"))
    return 4;
  if (__builtin_cpu_supports("x86-64-v3"))
    return 3;
  if (__builtin_cpu_supports("x86-64-v2"))
    return 2;
  return 1;
}

static constexpr std::pair<const char *, int> kLevels[] = {
    {"x86-64", 1},    {"x86-64-v1", 1}, {"x86-64-v2", 2},
    {"x86-64-v3", 3}, {"x86-64-v4", 4},
};
#elif defined(__aarch64__)
static constexpr const char *kHostArch = "aarch64";
static int hostLevel() { return 1; }
static constexpr std::pair<const char *, int> kLevels[] = {{"armv8-a", 1}};
#else
#error "unknown host architecture"
#endif

Result<void> checkTarget(const TargetInfo &target, const std::string &path) {
  if (target.kind == "cuda" && target.arch == "sm_90a")
    return {};
  if (target.kind == "cuda")
    return Error{path + ": target: expected architecture 'sm_90a', found '" +
                 target.arch + "'"};
  if (target.kind != "cpu")
    return Error{path + ": target: expected kind 'cpu' or 'cuda', found '" +
                 target.kind + "'"};
  if (target.arch != kHostArch)
    return Error{path + ": target: expected architecture '" + kHostArch +
                 "' (this machine), found '" + target.arch + "'"};
  const int level = hostLevel();
  for (const auto &[name, needed] : kLevels)
    if (target.cpuLevel == name) {
      if (needed <= level)
        return {};
      return Error{path + ": target: expected at most x86-64-v" +
                   std::to_string(level) + " (this machine), found " +
                   target.cpuLevel};
    }
  return Error{path + ": target: expected a known CPU level, found '" +
               target.cpuLevel + "'"};
}

} // namespace jet
