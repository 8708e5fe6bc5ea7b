// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "runtime/StateLaunches.h"
#include "Fixture.h"

#include <gtest/gtest.h>

using namespace jet;
using namespace jet::test;
using Kind = OperandRef::Kind;

namespace {

TEST(StateLaunches, AreAllButTheHead) {
  const Package package = makePackage();
  EXPECT_EQ(findStateLaunches(package, package.programs[0]),
            (std::vector<size_t>{0, 1, 2}));
}

// A layer whose mixer was the last: what follows it is for the head.
TEST(StateLaunches, EndBehindTheLastStateThatIsWritten) {
  Package package = makePackage();
  ProgramInfo &program = package.programs[0];
  package.kernels[program.launches[2].kernel].operands[3].access = Access::Read;
  EXPECT_EQ(findStateLaunches(package, program), (std::vector<size_t>{0, 1}));
}

TEST(StateLaunches, LeaveOutWhatNoStateIsMadeOf) {
  Package package = makePackage();
  ProgramInfo &program = package.programs[0];
  // The embedding goes to a buffer that nobody reads.
  program.buffers.push_back({128, 16});
  program.launches[0].operands.back() = {Kind::Buffer, 2};
  EXPECT_EQ(findStateLaunches(package, program), (std::vector<size_t>{1, 2}));
}

TEST(StateLaunches, AreNoneWithoutStates) {
  Package package = makePackage();
  for (KernelInfo &kernel : package.kernels)
    for (KernelOperand &operand : kernel.operands)
      if (operand.access == Access::ReadWrite)
        operand.access = Access::Read;
  EXPECT_TRUE(findStateLaunches(package, package.programs[0]).empty());
}

} // namespace
