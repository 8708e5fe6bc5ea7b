// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Steps of the toy model of Fixture.h; as ModelCudaTests on the GPU of
// FakeCudaLibrary.cpp.

#include "ModelFixture.h"

#include <algorithm>
#include <chrono>
#include <numeric>
#include <thread>

using namespace jet;
using namespace jet::test;

static const Tokens kTokens = {3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5};

TEST_F(ModelTest, ForwardMatchesTheReference) {
  Session session(model, 3);
  State state = makeState();
  const auto rows = step(session, state, 2, kTokens, LogitsOf::AllTokens);
  const auto expected = referenceLogits(kTokens);
  ASSERT_EQ(rows.size(), expected.size());
  for (size_t i = 0; i < rows.size(); ++i)
    expectNear(rows[i], expected[i]);
  EXPECT_EQ(state.position(2), 11);
  EXPECT_EQ(state.position(0), 0);
}

TEST_F(ModelTest, PrefillThenDecodeMatchesTheReference) {
  Session session(model, 2);
  State state = makeState();
  const auto expected = referenceLogits(kTokens);
  const Tokens prompt(kTokens.begin(), kTokens.begin() + 6);
  expectNear(step(session, state, 0, prompt)[0], expected[5]);
  for (size_t i = 6; i < kTokens.size(); ++i)
    expectNear(step(session, state, 0, {kTokens[i]})[0], expected[i]);
}

TEST_F(ModelTest, ChunkedEqualsWholeAtEverySplit) {
  Session session(model, 2);
  State state = makeState();
  const auto whole = step(session, state, 0, kTokens)[0];
  const std::string wholeState = stateBytes(state, 0);
  for (size_t split = 1; split < kTokens.size(); ++split) {
    ASSERT_TRUE(state.reset(0));
    step(session, state, 0, Tokens(kTokens.begin(), kTokens.begin() + split));
    const auto last =
        step(session, state, 0, Tokens(kTokens.begin() + split, kTokens.end()));
    EXPECT_EQ(last[0], whole) << split;
    EXPECT_EQ(stateBytes(state, 0), wholeState) << split;
  }
}

TEST_F(ModelTest, ABatchGivesEachSequenceWhatItGetsAlone) {
  std::mt19937 random(7);
  for (int threads : {1, 2, 5}) {
    Session session(model, threads);
    State together = makeState(), alone = makeState(1);
    std::vector<Tokens> history(kMaxBatch);
    for (int round = 0; round < 20; ++round) {
      // A random subset of the slots in random order, lengths 1 to 4.
      std::vector<int64_t> slots = {0, 1, 2, 3};
      std::shuffle(slots.begin(), slots.end(), random);
      slots.resize(1 + random() % kMaxBatch);
      std::vector<Tokens> next;
      std::vector<StepInput> inputs;
      for (int64_t slot : slots) {
        const size_t room = kMaxContext - history[slot].size();
        next.push_back(
            randomTokens(random, std::min<size_t>(room, 1 + random() % 4)));
        if (next.back().empty()) {
          ASSERT_TRUE(together.reset(slot));
          history[slot].clear();
          next.back() = randomTokens(random, 1);
        }
      }
      for (size_t i = 0; i < slots.size(); ++i)
        inputs.push_back({slots[i], next[i]});
      const auto rows = step(session, together, inputs);
      for (size_t i = 0; i < slots.size(); ++i) {
        Tokens &tokens = history[slots[i]];
        tokens.insert(tokens.end(), next[i].begin(), next[i].end());
        ASSERT_TRUE(alone.reset(0));
        EXPECT_EQ(rows[i], step(session, alone, 0, tokens)[0]);
        EXPECT_EQ(together.position(slots[i]),
                  static_cast<int64_t>(tokens.size()));
      }
    }
  }
}

