// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "search/EvaluationData.h"
#include "runtime/Safetensors.h"

#include <algorithm>
#include <cstring>

namespace jet {
namespace {

constexpr std::string_view kMaskSuffix = "_mask";

template <typename T>
std::vector<int64_t> readAs(const TensorView &tensor, int64_t count) {
  std::vector<int64_t> values(count);
  for (int64_t i = 0; i < count; ++i) {
    T value;
    std::memcpy(&value, tensor.bytes.data() + i * sizeof(T), sizeof(T));
    values[i] = static_cast<int64_t>(value);
  }
  return values;
}

/// The first `count` integers; nothing for a type that is none.
std::optional<std::vector<int64_t>> readIntegers(const TensorView &tensor,
                                                 int64_t count) {
  switch (tensor.dtype) {
  case DType::U8:
  case DType::Bool:
    return readAs<uint8_t>(tensor, count);
  case DType::I16:
    return readAs<int16_t>(tensor, count);
  case DType::I32:
    return readAs<int32_t>(tensor, count);
  case DType::I64:
    return readAs<int64_t>(tensor, count);
  default:
    return std::nullopt;
  }
}

class DataReader {
public:
  DataReader(const SafetensorsFile &file, int64_t vocab, int64_t maxLength)
      : file(file), vocab(vocab), maxLength(maxLength) {}

  Result<EvaluationTask> readTask(const std::string &name,
                                  const TensorView &tensor,
                                  std::optional<int64_t> rows) const {
    if (tensor.shape.size() != 2 || tensor.shape[0] < 1 ||
        tensor.shape[1] < 2 || tensor.shape[1] > maxLength + 1)
      return error(name, "expected token ids [sequences, 2 to " +
                             std::to_string(maxLength + 1) + "], found " +
                             describe(tensor));
    EvaluationTask task;
    task.name = name;
    task.sequences = rows.value_or(tensor.shape[0]);
    task.length = tensor.shape[1];
    if (task.sequences < 1 || task.sequences > tensor.shape[0])
      return Error{"--data-rows: expected 1 to " +
                   std::to_string(tensor.shape[0]) + " of " + name +
                   ", found " + std::to_string(task.sequences)};
    auto ids = readIntegers(tensor, task.sequences * task.length);
    if (!ids)
      return error(name,
                   "expected U8, I16, I32 or I64, found " + describe(tensor));
    for (size_t i = 0; i < ids->size(); ++i)
      if ((*ids)[i] < 0 || (*ids)[i] >= vocab)
        return error(name, "expected token ids from 0 to " +
                               std::to_string(vocab - 1) + ", found " +
                               std::to_string((*ids)[i]) + " at " +
                               place(task, i));
    task.ids.assign(ids->begin(), ids->end());
    if (auto done = readMask(task, tensor); !done)
      return done.error();
    return task;
  }

private:
  static std::string describe(const TensorView &tensor) {
    return describeTensor(tensor.dtype, tensor.shape);
  }
  static std::string place(const EvaluationTask &task, size_t i) {
    return "[" + std::to_string(i / task.length) + ", " +
           std::to_string(i % task.length) + "]";
  }
  Error error(const std::string &name, const std::string &message) const {
    return Error{file.path() + ": tensor '" + name + "': " + message};
  }

  Result<void> readMask(EvaluationTask &task, const TensorView &ids) const {
    const std::string name = task.name + std::string(kMaskSuffix);
    const TensorView *mask = file.find(name);
    if (!mask)
      return {};
    if (mask->shape != ids.shape)
      return error(name, "expected the shape of " + task.name + ", " +
                             describe(ids) + ", found " + describe(*mask));
    auto values = readIntegers(*mask, task.sequences * task.length);
    if (!values)
      return error(name, "expected BOOL or U8, found " + describe(*mask));
    bool any = false;
    for (size_t i = 0; i < values->size(); ++i) {
      const int64_t value = (*values)[i];
      if (value != 0 && value != 1)
        return error(name, "expected 0 or 1, found " + std::to_string(value) +
                               " at " + place(task, i));
      if (value && i % task.length == 0)
        return error(name, "expected 0 at " + place(task, i) +
                               ", as nothing is before it");
      any |= value != 0;
    }
    if (!any)
      return error(name, "expected a 1 somewhere, found none");
    task.mask.assign(values->begin(), values->end());
    return {};
  }

  const SafetensorsFile &file;
  int64_t vocab, maxLength;
};

} // namespace

Result<std::vector<EvaluationTask>>
readEvaluationData(const std::string &path, int64_t vocab, int64_t maxLength,
                   const std::map<std::string, int64_t> &rows) {
  Result<SafetensorsFile> file = SafetensorsFile::open(path);
  if (!file)
    return file.error();
  DataReader reader(*file, vocab, maxLength);
  std::vector<EvaluationTask> tasks;
  for (const auto &[name, tensor] : file->tensors()) {
    if (name.ends_with(kMaskSuffix)) {
      std::string ids = name.substr(0, name.size() - kMaskSuffix.size());
      if (!file->find(ids))
        return Error{path + ": tensor '" + name + "': expected a tensor '" +
                     ids + "' beside it, found none"};
      continue;
    }
    auto given = rows.find(name);
    Result<EvaluationTask> task = reader.readTask(
        name, tensor,
        given == rows.end() ? std::nullopt : std::optional(given->second));
    if (!task)
      return task.error();
    tasks.push_back(std::move(*task));
  }
  for (const auto &[name, count] : rows)
    if (std::none_of(tasks.begin(), tasks.end(),
                     [&](const auto &task) { return task.name == name; }))
      return Error{"--data-rows: expected the name of a tensor of " + path +
                   ", found '" + name + "'"};
  if (tasks.empty())
    return Error{path + ": expected a tensor of token ids, found none"};
  return tasks;
}

} // namespace jet
