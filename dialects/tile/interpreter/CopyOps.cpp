// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Loads, stores, and the start of copies.

#include "dialects/tile/interpreter/Machine.h"

using namespace mlir;
using namespace jet::tile;

//===----------------------------------------------------------------------===//
// Loads and stores. numbers: indices, the mask's operand or -1
//===----------------------------------------------------------------------===//

static bool isMasked(Warp &warp, const Instruction &instruction, int lane) {
  return instruction.numbers[1] >= 0 &&
         !warp.cell(instruction.in[instruction.numbers[1]], lane).i;
}

static void load(Warp &warp, const Instruction &instruction, Mask mask) {
  ArrayRef<uint32_t> in = instruction.in;
  Element element = instruction.memory.element;
  for (int lane : lanes(mask)) {
    if (isMasked(warp, instruction, lane)) {
      for (uint32_t i = 0; i < instruction.cells; ++i)
        warp.cell(instruction.out + i, lane) = warp.cell(in.back() + i, lane);
      continue;
    }
    const std::byte *from =
        locateAccess(warp, instruction, lane, in[0],
                     integers(warp, lane, in.slice(1, instruction.numbers[0])),
                     instruction.cells, /*writes=*/false);
    for (uint32_t i = 0; i < instruction.cells; ++i)
      warp.cell(instruction.out + i, lane) =
          from ? loadElement(element, from + i * element.bytes()) : Cell{-1};
  }
}

/// numbers: indices.
static void loadRemote(Warp &warp, const Instruction &instruction, Mask mask) {
  ArrayRef<uint32_t> in = instruction.in;
  Element element = instruction.memory.element;
  for (int lane : lanes(mask)) {
    Cta *cta = remoteCta(warp, instruction, lane, in.back());
    const std::byte *from =
        cta ? locateAccess(
                  warp, instruction, lane, in[0],
                  integers(warp, lane, in.slice(1, instruction.numbers[0])),
                  instruction.cells, /*writes=*/false, cta)
            : nullptr;
    for (uint32_t i = 0; i < instruction.cells; ++i)
      warp.cell(instruction.out + i, lane) =
          from ? loadElement(element, from + i * element.bytes()) : Cell{-1};
  }
}

/// numbers: indices, cells of the value.
static void storeRemote(Warp &warp, const Instruction &instruction, Mask mask) {
  ArrayRef<uint32_t> in = instruction.in;
  Element element = instruction.memory.element;
  int64_t count = instruction.numbers[1];
  for (int lane : lanes(mask)) {
    Cta *cta = remoteCta(warp, instruction, lane, in.back());
    if (!cta)
      continue;
    std::byte *to =
        locateAccess(warp, instruction, lane, in[1],
                     integers(warp, lane, in.slice(2, instruction.numbers[0])),
                     count, /*writes=*/true, cta);
    for (int64_t i = 0; to && i < count; ++i)
      storeElement(element, to + i * element.bytes(),
                   warp.cell(in[0] + i, lane));
  }
}

static void store(Warp &warp, const Instruction &instruction, Mask mask) {
  ArrayRef<uint32_t> in = instruction.in;
  Element element = instruction.memory.element;
  int64_t count = instruction.numbers[2];
  for (int lane : lanes(mask)) {
    if (isMasked(warp, instruction, lane))
      continue;
    std::byte *to =
        locateAccess(warp, instruction, lane, in[1],
                     integers(warp, lane, in.slice(2, instruction.numbers[0])),
                     count, /*writes=*/true);
    for (int64_t i = 0; to && i < count; ++i)
      storeElement(element, to + i * element.bytes(),
                   warp.cell(in[0] + i, lane));
  }
}

//===----------------------------------------------------------------------===//
// Copies to shared memory that complete at a barrier
//===----------------------------------------------------------------------===//

