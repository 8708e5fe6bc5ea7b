// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "support/File.h"
#include "support/TemporaryFiles.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <fcntl.h>
#include <memory>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>
#include <utility>

namespace jet {
namespace {

/// "<path>: cannot <action>: <the system's reason>", from errno.
Error systemError(const std::string &path, const char *action) {
  int code = errno;
  return Error{path + ": cannot " + action + ": " +
               std::generic_category().message(code)};
}

const char *describeKind(mode_t mode) {
  if (S_ISDIR(mode))
    return "a directory";
  if (S_ISFIFO(mode))
    return "a pipe";
  if (S_ISCHR(mode) || S_ISBLK(mode))
    return "a device";
  return "a special file";
}

Error notRegular(const std::string &path, mode_t mode) {
  return Error{path + ": expected a regular file, found " + describeKind(mode)};
}

/// An open file descriptor and its size. Closes itself.
class InputFile {
public:
  static Result<InputFile> open(const std::string &path) {
    InputFile file;
    // O_NONBLOCK: opening a pipe must report an error, not wait for a writer.
    file.fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (file.fd < 0)
      return systemError(path, "open");
    struct stat info;
    if (fstat(file.fd, &info) != 0)
      return systemError(path, "open");
    if (!S_ISREG(info.st_mode))
      return notRegular(path, info.st_mode);
    file.size = static_cast<size_t>(info.st_size);
    return file;
  }

  InputFile(InputFile &&other) noexcept
      : fd(std::exchange(other.fd, -1)), size(other.size) {}
  InputFile &operator=(InputFile &&) = delete;
  ~InputFile() {
    if (fd >= 0)
      ::close(fd);
  }

