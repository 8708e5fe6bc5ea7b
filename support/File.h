// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Files: read-only maps for input, rename-into-place for output.

#ifndef JET_SUPPORT_FILE_H
#define JET_SUPPORT_FILE_H

#include "support/Error.h"

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace jet {

/// A file mapped read-only. Owns the mapping; move-only; safe to read from
/// several threads. An empty file maps to an empty span.
class MappedFile {
public:
  /// Errors: cannot be opened, is not a regular file, cannot be mapped.
  static Result<MappedFile> open(const std::string &path);

  MappedFile() = default;
  MappedFile(MappedFile &&other) noexcept;
  MappedFile &operator=(MappedFile &&other) noexcept;
  ~MappedFile();

  std::span<const std::byte> bytes() const { return {data, size}; }
  std::string_view text() const {
    return {reinterpret_cast<const char *>(data), size};
  }
  const std::string &path() const { return name; }

  /// Takes the whole pages of `part`, bytes of any mapped file, out of this
  /// process's memory; they are read again when someone touches them.
  static void release(std::span<const std::byte> part);

private:
  const std::byte *data = nullptr;
  size_t size = 0;
  std::string name;
};

/// Reads a small text file whole. Errors as MappedFile, and a file larger than
/// `maxBytes`.
Result<std::string> readTextFile(const std::string &path, size_t maxBytes);

/// Makes SIGINT, SIGTERM, SIGHUP and SIGPIPE remove the temporaries of every
/// live AtomicFile before they end the process as they would have done, and
/// turns SIGXFSZ (a file-size limit) into an ordinary write error. Signals that
/// are ignored stay ignored. For tools: call once, at the start of main().
void removeTemporariesOnSignal();

/// A file that appears under its final name only when commit() succeeds; until
/// then it lives as a hidden temporary beside it, which the destructor removes
/// (and a signal, after removeTemporariesOnSignal()). Move-only, one thread;
/// writeAt() alone may be called from several threads.
class AtomicFile {
public:
  /// Errors: the directory does not exist or is not writable; `path` exists
  /// and is not a regular file. A symbolic link to a file is followed.
  static Result<AtomicFile> create(const std::string &path);

  AtomicFile(AtomicFile &&other) noexcept;
  AtomicFile &operator=(AtomicFile &&) = delete;
  ~AtomicFile();

  /// Appends. Errors name the file and the system's reason (a full disk).
  Result<void> write(const void *data, size_t size);
  Result<void> write(std::string_view text) {
    return write(text.data(), text.size());
  }
  /// Writes at `offset` without moving the end; for files filled in parallel.
  Result<void> writeAt(uint64_t offset, const void *data, size_t size);
  /// Flushes and renames into place; at most once, and nothing after it.
  Result<void> commit();

private:
  AtomicFile() = default;
  int fd = -1;
  int slot = -1; // of the table that the signal handler reads
  std::string finalPath, temporaryPath;
};

/// Writes a text file whole or not at all. Errors as AtomicFile.
Result<void> writeTextFile(const std::string &path, std::string_view text);

} // namespace jet

#endif // JET_SUPPORT_FILE_H
