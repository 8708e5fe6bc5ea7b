// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A Hugging Face checkpoint: one safetensors file, or shards with an index.

#ifndef JET_RUNTIME_CHECKPOINT_H
#define JET_RUNTIME_CHECKPOINT_H

#include "runtime/Package.h"
#include "runtime/Safetensors.h"

#include <map>
#include <string>
#include <vector>

namespace jet {

/// The tensors of a checkpoint that a package asked for.
struct BoundParameters {
  /// In the order of the package's parameters, for each its column scale, if
  /// it has one, and then its tensor or what its recipe puts end to end; inside
  /// the checkpoint.
  std::vector<TensorView> tensors;
  /// Tensors that the package does not need, sorted; not an error.
  std::vector<std::string> extra;
};

/// Memory-mapped weights. Immutable, move-only; may be read from several
/// threads. The data is not read before someone touches it.
class Checkpoint {
public:
  /// `path` is a .safetensors file, a model.safetensors.index.json, or a
  /// directory that holds model.safetensors or the index. Every tensor that an
  /// index lists must be in the shard it names; shards lie beside the index.
  static Result<Checkpoint> open(const std::string &path);

  /// Finds every parameter, or its sources, with their dtype and shape. The
  /// error names the first tensor that is missing or different, and how many
  /// more there are.
  Result<BoundParameters>
  bind(const std::vector<ParameterInfo> &parameters) const;

  const std::string &path() const { return name; }

private:
  Result<void> openIndex(const std::string &path);

  std::string name;
  std::vector<SafetensorsFile> shards;
  std::map<std::string, TensorView, std::less<>> tensors;
};

} // namespace jet

#endif // JET_RUNTIME_CHECKPOINT_H
