// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What runs a program: a cluster of CTAs, their warps and threads.

#ifndef JET_DIALECTS_TILE_INTERPRETER_MACHINE_H
#define JET_DIALECTS_TILE_INTERPRETER_MACHINE_H

#include "dialects/tile/interpreter/Program.h"
#include "dialects/tile/interpreter/Shadow.h"

#include "llvm/ADT/DenseSet.h"
#include "llvm/ADT/SmallVector.h"

#include <deque>
#include <random>

namespace jet::tile {

class Cta;
class Machine;

/// The lanes of a mask, in order.
class lanes {
public:
  explicit lanes(Mask mask) : mask(mask) {}
  struct iterator {
    Mask rest;
    int operator*() const { return std::countr_zero(rest); }
    iterator &operator++() {
      rest &= rest - 1;
      return *this;
    }
    bool operator!=(const iterator &other) const { return rest != other.rest; }
  };
  iterator begin() const { return {mask}; }
  iterator end() const { return {0}; }

private:
  Mask mask;
};

/// A copy between shared and global memory that has been started.
struct Copy {
  const Instruction *instruction;
  Cta *cta;                      // whose shared memory
  uint32_t barrier = 0;          // that counts its bytes
  int64_t bytes = 0, offset = 0; // in shared memory
  size_t argument = 0;           // the global memory
  int64_t element = 0;           // in it, if it is contiguous
  bool isZero = false;           // zeros instead of what is there
  llvm::SmallVector<int64_t, 5> coordinates = {}; // of a box
};

struct Thread {
  uint32_t id = 0;        // in the cluster
  uint32_t warpgroup = 0; // in the cluster
  uint64_t ticket = 0;    // of the barrier where it waits

  // What it knows: a clock that others may share, and what concerns itself.
  ClockPtr base;
  Time time = 1, fenced = 0;
  Time cpDone = 0, cpFenced = 0; // groups
  Time bulkDone = 0, wgmmaDone = 0;

  // Started and not waited for; the last group is open.
  std::vector<std::vector<Copy>> cpGroups{1}, bulkGroups{1};
  Time cpCommitted = 0, bulkCommitted = 0;

  /// Whether what `component` did at `time` happened before.
  bool knows(const Components &components, Component component,
             Time time) const;
  /// Tells `collector` what it knows and has done.
  void publish(const Components &components, Collector &collector);
};

/// A barrier of threads.
struct Rendezvous {
  uint64_t generation = 0;
  uint32_t arrived = 0, expected = 0;
  Collector collector;
  ClockPtr released;
};

struct MBarrier {
  uint32_t count = 0,
           pending =
               0;     // arrivals of a phase (0: no barrier yet), still to come
  int64_t bytes = 0;  // still to come
  int64_t flying = 0; // bytes of copies that have been started
  Time phases = 0;    // completed
  const Instruction *lastCopy = nullptr;
  Access init;
  bool isFenced = false; // by fence_barriers behind its set-up
  Collector collector;
  ClockPtr released;
};

class Warp {
public:
  Warp(Cta &cta, uint32_t index);

  const Program &program() const;
  Machine &machine() const;
  Cta &cta() const { return block; }
  uint32_t index() const { return number; }
  Cell &cell(uint32_t place, int lane) { return cells[place * 32 + lane]; }
  Thread &thread(int lane) { return threads[lane]; }
  llvm::MutableArrayRef<Thread> allThreads() { return threads; }

  uint32_t next(int lane) const { return nexts[lane]; }
  void setNext(int lane, uint32_t instruction) { nexts[lane] = instruction; }

  void reset();
  /// Runs until all lanes wait or `budget` is spent; whether anything ran.
  bool run(int64_t budget);
  bool isDone() const { return !alive(); }
  Mask alive() const { return ready | waiting | parked; }
  /// Lanes that wait, or have arrived at an op of the whole warp.
  Mask stuck() const { return waiting | parked; }
  /// Where all lanes have arrived at an op of the whole warp, or -1.
  int64_t parkedAt() const;

  // Groups of wgmma.
  bool wgmmaOpen = false; // between fence and commit
  Time wgmmaCommitted = 0;

private:
  bool step();
  /// Runs the lanes of `mask`, all at the same instruction; those of others
  /// are at `limit` or behind.
  void runLanes(Mask mask, uint32_t limit);
  void exit(Mask mask, const Instruction &instruction);
  bool runCollective();
  bool pollWaiting();

  Cta &block;
  uint32_t number;
  std::vector<Cell> cells; // lanes of a cell beside each other
  std::vector<Thread> threads;
  std::array<uint32_t, 32> nexts = {}; // instructions
  Mask ready = kAllLanes, waiting = 0, parked = 0;
};

class Cta {
public:
  Cta(Machine &machine, uint32_t rank);

  void reset(std::array<int64_t, 3> index);
  bool isDone() const;

  Machine &machine;
  uint32_t rank; // in the cluster
  std::array<int64_t, 3> index = {};
  std::vector<std::byte> shared;
  Shadow shadow;
  std::vector<MBarrier> barriers;
  std::array<Rendezvous, 16> syncs; // 0: of the CTA
  std::vector<Warp> warps;
  /// The last use of its shared memory by each thread of other CTAs, and what
  /// its own threads know when they end: one must know of the uses.
  std::vector<Access> remoteUses;
  Collector exits;
};

/// One launch: runs cluster after cluster.
class Machine {
public:
  Machine(const Program &program, const Stage &stage,
          const InterpretOptions &options, std::vector<Fault> &faults);

