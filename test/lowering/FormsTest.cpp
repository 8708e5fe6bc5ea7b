// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Forms of jet.grouped_linear, in the interpreter of the tile dialect, against
// the definition of the op. Sizes of steps meet each form: R = 1, one below and
// one above what forms are for.

#include "FormHarness.h"

#include <list>

using namespace jet;
using namespace jet::test;

namespace {

constexpr DType F32 = DType::F32, BF16 = DType::BF16;

/// A projection of x [R, inner].
struct Case {
  const char *name;
  int64_t inner, columns;
  DType x;
  bool norm = false, residual = false, gated = false;
};

class GroupedLinearForms : public testing::TestWithParam<Case> {
protected:
  std::string text() const {
    const Case &c = GetParam();
    std::vector<std::string> operands = {
        rowsType({c.inner}, c.x), tensorType({c.columns, c.inner}, BF16)};
    std::string op = "jet.grouped_linear %a(%b";
    char next = 'c';
    if (c.gated) {
      operands.push_back(operands.back());
      op += std::string(", %") + next++;
    }
    op += ")";
    if (c.norm) {
      operands.push_back(tensorType({c.inner}, BF16));
      op += std::string(" norm %") + next++ + " eps 1.0e-06";
    }
    op += c.gated ? " products [2]" : " products [1]";
    std::string code;
    if (c.gated)
      code = "{\n^bb0(%p: f32, %q: f32):\n%n = arith.negf %p : f32\n"
             "%e = math.exp %n : f32\n%one = arith.constant 1.0 : f32\n"
             "%o = arith.addf %e, %one : f32\n%s = arith.divf %p, %o : f32\n"
             "%y = arith.mulf %s, %q : f32\njet.yield %y : f32\n}";
    if (c.residual) {
      operands.push_back(rowsType({c.columns}, F32));
      code = "{\n^bb0(%p: f32, %q: f32):\n%y = arith.addf %p, %q : f32\n"
             "jet.yield %y : f32\n}";
      op += std::string(" on result 0 with(%") + next++ + ") " + code;
    } else if (c.gated) {
      op += " on result 0 " + code;
    }
    return kernelText("k", op, operands, {rowsType({c.columns}, F32)});
  }

  Random random{0xF0};
};

void PrintTo(const Case &c, std::ostream *out) { *out << c.name; }

/// How far a form may be from the definition. Of what is normed it rounds each
/// factor to bf16: an error of a product of at most 2⁻⁹ of it, which add up
/// like the roots of their number (numbers are of the size of 1; this is six
/// times the expected error). Other inputs are chosen so that nothing is
/// rounded.
double tolerance(const Case &c) {
  const double root = std::sqrt(static_cast<double>(c.inner));
  const double product =
      c.norm ? root * 0x1p-8 : kTolerance * static_cast<double>(c.inner);
  // A gate multiplies errors by the other product: a third of the root in the
  // mean, hardly ever four times that.
  return c.gated ? 2.1 * product * 4 * root / 3 : product;
}

TEST_P(GroupedLinearForms, AgreeWithTheDefinition) {
  const Case &c = GetParam();
  auto definition = Kernels::compile(text(), cpuLevels().back());
  auto forms = Forms::build(text());
  ASSERT_TRUE(definition && forms);
  for (int64_t rows : {1, 5, 16, 17, 65, 130}) {
    std::list<Buffer> buffers;
    auto add = [&](DType dtype, std::vector<int64_t> shape) -> Buffer & {
      return buffers.emplace_back(
          Buffer::random(random, dtype, std::move(shape)));
    };
    Buffer &x = add(c.x, {rows, c.inner});
    // Numbers that forms do not round.
    if (!c.norm)
      for (int64_t i = 0; i < x.count(); ++i)
        x.set(i, std::round(x.get(i) * 128) / 128);
    add(BF16, {c.columns, c.inner});
    if (c.gated)
      add(BF16, {c.columns, c.inner});
    if (c.norm)
      add(BF16, {c.inner});
    if (c.residual)
      add(F32, {rows, c.columns});
    Buffer want(F32, {rows, c.columns}), got(F32, {rows, c.columns});
    std::vector<Buffer *> operands;
    for (Buffer &buffer : buffers)
      operands.push_back(&buffer);
    operands.push_back(&want);
    definition->run("k", operands, Step::rows(rows));
    operands.back() = &got;
    forms->run("k", operands, Step::rows(rows), /*seed=*/rows);
    if (HasFailure())
      return;

    Comparison comparison(std::string(c.name) +
                          ", R = " + std::to_string(rows));
    for (int64_t i = 0; i < got.count(); ++i)
      comparison.near(got, i, want.get(i), tolerance(c) / kTolerance);
  }
}

// K of one step and of a part of one, an odd number of columns; clusters of 1,
// 2, 4, 8 by K = 64, 256, 512, 1024; tiles in turns.
INSTANTIATE_TEST_SUITE_P(
    Cases, GroupedLinearForms,
    testing::Values(Case{"plain", 64, 96, F32}, Case{"odd", 72, 51, F32},
                    Case{"narrow", 200, 130, BF16},
                    Case{"normed", 328, 70, F32, true},
                    Case{"residual", 512, 67, BF16, false, true},
                    Case{"gated", 264, 45, F32, false, false, true},
                    Case{"swiglu", 136, 160, F32, true, false, true},
                    Case{"wide", 1032, 33, F32, false, true},
                    Case{"many", 72, 34000, BF16}),
    [](const testing::TestParamInfo<Case> &info) {
      return std::string(info.param.name);
    });

} // namespace
