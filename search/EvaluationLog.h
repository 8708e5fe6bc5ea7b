// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The log of a search: JSON lines, a header and then one placement each as it
// was evaluated, so that a search that was cut off goes on from there. The
// format is in docs/search.md.

#ifndef JET_SEARCH_EVALUATIONLOG_H
#define JET_SEARCH_EVALUATIONLOG_H

#include "search/Evaluations.h"

#include <nlohmann/json.hpp>

namespace jet {

class EvaluationLog {
public:
  /// Opens `path` for the evaluations of `evaluations`, which come from
  /// `source` (a line that says from what data). Without `resume` the file must
  /// not exist yet. With it the placements in the file, if it exists, are added
  /// to `evaluations`; a last line that was cut off is dropped. Errors: the
  /// file is of another search, or no log.
  static Result<EvaluationLog> open(const std::string &path, bool resume,
                                    const std::string &source,
                                    Evaluations &evaluations);

  EvaluationLog(EvaluationLog &&other) noexcept
      : path(std::move(other.path)), fd(std::exchange(other.fd, -1)) {}
  ~EvaluationLog();

  /// One line, in the file when this returns.
  Result<void> write(const Evaluations &evaluations,
                     const Evaluated &evaluated);

private:
  EvaluationLog(std::string path, int fd) : path(std::move(path)), fd(fd) {}
  Result<void> writeLine(const nlohmann::ordered_json &json);

  std::string path;
  int fd;
};

} // namespace jet

#endif // JET_SEARCH_EVALUATIONLOG_H
