// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "runtime/cuda/CudaDevice.h"

#include <algorithm>
#include <array>
#include <map>

namespace jet {

using cuda::Status;

static cuda::Address addressOf(const std::byte *memory) {
  return reinterpret_cast<cuda::Address>(memory);
}

//===----------------------------------------------------------------------===//
// Opening and closing
//===----------------------------------------------------------------------===//

std::string CudaDevice::name() const {
  return "cuda:" + std::to_string(ordinal);
}

std::string CudaDevice::model() const {
  std::array<char, 128> model = {};
  driver.deviceGetName(model.data(), model.size() - 1, handle);
  return model.data();
}

double CudaDevice::memoryBandwidth() const {
  int kilohertz = 0, bits = 0;
  if (driver.deviceGetAttribute(&kilohertz, cuda::kMemoryKilohertz, handle) ||
      driver.deviceGetAttribute(&bits, cuda::kMemoryBusBits, handle))
    return 0;
  return 2.0 * kilohertz * 1000 * bits / 8; // twice a clock
}

Error CudaDevice::failure(const std::string &call, Status status) const {
  return {name() + ": " + call + ": " + cuda::describe(driver, status)};
}

Result<void> CudaDevice::check(const std::string &call, Status status) const {
  if (status)
    return failure(call, status);
  return {};
}

Result<std::shared_ptr<Device>> CudaDevice::open(const cuda::Driver &driver,
                                                 int ordinal,
                                                 const TargetInfo &target,
                                                 const std::string &path) {
  std::shared_ptr<CudaDevice> device(new CudaDevice(driver, ordinal));
  if (auto done = device->initialize(target, path); !done)
    return done.error();
  return std::shared_ptr<Device>(std::move(device));
}

Result<void> CudaDevice::initialize(const TargetInfo &target,
                                    const std::string &path) {
  int count = 0;
  if (const Status status = driver.deviceGetCount(&count);
      status && status != cuda::kNoDevice)
    return failure("cuDeviceGetCount", status);
  if (ordinal >= count)
    return Error{name() + ": expected a GPU of this machine, which has " +
                 std::to_string(count)};
  if (auto done = check("cuDeviceGet", driver.deviceGet(&handle, ordinal));
      !done)
    return done;
  if (auto done = checkCapability(target, path); !done)
    return done;
  if (auto done = check("cuDeviceGetAttribute",
                        driver.deviceGetAttribute(
                            &processors, cuda::kMultiprocessors, handle));
      !done)
    return done;
  if (auto done = check("cuDevicePrimaryCtxRetain",
                        driver.devicePrimaryCtxRetain(&context, handle));
      !done)
    return done;
  if (auto done = enter(); !done)
    return done;
  return check("cuStreamCreate",
               driver.streamCreate(&stream, cuda::kNonBlocking));
}

/// Code for sm_90a runs on capability 9.0 alone.
Result<void> CudaDevice::checkCapability(const TargetInfo &target,
                                         const std::string &path) {
  int major = 0, minor = 0;
  for (auto [value, attribute] : {std::pair(&major, cuda::kCapabilityMajor),
                                  std::pair(&minor, cuda::kCapabilityMinor)})
    if (auto done = check("cuDeviceGetAttribute",
                          driver.deviceGetAttribute(value, attribute, handle));
        !done)
      return done;
  const std::string found =
      "sm_" + std::to_string(major) + std::to_string(minor);
  if (target.arch == found || target.arch == found + "a")
    return {};
  return Error{path + ": target: expected code for " + found + " (" + name() +
               ", " + model() + "), found " + target.arch};
}

CudaDevice::~CudaDevice() {
  if (!context)
    return;
  driver.ctxSetCurrent(context);
  for (const Staging &staging : idleStaging) {
    driver.eventSynchronize(staging.copied);
    driver.eventDestroy(staging.copied);
    driver.memFreeHost(staging.memory);
  }
  if (stream)
    driver.streamDestroy(stream);
  if (module)
    driver.moduleUnload(module);
  driver.devicePrimaryCtxRelease(handle);
}

Result<void> CudaDevice::enter() {
  if (auto done = check("cuCtxSetCurrent", driver.ctxSetCurrent(context));
      !done)
    return done;
  const std::lock_guard<std::mutex> lock(mutex);
  if (pending)
    return *pending;
  return {};
}

void CudaDevice::keep(const Result<void> &result) {
  const std::lock_guard<std::mutex> lock(mutex);
  if (!result && !pending)
    pending = result.error();
}

//===----------------------------------------------------------------------===//
// Memory
//===----------------------------------------------------------------------===//

Result<std::byte *> CudaDevice::allocate(int64_t bytes,
                                         const std::string &what) {
  if (auto done = enter(); !done)
    return done.error();
  cuda::Address address = 0;
  if (const Status status = driver.memAlloc(&address, bytes)) {
    size_t free = 0, total = 0;
    driver.memGetInfo(&free, &total);
    return Error{what + ": cannot reserve " + std::to_string(bytes) +
                 " bytes on " + name() + ", which has " + std::to_string(free) +
                 " of " + std::to_string(total) +
                 " free: " + cuda::describe(driver, status)};
  }
  auto *memory = reinterpret_cast<std::byte *>(address);
  clear(memory, bytes);
  return memory;
}

std::optional<int64_t> CudaDevice::freeBytes() {
  size_t free = 0, total = 0;
  if (!enter() || driver.memGetInfo(&free, &total))
    return std::nullopt;
  return static_cast<int64_t>(free);
}

void CudaDevice::release(std::byte *memory, int64_t) {
  if (auto done = check("cuCtxSetCurrent", driver.ctxSetCurrent(context)))
    keep(check("cuMemFree", driver.memFree(addressOf(memory))));
}

void CudaDevice::clear(std::byte *memory, int64_t bytes) {
  fill(memory, bytes, std::byte(0));
}

void CudaDevice::fill(std::byte *memory, int64_t bytes, std::byte value) {
  if (auto done = enter())
    keep(check("cuMemsetD8",
               driver.memsetD8Async(addressOf(memory),
                                    static_cast<unsigned char>(value), bytes,
                                    stream)));
}

//===----------------------------------------------------------------------===//
// Code
//===----------------------------------------------------------------------===//

static const Blob *findBlob(const Package &package, std::string_view name) {
  const auto blob =
      std::find_if(package.blobs.begin(), package.blobs.end(),
                   [&](const Blob &blob) { return blob.name == name; });
  return blob == package.blobs.end() ? nullptr : &*blob;
}

/// The cubin, if there is one and the driver takes it (an older one may not);
/// else the PTX, which the driver compiles.
Result<void> CudaDevice::loadModule(const Package &package,
                                    const std::string &path) {
  if (const Blob *cubin = findBlob(package, "cubin");
      cubin && driver.moduleLoadDataEx(&module, cubin->bytes.data(), 0, nullptr,
                                       nullptr) == 0)
    return {};
  module = nullptr;
  const Blob *ptx = findBlob(package, "ptx");
  if (!ptx)
    return Error{path + ": expected a blob 'ptx', found none"};
  std::string text(reinterpret_cast<const char *>(ptx->bytes.data()),
                   ptx->bytes.size());
  std::string log(4096, '\0');
  int names[] = {cuda::kErrorLog, cuda::kErrorLogBytes};
  void *values[] = {log.data(), reinterpret_cast<void *>(log.size() - 1)};
  const Status status =
      driver.moduleLoadDataEx(&module, text.c_str(), 2, names, values);
  if (!status)
    return {};
  module = nullptr;
  log.resize(std::min(log.find('\0'), log.find('\n')));
  return Error{path +
               ": blob 'ptx': " + failure("cuModuleLoadData", status).message +
               (log.empty() ? "" : ": " + log)};
}

Result<cuda::Function> CudaDevice::findFunction(const std::string &name,
                                                const std::string &path) {
  cuda::Function function = nullptr;
  if (const Status status =
          driver.moduleGetFunction(&function, module, name.c_str()))
    return Error{path + ": expected the kernel '" + name + "' in the code: " +
                 failure("cuModuleGetFunction", status).message};
  return function;
}

/// Finds the kernels of the stages.
Result<void> CudaDevice::loadForms(Kernel &kernel, const std::string &path) {
  for (const KernelForm &form : kernel.info.forms) {
    std::vector<cuda::Function> &functions = kernel.stages.emplace_back();
    for (const StageInfo &stage : form.stages) {
      Result<cuda::Function> function = findFunction(stage.name, path);
      if (!function)
        return function.error();
      functions.push_back(*function);
    }
  }
  return {};
}

/// Allows each stage's kernel the most shared memory that a launch gives it:
/// without that the driver gives 48 KiB. All that a processor has is made
/// shared memory, so that as many blocks stand on it as the kernel was laid out
/// for.
Result<void> CudaDevice::limitSharedMemory(const std::string &path) {
  std::map<std::string, std::pair<cuda::Function, int64_t>> limits;
  for (const Kernel &kernel : kernels)
    for (size_t f = 0; f < kernel.stages.size(); ++f)
      for (size_t s = 0; s < kernel.stages[f].size(); ++s) {
        const StageInfo &stage = kernel.info.forms[f].stages[s];
        auto &[function, bytes] = limits[stage.name];
        function = kernel.stages[f][s];
        bytes = std::max(bytes, stage.sharedBytes);
      }
  const auto set = [&](cuda::Function function, int attribute, int64_t value) {
    return check(
        "cuFuncSetAttribute",
        driver.funcSetAttribute(function, attribute, static_cast<int>(value)));
  };
  for (const auto &[name, limit] : limits) {
    const auto [function, bytes] = limit;
    if (bytes == 0)
      continue;
    if (auto done = set(function, cuda::kMaxDynamicSharedBytes, bytes); !done)
      return Error{path + ": kernel '" + name + "': expected " +
                   std::to_string(bytes) +
                   " bytes of shared memory: " + done.error().message};
    if (auto done = set(function, cuda::kSharedCarveout, 100); !done)
      return done;
  }
  return {};
}

Result<void> CudaDevice::loadCode(const Package &package,
                                  const std::string &path) {
  if (auto done = enter(); !done)
    return done;
  if (auto done = loadModule(package, path); !done)
    return done;
  for (const KernelInfo &info : package.kernels) {
    Kernel kernel = {info, nullptr, {}};
    Result<cuda::Function> function = findFunction(info.name, path);
    if (!function)
      return function.error();
    kernel.function = *function;
    if (auto done = loadForms(kernel, path); !done)
      return done;
    kernels.push_back(std::move(kernel));
  }
  return limitSharedMemory(path);
}

} // namespace jet
