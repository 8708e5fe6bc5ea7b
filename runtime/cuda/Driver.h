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
using Event = struct EventHandle *;
using Graph = struct GraphHandle *;
using GraphExec = struct GraphExecHandle *;
using GraphNode = struct GraphNodeHandle *;

inline constexpr Status kOutOfMemory = 2;
inline constexpr Status kNoDevice = 100;
inline constexpr Status kNotReady = 600;
/// From here on, that a kernel failed: an illegal address, instruction, ….
inline constexpr Status kKernelFailed = 700;
/// CUDA's own: 1 for a launch that waits until it is done.
inline constexpr const char *kBlockingVariable = "CUDA_LAUNCH_BLOCKING";
/// Device attributes.
inline constexpr int kMultiprocessors = 16;
inline constexpr int kMemoryKilohertz = 36, kMemoryBusBits = 37;
inline constexpr int kCapabilityMajor = 75, kCapabilityMinor = 76;
/// Options of moduleLoadDataEx.
inline constexpr int kErrorLog = 5, kErrorLogBytes = 6;
/// Attributes of a function.
inline constexpr int kMaxDynamicSharedBytes = 8;
/// Of a processor's memory for both, the percentage that is shared memory.
inline constexpr int kSharedCarveout = 9;
/// Flags of streamCreate, modes of streamBeginCapture.
inline constexpr unsigned kNonBlocking = 1;
inline constexpr int kRelaxedCapture = 2;

/// CUtensorMap; kernels take it by value.
struct alignas(128) TensorMap {
  uint64_t words[16];
};
/// CUtensorMapDataType.
inline constexpr int kMapU8 = 0, kMapI32 = 3, kMapF32 = 7, kMapBF16 = 9;
/// CUtensorMapInterleave, CUtensorMapFloatOOBfill: none, zeros.
inline constexpr int kNoInterleave = 0, kFillZeros = 0;
/// CUtensorMapL2promotion: of 128 bytes, as long as a row of most boxes. With
/// 256 an H200 read keys and values at 4.2 TB/s instead of 4.5, in boxes of any
/// shape.
inline constexpr int kPromote128 = 2;

/// CUlaunchAttribute.
struct LaunchAttribute {
  int id;
  int padding;
  union {
    struct {
      unsigned x, y, z;
    } cluster;      // kClusterDimension
    int allowed;    // kStreamSerialization
    char bytes[64]; // of any attribute
  } value;
};
static_assert(sizeof(LaunchAttribute) == 72);
/// Its ids: CTAs of a cluster; the launch may begin before the one before it
/// has ended.
inline constexpr int kClusterDimension = 4, kStreamSerialization = 6;

/// CUlaunchConfig.
struct LaunchConfig {
  unsigned gridX, gridY, gridZ;
  unsigned blockX, blockY, blockZ;
  unsigned sharedBytes;
  Stream stream;
  LaunchAttribute *attributes;
  unsigned numAttributes;
};
static_assert(sizeof(LaunchConfig) == 56);

/// CUgraphEdgeData.
struct GraphEdge {
  unsigned char fromPort, toPort, type, reserved[5];
};
inline constexpr unsigned char kProgrammaticEdge = 1; // a type

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
  Status (*memHostAlloc)(void **, size_t bytes, unsigned flags);
  Status (*memFreeHost)(void *);
  Status (*memcpyHtoDAsync)(Address, const void *, size_t bytes, Stream);
  Status (*memcpyDtoHAsync)(void *, Address, size_t bytes, Stream);
  Status (*streamCreate)(Stream *, unsigned flags);
  Status (*streamDestroy)(Stream);
  Status (*streamSynchronize)(Stream);
  Status (*streamBeginCapture)(Stream, int mode);
  Status (*streamEndCapture)(Stream, Graph *);
  Status (*graphInstantiate)(GraphExec *, Graph, unsigned long long flags);
  Status (*graphDestroy)(Graph);
  /// Null in drivers before CUDA 12.3.
  Status (*graphGetEdges)(Graph, GraphNode *from, GraphNode *to, GraphEdge *,
                          size_t *count);
  Status (*graphExecDestroy)(GraphExec);
  Status (*graphLaunch)(GraphExec, Stream);
  Status (*eventCreate)(Event *, unsigned flags);
  Status (*eventDestroy)(Event);
  Status (*eventRecord)(Event, Stream);
  Status (*eventQuery)(Event);
  Status (*eventSynchronize)(Event);
  Status (*eventElapsedTime)(float *milliseconds, Event begin, Event end);
  Status (*moduleLoadDataEx)(Module *, const void *image, unsigned options,
                             int *names, void **values);
  Status (*moduleUnload)(Module);
  Status (*moduleGetFunction)(Function *, Module, const char *name);
  Status (*funcSetAttribute)(Function, int attribute, int value);
  /// Sizes innermost first; `strides` of the dimensions but the innermost, in
  /// bytes.
  Status (*tensorMapEncodeTiled)(TensorMap *, int type, unsigned rank,
                                 void *address, const uint64_t *sizes,
                                 const uint64_t *strides, const unsigned *box,
                                 const unsigned *elementStrides, int interleave,
                                 int swizzle, int promotion, int fill);
  Status (*launchKernelEx)(const LaunchConfig *, Function, void **parameters,
                           void **extra);
};

/// The driver of this machine, loaded at the first call and for good. An error
/// when there is none, or it lacks a function. May be called from any thread.
Result<const Driver *> findDriver();

/// "CUDA_ERROR_OUT_OF_MEMORY (out of memory)".
std::string describe(const Driver &driver, Status status);

} // namespace jet::cuda

#endif // JET_RUNTIME_CUDA_DRIVER_H
