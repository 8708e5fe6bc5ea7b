// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Layout: u64 header length, JSON header, tensor bytes.

#include "Tensors.h"

#include "support/CheckedMath.h"
#include "support/File.h"
#include "support/Json.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <set>
#include <sys/stat.h>

using namespace jet;
using namespace jet::reference;

template <typename T> static T load(const std::byte *bytes, int64_t index) {
  T value;
  std::memcpy(&value, bytes + index * sizeof(T), sizeof(T));
  return value;
}

static double halfToDouble(uint16_t bits) {
  int exponent = (bits >> 10) & 31, mantissa = bits & 1023;
  double magnitude = exponent == 0 ? std::ldexp(mantissa, -24)
                     : exponent < 31
                         ? std::ldexp(1024 + mantissa, exponent - 25)
                     : mantissa == 0 ? INFINITY
                                     : NAN;
  return bits & 0x8000 ? -magnitude : magnitude;
}

static double f8ToDouble(uint8_t bits) {
  int exponent = (bits >> 3) & 15, mantissa = bits & 7;
  double magnitude = (bits & 0x7f) == 0x7f ? NAN
                     : exponent == 0 ? std::ldexp(mantissa, -9)
                                     : std::ldexp(8 + mantissa, exponent - 10);
  return bits & 0x80 ? -magnitude : magnitude;
}

static double widen(DType type, const std::byte *bytes, int64_t index) {
  switch (type) {
  case DType::F64:
    return load<double>(bytes, index);
  case DType::F32:
    return load<float>(bytes, index);
  case DType::F16:
    return halfToDouble(load<uint16_t>(bytes, index));
  case DType::BF16:
    return std::bit_cast<float>(uint32_t(load<uint16_t>(bytes, index)) << 16);
  case DType::F8E4M3:
    return f8ToDouble(load<uint8_t>(bytes, index));
  case DType::I64:
    return static_cast<double>(load<int64_t>(bytes, index));
  case DType::I32:
    return load<int32_t>(bytes, index);
  case DType::I16:
    return load<int16_t>(bytes, index);
  case DType::I8:
    return load<int8_t>(bytes, index);
  case DType::U8:
  case DType::Bool:
    return load<uint8_t>(bytes, index);
  }
  return NAN;
}

static double roundToBFloat16(double value) {
  uint32_t bits = std::bit_cast<uint32_t>(static_cast<float>(value));
  bits += 0x7fff + ((bits >> 16) & 1);
  return std::bit_cast<float>(bits & 0xffff0000u);
}

/// A multiple of 2⁻³ of the leading bit, which is not below 2⁻⁶.
static double roundToF8E4M3(double value) {
  const double magnitude = std::min(std::abs(value), 448.0);
  const int exponent = magnitude < 0x1p-6 ? -6 : std::ilogb(magnitude);
  const double step = std::ldexp(1.0, exponent - 3);
  return std::copysign(std::nearbyint(magnitude / step) * step, value);
}

double jet::reference::roundTo(Rounding type, double value) {
  switch (type) {
  case Rounding::None:
    return value;
  case Rounding::BFloat16:
    return roundToBFloat16(value);
  case Rounding::F8E4M3:
    return roundToF8E4M3(value);
  }
  return NAN;
}

/// The integers of a JSON array, or nothing.
static std::optional<std::vector<int64_t>>
readIntegers(const nlohmann::json &array) {
  if (!array.is_array())
    return std::nullopt;
  std::vector<int64_t> values;
  for (const nlohmann::json &item : array) {
    if (!item.is_number_integer() || item.get<int64_t>() < 0)
      return std::nullopt;
    values.push_back(item.get<int64_t>());
  }
  return values;
}

static Result<Tensor> readTensor(const nlohmann::json &entry,
                                 std::span<const std::byte> data,
                                 const std::string &place) {
  Error malformed{place +
                  ": expected dtype, shape and data_offsets that fit "
                  "the file, found " +
                  describeJson(entry)};
  if (!entry.is_object() || !entry.contains("dtype") ||
      !entry["dtype"].is_string() || !entry.contains("shape") ||
      !entry.contains("data_offsets"))
    return malformed;
  auto dtype = parseDType(entry["dtype"].get<std::string>());
  auto shape = readIntegers(entry["shape"]);
  auto offsets = readIntegers(entry["data_offsets"]);
  if (!dtype || !shape || !offsets || offsets->size() != 2)
    return malformed;
  auto count = checkedProduct(*shape);
  auto bytes = count ? checkedMul(*count, dtypeBytes(*dtype)) : std::nullopt;
  int64_t begin = (*offsets)[0], end = (*offsets)[1];
  if (!bytes || begin > end || end > static_cast<int64_t>(data.size()) ||
      end - begin != *bytes)
    return malformed;

  Tensor tensor{*dtype, *shape, std::vector<double>(*count)};
  for (int64_t i = 0; i < *count; ++i)
    tensor.values[i] = widen(*dtype, data.data() + begin, i);
  return tensor;
}

