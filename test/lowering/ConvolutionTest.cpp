// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// jet.dynamic_conv and jet.short_conv against a convolution of the whole padded
// sequence.

#include "KernelHarness.h"

using namespace jet;
using namespace jet::test;

namespace {

constexpr DType F32 = DType::F32, BF16 = DType::BF16;

class Convolution : public testing::TestWithParam<std::string> {
protected:
  /// With `dynamic` taps of each row, else the same for all.
  void checkConv(const Kernels &kernels, int64_t width, int64_t channels,
                 DType dtype, bool dynamic);
  void checkAllSizes(bool dynamic);

  Random random{0xC0EF};
};

INSTANTIATE_TEST_SUITE_P(Cpu, Convolution, testing::ValuesIn(cpuLevels()),
                         nameOfLevel);

void Convolution::checkConv(const Kernels &kernels, int64_t width,
                            int64_t channels, DType dtype, bool dynamic) {
  const Step step = Step::random(random, 20);
  const int64_t history = width - 1;
  Buffer u = Buffer::random(random, dtype, {step.tokens, channels});
  const int64_t columns = channels * width;
  Buffer taps = dynamic ? Buffer::random(random, F32, {step.tokens, columns})
                        : Buffer::random(random, BF16, {channels, width});
  Buffer tail = Buffer(dtype, {step.slots, history, channels});
  Buffer want = tail, batch = step.batch(), y(F32, {step.tokens, channels});

  // Each sequence from its beginning, behind W − 1 rows of zeros.
  std::vector<Buffer> whole;
  for (const Sequence &sequence : step.sequences) {
    const int64_t rows = sequence.position + sequence.rows;
    Buffer &padded = whole.emplace_back(
        Buffer::random(random, dtype, {history + rows, channels}));
    for (int64_t c = 0; c < channels; ++c) {
      for (int64_t r = 0; r < history; ++r)
        padded.set(padded.at(r, c), 0);
      for (int64_t r = 0; r < sequence.rows; ++r)
        padded.set(padded.at(history + sequence.position + r, c),
                   u(sequence.row + r, c));
      for (int64_t r = 0; r < history; ++r) {
        tail.set(tail.at(sequence.slot, r, c),
                 padded(sequence.position + r, c));
        want.set(want.at(sequence.slot, r, c), padded(rows + r, c));
      }
    }
  }
  kernels.run("k", {&u, &taps, &tail, &batch, &y}, step);

  Comparison comparison(dynamic ? "dynamic_conv" : "short_conv");
  for (int64_t i = 0; i < tail.count(); ++i)
    comparison.same(tail, i, want, i);
  for (size_t b = 0; b < whole.size(); ++b)
    for (int64_t r = 0; r < step.sequences[b].rows; ++r)
      for (int64_t c = 0; c < channels; ++c) {
        const int64_t row = step.sequences[b].row + r;
        double sum = 0;
        for (int64_t j = 0; j < width; ++j)
          sum += (dynamic ? taps(row, c * width + j) : taps(c, j)) *
                 whole[b](step.sequences[b].position + r + j, c);
        comparison.near(y, y.at(row, c), sum, width);
      }
  for (int64_t row = 0; row < step.tokens; ++row)
    if (!step.owns(row))
      for (int64_t c = 0; c < channels; ++c)
        comparison.poison(y, y.at(row, c));
}

// Width 1 has no tail: states of no bytes. 300 channels are a block and a part.
void Convolution::checkAllSizes(bool dynamic) {
  for (int64_t width : {1, 2, 3, 4})
    for (int64_t channels : {3, 33, 300}) {
      const DType dtype = (width + channels) % 2 ? BF16 : F32;
      const std::string tail = "!jet.conv_tail<" + std::to_string(width - 1) +
                               "x" + std::to_string(channels) + "x" +
                               elementType(dtype) + ">";
      const std::string taps = dynamic
                                   ? rowsType({channels * width}, F32)
                                   : "tensor<" + std::to_string(channels) +
                                         "x" + std::to_string(width) + "xbf16>";
      const std::string op = dynamic ? "jet.dynamic_conv" : "jet.short_conv";
      auto kernels = Kernels::compile(
          kernelText("k", op + " %a, %b, %c, %d",
                     {rowsType({channels}, dtype), taps, tail, "!jet.batch"},
                     {rowsType({channels}, F32), tail}),
          GetParam());
      ASSERT_TRUE(kernels);
      for (int repeat = 0; repeat < 3; ++repeat)
        checkConv(*kernels, width, channels, dtype, dynamic);
    }
}

TEST_P(Convolution, ConvolvesAcrossSteps) { checkAllSizes(true); }

TEST_P(Convolution, ConvolvesWithTapsOfTheCheckpoint) { checkAllSizes(false); }

} // namespace
