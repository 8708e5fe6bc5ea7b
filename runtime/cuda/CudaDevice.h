// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// One GPU through the CUDA driver: its primary context, memory taken from it,
// one module with the kernels of a package, everything on the default stream.
// Private to the runtime.

#ifndef JET_RUNTIME_CUDA_CUDADEVICE_H
#define JET_RUNTIME_CUDA_CUDADEVICE_H

#include "runtime/Device.h"
#include "runtime/cuda/Driver.h"

#include <mutex>
#include <optional>
#include <vector>

namespace jet {

class CudaDevice : public Device {
public:
  /// GPU `ordinal`. Errors: no such GPU, one that cannot run code for `target`,
  /// whatever the driver says. `driver` outlives the device.
  static Result<std::shared_ptr<Device>> open(const cuda::Driver &driver,
                                              int ordinal,
                                              const TargetInfo &target,
                                              const std::string &path);
  ~CudaDevice() override;

  std::string name() const override;
  bool isHost() const override { return false; }
  Result<std::byte *> allocate(int64_t bytes, const std::string &what) override;
  void release(std::byte *memory, int64_t bytes) override;
  void clear(std::byte *memory, int64_t bytes) override;
  void fill(std::byte *memory, int64_t bytes, std::byte value) override;
  Result<void> write(std::byte *to, const void *from, int64_t bytes) override;
  Result<void> read(void *to, const std::byte *from, int64_t bytes) override;
  Result<void> loadCode(const Package &package,
                        const std::string &path) override;
  std::unique_ptr<Queue> createQueue(int threads) override;

  /// What a launch needs to know of a kernel.
  struct Kernel {
    std::string name;
    cuda::Function function = nullptr;
    int64_t threads = 0;
    SizeExpr scratch;
  };
  const Kernel &kernel(int64_t index) const { return kernels[index]; }
  int64_t multiprocessors() const { return processors; }
  /// Enqueues `blocks` blocks of `kernel`.
  Result<void> launch(const Kernel &kernel, int64_t blocks, void **parameters);

private:
  CudaDevice(const cuda::Driver &driver, int ordinal)
      : driver(driver), ordinal(ordinal) {}
  Result<void> initialize(const TargetInfo &target, const std::string &path);
  Result<void> checkCapability(const TargetInfo &target,
                               const std::string &path);
  Result<void> loadModule(const Package &package, const std::string &path);
  /// "cuda:0: CALL: STATUS (text)".
  Error failure(const char *call, cuda::Status status) const;
  Result<void> check(const char *call, cuda::Status status) const;
  /// Makes the context this thread's, and reports what failed before where
  /// nothing could be returned.
  Result<void> enter();
  void keep(const Result<void> &result);

  const cuda::Driver &driver;
  int ordinal;
  cuda::DeviceHandle handle = 0;
  cuda::Context context = nullptr;
  cuda::Module module = nullptr;
  int processors = 0;
  std::vector<Kernel> kernels;
  std::mutex mutex;
  std::optional<Error> pending; // of calls that return nothing
};

} // namespace jet

#endif // JET_RUNTIME_CUDA_CUDADEVICE_H
