// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Memory plans broken by hand, one fault each, and random ones.

#include "Fixture.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <functional>
#include <random>

using namespace jet;
using namespace jet::test;

namespace {

using Kind = OperandRef::Kind;

struct Broken {
  const char *what;
  std::function<void(Package &)> change;
  const char *expected; // part of the message
};

LaunchInfo &launchOf(Package &package, size_t step) {
  return package.programs[0].launches[step];
}

/// Adds a kernel that reads R rows of `reads` and writes R rows of `writes`.
int64_t addRowsKernel(Package &package, const std::string &name,
                      const std::vector<Access> &accesses) {
  const SizeExpr row = SizeExpr::makeConstant(kHidden);
  KernelInfo kernel{name, SizeExpr::makeSymbol(Symbol::R), {}};
  for (Access access : accesses)
    kernel.operands.push_back(
        {DType::F32, {SizeExpr::makeSymbol(Symbol::R), row}, access});
  package.kernels.push_back(std::move(kernel));
  return static_cast<int64_t>(package.kernels.size()) - 1;
}

// The fixture's programs: 0 embed (writes buffer 0), 1 running sum (0 to 1,
// state 0), 2 look back (1 to 0, state 1), 3 head (reads 0, writes logits).
const Broken kBroken[] = {
    {"overlap by one byte",
     [](Package &p) { p.programs[0].buffers[0].bytes = 65; },
     "$.programs['prefill'].launches[1] 'fixture_running_sum': expected "
     "buffers that do not overlap, found buffer 1 [64, 80) written over buffer "
     "0 [0, 65), which launch 3 'fixture_head_last' uses last"},
    {"the same place", [](Package &p) { p.programs[0].buffers[1].offset = 0; },
     "found buffer 1 [0, 16) written over buffer 0 [0, 16)"},
    {"a place inside",
     [](Package &p) {
       p.programs[0].arenaBytesPerRow = 512;
       p.programs[0].buffers = {{0, 512}, {64, 16}};
     },
     "found buffer 1 [64, 80) written over buffer 0 [0, 512)"},
    {"a place around",
     [](Package &p) {
       p.programs[0].arenaBytesPerRow = 512;
       p.programs[0].buffers = {{64, 16}, {0, 512}};
     },
     "found buffer 1 [0, 512) written over buffer 0 [64, 80)"},
    {"operand and result of one launch",
     [](Package &p) { launchOf(p, 1).operands[3].index = 0; },
     "launches[1] 'fixture_running_sum': expected operands that do not alias, "
     "found buffer 0 [0, 16) as operands 1 and 3, one of them written"},
    {"the dying operand's place", // in place: kernels may not
     [](Package &p) {
       p.programs[0].buffers = {{0, 16}, {64, 16}, {64, 16}};
       launchOf(p, 2).operands[4].index = 2;
       launchOf(p, 3).operands[1].index = 2;
     },
     "launches[2] 'fixture_look_back': expected buffers that do not overlap, "
     "found buffer 2 [64, 80) written over buffer 1 [64, 80)"},
    {"read before written",
     [](Package &p) { launchOf(p, 1).operands[1].index = 1; },
     "launches[1] 'fixture_running_sum': expected operand"},
    {"read and never written",
     [](Package &p) {
       p.programs[0].arenaBytesPerRow = 192;
       p.programs[0].buffers.push_back({128, 16});
       launchOf(p, 1).operands[1].index = 2;
     },
     "launches[1] 'fixture_running_sum': expected operand 1 to be written "
     "before, found buffer 2 [128, 144) read before any launch wrote it"},
    {"updated before written",
     [](Package &p) {
       launchOf(p, 0).kernel = addRowsKernel(p, "update", {Access::ReadWrite});
       launchOf(p, 0).operands = {{Kind::Buffer, 0}};
     },
     "launches[0] 'update': expected operand 0 to be written before"},
    {"rows of tokens where rows of sequences were written",
     [](Package &p) {
       const int64_t kernel = addRowsKernel(p, "rows", {Access::Write});
       launchOf(p, 0) = {kernel, true, {{Kind::Buffer, 0}}};
     },
     "launches[1] 'fixture_running_sum': expected operand 1 to be written "
     "before, found buffer 0 [0, 16) read beyond what was written: 512 bytes "
     "of 16"},
    {"pages where fewer were written",
     [](Package &p) {
       const int64_t kernel = addRowsKernel(p, "rows", {Access::Write});
       // As large as what is read with the most pages only.
       p.kernels[kernel].operands[0].shape = {
           SizeExpr::makeSymbol(Symbol::B), SizeExpr::makeSymbol(Symbol::C),
           SizeExpr::makeConstant(kHidden * kPageSize)};
       p.programs[0].arenaBytesPerRow = 576;
       p.programs[0].buffers = {{0, 512}, {512, 16}};
       launchOf(p, 0) = {kernel, false, {{Kind::Buffer, 0}}};
     },
     "read beyond what was written: 512 bytes of 64"},
    {"misaligned", [](Package &p) { p.programs[0].buffers[1].offset = 96; },
     "$.programs['prefill'].buffers[1].offset: expected a multiple of 64, "
     "found 96"},
    {"arena too small by a byte",
     [](Package &p) { p.programs[0].arenaBytesPerRow = 79; },
     "buffers[1]: expected a slice of the arena's 79 bytes, found 16 bytes at "
     "64"},
    {"offset whose end overflows",
     [](Package &p) { p.programs[0].buffers[1].offset = INT64_MAX - 63; },
     "buffers[1]: expected a slice of the arena's 128 bytes"},
    {"negative offset",
     [](Package &p) { p.programs[0].buffers[1].offset = -64; },
     "buffers[1].offset: expected a multiple of 64, found -64"},
    {"size that overflows before a zero",
     [](Package &p) {
       p.kernels[0].operands[2].shape = {SizeExpr::makeConstant(INT64_MAX),
                                         SizeExpr::makeConstant(0)};
     },
     "launches[0] 'fixture_embed': the size of operand 2 does not fit 64 bits"},
    {"a state twice in a launch",
     [](Package &p) {
       p.kernels[1].operands.push_back(p.kernels[1].operands[2]);
       for (ProgramInfo &program : p.programs)
         program.launches[1].operands.push_back({Kind::State, 0});
     },
     "launches[1] 'fixture_running_sum': expected operands that do not alias, "
     "found state 0 (layer 0) as operands 2 and 4, one of them written"},
    {"a state read beside its write",
     [](Package &p) {
       p.kernels[1].operands.push_back(p.kernels[1].operands[2]);
       p.kernels[1].operands.back().access = Access::Read;
       for (ProgramInfo &program : p.programs)
         program.launches[1].operands.push_back({Kind::State, 0});
     },
     "expected operands that do not alias, found state 0 (layer 0)"},
    {"a state updated twice",
     [](Package &p) {
       auto &launches = p.programs[0].launches;
       launches.insert(launches.begin() + 2, launches[1]);
     },
     "launches[2] 'fixture_running_sum': expected states that one launch "
     "writes, found state 0 (layer 0) already written by launch 1 "
     "'fixture_running_sum'"},
    {"states of two layers in a launch",
     [](Package &p) {
       p.kernels[1].operands.push_back(p.kernels[2].operands[3]);
       for (ProgramInfo &program : p.programs)
         program.launches[1].operands.push_back({Kind::State, 1});
     },
     "launches[1] 'fixture_running_sum': expected to write states of one "
     "layer, found state 0 (layer 0) and state 1 (layer 1)"},
    {"a state that decode forgets",
     [](Package &p) {
       auto &launches = p.programs[1].launches;
       launches.erase(launches.begin() + 2);
     },
     "$.programs['decode']: expected a launch that writes state 1 (layer 1) as "
     "in 'prefill', found none"},
    {"a state that only forward writes",
     [](Package &p) {
       for (int i : {0, 1})
         p.programs[i].launches.erase(p.programs[i].launches.begin() + 2);
     },
     "$.programs['forward']: expected no launch that writes state 1"},
    {"a state that no program writes",
     [](Package &p) {
       for (ProgramInfo &program : p.programs)
         program.launches.erase(program.launches.begin() + 2);
     },
     "$.states[1]: expected a launch that writes state 1 (layer 1) in every "
     "program, found none in any"},
    {"no logits", [](Package &p) { p.programs[0].launches.pop_back(); },
     "$.programs['prefill']: expected a launch that writes the logits, found "
     "none among 3"},
    {"no launches", [](Package &p) { p.programs[0].launches.clear(); },
     "found none among 0"},
    {"logits written twice",
     [](Package &p) {
       p.programs[0].launches.push_back(p.programs[0].launches.back());
     },
     "launches[4] 'fixture_head_last': expected logits that one launch writes, "
     "found them already written by launch 3 'fixture_head_last'"},
    {"logits written twice by one launch",
     [](Package &p) {
       p.kernels[3].operands.push_back(p.kernels[3].operands[3]);
       for (int i : {0, 1})
         p.programs[i].launches[3].operands.push_back({Kind::Logits});
     },
     "expected operands that do not alias, found logits as operands 3 and 4"},
    {"logits read", [](Package &p) { p.kernels[3].operands[3].access = {}; },
     "launches[3] 'fixture_head_last': expected logits to be written before, "
     "found operand 3 reading them"},
    {"logits updated",
     [](Package &p) { p.kernels[3].operands[3].access = Access::ReadWrite; },
     "expected logits to be written before"},
    {"tokens written",
     [](Package &p) { p.kernels[0].operands[0].access = Access::Write; },
     "expected something writable, found tokens"},
};

TEST(PlanVerifierTest, RefusesEveryBrokenPlan) {
  for (const Broken &broken : kBroken) {
    Package package = makePackage(false);
    broken.change(package);
    const std::string message = messageOf(verifyPackage(package, "p.jet"));
    // In a program, unless the case names another place.
    const std::string place =
        std::string_view(broken.expected).starts_with("$.") ? broken.expected
                                                            : "$.programs";
    EXPECT_EQ(message.find("p.jet: " + place), 0u)
        << broken.what << ": " << message;
    EXPECT_NE(message.find(broken.expected), std::string::npos)
        << broken.what << ": " << message;
    EXPECT_EQ(message.find('\n'), std::string::npos) << broken.what;
  }
}

TEST(PlanVerifierTest, CandidatesAreWrittenOnceEach) {
  auto refusal = [](void (*change)(Package &)) {
    Package package = makePackageWithCandidates(false);
    change(package);
    return messageOf(verifyPackage(package, "p.jet"));
  };
  EXPECT_EQ(
      refusal([](Package &p) {
        p.kernels[5].operands.pop_back();
        for (int i : {3, 4})
          p.programs[i].launches.back().operands.pop_back();
      }),
      "p.jet: $.programs['prefill_sample']: expected a launch that writes "
      "the next tokens, found none among 4");
  EXPECT_EQ(refusal([](Package &p) {
              p.programs[3].launches.push_back(p.programs[3].launches.back());
            }),
            "p.jet: $.programs['prefill_sample'].launches[4] "
            "'fixture_head_sample': expected values that one launch writes, "
            "found them already written by launch 3 'fixture_head_sample'");
  EXPECT_EQ(refusal([](Package &p) {
              p.kernels[5].operands[4].access = Access::ReadWrite;
            }),
            "p.jet: $.programs['prefill_sample'].launches[3] "
            "'fixture_head_sample': expected ids to be written before, found "
            "operand 4 reading them");
}

TEST(PlanVerifierTest, OutputsMayBeReadOnceTheyAreWritten) {
  Package package = makePackageWithCandidates(false);
  // Instead of the head a launch of its own makes next tokens of ids.
  KernelInfo &head = package.kernels[5];
  KernelInfo pick = {"pick", head.grid, {head.operands[4], head.operands[6]}};
  pick.operands[0].access = Access::Read;
  head.operands.pop_back();
  package.kernels.push_back(pick);
  for (int i : {3, 4}) {
    std::vector<LaunchInfo> &launches = package.programs[i].launches;
    launches.back().operands.pop_back();
    launches.push_back({6, true, {{Kind::Ids}, {Kind::Next}}});
  }
  EXPECT_EQ(messageOf(verifyPackage(package, "p.jet")), "success");
  std::swap(package.programs[4].launches[3], package.programs[4].launches[4]);
  EXPECT_EQ(messageOf(verifyPackage(package, "p.jet")),
            "p.jet: $.programs['decode_sample'].launches[3] 'pick': expected "
            "ids to be written before, found operand 0 reading them");
}

TEST(PlanVerifierTest, AcceptsTheFixture) {
  const Result<void> valid = verifyPackage(makePackage(false), "p.jet");
  EXPECT_TRUE(valid) << messageOf(valid);
}

// Buffers that touch, that follow each other in one place, that nobody uses,
// and an operand that is read twice: all are fine.
TEST(PlanVerifierTest, AcceptsWhatOnlyLooksWrong) {
  Package package = makePackage(false);
  const int64_t copy =
      addRowsKernel(package, "copy", {Access::Read, Access::Write});
  const int64_t add = addRowsKernel(
      package, "add", {Access::Read, Access::Read, Access::Write});
  ProgramInfo &program = package.programs[0];
  program.buffers = {{0, 64}, {64, 64}, {128, 64}, {64, 64}, {0, 192}};
  program.arenaBytesPerRow = 192;
  auto at = program.launches.begin() + 3;
  // 0 to 2 while 1 is dead, 2 to 3 where 1 was, 3 + 3 back to 0.
  program.launches.insert(
      at, {{copy, false, {{Kind::Buffer, 0}, {Kind::Buffer, 2}}},
           {copy, false, {{Kind::Buffer, 2}, {Kind::Buffer, 3}}},
           {add,
            false,
            {{Kind::Buffer, 3}, {Kind::Buffer, 3}, {Kind::Buffer, 0}}}});
  const Result<void> valid = verifyPackage(package, "p.jet");
  EXPECT_TRUE(valid) << messageOf(valid);
}

// What sequences wrote, decode may read as tokens: it has one of each.
TEST(PlanVerifierTest, SequencesAreTokensInDecode) {
  for (int which : {0, 1}) {
    Package package = makePackage(false);
    const int64_t kernel = addRowsKernel(package, "rows", {Access::Write});
    package.programs[which].launches[0] = {kernel, true, {{Kind::Buffer, 0}}};
    EXPECT_EQ(static_cast<bool>(verifyPackage(package, "p.jet")), which == 1);
  }
}

//===----------------------------------------------------------------------===//
// Random plans
//===----------------------------------------------------------------------===//

struct Life {
  size_t begin = 0, end = 0;
};

/// A package whose programs also run a random list of launches, before the
/// fixture's own, with buffers placed without regard to the compiler's planner.
class RandomPlan {
public:
  explicit RandomPlan(unsigned seed, size_t steps) : random(seed) {
    package = makePackage(false);
    lives.assign(2, {steps, steps + 3}); // the fixture's own
    addLaunches(steps);
    place();
  }