TEST_F(ModelTest, AResetSlotIsANewSequence) {
  Session session(model, 2);
  State state = makeState(2);
  const auto first = step(session, state, 0, kTokens)[0];
  step(session, state, 1, {7, 7});
  const std::string neighbour = stateBytes(state, 1);
  ASSERT_TRUE(state.reset(0));
  EXPECT_EQ(state.position(0), 0);
  EXPECT_EQ(stateBytes(state, 0).find_first_not_of('\0'), std::string::npos);
  EXPECT_EQ(stateBytes(state, 1), neighbour);
  EXPECT_EQ(step(session, state, 0, kTokens)[0], first);
}

TEST_F(ModelTest, AllSlotsAreResetAtOnce) {
  Session session(model, 2);
  State state = makeState(2);
  const int64_t free = state.pageTable().freePages();
  const auto first = step(session, state, 0, kTokens)[0];
  step(session, state, 1, {7, 7});
  state.resetAll();
  EXPECT_EQ(state.pageTable().freePages(), free);
  for (int64_t slot : {0, 1}) {
    EXPECT_EQ(state.position(slot), 0);
    EXPECT_EQ(stateBytes(state, slot).find_first_not_of('\0'),
              std::string::npos);
  }
  EXPECT_EQ(step(session, state, 1, kTokens)[0], first);
}

TEST_F(ModelTest, PoisonFillsWhatNobodyMayRead) {
  Session session(model, 2, Poison::On);
  Result<State> state = State::create(model, 2, 8, {}, Poison::On);
  ASSERT_TRUE(state) << messageOf(state);
  auto filledWith = [](std::span<const std::byte> bytes, int value) {
    return std::ranges::all_of(
        bytes, [=](std::byte byte) { return byte == std::byte(value); });
  };
  for (int round = 0; round < 2; ++round) {
    // The recurrence begins at zero, the cache with what must not be read.
    EXPECT_TRUE(filledWith(state->memory(0), 0));
    EXPECT_TRUE(filledWith(state->memory(1), 0xFF));
    expectNear(step(session, *state, 0, {1, 2, 3})[0],
               referenceLogits({1, 2, 3})[2]);
    // The first three positions of the first page.
    const size_t row = kHidden * sizeof(float);
    EXPECT_FALSE(filledWith(state->memory(1).first(3 * row), 0xFF));
    EXPECT_TRUE(filledWith(state->memory(1).subspan(3 * row), 0xFF));
    ASSERT_TRUE(state->reset(0));
  }
}

TEST_F(ModelTest, SequencesSharePages) {
  // Two pages of four positions for three slots.
  Result<State> made = State::create(model, 3, 8, 2);
  ASSERT_TRUE(made) << messageOf(made);
  State &state = *made;
  Session session(model, 2);
  expectNear(step(session, state, 0, {1, 2, 3})[0],
             referenceLogits({1, 2, 3})[2]);
  step(session, state, 1, {7});
  EXPECT_EQ(state.pageTable().freePages(), 0);
  // The fourth position is in a page that is there, the fifth is not.
  expectNear(step(session, state, 0, {4})[0],
             referenceLogits({1, 2, 3, 4}).back());
  const std::string before = stateBytes(state, 0) + stateBytes(state, 1);
  const Tokens one = {5};
  EXPECT_EQ(
      messageOf(
          session.step(state, std::vector<StepInput>{{0, one}, {2, one}})),
      "step: expected to need at most the 0 free pages of 2, found 2 (of 4 "
      "positions each)");
  EXPECT_EQ(stateBytes(state, 0) + stateBytes(state, 1), before);
  // What one sequence gives back, another one goes on in.
  ASSERT_TRUE(state.reset(1));
  EXPECT_EQ(state.pageTable().freePages(), 1);
  expectNear(step(session, state, 0, {5})[0],
             referenceLogits({1, 2, 3, 4, 5}).back());
  EXPECT_EQ(state.pageTable().held(0).size(), 2u);
}

