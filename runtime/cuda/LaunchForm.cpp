// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A kernel in one of its forms: the stages one after another, with their
// arguments as the package describes them.

#include "runtime/cuda/CudaQueue.h"

#include <array>

namespace jet {

static int mapType(DType type) {
  switch (type) {
  case DType::BF16:
    return cuda::kMapBF16;
  case DType::F32:
    return cuda::kMapF32;
  case DType::I32:
    return cuda::kMapI32;
  default:
    return cuda::kMapU8; // verifyPackage(): F8_E4M3
  }
}

/// CUtensorMapSwizzle of 0, 32, 64 or 128 bytes.
static int mapSwizzle(int64_t bytes) {
  return bytes == 128 ? 3 : static_cast<int>(bytes / 32);
}

/// The driver has the innermost dimension first.
static cuda::Status encodeMap(const cuda::Driver &driver,
                              const TensorMapInfo &map,
                              const std::vector<int64_t> &shape, void *address,
                              cuda::TensorMap &result) {
  constexpr size_t maxRank = 5; // verifyPackage()
  const size_t rank = shape.size();
  std::array<uint64_t, maxRank> sizes = {}, strides = {};
  std::array<unsigned, maxRank> box = {}, steps = {};
  auto stride = static_cast<uint64_t>(dtypeBytes(map.dtype));
  for (size_t i = 0; i < rank; ++i) {
    sizes[i] = static_cast<uint64_t>(shape[rank - 1 - i]);
    box[i] = static_cast<unsigned>(map.box[rank - 1 - i]);
    steps[i] = 1;
    stride *= sizes[i];
    strides[i] = stride; // of dimension i + 1
  }
  return driver.tensorMapEncodeTiled(
      &result, mapType(map.dtype), static_cast<unsigned>(rank), address,
      sizes.data(), strides.data(), box.data(), steps.data(),
      cuda::kNoInterleave, mapSwizzle(map.swizzle), cuda::kPromote128,
      cuda::kFillZeros);
}

static cuda::LaunchConfig configOf(const StageInfo &stage,
                                   const StageSizes &sizes,
                                   cuda::LaunchAttribute (&attributes)[2]) {
  cuda::LaunchConfig config = {};
  config.gridX = static_cast<unsigned>(sizes.grid[0]);
  config.gridY = static_cast<unsigned>(sizes.grid[1]);
  config.gridZ = static_cast<unsigned>(sizes.grid[2]);
  config.blockX = static_cast<unsigned>(stage.threads);
  config.blockY = config.blockZ = 1;
  config.sharedBytes = static_cast<unsigned>(stage.sharedBytes);
  config.attributes = attributes;
  if (stage.cluster > 1) {
    // The same as the kernel's own, which the driver checks.
    cuda::LaunchAttribute &attribute = attributes[config.numAttributes++];
    attribute = {};
    attribute.id = cuda::kClusterDimension;
    attribute.value.cluster = {static_cast<unsigned>(stage.cluster), 1, 1};
  }
  if (stage.overlaps) {
    cuda::LaunchAttribute &attribute = attributes[config.numAttributes++];
    attribute = {};
    attribute.id = cuda::kStreamSerialization;
    attribute.value.allowed = 1;
  }
  return config;
}

Result<void> CudaQueue::launchOne(const StageInfo &stage,
                                  const StageSizes &sizes,
                                  cuda::Function function,
                                  std::span<void *const> operands) {
  // The parameters' values, in place: the driver is given their addresses.
  union Value {
    void *pointer;
    int32_t size;
    cuda::TensorMap map;
  };
  std::vector<Value> values(stage.arguments.size());
  parameters.clear();
  for (size_t i = 0; i < values.size(); ++i) {
    const StageArgument &argument = stage.arguments[i];
    const ArgumentSizes &size = sizes.arguments[i];
    parameters.push_back(&values[i]);
    if (argument.kind == StageArgument::Kind::Size) {
      values[i].size = static_cast<int32_t>(size.value);
      continue;
    }
    void *address = argument.kind == StageArgument::Kind::Operand
                        ? operands[argument.operand]
                        : scratch + size.value;
    if (!argument.map) {
      values[i].pointer = address;
      continue;
    }
    const cuda::Status status = encodeMap(device.table(), *argument.map,
                                          size.shape, address, values[i].map);
    if (status)
      return device.failure("cuTensorMapEncodeTiled of arguments[" +
                                std::to_string(i) + "]",
                            status);
  }
  cuda::LaunchAttribute attributes[2];
  return enqueue(function, configOf(stage, sizes, attributes),
                 parameters.data());
}

Result<void> CudaQueue::launchForm(const CudaDevice::Kernel &kernel,
                                   size_t index,
                                   std::span<void *const> operands,
                                   const SymbolValues &symbols,
                                   std::optional<size_t> stage) {
  const KernelForm &form = kernel.info.forms[index];
  Result<FormSizes> sizes = evaluateForm(kernel.info, form, symbols);
  if (!sizes)
    return Error{"forms[" + std::to_string(index) +
                 "]: " + sizes.error().message};
  if (auto done = reserve(sizes->scratchBytes); !done)
    return done;
  for (size_t i = 0; i < form.stages.size(); ++i) {
    if (stage && i != *stage)
      continue;
    if (auto done = launchOne(form.stages[i], sizes->stages[i],
                              kernel.stages[index][i], operands);
        !done)
      return Error{"forms[" + std::to_string(index) + "]." +
                   stagePlace(form, i) + ": " + done.error().message};
  }
  return {};
}

Result<void> CudaQueue::launchStage(int64_t index, StageIndex stage,
                                    std::span<void *const> operands,
                                    const SymbolValues &symbols) {
  const CudaDevice::Kernel &kernel = device.kernel(index);
  const std::vector<KernelForm> &forms = kernel.info.forms;
  if (stage.form >= forms.size() ||
      stage.stage >= forms[stage.form].stages.size())
    return Error{"kernel '" + kernel.info.name + "': expected a stage " +
                 std::to_string(stage.stage) + " of form " +
                 std::to_string(stage.form) + ", found none"};
  return launchForm(kernel, stage.form, operands, symbols, stage.stage);
}

} // namespace jet
