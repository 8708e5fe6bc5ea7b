// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef JET_TOOLS_JET_RUN_PROGRESS_H
#define JET_TOOLS_JET_RUN_PROGRESS_H

#include <chrono>
#include <cstdint>
#include <string>

namespace jet {

/// Seconds since construction.
class Stopwatch {
public:
  double seconds() const {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() -
                                         start)
        .count();
  }

private:
  std::chrono::steady_clock::time_point start =
      std::chrono::steady_clock::now();
};

/// A progress bar on stderr for work that takes longer than 2 seconds: redrawn
/// on a terminal, a line every 10 seconds elsewhere. Use from one thread.
class Progress {
public:
  Progress(std::string label, int64_t total);
  /// Erases the bar.
  ~Progress();
  Progress(const Progress &) = delete;
  Progress &operator=(const Progress &) = delete;

  void update(int64_t done);

private:
  std::string label;
  int64_t total;
  Stopwatch stopwatch;
  double lastDrawn = 0;
  bool isTerminal, drawn = false;
};

} // namespace jet

#endif // JET_TOOLS_JET_RUN_PROGRESS_H
