// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Copies between this machine and the GPU. What is written is copied to pinned
// memory first, which is faster than it sounds: the driver would do the same
// for memory that is not pinned, but alone and waiting for the end. So several
// threads that write keep the GPU's copy engine busy, and a small write costs
// no wait.

#include "runtime/cuda/CudaDevice.h"

#include <algorithm>
#include <cstring>

namespace jet {

static constexpr int64_t kStagingBytes = int64_t(4) << 20;
static constexpr int kMaxStaging = 16;

static cuda::Address addressOf(const std::byte *memory) {
  return reinterpret_cast<cuda::Address>(memory);
}

Result<std::byte *> CudaDevice::allocateHost(int64_t bytes) {
  if (auto done = enter(); !done)
    return done.error();
  void *memory = nullptr;
  if (const cuda::Status status = driver.memHostAlloc(&memory, bytes, 0))
    return failure("cuMemHostAlloc of " + std::to_string(bytes) + " bytes",
                   status);
  return static_cast<std::byte *>(memory);
}

void CudaDevice::releaseHost(std::byte *memory) {
  if (check("cuCtxSetCurrent", driver.ctxSetCurrent(context)))
    keep(check("cuMemFreeHost", driver.memFreeHost(memory)));
}

Result<CudaDevice::Staging> CudaDevice::createStaging() {
  Staging staging;
  Result<std::byte *> memory = allocateHost(kStagingBytes);
  if (!memory)
    return memory.error();
  staging.memory = *memory;
  constexpr unsigned noTiming = 2;
  if (auto done =
          check("cuEventCreate", driver.eventCreate(&staging.copied, noTiming));
      !done) {
    releaseHost(staging.memory);
    return done.error();
  }
  return staging;
}

/// The one that was idle longest, or another while that is still being read,
/// up to a number of them.
Result<CudaDevice::Staging> CudaDevice::acquireStaging() {
  std::unique_lock<std::mutex> lock(stagingMutex);
  const bool isIdle = !idleStaging.empty() &&
                      driver.eventQuery(idleStaging.front().copied) == 0;
  if (!isIdle && numStaging < kMaxStaging) {
    ++numStaging;
    lock.unlock();
    Result<Staging> created = createStaging();
    if (created)
      return created;
    lock.lock();
    --numStaging;
    // Those that there are will do.
    if (numStaging == 0)
      return created;
  }
  stagingReturned.wait(lock, [&] { return !idleStaging.empty(); });
  const Staging staging = idleStaging.front();
  idleStaging.pop_front();
  lock.unlock();
  if (auto done =
          check("cuEventSynchronize", driver.eventSynchronize(staging.copied));
      !done) {
    returnStaging(staging);
    return done.error();
  }
  return staging;
}

void CudaDevice::returnStaging(const Staging &staging) {
  const std::lock_guard<std::mutex> lock(stagingMutex);
  idleStaging.push_back(staging);
  stagingReturned.notify_one();
}

Result<void> CudaDevice::write(std::byte *to, const void *from, int64_t bytes) {
  if (auto done = enter(); !done)
    return done;
  const auto *data = static_cast<const std::byte *>(from);
  for (int64_t offset = 0; offset < bytes; offset += kStagingBytes) {
    const int64_t count = std::min(kStagingBytes, bytes - offset);
    Result<Staging> staging = acquireStaging();
    if (!staging)
      return staging.error();
    std::memcpy(staging->memory, data + offset, count);
    Result<void> done =
        check("cuMemcpyHtoDAsync",
              driver.memcpyHtoDAsync(addressOf(to + offset), staging->memory,
                                     count, stream));
    if (done)
      done =
          check("cuEventRecord", driver.eventRecord(staging->copied, stream));
    returnStaging(*staging);
    if (!done)
      return done;
  }
  return {};
}

Result<void> CudaDevice::read(void *to, const std::byte *from, int64_t bytes) {
  if (auto done = enter(); !done)
    return done;
  if (auto done =
          check("cuMemcpyDtoHAsync",
                driver.memcpyDtoHAsync(to, addressOf(from), bytes, stream));
      !done)
    return done;
  const cuda::Status status = driver.streamSynchronize(stream);
  Result<void> done = check("cuStreamSynchronize", status);
  if (status >= cuda::kKernelFailed)
    return Error{done.error().message + "; a kernel failed, and with " +
                 cuda::kBlockingVariable +
                 "=1 in the environment the error says which"};
  return done;
}

} // namespace jet
