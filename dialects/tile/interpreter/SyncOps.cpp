// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Barriers, fences, and what they let a thread know.

#include "dialects/tile/interpreter/Machine.h"

using namespace mlir;
using namespace jet::tile;

/// Lets the lanes know what `released` knows.
static void acquire(Warp &warp, Mask mask, const ClockPtr &released) {
  // Lanes that knew the same go on to do so.
  ClockPtr before, after;
  for (int lane : lanes(mask)) {
    ClockPtr &base = warp.thread(lane).base;
    if (base == released)
      continue;
    if (base != before) {
      before = after = base;
      bool isNew = false;
      for (size_t i = 0; i < base->size(); ++i)
        isNew |= (*released)[i] > (*base)[i];
      if (isNew) {
        Clock clock = *base;
        join(clock, *released);
        after = std::make_shared<const Clock>(std::move(clock));
      }
    }
    base = after;
  }
}

//===----------------------------------------------------------------------===//
// mbarriers
//===----------------------------------------------------------------------===//

int64_t jet::tile::useBarrier(Warp &warp, const Instruction &instruction,
                              int lane, uint32_t barriers, uint32_t slot,
                              Cta &cta, bool async) {
  Machine &machine = warp.machine();
  Thread &thread = warp.thread(lane);
  // The cell holds the first barrier and, in its upper half, their number.
  int64_t all = warp.cell(barriers, lane).i, index = warp.cell(slot, lane).i;
  auto fail = [&](const Twine &text) {
    machine.fault(instruction, text, thread.id);
    return -1;
  };
  if (index < 0 || index >= all >> 32)
    return fail("expected a barrier below " + Twine(all >> 32) + ", found " +
                Twine(index));
  index += uint32_t(all);
  MBarrier &barrier = cta.barriers[index];
  if (!barrier.count)
    return fail("uses a barrier before tile.init_barriers");
  bool isOwn = barrier.init.component == machine.components.write(thread.id);
  if (!thread.knows(machine.components, barrier.init.component,
                    barrier.init.time))
    return fail("uses a barrier that another thread sets up, without a barrier "
                "of threads between");
  if (!barrier.isFenced && (!isOwn || async))
    return fail("uses a barrier without tile.fence_barriers behind its set-up");
  return index;
}

void jet::tile::noteRemoteUse(Warp &warp, const Instruction &instruction,
                              int lane, Cta &cta) {
  if (&cta == &warp.cta())
    return;
  Machine &machine = warp.machine();
  Thread &thread = warp.thread(lane);
  uint32_t other = cta.warps.front().thread(0).id;
  if (!thread.knows(machine.components, machine.components.read(other), 1))
    machine.fault(instruction,
                  "uses the shared memory of a CTA that may not have started: "
                  "expected a tile.cluster_sync before",
                  thread.id);
  cta.remoteUses[thread.id] = {machine.components.read(thread.id), thread.time,
                               instruction.number};
}

/// Completes the phase of a barrier if nothing is missing.
static void completePhase(Cta &cta, uint32_t index) {
  Machine &machine = cta.machine;
  MBarrier &barrier = cta.barriers[index];
  if (barrier.pending || barrier.bytes)
    return;
  if (barrier.flying) {
    machine.fault(*barrier.lastCopy,
                  "expected the bytes of the copy in a tile.arrive_expect of "
                  "its phase: the barrier completes without " +
                      Twine(barrier.flying) + " of them",
                  cta.warps.front().thread(0).id);
    barrier.flying = 0;
  }
  ++barrier.phases;
  barrier.pending = barrier.count;
  barrier.collector.raise(
      machine.components.copies(cta.rank * machine.program.barriers + index),
      barrier.phases);
  barrier.released = barrier.collector.take();
}

void jet::tile::completeBytes(const Copy &copy) {
  MBarrier &barrier = copy.cta->barriers[copy.barrier];
  barrier.bytes -= copy.bytes;
  barrier.flying -= copy.bytes;
  completePhase(*copy.cta, copy.barrier);
}

static void arriveAt(Warp &warp, const Instruction &instruction, int lane,
                     Cta &cta, int64_t index, int64_t bytes) {
  Machine &machine = warp.machine();
  Thread &thread = warp.thread(lane);
  MBarrier &barrier = cta.barriers[index];
  if (!barrier.pending) {
    machine.fault(instruction,
                  "expected " + Twine(barrier.count) +
                      " arrivals in a phase, found another",
                  thread.id);
    return;
  }
  barrier.bytes += bytes;
  --barrier.pending;
  if (&cta == &warp.cta()) {
    thread.publish(machine.components, barrier.collector);
  } else {
    // Without a release for the cluster: it tells that reads are over and that
    // copies have landed, so that they may be overwritten; not what threads
    // wrote.
    Collector all;
    all.reset(machine.components.count());
    thread.publish(machine.components, all);
    for (Component i = machine.components.copies(0); i < all.get().size(); ++i)
      barrier.collector.raise(i, all.get()[i]);
  }
  completePhase(cta, index);
}

