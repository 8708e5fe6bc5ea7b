// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "runtime/PlanVerifier.h"

#include "support/CheckedMath.h"

#include <algorithm>
#include <iterator>

namespace jet {

using Kind = OperandRef::Kind;

PackageFault PlanVerifier::makeFault(const std::string &text) const {
  return {"$.programs['" + program.name + "']", text};
}

PackageFault PlanVerifier::makeFault(size_t step,
                                     const std::string &text) const {
  PackageFault fault = {"$.programs['" + program.name + "'].launches[" +
                            std::to_string(step) + "] '" + kernelOf(step).name +
                            "'",
                        text};
  fault.launch = step;
  return fault;
}

std::string PlanVerifier::describe(const OperandRef &ref) const {
  switch (ref.kind) {
  case Kind::Parameter:
    return "parameter " + std::to_string(ref.index);
  case Kind::State:
    return "state " + std::to_string(ref.index) + " (layer " +
           std::to_string(package.states[ref.index].layer) + ")";
  case Kind::Buffer: {
    const BufferInfo &buffer = program.buffers[ref.index];
    return "buffer " + std::to_string(ref.index) + " [" +
           std::to_string(buffer.offset) + ", " +
           std::to_string(buffer.offset + buffer.bytes) + ")";
  }
  case Kind::Tokens:
    return "tokens";
  case Kind::Positions:
    return "positions";
  case Kind::Batch:
    return "batch";
  case Kind::Sampling:
    return "sampling";
  case Kind::Logits:
    return "logits";
  case Kind::Values:
    return "values";
  case Kind::Ids:
    return "ids";
  case Kind::Next:
    return "next tokens";
  }
  return "unknown";
}

std::optional<PlanVerifier::CornerBytes>
PlanVerifier::cornerBytes(size_t step, size_t operand) {
  const LaunchInfo &launch = program.launches[step];
  auto [entry, isNew] = corners.try_emplace(
      {launch.kernel, launch.rowsAreSequences, operand}, CornerBytes());
  if (!isNew)
    return entry->second;
  const KernelOperand &info = kernelOf(step).operands[operand];
  const int64_t batch = package.model.maxBatch;
  const int64_t context = package.model.maxContext;
  const int64_t pages = pagesFor(context, package.model.pageSize);
  const bool isDecode = isDecodeProgram(program.name); // T == B
  const std::pair<int64_t, int64_t> steps[] = {
      {1, 1},
      {1, isDecode ? 1 : context},
      {batch, batch},
      {batch, isDecode ? batch : batch * context}};
  for (size_t i = 0; i < entry->second.size(); ++i) {
    const auto [B, T] = steps[i / 8];
    const SymbolValues symbols = {launch.rowsAreSequences ? B : T,
                                  B,
                                  T,
                                  i & 4 ? pages : 1,
                                  i & 2 ? batch : B,
                                  i & 1 ? batch * pages : 1};
    std::optional<int64_t> bytes = dtypeBytes(info.dtype);
    for (const SizeExpr &dim : info.shape) {
      const Result<int64_t> extent = dim.evaluate(symbols);
      bytes = extent ? checkedMul(*bytes, *extent) : std::nullopt;
      if (!bytes)
        return {};
    }
    entry->second[i] = *bytes;
  }
  return entry->second;
}

/// Kernels are compiled for operands that do not alias; those that are only
/// read may, as nobody can tell.
std::optional<PackageFault> PlanVerifier::verifyAliases(size_t step) {
  const std::vector<OperandRef> &refs = program.launches[step].operands;
  std::vector<std::tuple<Kind, int64_t, size_t>> sorted;
  for (size_t i = 0; i < refs.size(); ++i)
    sorted.emplace_back(refs[i].kind, refs[i].index, i);
  std::ranges::sort(sorted);
  for (size_t i = 1; i < sorted.size(); ++i) {
    const auto [kind, index, first] = sorted[i - 1];
    const auto [otherKind, otherIndex, second] = sorted[i];
    if (kind != otherKind || index != otherIndex)
      continue;
    const auto &operands = kernelOf(step).operands;
    if (operands[first].access != Access::Read ||
        operands[second].access != Access::Read)
      return makeFault(step, "expected operands that do not alias, found " +
                                 describe({kind, index}) + " as operands " +
                                 std::to_string(first) + " and " +
                                 std::to_string(second) +
                                 ", one of them written");
  }
  return {};
}

std::optional<PackageFault> PlanVerifier::verifyBufferUse(size_t step,
                                                          size_t operand) {
  const OperandRef &ref = program.launches[step].operands[operand];
  const Access access = kernelOf(step).operands[operand].access;
  const std::optional<CornerBytes> size = cornerBytes(step, operand);
  if (!size)
    return makeFault(step, "the size of operand " + std::to_string(operand) +
                               " does not fit 64 bits");
  const CornerBytes &bytes = *size;
  Life &life = lives[ref.index];
  if (access != Access::Write) {
    if (!life.begin)
      return makeFault(step, "expected operand " + std::to_string(operand) +
                                 " to be written before, found " +
                                 describe(ref) +
                                 " read before any launch wrote it");
    // Sizes are affine in each symbol (but for ceilings, which no kernel has
    // in a shape): what holds at the corners holds everywhere between.
    for (size_t i = 0; i < bytes.size(); ++i)
      if (bytes[i] > life.written[i])
        return makeFault(
            step,
            "expected operand " + std::to_string(operand) +
                " to be written before, found " + describe(ref) +
                " read beyond what was written: " + std::to_string(bytes[i]) +
                " bytes of " + std::to_string(life.written[i]));
  }
  if (access != Access::Read) {
    if (!life.begin)
      life.begin = step;
    for (size_t i = 0; i < bytes.size(); ++i)
      life.written[i] = std::max(life.written[i], bytes[i]);
  }
  life.end = step;
  return {};
}

std::optional<PackageFault> PlanVerifier::verifyStateWrites(size_t step) {
  const LaunchInfo &launch = program.launches[step];
  std::optional<int64_t> first;
  for (size_t i = 0; i < launch.operands.size(); ++i) {
    const OperandRef &ref = launch.operands[i];
    if (ref.kind != Kind::State ||
        kernelOf(step).operands[i].access == Access::Read)
      continue;
    std::optional<size_t> &writer = stateWriters[ref.index];
    if (writer)
      return makeFault(step, "expected states that one launch writes, found " +
                                 describe(ref) + " already written by launch " +
                                 std::to_string(*writer) + " '" +
                                 kernelOf(*writer).name + "'");
    writer = step;
    if (!first)
      first = ref.index;
    if (package.states[*first].layer != package.states[ref.index].layer)
      return makeFault(step, "expected to write states of one layer, found " +
                                 describe({Kind::State, *first}) + " and " +
                                 describe(ref));
  }
  return {};
}

std::optional<PackageFault> PlanVerifier::verifyLaunch(size_t step) {
  if (auto fault = verifyAliases(step))
    return fault;
  if (auto fault = verifyStateWrites(step))
    return fault;
  const LaunchInfo &launch = program.launches[step];
  for (size_t i = 0; i < launch.operands.size(); ++i) {
    const OperandRef &ref = launch.operands[i];
    if (ref.kind == Kind::Buffer) {
      if (auto fault = verifyBufferUse(step, i)) {
        fault->buffer = ref.index;
        return fault;
      }
    } else if (isOutput(ref.kind)) {
      if (auto fault = verifyOutputUse(step, i))
        return fault;
    }
  }
  return {};
}

std::optional<PackageFault> PlanVerifier::verifyOutputUse(size_t step,
                                                          size_t operand) {
  const OperandRef &ref = program.launches[step].operands[operand];
  const Access access = kernelOf(step).operands[operand].access;
  // All of it is there then: kernels have the size that outputs have.
  if (access == Access::Read && outputWriters.count(ref.kind))
    return {};
  if (access != Access::Write)
    return makeFault(step, "expected " + describe(ref) +
                               " to be written before, found operand " +
                               std::to_string(operand) + " reading them");
  const auto [writer, isFirst] = outputWriters.try_emplace(ref.kind, step);
  if (!isFirst)
    return makeFault(step, "expected " + describe(ref) +
                               " that one launch writes, found them already "
                               "written by launch " +
                               std::to_string(writer->second) + " '" +
                               kernelOf(writer->second).name + "'");
  return {};
}

/// Sweeps over the launches with the buffers alive, which are disjoint, by
/// offset: a new one can only meet its neighbours.
std::optional<PackageFault> PlanVerifier::verifyOverlaps() {
  std::vector<std::vector<size_t>> begins(program.launches.size());
  std::vector<std::vector<size_t>> ends(program.launches.size());
  for (size_t i = 0; i < lives.size(); ++i)
    // Without bytes there is nothing to share; without a writer no use.
    if (lives[i].begin && program.buffers[i].bytes > 0) {
      begins[*lives[i].begin].push_back(i);
      ends[lives[i].end].push_back(i);
    }
  auto overlaps = [&](size_t lower, size_t upper) {
    const BufferInfo &buffer = program.buffers[lower];
    return buffer.offset + buffer.bytes > program.buffers[upper].offset;
  };
  std::map<int64_t, size_t> alive; // by offset
  for (size_t step = 0; step < program.launches.size(); ++step) {
    for (size_t current : begins[step]) {
      auto [place, isNew] =
          alive.try_emplace(program.buffers[current].offset, current);
      std::optional<size_t> other;
      if (!isNew)
        other = place->second;
      else if (auto next = std::next(place);
               next != alive.end() && overlaps(current, next->second))
        other = next->second;
      else if (place != alive.begin() &&
               overlaps(std::prev(place)->second, current))
        other = std::prev(place)->second;
      if (other) {
        PackageFault fault = makeFault(
            step, "expected buffers that do not overlap, found " +
                      describe({Kind::Buffer, static_cast<int64_t>(current)}) +
                      " written over " +
                      describe({Kind::Buffer, static_cast<int64_t>(*other)}) +
                      ", which launch " + std::to_string(lives[*other].end) +
                      " '" + kernelOf(lives[*other].end).name + "' uses last");
        fault.buffer = current;
        fault.other = other;
        return fault;
      }
    }
    for (size_t done : ends[step])
      alive.erase(program.buffers[done].offset);
  }
  return {};
}

std::optional<PackageFault> PlanVerifier::verify() {
  lives.assign(program.buffers.size(), {});
  stateWriters.assign(package.states.size(), std::nullopt);
  outputWriters.clear();
  for (size_t step = 0; step < program.launches.size(); ++step)
    if (auto fault = verifyLaunch(step))
      return fault;
  for (Kind kind : {Kind::Logits, Kind::Values, Kind::Ids, Kind::Next})
    if (mayOutput(program, kind) && !outputWriters.count(kind) &&
        (kind != Kind::Next || program.candidates))
      return makeFault("expected a launch that writes the " + describe({kind}) +
                       ", found none among " +
                       std::to_string(program.launches.size()));
  return verifyOverlaps();
}

std::vector<bool> PlanVerifier::writtenStates() const {
  std::vector<bool> written;
  for (const std::optional<size_t> &writer : stateWriters)
    written.push_back(writer.has_value());
  return written;
}

std::optional<PackageFault> verifyPlans(const Package &package) {
  std::vector<bool> expected;
  for (size_t p = 0; p < package.programs.size(); ++p) {
    const ProgramInfo &program = package.programs[p];
    PlanVerifier verifier(package, program);
    std::optional<PackageFault> fault = verifier.verify();
    const std::vector<bool> written = verifier.writtenStates();
    if (p == 0)
      expected = written;
    for (size_t i = 0; i < written.size() && !fault; ++i)
      if (written[i] != expected[i])
        fault = {"$.programs['" + program.name + "']",
                 std::string("expected ") +
                     (expected[i] ? "a launch" : "no launch") +
                     " that writes state " + std::to_string(i) + " (layer " +
                     std::to_string(package.states[i].layer) + ") as in '" +
                     package.programs.front().name + "', found " +
                     (written[i] ? "one" : "none")};
    if (fault) {
      fault->program = p;
      return fault;
    }
  }
  for (size_t i = 0; i < expected.size(); ++i)
    if (!expected[i])
      return PackageFault{"$.states[" + std::to_string(i) + "]",
                          "expected a launch that writes state " +
                              std::to_string(i) + " (layer " +
                              std::to_string(package.states[i].layer) +
                              ") in every program, found none in any"};
  return {};
}

} // namespace jet
