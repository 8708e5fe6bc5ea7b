// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "runtime/Model.h"

#include "runtime/CopyWeights.h"
#include "support/CheckedMath.h"

#include <algorithm>
#include <cstring>
#include <optional>
#include <utility>

namespace jet {

Result<std::shared_ptr<Model>> Model::loadPackage(const std::string &path,
                                                  const std::string &device) {
  Result<Package> package = readPackage(path);
  if (!package)
    return package.error();
  auto opened = openDevice(device, package->target, path);
  if (!opened)
    return opened.error();
  std::shared_ptr<Model> model(new Model());
  model->place = std::move(*opened);
  model->contents = std::move(*package);
  // verifyPackage() made sure of each.
  const char *const names[] = {"prefill", "decode", "forward", "prefill_sample",
                               "decode_sample"};
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
  Result<ZeroMemory> memory = ZeroMemory::create(place, bytes, parameter.name);
  if (!memory)
    return memory.error();
  std::byte *data = memory->data();
  addWeight(parameter, data);
  ownWeights.push_back(std::move(*memory));
  return data;
}

Result<void> Model::checkRoom() const {
  int64_t needed = 0;
  for (const ParameterInfo &parameter : contents.parameters) {
    // verifyPackage() made sure that each fits 64 bits.
    const auto sum = checkedAdd(needed, *checkedProduct(parameter.shape) *
                                            dtypeBytes(parameter.dtype));
    if (!sum)
      return Error{"weights: the size does not fit 64 bits"};
    needed = *sum;
  }
  const std::optional<int64_t> free = place->freeBytes();
  if (!free || needed <= *free)
    return {};
  return Error{"weights: expected room for " + std::to_string(needed) +
               " bytes on " + place->name() + ", found " +
               std::to_string(*free) + " bytes free"};
}

Result<void> Model::bindWeights(const std::string &path,
                                const Progress &progress) {
  Result<Checkpoint> opened = Checkpoint::open(path);
  if (!opened)
    return opened.error();
  Result<BoundParameters> bound = opened->bind(contents.parameters);
  if (!bound)
    return bound.error();
  if (auto room = checkRoom(); !room)
    return room;
  std::vector<WeightCopy> copies;
  auto next = bound->tensors.begin();
  for (const ParameterInfo &parameter : contents.parameters) {
    const std::byte *data = next->bytes.data();
    // The format does not align tensors; kernels expect aligned elements.
    if (place->isHost() && parameter.concat.empty() && !parameter.columnScale &&
        reinterpret_cast<uintptr_t>(data) % dtypeBytes(parameter.dtype) == 0) {
      addWeight(parameter, data);
      ++next;
      continue;
    }
    Result<std::byte *> memory = allocateWeight(parameter);
    if (!memory)
      return memory.error();
    std::byte *to = *memory;
    std::span<const std::byte> columnScale;
    if (parameter.columnScale)
      columnScale = next++->bytes;
    const auto sources = std::max<size_t>(1, parameter.concat.size());
    for (size_t i = 0; i < sources; ++i, ++next) {
      copies.push_back({next->bytes, to, columnScale, parameter.dtype});
      to += next->bytes.size();
    }
  }
  if (auto done = copyWeights(*place, copies, progress); !done)
    return done;
  extra = std::move(bound->extra);
  checkpoint = std::move(*opened);
  return {};
}

/// Fills with a repeating pattern of values of about 0.02, either sign: cheap
/// to make, and no kernel is faster or slower for it.
static Result<void> fillPattern(Device &device, std::byte *data, int64_t bytes,
                                DType dtype) {
  constexpr int64_t period = 1 << 20;
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
    if (auto written = device.write(data + done, block.data(),
                                    std::min(blockBytes, bytes - done));
        !written)
      return written;
  return {};
}

Result<void> Model::makeUpWeights() {
  if (auto room = checkRoom(); !room)
    return room;
  for (const ParameterInfo &parameter : contents.parameters) {
    if (parameter.dtype != DType::F32 && parameter.dtype != DType::BF16)
      return Error{"parameter '" + parameter.name +
                   "': expected F32 or BF16 to make up values, found " +
                   std::string(dtypeName(parameter.dtype))};
    Result<std::byte *> memory = allocateWeight(parameter);
    if (!memory)
      return memory.error();
    if (auto done = fillPattern(*place, *memory, ownWeights.back().size(),
                                parameter.dtype);
        !done)
      return done;
  }
  return {};
}

Result<std::shared_ptr<const Model>> Model::finish(std::shared_ptr<Model> model,
                                                   const std::string &path) {
  if (auto done = model->place->loadCode(model->contents, path); !done)
    return done.error();
  return std::shared_ptr<const Model>(std::move(model));
}

Result<std::shared_ptr<const Model>> Model::load(const std::string &packagePath,
                                                 const std::string &weightsPath,
                                                 const Progress &progress,
                                                 const std::string &device) {
  Result<std::shared_ptr<Model>> model = loadPackage(packagePath, device);
  if (!model)
    return model.error();
  if (auto done = (*model)->bindWeights(weightsPath, progress); !done)
    return done.error();
  return finish(std::move(*model), packagePath);
}

Result<std::shared_ptr<const Model>>
Model::loadWithMadeUpWeights(const std::string &packagePath,
                             const std::string &device) {
  Result<std::shared_ptr<Model>> model = loadPackage(packagePath, device);
  if (!model)
    return model.error();
  if (auto done = (*model)->makeUpWeights(); !done)
    return done.error();
  return finish(std::move(*model), packagePath);
}

} // namespace jet