static void initBarriers(Warp &warp, const Instruction &instruction,
                         Mask mask) {
  for (int lane : lanes(mask)) {
    Thread &thread = warp.thread(lane);
    int64_t all = warp.cell(instruction.in[0], lane).i;
    for (int64_t i = 0; i < all >> 32; ++i) {
      MBarrier &barrier = warp.cta().barriers[uint32_t(all) + i];
      if (barrier.count)
        warp.machine().fault(instruction, "sets barriers up a second time",
                             thread.id);
      barrier.count = barrier.pending = uint32_t(instruction.numbers[0]);
      barrier.init = {warp.machine().components.write(thread.id), thread.time,
                      instruction.number};
    }
  }
}

static void fenceBarriers(Warp &warp, const Instruction &, Mask mask) {
  for (int lane : lanes(mask))
    for (MBarrier &barrier : warp.cta().barriers)
      barrier.isFenced |= barrier.count && barrier.init.component ==
                                               warp.machine().components.write(
                                                   warp.thread(lane).id);
}

static void arrive(Warp &warp, const Instruction &instruction, Mask mask) {
  for (int lane : lanes(mask)) {
    int64_t index = useBarrier(warp, instruction, lane, instruction.in[0],
                               instruction.in[1], warp.cta(), /*async=*/false);
    int64_t bytes = isa<ArriveExpectOp>(instruction.op)
                        ? warp.cell(instruction.in[2], lane).i
                        : 0;
    if (index >= 0)
      arriveAt(warp, instruction, lane, warp.cta(), index, bytes);
  }
}

Cta *jet::tile::remoteCta(Warp &warp, const Instruction &instruction, int lane,
                          uint32_t rank) {
  Machine &machine = warp.machine();
  int64_t number = warp.cell(rank, lane).i;
  if (number < 0 || number >= int64_t(machine.ctas.size())) {
    machine.fault(instruction,
                  "expected a rank below " + Twine(machine.ctas.size()) +
                      ", found " + Twine(number),
                  warp.thread(lane).id);
    return nullptr;
  }
  noteRemoteUse(warp, instruction, lane, machine.ctas[number]);
  return &machine.ctas[number];
}

static void arriveRemote(Warp &warp, const Instruction &instruction,
                         Mask mask) {
  for (int lane : lanes(mask)) {
    Cta *cta = remoteCta(warp, instruction, lane, instruction.in[2]);
    if (!cta)
      continue;
    int64_t index = useBarrier(warp, instruction, lane, instruction.in[0],
                               instruction.in[1], *cta, /*async=*/false);
    if (index >= 0)
      arriveAt(warp, instruction, lane, *cta, index, 0);
  }
}

static Mask wait(Warp &warp, const Instruction &instruction, Mask mask) {
  Mask passed = 0, same = 0;
  ClockPtr released; // of the lanes `same`: mostly all wait for one barrier
  for (int lane : lanes(mask)) {
    int64_t index = useBarrier(warp, instruction, lane, instruction.in[0],
                               instruction.in[1], warp.cta(), /*async=*/false);
    if (index < 0) { // goes on after the fault
      passed |= Mask(1) << lane;
      continue;
    }
    MBarrier &barrier = warp.cta().barriers[index];
    if ((barrier.phases & 1) == (warp.cell(instruction.in[2], lane).i & 1))
      continue;
    passed |= Mask(1) << lane;
    if (barrier.released != released) {
      acquire(warp, same, released);
      same = 0, released = barrier.released;
    }
    same |= Mask(1) << lane;
  }
  acquire(warp, same, released);
  return passed;
}

//===----------------------------------------------------------------------===//
// Barriers of threads
//===----------------------------------------------------------------------===//

/// Arrives, the first time, and tells who can go on when `expected` threads
/// have arrived.
static Mask meet(Warp &warp, Mask mask, Rendezvous &sync, uint32_t expected) {
  Machine &machine = warp.machine();
  for (int lane : lanes(mask)) {
    Thread &thread = warp.thread(lane);
    if (thread.ticket)
      continue;
    thread.ticket = sync.generation + 1;
    thread.publish(machine.components, sync.collector);
    ++sync.arrived;
  }
  sync.expected = expected;
  if (sync.arrived && sync.arrived >= expected) {
    sync.released = sync.collector.take();
    sync.collector.reset(machine.components.count());
    sync.arrived = 0;
    ++sync.generation;
  }
  Mask passed = 0;
  for (int lane : lanes(mask))
    if (sync.generation >= warp.thread(lane).ticket)
      passed |= Mask(1) << lane;
  acquire(warp, passed, sync.released);
  return passed;
}