/// Starts a copy to `cta` by a thread.
static void startLoad(Warp &warp, const Instruction &instruction, int lane,
                      Cta &cta, uint32_t index, Copy copy) {
  Machine &machine = warp.machine();
  const Components &components = machine.components;
  MBarrier &barrier = cta.barriers[index];
  copy.cta = &cta, copy.barrier = index;
  barrier.flying += copy.bytes;
  barrier.lastCopy = &instruction;
  Component component =
      components.copies(cta.rank * machine.program.barriers + index);
  access(cta, warp.thread(lane), component, barrier.phases + 1, instruction,
         Use::AsyncWrite, copy.offset, copy.bytes);
  machine.flying.push_back(std::move(copy));
}

/// Reports a tile at an address that TMA does not take, and a box that lies
/// outside of its tensor by more than its own size. One beside the tensor reads
/// zeros, which is how tiles of several boxes end.
static void checkBox(Warp &warp, const Instruction &instruction, int lane,
                     const Copy &copy) {
  const Argument &argument = warp.machine().stage.arguments[copy.argument];
  int64_t swizzle = instruction.memory.swizzle;
  int64_t alignment = swizzle ? 8 * swizzle : 128;
  if (copy.offset % alignment)
    warp.machine().fault(instruction,
                         "expected a tile at a multiple of " +
                             Twine(alignment) + " bytes, found it at " +
                             Twine(copy.offset),
                         warp.thread(lane).id);
  for (auto [i, at] : llvm::enumerate(copy.coordinates)) {
    int64_t size = argument.sizes[i], box = instruction.memory.shape[i];
    if (at >= size + box || at + 2 * box <= 0)
      warp.machine().fault(instruction,
                           "expected a box in or beside the tensor's size " +
                               Twine(size) + " of dimension " + Twine(i) +
                               ", found a start at " + Twine(at),
                           warp.thread(lane).id);
  }
}

/// numbers: coordinates, the mask's operand or -1.
static void tmaLoad(Warp &warp, const Instruction &instruction, Mask mask) {
  ArrayRef<uint32_t> in = instruction.in;
  int64_t rank = instruction.numbers[0], masks = instruction.numbers[1];
  for (int lane : lanes(mask)) {
    Copy copy{&instruction, &warp.cta()};
    copy.argument = warp.cell(in[0], lane).i;
    copy.coordinates = integers(warp, lane, in.slice(1, rank));
    copy.bytes = instruction.memory.numBytes();
    copy.offset = tileOffset(warp, instruction, lane, in[1 + rank]);
    int64_t barrier = useBarrier(warp, instruction, lane, in[2 + rank],
                                 in[3 + rank], warp.cta(), /*async=*/true);
    if (copy.offset < 0 || barrier < 0)
      continue;
    checkBox(warp, instruction, lane, copy);
    if (masks < 0) {
      startLoad(warp, instruction, lane, warp.cta(), barrier, copy);
      continue;
    }
    uint64_t targets = unsignedOf(warp.cell(in[masks], lane).i, 16);
    if (targets >> warp.machine().ctas.size())
      warp.machine().fault(instruction, "multicasts beyond the cluster",
                           warp.thread(lane).id);
    for (Cta &cta : warp.machine().ctas)
      if (targets >> cta.rank & 1) {
        noteRemoteUse(warp, instruction, lane, cta);
        startLoad(warp, instruction, lane, cta, barrier, copy);
      }
  }
}

/// Finds the contiguous global elements of a bulk copy; whether they are right.
static bool locateBulk(Warp &warp, const Instruction &instruction, int lane,
                       uint32_t operand, Copy &copy) {
  const Memory &memory = instruction.memory;
  copy.argument = warp.cell(instruction.in[operand], lane).i;
  const Argument &argument = warp.machine().stage.arguments[copy.argument];
  int64_t width = memory.element.bytes();
  copy.bytes = instruction.numbers[1] * width;
  copy.element = locate(
      warp, instruction, lane, memory, countElements(memory, argument),
      integers(
          warp, lane,
          ArrayRef(instruction.in).slice(operand + 1, instruction.numbers[0])),
      instruction.numbers[1]);
  if (copy.element < 0)
    return false;
  if (copy.element * width % 16 == 0)
    return true;
  warp.machine().fault(
      instruction,
      "expected an address of a multiple of 16 bytes, found an offset of " +
          Twine(copy.element * width),
      warp.thread(lane).id);
  return false;
}

