// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Matrices in registers: mma.sync, elementwise maps, reductions, loads, stores.

#include "dialects/tile/interpreter/Matrices.h"

using namespace mlir;
using namespace jet::tile;

//===----------------------------------------------------------------------===//
// Layouts
//===----------------------------------------------------------------------===//

Matrix jet::tile::getAcc(Warp &warp, uint32_t cell, int64_t columns) {
  Matrix matrix(16, columns);
  for (int64_t i = 0; i < columns / 2; ++i)
    for (int lane = 0; lane < 32; ++lane)
      matrix.at(accRow(lane, i), accColumn(lane, i)) =
          warp.cell(cell + i, lane).f;
  return matrix;
}

void jet::tile::setAcc(Warp &warp, uint32_t cell, Matrix &matrix) {
  for (int64_t i = 0; i < matrix.columns / 2; ++i)
    for (int lane = 0; lane < 32; ++lane)
      warp.cell(cell + i, lane).f =
          matrix.at(accRow(lane, i), accColumn(lane, i));
}

/// Calls `element(cell, lane, row, column)` for what the lanes hold of a
/// fragment; rows of kind a are those of the warp.
template <typename Function>
static void forEachElement(FragType type, Function element) {
  int64_t groups = type.getRows() / 8;
  for (int64_t i = 0; i < 2 * type.getNumRegisters(); ++i)
    for (int lane = 0; lane < 32; ++lane) {
      int64_t r = i / 2, pair = lane % 4 * 2 + i % 2;
      if (type.isA())
        element(i, lane, lane / 4 + r % 2 * 8,
                r / 4 * 16 + r / 2 % 2 * 8 + pair);
      else
        element(i, lane, r / 2 % groups * 8 + lane / 4,
                r / 2 / groups * 16 + r % 2 * 8 + pair);
    }
}

Matrix jet::tile::getA(Warp &warp, uint32_t cell, FragType type) {
  Matrix matrix(16, type.getColumns());
  forEachElement(type, [&](int64_t i, int lane, int64_t row, int64_t column) {
    matrix.at(row, column) = warp.cell(cell + i, lane).f;
  });
  return matrix;
}

Matrix jet::tile::getTransposedB(Warp &warp, uint32_t cell, FragType type) {
  Matrix matrix(type.getColumns(), type.getRows());
  forEachElement(type, [&](int64_t i, int lane, int64_t row, int64_t column) {
    matrix.at(column, row) = warp.cell(cell + i, lane).f;
  });
  return matrix;
}

void jet::tile::addProduct(Matrix &a, Matrix &b, Matrix &c) {
  for (int64_t i = 0; i < a.rows; ++i)
    for (int64_t k = 0; k < a.columns; ++k) {
      float factor = a.at(i, k);
      const float *from = &b.at(k, 0);
      float *to = &c.at(i, 0);
      for (int64_t j = 0; j < c.columns; ++j)
        to[j] += factor * from[j];
    }
}

//===----------------------------------------------------------------------===//
// mma.sync and its operands
//===----------------------------------------------------------------------===//

/// Whether a part of `rows` x `columns` at [row, column] is in a tile.
static bool checkPart(Warp &warp, const Instruction &instruction, int lane,
                      int64_t row, int64_t column, int64_t rows,
                      int64_t columns) {
  ArrayRef<int64_t> shape = instruction.memory.shape;
  if (row >= 0 && column >= 0 && row + rows <= shape[0] &&
      column + columns <= shape[1] && column % 8 == 0)
    return true;
  warp.machine().fault(instruction,
                       "expected a part of " + Twine(rows) + "x" +
                           Twine(columns) + " within " + Twine(shape[0]) + "x" +
                           Twine(shape[1]) +
                           " from a multiple of 8 columns, found it at [" +
                           Twine(row) + ", " + Twine(column) + "]",
                       warp.thread(lane).id);
  return false;
}

/// Notes that lanes access rows of 8 elements of 16 x 16 at [row, column]: as
/// ldmatrix and stmatrix do, a lane a row.
static void accessRows(Warp &warp, const Instruction &instruction, int64_t tile,
                       int64_t row, int64_t column, int64_t rows,
                       int64_t columns, bool writes) {
  const Memory &memory = instruction.memory;
  for (int lane = 0; lane < 32; ++lane) {
    int64_t r = lane % 16, c = lane / 16 * 8;
    if (r >= rows || c >= columns)
      continue;
    int64_t element = (row + r) * memory.shape[1] + column + c;
    int64_t offset = tile + swizzled(element * 2, memory.swizzle);
    if (writes)
      write(warp, lane, instruction, warp.cta(), offset, 16);
    else
      read(warp, lane, instruction, warp.cta(), offset, 16);
  }
}

