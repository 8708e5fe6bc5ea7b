// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "tools/jetc/InspectCharts.h"
#include "tools/jetc/ChartFrame.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringSwitch.h"
#include "llvm/Support/Format.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <tuple>

using namespace jet;
using llvm::format;
using llvm::raw_ostream;

std::string jet::escapeHtml(llvm::StringRef text) {
  std::string escaped;
  llvm::raw_string_ostream stream(escaped);
  llvm::printHTMLEscaped(text, stream);
  return escaped;
}

//===----------------------------------------------------------------------===//
// Colours
//===----------------------------------------------------------------------===//

OpColors::OpColors(const Package &package) {
  std::map<std::string, int64_t> counts;
  for (const ProgramInfo &program : package.programs)
    for (const LaunchInfo &launch : program.launches)
      ++counts[package.kernels[launch.kernel].op];
  for (const auto &[op, count] : counts)
    ops.push_back(op);
  llvm::sort(ops, [&](const std::string &a, const std::string &b) {
    return std::tie(counts[b], a) < std::tie(counts[a], b);
  });
}

std::string OpColors::classOf(llvm::StringRef op) const {
  auto place = llvm::find(ops, op) - ops.begin();
  return place < 8 ? "c" + std::to_string(place) : "cx";
}

static std::string nameOfOp(llvm::StringRef op) {
  return op.empty() ? "unknown op" : escapeHtml(op);
}

void OpColors::writeLegend(raw_ostream &os) const {
  os << "<p class=\"legend\">";
  for (const std::string &op : llvm::ArrayRef(ops).take_front(8))
    os << "<span><i class=\"" << classOf(op) << "\"></i>" << nameOfOp(op)
       << "</span>";
  if (ops.size() > 8) {
    os << "<span><i class=\"cx\"></i>";
    llvm::interleaveComma(llvm::ArrayRef(ops).drop_front(8), os,
                          [&](const std::string &op) { os << nameOfOp(op); });
    os << "</span>";
  }
  os << "</p>\n";
}

const char *jet::mixerClass(llvm::StringRef mixer) {
  return llvm::StringSwitch<const char *>(mixer)
      .Case("jet", "c0")
      .Case("attn", "c1")
      .Case("gdn", "c2")
      .Case("mamba2", "c4")
      .Default("c3");
}

//===----------------------------------------------------------------------===//
// Axes
//===----------------------------------------------------------------------===//

/// 65536 → "64K".
static std::string formatLength(int64_t length) {
  const std::pair<int64_t, const char *> units[] = {
      {1 << 30, "G"}, {1 << 20, "M"}, {1 << 10, "K"}};
  for (auto [unit, name] : units)
    if (length >= unit && length % unit == 0)
      return std::to_string(length / unit) + name;
  return std::to_string(length);
}

//===----------------------------------------------------------------------===//
// State
//===----------------------------------------------------------------------===//

namespace {

/// Context lengths, evenly spaced on a logarithmic axis.
struct ContextAxis {
  double low, high;
  double fraction(double length) const {
    return std::log(length / low) / std::log(high / low);
  }
  int64_t at(double fraction) const {
    // The ends of the axis may be as long as an int64_t.
    return std::llround(std::min(low * std::pow(high / low, fraction), 9.2e18));
  }
};

} // namespace

static std::string describeState(int64_t context, const StateBytes &state) {
  return "context " + std::to_string(context) + ": " +
         formatBytes(state.total()) + " = attention KV " +
         formatBytes(state.attentionKv) + " + window KV " +
         formatBytes(state.windowKv) + " + recurrent " +
         formatBytes(state.recurrent) + " + conv tail " +
         formatBytes(state.convTail);
}

static void writeContextTicks(raw_ostream &os, const Frame &frame,
                              const ContextAxis &axis, int64_t context) {
  double octaves = std::log2(axis.high / axis.low);
  int step = octaves > 20 ? 4 : octaves > 10 ? 2 : 1;
  for (double length = axis.low; length <= axis.high; length *= std::exp2(step))
    frame.writeXTick(os, frame.x(axis.fraction(length)),
                     formatLength(static_cast<int64_t>(length)));
  frame.writeXTitle(os, "context length");
  if (context < axis.low)
    return;
  double x = frame.x(axis.fraction(context));
  os << format("<line class=\"mark\" x1=\"%.1f\" x2=\"%.1f\" y1=\"%.1f\" "
               "y2=\"%.1f\"/>",
               x, x, Frame::kTop - 6, frame.bottom())
     << format("<text class=\"end\" x=\"%.1f\" y=\"%.1f\">", x - 5,
               Frame::kTop - 2)
     << "context " << context << "</text>\n";
}

