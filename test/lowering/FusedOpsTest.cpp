// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The ops that fusion makes, and elementwise code on them, against their
// equations in double.

#include "PortHarness.h"

using namespace jet;
using namespace jet::test;

namespace {

constexpr DType F32 = DType::F32, BF16 = DType::BF16;
/// Large, so that a short row of small values does not blow up roundings.
constexpr double kNormEps = 0.125;

/// Of an input: none, by an operand of the op, or by one that is in the
/// weights.
enum class Norm { None, Own, InWeights };

class Fused : public testing::TestWithParam<std::string> {
protected:
  DType anyType() { return uniform(random, 0, 1) ? F32 : BF16; }
  bool coin() { return uniform(random, 0, 1); }

  void checkGroupedLinear(int64_t rows, int64_t inner,
                          const std::vector<int64_t> &widths,
                          Norm norm = Norm::None);
  void checkConvolution(bool generated, int64_t width, int64_t channels,
                        int64_t inner, DType result, const Step &step);
  void checkAttention(int64_t heads, int64_t kvHeads, int64_t dim,
                      const Step &step);

  Random random{0xF05ED};
};

INSTANTIATE_TEST_SUITE_P(Cpu, Fused, testing::ValuesIn(cpuLevels()),
                         nameOfLevel);

//===----------------------------------------------------------------------===//
// Grouped linear
//===----------------------------------------------------------------------===//

/// norm ∘ x / sqrt(mean(x²) + eps).
std::vector<Term> rmsNorm(std::vector<Term> x, const Buffer *norm) {
  double sum = 0;
  for (const Term &term : x)
    sum += term.value * term.value;
  const double scale = 1 / std::sqrt(sum / x.size() + kNormEps);
  for (size_t k = 0; k < x.size(); ++k)
    x[k] = x[k] * (norm ? (*norm)(k) : 1) * scale;
  return x;
}

void Fused::checkGroupedLinear(int64_t rows, int64_t inner,
                               const std::vector<int64_t> &widths,
                               Norm normed) {
  Arguments arguments;
  Buffer &x =
      arguments.add(Buffer::random(random, anyType(), {rows, inner}), true);
  std::vector<Port> ports;
  std::vector<std::vector<Buffer *>> weights;
  std::string products;
  const DType weightType = anyType();
  for (int64_t width : widths) {
    Port &port = ports.emplace_back();
    port.place = "result " + std::to_string(weights.size());
    port.leading = uniform(random, 1, 3) == 3 ? 2 : 1;
    port.silu = port.leading == 2 || uniform(random, 0, 3) == 0;
    port.out = uniform(random, 0, 2) ? F32 : BF16;
    products += (products.empty() ? "" : ", ") + std::to_string(port.leading);
    weights.emplace_back();
    for (size_t i = 0; i < port.leading; ++i)
      weights.back().push_back(&arguments.add(
          Buffer::random(random, weightType, {width, inner}), false));
  }
  std::string op = "jet.grouped_linear %arg0(" +
                   Arguments::names(1, arguments.types.size()) + ")";
  const Buffer *norm = nullptr;
  if (normed == Norm::InWeights) {
    op += " norm eps " + std::to_string(kNormEps);
  } else if (normed == Norm::Own) {
    norm = &arguments.add(Buffer::random(random, anyType(), {inner}), false);
    const size_t number = arguments.types.size();
    op += " norm " + Arguments::names(number - 1, number) + " eps " +
          std::to_string(kNormEps);
  }
  op += " products [" + products + "]";

  // On x, for instance a scale of the row and a weight along K.
  Port code{"operand 0"};
  code.in = x.dtype();
  if (coin()) {
    code.addExtra(random, arguments, {inner}, false);
    code.addExtras(random, arguments, rows, {inner}, uniform(random, 0, 2));
  }
  std::string text = op + code.text();
  std::vector<std::string> results;
  for (size_t j = 0; j < widths.size(); ++j) {
    ports[j].addExtras(random, arguments, rows, {widths[j]},
                       uniform(random, 0, widths.size() < 4 ? 4 : 1));
    text += ports[j].text();
    results.push_back(rowsType({widths[j]}, ports[j].out));
  }

  auto kernels = Kernels::compile(arguments.kernel(text, results), GetParam());
  ASSERT_TRUE(kernels);
  std::vector<Buffer *> outputs;
  for (size_t j = 0; j < widths.size(); ++j)
    outputs.push_back(
        &arguments.add(Buffer(ports[j].out, {rows, widths[j]}), true));
  kernels->run("k", arguments.pointers(), Step::rows(rows));

  Comparison comparison(text);
  for (int64_t r = 0; r < rows; ++r) {
    std::vector<Term> input;
    for (int64_t k = 0; k < inner; ++k)
      input.push_back(code.apply({x(r, k)}, {r, k}));
    if (normed != Norm::None)
      input = rmsNorm(input, norm);
    for (size_t j = 0; j < widths.size(); ++j)
      for (int64_t n = 0; n < widths[j]; ++n) {
        std::vector<Term> sums;
        for (const Buffer *weight : weights[j]) {
          Term &sum = sums.emplace_back(0);
          for (int64_t k = 0; k < inner; ++k)
            sum = sum + input[k] * (*weight)(n, k);
        }
        const Term want = ports[j].apply(sums, {r, n});
        comparison.near(*outputs[j], outputs[j]->at(r, n), want.value,
                        want.magnitude);
      }
  }
}

// Blocks of 64 columns lie across results that begin and end anywhere, several
// of them in one block and one of them in several.
TEST_P(Fused, GroupedLinearMakesItsResultsFromAllTheirBlocks) {
  checkGroupedLinear(5, 33, {70});
  checkGroupedLinear(4, 16, {128});
  checkGroupedLinear(9, 1, {1});
  checkGroupedLinear(1, 17, {64, 64});
  checkGroupedLinear(3, 96, {63, 65});
  checkGroupedLinear(6, 7, {130, 1, 40});
  checkGroupedLinear(7, 33, {3, 100, 17, 8});
  checkGroupedLinear(2, 15, {1, 2, 3, 150, 5});
  checkGroupedLinear(5, 48, {65, 1, 64, 1, 63, 1});
  checkGroupedLinear(4, 19, {9, 60, 66, 1, 31, 128, 2});
}

TEST_P(Fused, GroupedLinearIsRightForAnyShape) {
  for (int trial = 0; trial < 6; ++trial) {
    std::vector<int64_t> widths(uniform(random, 1, 4));
    for (int64_t &width : widths)
      width = uniform(random, 1, 100);
    checkGroupedLinear(uniform(random, 1, 9), uniform(random, 1, 70), widths);
  }
}

TEST_P(Fused, GroupedLinearNormsItsInput) {
  for (Norm norm : {Norm::Own, Norm::InWeights}) {
    checkGroupedLinear(1, 1, {1}, norm);
    checkGroupedLinear(1, 33, {128}, norm);
    checkGroupedLinear(5, 48, {70}, norm);
    checkGroupedLinear(4, 17, {63, 65, 9}, norm);
  }
  for (int trial = 0; trial < 4; ++trial) {
    std::vector<int64_t> widths(uniform(random, 1, 4));
    for (int64_t &width : widths)
      width = uniform(random, 1, 100);
    checkGroupedLinear(uniform(random, 1, 9), uniform(random, 1, 70), widths,
                       coin() ? Norm::Own : Norm::InWeights);
  }
}

//===----------------------------------------------------------------------===//
// Convolutions
//===----------------------------------------------------------------------===//

void Fused::checkConvolution(bool generated, int64_t width, int64_t channels,
                             int64_t inner, DType result, const Step &step) {
  const int64_t rows = step.tokens, history = width - 1;
  const DType dtype = anyType(), weightType = anyType();
  const std::string tailType = "!jet.conv_tail<" + std::to_string(history) +
                               "x" + std::to_string(channels) + "x" +
                               elementType(dtype) + ">";
  Arguments arguments;
  Buffer &u =
      arguments.add(Buffer::random(random, dtype, {rows, channels}), true);
  const int64_t taps = channels * width;
  Buffer &h = arguments.add(
      Buffer::random(random, F32, {rows, generated ? inner : taps}), true);
  Buffer *weight = nullptr, *bias = nullptr;
  if (generated) {
    weight = &arguments.add(Buffer::random(random, weightType, {taps, inner}),
                            false);
    bias = &arguments.add(Buffer::random(random, weightType, {taps}), false);
  }
  Buffer &tail = arguments.add(
      Buffer::random(random, dtype, {step.slots, history, channels}), false,
      tailType);
  arguments.add(step.batch(), false, "!jet.batch");
  std::string text =
      std::string(generated ? "jet.generated_conv " : "jet.dynamic_conv ") +
      Arguments::names(0, arguments.types.size());
  Port code{"result 0"};
  code.silu = coin();
  code.out = result;
  code.addExtras(random, arguments, rows, {channels}, uniform(random, 0, 3));
  text += code.text();
  auto kernels = Kernels::compile(
      arguments.kernel(text, {rowsType({channels}, result), tailType}),
      GetParam());
  ASSERT_TRUE(kernels);
  const Buffer before = tail;
  Buffer want = tail;
  Buffer &y = arguments.add(Buffer(result, {rows, channels}), true);
  kernels->run("k", arguments.pointers(), step);

  Comparison comparison(text);
  for (const Sequence &sequence : step.sequences)
    for (int64_t c = 0; c < channels; ++c) {
      // Row `t` of the sequence; those before the step are negative.
      auto input = [&](int64_t t) {
        return t < 0 ? before(sequence.slot, history + t, c)
                     : u(sequence.row + t, c);
      };
      for (int64_t t = 0; t < sequence.rows; ++t) {
        const int64_t r = sequence.row + t;
        Term sum = 0;
        for (int64_t j = 0; j < width; ++j) {
          Term tap = generated ? (*bias)(c * width + j) : h(r, c * width + j);
          for (int64_t k = 0; generated && k < inner; ++k)
            tap = tap + Term(h(r, k)) * (*weight)(c * width + j, k);
          sum = sum + tap * input(t - history + j);
        }
        sum = code.apply({sum}, {r, c});
        comparison.near(y, y.at(r, c), sum.value, sum.magnitude);
      }
      for (int64_t i = 0; i < history; ++i)
        want.set(want.at(sequence.slot, i, c),
                 input(sequence.rows - history + i));
    }
  for (int64_t i = 0; i < tail.count(); ++i)
    comparison.same(tail, i, want, i);
  for (int64_t row = 0; row < rows; ++row)
    for (int64_t c = 0; c < channels && !step.owns(row); ++c)
      comparison.poison(y, y.at(row, c));
}

// Taps are made for 32 rows at a time, in blocks of 64 channels.
TEST_P(Fused, GeneratedConvIsRightInEveryTile) {
  const Step longer{
      {{3, 0, 1, 71}, {0, 5, 72, 33}, {4, 2, 106, 1}, {1, 7, 107, 32}},
      140,
      80,
      6};
  for (int64_t width : {1, 2, 3, 4})
    for (int64_t channels : {3, 65, 130}) {
      const Step &step = channels == 65 ? longer : Step::random(random, 20);
      checkConvolution(true, width, channels, uniform(random, 1, 20),
                       width == 3 ? BF16 : F32, step);
    }
  checkConvolution(true, 4, 64, 16, F32, longer);
}

TEST_P(Fused, DynamicConvRunsTheCodeOnItsResult) {
  for (int64_t width : {1, 2, 4})
    for (int64_t channels : {5, 259})
      checkConvolution(false, width, channels, 0, width == 2 ? BF16 : F32,
                       Step::random(random, 20));
}

//===----------------------------------------------------------------------===//
// Attention
//===----------------------------------------------------------------------===//

void Fused::checkAttention(int64_t heads, int64_t kvHeads, int64_t dim,
                           const Step &step) {
  const int64_t rows = step.tokens, page = step.pageSize;
  const DType storage = anyType(), result = anyType();
  Arguments arguments;
  Buffer &q =
      arguments.add(Buffer::random(random, F32, {rows, heads, dim}), true);
  Buffer &k = arguments.add(
      Buffer::random(random, storage, {rows, kvHeads, dim}), true);
  Buffer &v = arguments.add(
      Buffer::random(random, storage, {rows, kvHeads, dim}), true);
  Buffer &cache = arguments.add(
      Buffer::random(random, storage, {step.pages(), 2, kvHeads, page, dim}),
      false, cacheType(kvHeads, dim, storage, page));
  arguments.add(step.batch(), false, "!jet.batch");
  Port code{"result 0"};
  code.silu = coin();
  code.out = result;
  code.addExtras(random, arguments, rows, {heads, dim}, uniform(random, 1, 4));
  const std::string text =
      "jet.attention " + Arguments::names(0, 5) + code.text();
  auto kernels = Kernels::compile(
      arguments.kernel(text, {rowsType({heads, dim}, result)}), GetParam());
  ASSERT_TRUE(kernels);
  Buffer &y = arguments.add(Buffer(result, {rows, heads, dim}), true);
  kernels->run("k", arguments.pointers(), step);

  Comparison comparison(text);
  for (const Sequence &sequence : step.sequences)
    for (int64_t r = sequence.row; r < sequence.row + sequence.rows; ++r)
      for (int64_t h = 0; h < heads; ++h) {
        const int64_t g = h * kvHeads / heads;
        auto key = [&](int plane, int64_t position, int64_t d) {
          const int64_t fresh = position - sequence.position;
          if (fresh < 0)
            return cache(step.page(sequence.slot, position / page), plane, g,
                         position % page, d);
          return (plane ? v : k)(sequence.row + fresh, g, d);
        };
        const int64_t last = sequence.position + r - sequence.row;
        std::vector<double> mix(dim);
        double sum = 0;
        for (int64_t p = 0; p <= last; ++p) {
          double score = 0;
          for (int64_t d = 0; d < dim; ++d)
            score += q(r, h, d) * key(0, p, d);
          const double weight = std::exp(score / std::sqrt(dim));
          sum += weight;
          for (int64_t d = 0; d < dim; ++d)
            mix[d] += weight * key(1, p, d);
        }
        for (int64_t d = 0; d < dim; ++d) {
          const Term want = code.apply({{mix[d] / sum, 2}}, {r, h, d});
          comparison.near(y, y.at(r, h, d), want.value, want.magnitude);
        }
      }
  for (int64_t row = 0; row < rows; ++row)
    for (int64_t i = 0; i < heads * dim && !step.owns(row); ++i)
      comparison.poison(y, y.at(row, 0, 0) + i);
}

TEST_P(Fused, AttentionRunsTheCodeOnItsResult) {
  checkAttention(1, 1, 3, Step::random(random, 20));
  checkAttention(4, 2, 17, Step::random(random, 20));
  checkAttention(3, 1, 8, Step::random(random, 20));
  checkAttention(2, 2, 33, Step::random(random, 20));
}

} // namespace