static void loadMatrix(Warp &warp, const Instruction &instruction, Mask) {
  auto op = cast<LoadMatrixOp>(instruction.op);
  FragType type = op.getType();
  bool transposed = op.getTransposed();
  int64_t tile = tileOffset(warp, instruction, 0, instruction.in[0]);
  int64_t row = warp.cell(instruction.in[1], 0).i;
  int64_t column = warp.cell(instruction.in[2], 0).i;
  int64_t rows = transposed ? type.getColumns() : type.getRows();
  int64_t columns = transposed ? type.getRows() : type.getColumns();
  if (tile < 0 || !checkPart(warp, instruction, 0, row, column, rows, columns))
    return;
  for (int64_t i = 0; i < rows; i += 16)
    for (int64_t j = 0; j < columns; j += 16)
      accessRows(warp, instruction, tile, row + i, column + j, rows - i,
                 columns - j, /*writes=*/false);
  const Memory &memory = instruction.memory;
  const std::byte *bytes = warp.cta().shared.data() + tile;
  forEachElement(type, [&](int64_t i, int lane, int64_t r, int64_t c) {
    int64_t element = transposed ? (row + c) * memory.shape[1] + column + r
                                 : (row + r) * memory.shape[1] + column + c;
    warp.cell(instruction.out + i, lane) = loadElement(
        memory.element, bytes + swizzled(element * 2, memory.swizzle));
  });
}

static void mma(Warp &warp, const Instruction &instruction, Mask mask) {
  auto op = cast<MmaOp>(instruction.op);
  if (!checkReadable(warp, instruction, mask, 2))
    return;
  Matrix a = getA(warp, instruction.in[0], op.getA().getType());
  Matrix b = getTransposedB(warp, instruction.in[1], op.getB().getType());
  Matrix c = getAcc(warp, instruction.in[2], op.getType().getColumns());
  addProduct(a, b, c);
  setAcc(warp, instruction.out, c);
  for (int lane : lanes(mask))
    warp.cell(instruction.out + instruction.cells - 1, lane).i = 0;
}

//===----------------------------------------------------------------------===//
// Elementwise
//===----------------------------------------------------------------------===//

static void splat(Warp &warp, const Instruction &instruction, Mask mask) {
  bool isAcc = isa<AccType>(instruction.op->getResult(0).getType());
  for (uint32_t i = 0; i < instruction.cells; ++i)
    for (int lane : lanes(mask))
      if (isAcc && i == instruction.cells - 1)
        warp.cell(instruction.out + i, lane).i = 0;
      else
        warp.cell(instruction.out + i, lane) =
            warp.cell(instruction.in[0], lane);
}

static void columns(Warp &warp, const Instruction &instruction, Mask mask) {
  if (!checkReadable(warp, instruction, mask, 0))
    return;
  // A thread has 4 of each 8 columns; the last cell is what is pending.
  uint32_t first = cast<ColumnsOp>(instruction.op).getFirst() / 2;
  for (uint32_t i = 0; i < instruction.cells; ++i)
    for (int lane : lanes(mask))
      if (i == instruction.cells - 1)
        warp.cell(instruction.out + i, lane).i = 0;
      else
        warp.cell(instruction.out + i, lane) =
            warp.cell(instruction.in[0] + first + i, lane);
}

/// numbers: the cells of the results.
static void elements(Warp &warp, const Instruction &instruction, Mask mask) {
  if (!checkReadable(warp, instruction, mask, 0))
    return;
  for (auto [i, out] : llvm::enumerate(instruction.numbers))
    for (int lane : lanes(mask))
      warp.cell(out, lane) = warp.cell(instruction.in[0] + i, lane);
}

static void pack(Warp &warp, const Instruction &instruction, Mask mask) {
  if (!checkReadable(warp, instruction, mask, 0))
    return;
  // Elements are in the order of the operand's.
  for (uint32_t i = 0; i < instruction.cells; ++i)
    for (int lane : lanes(mask))
      warp.cell(instruction.out + i, lane).f =
          fromBf16(toBf16(warp.cell(instruction.in[0] + i, lane).f));
}

