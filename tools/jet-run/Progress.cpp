// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "Progress.h"

#include <algorithm>
#include <cstdio>
#include <unistd.h>

namespace jet {

static constexpr double kQuietSeconds = 2;
static constexpr int kBarWidth = 30;

Progress::Progress(std::string label, int64_t total)
    : label(std::move(label)), total(std::max<int64_t>(total, 1)),
      isTerminal(isatty(STDERR_FILENO)) {}

Progress::~Progress() {
  if (drawn && isTerminal)
    std::fputs("\r\033[K", stderr);
}

void Progress::update(int64_t done) {
  const double now = stopwatch.seconds();
  const double interval = isTerminal ? 0.1 : 10;
  if (now < kQuietSeconds || (drawn && now - lastDrawn < interval))
    return;
  lastDrawn = now;
  drawn = true;
  const double fraction =
      std::min(1.0, static_cast<double>(done) / static_cast<double>(total));
  const int percent = static_cast<int>(fraction * 100);
  if (!isTerminal) {
    std::fprintf(stderr, "%s: %d %%\n", label.c_str(), percent);
    return;
  }
  std::string bar(static_cast<size_t>(fraction * kBarWidth), '#');
  bar.resize(kBarWidth, '.');
  const double left = done > 0 ? now / fraction - now : 0;
  std::fprintf(stderr, "\r\033[K%s [%s] %3d %%  %.0f s left", label.c_str(),
               bar.c_str(), percent, left);
  std::fflush(stderr);
}

} // namespace jet
