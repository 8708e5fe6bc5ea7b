// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "runtime/Checkpoint.h"

#include "support/Json.h"

#include <filesystem>
#include <set>

namespace jet {

static constexpr const char *kSingleFile = "model.safetensors";
static constexpr const char *kIndexFile = "model.safetensors.index.json";
static constexpr size_t kMaxIndexBytes = 100'000'000;

/// Shards lie beside the index: a name with a slash could lead anywhere.
static bool isPlainFileName(const std::string &name) {
  return !name.empty() && name != "." && name != ".." &&
         name.find('/') == std::string::npos &&
         name.find('\0') == std::string::npos;
}

Result<void> Checkpoint::openIndex(const std::string &path) {
  Result<std::string> text = readTextFile(path, kMaxIndexBytes);
  if (!text)
    return text.error();
  JsonLimits limits;
  limits.maxBytes = kMaxIndexBytes;
  limits.maxDepth = 16;
  Result<nlohmann::json> json = parseJson(*text, path, limits);
  if (!json)
    return json.error();
  if (!json->is_object() || !json->contains("weight_map") ||
      !(*json)["weight_map"].is_object())
    return Error{path + ": $.weight_map: expected an object, found " +
                 (json->is_object() && json->contains("weight_map")
                      ? describeJson((*json)["weight_map"])
                      : "nothing")};

  const std::string directory =
      std::filesystem::path(path).parent_path().string();
  std::map<std::string, size_t> shardOf;
  for (const auto &[tensor, file] : (*json)["weight_map"].items()) {
    const std::string place = path + ": $.weight_map['" + tensor + "']";
    if (!file.is_string() || !isPlainFileName(file.get<std::string>()))
      return Error{place +
                   ": expected the name of a file in the same "
                   "directory, found " +
                   describeJson(file)};
    const auto shardName = file.get<std::string>();
    auto [entry, isNew] = shardOf.try_emplace(shardName, shards.size());
    if (isNew) {
      Result<SafetensorsFile> shard = SafetensorsFile::open(
          (std::filesystem::path(directory) / shardName).string());
      if (!shard)
        return shard.error();
      shards.push_back(std::move(*shard));
    }
    const SafetensorsFile &shard = shards[entry->second];
    const TensorView *view = shard.find(tensor);
    if (!view)
      return Error{place + ": expected the tensor in '" + shard.path() +
                   "', found none"};
    tensors[tensor] = *view;
  }
  return {};
}

Result<Checkpoint> Checkpoint::open(const std::string &path) {
  namespace fs = std::filesystem;
  Checkpoint result;
  result.name = path;
  std::string file = path;
  std::error_code ignored;
  if (fs::is_directory(path, ignored)) {
    file = (fs::path(path) / kSingleFile).string();
    if (!fs::exists(file, ignored))
      file = (fs::path(path) / kIndexFile).string();
    if (!fs::exists(file, ignored))
      return Error{path + ": expected " + kSingleFile + " or " + kIndexFile +
                   ", found neither"};
  }
  if (file.ends_with(".json")) {
    if (auto done = result.openIndex(file); !done)
      return done.error();
    return result;
  }
  Result<SafetensorsFile> single = SafetensorsFile::open(file);
  if (!single)
    return single.error();
  result.tensors = single->tensors();
  result.shards.push_back(std::move(*single));
  return result;
}

Result<BoundParameters>
Checkpoint::bind(const std::vector<ParameterInfo> &parameters) const {
  BoundParameters bound;
  std::set<std::string_view> needed;
  std::string first;
  int64_t problems = 0;
  const auto bindTensor = [&](const std::string &tensor, DType dtype,
                              const std::vector<int64_t> &shape) {
    needed.insert(tensor);
    const auto found = tensors.find(tensor);
    const bool matches = found != tensors.end() &&
                         found->second.dtype == dtype &&
                         found->second.shape == shape;
    if (matches) {
      bound.tensors.push_back(found->second);
      return;
    }
    if (problems++ == 0)
      first = name + ": tensor '" + tensor + "': expected " +
              describeTensor(dtype, shape) + ", found " +
              (found == tensors.end()
                   ? "none"
                   : describeTensor(found->second.dtype, found->second.shape));
  };
  for (const ParameterInfo &parameter : parameters) {
    if (const auto &scale = parameter.columnScale)
      bindTensor(scale->name, parameter.dtype, scale->shape);
    if (parameter.concat.empty())
      bindTensor(parameter.name, parameter.dtype, parameter.shape);
    for (const SourceTensor &source : parameter.concat)
      bindTensor(source.name, parameter.dtype, source.shape);
  }
  if (problems > 1)
    first += " (and " + std::to_string(problems - 1) + " more such problem" +
             (problems > 2 ? "s)" : ")");
  if (problems > 0)
    return Error{first};
  for (const auto &[tensor, view] : tensors)
    if (!needed.count(tensor))
      bound.extra.push_back(tensor);
  return bound;
}

} // namespace jet