  void run();

  const Program &program;
  const Stage &stage;
  const InterpretOptions &options;
  Components components;
  std::vector<Cta> ctas; // of the cluster that runs
  std::deque<Copy> flying;
  Rendezvous clusterSync;
  std::mt19937_64 random;
  int64_t steps = 0;
  llvm::DenseSet<std::pair<uint32_t, uint32_t>> races; // of instructions

  /// Notes a fault at an instruction, once for each text; `who` did it. Null
  /// if it is known.
  Fault *fault(const Instruction &instruction, const llvm::Twine &text,
               uint32_t who);
  bool hasFaults() const { return !faults.empty(); }
  Thread &thread(uint32_t id);
  /// "thread 32", and its CTA if the cluster has several.
  std::string nameOf(uint32_t thread) const;

private:
  void runCluster();
  bool landCopy();
  void reportDeadlock();
  void checkEnd();

  std::vector<Fault> &faults;
  llvm::DenseMap<uint32_t, llvm::SmallVector<std::string, 1>> reported;
};

//===----------------------------------------------------------------------===//
// Memory
//===----------------------------------------------------------------------===//

/// Reads and writes an element.
Cell loadElement(Element element, const std::byte *from);
void storeElement(Element element, std::byte *to, Cell value);

/// Notes an access of a CTA's shared memory, of `bytes` in one piece, and
/// reports a race. `threads` are all who must know what was before.
enum class Use { Read, Write, AsyncRead, AsyncWrite };
void access(Cta &cta, llvm::ArrayRef<Thread> threads, Component component,
            Time time, const Instruction &instruction, Use use, int64_t begin,
            int64_t bytes);
/// The same by load and store.
inline void read(Warp &warp, int lane, const Instruction &instruction, Cta &cta,
                 int64_t begin, int64_t bytes) {
  Thread &thread = warp.thread(lane);
  access(cta, thread, cta.machine.components.read(thread.id), thread.time,
         instruction, Use::Read, begin, bytes);
}
inline void write(Warp &warp, int lane, const Instruction &instruction,
                  Cta &cta, int64_t begin, int64_t bytes) {
  Thread &thread = warp.thread(lane);
  access(cta, thread, cta.machine.components.write(thread.id), thread.time,
         instruction, Use::Write, begin, bytes);
}

/// The element at indices of memory of `elements`, or -1 after a fault: an
/// index or the last of `count` elements is outside.
int64_t locate(Warp &warp, const Instruction &instruction, int lane,
               const Memory &memory, int64_t elements,
               llvm::ArrayRef<int64_t> indices, int64_t count);
/// A lane's integers in cells.
inline llvm::SmallVector<int64_t, 5> integers(Warp &warp, int lane,
                                              llvm::ArrayRef<uint32_t> cells) {
  llvm::SmallVector<int64_t, 5> values;
  for (uint32_t cell : cells)
    values.push_back(warp.cell(cell, lane).i);
  return values;
}
/// The address of `count` elements at indices of the instruction's memory,
/// which is in cell `base`, aligned to their size; notes the access of shared
/// memory, of `cta` or by default the warp's. Null after a fault.
std::byte *locateAccess(Warp &warp, const Instruction &instruction, int lane,
                        uint32_t base, llvm::ArrayRef<int64_t> indices,
                        int64_t count, bool writes, Cta *cta = nullptr);
/// Where a tile starts, or -1 after a fault: a slice's index was outside.
int64_t tileOffset(Warp &warp, const Instruction &instruction, int lane,
                   uint32_t cell);
/// Elements of an argument; what its bytes hold if the leading size is dynamic.
int64_t countElements(const Memory &memory, const Argument &argument);

/// Makes copies happen.
void performLoad(const Copy &copy);
void performStore(const Copy &copy);
/// The bytes of a copy have come to its barrier.
void completeBytes(const Copy &copy);

/// The barrier `slot` of `barriers` (cells) in `cta`, or -1 after a fault: it
/// is outside, or its set-up is not known to the thread, or to TMA.
int64_t useBarrier(Warp &warp, const Instruction &instruction, int lane,
                   uint32_t barriers, uint32_t slot, Cta &cta, bool async);
/// The CTA of the cluster whose rank is in a cell, whose shared memory the
/// thread uses; null after a fault.
Cta *remoteCta(Warp &warp, const Instruction &instruction, int lane,
               uint32_t rank);
/// Notes that a thread uses the shared memory of `cta`; reports it if that may
/// not have started.
void noteRemoteUse(Warp &warp, const Instruction &instruction, int lane,
                   Cta &cta);

/// Reports accumulators that a pending wgmma computes; whether they can be
/// read.
bool checkReadable(Warp &warp, const Instruction &instruction, Mask mask,
                   uint32_t operand);

} // namespace jet::tile

#endif // JET_DIALECTS_TILE_INTERPRETER_MACHINE_H
