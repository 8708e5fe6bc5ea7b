// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// jetc inspect --cost.

#ifndef JET_TOOLS_JETC_INSPECTCOST_H
#define JET_TOOLS_JETC_INSPECTCOST_H

#include "runtime/CostReport.h"
#include "tools/jetc/Options.h"

#include <nlohmann/json.hpp>

#include <vector>

namespace jet {

/// A report on the machine that it was made for.
struct CostTable {
  MachineRates machine;
  std::vector<CostReport> phases;
};

/// The phases that `options` ask for, at `context` positions per sequence.
/// Errors: options out of range, an unknown machine.
Result<CostTable> inspectCost(const InspectOptions &options,
                              const Package &package, int64_t context);

/// An error when an option of --cost is given without it.
Result<void> rejectCostOptions(const InspectOptions &options);

nlohmann::ordered_json costToJson(const CostTable &table);
/// 3930000000 → "3.93 G": three digits and a decimal prefix.
std::string formatSi(double value);

/// 0.00693 → "6.93 ms".
std::string formatSeconds(double seconds);

void printCost(const Package &package, const CostTable &table);

} // namespace jet

#endif // JET_TOOLS_JETC_INSPECTCOST_H
