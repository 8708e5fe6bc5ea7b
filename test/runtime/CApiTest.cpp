// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Runs the C program in CApiUse.c and compares with the C++ interface.

#include "Fixture.h"

#include "runtime/Session.h"

#include <gtest/gtest.h>

using namespace jet;
using namespace jet::test;

extern "C" int useJetRuntime(const char *package, const char *weights,
                             const float *expected,
                             const float *expectedSecond);

TEST(CApiTest, DoesWhatTheCppInterfaceDoes) {
  const TemporaryDirectory directory;
  const std::string package = directory.file("p.jet");
  ASSERT_TRUE(writePackage(makePackageWithCandidates(), package));
  writeCheckpoint(directory.file("model.safetensors"));

  auto model = Model::load(package, directory.name());
  ASSERT_TRUE(model) << messageOf(model);
  auto logitsOf = [&](const std::vector<int32_t> &tokens) {
    Session session(*model, 1);
    Result<State> state = State::create(*model, 1, 8);
    auto logits = session.step(*state, std::vector<StepInput>{{0, tokens}});
    return std::vector<float>(logits->begin(), logits->end());
  };
  EXPECT_EQ(useJetRuntime(package.c_str(), directory.name().c_str(),
                          logitsOf({1, 2, 3}).data(), logitsOf({4}).data()),
            0);
}
