// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "dialects/tile/interpreter/Machine.h"

using namespace mlir;
using namespace jet::tile;

//===----------------------------------------------------------------------===//
// Thread, Cta
//===----------------------------------------------------------------------===//

bool Thread::knows(const Components &components, Component component,
                   Time then) const {
  if ((*base)[component] >= then)
    return true;
  // What it did itself, as far as it has waited for it.
  if (components.isWgmma(component))
    return component == components.wgmma(warpgroup) && wgmmaDone >= then;
  if (component == components.write(id) || component == components.read(id))
    return true;
  if (component == components.cpAsync(id))
    return cpDone >= then;
  if (component == components.fenced(components.write(id)))
    return fenced >= then;
  if (component == components.fenced(components.cpAsync(id)))
    return cpFenced >= then;
  return component == components.bulk(id) && bulkDone >= then;
}

void Thread::publish(const Components &components, Collector &collector) {
  collector.add(base);
  collector.raise(components.write(id), time);
  collector.raise(components.read(id), time);
  collector.raise(components.fenced(components.write(id)), fenced);
  collector.raise(components.cpAsync(id), cpDone);
  collector.raise(components.fenced(components.cpAsync(id)), cpFenced);
  collector.raise(components.bulk(id), bulkDone);
  if (components.warpgroups)
    collector.raise(components.wgmma(warpgroup), wgmmaDone);
  ++time;
}

Cta::Cta(Machine &machine, uint32_t rank)
    : machine(machine), rank(rank), shared(machine.program.sharedBytes),
      shadow(machine.components, machine.program.sharedBytes,
             machine.program.granule),
      barriers(machine.program.barriers) {
  for (uint32_t i = 0; i < machine.program.block / 32; ++i)
    warps.emplace_back(*this, i);
}

void Cta::reset(std::array<int64_t, 3> place) {
  index = place;
  // All ones is NaN in all float types.
  std::fill(shared.begin(), shared.end(), std::byte(0xFF));
  shadow.reset();
  uint32_t count = machine.components.count();
  for (MBarrier &barrier : barriers) {
    barrier = MBarrier();
    barrier.collector.reset(count);
    barrier.released = std::make_shared<const Clock>(count);
  }
  for (Rendezvous &sync : syncs) {
    sync = Rendezvous();
    sync.collector.reset(count);
  }
  exits.reset(count);
  remoteUses.assign(machine.components.threads, Access());
  for (Warp &warp : warps)
    warp.reset();
}

bool Cta::isDone() const {
  return llvm::all_of(warps, [](const Warp &warp) { return warp.isDone(); });
}

//===----------------------------------------------------------------------===//
// Machine
//===----------------------------------------------------------------------===//

Machine::Machine(const Program &program, const Stage &stage,
                 const InterpretOptions &options, std::vector<Fault> &faults)
    : program(program), stage(stage), options(options), random(options.seed),
      faults(faults) {
  uint32_t cluster = program.cluster, block = program.block;
  components = {cluster * block, uint32_t(cluster * program.barriers),
                cluster * ((block + 127) / 128)};
  ctas.reserve(cluster);
  for (uint32_t rank = 0; rank < cluster; ++rank)
    ctas.emplace_back(*this, rank);
}

Thread &Machine::thread(uint32_t id) {
  uint32_t block = program.block;
  return ctas[id / block].warps[id % block / 32].thread(id % 32);
}

std::string Machine::nameOf(uint32_t id) const {
  uint32_t block = program.block;
  const Cta &cta = ctas[id / block];
  std::string name = "thread " + std::to_string(id % block) + " of CTA ";
  for (int i = 0; i < 3; ++i)
    name += (i ? "," : "") + std::to_string(cta.index[i]);
  return name;
}

Fault *Machine::fault(const Instruction &instruction, const Twine &text,
                      uint32_t who) {
  std::string full = text.str();
  // The same with other numbers is no news.
  std::string kind = StringRef(full).split(", found").first.str();
  auto &known = reported[instruction.number];
  if (llvm::is_contained(known, kind))
    return nullptr;
  known.push_back(std::move(kind));
  faults.push_back({instruction.op->getLoc(),
                    "'" + instruction.op->getName().getStringRef().str() +
                        "' op " + full + " (" + nameOf(who) + ")"});
  return &faults.back();
}

void Machine::run() {
  int64_t cluster = program.cluster;
  auto [x, y, z] = stage.grid;
  for (int64_t k = 0; k < z; ++k)
    for (int64_t j = 0; j < y; ++j)
      for (int64_t i = 0; i < x; i += cluster) {
        for (Cta &cta : ctas)
          cta.reset({i + cta.rank, j, k});
        clusterSync = Rendezvous();
        clusterSync.collector.reset(components.count());
        flying.clear();
        runCluster();
        if (hasFaults())
          return;
      }
}