/// numbers: indices, elements.
static void bulkLoad(Warp &warp, const Instruction &instruction, Mask mask) {
  ArrayRef<uint32_t> in = instruction.in;
  int64_t rank = instruction.numbers[0];
  for (int lane : lanes(mask)) {
    Copy copy{&instruction, &warp.cta()};
    copy.offset = tileOffset(warp, instruction, lane, in[1 + rank]);
    int64_t barrier = useBarrier(warp, instruction, lane, in[2 + rank],
                                 in[3 + rank], warp.cta(), /*async=*/true);
    if (copy.offset >= 0 && barrier >= 0 &&
        locateBulk(warp, instruction, lane, 0, copy))
      startLoad(warp, instruction, lane, warp.cta(), barrier, copy);
  }
}

//===----------------------------------------------------------------------===//
// Stores
//===----------------------------------------------------------------------===//

static void startStore(Warp &warp, const Instruction &instruction, int lane,
                       Copy copy) {
  Thread &thread = warp.thread(lane);
  access(warp.cta(), thread, warp.machine().components.bulk(thread.id),
         thread.bulkCommitted + 1, instruction, Use::AsyncRead, copy.offset,
         copy.bytes);
  thread.bulkGroups.back().push_back(std::move(copy));
}

/// numbers: coordinates.
static void tmaStore(Warp &warp, const Instruction &instruction, Mask mask) {
  ArrayRef<uint32_t> in = instruction.in;
  for (int lane : lanes(mask)) {
    Copy copy{&instruction, &warp.cta()};
    copy.argument = warp.cell(in[1], lane).i;
    copy.coordinates =
        integers(warp, lane, in.slice(2, instruction.numbers[0]));
    copy.bytes = instruction.memory.numBytes();
    copy.offset = tileOffset(warp, instruction, lane, in[0]);
    if (copy.offset < 0)
      continue;
    checkBox(warp, instruction, lane, copy);
    startStore(warp, instruction, lane, std::move(copy));
  }
}

static void bulkStore(Warp &warp, const Instruction &instruction, Mask mask) {
  for (int lane : lanes(mask)) {
    Copy copy{&instruction, &warp.cta()};
    copy.offset = tileOffset(warp, instruction, lane, instruction.in[0]);
    if (copy.offset >= 0 && locateBulk(warp, instruction, lane, 1, copy))
      startStore(warp, instruction, lane, std::move(copy));
  }
}

static void bulkCommit(Warp &warp, const Instruction &, Mask mask) {
  for (int lane : lanes(mask)) {
    ++warp.thread(lane).bulkCommitted;
    warp.thread(lane).bulkGroups.emplace_back();
  }
}

/// Performs all but the last `pending` closed groups.
template <typename Perform>
static void finishGroups(std::vector<std::vector<Copy>> &groups,
                         int64_t pending, Perform perform) {
  // The open group is the last.
  int64_t finished = std::max<int64_t>(int64_t(groups.size()) - 1 - pending, 0);
  for (int64_t i = 0; i < finished; ++i)
    llvm::for_each(groups[i], perform);
  groups.erase(groups.begin(), groups.begin() + finished);
}

static Time finished(Time committed, int64_t pending) {
  return committed > pending ? Time(committed - pending) : 0;
}

static void bulkWait(Warp &warp, const Instruction &instruction, Mask mask) {
  int64_t pending = instruction.numbers[0];
  for (int lane : lanes(mask)) {
    Thread &thread = warp.thread(lane);
    finishGroups(thread.bulkGroups, pending, performStore);
    thread.bulkDone =
        std::max(thread.bulkDone, finished(thread.bulkCommitted, pending));
  }
}

//===----------------------------------------------------------------------===//
// cp.async
//===----------------------------------------------------------------------===//

