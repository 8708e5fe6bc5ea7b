// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// One GPU through the CUDA driver: its primary context, memory taken from it,
// one module with the kernels of a package, everything on one stream. Private
// to the runtime.

#ifndef JET_RUNTIME_CUDA_CUDADEVICE_H
#define JET_RUNTIME_CUDA_CUDADEVICE_H

#include "runtime/Device.h"
#include "runtime/cuda/Driver.h"

#include <array>
#include <condition_variable>
#include <deque>
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
  std::string model() const override;
  bool isHost() const override { return false; }
  double memoryBandwidth() const override;
  std::optional<int64_t> freeBytes() override;
  Result<std::byte *> allocate(int64_t bytes, const std::string &what) override;
  void release(std::byte *memory, int64_t bytes) override;
  void clear(std::byte *memory, int64_t bytes) override;
  void fill(std::byte *memory, int64_t bytes, std::byte value) override;
  Result<void> write(std::byte *to, const void *from, int64_t bytes) override;
  Result<void> read(void *to, const std::byte *from, int64_t bytes) override;
  Result<std::byte *> allocateHost(int64_t bytes) override;
  void releaseHost(std::byte *memory) override;
  Result<void> loadCode(const Package &package,
                        const std::string &path) override;
  std::unique_ptr<Queue> createQueue(int threads) override;

  // For queues.

  /// A kernel of the package and its functions in the module.
  struct Kernel {
    KernelInfo info;
    cuda::Function function = nullptr;
    std::vector<std::vector<cuda::Function>> stages; // of each form
  };
  const Kernel &kernel(int64_t index) const { return kernels[index]; }
  int64_t multiprocessors() const { return processors; }
  const cuda::Driver &table() const { return driver; }
  /// Where everything happens, in the order of the calls.
  cuda::Stream mainStream() const { return stream; }
  /// Makes the context this thread's, and reports what failed before where
  /// nothing could be returned.
  Result<void> enter();
  /// "cuda:0: CALL: STATUS (text)".
  Error failure(const std::string &call, cuda::Status status) const;
  Result<void> check(const std::string &call, cuda::Status status) const;

private:
  CudaDevice(const cuda::Driver &driver, int ordinal)
      : driver(driver), ordinal(ordinal) {}
  Result<void> initialize(const TargetInfo &target, const std::string &path);
  Result<void> checkCapability(const TargetInfo &target,
                               const std::string &path);
  Result<void> loadModule(const Package &package, const std::string &path);
  Result<cuda::Function> findFunction(const std::string &name,
                                      const std::string &path);
  Result<void> loadForms(Kernel &kernel, const std::string &path);
  Result<void> limitSharedMemory(const std::string &path);
  void keep(const Result<void> &result);

  /// Memory of this machine that the GPU reads by itself: what is written goes
  /// through it, so that the copy need not be waited for.
  struct Staging {
    std::byte *memory = nullptr;
    cuda::Event copied = nullptr; // recorded after its last copy
  };
  Result<Staging> acquireStaging();
  Result<Staging> createStaging();
  void returnStaging(const Staging &staging);

  const cuda::Driver &driver;
  int ordinal;
  cuda::DeviceHandle handle = 0;
  cuda::Context context = nullptr;
  cuda::Module module = nullptr;
  cuda::Stream stream = nullptr;
  int processors = 0;
  std::vector<Kernel> kernels;
  std::mutex mutex;
  std::optional<Error> pending; // of calls that return nothing

  std::mutex stagingMutex;
  std::condition_variable stagingReturned;
  std::deque<Staging> idleStaging; // the longest idle first
  int numStaging = 0;
};

} // namespace jet

#endif // JET_RUNTIME_CUDA_CUDADEVICE_H
