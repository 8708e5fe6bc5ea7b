// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// How much of a prompt is taken in at once; on the CPU, and as ModelCudaTests
// on the GPU of FakeCudaLibrary.cpp.

#include "Fixture.h"

#include "runtime/PrefillChunk.h"

#include <gtest/gtest.h>

using namespace jet;
using namespace jet::test;

namespace {

class PrefillChunkTest : public testing::Test {
protected:
  PrefillChunkTest() {
    Package package = makePackage();
#ifdef JET_TEST_CUDA
    package = forFakeGpu(std::move(package));
#endif
    const TemporaryDirectory directory;
    EXPECT_TRUE(writePackage(package, directory.file("p.jet")));
    auto loaded = Model::loadWithMadeUpWeights(directory.file("p.jet"));
    EXPECT_TRUE(loaded) << messageOf(loaded);
    if (loaded)
      model = *loaded;
  }

  std::shared_ptr<const Model> model;
};

#ifndef JET_TEST_CUDA
TEST_F(PrefillChunkTest, KeepsAStepOnTheCpuSmall) {
  auto state = State::create(model, 1, kMaxContext);
  ASSERT_TRUE(state) << messageOf(state);
  EXPECT_EQ(choosePrefillChunk(*state, 1), 256);
  EXPECT_EQ(choosePrefillChunk(*state, 2), 128);
  EXPECT_EQ(choosePrefillChunk(*state, 3), 64); // of 85: whole tiles
  EXPECT_EQ(choosePrefillChunk(*state, 1000), 16);
}
#else
TEST_F(PrefillChunkTest, FillsHalfOfWhatIsFreeOnAGpu) {
  auto state = State::create(model, 1, kMaxContext);
  ASSERT_TRUE(state) << messageOf(state);
  EXPECT_EQ(choosePrefillChunk(*state, 1), 8192);
  EXPECT_EQ(choosePrefillChunk(*state, 16), 512);
  EXPECT_EQ(choosePrefillChunk(*state, 1000), 16);

  // Room for just 1024 tokens and their logits, twice, and then a byte less.
  const int64_t row = model->program(ProgramKind::Prefill).arenaBytesPerRow;
  ASSERT_GT(row, 0);
  const int64_t logits = kVocab * 4;
  const int64_t room = 2 * (1024 * row + logits);
  const int64_t free = *model->device()->freeBytes();
  auto other = ZeroMemory::create(model->device(), free - room, "test");
  ASSERT_TRUE(other) << messageOf(other);
  EXPECT_EQ(choosePrefillChunk(*state, 1), 1024);
  auto byte = ZeroMemory::create(model->device(), 1, "test");
  ASSERT_TRUE(byte) << messageOf(byte);
  EXPECT_EQ(choosePrefillChunk(*state, 1), 512);
  // Logits of all tokens take room as well.
  const int64_t half = 2 * (512 * row + logits);
  auto more = ZeroMemory::create(model->device(), room - 1 - half, "test");
  ASSERT_TRUE(more) << messageOf(more);
  EXPECT_EQ(choosePrefillChunk(*state, 1), 512);
  EXPECT_EQ(choosePrefillChunk(*state, 1, LogitsOf::AllTokens), 256);
}
#endif

} // namespace