/// numbers: the body's first instruction, the first cells of the block's
/// arguments, the cell of the yielded value.
static void map(Warp &warp, const Instruction &instruction, Mask mask) {
  auto op = cast<MapOp>(instruction.op);
  const auto &instructions = warp.program().instructions;
  size_t inputs = instruction.in.size();
  auto acc = dyn_cast<AccType>(op.getType());
  int64_t rows = acc ? acc.getRows() : cast<RowsType>(op.getType()).getRows();
  ArrayRef<int64_t> arguments = ArrayRef(instruction.numbers).drop_front();
  for (size_t j = 0; j < inputs; ++j)
    if (!checkReadable(warp, instruction, mask, j))
      return;
  for (int64_t i = 0; i < (acc ? acc.getNumElements() : 2); ++i) {
    int64_t half = acc ? i / 2 % 2 : i;
    for (int lane : lanes(mask)) {
      for (size_t j = 0; j < inputs; ++j) {
        // Elements of an operand are in an accumulator's order.
        bool isRows = isa<RowsType>(op.getInputs()[j].getType());
        warp.cell(arguments[j], lane) =
            warp.cell(instruction.in[j] + (isRows ? half : i), lane);
      }
      warp.cell(arguments[inputs], lane).i =
          firstRow(warp, rows) + lane / 4 + 8 * half;
      if (acc)
        warp.cell(arguments[inputs + 1], lane).i = accColumn(lane, i);
    }
    for (uint32_t at = instruction.numbers[0]; at < instruction.number; ++at)
      instructions[at].run(warp, instructions[at], mask);
    for (int lane : lanes(mask))
      warp.cell(instruction.out + i, lane) = warp.cell(arguments.back(), lane);
  }
  if (acc)
    for (int lane : lanes(mask))
      warp.cell(instruction.out + instruction.cells - 1, lane).i = 0;
}

static bool compileMap(Compiler &compiler, MapOp op) {
  // The body stands before the instruction that runs it, and is jumped over.
  Block &block = op.getBody().front();
  uint32_t over = compiler.jump(op), body = compiler.next();
  if (failed(compiler.compileBody(block)))
    return false;
  compiler.land(over);
  auto acc = dyn_cast<AccType>(op.getType());
  int64_t rows = acc ? acc.getRows() : cast<RowsType>(op.getType()).getRows();
  // The rows of a warp of four come from the warp's index, a shuffle.
  Instruction &instruction = compiler.emit(
      op, map,
      rows == 64 ? Instruction::Kind::Collective : Instruction::Kind::Plain);
  instruction.numbers.push_back(body);
  for (Value argument : block.getArguments())
    instruction.numbers.push_back(compiler.cell(argument));
  instruction.numbers.push_back(
      compiler.cell(block.getTerminator()->getOperand(0)));
  return true;
}

//===----------------------------------------------------------------------===//
// Reductions
//===----------------------------------------------------------------------===//

static void reduce(Warp &warp, const Instruction &instruction, Mask mask) {
  auto op = cast<ReduceOp>(instruction.op);
  if (!checkReadable(warp, instruction, mask, 0))
    return;
  auto combine = [&](float a, float b) {
    return op.getKind() == Reduction::add ? a + b : std::fmax(a, b);
  };
  int64_t count = op.getSource().getType().getNumElements();
  for (int64_t half = 0; half < 2; ++half) {
    std::array<float, 32> sums;
    for (int lane = 0; lane < 32; ++lane) {
      sums[lane] = warp.cell(instruction.in[0] + 2 * half, lane).f;
      for (int64_t i = 2 * half + 1; i < count; ++i)
        if (i / 2 % 2 == half)
          sums[lane] =
              combine(sums[lane], warp.cell(instruction.in[0] + i, lane).f);
    }
    for (int offset : {1, 2}) {
      std::array<float, 32> before = sums;
      for (int lane = 0; lane < 32; ++lane)
        sums[lane] = combine(before[lane], before[lane ^ offset]);
    }
    for (int lane = 0; lane < 32; ++lane)
      warp.cell(instruction.out + half, lane).f = sums[lane];
  }
}

static void anyLess(Warp &warp, const Instruction &instruction, Mask mask) {
  bool any = false;
  for (int lane : lanes(mask))
    for (int64_t half = 0; half < 2; ++half)
      any |= warp.cell(instruction.in[0] + half, lane).f <
             warp.cell(instruction.in[1] + half, lane).f;
  for (int lane : lanes(mask))
    warp.cell(instruction.out, lane).i = any ? -1 : 0;
}

//===----------------------------------------------------------------------===//
// Stores
//===----------------------------------------------------------------------===//

static void storeAcc(Warp &warp, const Instruction &instruction, Mask mask) {
  auto op = cast<StoreAccOp>(instruction.op);
  if (!checkReadable(warp, instruction, mask, 0))
    return;
  AccType type = op.getSource().getType();
  Element element = instruction.memory.element;
  bool bounded = instruction.in.size() > 4;
  for (int lane : lanes(mask))
    for (int64_t i = 0; i < type.getNumElements(); i += 2) {
      int64_t row = warp.cell(instruction.in[2], lane).i +
                    firstRow(warp, type.getRows()) + accRow(lane, i);
      int64_t column =
          warp.cell(instruction.in[3], lane).i + accColumn(lane, i);
      if (bounded && (row >= warp.cell(instruction.in[4], lane).i ||
                      column >= warp.cell(instruction.in[5], lane).i))
        continue;
      std::byte *to = locateAccess(warp, instruction, lane, instruction.in[1],
                                   {row, column}, 2, /*writes=*/true);
      if (!to)
        return;
      storeElement(element, to, warp.cell(instruction.in[0] + i, lane));
      storeElement(element, to + element.bytes(),
                   warp.cell(instruction.in[0] + i + 1, lane));
    }
}

