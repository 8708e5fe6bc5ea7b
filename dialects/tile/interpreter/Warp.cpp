// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// How a warp runs: the lanes that are furthest behind go on together until they
// meet others or wait. Lanes that part meet again where control flow does.

#include "dialects/tile/interpreter/Machine.h"

using namespace jet::tile;

Warp::Warp(Cta &cta, uint32_t index)
    : block(cta), number(index), cells(size_t(cta.machine.program.cells) * 32),
      threads(32) {}

const Program &Warp::program() const { return block.machine.program; }
Machine &Warp::machine() const { return block.machine; }

void Warp::reset() {
  Machine &machine = block.machine;
  auto base = std::make_shared<const Clock>(machine.components.count());
  for (uint32_t lane = 0; lane < 32; ++lane) {
    threads[lane] = Thread();
    threads[lane].id = block.rank * machine.program.block + number * 32 + lane;
    threads[lane].warpgroup =
        block.rank * ((machine.program.block + 127) / 128) + number / 4;
    threads[lane].base = base;
  }
  nexts.fill(0);
  ready = kAllLanes, waiting = parked = 0;
  wgmmaOpen = false, wgmmaCommitted = 0;
  KernelOp kernel = machine.program.kernel;
  for (auto [i, place] : llvm::enumerate(machine.program.arguments)) {
    mlir::Type type = kernel.getArgumentTypes()[i];
    const Argument &argument = machine.stage.arguments[i];
    Element element = Element::of(type);
    for (int lane = 0; lane < 32; ++lane)
      if (element.isFloat())
        cell(place, lane).f = roundTo(element, float(argument.real));
      else
        cell(place, lane).i = element.kind == Element::Kind::Integer
                                  ? wrap(argument.integer, element.bits)
                                  : int64_t(i);
  }
}

int64_t Warp::parkedAt() const {
  if (parked != kAllLanes)
    return -1;
  for (uint32_t next : nexts)
    if (next != nexts[0])
      return -1;
  return nexts[0];
}

bool Warp::run(int64_t budget) {
  int64_t end = block.machine.steps + budget;
  bool ran = false;
  while (block.machine.steps < end && step())
    ran = true;
  return ran;
}

bool Warp::step() {
  if (!ready)
    return runCollective() || pollWaiting();
  uint32_t least = ~0u, limit = ~0u;
  Mask mask = 0;
  for (int lane : lanes(ready)) {
    if (nexts[lane] < least) {
      limit = least, least = nexts[lane];
      mask = 0;
    } else if (nexts[lane] > least) {
      limit = std::min(limit, nexts[lane]);
    }
    if (nexts[lane] == least)
      mask |= Mask(1) << lane;
  }
  runLanes(mask, limit);
  return true;
}

void Warp::runLanes(Mask mask, uint32_t limit) {
  const std::deque<Instruction> &instructions = program().instructions;
  uint32_t next = nexts[std::countr_zero(mask)];
  for (; next < limit && instructions[next].kind == Instruction::Kind::Plain;
       ++next) {
    ++block.machine.steps;
    instructions[next].run(*this, instructions[next], mask);
  }
  for (int lane : lanes(mask))
    nexts[lane] = next;
  if (next >= limit)
    return;
  ++block.machine.steps;
  const Instruction &instruction = instructions[next];
  switch (instruction.kind) {
  case Instruction::Kind::Jump:
    instruction.run(*this, instruction, mask);
    break;
  case Instruction::Kind::Exit:
    exit(mask, instruction);
    break;
  case Instruction::Kind::Blocking:
    for (int lane : lanes(mask))
      threads[lane].ticket = 0;
    ready &= ~mask, waiting |= mask;
    pollWaiting();
    break;
  default:
    ready &= ~mask, parked |= mask;
    break;
  }
}

bool Warp::runCollective() {
  int64_t at = parkedAt();
  if (at < 0)
    return false;
  const Instruction &instruction = program().instructions[at];
  auto release = [](Warp &warp) {
    warp.parked = 0, warp.ready = kAllLanes;
    for (uint32_t &next : warp.nexts)
      ++next;
  };
  if (instruction.kind == Instruction::Kind::Collective) {
    instruction.run(*this, instruction, kAllLanes);
    release(*this);
    return true;
  }
  auto group = llvm::MutableArrayRef(block.warps).slice(number / 4 * 4);
  group = group.take_front(4);
  if (!llvm::all_of(group, [&](Warp &warp) { return warp.parkedAt() == at; }))
    return false;
  instruction.run(group.front(), instruction, kAllLanes);
  llvm::for_each(group, release);
  return true;
}

bool Warp::pollWaiting() {
  Mask rest = waiting;
  bool passed = false;
  while (rest) {
    uint32_t at = nexts[std::countr_zero(rest)];
    Mask mask = 0;
    for (int lane : lanes(rest))
      if (nexts[lane] == at)
        mask |= Mask(1) << lane;
    rest &= ~mask;
    const Instruction &instruction = program().instructions[at];
    Mask pass = instruction.poll(*this, instruction, mask);
    waiting &= ~pass, ready |= pass;
    passed |= pass != 0;
    for (int lane : lanes(pass))
      ++nexts[lane];
  }
  return passed;
}

void Warp::exit(Mask mask, const Instruction &) {
  ready &= ~mask;
  Machine &machine = block.machine;
  for (int lane : lanes(mask)) {
    Thread &thread = threads[lane];
    // Stores that were not waited for.
    for (auto [i, group] : llvm::enumerate(thread.bulkGroups))
      for (Copy &copy : group) {
        machine.fault(*copy.instruction,
                      "reads shared memory after the thread's end: expected a "
                      "bulk_commit and a bulk_wait",
                      thread.id);
        performStore(copy);
      }
    thread.publish(machine.components, block.exits);
  }
}
