// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A CUDA driver for tests: one GPU whose memory is this machine's. One at a
// time.

#ifndef JET_TEST_RUNTIME_FAKEDRIVER_H
#define JET_TEST_RUNTIME_FAKEDRIVER_H

#include "runtime/cuda/Driver.h"

#include <functional>
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
  cuda::Status launchStatus = 0, mapStatus = 0, attributeStatus = 0,
               waitStatus = 0;
  /// Of copies: until they are waited for.
  bool copiesTakeTime = false;

  // What was asked of it.
  struct Launch {
    std::string kernel;
    unsigned blocks = 0, threads = 0;
    std::vector<uint64_t> parameters; // the first `parameterCount`
    unsigned gridY = 1, gridZ = 1, sharedBytes = 0;
    unsigned cluster = 0; // 0 without the attribute
    bool overlaps = false;
    std::vector<uintptr_t> places; // where the driver read the parameters
  };
  size_t parameterCount = 0;
  std::map<std::string, size_t> parameterCounts; // of certain kernels
  /// Called when a launch happens, not when it is captured.
  std::function<void(const Launch &)> run;
  std::vector<Launch> launches; // of graphs when they are launched
  /// Encoded tensor maps; a map's first word is its index.
  struct Map {
    int type = 0, swizzle = 0, interleave = 0, promotion = 0, fill = 0;
    uint64_t address = 0;
    std::vector<uint64_t> sizes, strides;
    std::vector<unsigned> box, steps;
  };
  std::vector<Map> maps;
  std::map<std::string, int> sharedLimits;         // of kernels
  int captures = 0, graphs = 0, graphLaunches = 0; // graphs: that live
  int pinned = 0, streams = 0, events = 0;         // that live
  int copies = 0, waits = 0;       // to the device; for an event or a stream
  std::vector<std::string> images; // first bytes of each loaded module
  std::map<cuda::Address, size_t> allocations;

private:
  cuda::Driver functions = {};
};

} // namespace jet::test

#endif // JET_TEST_RUNTIME_FAKEDRIVER_H