Result<TensorMap> jet::reference::readTensors(const std::string &path) {
  auto file = MappedFile::open(path);
  if (!file)
    return file.error();
  std::span<const std::byte> bytes = file->bytes();
  uint64_t length = bytes.size() >= 8 ? load<uint64_t>(bytes.data(), 0) : 0;
  if (bytes.size() < 8 || length > bytes.size() - 8)
    return Error{path +
                 ": expected a safetensors header within the file, "
                 "found a length of " +
                 std::to_string(length)};
  auto header = parseJson(file->text().substr(8, length), path,
                          {.maxBytes = 100u << 20, .maxDepth = 8});
  if (!header)
    return header.error();
  TensorMap tensors;
  for (const auto &[name, entry] : header->items()) {
    if (name == "__metadata__")
      continue;
    auto tensor =
        readTensor(entry, bytes.subspan(8 + length), path + ": " + name);
    if (!tensor)
      return tensor.error();
    tensors.emplace(name, std::move(*tensor));
  }
  return tensors;
}

/// The files named by an index, in order.
static Result<std::set<std::string>> readIndex(const std::string &path) {
  auto text = readTextFile(path, 100u << 20);
  if (!text)
    return text.error();
  auto index = parseJson(*text, path, {.maxBytes = 100u << 20});
  if (!index)
    return index.error();
  std::set<std::string> files;
  if (!index->contains("weight_map") || !(*index)["weight_map"].is_object())
    return Error{path + ": $.weight_map: expected an object, found none"};
  for (const auto &[name, file] : (*index)["weight_map"].items()) {
    if (!file.is_string())
      return Error{path + ": $.weight_map." + name +
                   ": expected a file name, found " + describeJson(file)};
    files.insert(file.get<std::string>());
  }
  return files;
}

Result<TensorMap> jet::reference::readCheckpoint(const std::string &path) {
  struct stat status;
  if (::stat(path.c_str(), &status) != 0 || !S_ISDIR(status.st_mode))
    return readTensors(path);
  std::string index = path + "/model.safetensors.index.json";
  if (::stat(index.c_str(), &status) != 0)
    return readTensors(path + "/model.safetensors");

  auto files = readIndex(index);
  if (!files)
    return files.error();
  TensorMap all;
  for (const std::string &file : *files) {
    auto part = readTensors(path + "/" + file);
    if (!part)
      return part.error();
    all.merge(*part);
  }
  return all;
}

/// The bytes of `tensor` in its own dtype, F32 or I32.
static Result<std::string> narrow(const Tensor &tensor) {
  std::string bytes(tensor.values.size() * 4, '\0');
  for (size_t i = 0; i < tensor.values.size(); ++i) {
    if (tensor.dtype == DType::F32) {
      float value = static_cast<float>(tensor.values[i]);
      std::memcpy(&bytes[4 * i], &value, 4);
    } else if (tensor.dtype == DType::I32) {
      int32_t value = static_cast<int32_t>(tensor.values[i]);
      std::memcpy(&bytes[4 * i], &value, 4);
    } else {
      return Error{"cannot write: expected F32 or I32, found " +
                   std::string(dtypeName(tensor.dtype))};
    }
  }
  return bytes;
}

Result<void> jet::reference::writeTensors(const TensorMap &tensors,
                                          const std::string &path) {
  nlohmann::json header = nlohmann::json::object();
  std::string data;
  for (const auto &[name, tensor] : tensors) {
    auto bytes = narrow(tensor);
    if (!bytes)
      return Error{path + ": " + name + ": " + bytes.error().message};
    header[name] = {
        {"dtype", dtypeName(tensor.dtype)},
        {"shape", tensor.shape},
        {"data_offsets", {data.size(), data.size() + bytes->size()}}};
    data += *bytes;
  }
  std::string text = header.dump();
  text.resize((text.size() + 7) / 8 * 8, ' ');
  uint64_t length = text.size();

  auto file = AtomicFile::create(path);
  if (!file)
    return file.error();
  if (auto result = file->write(&length, sizeof(length)); !result)
    return result;
  if (auto result = file->write(text + data); !result)
    return result;
  return file->commit();
}

Result<const Tensor *> jet::reference::findTensor(const TensorMap &tensors,
                                                  const std::string &name,
                                                  const std::string &path) {
  auto found = tensors.find(name);
  if (found != tensors.end())
    return &found->second;
  std::string names;
  for (const auto &[other, tensor] : tensors)
    if (names.size() < 200)
      names += (names.empty() ? "" : ", ") + other;
  return Error{path + ": expected a tensor '" + name + "', found " + names};
}
