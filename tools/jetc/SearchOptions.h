// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The command line of jetc search.

#ifndef JET_TOOLS_JETC_SEARCHOPTIONS_H
#define JET_TOOLS_JETC_SEARCHOPTIONS_H

#include "search/CompileModel.h"
#include "support/Error.h"

#include "llvm/Support/CommandLine.h"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace jet {

struct SearchOptions {
  std::string config;
  std::string output;   // a .json or, for the placed IR, .mlir file
  std::string searchIr; // the question as IR; empty: not written
  // What placements are judged by: one of the three, the last with `weights`.
  std::string scores, layerScores, data;
  std::map<std::string, int64_t> dataRows; // sequences of a task; else all
  std::string placements; // with data: a table of those to run, and no others
  RunTarget run;          // where `data` runs, and `measure`
  std::string weights;    // empty: beside the config
  std::string objective;  // empty: "score" with layerScores
  std::optional<int64_t> full, maxFull, window, maxWindow;
  std::optional<int64_t> beam; // none: the optimum
  std::optional<int64_t> maxStateBytes, maxParameters;
  std::optional<double> maxDecodeMicroseconds;
  int64_t context = 0; // 0: the config's longest
  int64_t batch = 16;
  std::string target = "cpu";
  // The sizes of JetBlocks instead of a placement: "d_k=…", "d_v=…", "heads=…".
  std::vector<std::string> jetBlock;
  std::optional<int64_t> cacheBytes;             // none: that of the config
  double cacheTolerance = 1, speedTolerance = 2; // percent
  bool measure = false;
  std::string log;
  bool resume = false;
  std::string exportTo, report; // empty: not written
  bool json = false;
};

llvm::cl::SubCommand &searchSubCommand();
llvm::cl::OptionCategory &searchCategory();

/// What was given. Errors: options that exclude or need one another.
Result<SearchOptions> readSearchOptions();

int search(const SearchOptions &options);
/// With `jetBlock`.
int searchJetBlocks(const SearchOptions &options);

} // namespace jet

#endif // JET_TOOLS_JETC_SEARCHOPTIONS_H
