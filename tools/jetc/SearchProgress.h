// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef JET_TOOLS_JETC_SEARCHPROGRESS_H
#define JET_TOOLS_JETC_SEARCHPROGRESS_H

#include <chrono>
#include <string>

namespace jet {

/// A line on stderr for a search that takes longer than 2 seconds: redrawn on a
/// terminal, a new one every 10 seconds elsewhere.
class SearchProgress {
public:
  /// Of `what`, a plural.
  explicit SearchProgress(std::string what = "placements");
  /// Erases the line.
  ~SearchProgress();
  SearchProgress(const SearchProgress &) = delete;
  SearchProgress &operator=(const SearchProgress &) = delete;

  /// `done` of at most `expected` are; `best` says what is the best so far.
  void update(double done, double expected, const std::string &best);

private:
  using Clock = std::chrono::steady_clock;
  std::string what;
  Clock::time_point start = Clock::now(), drawn;
  double first = -1; // done when it began
  bool isTerminal, isDrawn = false;
};

} // namespace jet

#endif // JET_TOOLS_JETC_SEARCHPROGRESS_H
