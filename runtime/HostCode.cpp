// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "runtime/HostCode.h"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <dlfcn.h>
#include <sys/mman.h>
#include <unistd.h>

namespace jet {

HostCode::HostCode(HostCode &&other) noexcept
    : handle(std::exchange(other.handle, nullptr)),
      functions(std::move(other.functions)) {}

HostCode &HostCode::operator=(HostCode &&other) noexcept {
  std::swap(handle, other.handle);
  std::swap(functions, other.functions);
  return *this;
}

HostCode::~HostCode() {
  if (handle)
    dlclose(handle);
}

/// An anonymous file with the contents `bytes`, or -1 with errno set.
static int makeMemoryFile(const std::vector<std::byte> &bytes) {
  const int fd = memfd_create("jet-host-code", MFD_CLOEXEC);
  size_t done = 0;
  while (fd >= 0 && done < bytes.size()) {
    const ssize_t count = write(fd, bytes.data() + done, bytes.size() - done);
    if (count < 0 && errno == EINTR)
      continue;
    if (count < 0) {
      const int reason = errno;
      close(fd);
      errno = reason;
      return -1;
    }
    done += static_cast<size_t>(count);
  }
  return fd;
}

/// A path of its own for every load. dlopen() compares paths before it looks at
/// files: with a file descriptor's number used again, it would return an older
/// object that is still loaded. So 32 bits of a counter are spelled in
/// components that do not change where the path leads, "./" and "/".
static std::string uniquePath(int fd) {
  static std::atomic<uint32_t> counter = 0;
  const uint32_t number = counter.fetch_add(1);
  std::string path = "/proc/self/fd/";
  for (int bit = 0; bit < 32; ++bit)
    path += (number >> bit) & 1 ? "./" : "/";
  return path + std::to_string(fd);
}

Result<HostCode> HostCode::load(const Package &package,
                                const std::string &path) {
  const auto blob =
      std::find_if(package.blobs.begin(), package.blobs.end(),
                   [](const Blob &blob) { return blob.name == "host_code"; });
  if (blob == package.blobs.end())
    return Error{path + ": expected a blob 'host_code', found none"};
  const int fd = makeMemoryFile(blob->bytes);
  if (fd < 0)
    return Error{path + ": blob 'host_code': " + std::strerror(errno)};
  HostCode code;
  code.handle = dlopen(uniquePath(fd).c_str(), RTLD_NOW | RTLD_LOCAL);
  const char *reason = code.handle ? nullptr : dlerror();
  close(fd);
  if (!code.handle)
    return Error{path +
                 ": blob 'host_code': expected a shared object for this "
                 "machine: " +
                 (reason ? reason : "unknown reason")};
  for (const KernelInfo &kernel : package.kernels) {
    void *symbol = dlsym(code.handle, kernel.name.c_str());
    if (!symbol)
      return Error{path + ": blob 'host_code': expected the symbol '" +
                   kernel.name + "', found none"};
    code.functions.push_back(reinterpret_cast<KernelFunction>(symbol));
  }
  return code;
}

} // namespace jet
