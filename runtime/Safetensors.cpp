// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "runtime/Safetensors.h"

#include "runtime/JsonReader.h"
#include "support/CheckedMath.h"

#include <algorithm>
#include <bit>
#include <cstring>

namespace jet {

static_assert(std::endian::native == std::endian::little);

static constexpr uint64_t kMaxHeaderBytes = 100'000'000;
static constexpr const char *kMetadata = "__metadata__";

std::string describeTensor(DType dtype, std::span<const int64_t> shape) {
  std::string text(dtypeName(dtype));
  text += " [";
  for (size_t i = 0; i < shape.size(); ++i)
    text += (i ? ", " : "") + std::to_string(shape[i]);
  return text + "]";
}

/// Bytes of a tensor, or nothing when they do not fit.
static std::optional<int64_t> tensorBytes(DType dtype,
                                          const std::vector<int64_t> &shape) {
  std::optional<int64_t> count = checkedProduct(shape);
  return count ? checkedMul(*count, dtypeBytes(dtype)) : std::nullopt;
}

//===----------------------------------------------------------------------===//
// Reader
//===----------------------------------------------------------------------===//

/// Reads one member of the header; problems are kept in the node.
static TensorView readTensor(const JsonNode &node,
                             std::span<const std::byte> data) {
  TensorView view;
  node.allowOnly({"dtype", "shape", "data_offsets"});
  const JsonNode dtype = node["dtype"];
  if (std::optional<DType> type = parseDType(dtype.string()))
    view.dtype = *type;
  else
    dtype.fail("a known element type");
  for (const JsonNode &dim : node["shape"].elements())
    view.shape.push_back(dim.integer());

  const JsonNode offsets = node["data_offsets"];
  const std::vector<JsonNode> ends = offsets.elements();
  if (node.failed())
    return view;
  if (ends.size() != 2) {
    offsets.fail("[begin, end]");
    return view;
  }
  const auto size = static_cast<int64_t>(data.size());
  const int64_t begin = ends[0].integer(0, size);
  const int64_t end = ends[1].integer(begin, size);
  if (node.failed())
    return view;
  std::optional<int64_t> bytes = tensorBytes(view.dtype, view.shape);
  if (!bytes || *bytes != end - begin) {
    offsets.fail((bytes ? std::to_string(*bytes) : "more than 2^63") +
                     " bytes for " + describeTensor(view.dtype, view.shape),
                 std::to_string(end - begin));
    return view;
  }
  view.bytes = data.subspan(begin, end - begin);
  return view;
}

static void checkMetadata(const JsonNode &metadata) {
  if (metadata.failed())
    return;
  if (!metadata.json()->is_object())
    return metadata.fail("an object of strings");
  for (const auto &[key, value] : metadata.json()->items())
    metadata[key.c_str()].string();
}

/// Whether the tensors cover `data` exactly, without holes or overlaps.
static Result<void> checkCoverage(const SafetensorsFile::Tensors &tensors,
                                  std::span<const std::byte> data,
                                  const std::string &path) {
  using Entry = std::pair<const std::string *, std::span<const std::byte>>;
  std::vector<Entry> order;
  order.reserve(tensors.size());
  for (const auto &[name, view] : tensors)
    order.push_back({&name, view.bytes});
  // Empty tensors sort before what begins at the same place.
  std::sort(order.begin(), order.end(), [](const Entry &a, const Entry &b) {
    return std::pair(a.second.data(), a.second.size()) <
           std::pair(b.second.data(), b.second.size());
  });
  int64_t end = 0;
  for (const auto &[name, bytes] : order) {
    const int64_t begin = bytes.data() - data.data();
    if (begin != end)
      return Error{path + ": tensor '" + *name + "': expected data at offset " +
                   std::to_string(end) + ", found " + std::to_string(begin) +
                   (begin < end ? " (overlap)" : " (hole)")};
    end = begin + static_cast<int64_t>(bytes.size());
  }
  if (static_cast<uint64_t>(end) != data.size())
    return Error{path + ": expected data of " + std::to_string(end) +
                 " bytes as the header says, found " +
                 std::to_string(data.size())};
  return {};
}

Result<SafetensorsFile> SafetensorsFile::open(const std::string &path) {
  Result<MappedFile> mapped = MappedFile::open(path);
  if (!mapped)
    return mapped.error();
  const std::span<const std::byte> bytes = mapped->bytes();
  uint64_t length = 0;
  if (bytes.size() < sizeof(length))
    return Error{path +
                 ": expected a safetensors file of at least 8 bytes, "
                 "found " +
                 std::to_string(bytes.size())};
  std::memcpy(&length, bytes.data(), sizeof(length));
  if (length > kMaxHeaderBytes)
    return Error{path + ": header length: expected at most " +
                 std::to_string(kMaxHeaderBytes) + ", found " +
                 std::to_string(length)};
  if (length > bytes.size() - sizeof(length))
    return Error{path + ": header length: expected at most " +
                 std::to_string(bytes.size() - sizeof(length)) +
                 " (the rest of the file), found " + std::to_string(length)};
  const std::string_view text = mapped->text().substr(sizeof(length), length);
  if (!text.starts_with('{'))
    return Error{path + ": header: expected '{' at its beginning"};

  JsonLimits limits;
  limits.maxBytes = kMaxHeaderBytes;
  limits.maxDepth = 8;
  Result<nlohmann::json> json = parseJson(text, path + ": header", limits);
  if (!json)
    return json.error();

  const auto data = bytes.subspan(sizeof(length) + length);
  SafetensorsFile result;
  JsonNode::Reader reader{path, std::nullopt};
  const JsonNode root(reader, &*json, "$");
  for (const auto &[key, value] : json->items()) {
    if (key == kMetadata)
      checkMetadata(root[kMetadata]);
    else
      result.views[key] =
          readTensor(JsonNode(reader, &value, "tensor '" + key + "'"), data);
    if (reader.error)
      return *reader.error;
  }
  if (auto valid = checkCoverage(result.views, data, path); !valid)
    return valid.error();
  result.file = std::move(*mapped);
  return result;
}

const TensorView *SafetensorsFile::find(std::string_view name) const {
  const auto found = views.find(name);
  return found == views.end() ? nullptr : &found->second;
}

//===----------------------------------------------------------------------===//
// Writer
//===----------------------------------------------------------------------===//

Result<SafetensorsWriter>
SafetensorsWriter::create(const std::string &path,
                          const std::vector<TensorSpec> &specs) {
  nlohmann::json header = nlohmann::json::object();
  std::vector<int64_t> offsets;
  int64_t end = 0;
  for (const TensorSpec &spec : specs) {
    std::optional<int64_t> bytes = tensorBytes(spec.dtype, spec.shape);
    if (bytes)
      bytes = checkedAdd(end, *bytes);
    if (!bytes)
      return Error{path + ": tensor '" + spec.name +
                   "': the size does not fit 64 bits"};
    if (header.contains(spec.name) || spec.name == kMetadata)
      return Error{path + ": tensor '" + spec.name + "': the name is taken"};
    header[spec.name] = {{"dtype", dtypeName(spec.dtype)},
                         {"shape", spec.shape},
                         {"data_offsets", {end, *bytes}}};
    offsets.push_back(end);
    end = *bytes;
  }
  std::string text =
      header.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  // Data at a multiple of 64: whoever maps the file finds it aligned.
  text.append((64 - (8 + text.size()) % 64) % 64, ' ');
  const uint64_t length = text.size();
  if (length > kMaxHeaderBytes)
    return Error{path + ": header: expected at most 100000000 bytes, found " +
                 std::to_string(length)};

  Result<AtomicFile> file = AtomicFile::create(path);
  if (!file)
    return file.error();
  SafetensorsWriter writer(std::move(*file));
  writer.path = path;
  writer.offsets = std::move(offsets);
  writer.headerBytes = sizeof(length) + length;
  writer.total = end;
  if (auto done = writer.file.write(&length, sizeof(length)); !done)
    return done.error();
  if (auto done = writer.file.write(text); !done)
    return done.error();
  return writer;
}

Result<void> SafetensorsWriter::write(const void *data, size_t size) {
  written += static_cast<int64_t>(size);
  return file.write(data, size);
}

Result<void> SafetensorsWriter::writeAt(uint64_t dataOffset, const void *data,
                                        size_t size) {
  return file.writeAt(headerBytes + dataOffset, data, size);
}

Result<void> SafetensorsWriter::commit() {
  if (written != 0 && written != total)
    return Error{path + ": expected " + std::to_string(total) +
                 " bytes of data to be written, found " +
                 std::to_string(written)};
  return file.commit();
}

} // namespace jet
