// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Where a model lives and runs: memory, code, and launches of its kernels. The
// rest of the runtime works on this interface, whatever the machine.

#ifndef JET_RUNTIME_DEVICE_H
#define JET_RUNTIME_DEVICE_H

#include "runtime/Package.h"

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>

namespace jet {

/// Edges between the launches of a step that a queue recorded.
struct RecordedEdges {
  int64_t all = 0;
  /// Those at which a launch may begin before the one before it has ended.
  int64_t programmatic = 0;
};

/// A stage of a kernel.
struct StageIndex {
  size_t form = 0, stage = 0;
};

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
  /// One stage of a form of the kernel, whether chooseForm() takes that form
  /// or not: to measure it by itself.
  virtual Result<void> launchStage(int64_t index, StageIndex stage,
                                   std::span<void *const> operands,
                                   const SymbolValues &symbols) {
    (void)index, (void)stage, (void)operands, (void)symbols;
    return Error{"stage: expected a GPU"};
  }
  /// Makes the launches of a step by calling `launches`, or again those that
  /// an earlier call with an equal `key` made: equal keys stand for the same
  /// launches, to the operand. An empty key stands for itself alone. Errors are
  /// those of the launches.
  virtual Result<void> step(std::span<const uint64_t> key,
                            const std::function<Result<void>()> &launches) {
    (void)key;
    return launches();
  }
  /// Seconds that the device takes for what `work` launches, waiting for the
  /// end.
  virtual Result<double> time(const std::function<Result<void>()> &work) = 0;
  /// Of the step that was launched last, if it was recorded and that is known.
  virtual std::optional<RecordedEdges> recordedEdges() const {
    return std::nullopt;
  }
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
  /// As its maker calls it: "NVIDIA H200".
  virtual std::string model() const { return name(); }
  virtual bool isHost() const = 0;
  /// Bytes a second of its memory, by its data sheet; 0 for unknown.
  virtual double memoryBandwidth() const { return 0; }
  /// Bytes that allocate() may have left to give, if that is known.
  virtual std::optional<int64_t> freeBytes() { return std::nullopt; }

  /// `bytes` > 0 bytes of zeros at an address fit for any element. An error
  /// when there is no room; `what` names the use in it.
  virtual Result<std::byte *> allocate(int64_t bytes,
                                       const std::string &what) = 0;
  virtual void release(std::byte *memory, int64_t bytes) = 0;
  /// Makes memory zero, giving it back to the system where that is possible.
  virtual void clear(std::byte *memory, int64_t bytes) = 0;
  virtual void fill(std::byte *memory, int64_t bytes, std::byte value) = 0;
  /// `from` may change as soon as this returns.
  virtual Result<void> write(std::byte *to, const void *from,
                             int64_t bytes) = 0;
  /// Waits for all launches before it copies.
  virtual Result<void> read(void *to, const std::byte *from, int64_t bytes) = 0;
  /// `bytes` > 0 bytes of this machine's memory that read() fills fastest.
  virtual Result<std::byte *> allocateHost(int64_t bytes) = 0;
  virtual void releaseHost(std::byte *memory) = 0;

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

/// Owns memory of this machine for Device::read(); contents of no matter.
class HostMemory {
public:
  HostMemory() = default;
  HostMemory(const HostMemory &) = delete;
  HostMemory &operator=(const HostMemory &) = delete;
  ~HostMemory() { release(); }

  /// At least `bytes` > 0 bytes, which lose their contents if there were fewer.
  Result<std::byte *> reserve(const std::shared_ptr<Device> &device,
                              int64_t bytes);

private:
  void release();

  std::shared_ptr<Device> device; // null without memory
  std::byte *begin = nullptr;
  int64_t bytes = 0;
};

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