/// Threads that have not ended.
static uint32_t countAlive(const Cta &cta) {
  uint32_t count = 0;
  for (const Warp &warp : cta.warps)
    count += llvm::popcount(warp.alive());
  return count;
}

static Mask sync(Warp &warp, const Instruction &instruction, Mask mask) {
  int64_t id = instruction.numbers[0], threads = instruction.numbers[1];
  return meet(warp, mask, warp.cta().syncs[id],
              id ? uint32_t(threads) : countAlive(warp.cta()));
}

static Mask clusterSync(Warp &warp, const Instruction &, Mask mask) {
  uint32_t expected = 0;
  for (const Cta &cta : warp.machine().ctas)
    expected += countAlive(cta);
  return meet(warp, mask, warp.machine().clusterSync, expected);
}

static void syncWarp(Warp &warp, const Instruction &, Mask mask) {
  Collector collector;
  collector.reset(warp.machine().components.count());
  for (int lane : lanes(mask))
    warp.thread(lane).publish(warp.machine().components, collector);
  ClockPtr released = collector.take();
  for (int lane : lanes(mask))
    warp.thread(lane).base = released;
}

static void fenceAsync(Warp &warp, const Instruction &, Mask mask) {
  for (int lane : lanes(mask)) {
    Thread &thread = warp.thread(lane);
    thread.fenced = thread.time++;
    thread.cpFenced = thread.cpDone;
  }
}

//===----------------------------------------------------------------------===//
// Signals. numbers: indices
//===----------------------------------------------------------------------===//

/// The lane's counter; null after a fault.
static std::byte *locateSignal(Warp &warp, const Instruction &instruction,
                               int lane, bool writes) {
  ArrayRef<uint32_t> in = instruction.in;
  return locateAccess(warp, instruction, lane, in[0],
                      integers(warp, lane, in.slice(1, instruction.numbers[0])),
                      1, writes);
}

static void addSignal(Warp &warp, const Instruction &instruction, Mask mask) {
  Element element = instruction.memory.element;
  for (int lane : lanes(mask))
    if (std::byte *at = locateSignal(warp, instruction, lane, /*writes=*/true))
      storeElement(element, at, Cell{loadElement(element, at).i + 1});
}

/// Launches and their clusters run one after another: what is missing now does
/// not come. The lane goes on after the fault.
static void waitSignal(Warp &warp, const Instruction &instruction, Mask mask) {
  for (int lane : lanes(mask)) {
    std::byte *at = locateSignal(warp, instruction, lane, /*writes=*/false);
    if (!at)
      continue;
    int64_t found = loadElement(instruction.memory.element, at).i;
    int64_t expected = warp.cell(instruction.in.back(), lane).i;
    if (found < expected)
      warp.machine().fault(instruction,
                           "expected " + Twine(expected) +
                               " signals of earlier launches, found " +
                               Twine(found),
                           warp.thread(lane).id);
  }
}

bool jet::tile::compileSync(Compiler &compiler, Operation *op) {
  if (auto init = dyn_cast<InitBarriersOp>(op)) {
    compiler.emit(op, initBarriers).numbers.push_back(init.getCount());
  } else if (isa<FenceBarriersOp>(op)) {
    compiler.emit(op, fenceBarriers);
  } else if (isa<ArriveOp, ArriveExpectOp>(op)) {
    compiler.emit(op, arrive);
  } else if (isa<ArriveRemoteOp>(op)) {
    compiler.emit(op, arriveRemote);
  } else if (isa<WaitOp>(op)) {
    compiler.emitBlocking(op, wait);
  } else if (auto barrier = dyn_cast<SyncOp>(op)) {
    Instruction &instruction = compiler.emitBlocking(op, sync);
    instruction.numbers.append({int64_t(barrier.getId().value_or(0)),
                                int64_t(barrier.getThreads().value_or(0))});
  } else if (isa<SyncWarpOp>(op)) {
    compiler.emitCollective(op, syncWarp);
  } else if (isa<FenceAsyncOp>(op)) {
    compiler.emit(op, fenceAsync);
  } else if (isa<ClusterSyncOp>(op)) {
    compiler.emitBlocking(op, clusterSync);
  } else if (isa<AddSignalOp, WaitSignalOp>(op)) {
    bool adds = isa<AddSignalOp>(op);
    Instruction &instruction = compiler.emit(op, adds ? addSignal : waitSignal);
    instruction.numbers.push_back(op->getNumOperands() - (adds ? 1 : 2));
    instruction.memory = Memory::of(op->getOperand(0).getType());
  } else if (isa<WaitDependenciesOp, LaunchDependentsOp>(op)) {
    // A launch starts when the one before has ended.
  } else {
    return false;
  }
  return true;
}