Result<void> jet::writeStateChart(raw_ostream &os, const HtmlReport &report) {
  int64_t longest =
      std::max<int64_t>({report.package.model.maxContext, report.context, 2});
  ContextAxis axis{longest > 2048 ? 1024.0 : 1.0, double(longest)};
  constexpr int kSamples = 96;
  std::vector<StateBytes> samples;
  for (int i = 0; i <= kSamples; ++i) {
    Result<StateBytes> state = stateBytesPerSequence(
        report.package, std::min(axis.at(double(i) / kSamples), longest));
    if (!state)
      return state.error();
    samples.push_back(*state);
  }
  Frame frame;
  frame.height = 300;
  frame.yMaximum = std::max<double>(samples.back().total(), 1);
  frame.open(os, "State of a sequence against context length");
  frame.writeYAxis(os);
  const std::pair<int64_t StateBytes::*, const char *> bands[] = {
      {&StateBytes::recurrent, "c0"},
      {&StateBytes::convTail, "c2"},
      {&StateBytes::windowKv, "c3"},
      {&StateBytes::attentionKv, "c1"}};
  std::vector<double> base(samples.size());
  for (auto [member, color] : bands) {
    std::string top, below;
    llvm::raw_string_ostream topStream(top);
    for (size_t i = 0; i < samples.size(); ++i)
      topStream << format("%.1f,%.2f ", frame.x(double(i) / kSamples),
                          frame.y(base[i] + samples[i].*member));
    for (size_t i = samples.size(); i-- > 0;)
      topStream << format("%.1f,%.2f ", frame.x(double(i) / kSamples),
                          frame.y(base[i]));
    for (size_t i = 0; i < samples.size(); ++i)
      base[i] += samples[i].*member;
    os << "<polygon class=\"" << color << "\" points=\"" << top << "\"/>\n";
  }
  writeContextTicks(os, frame, axis, report.context);
  // Invisible columns that carry the numbers.
  double width = frame.plotWidth() / kSamples;
  for (size_t i = 0; i < samples.size(); ++i)
    os << format("<rect class=\"hover\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" "
                 "height=\"%.1f\"><title>",
                 frame.x(double(i) / kSamples) - width / 2, Frame::kTop, width,
                 frame.plotHeight())
       << describeState(axis.at(double(i) / kSamples), samples[i])
       << "</title></rect>\n";
  os << "</svg>\n";
  return {};
}

//===----------------------------------------------------------------------===//
// Memory map
//===----------------------------------------------------------------------===//

static void writeBuffer(raw_ostream &os, const Frame &frame,
                        const HtmlReport &report, const ProgramInfo &program,
                        size_t index, const BufferLifetime &lifetime,
                        const OpColors &colors, MapRange range) {
  const BufferInfo &buffer = program.buffers[index];
  const KernelInfo *kernel = nullptr;
  if (lifetime.writer >= 0)
    kernel = &report.package.kernels[program.launches[lifetime.writer].kernel];
  double launches = range.end - range.begin;
  int64_t first = std::max(lifetime.first, range.begin);
  int64_t last = std::min(lifetime.last + 1, range.end);
  double x = frame.x((first - range.begin) / launches);
  double width = frame.x((last - range.begin) / launches) - x;
  double y = frame.y(double(buffer.offset) + double(buffer.bytes));
  double height = frame.y(buffer.offset) - y;
  std::string op = kernel ? kernel->op : "";
  os << "<rect class=\"" << colors.classOf(op)
     << (range.labels ? " edge\"" : "\"")
     << format(" x=\"%.2f\" y=\"%.2f\" width=\"%.2f\" height=\"%.2f\">", x, y,
               width, height)
     << "<title>" << (kernel ? escapeHtml(kernel->name) : "never written")
     << ": " << buffer.bytes << " bytes per token at offset " << buffer.offset
     << ", launches " << lifetime.first << " to " << lifetime.last
     << "</title></rect>\n";
  // About 6.2 units a letter.
  if (range.labels && height >= 13 && width >= 6.2 * op.size() + 8)
    os << format("<text class=\"inside\" x=\"%.2f\" y=\"%.2f\">", x + 4,
                 y + height / 2 + 4)
       << escapeHtml(op) << "</text>\n";
}

/// The lower bound across, and the launch that it comes from.
static void writePeak(raw_ostream &os, const Frame &frame,
                      const ActivationPeak &peak, MapRange range) {
  double y = frame.y(peak.liveBytes);
  os << format("<line class=\"mark\" x1=\"%.1f\" x2=\"%.1f\" y1=\"%.1f\" "
               "y2=\"%.1f\"/>",
               Frame::kLeft, Frame::kWidth - Frame::kRight, y, y);
  if (peak.launch < range.begin || peak.launch >= range.end)
    return;
  double x = frame.x((peak.launch + 0.5 - range.begin) /
                     double(range.end - range.begin));
  os << format("<line class=\"mark\" x1=\"%.1f\" x2=\"%.1f\" y1=\"%.1f\" "
               "y2=\"%.1f\"/>",
               x, x, Frame::kTop - 6, frame.bottom())
     << format("<text class=\"%s\" x=\"%.1f\" y=\"%.1f\">",
               x < Frame::kWidth / 2 ? "start" : "end",
               x < Frame::kWidth / 2 ? x + 5 : x - 5, Frame::kTop - 9)
     << "most alive at launch " << peak.launch << ": "
     << formatBytes(peak.liveBytes) << "</text>\n";
}

void jet::writeMemoryMap(raw_ostream &os, const HtmlReport &report,
                         size_t programIndex, const OpColors &colors,
                         MapRange range) {
  const ProgramInfo &program = report.package.programs[programIndex];
  if (range.begin >= range.end)
    return;
  Frame frame;
  frame.yMaximum = std::max<double>(program.arenaBytesPerRow, 1);
  frame.open(os, "Memory map of " + program.name);
  frame.writeYAxis(os);
  std::vector<BufferLifetime> lifetimes =
      bufferLifetimes(report.package, program);
  for (size_t i = 0; i < lifetimes.size(); ++i)
    if (lifetimes[i].first >= 0 && lifetimes[i].first < range.end &&
        lifetimes[i].last >= range.begin)
      writeBuffer(os, frame, report, program, i, lifetimes[i], colors, range);
  writePeak(os, frame, report.peaks[programIndex], range);
  constexpr int kTicks = 8;
  int64_t count = range.end - range.begin;
  int64_t step = std::max<int64_t>((count + kTicks - 1) / kTicks, 1);
  for (int64_t at = 0; at < count; at += step)
    frame.writeXTick(os, frame.x((at + 0.5) / double(count)),
                     std::to_string(range.begin + at));
  frame.writeXTitle(os, "launch");
  os << "</svg>\n";
}