TEST_F(ModelTest, PositionsTakeAndGivePages) {
  Result<State> state = State::create(model, 2, 8, 3);
  ASSERT_TRUE(state) << messageOf(state);
  EXPECT_TRUE(state->setPosition(0, 8));
  EXPECT_EQ(messageOf(state->setPosition(1, 5)),
            "pages: expected 0 to 1, found 2");
  EXPECT_TRUE(state->setPosition(0, 4));
  EXPECT_TRUE(state->setPosition(1, 5));
  EXPECT_EQ(state->pageTable().freePages(), 0);
}

TEST_F(ModelTest, ResetOfLargeSlotsKeepsTheNeighbours) {
  // Rings that begin and end inside pages of memory, and cover whole ones.
  Package package = onDevice(makePackage());
  package.states.push_back(
      {0, StateKind::WindowKv, DType::F32, {2, 1, 1001, kHidden}});
  package.kernels[1].operands.push_back(
      {DType::F32,
       {SizeExpr::makeSymbol(Symbol::S), SizeExpr::makeConstant(2),
        SizeExpr::makeConstant(1), SizeExpr::makeConstant(1001),
        SizeExpr::makeConstant(kHidden)},
       Access::ReadWrite});
  for (ProgramInfo &program : package.programs)
    program.launches[1].operands.push_back({OperandRef::Kind::State, 2});
  const TemporaryDirectory directory;
  ASSERT_TRUE(writePackage(package, directory.file("p.jet")));
  writeCheckpoint(directory.file("model.safetensors"));
  auto loaded = Model::load(directory.file("p.jet"), directory.name());
  ASSERT_TRUE(loaded);
  Result<State> state = State::create(*loaded, 3, 8);
  ASSERT_TRUE(state);
  const std::span<std::byte> rings = state->memory(2);
  const size_t ring = rings.size() / 3;
  for (size_t slot = 0; slot < 3; ++slot)
    std::ranges::fill(rings.subspan(slot * ring, ring), std::byte(slot + 1));
  ASSERT_TRUE(state->reset(1));
  for (size_t slot = 0; slot < 3; ++slot)
    for (std::byte byte : rings.subspan(slot * ring, ring))
      ASSERT_EQ(byte, std::byte(slot == 1 ? 0 : slot + 1));
}

TEST_F(ModelTest, ErrorsLeaveTheStateIntact) {
  Session session(model, 2);
  State state = makeState(2, 8);
  step(session, state, 0, {1, 2, 3});
  step(session, state, 1, {4});
  const std::string before = stateBytes(state, 0) + stateBytes(state, 1);

  const Tokens good = {5}, bad = {kVocab}, negative = {-1}, none, tooLong(6, 1);
  const struct {
    std::vector<StepInput> inputs;
    const char *expected;
  } errors[] = {
      {{}, "step: expected at least one sequence, found none"},
      {{{0, good}, {2, good}}, "slot 2: expected 0 to 1"},
      {{{-1, good}}, "slot -1: expected 0 to 1"},
      {{{0, good}, {0, good}}, "slot 0: expected once in a step, found twice"},
      {{{0, good}, {1, bad}},
       "slot 1: expected token ids from 0 to 15, found 16"},
      {{{0, negative}}, "slot 0: expected token ids from 0 to 15, found -1"},
      {{{0, good}, {1, none}},
       "slot 1: expected at least one token, found "
       "none"},
      {{{1, good}, {0, tooLong}},
       "slot 0: expected at most 5 more tokens "
       "(context 8), found 6"},
  };
  for (const auto &error : errors)
    EXPECT_EQ(messageOf(session.step(state, error.inputs)), error.expected);
  EXPECT_EQ(stateBytes(state, 0) + stateBytes(state, 1), before);
  EXPECT_EQ(state.position(0), 3);
  EXPECT_EQ(state.position(1), 1);
  // And it goes on as if nothing had happened.
  expectNear(step(session, state, 0, {4})[0],
             referenceLogits({1, 2, 3, 4}).back());
}

