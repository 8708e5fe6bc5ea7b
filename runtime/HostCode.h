// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The machine code of a CPU package. Private to the runtime.

#ifndef JET_RUNTIME_HOSTCODE_H
#define JET_RUNTIME_HOSTCODE_H

#include "runtime/Package.h"

#include <vector>

namespace jet {

/// The ABI of a kernel; see Package.h.
using KernelFunction = void (*)(void *const *operands, const int64_t *symbols,
                                int64_t begin, int64_t end);

/// A shared object loaded from memory. Move-only; unloads itself.
class HostCode {
public:
  /// Loads the blob "host_code" of `package` and finds every kernel. Runs no
  /// code but the object's own initialisers.
  static Result<HostCode> load(const Package &package, const std::string &path);

  HostCode() = default;
  HostCode(HostCode &&other) noexcept;
  HostCode &operator=(HostCode &&other) noexcept;
  ~HostCode();

  /// One per kernel of the package, in its order.
  const std::vector<KernelFunction> &kernels() const { return functions; }

private:
  void *handle = nullptr;
  std::vector<KernelFunction> functions;
};

} // namespace jet

#endif // JET_RUNTIME_HOSTCODE_H
