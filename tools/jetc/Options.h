// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The commands of jetc. Each returns the process's exit status: 0, or 1 after
// printing "jetc: error: …" on stderr.

#ifndef JET_TOOLS_JETC_OPTIONS_H
#define JET_TOOLS_JETC_OPTIONS_H

#include "mlir/Pass/PassManager.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/CommandLine.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace jet {

/// What `jetc compile` stops at, in the order of the pipeline.
enum class Phase {
  Model,
  Placed,
  Tensor,
  Fused,
  Launch,
  Plan,
  Tile,
  Linalg,
  Loops,
  Llvm,
  LlvmIr,
  Ptx,
  Package
};

inline constexpr int64_t kDefaultTopK = 64;

struct CompileOptions {
  std::string input;
  std::string output; // empty: stdout for text, <config>.jet for a package
  std::string target;
  bool generalKernels = false; // no forms of the tile dialect
  /// A table for products of many rows, by name or file; none: the default.
  std::optional<std::string> tiles;
  bool tileAlternatives = false; // also what the table does not choose
  std::string cpu;
  std::string ptxas; // empty: where it is usually found, if anywhere
  Phase phase = Phase::Package;
  std::optional<int64_t> maxBatch;   // none: 16
  std::optional<int64_t> maxContext; // none: the spec's max_position_embeddings
  /// A budget such as 80GB that the plan must not exceed.
  std::optional<std::string> memory;
  /// Candidates of the programs *_sample, 0 for none of these programs; without
  /// a value kDefaultTopK, or all of a smaller vocabulary.
  std::optional<int64_t> topK;
  std::optional<int64_t> pageSize; // none: the model's
  std::vector<std::string> placement;
  std::vector<std::string> disableFusion; // names as in getFusionNames()
  /// Runs from Tensor to Fused instead of our passes, if there is one.
  std::optional<std::string> passPipeline;
  /// Types of keys and values and of recurrent states, as `jet.model` has them;
  /// none: what the model says.
  std::optional<std::string> kvDtype, stateDtype;
  bool packWeights = false;
  bool remarks = false;
};

struct InspectOptions {
  std::string package;
  int64_t context = 0; // 0: the package's max_context
  bool json = false;
  bool cost = false;   // the cost table instead of the summary
  int64_t batch = 0;   // 0: the package's max_batch
  int64_t tokens = 0;  // of each sequence in prefill; 0: all of the context
  std::string phase;   // name of a program; empty: decode and prefill
  std::string machine; // a #jet.target by name or file; empty: the package's
  /// A budget such as 80GB, for which to say the largest batch.
  std::optional<std::string> memory;
  int64_t chunkTokens = 0;         // of a prefill step, for `memory`; 0: 2048
  std::optional<std::string> html; // a page to write
};

int compile(const CompileOptions &options);
int inspect(const InspectOptions &options);

/// The pass manager that --pass-pipeline describes. Reports what is wrong with
/// the text, with its place.
mlir::FailureOr<mlir::OpPassManager> parsePipeline(llvm::StringRef text);

/// Gives a command MLIR's options for watching passes (--mlir-print-ir-…,
/// --mlir-timing and so on), listed under `category`.
void addPassOptions(llvm::cl::SubCommand &command,
                    llvm::cl::OptionCategory &category);

/// "file: $.json.path" or "file:line:column", for one-line messages; empty if
/// not known.
std::string describePlace(mlir::Location location);

/// What to call the model of a config: the file's name, or its directory's when
/// that is just "config.json".
std::string modelName(llvm::StringRef input);

/// Prints "jetc: error: <message>" and returns 1.
int reportError(llvm::StringRef message);

} // namespace jet

#endif // JET_TOOLS_JETC_OPTIONS_H