/// Columns as rows, element by element.
static void storeTransposed(Warp &warp, const Instruction &instruction,
                            Mask mask) {
  auto op = cast<StoreAccOp>(instruction.op);
  if (!checkReadable(warp, instruction, mask, 0))
    return;
  AccType type = op.getSource().getType();
  for (int lane : lanes(mask))
    for (int64_t i = 0; i < type.getNumElements(); ++i) {
      int64_t row = warp.cell(instruction.in[2], lane).i + accColumn(lane, i);
      int64_t column = warp.cell(instruction.in[3], lane).i +
                       firstRow(warp, type.getRows()) + accRow(lane, i);
      std::byte *to = locateAccess(warp, instruction, lane, instruction.in[1],
                                   {row, column}, 1, /*writes=*/true);
      if (!to)
        return;
      storeElement(instruction.memory.element, to,
                   warp.cell(instruction.in[0] + i, lane));
    }
}

static void storeMatrix(Warp &warp, const Instruction &instruction, Mask mask) {
  auto op = cast<StoreMatrixOp>(instruction.op);
  const Memory &memory = instruction.memory;
  int64_t tile = tileOffset(warp, instruction, 0, instruction.in[1]);
  if (tile < 0 || !checkReadable(warp, instruction, mask, 0))
    return;
  Matrix acc =
      getAcc(warp, instruction.in[0], op.getSource().getType().getColumns());
  bool transposed = op.getTransposed();
  int64_t rowSize = memory.shape[1];
  int64_t row = firstRow(warp, memory.shape[transposed ? 1 : 0]);
  int64_t columns = memory.shape[transposed ? 0 : 1];
  for (int64_t c = 0; c < columns; c += 16)
    accessRows(warp, instruction, tile, transposed ? c : row,
               transposed ? row : c, 16, 16, /*writes=*/true);
  std::byte *to = warp.cta().shared.data() + tile;
  for (int64_t r = 0; r < 16; ++r)
    for (int64_t c = 0; c < columns; ++c) {
      int64_t element =
          transposed ? c * rowSize + row + r : (row + r) * rowSize + c;
      Cell value;
      value.f = acc.at(r, op.getFirst() + c);
      storeElement(memory.element, to + swizzled(element * 2, memory.swizzle),
                   value);
    }
}

bool jet::tile::compileMatrices(Compiler &compiler, Operation *op) {
  if (auto load = dyn_cast<LoadMatrixOp>(op)) {
    compiler.emitCollective(op, loadMatrix).memory =
        Memory::of(load.getSource().getType());
  } else if (isa<MmaOp>(op)) {
    compiler.emitCollective(op, mma);
  } else if (isa<SplatOp>(op)) {
    compiler.emit(op, splat);
  } else if (isa<ColumnsOp>(op)) {
    compiler.emit(op, columns);
  } else if (isa<ElementsOp>(op)) {
    Instruction &instruction = compiler.emit(op, elements);
    for (Value element : op->getResults())
      instruction.numbers.push_back(compiler.cell(element));
  } else if (isa<PackOp>(op)) {
    compiler.emit(op, pack);
  } else if (auto function = dyn_cast<MapOp>(op)) {
    return compileMap(compiler, function);
  } else if (isa<ReduceOp>(op)) {
    compiler.emitCollective(op, reduce);
  } else if (isa<AnyLessOp>(op)) {
    compiler.emitCollective(op, anyLess);
  } else if (auto store = dyn_cast<StoreAccOp>(op)) {
    bool all = store.getSource().getType().getRows() == 64;
    Instruction &instruction = compiler.emit(
        op, store.getTransposed() ? storeTransposed : storeAcc,
        all ? Instruction::Kind::Collective : Instruction::Kind::Plain);
    instruction.memory = Memory::of(store.getMemory().getType());
    if (instruction.memory.shared)
      compiler.noteAccess((store.getTransposed() ? 1 : 2) *
                          instruction.memory.element.bytes());
  } else if (auto store = dyn_cast<StoreMatrixOp>(op)) {
    compiler.emitCollective(op, storeMatrix).memory =
        Memory::of(store.getDestination().getType());
  } else {
    return false;
  }
  return true;
}