/// numbers: global indices, shared indices, elements, the mask's operand or -1.
static void cpAsync(Warp &warp, const Instruction &instruction, Mask mask) {
  ArrayRef<uint32_t> in = instruction.in;
  int64_t rank = instruction.numbers[0], tileRank = instruction.numbers[1];
  int64_t count = instruction.numbers[2], masks = instruction.numbers[3];
  auto type = cast<CpAsyncOp>(instruction.op).getDestination().getType();
  Memory tile = Memory::of(type);
  int64_t width = tile.element.bytes(), bytes = count * width;
  for (int lane : lanes(mask)) {
    Thread &thread = warp.thread(lane);
    Copy copy{&instruction, &warp.cta()};
    copy.bytes = bytes;
    copy.isZero = masks >= 0 && !warp.cell(in[masks], lane).i;
    copy.argument = warp.cell(in[0], lane).i;
    const Argument &argument = warp.machine().stage.arguments[copy.argument];
    if (!copy.isZero)
      copy.element = locate(warp, instruction, lane, instruction.memory,
                            countElements(instruction.memory, argument),
                            integers(warp, lane, in.slice(1, rank)), count);
    int64_t start = tileOffset(warp, instruction, lane, in[1 + rank]);
    if (copy.element < 0 || start < 0)
      continue;
    int64_t element =
        locate(warp, instruction, lane, tile, tile.numElements(),
               integers(warp, lane, in.slice(2 + rank, tileRank)), count);
    if (element < 0)
      continue;
    if (element * width % bytes || copy.element * width % bytes) {
      warp.machine().fault(instruction,
                           "expected addresses of a multiple of " +
                               Twine(bytes) + " bytes",
                           thread.id);
      continue;
    }
    copy.offset = start + swizzled(element * width, tile.swizzle);
    access(warp.cta(), thread, warp.machine().components.cpAsync(thread.id),
           thread.cpCommitted + 1, instruction, Use::Write, copy.offset, bytes);
    thread.cpGroups.back().push_back(std::move(copy));
  }
}

static void cpAsyncCommit(Warp &warp, const Instruction &, Mask mask) {
  for (int lane : lanes(mask)) {
    ++warp.thread(lane).cpCommitted;
    warp.thread(lane).cpGroups.emplace_back();
  }
}

static void cpAsyncWait(Warp &warp, const Instruction &instruction, Mask mask) {
  int64_t pending = instruction.numbers[0];
  for (int lane : lanes(mask)) {
    Thread &thread = warp.thread(lane);
    finishGroups(thread.cpGroups, pending, performLoad);
    thread.cpDone =
        std::max(thread.cpDone, finished(thread.cpCommitted, pending));
  }
}

//===----------------------------------------------------------------------===//
// Shuffles, approximate functions
//===----------------------------------------------------------------------===//

static void shuffleXor(Warp &warp, const Instruction &instruction, Mask) {
  std::array<Cell, 32> values;
  for (int lane = 0; lane < 32; ++lane)
    values[lane] = warp.cell(instruction.in[0], lane);
  for (int lane = 0; lane < 32; ++lane)
    warp.cell(instruction.out, lane) =
        values[lane ^ int(instruction.numbers[0])];
}

/// Subnormal numbers are 0 to the approximate functions.
static float flush(float value) {
  return std::fpclassify(value) == FP_SUBNORMAL ? std::copysign(0.f, value)
                                                : value;
}

static void exp2(Warp &warp, const Instruction &instruction, Mask mask) {
  for (int lane : lanes(mask))
    warp.cell(instruction.out, lane).f =
        flush(std::exp2(flush(warp.cell(instruction.in[0], lane).f)));
}

static void rcp(Warp &warp, const Instruction &instruction, Mask mask) {
  for (int lane : lanes(mask))
    warp.cell(instruction.out, lane).f =
        flush(1 / flush(warp.cell(instruction.in[0], lane).f));
}

//===----------------------------------------------------------------------===//
// Compilation
//===----------------------------------------------------------------------===//

static void compileAccess(Compiler &compiler, Operation *op) {
  auto load = dyn_cast<LoadOp>(op);
  auto store = dyn_cast<StoreOp>(op);
  Value memory = load ? load.getMemory() : store.getMemory();
  Type value = load ? load.getType() : store.getValue().getType();
  int64_t indices = load ? load.getIndices().size() : store.getIndices().size();
  Value masked = load ? load.getMask() : store.getMask();
  Instruction &instruction = compiler.emit(op, load ? ::load : ::store);
  instruction.memory = Memory::of(memory.getType());
  int64_t count = countCells(value);
  instruction.numbers.append(
      {indices, masked ? indices + (load ? 1 : 2) : -1, count});
  if (instruction.memory.shared)
    compiler.noteAccess(count * instruction.memory.element.bytes());
}

