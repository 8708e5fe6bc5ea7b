// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "runtime/LayerCuts.h"

#include <algorithm>
#include <charconv>

namespace jet {
namespace {

/// The layer of a tensor called "model.layers.{i}.…", or -1.
int64_t layerOfName(std::string_view name) {
  constexpr std::string_view kPrefix = "model.layers.";
  if (!name.starts_with(kPrefix))
    return -1;
  int64_t layer = -1;
  std::from_chars(name.data() + kPrefix.size(), name.data() + name.size(),
                  layer);
  return layer;
}

/// The layer whose weights or states a launch uses, or -1.
int64_t layerOf(const Package &package, const LaunchInfo &launch) {
  for (const OperandRef &operand : launch.operands) {
    int64_t layer = -1;
    if (operand.kind == OperandRef::Kind::State) {
      layer = package.states[operand.index].layer;
    } else if (operand.kind == OperandRef::Kind::Parameter) {
      const ParameterInfo &parameter = package.parameters[operand.index];
      layer =
          layerOfName(parameter.concat.empty() ? parameter.name
                                               : parameter.concat.front().name);
    }
    if (layer >= 0)
      return layer;
  }
  return -1;
}

} // namespace

Result<std::vector<LayerCut>> findLayerCuts(const Package &package,
                                            const ProgramInfo &program) {
  const size_t numLayers = package.model.layers.size();
  std::vector<LayerCut> cuts;
  size_t end = 0; // of the last launch of a layer
  for (size_t i = 0; i < program.launches.size(); ++i) {
    const int64_t layer = layerOf(package, program.launches[i]);
    if (layer < 0)
      continue;
    end = i + 1;
    if (layer == static_cast<int64_t>(cuts.size()) && cuts.size() < numLayers)
      cuts.push_back({i, -1});
    else if (layer + 1 != static_cast<int64_t>(cuts.size()))
      return Error{"program " + program.name +
                   ": expected layers in order, "
                   "found layer " +
                   std::to_string(layer) + " at launch " + std::to_string(i)};
  }
  if (cuts.size() != numLayers)
    return Error{"program " + program.name + ": expected launches of " +
                 std::to_string(numLayers) + " layers, found " +
                 std::to_string(cuts.size())};
  cuts.push_back({end, -1});

  struct Uses {
    size_t first = SIZE_MAX, last = 0;
  };
  std::vector<Uses> uses(program.buffers.size());
  for (size_t i = 0; i < program.launches.size(); ++i)
    for (const OperandRef &operand : program.launches[i].operands)
      if (operand.kind == OperandRef::Kind::Buffer) {
        Uses &use = uses[operand.index];
        use.first = std::min(use.first, i);
        use.last = std::max(use.last, i);
      }
  for (LayerCut &cut : cuts)
    for (size_t buffer = 0; buffer < uses.size(); ++buffer) {
      if (uses[buffer].first >= cut.launch || uses[buffer].last < cut.launch)
        continue;
      if (cut.buffer >= 0)
        return Error{"program " + program.name +
                     ": expected one buffer alive "
                     "before launch " +
                     std::to_string(cut.launch) + ", found several"};
      cut.buffer = static_cast<int64_t>(buffer);
    }
  for (const LayerCut &cut : cuts)
    if (cut.buffer < 0)
      return Error{"program " + program.name +
                   ": expected a buffer alive "
                   "before launch " +
                   std::to_string(cut.launch) + ", found none"};
  return cuts;
}

} // namespace jet
