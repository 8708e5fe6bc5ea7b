// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What placements cost, from the compiler's own plans: bytes of state, weights
// and predicted time are sums over layers, so that two small compilations for
// each mixer — a model of one layer, and of two — say what all placements cost.

#ifndef JET_SEARCH_LAYERCOSTS_H
#define JET_SEARCH_LAYERCOSTS_H

#include "runtime/CostReport.h"
#include "search/Space.h"

#include <functional>
#include <map>
#include <tuple>

namespace jet {

/// A constant and a term for each layer with a mixer.
template <typename T> struct LayerSum {
  T base = 0;
  std::vector<T> terms; // one per mixer of the space

  T of(const MixerCounts &counts) const {
    T sum = base;
    for (size_t i = 0; i < terms.size(); ++i)
      sum += terms[i] * counts[i];
    return sum;
  }
};

/// Compiles as it is asked. The model and the space must outlive it.
class LayerCosts {
public:
  /// Called before each mixer of a sum with how many are done, of how many.
  using Progress = std::function<void(size_t done, size_t expected)>;
  LayerCosts(ModelOp model, const SearchSpace &space, Progress progress = {})
      : model(model), space(space), progress(std::move(progress)) {}

  /// Weights of the placed model; with `part` only those of tensors whose names
  /// have it.
  Result<LayerSum<double>> parameters(llvm::StringRef part = "");
  /// What a sequence holds with `context` positions.
  Result<LayerSum<double>> stateBytes(int64_t context);
  /// Of a decode step of `batch` sequences that have `context` positions, fused
  /// for a GPU unless the machine is called "cpu".
  Result<LayerSum<double>> decodeSeconds(int64_t batch, int64_t context,
                                         const MachineRates &machine);

private:
  /// A model of `layers` layers with the mixer, as far as the plan.
  Result<const Package *> compile(size_t mixer, int layers, bool forGpu);
  /// From a quantity of a whole package.
  Result<LayerSum<double>>
  sumOf(bool forGpu,
        llvm::function_ref<Result<double>(const Package &)> quantity);

  ModelOp model;
  const SearchSpace &space;
  Progress progress;
  std::map<std::tuple<size_t, int, bool>, Package> packages;
};

} // namespace jet

#endif // JET_SEARCH_LAYERCOSTS_H
