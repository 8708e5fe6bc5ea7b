// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The charts of jetc inspect --html, as inline SVG. Colours are the classes c0
// to c7 and cx (for the rest) of the page's style sheet.

#ifndef JET_TOOLS_JETC_INSPECTCHARTS_H
#define JET_TOOLS_JETC_INSPECTCHARTS_H

#include "tools/jetc/InspectHtml.h"

#include "llvm/ADT/StringRef.h"
#include "llvm/Support/raw_ostream.h"

namespace jet {

/// `text` with what HTML gives a meaning to escaped.
std::string escapeHtml(llvm::StringRef text);

/// One colour for each op, the commonest first.
class OpColors {
public:
  explicit OpColors(const Package &package);
  std::string classOf(llvm::StringRef op) const;
  void writeLegend(llvm::raw_ostream &os) const;

private:
  std::vector<std::string> ops;
};

/// The colour of a layer with that mixer.
const char *mixerClass(llvm::StringRef mixer);

/// State of a sequence by kind, stacked, over context lengths.
Result<void> writeStateChart(llvm::raw_ostream &os, const HtmlReport &report);

/// The buffers of a program: launches [begin, end) from left to right, bytes
/// per token upwards. With `labels`, ops are written where they have room.
struct MapRange {
  int64_t begin, end;
  bool labels;
};
void writeMemoryMap(llvm::raw_ostream &os, const HtmlReport &report,
                    size_t programIndex, const OpColors &colors,
                    MapRange range);

} // namespace jet

#endif // JET_TOOLS_JETC_INSPECTCHARTS_H
