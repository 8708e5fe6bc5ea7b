// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The axes of charts, as inline SVG.

#ifndef JET_TOOLS_JETC_CHARTFRAME_H
#define JET_TOOLS_JETC_CHARTFRAME_H

#include "tools/jetc/InspectCharts.h"

#include "llvm/Support/Format.h"

#include <algorithm>
#include <cmath>

namespace jet {

/// A drawing of kWidth x height with axes at its left and bottom.
struct Frame {
  static constexpr double kWidth = 1000, kLeft = 74, kRight = 14, kTop = 22,
                          kBottom = 34;
  double height = 260;
  double yMaximum = 1; // bytes

  double plotWidth() const { return kWidth - kLeft - kRight; }
  double plotHeight() const { return height - kTop - kBottom; }
  double bottom() const { return height - kBottom; }
  double y(double bytes) const {
    return bottom() - bytes / yMaximum * plotHeight();
  }
  /// `fraction` of the way from left to right.
  double x(double fraction) const { return kLeft + fraction * plotWidth(); }

  void open(llvm::raw_ostream &os, llvm::StringRef label) const {
    os << "<svg viewBox=\"0 0 " << llvm::format("%.0f %.0f", kWidth, height)
       << "\" role=\"img\" aria-label=\"" << escapeHtml(label) << "\">\n";
  }
  void writeYAxis(llvm::raw_ostream &os) const {
    double step = std::exp2(std::ceil(std::log2(yMaximum / 5)));
    for (double bytes = 0; bytes <= yMaximum; bytes += std::max(step, 1.0))
      writeYTick(os, y(bytes),
                 formatBytes(static_cast<int64_t>(std::min(bytes, 9.2e18))));
  }
  void writeYTick(llvm::raw_ostream &os, double at,
                  llvm::StringRef text) const {
    os << llvm::format(
              "<line class=\"grid\" x1=\"%.1f\" x2=\"%.1f\" y1=\"%.1f\" "
              "y2=\"%.1f\"/>",
              kLeft, kWidth - kRight, at, at)
       << llvm::format("<text class=\"end\" x=\"%.1f\" y=\"%.1f\">", kLeft - 8,
                       at + 4)
       << text << "</text>\n";
  }
  void writeXTick(llvm::raw_ostream &os, double at,
                  llvm::StringRef text) const {
    os << llvm::format("<text class=\"mid\" x=\"%.1f\" y=\"%.1f\">", at,
                       bottom() + 16)
       << text << "</text>\n";
  }
  void writeXTitle(llvm::raw_ostream &os, llvm::StringRef text) const {
    os << llvm::format("<text class=\"mid\" x=\"%.1f\" y=\"%.1f\">", x(0.5),
                       bottom() + 31)
       << text << "</text>\n";
  }
};

/// Ticks of an axis, less one.
inline constexpr int kTicks = 5;

/// From numbers to a fraction of an axis, with a margin at both ends.
struct Axis {
  double low, high;

  static Axis over(llvm::ArrayRef<double> values) {
    auto [low, high] = std::minmax_element(values.begin(), values.end());
    double margin = (*high - *low) * 0.05;
    if (margin == 0)
      margin = std::max(std::abs(*high) * 0.05, 1e-12);
    return {*low - margin, *high + margin};
  }
  double fraction(double value) const { return (value - low) / (high - low); }
  double at(double fraction) const { return low + fraction * (high - low); }
};

/// Marks a point, with a word beside it.
inline void writeRing(llvm::raw_ostream &os, double x, double y,
                      llvm::StringRef text) {
  const bool isRight = x > Frame::kWidth - 120;
  os << llvm::format("<circle class=\"ring\" cx=\"%.1f\" cy=\"%.1f\" "
                     "r=\"7\"/>",
                     x, y)
     << llvm::format("<text class=\"%s\" x=\"%.1f\" y=\"%.1f\">",
                     isRight ? "end" : "start", isRight ? x - 11 : x + 11,
                     y + 4)
     << text << "</text>\n";
}

} // namespace jet

#endif // JET_TOOLS_JETC_CHARTFRAME_H
