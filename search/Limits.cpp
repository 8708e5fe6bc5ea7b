// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "search/Limits.h"
#include "lowering/MachineRates.h"

#include "llvm/Support/FormatVariadic.h"

#include <cmath>
#include <limits>

using namespace jet;

/// Each entry is small; a supernet has few different mixers.
static constexpr size_t kMaxCounts = 1 << 20;

/// The counts of all placements: a sum over layers.
static Result<std::set<MixerCounts>> enumerateCounts(const SearchSpace &space) {
  std::set<MixerCounts> counts = {MixerCounts(space.mixers.size())};
  for (const LayerChoices &layer : space.layers) {
    std::set<MixerCounts> next;
    for (const MixerCounts &before : counts)
      for (int mixer : layer.mixers) {
        MixerCounts after = before;
        ++after[mixer];
        next.insert(std::move(after));
      }
    if (next.size() > kMaxCounts)
      return Error{"expected few different mixers, found " +
                   std::to_string(space.mixers.size()) +
                   ": their numbers can be combined in more than 2^20 ways"};
    counts = std::move(next);
  }
  return counts;
}

static std::string formatNumber(double value) {
  if (std::abs(value) < 1e15 && value == std::floor(value))
    return std::to_string(static_cast<int64_t>(value));
  return llvm::formatv("{0:f3}", value).str();
}

Result<Limits> Limits::create(SearchOp search, const SearchSpace &space,
                              LayerCosts &costs) {
  constexpr double kNone = std::numeric_limits<double>::infinity();
  Limits limits;
  for (mlir::Operation &op : search.getBody().front()) {
    Limit limit;
    Result<LayerSum<double>> sum = LayerSum<double>();
    if (auto layers = llvm::dyn_cast<LimitLayersOp>(op)) {
      limit.what = "layers with mixer " + layers.getMixer().str();
      for (MixerAttrInterface mixer : space.mixers)
        sum->terms.push_back(mixer.getMixerName() == layers.getMixer());
      limit.min = layers.getMin().value_or(0);
      limit.max =
          layers.getMax() ? static_cast<double>(*layers.getMax()) : kNone;
    } else if (auto state = llvm::dyn_cast<LimitStateOp>(op)) {
      limit.what = "state of a sequence at context " +
                   std::to_string(state.getContext());
      limit.unit = " bytes";
      limit.max = state.getMax();
      sum = costs.stateBytes(state.getContext());
    } else if (auto decode = llvm::dyn_cast<LimitDecodeOp>(op)) {
      MachineRates machine = getMachineRates(decode.getTarget());
      limit.what = "decode step of batch " + std::to_string(decode.getBatch()) +
                   " at context " + std::to_string(decode.getContext()) +
                   " on " + machine.name;
      limit.unit = " us";
      limit.scale = 1e6;
      limit.max = decode.getMax().convertToDouble();
      sum =
          costs.decodeSeconds(decode.getBatch(), decode.getContext(), machine);
    } else if (auto parameters = llvm::dyn_cast<LimitParametersOp>(op)) {
      limit.what = "parameters";
      limit.max = parameters.getMax();
      sum = costs.parameters();
    } else {
      continue;
    }
    if (!sum)
      return sum.error();
    limit.sum = std::move(*sum);
    limits.limits.push_back(std::move(limit));
  }
  Result<std::set<MixerCounts>> possible = enumerateCounts(space);
  if (!possible)
    return possible.error();
  limits.possible = std::move(*possible);
  for (const MixerCounts &counts : limits.possible)
    if (llvm::all_of(limits.limits, [&](const Limit &limit) {
          double value = limit.sum.of(counts);
          return value >= limit.min && value <= limit.max;
        }))
      limits.feasible.insert(counts);
  return limits;
}

std::string Limits::boundsOf(const Limit &limit) const {
  std::string low = formatNumber(limit.min * limit.scale);
  if (limit.max == std::numeric_limits<double>::infinity())
    return "at least " + low;
  std::string high = formatNumber(limit.max * limit.scale);
  if (limit.min == limit.max)
    return high;
  return limit.min > 0 ? low + " to " + high : "at most " + high;
}

std::string Limits::describe(const Limit &limit, double value) const {
  return limit.what + ": expected " + boundsOf(limit) + limit.unit +
         ", found " + formatNumber(value * limit.scale);
}

std::vector<std::string> Limits::violations(const MixerCounts &counts) const {
  std::vector<std::string> lines;
  for (const Limit &limit : limits) {
    double value = limit.sum.of(counts);
    if (value < limit.min || value > limit.max)
      lines.push_back(describe(limit, value));
  }
  return lines;
}

std::vector<std::string> Limits::ranges() const {
  std::vector<std::string> lines;
  for (const Limit &limit : limits) {
    double low = std::numeric_limits<double>::infinity(), high = -low;
    for (const MixerCounts &counts : possible) {
      double value = limit.sum.of(counts);
      low = std::min(low, value);
      high = std::max(high, value);
    }
    lines.push_back(limit.what + ": expected " + boundsOf(limit) + limit.unit +
                    ", found " + formatNumber(low * limit.scale) + " to " +
                    formatNumber(high * limit.scale));
  }
  return lines;
}
