// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "runtime/cuda/CudaDevice.h"

#include <algorithm>
#include <array>
#include <limits>

namespace jet {

using cuda::Status;

/// Blocks of a launch, at most, for each multiprocessor: enough for any number
/// of them to be resident, several times over. Points beyond are the blocks'
/// next.
static constexpr int64_t kBlocksPerProcessor = 64;

/// Scratch memory of a launch, unless a single block needs more.
static constexpr int64_t kScratchBytes = int64_t(256) << 20;

static cuda::Address addressOf(const std::byte *memory) {
  return reinterpret_cast<cuda::Address>(memory);
}

//===----------------------------------------------------------------------===//
// Opening and closing
//===----------------------------------------------------------------------===//

std::string CudaDevice::name() const {
  return "cuda:" + std::to_string(ordinal);
}

Error CudaDevice::failure(const char *call, Status status) const {
  return {name() + ": " + call + ": " + cuda::describe(driver, status)};
}

Result<void> CudaDevice::check(const char *call, Status status) const {
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
  return enter();
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
  std::array<char, 128> model = {};
  driver.deviceGetName(model.data(), model.size() - 1, handle);
  return Error{path + ": target: expected code for " + found + " (" + name() +
               ", " + model.data() + "), found " + target.arch};
}

CudaDevice::~CudaDevice() {
  if (!context)
    return;
  driver.ctxSetCurrent(context);
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
                                    nullptr)));
}

Result<void> CudaDevice::write(std::byte *to, const void *from, int64_t bytes) {
  if (auto done = enter(); !done)
    return done;
  return check("cuMemcpyHtoD", driver.memcpyHtoD(addressOf(to), from, bytes));
}

Result<void> CudaDevice::read(void *to, const std::byte *from, int64_t bytes) {
  if (auto done = enter(); !done)
    return done;
  return check("cuMemcpyDtoH", driver.memcpyDtoH(to, addressOf(from), bytes));
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

Result<void> CudaDevice::loadCode(const Package &package,
                                  const std::string &path) {
  if (auto done = enter(); !done)
    return done;
  if (auto done = loadModule(package, path); !done)
    return done;
  for (const KernelInfo &info : package.kernels) {
    Kernel kernel = {info.name, nullptr, info.threads, info.scratch};
    if (const Status status = driver.moduleGetFunction(&kernel.function, module,
                                                       kernel.name.c_str()))
      return Error{
          path + ": expected the kernel '" + kernel.name +
          "' in the code: " + failure("cuModuleGetFunction", status).message};
    kernels.push_back(std::move(kernel));
  }
  return {};
}

//===----------------------------------------------------------------------===//
// Launches
//===----------------------------------------------------------------------===//

Result<void> CudaDevice::launch(const Kernel &kernel, int64_t blocks,
                                void **parameters) {
  if (auto done = enter(); !done)
    return done;
  const Status status =
      driver.launchKernel(kernel.function, static_cast<unsigned>(blocks), 1, 1,
                          static_cast<unsigned>(kernel.threads), 1, 1, 0,
                          nullptr, parameters, nullptr);
  if (status)
    return failure(("cuLaunchKernel of '" + kernel.name + "'").c_str(), status);
  return {};
}

namespace {

class CudaQueue : public Queue {
public:
  explicit CudaQueue(CudaDevice &device) : device(device) {}

  Result<void> launch(int64_t index, std::span<void *const> operands,
                      const SymbolValues &symbols, int64_t grid) override;
  int threads() const override { return 1; }

private:
  Result<void> reserve(int64_t bytes);

  CudaDevice &device;
  std::byte *scratch = nullptr;
  int64_t scratchSize = 0;
  std::vector<void *> parameters;

public:
  ~CudaQueue() override {
    if (scratch)
      device.release(scratch, scratchSize);
  }
};

} // namespace

/// Releasing memory waits for the launches that use it.
Result<void> CudaQueue::reserve(int64_t bytes) {
  if (bytes <= scratchSize)
    return {};
  if (scratch)
    device.release(std::exchange(scratch, nullptr),
                   std::exchange(scratchSize, 0));
  Result<std::byte *> memory = device.allocate(bytes, "scratch memory");
  if (!memory)
    return memory.error();
  scratch = *memory;
  scratchSize = bytes;
  return {};
}

Result<void> CudaQueue::launch(int64_t index, std::span<void *const> operands,
                               const SymbolValues &symbols, int64_t grid) {
  if (grid == 0)
    return {};
  const CudaDevice::Kernel &kernel = device.kernel(index);
  // verifyPackage() evaluated it for the largest step.
  Result<int64_t> bytes = kernel.scratch.evaluate(symbols);
  if (!bytes)
    return bytes.error();
  int64_t blocks =
      std::min(grid, device.multiprocessors() * kBlocksPerProcessor);
  if (*bytes > 0)
    blocks = std::min(blocks, std::max<int64_t>(1, kScratchBytes / *bytes));
  if (auto done = reserve(blocks * *bytes); !done)
    return done;

  // Addresses of the values, in the order of Package.h.
  parameters.clear();
  const auto add = [&](const void *value) {
    parameters.push_back(const_cast<void *>(value));
  };
  for (void *const &operand : operands)
    add(&operand);
  for (const int64_t &symbol : symbols)
    add(&symbol);
  add(&scratch);
  add(&*bytes);
  add(&grid);
  return device.launch(kernel, blocks, parameters.data());
}

std::unique_ptr<Queue> CudaDevice::createQueue(int) {
  return std::make_unique<CudaQueue>(*this);
}

} // namespace jet
