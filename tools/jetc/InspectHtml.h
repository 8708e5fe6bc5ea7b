// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// jetc inspect --html: the report as one page to look at, without scripts and
// without anything from outside the file.

#ifndef JET_TOOLS_JETC_INSPECTHTML_H
#define JET_TOOLS_JETC_INSPECTHTML_H

#include "tools/jetc/InspectCost.h"
#include "tools/jetc/InspectMemory.h"

#include "llvm/ADT/StringRef.h"
#include "llvm/Support/raw_ostream.h"

#include <optional>
#include <string>
#include <vector>

namespace jet {

/// What the page shows.
struct HtmlReport {
  const Package &package;
  int64_t context;
  StateBytes state;                  // at `context`
  std::vector<ActivationPeak> peaks; // one per program
  CostTable cost;
  std::optional<MemoryFit> memory;
};

/// Writes `path` whole or not at all. Errors name the path.
Result<void> writeHtml(const std::string &path, const HtmlReport &report);

/// Writes a page with that body and the style sheet of ours.
Result<void> writePage(const std::string &path, llvm::StringRef title,
                       llvm::StringRef body);

/// A square of a colour and what it stands for.
void writeLegendEntry(llvm::raw_ostream &os, llvm::StringRef color,
                      const std::string &text);

} // namespace jet

#endif // JET_TOOLS_JETC_INSPECTHTML_H
