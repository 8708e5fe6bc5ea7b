// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// wgmma: computed when the four warps of a warpgroup start it, but its reads
// count as pending, and its result as unreadable, until the wait.

#include "dialects/tile/interpreter/Matrices.h"

using namespace mlir;
using namespace jet::tile;

/// What wgmma reads of a tile, for a warp's threads.
static void readTile(Warp &warp, const Instruction &instruction, int64_t begin,
                     int64_t bytes) {
  const Components &components = warp.machine().components;
  access(warp.cta(), warp.allThreads(),
         components.wgmma(warp.thread(0).warpgroup), warp.wgmmaCommitted + 1,
         instruction, Use::AsyncRead, begin, bytes);
}

/// 16 rows of A, from registers or the warp's rows of the tile.
static Matrix operandA(Warp &warp, const Instruction &instruction) {
  auto op = cast<WgmmaOp>(instruction.op);
  if (auto frag = dyn_cast<FragType>(op.getA().getType()))
    return getA(warp, instruction.in[0], frag);
  Memory memory = Memory::of(op.getA().getType());
  bool turned = op.getTurned();
  Matrix a(16, memory.shape[turned ? 0 : 1]);
  int64_t tile = tileOffset(warp, instruction, 0, instruction.in[0]);
  if (tile < 0)
    return a;
  int64_t rows = warp.index() % 4 * 16, rowBytes = memory.shape[1] * 2;
  if (turned)
    readTile(warp, instruction, tile, memory.numBytes());
  else
    readTile(warp, instruction, tile + rows * rowBytes, 16 * rowBytes);
  const std::byte *bytes = warp.cta().shared.data() + tile;
  for (int64_t r = 0; r < 16; ++r)
    for (int64_t c = 0; c < a.columns; ++c) {
      int64_t at = turned ? c * rowBytes + 2 * (rows + r)
                          : (rows + r) * rowBytes + 2 * c;
      a.at(r, c) =
          loadElement(memory.element, bytes + swizzled(at, memory.swizzle)).f;
    }
  return a;
}

/// Bᵀ: K x N.
static Matrix operandB(Warp &warp, const Instruction &instruction) {
  auto op = cast<WgmmaOp>(instruction.op);
  Memory memory = Memory::of(op.getB().getType());
  bool transposed = op.getTransposed();
  int64_t n = op.getType().getColumns(), k = memory.shape[1];
  int64_t slab = memory.shape.back();
  Matrix b(k, n);
  int64_t tile = tileOffset(warp, instruction, 0, instruction.in[1]);
  if (tile < 0)
    return b;
  const std::byte *bytes = warp.cta().shared.data() + tile;
  for (int64_t j = 0; j < n; ++j)
    for (int64_t i = 0; i < k; ++i) {
      int64_t element =
          transposed ? (j / slab * k + i) * slab + j % slab : j * k + i;
      b.at(i, j) = loadElement(memory.element,
                               bytes + swizzled(2 * element, memory.swizzle))
                       .f;
    }
  return b;
}

static void wgmma(Warp &first, const Instruction &instruction, Mask) {
  auto op = cast<WgmmaOp>(instruction.op);
  Memory memory = Memory::of(op.getB().getType());
  Matrix b = operandB(first, instruction);
  int64_t columns = op.getType().getColumns();
  for (uint32_t i = 0; i < 4; ++i) {
    Warp &warp = first.cta().warps[first.index() + i];
    if (!warp.wgmmaOpen)
      warp.machine().fault(instruction,
                           "expected a tile.wgmma_fence before, and behind the "
                           "last tile.wgmma_commit",
                           warp.thread(0).id);
    int64_t tile = tileOffset(warp, instruction, 0, instruction.in[1]);
    if (tile >= 0)
      readTile(warp, instruction, tile, memory.numBytes());
    Matrix a = operandA(warp, instruction);
    Matrix c = op.getC() ? getAcc(warp, instruction.in[2], columns)
                         : Matrix(16, columns);
    addProduct(a, b, c);
    setAcc(warp, instruction.out, c);
    for (int lane = 0; lane < 32; ++lane)
      warp.cell(instruction.out + instruction.cells - 1, lane).i =
          warp.wgmmaCommitted + 1;
  }
}

static void fence(Warp &warp, const Instruction &, Mask) {
  warp.wgmmaOpen = true;
}

static void commit(Warp &warp, const Instruction &, Mask) {
  warp.wgmmaOpen = false;
  ++warp.wgmmaCommitted;
}

/// numbers: pending, the first cells of the results.
static void wait(Warp &warp, const Instruction &instruction, Mask mask) {
  int64_t pending = instruction.numbers[0], committed = warp.wgmmaCommitted;
  Time done = committed > pending ? Time(committed - pending) : 0;
  for (int lane : lanes(mask))
    warp.thread(lane).wgmmaDone = std::max(warp.thread(lane).wgmmaDone, done);
  for (auto [i, from] : llvm::enumerate(instruction.in)) {
    uint32_t to = instruction.numbers[1 + i];
    uint32_t count =
        cast<AccType>(instruction.op->getOperand(i).getType()).getNumElements();
    if (warp.cell(from + count, 0).i > int64_t(warp.thread(0).wgmmaDone))
      warp.machine().fault(instruction,
                           "names an accumulator of a group that it leaves "
                           "pending",
                           warp.thread(0).id);
    for (int lane : lanes(mask)) {
      for (uint32_t j = 0; j < count; ++j)
        warp.cell(to + j, lane) = warp.cell(from + j, lane);
      warp.cell(to + count, lane).i = 0;
    }
  }
}

bool jet::tile::compileWgmma(Compiler &compiler, Operation *op) {
  if (isa<WgmmaOp>(op)) {
    compiler.emit(op, wgmma, Instruction::Kind::Warpgroup);
  } else if (isa<WgmmaFenceOp>(op)) {
    compiler.emitCollective(op, fence);
  } else if (isa<WgmmaCommitOp>(op)) {
    compiler.emitCollective(op, commit);
  } else if (auto wgmmaWait = dyn_cast<WgmmaWaitOp>(op)) {
    Instruction &instruction = compiler.emitCollective(op, wait);
    instruction.numbers.push_back(wgmmaWait.getPending());
    for (Value result : wgmmaWait.getResults())
      instruction.numbers.push_back(compiler.cell(result));
  } else {
    return false;
  }
  return true;
}
