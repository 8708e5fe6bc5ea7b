// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "runtime/Model.h"

#include "runtime/ThreadPool.h"
#include "support/CheckedMath.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <sys/mman.h>
#include <unistd.h>
#include <utility>

namespace jet {

//===----------------------------------------------------------------------===//
// ZeroMemory
//===----------------------------------------------------------------------===//

Result<ZeroMemory> ZeroMemory::create(int64_t bytes, const std::string &what) {
  ZeroMemory memory;
  if (bytes == 0)
    return memory;
  // NORESERVE: capacity is a promise to the caller, not a use of memory.
  void *address = mmap(nullptr, bytes, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (address == MAP_FAILED)
    return Error{what + ": cannot reserve " + std::to_string(bytes) +
                 " bytes: " + std::strerror(errno)};
  memory.begin = static_cast<std::byte *>(address);
  memory.bytes = bytes;
  return memory;
}

ZeroMemory::ZeroMemory(ZeroMemory &&other) noexcept
    : begin(std::exchange(other.begin, nullptr)),
      bytes(std::exchange(other.bytes, 0)) {}

ZeroMemory &ZeroMemory::operator=(ZeroMemory &&other) noexcept {
  std::swap(begin, other.begin);
  std::swap(bytes, other.bytes);
  return *this;
}

ZeroMemory::~ZeroMemory() {
  if (begin)
    munmap(begin, bytes);
}

void ZeroMemory::clear(int64_t offset, int64_t length) {
  const int64_t page = sysconf(_SC_PAGESIZE);
  const int64_t end = offset + length;
  const int64_t firstPage = (offset + page - 1) / page * page;
  const int64_t lastPage = end / page * page;
  if (firstPage < lastPage &&
      madvise(begin + firstPage, lastPage - firstPage, MADV_DONTNEED) == 0) {
    std::memset(begin + offset, 0, firstPage - offset);
    std::memset(begin + lastPage, 0, end - lastPage);
    return;
  }
  if (length > 0)
    std::memset(begin + offset, 0, length);
}

void ZeroMemory::poison(int64_t offset, int64_t length) {
  if (length > 0)
    std::memset(begin + offset, 0xFF, length);
}

//===----------------------------------------------------------------------===//
// Model
//===----------------------------------------------------------------------===//

Result<std::shared_ptr<Model>> Model::loadPackage(const std::string &path) {
  Result<Package> package = readPackage(path);
  if (!package)
    return package.error();
  if (auto valid = checkTarget(package->target, path); !valid)
    return valid.error();
  std::shared_ptr<Model> model(new Model());
  model->contents = std::move(*package);
  // verifyPackage() made sure of each.
  const char *const names[] = {"prefill", "decode", "forward", "prefill_top_k",
                               "decode_top_k"};
  const std::vector<ProgramInfo> &programs = model->contents.programs;
  for (size_t kind = 0; kind < model->programIndex.size(); ++kind)
    for (size_t i = 0; i < programs.size(); ++i)
      if (programs[i].name == names[kind])
        model->programIndex[kind] = i;
  for (const ProgramInfo &program : programs)
    model->numCandidates = std::max(model->numCandidates, program.candidates);
  return model;
}

void Model::addWeight(const ParameterInfo &parameter, const std::byte *data) {
  int64_t elements = 1;
  // verifyPackage() made sure that the size fits, if there are rows at all.
  for (size_t i = 1; i < parameter.shape.size() && parameter.shape[0]; ++i)
    elements *= parameter.shape[i];
  weights.push_back({data, elements * dtypeBytes(parameter.dtype)});
}

Result<std::byte *> Model::allocateWeight(const ParameterInfo &parameter) {
  // verifyPackage() made sure that the size fits.
  const int64_t bytes =
      *checkedProduct(parameter.shape) * dtypeBytes(parameter.dtype);
  Result<ZeroMemory> memory = ZeroMemory::create(bytes, parameter.name);
  if (!memory)
    return memory.error();
  std::byte *data = memory->data();
  addWeight(parameter, data);
  ownWeights.push_back(std::move(*memory));
  return data;
}

namespace {

/// A tensor on its way into memory of our own.
struct Copy {
  std::span<const std::byte> from;
  std::byte *to;
};

} // namespace

/// Copies at the speed of memory: a block at a time on all threads, several
/// blocks of all threads between two reports.
static void runCopies(const std::vector<Copy> &copies,
                      const Model::Progress &progress) {
  constexpr size_t kBlockBytes = size_t(1) << 20;
  constexpr size_t kBlocksAtOnce = 256;
  int64_t total = 0, done = 0;
  for (const Copy &copy : copies)
    total += static_cast<int64_t>(copy.from.size());
  if (total == 0)
    return;
  if (progress)
    progress(0, total);
  ThreadPool pool;
  for (const Copy &copy : copies) {
    const size_t size = copy.from.size();
    const size_t stride = kBlockBytes * kBlocksAtOnce;
    for (size_t start = 0; start < size; start += stride) {
      const size_t end = std::min(size, start + stride);
      const auto blocks = (end - start + kBlockBytes - 1) / kBlockBytes;
      pool.run(static_cast<int64_t>(blocks), [&](int64_t first, int64_t last) {
        const size_t low = start + first * kBlockBytes;
        const size_t high = std::min(end, start + last * kBlockBytes);
        std::memcpy(copy.to + low, copy.from.data() + low, high - low);
      });
      done += static_cast<int64_t>(end - start);
      if (progress)
        progress(done, total);
    }
    // The checkpoint's pages were read for this alone.
    MappedFile::release(copy.from);
  }
}

Result<void> Model::bindWeights(const std::string &path,
                                const Progress &progress) {
  Result<Checkpoint> opened = Checkpoint::open(path);
  if (!opened)
    return opened.error();
  Result<BoundParameters> bound = opened->bind(contents.parameters);
  if (!bound)
    return bound.error();
  std::vector<Copy> copies;
  auto next = bound->tensors.begin();
  for (const ParameterInfo &parameter : contents.parameters) {
    const std::byte *data = next->bytes.data();
    // The format does not align tensors; kernels expect aligned elements.
    if (parameter.concat.empty() &&
        reinterpret_cast<uintptr_t>(data) % dtypeBytes(parameter.dtype) == 0) {
      addWeight(parameter, data);
      ++next;
      continue;
    }
    Result<std::byte *> memory = allocateWeight(parameter);
    if (!memory)
      return memory.error();
    std::byte *to = *memory;
    const auto sources = std::max<size_t>(1, parameter.concat.size());
    for (size_t i = 0; i < sources; ++i, ++next) {
      copies.push_back({next->bytes, to});
      to += next->bytes.size();
    }
  }
  runCopies(copies, progress);
  extra = std::move(bound->extra);
  checkpoint = std::move(*opened);
  return {};
}

/// Fills with a repeating pattern of values of about 0.02, either sign: cheap
/// to make, and no kernel is faster or slower for it.
static void fillPattern(std::byte *data, int64_t bytes, DType dtype) {
  constexpr int64_t period = 4096;
  std::vector<std::byte> block(period * 4);
  uint32_t state = 1;
  for (int64_t i = 0; i < period; ++i) {
    state = state * 1664525u + 1013904223u;
    const float value =
        (static_cast<float>(state >> 8) / float(1 << 24) - 0.5f) * 0.07f;
    uint32_t bits;
    std::memcpy(&bits, &value, sizeof(bits));
    const uint16_t high = static_cast<uint16_t>(bits >> 16);
    if (dtype == DType::BF16)
      std::memcpy(block.data() + i * 2, &high, sizeof(high));
    else
      std::memcpy(block.data() + i * 4, &bits, sizeof(bits));
  }
  const int64_t blockBytes = period * dtypeBytes(dtype);
  for (int64_t done = 0; done < bytes; done += blockBytes)
    std::memcpy(data + done, block.data(), std::min(blockBytes, bytes - done));
}

Result<void> Model::makeUpWeights() {
  for (const ParameterInfo &parameter : contents.parameters) {
    if (parameter.dtype != DType::F32 && parameter.dtype != DType::BF16)
      return Error{"parameter '" + parameter.name +
                   "': expected F32 or BF16 to make up values, found " +
                   std::string(dtypeName(parameter.dtype))};
    Result<std::byte *> memory = allocateWeight(parameter);
    if (!memory)
      return memory.error();
    fillPattern(*memory, ownWeights.back().size(), parameter.dtype);
  }
  return {};
}

Result<std::shared_ptr<const Model>> Model::finish(std::shared_ptr<Model> model,
                                                   const std::string &path) {
  Result<HostCode> code = HostCode::load(model->contents, path);
  if (!code)
    return code.error();
  model->code = std::move(*code);
  return std::shared_ptr<const Model>(std::move(model));
}

Result<std::shared_ptr<const Model>> Model::load(const std::string &packagePath,
                                                 const std::string &weightsPath,
                                                 const Progress &progress) {
  Result<std::shared_ptr<Model>> model = loadPackage(packagePath);
  if (!model)
    return model.error();
  if (auto done = (*model)->bindWeights(weightsPath, progress); !done)
    return done.error();
  return finish(std::move(*model), packagePath);
}

Result<std::shared_ptr<const Model>>
Model::loadWithMadeUpWeights(const std::string &packagePath) {
  Result<std::shared_ptr<Model>> model = loadPackage(packagePath);
  if (!model)
    return model.error();
  if (auto done = (*model)->makeUpWeights(); !done)
    return done.error();
  return finish(std::move(*model), packagePath);
}

} // namespace jet