bool jet::tile::compileCopies(Compiler &compiler, Operation *op) {
  auto numbers = [&](Instruction &instruction, ArrayRef<int64_t> numbers,
                     Type memory = {}) {
    instruction.numbers.append(numbers.begin(), numbers.end());
    if (memory)
      instruction.memory = Memory::of(memory);
  };
  if (isa<LoadOp, StoreOp>(op)) {
    compileAccess(compiler, op);
  } else if (auto load = dyn_cast<LoadRemoteOp>(op)) {
    Instruction &instruction = compiler.emit(op, loadRemote);
    numbers(instruction, {int64_t(load.getIndices().size())},
            load.getMemory().getType());
    compiler.noteAccess(countCells(load.getType()) *
                        instruction.memory.element.bytes());
  } else if (auto store = dyn_cast<StoreRemoteOp>(op)) {
    int64_t cells = countCells(store.getValue().getType());
    Instruction &instruction = compiler.emit(op, storeRemote);
    numbers(instruction, {int64_t(store.getIndices().size()), cells},
            store.getMemory().getType());
    compiler.noteAccess(cells * instruction.memory.element.bytes());
  } else if (auto load = dyn_cast<TmaLoadOp>(op)) {
    int64_t rank = load.getCoordinates().size();
    numbers(compiler.emit(op, tmaLoad),
            {rank, load.getMulticast() ? rank + 4 : -1},
            load.getMap().getType());
  } else if (auto store = dyn_cast<TmaStoreOp>(op)) {
    numbers(compiler.emit(op, tmaStore),
            {int64_t(store.getCoordinates().size())}, store.getMap().getType());
  } else if (auto load = dyn_cast<BulkLoadOp>(op)) {
    numbers(compiler.emit(op, bulkLoad),
            {int64_t(load.getIndices().size()),
             load.getDestination().getType().getNumElements()},
            load.getMemory().getType());
  } else if (auto store = dyn_cast<BulkStoreOp>(op)) {
    numbers(compiler.emit(op, bulkStore),
            {int64_t(store.getIndices().size()),
             store.getSource().getType().getNumElements()},
            store.getMemory().getType());
  } else if (auto copy = dyn_cast<CpAsyncOp>(op)) {
    int64_t rank = copy.getIndices().size(), at = copy.getAt().size();
    Instruction &instruction = compiler.emit(op, cpAsync);
    numbers(instruction,
            {rank, at, int64_t(copy.getCount()),
             copy.getMask() ? rank + at + 2 : -1},
            copy.getMemory().getType());
    compiler.noteAccess(copy.getCount() * instruction.memory.element.bytes());
  } else if (isa<PrefetchMapOp, TmaPrefetchOp>(op)) {
    // Nothing that can be seen.
  } else if (isa<BulkCommitOp>(op)) {
    compiler.emit(op, bulkCommit);
  } else if (auto wait = dyn_cast<BulkWaitOp>(op)) {
    numbers(compiler.emit(op, bulkWait), {int64_t(wait.getPending())});
  } else if (isa<CpAsyncCommitOp>(op)) {
    compiler.emit(op, cpAsyncCommit);
  } else if (auto wait = dyn_cast<CpAsyncWaitOp>(op)) {
    numbers(compiler.emit(op, cpAsyncWait), {int64_t(wait.getPending())});
  } else if (auto shuffle = dyn_cast<ShuffleXorOp>(op)) {
    numbers(compiler.emitCollective(op, shuffleXor),
            {int64_t(shuffle.getOffset())});
  } else if (isa<Exp2Op>(op)) {
    compiler.emit(op, exp2);
  } else if (isa<RcpOp>(op)) {
    compiler.emit(op, rcp);
  } else {
    return false;
  }
  return true;
}
