// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The part of the CUDA driver's interface that the runtime uses, declared here
// so that neither a toolkit nor a driver is needed to build, and looked up when
// a program first asks for a GPU. Private to the runtime.

#ifndef JET_RUNTIME_CUDA_DRIVER_H
#define JET_RUNTIME_CUDA_DRIVER_H

#include "support/Error.h"

#include <cstddef>
#include <cstdint>

namespace jet::cuda {

using Status = int; // 0 is success
using DeviceHandle = int;
using Address = uint64_t;
using Context = struct ContextHandle *;
using Module = struct ModuleHandle *;
using Function = struct FunctionHandle *;
using Stream = struct StreamHandle *;

inline constexpr Status kOutOfMemory = 2;
inline constexpr Status kNoDevice = 100;
/// Device attributes.
inline constexpr int kMultiprocessors = 16;
inline constexpr int kCapabilityMajor = 75, kCapabilityMinor = 76;
/// Options of moduleLoadDataEx.
inline constexpr int kErrorLog = 5, kErrorLogBytes = 6;

/// Functions of the driver by the names without "cu".
struct Driver {
  Status (*init)(unsigned flags);
  Status (*getErrorName)(Status, const char **);
  Status (*getErrorString)(Status, const char **);
  Status (*deviceGetCount)(int *);
  Status (*deviceGet)(DeviceHandle *, int ordinal);
  Status (*deviceGetName)(char *, int bytes, DeviceHandle);
  Status (*deviceGetAttribute)(int *, int attribute, DeviceHandle);
  Status (*devicePrimaryCtxRetain)(Context *, DeviceHandle);
  Status (*devicePrimaryCtxRelease)(DeviceHandle);
  Status (*ctxSetCurrent)(Context);
  Status (*memGetInfo)(size_t *free, size_t *total);
  Status (*memAlloc)(Address *, size_t bytes);
  Status (*memFree)(Address);
  Status (*memsetD8Async)(Address, unsigned char, size_t bytes, Stream);
  Status (*memcpyHtoD)(Address, const void *, size_t bytes);
  Status (*memcpyDtoH)(void *, Address, size_t bytes);
  Status (*moduleLoadDataEx)(Module *, const void *image, unsigned options,
                             int *names, void **values);
  Status (*moduleUnload)(Module);
  Status (*moduleGetFunction)(Function *, Module, const char *name);
  Status (*launchKernel)(Function, unsigned gridX, unsigned gridY,
                         unsigned gridZ, unsigned blockX, unsigned blockY,
                         unsigned blockZ, unsigned sharedBytes, Stream,
                         void **parameters, void **extra);
};

/// The driver of this machine, loaded at the first call and for good. An error
/// when there is none, or it lacks a function. May be called from any thread.
Result<const Driver *> findDriver();

/// "CUDA_ERROR_OUT_OF_MEMORY (out of memory)".
std::string describe(const Driver &driver, Status status);

} // namespace jet::cuda

#endif // JET_RUNTIME_CUDA_DRIVER_H