TEST_F(ModelTest, ExtendLeavesTheStateOfAStep) {
  Session session(model, 2, Poison::On);
  State stepped = makeState(2, 8), extended = makeState(2, 8);
  const Tokens one = {1, 2, 3}, other = {4, 5};
  const std::vector<StepInput> inputs = {{1, other}, {0, one}};
  step(session, stepped, inputs);
  ASSERT_TRUE(session.extend(extended, inputs));
  for (int64_t slot : {0, 1}) {
    EXPECT_EQ(extended.position(slot), stepped.position(slot));
    EXPECT_EQ(stateBytes(extended, slot), stateBytes(stepped, slot));
  }
  // And it goes on, with one token of each sequence as well.
  const Tokens next = {6};
  ASSERT_TRUE(session.extend(extended, std::vector<StepInput>{{0, next}}));
  expectNear(step(session, extended, 0, {4})[0],
             referenceLogits({1, 2, 3, 6, 4}).back());
  EXPECT_EQ(
      messageOf(session.extend(extended, std::vector<StepInput>{{2, one}})),
      "slot 2: expected 0 to 1");
}

TEST_F(ModelTest, TheLastPositionIsUsable) {
  Session session(model, 2);
  State state = makeState(1, 4);
  step(session, state, 0, {1, 2, 3, 4});
  EXPECT_FALSE(session.step(state, std::vector<StepInput>{{0, kTokens}}));
}

TEST_F(ModelTest, StatesObeyThePackage) {
  EXPECT_EQ(messageOf(State::create(model, 0, 1)),
            "batch: expected 1 to 4, found 0");
  EXPECT_EQ(messageOf(State::create(model, kMaxBatch + 1, 1)),
            "batch: expected 1 to 4, found 5");
  EXPECT_EQ(messageOf(State::create(model, 1, kMaxContext + 1)),
            "context: expected 1 to 32, found 33");
  EXPECT_EQ(messageOf(State::create(model, 2, 8, 0)),
            "pages: expected 1 to 4, found 0");
  EXPECT_EQ(messageOf(State::create(model, 2, 7, 5)),
            "pages: expected 1 to 4, found 5");
  State state = makeState(2, 8);
  EXPECT_FALSE(state.reset(2));
  EXPECT_FALSE(state.reset(-1));
  EXPECT_FALSE(state.setPosition(0, 9));
  EXPECT_FALSE(state.setPosition(2, 0));
  EXPECT_TRUE(state.setPosition(0, 8));
  EXPECT_EQ(state.position(0), 8);
  EXPECT_EQ(state.slotShape(1), (std::vector<int64_t>{2, 1, 8, kHidden}));
}

TEST_F(ModelTest, AStateOfAnotherModelIsRefused) {
  const TemporaryDirectory directory;
  ASSERT_TRUE(writePackage(onDevice(makePackage()), directory.file("p.jet")));
  auto other = Model::loadWithMadeUpWeights(directory.file("p.jet"));
  ASSERT_TRUE(other) << messageOf(other);
  Session session(*other, 1);
  State state = makeState(1);
  EXPECT_EQ(
      messageOf(session.step(state, std::vector<StepInput>{{0, kTokens}})),
      "step: expected a state of the same model");
}

TEST_F(ModelTest, SameStepsAgainAreTheSame) {
  // A GPU launches them as graphs from the second time on; the prompt before
  // makes all memory as large as it gets.
  Session session(model, 2), other(model, 2);
  State state = makeState(2), second = makeState(2);
  std::mt19937 random(7);
  Tokens tokens = randomTokens(random, 9);
  step(session, state, 1, tokens);
  for (int i = 0; i < 12; ++i) {
    const Tokens next = randomTokens(random, 1);
    tokens.push_back(next[0]);
    const auto logits = step(session, state, 1, next);
    expectNear(logits[0], referenceLogits(tokens).back());
    // In between, the same of another state, and another program.
    if (i % 4 == 3) {
      ASSERT_TRUE(second.reset(0));
      expectNear(step(session, second, 0, tokens)[0],
                 referenceLogits(tokens).back());
      const auto all = step(session, second, 0, {next[0]}, LogitsOf::AllTokens);
      EXPECT_EQ(all.size(), 1u);
    }
  }
}

