// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What a step of a program should cost on a machine, from the costs that a
// package carries: the roofline of each launch, summed by op.

#ifndef JET_RUNTIME_COSTREPORT_H
#define JET_RUNTIME_COSTREPORT_H

#include "runtime/Package.h"

#include <cstdint>
#include <string>
#include <vector>

namespace jet {

/// Rates of a machine; see #jet.target.
struct MachineRates {
  std::string name;
  double memoryBandwidth = 0; // bytes / s
  double tensorFlops = 0;     // / s
  double vectorFlops = 0;     // / s
  double launchSeconds = 0;   // of a launch by itself
};

/// Bytes by what they are.
struct CostBytes {
  int64_t weights = 0;
  int64_t state = 0; // read and written
  int64_t activations = 0;
  int64_t total() const { return weights + state + activations; }
};

/// Launches of one kind, or all of them.
struct CostRow {
  std::string op; // as in the dialect, e.g. "linear"
  int64_t launches = 0;
  CostBytes bytes;
  int64_t tensorFlops = 0, vectorFlops = 0;
  /// Sum over the launches of the larger of memory and compute time, and
  /// launchSeconds.
  double seconds = 0;
  /// Those two times, each summed by itself.
  double memorySeconds = 0, computeSeconds = 0;
  bool memoryBound() const { return memorySeconds >= computeSeconds; }
};

struct CostReport {
  std::string program;
  CostSizes sizes;
  std::vector<CostRow> rows; // longest first
  CostRow total;
  /// What no schedule can avoid: each weight read once, each sequence's state
  /// read and written once (of KV, the cached positions read and the new ones
  /// written), tokens in and logits or candidates out.
  CostBytes unavoidable;
  /// The larger of the unavoidable bytes at full bandwidth and the arithmetic
  /// at full rate.
  double boundSeconds = 0;
  int64_t launchesWithoutCost = 0; // of unknown ops, left out
};

/// A step of `sizes.batch` sequences, each with `sizes.context` positions in
/// its state and tokens / batch new ones (`sizes.rows` is ignored). Errors: no
/// program of that name, sizes < 1, numbers that do not fit 64 bits.
Result<CostReport> reportCost(const Package &package, const std::string &name,
                              const CostSizes &sizes,
                              const MachineRates &machine);

} // namespace jet

#endif // JET_RUNTIME_COSTREPORT_H
