// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A CUDA driver for tests: one GPU whose memory is this machine's and that runs
// the toy model's kernels here. One at a time.

#ifndef JET_TEST_RUNTIME_FAKEDRIVER_H
#define JET_TEST_RUNTIME_FAKEDRIVER_H

#include "runtime/cuda/Driver.h"

#include <map>
#include <string>
#include <vector>

namespace jet::test {

class FakeDriver {
public:
  FakeDriver();
  ~FakeDriver();

  const cuda::Driver &table() const { return functions; }

  // What it is like.
  int devices = 1, capabilityMajor = 9, capabilityMinor = 0;
  int64_t memory = 1 << 20;
  bool takesCubins = true, takesPtx = true;
  std::string missingKernel;
  cuda::Status launchStatus = 0;

  // What was asked of it.
  struct Launch {
    std::string kernel;
    unsigned blocks = 0, threads = 0;
    std::vector<uint64_t> parameters; // the first `parameterCount`
  };
  size_t parameterCount = 0;
  std::vector<Launch> launches;
  std::vector<std::string> images; // first bytes of each loaded module
  std::map<cuda::Address, size_t> allocations;

private:
  cuda::Driver functions = {};
};

} // namespace jet::test

#endif // JET_TEST_RUNTIME_FAKEDRIVER_H