  int64_t uniform(int64_t low, int64_t high) {
    return std::uniform_int_distribution<int64_t>(low, high)(random);
  }
  ProgramInfo &program() { return package.programs[0]; }

  /// Moves a buffer so that it shares at least a byte with another that is
  /// alive with it; false when there is no such pair.
  bool shift() {
    std::vector<std::pair<size_t, size_t>> pairs;
    for (size_t i = 0; i < lives.size(); ++i)
      for (size_t j = 0; j < lives.size(); ++j)
        if (i != j && meet(i, j))
          pairs.emplace_back(i, j);
    if (pairs.empty())
      return false;
    const auto [moved, hit] =
        pairs[uniform(0, static_cast<int64_t>(pairs.size()) - 1)];
    BufferInfo &buffer = program().buffers[moved];
    const BufferInfo &other = program().buffers[hit];
    // Aligned offsets from the first to the last that touch `other`.
    const int64_t low = std::max<int64_t>(0, other.offset - buffer.bytes + 1);
    const int64_t high = other.offset + other.bytes - 1;
    buffer.offset = uniform((low + 63) / 64, high / 64) * 64;
    program().arenaBytesPerRow =
        std::max(program().arenaBytesPerRow, buffer.offset + buffer.bytes);
    return true;
  }

  Package package;

private:
  void addLaunches(size_t steps) {
    const int64_t kernels[] = {
        addRowsKernel(package, "make", {Access::Write}),
        addRowsKernel(package, "map", {Access::Write, Access::Read}),
        addRowsKernel(package, "join",
                      {Access::Write, Access::Read, Access::Read})};
    std::vector<LaunchInfo> launches;
    program().buffers.clear();
    for (int64_t bytes : {16, 16})
      program().buffers.push_back({0, bytes});
    for (size_t step = 0; step < steps; ++step) {
      const int64_t made = step;
      const int64_t reads = std::min<int64_t>(made, uniform(0, 2));
      LaunchInfo launch{kernels[reads], false, {{Kind::Buffer, made + 2}}};
      program().buffers.push_back({0, uniform(16, 400)});
      lives.push_back({step, step});
      for (int64_t i = 0; i < reads; ++i) {
        const int64_t read =
            2 + uniform(std::max<int64_t>(0, made - 9), made - 1);
        launch.operands.push_back({Kind::Buffer, read});
        lives[read].end = step;
      }
      launches.push_back(std::move(launch));
    }
    program().launches.insert(program().launches.begin(), launches.begin(),
                              launches.end());
  }

