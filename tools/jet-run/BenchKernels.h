// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What each kernel of a decode step takes, beside what it should.

#ifndef JET_TOOLS_JET_RUN_BENCHKERNELS_H
#define JET_TOOLS_JET_RUN_BENCHKERNELS_H

#include "runtime/CostReport.h"
#include "runtime/Session.h"
#include "support/Json.h"

#include <string>
#include <vector>

namespace jet {

/// Which kernels are timed, and what comes before: see Session::Pace.
struct KernelTiming {
  static constexpr const char *kAll = "all";

  std::string ops;            // kAll, such as "attention,kv_append", or of none
  double pause = 0, busy = 0; // ms
};

/// That the package has such ops.
Result<void> checkOps(const KernelTiming &timing, const Package &package);
/// Of the kernels of the last step.
Result<std::vector<Session::KernelTime>> timeKernels(const KernelTiming &timing,
                                                     Session &session,
                                                     const State &state,
                                                     int64_t repeats);

/// A kernel, as it is launched in a step.
struct KernelRow {
  std::string name, op;
  /// "general", or "form 0" and so on for those of KernelInfo::forms.
  std::string path;
  std::string product, tile; // as of StageInfo, of the stage that has them
  int64_t launches = 0;      // of a step, over `rows` rows
  int64_t rows = 0;
  int64_t bytes = 0;  // that one launch moves, by its cost; 0 for unknown
  double seconds = 0; // of one launch
  /// Of a form of several stages: each by itself.
  std::vector<std::pair<std::string, double>> stages;
  double total() const { return seconds * double(launches); }
};

/// One row for each kernel and number of rows, the longest in all first.
/// `sizes` are those of the step that was timed; rows are ignored.
Result<std::vector<KernelRow>>
describeKernels(const State &state,
                const std::vector<Session::KernelTime> &times,
                const CostSizes &sizes);

/// A table for people. `bandwidth` is bytes a second, 0 for unknown.
std::string printKernels(const std::vector<KernelRow> &rows, double bandwidth);
nlohmann::json kernelsToJson(const std::vector<KernelRow> &rows,
                             double bandwidth);

} // namespace jet

#endif // JET_TOOLS_JET_RUN_BENCHKERNELS_H
