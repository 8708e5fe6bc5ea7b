// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Where a model lives and runs: memory, code, and launches of its kernels. The
// rest of the runtime works on this interface, whatever the machine.

#ifndef JET_RUNTIME_DEVICE_H
#define JET_RUNTIME_DEVICE_H

#include "runtime/Package.h"

#include <memory>
#include <span>
#include <string>

namespace jet {

/// Launches kernels one after another. Use from one thread at a time; must not
/// outlive its device.
class Queue {
public:
  virtual ~Queue() = default;

  /// Computes all `grid` points of kernel `index` of the package, after
  /// whatever was launched before. May return before that is done:
  /// Device::read() waits. Errors of the machine may come later, from another
  /// launch or read().
  virtual Result<void> launch(int64_t index, std::span<void *const> operands,
                              const SymbolValues &symbols, int64_t grid) = 0;
  /// Threads of this machine that compute.
  virtual int threads() const = 0;
};

/// Immutable once the code is loaded, and may be used from several threads.
/// Everything happens in the order of the calls. Pointers are the device's:
/// only if isHost() may they be followed here.
class Device {
public:
  virtual ~Device() = default;

  /// As --device takes it: "cpu", "cuda:0".
  virtual std::string name() const = 0;
  virtual bool isHost() const = 0;

  /// `bytes` > 0 bytes of zeros at an address fit for any element. An error
  /// when there is no room; `what` names the use in it.
  virtual Result<std::byte *> allocate(int64_t bytes,
                                       const std::string &what) = 0;
  virtual void release(std::byte *memory, int64_t bytes) = 0;
  /// Makes memory zero, giving it back to the system where that is possible.
  virtual void clear(std::byte *memory, int64_t bytes) = 0;
  virtual void fill(std::byte *memory, int64_t bytes, std::byte value) = 0;
  virtual Result<void> write(std::byte *to, const void *from,
                             int64_t bytes) = 0;
  /// Waits for all launches before it copies.
  virtual Result<void> read(void *to, const std::byte *from, int64_t bytes) = 0;

  /// Loads the code of `package` and finds every kernel. Once, before any queue
  /// is made. `path` names the package in errors.
  virtual Result<void> loadCode(const Package &package,
                                const std::string &path) = 0;
  /// `threads` as for ThreadPool; what does not compute here ignores it.
  virtual std::unique_ptr<Queue> createQueue(int threads) = 0;
};

/// The device `name` for a package of the given target: "cpu", "cuda:N", or
/// empty for the first of the kind that the package is for. Errors: not a name
/// of a device, a package for another kind, no driver, no such device, a device
/// that cannot run the target's code. `path` names the package in them.
Result<std::shared_ptr<Device>> openDevice(const std::string &name,
                                           const TargetInfo &target,
                                           const std::string &path);

/// Owns memory of a device, zeros at first. Move-only; keeps the device.
class ZeroMemory {
public:
  /// None if `bytes` is 0; else as Device::allocate().
  static Result<ZeroMemory> create(std::shared_ptr<Device> device,
                                   int64_t bytes, const std::string &what);

  ZeroMemory() = default;
  ZeroMemory(ZeroMemory &&other) noexcept;
  ZeroMemory &operator=(ZeroMemory &&other) noexcept;
  ~ZeroMemory();

  std::byte *data() const { return begin; }
  int64_t size() const { return bytes; }
  /// Makes [offset, offset + length) zero again.
  void clear(int64_t offset, int64_t length);
  /// Fills [offset, offset + length) with one byte.
  void fill(int64_t offset, int64_t length, std::byte value);
  /// Fills [offset, offset + length) with NaN; see Poison.
  void poison(int64_t offset, int64_t length) {
    fill(offset, length, std::byte(0xFF));
  }
  /// Copies [offset, offset + length) to the caller.
  Result<void> read(int64_t offset, int64_t length, void *to) const;

private:
  std::shared_ptr<Device> device; // null without memory
  std::byte *begin = nullptr;
  int64_t bytes = 0;
};

} // namespace jet

#endif // JET_RUNTIME_DEVICE_H