  bool meet(size_t i, size_t j) const {
    return lives[i].begin <= lives[j].end && lives[j].begin <= lives[i].end;
  }

  /// In the order of their launches, each at the lowest multiple of 64 that is
  /// free.
  void place() {
    auto &buffers = program().buffers;
    program().arenaBytesPerRow = 0;
    for (size_t i = 0; i < buffers.size(); ++i) {
      auto isFree = [&](int64_t offset) {
        for (size_t j = 0; j < i; ++j)
          if (meet(i, j) && offset < buffers[j].offset + buffers[j].bytes &&
              buffers[j].offset < offset + buffers[i].bytes)
            return false;
        return true;
      };
      while (!isFree(buffers[i].offset))
        buffers[i].offset += 64;
      program().arenaBytesPerRow = std::max(
          program().arenaBytesPerRow, buffers[i].offset + buffers[i].bytes);
    }
  }

  std::mt19937 random;
  std::vector<Life> lives;
};

TEST(PlanVerifierTest, RandomPlansAreAcceptedAndShiftedOnesRefused) {
  int shifted = 0;
  for (unsigned seed = 0; seed < 400; ++seed) {
    RandomPlan plan(seed, 1 + seed % 60);
    const Result<void> valid = verifyPackage(plan.package, "p.jet");
    ASSERT_TRUE(valid) << seed << ": " << messageOf(valid);
    if (!plan.shift())
      continue;
    ++shifted;
    const std::string message = messageOf(verifyPackage(plan.package, "p.jet"));
    ASSERT_NE(message.find("expected buffers that do not overlap"),
              std::string::npos)
        << seed << ": " << message;
  }
  EXPECT_GT(shifted, 300);
}

// Packages are read often; a plan of twenty times the released models' size
// must not be felt. Quadratic work would take minutes.
TEST(PlanVerifierTest, LargePlansAreCheckedQuickly) {
  RandomPlan plan(1, 8000);
  const auto start = std::chrono::steady_clock::now();
  const Result<void> valid = verifyPackage(plan.package, "p.jet");
  const std::chrono::duration<double> time =
      std::chrono::steady_clock::now() - start;
  EXPECT_TRUE(valid) << messageOf(valid);
  EXPECT_LT(time.count(), 2.0);
}

} // namespace