void Machine::runCluster() {
  std::vector<Warp *> order;
  for (Cta &cta : ctas)
    for (Warp &warp : cta.warps)
      order.push_back(&warp);
  steps = 0;
  while (true) {
    if (options.seed)
      std::shuffle(order.begin(), order.end(), random);
    bool ran = false;
    for (Warp *warp : order) {
      ran |= warp->run(options.seed ? int64_t(random() % 64 + 1)
                                    : options.maxSteps);
      if (options.seed && random() % 8 == 0)
        ran |= landCopy();
    }
    if (llvm::all_of(order, [](Warp *warp) { return warp->isDone(); }))
      return checkEnd();
    if (steps >= options.maxSteps) {
      faults.push_back({KernelOp(program.kernel).getLoc(),
                        "'tile.kernel' op expected an end within " +
                            std::to_string(options.maxSteps) +
                            " instructions"});
      return;
    }
    if (!ran && !landCopy())
      return reportDeadlock();
  }
}

bool Machine::landCopy() {
  if (flying.empty())
    return false;
  size_t which = options.seed ? random() % flying.size() : 0;
  Copy copy = std::move(flying[which]);
  flying.erase(flying.begin() + which);
  performLoad(copy);
  completeBytes(copy);
  return true;
}

void Machine::checkEnd() {
  // What follows from other faults is not reported.
  if (hasFaults())
    return;
  for (Copy &copy : flying)
    fault(*copy.instruction,
          "expected a wait for the copy before the kernel's end",
          copy.cta->rank * program.block);
  for (Cta &cta : ctas) {
    const Clock &known = cta.exits.get();
    for (auto [who, use] : llvm::enumerate(cta.remoteUses))
      if (use.time && known[use.component] < use.time)
        fault(program.instructions[use.instruction],
              "may use the shared memory of a CTA that has ended: expected a "
              "tile.cluster_sync behind it",
              who);
  }
}

//===----------------------------------------------------------------------===//
// Deadlocks
//===----------------------------------------------------------------------===//

/// What lanes of a warp that cannot go on wait for at an instruction.
static std::string describeWait(Warp &warp, int lane,
                                const Instruction &instruction, Mask mask) {
  std::string text;
  llvm::raw_string_ostream out(text);
  Cta &cta = warp.cta();
  if (isa<WaitOp>(instruction.op)) {
    int64_t index = warp.cell(instruction.in[1], lane).i;
    const MBarrier &barrier =
        cta.barriers[uint32_t(warp.cell(instruction.in[0], lane).i) + index];
    out << "barrier " << index << " in phase " << barrier.phases
        << ", which misses " << barrier.pending << " of " << barrier.count
        << " arrivals and " << barrier.bytes << " bytes, parity "
        << (warp.cell(instruction.in[2], lane).i & 1) << " awaited";
  } else if (auto sync = dyn_cast<SyncOp>(instruction.op)) {
    const Rendezvous &barrier = cta.syncs[sync.getId().value_or(0)];
    out << barrier.arrived << " of " << barrier.expected
        << " threads have arrived";
  } else if (isa<ClusterSyncOp>(instruction.op)) {
    const Rendezvous &barrier = warp.machine().clusterSync;
    out << barrier.arrived << " of " << barrier.expected
        << " threads have arrived";
  } else if (instruction.kind == Instruction::Kind::Warpgroup &&
             mask == kAllLanes) {
    out << "not all warps of the warpgroup have arrived";
  } else {
    out << "expected the whole warp at this op, found " << llvm::popcount(mask)
        << " lanes";
  }
  return text;
}

void Machine::reportDeadlock() {
  struct Group {
    const Instruction *instruction;
    std::string why;
    uint32_t first, threads;
  };
  std::vector<Group> groups;
  for (Cta &cta : ctas)
    for (Warp &warp : cta.warps) {
      Mask rest = warp.stuck();
      while (rest) {
        int first = std::countr_zero(rest);
        Mask mask = 0;
        for (int lane : lanes(rest))
          if (warp.next(lane) == warp.next(first))
            mask |= Mask(1) << lane;
        rest &= ~mask;
        const Instruction &instruction = program.instructions[warp.next(first)];
        std::string why = describeWait(warp, first, instruction, mask);
        auto known = llvm::find_if(groups, [&](const Group &group) {
          return group.instruction == &instruction && group.why == why;
        });
        if (known == groups.end())
          groups.push_back({&instruction, why, warp.thread(first).id,
                            uint32_t(llvm::popcount(mask))});
        else
          known->threads += llvm::popcount(mask);
      }
    }
  // An op that part of a warp does not reach is the cause of other waits.
  auto cause = llvm::find_if(groups, [](const Group &group) {
    return group.instruction->kind == Instruction::Kind::Collective;
  });
  if (cause != groups.end())
    std::rotate(groups.begin(), cause, cause + 1);
  Fault *first = nullptr;
  for (const Group &group : groups) {
    std::string text = std::to_string(group.threads) +
                       " threads wait here for ever: " + group.why;
    if (!first)
      first = fault(*group.instruction, "deadlock: " + text, group.first);
    else
      first->notes.emplace_back(group.instruction->op->getLoc(),
                                text + " (" + nameOf(group.first) + ")");
  }
}