#ifdef JET_TEST_CUDA
TEST_F(ModelTest, SaysWhatWouldFit) {
  // 1 GiB of memory, of which another takes all but a few KiB: a slot is 16
  // bytes and eight pages of 128.
  const int64_t left = 3000;
  const int64_t free = *model->device()->freeBytes();
  auto other = ZeroMemory::create(model->device(), free - left, "test");
  ASSERT_TRUE(other) << messageOf(other);
  EXPECT_EQ(messageOf(State::create(model, 4, 32)),
            "state: expected room for batch 4 of context 32, 4160 bytes, on "
            "cuda:0, found 3000 bytes free; a batch of 2 or a context of 20 "
            "fits");
  EXPECT_EQ(messageOf(State::create(model, 1, 32)), "success");
  EXPECT_EQ(messageOf(State::create(model, 4, 32, 20)), "success");
  const TemporaryDirectory directory;
  ASSERT_TRUE(writePackage(onDevice(makePackage()), directory.file("p.jet")));
  *other = ZeroMemory();
  other = ZeroMemory::create(model->device(), free - 100, "test");
  EXPECT_EQ(messageOf(Model::loadWithMadeUpWeights(directory.file("p.jet"))),
            "weights: expected room for 512 bytes on cuda:0, found 100 bytes "
            "free");
}
#endif

TEST_F(ModelTest, TimesTheLastStep) {
  Session session(model, 1);
  State state = makeState(1);
  EXPECT_EQ(messageOf(session.timeStep(state, 1)),
            "time: expected a step before, found none");
  EXPECT_FALSE(session.timeKernels(state, {}));
  EXPECT_FALSE(session.timeStage(state, 0, {}, {}));
  step(session, state, 0, kTokens);
  step(session, state, 0, {1});
  const Result<double> seconds = session.timeStep(state, 5);
  ASSERT_TRUE(seconds) << messageOf(seconds);
  EXPECT_GT(*seconds, 0);
  const auto kernels = session.timeKernels(state, {.repeats = 5});
  ASSERT_TRUE(kernels) << messageOf(kernels);
  ASSERT_EQ(kernels->size(), 4u);
  EXPECT_EQ((*kernels)[1].kernel, 1);
  EXPECT_EQ((*kernels)[1].launches, 1);
  EXPECT_TRUE((*kernels)[1].rowsAreSequences);
  EXPECT_GT((*kernels)[1].seconds, 0);
  const auto begin = std::chrono::steady_clock::now();
  const auto one = session.timeKernels(
      state, {.pauseSeconds = 0.01, .busySeconds = 1e-6},
      [&](const KernelInfo &kernel) {
        return kernel.name == model->package().kernels[1].name;
      });
  ASSERT_TRUE(one) << messageOf(one);
  EXPECT_GE(std::chrono::steady_clock::now() - begin,
            std::chrono::milliseconds(10));
  ASSERT_EQ(one->size(), 1u);
  EXPECT_EQ((*one)[0].kernel, 1);
  EXPECT_GT((*one)[0].seconds, 0);
  EXPECT_EQ(messageOf(session.timeStage(state, 1000, {}, {})),
            "time: expected a launch of kernel 1000 in the last step, found "
            "none");
}

TEST_F(ModelTest, SessionsShareAModel) {
  std::vector<std::vector<float>> results(4);
  std::vector<std::thread> threads;
  for (auto &result : results)
    threads.emplace_back([this, &result] {
      Session session(model, 2);
      Result<State> state = State::create(model, 1, kMaxContext);
      for (int32_t token : kTokens) {
        const StepInput input = {0, {&token, 1}};
        auto logits = session.step(*state, {&input, 1});
        result.assign(logits->begin(), logits->end());
      }
    });
  for (std::thread &thread : threads)
    thread.join();
  for (const auto &result : results)
    EXPECT_EQ(result, results[0]);
  expectNear(results[0], referenceLogits(kTokens).back());
}
