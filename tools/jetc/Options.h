// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The commands of jetc. Each returns the process's exit status: 0, or 1 after
// printing "jetc: error: …" on stderr.

#ifndef JET_TOOLS_JETC_OPTIONS_H
#define JET_TOOLS_JETC_OPTIONS_H

#include "llvm/ADT/StringRef.h"

#include <cstdint>
#include <string>
#include <vector>

namespace jet {

/// What `jetc compile` stops at, in the order of the pipeline.
enum class Phase { Model, Placed, Tensor, Launch, Linalg, Loops, Llvm, LlvmIr,
                   Package };

struct CompileOptions {
  std::string input;
  std::string output; // empty: stdout for text, <config>.jet for a package
  std::string target;
  std::string cpu;
  Phase phase = Phase::Package;
  int64_t maxBatch = 0;
  int64_t maxContext = 0; // 0: the spec's max_position_embeddings
  std::vector<std::string> placement;
};

struct InspectOptions {
  std::string package;
  int64_t context = 0; // 0: the package's max_context
  bool json = false;
};

int compile(const CompileOptions &options);
int inspect(const InspectOptions &options);

/// Prints "jetc: error: <message>" and returns 1.
int reportError(llvm::StringRef message);

} // namespace jet

#endif // JET_TOOLS_JETC_OPTIONS_H
