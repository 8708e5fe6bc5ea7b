// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Runs kernels of the tile dialect on the CPU with the asynchrony of a GPU, and
// reports what would be a race, a deadlock or a wrong access there. See
// docs/tile.md, "Interpreter".

#ifndef JET_DIALECTS_TILE_INTERPRETER_INTERPRETER_H
#define JET_DIALECTS_TILE_INTERPRETER_INTERPRETER_H

#include "dialects/tile/Tile.h"

#include <array>
#include <cstddef>
#include <string>
#include <vector>

namespace jet::tile {

/// What a launch passes for one argument of a kernel. Memory belongs to the
/// caller, is little-endian and dense row-major, and needs no alignment, but
/// counts as aligned to 256 bytes.
struct Argument {
  /// Of memory and tensor maps: `bytes` bytes. A dynamic leading size is what
  /// fits.
  std::byte *data = nullptr;
  int64_t bytes = 0;
  /// Of tensor maps: the tensor's sizes, outermost first, and (or dense) the
  /// bytes from one index to the next in all dimensions but the last.
  std::vector<int64_t> sizes = {}, strides = {};
  /// Of scalars.
  int64_t integer = 0;
  double real = 0;

  static Argument memory(void *data, int64_t bytes) {
    return {static_cast<std::byte *>(data), bytes};
  }
  static Argument map(void *data, int64_t bytes, std::vector<int64_t> sizes) {
    return {static_cast<std::byte *>(data), bytes, std::move(sizes)};
  }
  static Argument size(int64_t value) { return {.integer = value}; }
  static Argument number(double value) { return {.real = value}; }
};

/// CTAs along x, y, z.
using Grid = std::array<int64_t, 3>;

/// One launch. Stages run one after another over memory that they share.
struct Stage {
  KernelOp kernel;
  Grid grid = {1, 1, 1};
  std::vector<Argument> arguments;
};

struct InterpretOptions {
  /// 0: warps run until they block, and copies land when nothing else can run.
  /// Others: warps run in random order, copies land at random times.
  uint64_t seed = 0;
  /// Instructions of a warp after which a kernel counts as endless.
  int64_t maxSteps = int64_t(1) << 32;
};

/// Something that must not happen, at the op where it happened.
struct Fault {
  mlir::Location location;
  std::string text;
  std::vector<std::pair<mlir::Location, std::string>> notes = {};

  /// Emits it as an error with notes.
  void emit() const;
};

/// Runs stages in order; stops behind the first cluster with faults. Each op
/// has at most one fault of a kind. Thread-safe for different memory, as long
/// as nobody changes the kernels.
std::vector<Fault> interpret(llvm::ArrayRef<Stage> stages,
                             const InterpretOptions &options = {});

} // namespace jet::tile

#endif // JET_DIALECTS_TILE_INTERPRETER_INTERPRETER_H
