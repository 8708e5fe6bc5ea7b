// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The forms of jet.gated_delta_rule and jet.generated_conv for the GPU against
// their general forms on the CPU, over steps of many tokens.

#include "../FormHarness.h"
#include "../PortHarness.h"

using namespace jet;
using namespace jet::test;

namespace {

constexpr DType F32 = DType::F32, BF16 = DType::BF16;

class JetBlockForm : public testing::Test {
protected:
  void checkRule(int64_t heads, int64_t keyDim, int64_t valueDim, DType storage,
                 bool norms, uint64_t seed, const Step &step,
                 DType result = F32, DType values = F32, size_t form = 0);
  void checkRule(int64_t heads, int64_t keyDim, int64_t valueDim, DType storage,
                 bool norms, uint64_t seed) {
    checkRule(heads, keyDim, valueDim, storage, norms, seed,
              Step::random(random, 12));
  }
  void checkConv(int64_t channels, int64_t width, int64_t inner, DType storage,
                 size_t form, int64_t most, uint64_t seed, DType result = F32);
  void checkConv(int64_t channels, int64_t width, int64_t inner, DType storage,
                 size_t form, const Step &step, uint64_t seed,
                 DType result = F32);
  /// Runs `text` both ways; the written operands, and of `y` the rows of
  /// sequences, are the same.
  void compare(const std::string &text, Arguments &arguments, size_t state,
               Buffer &y, const Step &step, size_t form, uint64_t seed);

  void expectRounded(const std::string &what, const Buffer &got,
                     const Buffer &want,
                     const std::function<bool(int64_t)> &counts);

