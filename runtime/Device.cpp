// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "runtime/Device.h"

#include "runtime/HostDevice.h"
#include "runtime/cuda/CudaDevice.h"

#include <charconv>
#include <optional>
#include <utility>

namespace jet {

/// The number of "cuda:N" or, for the first, "cuda".
static std::optional<int> cudaOrdinal(const std::string &name) {
  if (name == "cuda")
    return 0;
  constexpr std::string_view prefix = "cuda:";
  if (!name.starts_with(prefix))
    return std::nullopt;
  int ordinal = 0;
  const char *end = name.data() + name.size();
  const auto [rest, code] =
      std::from_chars(name.data() + prefix.size(), end, ordinal);
  if (code != std::errc() || rest != end || ordinal < 0)
    return std::nullopt;
  return ordinal;
}

Result<std::shared_ptr<Device>> openDevice(const std::string &name,
                                           const TargetInfo &target,
                                           const std::string &path) {
  if (auto valid = checkTarget(target, path); !valid)
    return valid.error();
  const std::string wanted = name.empty() ? target.kind : name;
  const std::optional<int> ordinal = cudaOrdinal(wanted);
  if (wanted != "cpu" && !ordinal)
    return Error{"--device: expected cpu or cuda:N, found '" + name + "'"};
  if ((ordinal ? "cuda" : "cpu") != target.kind)
    return Error{path + ": target: expected '" + (ordinal ? "cuda" : "cpu") +
                 "' (--device " + name + "), found '" + target.kind + "'"};
  if (!ordinal)
    return std::shared_ptr<Device>(std::make_shared<HostDevice>());
  Result<const cuda::Driver *> driver = cuda::findDriver();
  if (!driver)
    return driver.error();
  return CudaDevice::open(**driver, *ordinal, target, path);
}

void HostMemory::release() {
  if (begin)
    device->releaseHost(std::exchange(begin, nullptr));
  bytes = 0;
}

Result<std::byte *> HostMemory::reserve(const std::shared_ptr<Device> &owner,
                                        int64_t length) {
  if (length <= bytes)
    return begin;
  release();
  Result<std::byte *> memory = owner->allocateHost(length);
  if (!memory)
    return memory;
  device = owner;
  begin = *memory;
  bytes = length;
  return begin;
}

Result<ZeroMemory> ZeroMemory::create(std::shared_ptr<Device> device,
                                      int64_t bytes, const std::string &what) {
  ZeroMemory memory;
  if (bytes == 0)
    return memory;
  Result<std::byte *> address = device->allocate(bytes, what);
  if (!address)
    return address.error();
  memory.device = std::move(device);
  memory.begin = *address;
  memory.bytes = bytes;
  return memory;
}

ZeroMemory::ZeroMemory(ZeroMemory &&other) noexcept
    : device(std::move(other.device)),
      begin(std::exchange(other.begin, nullptr)),
      bytes(std::exchange(other.bytes, 0)) {}

ZeroMemory &ZeroMemory::operator=(ZeroMemory &&other) noexcept {
  std::swap(device, other.device);
  std::swap(begin, other.begin);
  std::swap(bytes, other.bytes);
  return *this;
}

ZeroMemory::~ZeroMemory() {
  if (begin)
    device->release(begin, bytes);
}

void ZeroMemory::clear(int64_t offset, int64_t length) {
  if (length > 0)
    device->clear(begin + offset, length);
}

void ZeroMemory::fill(int64_t offset, int64_t length, std::byte value) {
  if (length > 0)
    device->fill(begin + offset, length, value);
}

Result<void> ZeroMemory::read(int64_t offset, int64_t length, void *to) const {
  if (length > 0)
    return device->read(to, begin + offset, length);
  return {};
}

} // namespace jet
