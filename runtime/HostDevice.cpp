// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "runtime/HostDevice.h"

#include "runtime/ThreadPool.h"

#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <sys/mman.h>
#include <unistd.h>

namespace jet {

Result<std::byte *> HostDevice::allocate(int64_t bytes,
                                         const std::string &what) {
  // NORESERVE: capacity is a promise to the caller, not a use of memory.
  void *address = mmap(nullptr, bytes, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (address == MAP_FAILED)
    return Error{what + ": cannot reserve " + std::to_string(bytes) +
                 " bytes: " + std::strerror(errno)};
  return static_cast<std::byte *>(address);
}

void HostDevice::release(std::byte *memory, int64_t bytes) {
  munmap(memory, bytes);
}

/// Gives whole pages back.
void HostDevice::clear(std::byte *memory, int64_t bytes) {
  const auto page = static_cast<uintptr_t>(sysconf(_SC_PAGESIZE));
  const auto begin = reinterpret_cast<uintptr_t>(memory);
  const uintptr_t end = begin + bytes;
  const uintptr_t firstPage = (begin + page - 1) / page * page;
  const uintptr_t lastPage = end / page * page;
  if (firstPage < lastPage &&
      madvise(memory + (firstPage - begin), lastPage - firstPage,
              MADV_DONTNEED) == 0) {
    std::memset(memory, 0, firstPage - begin);
    std::memset(memory + (lastPage - begin), 0, end - lastPage);
    return;
  }
  std::memset(memory, 0, bytes);
}

void HostDevice::fill(std::byte *memory, int64_t bytes, std::byte value) {
  std::memset(memory, static_cast<int>(value), bytes);
}

Result<void> HostDevice::write(std::byte *to, const void *from, int64_t bytes) {
  std::memcpy(to, from, bytes);
  return {};
}

Result<void> HostDevice::read(void *to, const std::byte *from, int64_t bytes) {
  std::memcpy(to, from, bytes);
  return {};
}

Result<std::byte *> HostDevice::allocateHost(int64_t bytes) {
  auto *memory = static_cast<std::byte *>(std::malloc(bytes));
  if (!memory)
    return Error{"cannot reserve " + std::to_string(bytes) + " bytes"};
  return memory;
}

void HostDevice::releaseHost(std::byte *memory) { std::free(memory); }

Result<void> HostDevice::loadCode(const Package &package,
                                  const std::string &path) {
  Result<HostCode> loaded = HostCode::load(package, path);
  if (!loaded)
    return loaded.error();
  code = std::move(*loaded);
  return {};
}

namespace {

class HostQueue : public Queue {
public:
  HostQueue(const HostDevice &device, int threads)
      : device(device), pool(threads) {}

  Result<void> launch(int64_t index, std::span<void *const> operands,
                      const SymbolValues &symbols, int64_t grid) override {
    const KernelFunction kernel = device.kernels()[index];
    pool.run(grid, [&](int64_t begin, int64_t end) {
      kernel(operands.data(), symbols, begin, end);
    });
    return {};
  }
  Result<double> time(const std::function<Result<void>()> &work) override {
    const auto begin = std::chrono::steady_clock::now();
    if (auto done = work(); !done)
      return done.error();
    const std::chrono::duration<double> seconds =
        std::chrono::steady_clock::now() - begin;
    return seconds.count();
  }
  int threads() const override { return pool.size(); }

private:
  const HostDevice &device;
  ThreadPool pool;
};

} // namespace

std::unique_ptr<Queue> HostDevice::createQueue(int threads) {
  return std::make_unique<HostQueue>(*this, threads);
}

} // namespace jet
