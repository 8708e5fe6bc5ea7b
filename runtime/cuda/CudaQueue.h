// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Launches on a GPU: of kernels, of the stages of their forms, and of steps
// that were launched before, as CUDA graphs. Private to the runtime.

#ifndef JET_RUNTIME_CUDA_CUDAQUEUE_H
#define JET_RUNTIME_CUDA_CUDAQUEUE_H

#include "runtime/FormSizes.h"
#include "runtime/cuda/CudaDevice.h"

#include <list>

namespace jet {

class CudaQueue : public Queue {
public:
  /// With CUDA_LAUNCH_BLOCKING=1 in the environment every launch is waited for,
  /// so that the error of one that fails names the kernel.
  explicit CudaQueue(CudaDevice &device);
  ~CudaQueue() override;

  Result<void> launch(int64_t index, std::span<void *const> operands,
                      const SymbolValues &symbols, int64_t grid) override;
  Result<void> launchStage(int64_t index, StageIndex stage,
                           std::span<void *const> operands,
                           const SymbolValues &symbols) override;
  /// A key that is new is remembered, and its launches are made. At its second
  /// time they are captured as a graph: once that is known to be worth it, and
  /// scratch memory is large enough and all code loaded. The least recently
  /// used of many keys are forgotten.
  Result<void> step(std::span<const uint64_t> key,
                    const std::function<Result<void>()> &launches) override;
  Result<double> time(const std::function<Result<void>()> &work) override;
  std::optional<RecordedEdges> recordedEdges() const override { return edges; }
  int threads() const override { return 1; }

private:
  struct Recording {
    std::vector<uint64_t> key;
    cuda::GraphExec graph = nullptr; // null at first
    std::optional<RecordedEdges> edges = {};
  };

  Result<void> launchGeneral(const CudaDevice::Kernel &kernel,
                             std::span<void *const> operands,
                             const SymbolValues &symbols, int64_t grid);
  /// All stages, or one.
  Result<void> launchForm(const CudaDevice::Kernel &kernel, size_t form,
                          std::span<void *const> operands,
                          const SymbolValues &symbols,
                          std::optional<size_t> stage = std::nullopt);
  Result<void> launchOne(const StageInfo &stage, const StageSizes &sizes,
                         cuda::Function function,
                         std::span<void *const> operands);
  /// Enqueues a kernel.
  Result<void> enqueue(cuda::Function function, cuda::LaunchConfig config,
                       void **parameters);
  /// Makes `scratch` at least `bytes` long.
  Result<void> reserve(int64_t bytes);
  Result<void> capture(Recording &recording,
                       const std::function<Result<void>()> &launches);
  void forgetGraphs();

  CudaDevice &device;
  bool isBlocking = false;
  std::byte *allocation = nullptr; // of `scratch`
  std::byte *scratch = nullptr;    // aligned to kScratchAlignment
  int64_t allocated = 0, scratchSize = 0;
  std::vector<void *> parameters;
  cuda::Stream capturing = nullptr; // while launches are captured
  cuda::Stream captureStream = nullptr;
  std::list<Recording> recordings;    // the most recently used first
  std::optional<RecordedEdges> edges; // of the last step
};

} // namespace jet

#endif // JET_RUNTIME_CUDA_CUDAQUEUE_H
