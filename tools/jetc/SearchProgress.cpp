// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "tools/jetc/SearchProgress.h"

#include <cstdio>
#include <unistd.h>

using namespace jet;

SearchProgress::SearchProgress(std::string what)
    : what(std::move(what)), isTerminal(isatty(STDERR_FILENO)) {}

SearchProgress::~SearchProgress() {
  if (isDrawn && isTerminal)
    std::fputs("\r\033[K", stderr);
}

void SearchProgress::update(double done, double expected,
                            const std::string &best) {
  using Seconds = std::chrono::duration<double>;
  const auto now = Clock::now();
  if (first < 0)
    first = done;
  if (Seconds(now - start).count() < 2 ||
      (isDrawn && Seconds(now - drawn).count() < (isTerminal ? 0.1 : 10)))
    return;
  isDrawn = true;
  drawn = now;
  std::fprintf(stderr, "%ssearch: %.0f of at most %.0f %s",
               isTerminal ? "\r\033[K" : "", done, expected, what.c_str());
  if (!best.empty())
    std::fprintf(stderr, ", best %s", best.c_str());
  if (done > first)
    std::fprintf(stderr, ", at most %.0f s left",
                 Seconds(now - start).count() / (done - first) *
                     (expected - done));
  std::fputs(isTerminal ? "" : "\n", stderr);
  std::fflush(stderr);
}
