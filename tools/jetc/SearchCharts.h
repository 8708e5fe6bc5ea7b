// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The charts of jetc search --report, as inline SVG.

#ifndef JET_TOOLS_JETC_SEARCHCHARTS_H
#define JET_TOOLS_JETC_SEARCHCHARTS_H

#include "tools/jetc/SearchReport.h"

#include "llvm/Support/raw_ostream.h"

namespace jet {

/// The objective of every evaluated placement (upwards is better) against one
/// of its costs, and the front of those that nothing cheaper is as good as.
void writeParetoChart(llvm::raw_ostream &os, const SearchReport &report,
                      double PlacementCosts::*cost, llvm::StringRef title,
                      llvm::function_ref<std::string(double)> format);

/// The best value so far over the evaluated placements.
void writeTraceChart(llvm::raw_ostream &os, const SearchReport &report);

/// For each metric and layer, what full attention there is worth: the darker,
/// the more (the paper's Figure 5).
void writeImportance(llvm::raw_ostream &os, const SearchReport &report);

} // namespace jet

#endif // JET_TOOLS_JETC_SEARCHCHARTS_H
