// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Small vectors.

#include "dialects/tile/interpreter/Machine.h"

#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace jet::tile;

/// Copies the cells that `numbers` tells: from operand (high half) and cell.
static void gather(Warp &warp, const Instruction &instruction, Mask mask) {
  for (uint32_t i = 0; i < instruction.cells; ++i) {
    int64_t from = instruction.numbers[i];
    uint32_t place = instruction.in[from >> 32] + uint32_t(from);
    for (int lane : lanes(mask))
      warp.cell(instruction.out + i, lane) = warp.cell(place, lane);
  }
}

static bool emitGather(Compiler &compiler, Operation *op,
                       llvm::function_ref<int64_t(int64_t)> from) {
  Instruction &instruction = compiler.emit(op, gather);
  for (uint32_t i = 0; i < instruction.cells; ++i)
    instruction.numbers.push_back(from(i));
  return true;
}

static int64_t cellOf(int64_t operand, int64_t element) {
  return operand << 32 | element;
}

//===----------------------------------------------------------------------===//
// Positions. numbers: the first cell, the cells of an element, then for each
// dynamic index its operand, the cells that it leads over, its size
//===----------------------------------------------------------------------===//

/// The cell within the vector, or -1 after a fault.
static int64_t position(Warp &warp, const Instruction &instruction, int lane) {
  ArrayRef<int64_t> numbers = instruction.numbers;
  int64_t at = numbers[0];
  for (size_t i = 2; i < numbers.size(); i += 3) {
    int64_t index = warp.cell(instruction.in[numbers[i]], lane).i;
    if (index < 0 || index >= numbers[i + 2]) {
      warp.machine().fault(instruction,
                           "expected an element below " +
                               Twine(numbers[i + 2]) + ", found " +
                               Twine(index),
                           warp.thread(lane).id);
      return -1;
    }
    at += index * numbers[i + 1];
  }
  return at;
}

static void extract(Warp &warp, const Instruction &instruction, Mask mask) {
  for (int lane : lanes(mask)) {
    int64_t at = position(warp, instruction, lane);
    for (int64_t i = 0; at >= 0 && i < instruction.numbers[1]; ++i)
      warp.cell(instruction.out + i, lane) =
          warp.cell(instruction.in[0] + at + i, lane);
  }
}

static void insert(Warp &warp, const Instruction &instruction, Mask mask) {
  for (int lane : lanes(mask)) {
    for (uint32_t i = 0; i < instruction.cells; ++i)
      warp.cell(instruction.out + i, lane) =
          warp.cell(instruction.in[1] + i, lane);
    int64_t at = position(warp, instruction, lane);
    for (int64_t i = 0; at >= 0 && i < instruction.numbers[1]; ++i)
      warp.cell(instruction.out + at + i, lane) =
          warp.cell(instruction.in[0] + i, lane);
  }
}

template <typename Op>
static bool emitPosition(Compiler &compiler, Op op, Instruction::Run run,
                         VectorType type, int64_t firstDynamic) {
  Instruction &instruction = compiler.emit(op, run);
  int64_t first = 0, stride = type.getNumElements();
  SmallVector<int64_t> dynamic;
  for (auto [i, index] : llvm::enumerate(op.getStaticPosition())) {
    stride /= type.getShape()[i];
    if (ShapedType::isDynamic(index))
      dynamic.append({firstDynamic++, stride, type.getShape()[i]});
    else
      first += index * stride;
  }
  instruction.numbers.append({first, stride});
  instruction.numbers.append(dynamic.begin(), dynamic.end());
  return true;
}

//===----------------------------------------------------------------------===//
// Bits, sums
//===----------------------------------------------------------------------===//

/// The same bits as elements of another width.
static void bitcast(Warp &warp, const Instruction &instruction, Mask mask) {
  auto elementOf = [](Type type) {
    return Element::of(cast<VectorType>(type).getElementType());
  };
  Type source = instruction.op->getOperand(0).getType();
  Element from = elementOf(source);
  Element to = elementOf(instruction.op->getResult(0).getType());
  uint32_t count = countCells(source);
  std::vector<std::byte> bytes(size_t(count) * from.bytes());
  for (int lane : lanes(mask)) {
    for (uint32_t i = 0; i < count; ++i)
      storeElement(from, &bytes[i * from.bytes()],
                   warp.cell(instruction.in[0] + i, lane));
    for (uint32_t i = 0; i < instruction.cells; ++i)
      warp.cell(instruction.out + i, lane) =
          loadElement(to, &bytes[i * to.bytes()]);
  }
}

static Cell combine(vector::CombiningKind kind, Element element, Cell a,
                    Cell b) {
  using Kind = vector::CombiningKind;
  Cell result{0};
  switch (kind) {
  case Kind::ADD:
    if (element.isFloat())
      result.f = roundTo(element, a.f + b.f);
    else
      result.i = wrap(a.i + b.i, element.bits);
    return result;
  case Kind::MUL:
    if (element.isFloat())
      result.f = roundTo(element, a.f * b.f);
    else
      result.i = wrap(int64_t(uint64_t(a.i) * uint64_t(b.i)), element.bits);
    return result;
  case Kind::MAXNUMF:
    result.f = std::fmax(a.f, b.f);
    return result;
  case Kind::MINNUMF:
    result.f = std::fmin(a.f, b.f);
    return result;
  case Kind::MAXIMUMF:
    result.f = std::isnan(a.f) || std::isnan(b.f) ? NAN : std::fmax(a.f, b.f);
    return result;
  case Kind::MINIMUMF:
    result.f = std::isnan(a.f) || std::isnan(b.f) ? NAN : std::fmin(a.f, b.f);
    return result;
  case Kind::MAXSI:
    return {std::max(a.i, b.i)};
  case Kind::MINSI:
    return {std::min(a.i, b.i)};
  case Kind::AND:
    return {a.i & b.i};
  case Kind::OR:
    return {a.i | b.i};
  case Kind::XOR:
    return {a.i ^ b.i};
  default:
    return unsignedOf(a.i, element.bits) < unsignedOf(b.i, element.bits) ==
                   (kind == Kind::MINUI)
               ? a
               : b;
  }
}

