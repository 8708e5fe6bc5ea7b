// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// This machine's memory and cores. Private to the runtime.

#ifndef JET_RUNTIME_HOSTDEVICE_H
#define JET_RUNTIME_HOSTDEVICE_H

#include "runtime/Device.h"
#include "runtime/HostCode.h"

namespace jet {

/// Memory are anonymous mappings: pages that nobody touches cost nothing.
class HostDevice : public Device {
public:
  std::string name() const override { return "cpu"; }
  bool isHost() const override { return true; }
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

  const std::vector<KernelFunction> &kernels() const { return code.kernels(); }

private:
  HostCode code;
};

} // namespace jet

#endif // JET_RUNTIME_HOSTDEVICE_H