  Random random{0x1E7B};
  double decay = -1.5; // g is in [decay, 0]
};

void JetBlockForm::compare(const std::string &text, Arguments &arguments,
                           size_t state, Buffer &y, const Step &step,
                           size_t form, uint64_t seed) {
  Arguments wanted(arguments);
  Buffer wantedY(y);
  std::vector<Buffer *> got = arguments.pointers(), want = wanted.pointers();
  got.push_back(&y);
  want.push_back(&wantedY);
  y.poison();
  auto kernels = Kernels::compile(text, cpuLevels().front());
  auto forms = Forms::build(text);
  ASSERT_TRUE(kernels && forms);
  kernels->run("k", want, step);
  forms->run("k", got, step, seed, form);
  const int64_t columns = y.count() / y.size(0);
  if (y.dtype() == BF16) {
    expectRounded("state", *got[state], *want[state],
                  [](int64_t) { return true; });
    return expectRounded("result", y, wantedY,
                         [&](int64_t i) { return step.owns(i / columns); });
  }
  // Of elements of the state and of normed results, and what approximate exp
  // and 1/x add.
  constexpr double kMagnitude = 8;
  Comparison states("state"), results("result");
  for (int64_t i = 0; i < want[state]->count(); ++i)
    states.near(*got[state], i, want[state]->get(i), kMagnitude);
  for (int64_t i = 0; i < y.count(); ++i)
    if (step.owns(i / columns))
      results.near(y, i, wantedY.get(i), kMagnitude);
}

/// Products whose factors are rounded to bf16, each off by 2⁻⁹ at most: three
/// of them follow each other, and what a row adds to the state stays in it. In
/// the root mean square that is below 2⁻⁷ of the numbers, and for each below
/// 2⁻⁶ of the largest.
void JetBlockForm::expectRounded(const std::string &what, const Buffer &got,
                                 const Buffer &want,
                                 const std::function<bool(int64_t)> &counts) {
  double squares = 0, errors = 0, worst = 0, largest = 0;
  for (int64_t i = 0; i < got.count(); ++i) {
    if (!counts(i))
      continue;
    const double error = std::abs(got.get(i) - want.get(i));
    ASSERT_FALSE(std::isnan(error)) << what << " " << i;
    squares += want.get(i) * want.get(i);
    errors += error * error;
    worst = std::max(worst, error);
    largest = std::max(largest, std::abs(want.get(i)));
  }
  EXPECT_LE(std::sqrt(errors), 0x1p-7 * std::sqrt(squares)) << what;
  EXPECT_LE(worst, 0x1p-6 * largest) << what;
}

std::string silu(const std::string &place) {
  return Port{.place = place, .silu = true}.text();
}

void JetBlockForm::checkRule(int64_t heads, int64_t keyDim, int64_t valueDim,
                             DType storage, bool norms, uint64_t seed,
                             const Step &step, DType result, DType values,
                             size_t form) {
  const int64_t rows = step.tokens;
  const std::string stateType =
      "!jet.recurrent_state<" + std::to_string(heads) + "x" +
      std::to_string(keyDim) + "x" + std::to_string(valueDim) + "x" +
      elementType(storage) + ">";
  Arguments arguments;
  auto add = [&](std::vector<int64_t> sizes, double low, double high,
                 DType type = F32) {
    sizes.insert(sizes.begin(), rows);
    arguments.add(Buffer::random(random, type, sizes, low, high), true);
  };
  add({heads, keyDim}, -1, 1);
  add({heads, keyDim}, -1, 1);
  add({heads, valueDim}, -1, 1, values);
  add({heads}, decay, 0);
  add({heads}, 0, 1);
  arguments.add(
      Buffer::random(random, storage, {step.slots, heads, keyDim, valueDim}),
      false, stateType);
  arguments.add(step.batch(), false, "!jet.batch");
  if (norms) {
    add({heads, valueDim}, -3, 3, values);
    arguments.add(Buffer::random(random, BF16, {valueDim}), false);
  }
  const std::string op = "jet.gated_delta_rule " + Arguments::names(0, 7) +
                         " qk_norm eps 0.0625 scale 0.375" +
                         (norms ? " norm %arg7, %arg8 eps 0.125" : "") +
                         silu("operand 0") +
                         (values == F32 ? silu("operand 2") : "");
  const std::string text =
      arguments.kernel(op, {rowsType({heads, valueDim}, result), stateType});
  Buffer y(result, {rows, heads, valueDim});
  compare(text, arguments, 5, y, step, form, seed);
}

void JetBlockForm::checkConv(int64_t channels, int64_t width, int64_t inner,
                             DType storage, size_t form, int64_t most,
                             uint64_t seed, DType result) {
  checkConv(channels, width, inner, storage, form, Step::random(random, most),
            seed, result);
}

void JetBlockForm::checkConv(int64_t channels, int64_t width, int64_t inner,
                             DType storage, size_t form, const Step &step,
                             uint64_t seed, DType result) {
  const int64_t rows = step.tokens;
  const std::string tailType = "!jet.conv_tail<" + std::to_string(width - 1) +
                               "x" + std::to_string(channels) + "x" +
                               elementType(storage) + ">";
  Arguments arguments;
  arguments.add(Buffer::random(random, storage, {rows, channels}), true);
  arguments.add(Buffer::random(random, BF16, {rows, inner}), true);
  arguments.add(Buffer::random(random, BF16, {channels * width, inner}), false);
  arguments.add(Buffer::random(random, BF16, {channels * width}), false);
  arguments.add(
      Buffer::random(random, storage, {step.slots, width - 1, channels}), false,
      tailType);
  arguments.add(step.batch(), false, "!jet.batch");
  const std::string text =
      arguments.kernel("jet.generated_conv " + Arguments::names(0, 6) +
                           (result == F32 ? silu("result 0") : ""),
                       {rowsType({channels}, result), tailType});
  Buffer y(result, {rows, channels});
  compare(text, arguments, 4, y, step, form, seed);
}

TEST_F(JetBlockForm, AdvancesManyRows) {
  checkRule(2, 16, 40, F32, true, 0);
  checkRule(5, 96, 32, F32, true, 1);
  checkRule(1, 8, 8, F32, false, 2);
  checkRule(1, 136, 16, F32, true, 0);
  checkRule(3, 24, 72, BF16, true, 1);
}

// Chunks that are full, begin one, and end in any row; rows of no sequence, and
// sequences that go on.
TEST_F(JetBlockForm, AdvancesInChunks) {
  const Step step{
      {{1, 0, 3, 130}, {0, 5, 133, 64}, {2, 0, 199, 1}}, 203, 140, 3};
  checkRule(1, 96, 64, F32, true, 0, step, BF16);
  checkRule(2, 16, 128, BF16, true, 1, Step::random(random, 70), BF16);
  checkRule(1, 128, 64, F32, false, 2, Step::random(random, 100), BF16);
}

// v in bf16 is read as it lies; behind a sequence's last row there is what is
// no number, or another sequence's.
TEST_F(JetBlockForm, AdvancesInChunksOfPlainValues) {
  const Step step{
      {{1, 0, 3, 130}, {0, 5, 133, 64}, {2, 0, 199, 1}}, 203, 140, 3};
  checkRule(2, 96, 128, F32, true, 0, step, BF16, BF16);
  checkRule(1, 64, 64, F32, false, 1, Step::random(random, 70), BF16, BF16);
}

// As many CTAs of a head as it has columns share sums of squares; lanes without
// keys.
TEST_F(JetBlockForm, AdvancesInChunksOfWideHeads) {
  checkRule(1, 112, 256, F32, true, 0, Step::random(random, 150), BF16, BF16);
  checkRule(2, 48, 192, F32, true, 1, Step::random(random, 300), BF16);
}

// Keys whose slots leave room for one tile of results, and more chunks than
// slots.
TEST_F(JetBlockForm, AdvancesInChunksOfLongKeys) {
  const Step step{
      {{1, 0, 3, 330}, {0, 5, 333, 64}, {2, 0, 399, 1}}, 403, 340, 3};
  checkRule(1, 128, 128, F32, true, 0, step, BF16, BF16);
  checkRule(1, 112, 64, BF16, false, 1, Step::random(random, 280), BF16);
}

// Many sequences: CTAs of two groups, with a tile of results each.
TEST_F(JetBlockForm, AdvancesInChunksByTwoGroups) {
  const Step step{
      {{1, 0, 3, 330}, {0, 5, 333, 64}, {2, 0, 399, 1}}, 403, 340, 3};
  checkRule(2, 96, 128, F32, true, 0, step, BF16, BF16, 1);
  checkRule(1, 16, 256, BF16, false, 1, Step::random(random, 150), BF16, F32,
            1);
  checkRule(1, 48, 256, F32, true, 2, Step::random(random, 300), BF16, BF16, 1);
  // With registers of the producer's.
  checkRule(2, 128, 128, F32, true, 0, step, BF16, BF16, 1);
  checkRule(1, 112, 256, BF16, false, 2, Step::random(random, 200), BF16, F32,
            1);
}

// The same of as many heads as real models have, which look for chunks a
// sequence after the other.
TEST_F(JetBlockForm, AdvancesInChunksOfSomeSequences) {
  const Step step{
      {{1, 0, 3, 130}, {0, 5, 133, 64}, {2, 0, 199, 1}}, 203, 140, 3};
  checkRule(8, 16, 128, F32, true, 0, step, BF16, BF16, 1);
  checkRule(12, 16, 256, F32, false, 1, Step::random(random, 70), BF16, F32, 1);
}

// More sequences than lanes, some of several chunks, not in the order of rows.
TEST_F(JetBlockForm, AdvancesInChunksOfManySequences) {
  constexpr int64_t kCount = 70;
  Step step;
  step.slots = kCount;
  for (int64_t i = 0; i < kCount; ++i) {
    const int64_t rows = i % 11 == 5 ? 130 + i : 1 + i * 37 % 66;
    step.sequences.push_back({kCount - 1 - i, i % 3, step.tokens, rows});
    step.tokens += rows + i % 2;
    step.capacity = std::max(step.capacity, rows + 2);
  }
  std::shuffle(step.sequences.begin(), step.sequences.end(), random);
  checkRule(1, 16, 128, F32, true, 0, step, BF16, BF16, 1);
  checkRule(1, 16, 64, F32, false, 1, step, BF16, F32, 1);
}

TEST_F(JetBlockForm, AdvancesInChunksOfAnyDecay) {
  for (double most : {-30.0, -4.0, -1e-3}) {
    decay = most;
    checkRule(1, 32, 64, F32, true, 0, Step::random(random, 280), BF16, BF16);
  }
}

TEST_F(JetBlockForm, ConvolvesManyRows) {
  checkConv(64, 4, 8, F32, 2, 20, 0);
  checkConv(128, 4, 72, BF16, 3, 30, 1);
  checkConv(128, 2, 16, BF16, 2, 9, 2);
  // Sequences shorter than the tail.
  checkConv(64, 4, 8, F32, 1, 2, 0);
  checkConv(64, 4, 8, BF16, 3, 2, 1);
  checkConv(34, 2, 8, F32, 3, 9, 0);
}

// Whole tiles of rows at once: sequences that are longer, that begin in a tile,
// and several in one.
TEST_F(JetBlockForm, ConvolvesTiles) {
  checkConv(64, 4, 24, BF16, 3, 150, 0, BF16);
  checkConv(128, 4, 8, BF16, 3, 20, 1, BF16);
  checkConv(128, 4, 136, BF16, 3, 330, 3, BF16);
  // CTAs with two tiles.
  checkConv(64 * 70, 4, 200, BF16, 3, 60, 4, BF16);
  checkConv(64, 4, 8, BF16, 3, 2, 2, BF16);
  // Fewer slots than steps.
  checkConv(64, 4, 504, BF16, 3, 150, 5, BF16);
  // Both CTAs of a pair, and rows that follow others in a CTA.
  const Step step{{{0, 5, 3, 16700}, {1, 0, 16703, 500}}, 17205, 16710, 2};
  checkConv(64, 4, 136, BF16, 3, step, 6, BF16);
}

} // namespace
