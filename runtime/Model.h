// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A loaded model: code and weights, ready to run.

#ifndef JET_RUNTIME_MODEL_H
#define JET_RUNTIME_MODEL_H

#include "runtime/Checkpoint.h"
#include "runtime/Device.h"
#include "runtime/Package.h"

#include <array>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace jet {

/// Whether memory that nobody may read is filled with bytes 0xFF, which are NaN
/// in every float type: for tests, which see a read of it in the results. Costs
/// a pass over the memory.
enum class Poison { Off, On };

/// The entry points of a package; the last two only where candidates() > 0.
enum class ProgramKind {
  Prefill,
  Decode,
  Forward,
  PrefillSample,
  DecodeSample
};

/// Immutable after load(): sessions of several threads may share one. Keeps
/// the checkpoint mapped.
class Model {
public:
  /// Reads and verifies the package, opens the device (a name as for
  /// openDevice()), binds the weights (path as for Checkpoint::open) and loads
  /// the code, in this order. Weights that are made from several tensors are
  /// copied, on all hardware threads; the others are, on the CPU, only mapped,
  /// and read when a step needs them. A GPU gets copies of all.
  /// `progress` is called from this thread, first with 0, then now and again,
  /// with the bytes copied and the bytes to copy.
  using Progress = std::function<void(int64_t done, int64_t total)>;
  static Result<std::shared_ptr<const Model>>
  load(const std::string &packagePath, const std::string &weightsPath,
       const Progress &progress = {}, const std::string &device = "");

  /// The same with weights made up in memory: small values that keep
  /// activations finite. For benchmarks.
  static Result<std::shared_ptr<const Model>>
  loadWithMadeUpWeights(const std::string &packagePath,
                        const std::string &device = "");

  const Package &package() const { return contents; }
  const ModelInfo &info() const { return contents.model; }
  /// Tensors of the checkpoint that the package does not use.
  const std::vector<std::string> &extraTensors() const { return extra; }

  const ProgramInfo &program(ProgramKind kind) const {
    return contents.programs[programIndex[static_cast<size_t>(kind)]];
  }
  /// How many candidates Session::stepTopK() gives and stepSample() picks from;
  /// 0 when the package has no programs for that.
  int64_t candidates() const { return numCandidates; }
  /// Whether stepSample() can pick from all logits.
  bool picksFromLogits() const {
    return picksTokens(program(ProgramKind::Prefill)) &&
           picksTokens(program(ProgramKind::Decode));
  }
  const std::shared_ptr<Device> &device() const { return place; }
  /// Parameter `index` from row `row` on, in the device's memory.
  const void *parameter(int64_t index, int64_t row = 0) const {
    return weights[index].data + row * weights[index].rowBytes;
  }

private:
  Model() = default;
  static Result<std::shared_ptr<Model>> loadPackage(const std::string &path,
                                                    const std::string &device);
  /// Loads the code, which comes last: nothing runs before all else is right.
  static Result<std::shared_ptr<const Model>>
  finish(std::shared_ptr<Model> model, const std::string &path);
  Result<void> bindWeights(const std::string &path, const Progress &progress);
  Result<void> makeUpWeights();
  /// Whether the device has room for all weights, where that is known.
  Result<void> checkRoom() const;
  /// Memory of its own for the next weight, filled by the caller.
  Result<std::byte *> allocateWeight(const ParameterInfo &parameter);
  void addWeight(const ParameterInfo &parameter, const std::byte *data);

  Package contents;
  std::array<size_t, 5> programIndex{};
  int64_t numCandidates = 0;
  std::shared_ptr<Device> place;
  Checkpoint checkpoint;
  std::vector<ZeroMemory> ownWeights; // copies and made-up weights
  struct Weight {
    const std::byte *data;
    int64_t rowBytes;
  };
  std::vector<Weight> weights;
  std::vector<std::string> extra;
};

} // namespace jet

#endif // JET_RUNTIME_MODEL_H
