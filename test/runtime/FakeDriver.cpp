// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "FakeDriver.h"

#include <cstdlib>
#include <cstring>

namespace jet::test {

using namespace cuda;

static FakeDriver *current = nullptr;
static constexpr Status kInvalidImage = 200, kNotFound = 500;

static int64_t inUse() {
  int64_t sum = 0;
  for (const auto &[address, bytes] : current->allocations)
    sum += static_cast<int64_t>(bytes);
  return sum;
}

static void *pointerTo(Address address) {
  return reinterpret_cast<void *>(address);
}

static Status getName(Status status, const char **name) {
  *name = status == kOutOfMemory    ? "CUDA_ERROR_OUT_OF_MEMORY"
          : status == kInvalidImage ? "CUDA_ERROR_INVALID_IMAGE"
                                    : "CUDA_ERROR_OTHER";
  return 0;
}

static Status getString(Status, const char **text) {
  *text = "as told";
  return 0;
}

static Status getAttribute(int *value, int attribute, DeviceHandle) {
  *value = attribute == kCapabilityMajor   ? current->capabilityMajor
           : attribute == kCapabilityMinor ? current->capabilityMinor
                                           : 2;
  return 0;
}

static Status allocate(Address *address, size_t bytes) {
  if (inUse() + static_cast<int64_t>(bytes) > current->memory)
    return kOutOfMemory;
  void *memory = std::malloc(bytes);
  std::memset(memory, 0x5a, bytes); // a device's memory begins as anything
  *address = reinterpret_cast<Address>(memory);
  current->allocations[*address] = bytes;
  return 0;
}

static Status release(Address address) {
  if (!current->allocations.erase(address))
    return 1;
  std::free(pointerTo(address));
  return 0;
}

static Status loadModule(Module *module, const void *image, unsigned options,
                         int *names, void **values) {
  const std::string begin(static_cast<const char *>(image), 4);
  current->images.push_back(begin);
  const bool isPtx = begin == "ptx:";
  if (isPtx ? current->takesPtx : current->takesCubins) {
    *module = reinterpret_cast<Module>(current);
    return 0;
  }
  for (unsigned i = 0; i < options; ++i)
    if (names[i] == kErrorLog)
      std::strcpy(static_cast<char *>(values[i]), "line 1\nline 2");
  return kInvalidImage;
}

static Status getFunction(Function *function, Module, const char *name) {
  static std::map<std::string, int> names;
  if (name == current->missingKernel)
    return kNotFound;
  const auto [entry, isNew] = names.try_emplace(name, 0);
  *function =
      reinterpret_cast<Function>(const_cast<std::string *>(&entry->first));
  return 0;
}

static Status launch(Function function, unsigned x, unsigned, unsigned,
                     unsigned threads, unsigned, unsigned, unsigned, Stream,
                     void **parameters, void **) {
  FakeDriver::Launch made = {
      *reinterpret_cast<std::string *>(function), x, threads, {}};
  for (size_t i = 0; i < current->parameterCount; ++i) {
    uint64_t value;
    std::memcpy(&value, parameters[i], sizeof(value));
    made.parameters.push_back(value);
  }
  current->launches.push_back(std::move(made));
  return current->launchStatus;
}

FakeDriver::FakeDriver() {
  current = this;
  functions.init = [](unsigned) { return 0; };
  functions.getErrorName = getName;
  functions.getErrorString = getString;
  functions.deviceGetCount = [](int *count) {
    *count = current->devices;
    return 0;
  };
  functions.deviceGet = [](DeviceHandle *handle, int ordinal) {
    *handle = ordinal;
    return 0;
  };
  functions.deviceGetName = [](char *name, int bytes, DeviceHandle) {
    std::strncpy(name, "Fake GPU", bytes);
    return 0;
  };
  functions.deviceGetAttribute = getAttribute;
  functions.devicePrimaryCtxRetain = [](Context *context, DeviceHandle) {
    *context = reinterpret_cast<Context>(current);
    return 0;
  };
  functions.devicePrimaryCtxRelease = [](DeviceHandle) { return 0; };
  functions.ctxSetCurrent = [](Context) { return 0; };
  functions.memGetInfo = [](size_t *free, size_t *total) {
    *total = current->memory;
    *free = current->memory - inUse();
    return 0;
  };
  functions.memAlloc = allocate;
  functions.memFree = release;
  functions.memsetD8Async = [](Address to, unsigned char value, size_t bytes,
                               Stream) {
    std::memset(pointerTo(to), value, bytes);
    return 0;
  };
  functions.memcpyHtoD = [](Address to, const void *from, size_t bytes) {
    std::memcpy(pointerTo(to), from, bytes);
    return 0;
  };
  functions.memcpyDtoH = [](void *to, Address from, size_t bytes) {
    std::memcpy(to, pointerTo(from), bytes);
    return 0;
  };
  functions.moduleLoadDataEx = loadModule;
  functions.moduleUnload = [](Module) { return 0; };
  functions.moduleGetFunction = getFunction;
  functions.launchKernel = launch;
}

FakeDriver::~FakeDriver() { current = nullptr; }

} // namespace jet::test
