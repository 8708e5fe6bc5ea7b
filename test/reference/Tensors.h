// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Tensors in safetensors files, read into doubles. Small on purpose: it is for
// files that the tests make, and independent of the runtime's own reader.

#ifndef JET_TEST_REFERENCE_TENSORS_H
#define JET_TEST_REFERENCE_TENSORS_H

#include "support/DType.h"
#include "support/Error.h"

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace jet::reference {

/// Any element type, widened exactly to double.
struct Tensor {
  DType dtype = DType::F32; // as stored
  std::vector<int64_t> shape;
  std::vector<double> values;

  int64_t size() const { return static_cast<int64_t>(values.size()); }
};

using TensorMap = std::map<std::string, Tensor>;

/// Reads one safetensors file: F64, F32, F16, BF16, I32, I64, U8, I8.
Result<TensorMap> readTensors(const std::string &path);

/// Reads a checkpoint: a file, or a directory with model.safetensors or with
/// shards and model.safetensors.index.json.
Result<TensorMap> readCheckpoint(const std::string &path);

/// Writes F32 and I32 tensors; anything else is an error.
Result<void> writeTensors(const TensorMap &tensors, const std::string &path);

/// The tensor `name` of `tensors`; the error lists what there is instead.
Result<const Tensor *> findTensor(const TensorMap &tensors,
                                  const std::string &name,
                                  const std::string &path);

/// Types to which a model rounds what it keeps between steps.
enum class Rounding { None, BFloat16, F8E4M3 };
/// The nearest value of that type, ties to even. F8E4M3 saturates at ±448.
double roundTo(Rounding type, double value);

} // namespace jet::reference

#endif // JET_TEST_REFERENCE_TENSORS_H
