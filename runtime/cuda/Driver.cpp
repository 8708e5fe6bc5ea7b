// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "runtime/cuda/Driver.h"

#include <dlfcn.h>
#include <string>
#include <type_traits>

namespace jet::cuda {

static constexpr const char *kLibrary = "libcuda.so.1";

static Result<Driver> loadDriver() {
  // Never closed: its threads and exit handlers outlive any of our objects.
  void *library = dlopen(kLibrary, RTLD_NOW | RTLD_LOCAL);
  if (!library) {
    const char *reason = dlerror();
    return Error{std::string("CUDA driver: expected ") + kLibrary +
                 ", found none: " + (reason ? reason : "unknown reason")};
  }
  Driver driver = {};
  const char *missing = nullptr;
  const auto find = [&](auto &function, const char *name) {
    function = reinterpret_cast<std::remove_reference_t<decltype(function)>>(
        dlsym(library, name));
    if (!function)
      missing = name;
  };
  // The symbols behind the names of CUDA 12's and 13's headers.
  find(driver.init, "cuInit");
  find(driver.getErrorName, "cuGetErrorName");
  find(driver.getErrorString, "cuGetErrorString");
  find(driver.deviceGetCount, "cuDeviceGetCount");
  find(driver.deviceGet, "cuDeviceGet");
  find(driver.deviceGetName, "cuDeviceGetName");
  find(driver.deviceGetAttribute, "cuDeviceGetAttribute");
  find(driver.devicePrimaryCtxRetain, "cuDevicePrimaryCtxRetain");
  find(driver.devicePrimaryCtxRelease, "cuDevicePrimaryCtxRelease_v2");
  find(driver.ctxSetCurrent, "cuCtxSetCurrent");
  find(driver.memGetInfo, "cuMemGetInfo_v2");
  find(driver.memAlloc, "cuMemAlloc_v2");
  find(driver.memFree, "cuMemFree_v2");
  find(driver.memsetD8Async, "cuMemsetD8Async");
  find(driver.memHostAlloc, "cuMemHostAlloc");
  find(driver.memFreeHost, "cuMemFreeHost");
  find(driver.memcpyHtoDAsync, "cuMemcpyHtoDAsync_v2");
  find(driver.memcpyDtoHAsync, "cuMemcpyDtoHAsync_v2");
  find(driver.streamCreate, "cuStreamCreate");
  find(driver.streamDestroy, "cuStreamDestroy_v2");
  find(driver.streamSynchronize, "cuStreamSynchronize");
  find(driver.streamBeginCapture, "cuStreamBeginCapture_v2");
  find(driver.streamEndCapture, "cuStreamEndCapture");
  find(driver.graphInstantiate, "cuGraphInstantiateWithFlags");
  find(driver.graphDestroy, "cuGraphDestroy");
  find(driver.graphExecDestroy, "cuGraphExecDestroy");
  find(driver.graphLaunch, "cuGraphLaunch");
  find(driver.eventCreate, "cuEventCreate");
  find(driver.eventDestroy, "cuEventDestroy_v2");
  find(driver.eventRecord, "cuEventRecord");
  find(driver.eventQuery, "cuEventQuery");
  find(driver.eventSynchronize, "cuEventSynchronize");
  find(driver.eventElapsedTime, "cuEventElapsedTime");
  find(driver.moduleLoadDataEx, "cuModuleLoadDataEx");
  find(driver.moduleUnload, "cuModuleUnload");
  find(driver.moduleGetFunction, "cuModuleGetFunction");
  find(driver.funcSetAttribute, "cuFuncSetAttribute");
  find(driver.tensorMapEncodeTiled, "cuTensorMapEncodeTiled");
  find(driver.launchKernelEx, "cuLaunchKernelEx");
  driver.graphGetEdges = reinterpret_cast<decltype(driver.graphGetEdges)>(
      dlsym(library, "cuGraphGetEdges_v2"));
  if (missing)
    return Error{std::string("CUDA driver: expected ") + missing + " in " +
                 kLibrary + ", found none"};
  if (const Status status = driver.init(0); status && status != kNoDevice)
    return Error{"CUDA driver: cuInit: " + describe(driver, status)};
  return driver;
}

Result<const Driver *> findDriver() {
  static const Result<Driver> driver = loadDriver();
  if (!driver)
    return driver.error();
  return &*driver;
}

std::string describe(const Driver &driver, Status status) {
  const char *name = nullptr, *text = nullptr;
  if (driver.getErrorName(status, &name) || !name)
    return "error " + std::to_string(status);
  if (driver.getErrorString(status, &text) || !text)
    return name;
  return std::string(name) + " (" + text + ")";
}

} // namespace jet::cuda
