// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The driver of FakeDriver.h as the library that programs look for, so that
// whole models run on it: kernels are the CPU's, called with the operands,
// symbols and points of each launch.

#include "FakeDriver.h"

#include "runtime/Package.h"

#include <cstdlib>
#include <dlfcn.h>
#include <mutex>

namespace jet::test {
namespace {

using namespace cuda;

using HostKernel = void (*)(void *const *, const int64_t *, int64_t, int64_t);

/// Operands, symbols, scratch memory, its size, points.
void run(const FakeDriver::Launch &launch) {
  static void *const library = dlopen(JET_FIXTURE_KERNELS, RTLD_NOW);
  if (!library)
    std::abort();
  auto *kernel =
      reinterpret_cast<HostKernel>(dlsym(library, launch.kernel.c_str()));
  const size_t symbols = launch.parameters.size() - 3 - kNumSymbols;
  kernel(reinterpret_cast<void *const *>(launch.parameters.data()),
         reinterpret_cast<const int64_t *>(&launch.parameters[symbols]), 0,
         static_cast<int64_t>(launch.parameters.back()));
}

FakeDriver &driver() {
  static FakeDriver *const driver = [] {
    auto *made = new FakeDriver;
    made->memory = int64_t(1) << 30;
    made->run = run;
    constexpr size_t others = kNumSymbols + 3;
    made->parameterCounts = {
        {"fixture_embed", 3 + others},     {"fixture_running_sum", 4 + others},
        {"fixture_look_back", 5 + others}, {"fixture_head_last", 4 + others},
        {"fixture_head_all", 3 + others},  {"fixture_head_sample", 7 + others},
        {"fixture_pick", 3 + others}};
    return made;
  }();
  return *driver;
}

std::recursive_mutex mutex;

} // namespace
} // namespace jet::test

using namespace jet::cuda;
using jet::test::driver;

#define FORWARD(symbol, function, parameters, arguments)                       \
  extern "C" Status symbol parameters {                                        \
    const std::lock_guard<std::recursive_mutex> lock(jet::test::mutex);        \
    return driver().table().function arguments;                                \
  }

FORWARD(cuInit, init, (unsigned a), (a))
FORWARD(cuGetErrorName, getErrorName, (Status a, const char **b), (a, b))
FORWARD(cuGetErrorString, getErrorString, (Status a, const char **b), (a, b))
FORWARD(cuDeviceGetCount, deviceGetCount, (int *a), (a))
FORWARD(cuDeviceGet, deviceGet, (DeviceHandle * a, int b), (a, b))
FORWARD(cuDeviceGetName, deviceGetName, (char *a, int b, DeviceHandle c),
        (a, b, c))
FORWARD(cuDeviceGetAttribute, deviceGetAttribute,
        (int *a, int b, DeviceHandle c), (a, b, c))
FORWARD(cuDevicePrimaryCtxRetain, devicePrimaryCtxRetain,
        (Context * a, DeviceHandle b), (a, b))
FORWARD(cuDevicePrimaryCtxRelease_v2, devicePrimaryCtxRelease, (DeviceHandle a),
        (a))
FORWARD(cuCtxSetCurrent, ctxSetCurrent, (Context a), (a))
FORWARD(cuMemGetInfo_v2, memGetInfo, (size_t *a, size_t *b), (a, b))
FORWARD(cuMemAlloc_v2, memAlloc, (Address * a, size_t b), (a, b))
FORWARD(cuMemFree_v2, memFree, (Address a), (a))
FORWARD(cuMemsetD8Async, memsetD8Async,
        (Address a, unsigned char b, size_t c, Stream d), (a, b, c, d))
FORWARD(cuMemHostAlloc, memHostAlloc, (void **a, size_t b, unsigned c),
        (a, b, c))
FORWARD(cuMemFreeHost, memFreeHost, (void *a), (a))
FORWARD(cuMemcpyHtoDAsync_v2, memcpyHtoDAsync,
        (Address a, const void *b, size_t c, Stream d), (a, b, c, d))
FORWARD(cuMemcpyDtoHAsync_v2, memcpyDtoHAsync,
        (void *a, Address b, size_t c, Stream d), (a, b, c, d))
FORWARD(cuStreamCreate, streamCreate, (Stream * a, unsigned b), (a, b))
FORWARD(cuStreamDestroy_v2, streamDestroy, (Stream a), (a))
FORWARD(cuStreamSynchronize, streamSynchronize, (Stream a), (a))
FORWARD(cuStreamBeginCapture_v2, streamBeginCapture, (Stream a, int b), (a, b))
FORWARD(cuStreamEndCapture, streamEndCapture, (Stream a, Graph *b), (a, b))
FORWARD(cuGraphInstantiateWithFlags, graphInstantiate,
        (GraphExec * a, Graph b, unsigned long long c), (a, b, c))
FORWARD(cuGraphGetEdges_v2, graphGetEdges,
        (Graph a, GraphNode *b, GraphNode *c, GraphEdge *d, size_t *e),
        (a, b, c, d, e))
FORWARD(cuGraphDestroy, graphDestroy, (Graph a), (a))
FORWARD(cuGraphExecDestroy, graphExecDestroy, (GraphExec a), (a))
FORWARD(cuGraphLaunch, graphLaunch, (GraphExec a, Stream b), (a, b))
FORWARD(cuEventCreate, eventCreate, (Event * a, unsigned b), (a, b))
FORWARD(cuEventDestroy_v2, eventDestroy, (Event a), (a))
FORWARD(cuEventRecord, eventRecord, (Event a, Stream b), (a, b))
FORWARD(cuEventQuery, eventQuery, (Event a), (a))
FORWARD(cuEventSynchronize, eventSynchronize, (Event a), (a))
FORWARD(cuEventElapsedTime, eventElapsedTime, (float *a, Event b, Event c),
        (a, b, c))
FORWARD(cuModuleLoadDataEx, moduleLoadDataEx,
        (Module * a, const void *b, unsigned c, int *d, void **e),
        (a, b, c, d, e))
FORWARD(cuModuleUnload, moduleUnload, (Module a), (a))
FORWARD(cuModuleGetFunction, moduleGetFunction,
        (Function * a, Module b, const char *c), (a, b, c))
FORWARD(cuFuncSetAttribute, funcSetAttribute, (Function a, int b, int c),
        (a, b, c))
FORWARD(cuTensorMapEncodeTiled, tensorMapEncodeTiled,
        (TensorMap * a, int b, unsigned c, void *d, const uint64_t *e,
         const uint64_t *f, const unsigned *g, const unsigned *h, int i, int j,
         int k, int l),
        (a, b, c, d, e, f, g, h, i, j, k, l))
FORWARD(cuLaunchKernelEx, launchKernelEx,
        (const LaunchConfig *a, Function b, void **c, void **d), (a, b, c, d))

#undef FORWARD
