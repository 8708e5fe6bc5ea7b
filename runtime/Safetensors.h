// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The safetensors format, read as strictly as its specification demands:
//
//   u64 little-endian: N <= 100,000,000; then N bytes of JSON that begin with
//   '{' (trailing spaces allowed); then the data. Every member of the JSON but
//   "__metadata__" (strings) is {"dtype", "shape", "data_offsets": [a, b]},
//   offsets into the data; the tensors cover the data exactly, without holes
//   or overlaps.

#ifndef JET_RUNTIME_SAFETENSORS_H
#define JET_RUNTIME_SAFETENSORS_H

#include "support/DType.h"
#include "support/Error.h"
#include "support/File.h"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace jet {

/// A tensor inside a mapped file: valid as long as the file object.
struct TensorView {
  DType dtype = DType::F32;
  std::vector<int64_t> shape;
  std::span<const std::byte> bytes; // may be misaligned for dtype
};

/// "F32 [2, 3]", for messages.
std::string describeTensor(DType dtype, std::span<const int64_t> shape);

/// A memory-mapped safetensors file. Immutable, move-only; may be read from
/// several threads. Opening costs the header, not the data.
class SafetensorsFile {
public:
  using Tensors = std::map<std::string, TensorView, std::less<>>;

  static Result<SafetensorsFile> open(const std::string &path);

  const Tensors &tensors() const { return views; }
  /// The tensor `name`, or null.
  const TensorView *find(std::string_view name) const;
  const std::string &path() const { return file.path(); }

private:
  MappedFile file;
  Tensors views;
};

/// A tensor to be written.
struct TensorSpec {
  std::string name;
  DType dtype = DType::F32;
  std::vector<int64_t> shape;
};

/// Writes a safetensors file front to back or, with writeAt, in any order and
/// from several threads. The file appears on commit() or not at all.
class SafetensorsWriter {
public:
  /// The data holds the tensors in the order given. Errors: duplicate names,
  /// sizes that overflow, what AtomicFile::create reports.
  static Result<SafetensorsWriter> create(const std::string &path,
                                          const std::vector<TensorSpec> &specs);

  /// Appends to the data; tensors follow each other in the order of create().
  Result<void> write(const void *data, size_t size);
  /// Writes into the data region. Safe from several threads.
  Result<void> writeAt(uint64_t dataOffset, const void *data, size_t size);
  /// An error when write() was used and did not fill the data exactly.
  Result<void> commit();

  /// Offset of the i-th tensor in the data.
  int64_t offset(size_t i) const { return offsets[i]; }
  int64_t dataBytes() const { return total; }

private:
  SafetensorsWriter(AtomicFile file) : file(std::move(file)) {}

  AtomicFile file;
  std::string path;
  std::vector<int64_t> offsets;
  uint64_t headerBytes = 0;
  int64_t total = 0, written = 0;
};

} // namespace jet

#endif // JET_RUNTIME_SAFETENSORS_H