  int fd = -1;
  size_t size = 0;

private:
  InputFile() = default;
};

/// The directory part of `path`, with the final slash; empty for none.
std::string directoryOf(const std::string &path) {
  size_t slash = path.rfind('/');
  return slash == std::string::npos ? "" : path.substr(0, slash + 1);
}

/// Where a file that is to be `path` must really be put. Links are followed,
/// and anything that is not a file is refused: a rename onto /dev/null would
/// replace it for the whole machine.
Result<std::string> resolveOutput(const std::string &path) {
  struct stat info;
  if (stat(path.c_str(), &info) != 0) {
    if (errno != ENOENT)
      return systemError(path, "create");
    if (path.empty() || path.back() == '/')
      return Error{path + ": expected a file name, found a directory's"};
    return path;
  }
  if (!S_ISREG(info.st_mode))
    return notRegular(path, info.st_mode);
  struct stat link;
  if (lstat(path.c_str(), &link) != 0 || !S_ISLNK(link.st_mode))
    return path;
  std::unique_ptr<char, decltype(&std::free)> real(
      realpath(path.c_str(), nullptr), &std::free);
  if (!real)
    return systemError(path, "create");
  return std::string(real.get());
}

} // namespace

Result<MappedFile> MappedFile::open(const std::string &path) {
  Result<InputFile> input = InputFile::open(path);
  if (!input)
    return input.error();
  MappedFile file;
  file.name = path;
  if (input->size == 0)
    return file;
  void *address =
      mmap(nullptr, input->size, PROT_READ, MAP_PRIVATE, input->fd, 0);
  if (address == MAP_FAILED)
    return systemError(path, "map");
  file.data = static_cast<const std::byte *>(address);
  file.size = input->size;
  return file;
}

MappedFile::MappedFile(MappedFile &&other) noexcept
    : data(std::exchange(other.data, nullptr)),
      size(std::exchange(other.size, 0)), name(std::move(other.name)) {}

MappedFile &MappedFile::operator=(MappedFile &&other) noexcept {
  std::swap(data, other.data);
  std::swap(size, other.size);
  std::swap(name, other.name);
  return *this;
}

MappedFile::~MappedFile() {
  if (data)
    munmap(const_cast<std::byte *>(data), size);
}

void MappedFile::release(std::span<const std::byte> part) {
  const uintptr_t page = sysconf(_SC_PAGESIZE);
  const auto begin = reinterpret_cast<uintptr_t>(part.data());
  const uintptr_t first = (begin + page - 1) / page * page;
  const uintptr_t last = (begin + part.size()) / page * page;
  // Only advice: when it fails the pages stay.
  if (first < last)
    madvise(reinterpret_cast<void *>(first), last - first, MADV_DONTNEED);
}

Result<std::string> readTextFile(const std::string &path, size_t maxBytes) {
  Result<InputFile> input = InputFile::open(path);
  if (!input)
    return input.error();
  if (input->size > maxBytes)
    return Error{path + ": expected at most " + std::to_string(maxBytes) +
                 " bytes, found " + std::to_string(input->size)};
  std::string text(input->size, '\0');
  size_t done = 0;
  while (done < text.size()) {
    ssize_t count = ::read(input->fd, text.data() + done, text.size() - done);
    if (count < 0 && errno == EINTR)
      continue;
    if (count < 0)
      return systemError(path, "read");
    if (count == 0)
      break; // Somebody shortened it meanwhile.
    done += static_cast<size_t>(count);
  }
  text.resize(done);
  return text;
}

Result<AtomicFile> AtomicFile::create(const std::string &path) {
  Result<std::string> resolved = resolveOutput(path);
  if (!resolved)
    return resolved.error();
  AtomicFile file;
  file.finalPath = *resolved;
  // A new random name per attempt: O_EXCL keeps two processes apart.
  for (int attempt = 0; attempt < 16; ++attempt) {
    unsigned long long suffix = 0;
    if (getrandom(&suffix, sizeof suffix, 0) != sizeof suffix)
      return systemError(path, "create");
    char name[32];
    std::snprintf(name, sizeof name, ".jet-%016llx.tmp", suffix);
    file.temporaryPath = directoryOf(file.finalPath) + name;
    file.slot = registerTemporary(file.temporaryPath);
    file.fd = ::open(file.temporaryPath.c_str(),
                     O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (file.fd >= 0)
      return file;
    int code = errno;
    unregisterTemporary(std::exchange(file.slot, -1));
    errno = code;
    if (errno != EEXIST && errno != EINTR)
      break;
  }
  return systemError(path, "create");
}

AtomicFile::AtomicFile(AtomicFile &&other) noexcept
    : fd(std::exchange(other.fd, -1)), slot(std::exchange(other.slot, -1)),
      finalPath(std::move(other.finalPath)),
      temporaryPath(std::exchange(other.temporaryPath, std::string())) {}

AtomicFile::~AtomicFile() {
  if (fd >= 0)
    ::close(fd);
  if (!temporaryPath.empty())
    ::unlink(temporaryPath.c_str());
  unregisterTemporary(slot);
}

Result<void> AtomicFile::write(const void *data, size_t size) {
  const char *next = static_cast<const char *>(data);
  while (size > 0) {
    ssize_t count = ::write(fd, next, size);
    if (count < 0 && errno == EINTR)
      continue;
    if (count < 0)
      return systemError(finalPath, "write");
    next += count;
    size -= static_cast<size_t>(count);
  }
  return {};
}

Result<void> AtomicFile::writeAt(uint64_t offset, const void *data,
                                 size_t size) {
  const char *next = static_cast<const char *>(data);
  while (size > 0) {
    ssize_t count = ::pwrite(fd, next, size, static_cast<off_t>(offset));
    if (count < 0 && errno == EINTR)
      continue;
    if (count < 0)
      return systemError(finalPath, "write");
    next += count;
    offset += static_cast<uint64_t>(count);
    size -= static_cast<size_t>(count);
  }
  return {};
}

Result<void> AtomicFile::commit() {
  // Some file systems report a full disk only here.
  if (fsync(fd) != 0)
    return systemError(finalPath, "write");
  if (::close(std::exchange(fd, -1)) != 0)
    return systemError(finalPath, "write");
  if (std::rename(temporaryPath.c_str(), finalPath.c_str()) != 0)
    return systemError(finalPath, "create");
  temporaryPath.clear();
  unregisterTemporary(std::exchange(slot, -1));
  return {};
}

Result<void> writeTextFile(const std::string &path, std::string_view text) {
  Result<AtomicFile> file = AtomicFile::create(path);
  if (!file)
    return file.error();
  if (Result<void> done = file->write(text); !done)
    return done;
  return file->commit();
}

} // namespace jet
