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
  EXPECT_EQ(choosePrefillChunk(*state, 1).tokens(1), 256);
  EXPECT_EQ(choosePrefillChunk(*state, 2).tokens(2), 128);
  EXPECT_EQ(choosePrefillChunk(*state, 3).tokens(3), 64); // of 85: whole tiles
  EXPECT_EQ(choosePrefillChunk(*state, 1000).tokens(1000), 16);
  EXPECT_EQ(choosePrefillChunk(*state, 1000).rows, 256);
}

/// Slot and tokens of each input.
std::vector<std::pair<int64_t, int64_t>>
sizesOf(const std::vector<StepInput> &inputs) {
  std::vector<std::pair<int64_t, int64_t>> sizes;
  for (const StepInput &input : inputs)
    sizes.emplace_back(input.slot, input.tokens.size());
  return sizes;
}

TEST(NextChunk, FillsAStepWithTheFirstSequencesThatGoOn) {
  const std::vector<int32_t> tokens(10);
  std::vector<ChunkedSequence> sequences;
  for (int64_t slot : {3, 5, 7, 9})
    sequences.push_back({slot, tokens});
  sequences[0].done = 10;
  sequences[1].done = 8;
  using Sizes = std::vector<std::pair<int64_t, int64_t>>;
  EXPECT_EQ(sizesOf(nextChunk(sequences, {.rows = 9})),
            (Sizes{{5, 2}, {7, 3}, {9, 3}}));
  EXPECT_EQ(sizesOf(nextChunk(sequences, {.rows = 9, .least = 5})),
            (Sizes{{5, 2}, {7, 5}, {9, 2}}));
  EXPECT_EQ(sizesOf(nextChunk(sequences, {.rows = 6, .least = 5})),
            (Sizes{{5, 2}, {7, 4}}));
  EXPECT_EQ(sizesOf(nextChunk(sequences, {.rows = 4, .least = 5})),
            (Sizes{{5, 2}, {7, 2}}));
  EXPECT_EQ(sizesOf(nextChunk(sequences, PrefillChunk::ofEach(4))),
            (Sizes{{5, 2}, {7, 4}, {9, 4}}));
  // The last one has the step to itself.
  sequences[1].done = sequences[2].done = 10;
  EXPECT_EQ(sizesOf(nextChunk(sequences, {.rows = 9})), (Sizes{{9, 9}}));
  sequences[3].done = 10;
  EXPECT_TRUE(nextChunk(sequences, {.rows = 9}).empty());
}

TEST(NextChunk, TakesTheTokensThatAreNext) {
  const std::vector<int32_t> tokens = {1, 2, 3, 4, 5};
  const std::vector<ChunkedSequence> sequences = {{0, tokens, 2}};
  const std::vector<StepInput> inputs = nextChunk(sequences, {.rows = 2});
  ASSERT_EQ(inputs.size(), 1);
  EXPECT_EQ(inputs[0].tokens.data(), tokens.data() + 2);
}
#else
TEST_F(PrefillChunkTest, FillsHalfOfWhatIsFreeOnAGpu) {
  auto state = State::create(model, 1, kMaxContext);
  ASSERT_TRUE(state) << messageOf(state);
  EXPECT_EQ(choosePrefillChunk(*state, 1).tokens(1), 8192);
  EXPECT_EQ(choosePrefillChunk(*state, 3).tokens(3), 2688); // whole tiles
  // Of many sequences some at a time.
  EXPECT_EQ(choosePrefillChunk(*state, 1000).tokens(1000), 2048);
  EXPECT_EQ(choosePrefillChunk(*state, 1000).rows, 8192);

  // Room for just 1024 tokens and their logits, twice, and then a byte less.
  const int64_t row = model->program(ProgramKind::Prefill).arenaBytesPerRow;
  ASSERT_GT(row, 0);
  const int64_t logits = kVocab * 4;
  const int64_t room = 2 * (1024 * row + logits);
  const int64_t free = *model->device()->freeBytes();
  auto other = ZeroMemory::create(model->device(), free - room, "test");
  ASSERT_TRUE(other) << messageOf(other);
  EXPECT_EQ(choosePrefillChunk(*state, 1).tokens(1), 1024);
  auto byte = ZeroMemory::create(model->device(), 1, "test");
  ASSERT_TRUE(byte) << messageOf(byte);
  EXPECT_EQ(choosePrefillChunk(*state, 1).tokens(1), 512);
  // Logits of all tokens take room as well.
  const int64_t half = 2 * (512 * row + logits);
  auto more = ZeroMemory::create(model->device(), room - 1 - half, "test");
  ASSERT_TRUE(more) << messageOf(more);
  EXPECT_EQ(choosePrefillChunk(*state, 1).tokens(1), 512);
  EXPECT_EQ(choosePrefillChunk(*state, 1, LogitsOf::AllTokens).tokens(1), 256);
  // So do those of nine sequences, which then get some of few tokens.
  EXPECT_EQ(choosePrefillChunk(*state, 9).rows, 256);
  EXPECT_EQ(choosePrefillChunk(*state, 9).tokens(9), 256);
}
#endif

} // namespace
