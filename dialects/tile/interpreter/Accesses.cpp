// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Elements of memory, places within bounds, and what a race is called.

#include "dialects/tile/interpreter/Machine.h"

using namespace mlir;
using namespace jet::tile;

Cell jet::tile::loadElement(Element element, const std::byte *from) {
  uint64_t bits = 0;
  std::memcpy(&bits, from, element.bytes());
  Cell cell;
  if (element.isFloat())
    cell.f = floatFromBits(element, uint32_t(bits));
  else
    cell.i = wrap(int64_t(bits), element.bits);
  return cell;
}

void jet::tile::storeElement(Element element, std::byte *to, Cell value) {
  uint64_t bits = element.isFloat() ? floatToBits(element, value.f)
                                    : unsignedOf(value.i, element.bits);
  std::memcpy(to, &bits, element.bytes());
}

//===----------------------------------------------------------------------===//
// Races
//===----------------------------------------------------------------------===//

/// What was wrong with a use after `conflict.other`.
static std::string describe(const Components &components, Use use,
                            const Conflict &conflict) {
  bool writes = use == Use::Write || use == Use::AsyncWrite;
  std::string verb = writes ? "overwrites " : "reads ";
  Component other = conflict.other.component;
  if (conflict.race == Race::Unfenced)
    return verb + "what a thread wrote without tile.fence_async between";
  if (conflict.otherWrites && components.isCpAsync(other))
    return verb + "what a tile.cp_async writes that was not waited for, or "
                  "without a barrier behind the wait";
  if (conflict.otherWrites && !components.isThread(other))
    return verb + "a tile whose copy has not been waited for";
  if (conflict.otherWrites)
    return verb + "what another thread wrote without a barrier between";
  if (components.isWgmma(other))
    return verb + "what a pending tile.wgmma may still read";
  if (!components.isThread(other))
    return verb + "what a store to global memory may still read";
  return verb + "what another thread reads, without a barrier between";
}

void jet::tile::access(Cta &cta, ArrayRef<Thread> threads, Component component,
                       Time time, const Instruction &instruction, Use use,
                       int64_t begin, int64_t bytes) {
  Machine &machine = cta.machine;
  Accessor accessor{threads,
                    {component, time, instruction.number},
                    use == Use::AsyncRead || use == Use::AsyncWrite};
  bool writes = use == Use::Write || use == Use::AsyncWrite;
  Conflict conflict = writes ? cta.shadow.write(accessor, begin, begin + bytes)
                             : cta.shadow.read(accessor, begin, begin + bytes);
  // A race has two ends; the first that shows is reported.
  if (conflict.race == Race::None ||
      !machine.races
           .insert(std::minmax(instruction.number, conflict.other.instruction))
           .second)
    return;
  const Components &components = machine.components;
  Fault *fault = machine.fault(instruction, describe(components, use, conflict),
                               threads.front().id);
  if (!fault)
    return;
  Component other = conflict.other.component;
  std::string who;
  if (components.isThread(other) || components.isCpAsync(other))
    who = " by " + machine.nameOf(components.threadOf(other));
  fault->notes.emplace_back(
      machine.program.instructions[conflict.other.instruction].op->getLoc(),
      (conflict.otherWrites ? "written here" : "read here") + who);
}

//===----------------------------------------------------------------------===//
// Bounds
//===----------------------------------------------------------------------===//

int64_t jet::tile::countElements(const Memory &memory,
                                 const Argument &argument) {
  if (!memory.shape.empty() && ShapedType::isDynamic(memory.shape[0])) {
    int64_t row = memory.element.bytes();
    for (int64_t size : ArrayRef(memory.shape).drop_front())
      row *= size;
    return argument.bytes / row * (row / memory.element.bytes());
  }
  return memory.numElements();
}

int64_t jet::tile::locate(Warp &warp, const Instruction &instruction, int lane,
                          const Memory &memory, int64_t elements,
                          ArrayRef<int64_t> indices, int64_t count) {
  int64_t linear = 0, inner = 1;
  for (int64_t size : ArrayRef(memory.shape).drop_front())
    inner *= size;
  for (auto [i, index] : llvm::enumerate(indices)) {
    int64_t size = i ? memory.shape[i] : elements / inner;
    if (index < 0 || index >= size) {
      warp.machine().fault(instruction,
                           "expected index " + Twine(i) + " below " +
                               Twine(size) + ", found " + Twine(index),
                           warp.thread(lane).id);
      return -1;
    }
    linear = i ? linear * size + index : index;
  }
  if (linear + count > elements) {
    warp.machine().fault(instruction,
                         "expected the last of " + Twine(count) +
                             " elements within " + Twine(elements) +
                             ", found a start at " + Twine(linear),
                         warp.thread(lane).id);
    return -1;
  }
  return linear;
}

std::byte *jet::tile::locateAccess(Warp &warp, const Instruction &instruction,
                                   int lane, uint32_t base,
                                   ArrayRef<int64_t> indices, int64_t count,
                                   bool writes, Cta *cta) {
  const Memory &memory = instruction.memory;
  int64_t width = memory.element.bytes(), bytes = count * width;
  auto checkAlignment = [&](int64_t offset) {
    if (offset % bytes == 0)
      return true;
    warp.machine().fault(instruction,
                         "expected an address of a multiple of " +
                             Twine(bytes) + " bytes, found an offset of " +
                             Twine(offset),
                         warp.thread(lane).id);
    return false;
  };
  if (!memory.shared) {
    const Argument &argument =
        warp.machine().stage.arguments[warp.cell(base, lane).i];
    int64_t element = locate(warp, instruction, lane, memory,
                             countElements(memory, argument), indices, count);
    if (element < 0 || !checkAlignment(element * width))
      return nullptr;
    return argument.data + element * width;
  }
  int64_t tile = tileOffset(warp, instruction, lane, base);
  if (tile < 0)
    return nullptr;
  int64_t element = locate(warp, instruction, lane, memory,
                           memory.numElements(), indices, count);
  if (element < 0 || !checkAlignment(tile + element * width))
    return nullptr;
  int64_t offset = tile + swizzled(element * width, memory.swizzle);
  Cta &owner = cta ? *cta : warp.cta();
  if (writes)
    write(warp, lane, instruction, owner, offset, bytes);
  else
    read(warp, lane, instruction, owner, offset, bytes);
  return owner.shared.data() + offset;
}

/// Slices outside of their tile are marked by the size and the index.
int64_t jet::tile::tileOffset(Warp &warp, const Instruction &instruction,
                              int lane, uint32_t cell) {
  int64_t offset = warp.cell(cell, lane).i;
  if (offset >= 0)
    return offset;
  warp.machine().fault(
      instruction,
      "uses a tile that tile.slice selects outside of its source's sizes",
      warp.thread(lane).id);
  return -1;
}

bool jet::tile::checkReadable(Warp &warp, const Instruction &instruction,
                              Mask mask, uint32_t operand) {
  auto acc = dyn_cast<AccType>(instruction.op->getOperand(operand).getType());
  if (!acc)
    return true;
  uint32_t tag = instruction.in[operand] + acc.getNumElements();
  for (int lane : lanes(mask))
    if (warp.cell(tag, lane).i) {
      warp.machine().fault(instruction,
                           "reads an accumulator that a pending tile.wgmma "
                           "computes: expected the result of a "
                           "tile.wgmma_wait",
                           warp.thread(lane).id);
      return false;
    }
  return true;
}
