// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Who a thread is; shared memory and its parts.

#include "dialects/tile/interpreter/Machine.h"

using namespace mlir;
using namespace jet::tile;

/// An instruction that gives each lane an integer.
template <int64_t (*value)(Warp &, const Instruction &, int)>
static void give(Warp &warp, const Instruction &instruction, Mask mask) {
  for (int lane : lanes(mask))
    warp.cell(instruction.out, lane).i = value(warp, instruction, lane);
}

static int64_t threadId(Warp &warp, const Instruction &, int lane) {
  return warp.index() * 32 + lane;
}
static int64_t laneId(Warp &, const Instruction &, int lane) { return lane; }
static int64_t warpId(Warp &warp, const Instruction &instruction, int) {
  return warp.index() >> instruction.numbers[0];
}
static int64_t clusterRank(Warp &warp, const Instruction &, int) {
  return warp.cta().rank;
}
static int64_t blockId(Warp &warp, const Instruction &instruction, int) {
  return warp.cta().index[instruction.numbers[0]];
}
static int64_t gridDim(Warp &warp, const Instruction &instruction, int) {
  return warp.machine().stage.grid[instruction.numbers[0]];
}
// The same lane each time, as the hardware does for the same lanes.
static int64_t elect(Warp &, const Instruction &, int lane) {
  return lane == 0 ? -1 : 0;
}
static int64_t constant(Warp &, const Instruction &instruction, int) {
  return instruction.numbers[0];
}
static int64_t same(Warp &warp, const Instruction &instruction, int lane) {
  return warp.cell(instruction.in[0], lane).i;
}

static int64_t reuse(Warp &warp, const Instruction &instruction, int lane) {
  int64_t base = warp.cell(instruction.in[0], lane).i;
  return base < 0 ? base : base + instruction.numbers[0];
}

/// The byte offset of a part; negative if an index is outside. numbers: the
/// part's bytes, the leading sizes.
static int64_t slice(Warp &warp, const Instruction &instruction, int lane) {
  int64_t base = warp.cell(instruction.in[0], lane).i, linear = 0;
  for (size_t i = 1; i < instruction.in.size(); ++i) {
    int64_t index = warp.cell(instruction.in[i], lane).i;
    if (base < 0 || index < 0 || index >= instruction.numbers[i])
      return -1;
    linear = linear * instruction.numbers[i] + index;
  }
  return base + linear * instruction.numbers[0];
}

static void compileAlloc(Compiler &compiler, AllocOp alloc) {
  Program &program = compiler.program;
  Instruction &instruction = compiler.emit(alloc, give<constant>);
  if (auto barriers = dyn_cast<BarriersType>(alloc.getType())) {
    instruction.numbers.push_back(program.barriers |
                                  int64_t(barriers.getCount()) << 32);
    program.barriers += barriers.getCount();
    return;
  }
  KernelOp kernel = program.kernel;
  SmallVector<int64_t> offsets = kernel.assignOffsets();
  auto allocs = kernel.getBody().front().getOps<AllocOp>();
  instruction.numbers.push_back(
      offsets[std::distance(allocs.begin(), llvm::find(allocs, alloc))]);
}

bool jet::tile::compileKernelOps(Compiler &compiler, Operation *op) {
  if (isa<ThreadIdOp>(op)) {
    compiler.emit(op, give<threadId>);
  } else if (isa<LaneIdOp>(op)) {
    compiler.emit(op, give<laneId>);
  } else if (isa<WarpIdOp, WarpgroupIdOp>(op)) {
    // Lowered to a shuffle of the whole warp.
    compiler.emitCollective(op, give<warpId>)
        .numbers.push_back(isa<WarpIdOp>(op) ? 0 : 2);
  } else if (isa<ClusterRankOp>(op)) {
    compiler.emit(op, give<clusterRank>);
  } else if (auto id = dyn_cast<BlockIdOp>(op)) {
    compiler.emit(op, give<blockId>).numbers.push_back(int64_t(id.getAxis()));
  } else if (auto dim = dyn_cast<GridDimOp>(op)) {
    compiler.emit(op, give<gridDim>).numbers.push_back(int64_t(dim.getAxis()));
  } else if (isa<ElectOp>(op)) {
    compiler.emitCollective(op, give<elect>);
  } else if (auto alloc = dyn_cast<AllocOp>(op)) {
    compileAlloc(compiler, alloc);
  } else if (auto part = dyn_cast<SliceOp>(op)) {
    Instruction &instruction = compiler.emit(op, give<slice>);
    instruction.numbers.push_back(part.getType().getNumBytes());
    ArrayRef<int64_t> shape = part.getSource().getType().getShape();
    ArrayRef<int64_t> leading = shape.take_front(part.getIndices().size());
    instruction.numbers.append(leading.begin(), leading.end());
  } else if (auto part = dyn_cast<ReuseOp>(op)) {
    compiler.emit(op, give<reuse>).numbers.push_back(part.getOffset());
  } else if (isa<ViewOp>(op)) {
    compiler.emit(op, give<same>);
  } else {
    return false;
  }
  return true;
}