/// In the order of elements, from the accumulator on. numbers: elements.
static void reduction(Warp &warp, const Instruction &instruction, Mask mask) {
  auto op = cast<vector::ReductionOp>(instruction.op);
  Element element = Element::of(op.getType());
  for (int lane : lanes(mask)) {
    bool begins = instruction.in.size() > 1;
    Cell sum = begins ? warp.cell(instruction.in[1], lane)
                      : warp.cell(instruction.in[0], lane);
    for (int64_t i = begins ? 0 : 1; i < instruction.numbers[0]; ++i)
      sum = combine(op.getKind(), element, sum,
                    warp.cell(instruction.in[0] + i, lane));
    warp.cell(instruction.out, lane) = sum;
  }
}

static void fma(Warp &warp, const Instruction &instruction, Mask mask) {
  for (uint32_t i = 0; i < instruction.cells; ++i)
    for (int lane : lanes(mask))
      warp.cell(instruction.out + i, lane).f =
          std::fma(warp.cell(instruction.in[0] + i, lane).f,
                   warp.cell(instruction.in[1] + i, lane).f,
                   warp.cell(instruction.in[2] + i, lane).f);
}

static void toElements(Warp &warp, const Instruction &instruction, Mask mask) {
  for (size_t i = 0; i < instruction.numbers.size(); ++i)
    for (int lane : lanes(mask))
      warp.cell(uint32_t(instruction.numbers[i]), lane) =
          warp.cell(instruction.in[0] + i, lane);
}

//===----------------------------------------------------------------------===//
// Parts of vectors of one dimension
//===----------------------------------------------------------------------===//

static bool compileStrided(Compiler &compiler, Operation *op) {
  if (auto part = dyn_cast<vector::ExtractStridedSliceOp>(op)) {
    if (part.getSourceVectorType().getRank() != 1)
      return false;
    int64_t first = cast<IntegerAttr>(part.getOffsets()[0]).getInt();
    return emitGather(compiler, op,
                      [&](int64_t i) { return cellOf(0, first + i); });
  }
  auto part = dyn_cast<vector::InsertStridedSliceOp>(op);
  if (!part || part.getDestVectorType().getRank() != 1)
    return false;
  int64_t first = cast<IntegerAttr>(part.getOffsets()[0]).getInt();
  int64_t count = part.getSourceVectorType().getNumElements();
  return emitGather(compiler, op, [&](int64_t i) {
    return i >= first && i < first + count ? cellOf(0, i - first)
                                           : cellOf(1, i);
  });
}

bool jet::tile::compileVector(Compiler &compiler, Operation *op) {
  if (auto element = dyn_cast<vector::ExtractOp>(op))
    return emitPosition(compiler, element, extract,
                        element.getSourceVectorType(), 1);
  if (auto element = dyn_cast<vector::InsertOp>(op))
    return emitPosition(compiler, element, insert, element.getDestVectorType(),
                        2);
  if (isa<vector::FromElementsOp>(op))
    return emitGather(compiler, op, [](int64_t i) { return cellOf(i, 0); });
  if (auto elements = dyn_cast<vector::ToElementsOp>(op)) {
    Instruction &instruction = compiler.emit(op, toElements);
    for (Value result : elements.getResults())
      instruction.numbers.push_back(compiler.cell(result));
    return true;
  }
  if (auto splat = dyn_cast<vector::BroadcastOp>(op)) {
    // The trailing sizes are the source's.
    int64_t count = countCells(splat.getSourceType());
    auto source = dyn_cast<VectorType>(splat.getSourceType());
    if (source && splat.getResultVectorType().getShape().take_back(
                      source.getRank()) != source.getShape())
      return false;
    return emitGather(compiler, op,
                      [&](int64_t i) { return cellOf(0, i % count); });
  }
  if (isa<vector::ShapeCastOp>(op))
    return emitGather(compiler, op, [](int64_t i) { return cellOf(0, i); });
  if (auto shuffle = dyn_cast<vector::ShuffleOp>(op)) {
    int64_t size = countCells(shuffle.getV1VectorType());
    return emitGather(compiler, op, [&](int64_t i) {
      int64_t from = shuffle.getMask()[i];
      return from < size ? cellOf(0, std::max<int64_t>(from, 0))
                         : cellOf(1, from - size);
    });
  }
  if (isa<vector::BitCastOp>(op)) {
    compiler.emit(op, bitcast);
    return true;
  }
  if (isa<vector::ReductionOp>(op)) {
    compiler.emit(op, reduction)
        .numbers.push_back(countCells(op->getOperand(0).getType()));
    return true;
  }
  if (isa<vector::FMAOp>(op)) {
    compiler.emit(op, fma);
    return true;
  }
  return compileStrided(compiler, op);
}
