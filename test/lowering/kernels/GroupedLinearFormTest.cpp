// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The forms of jet.grouped_linear against the equation in double: results of
// one product and of two, with and without a norm, of widths that are no
// multiples of anything, with k alone and shared by the CTAs of a cluster.

#include "../FormHarness.h"

#include "lowering/kernels/LargeTiles.h"

using namespace jet;
using namespace jet::test;

namespace {

constexpr DType F32 = DType::F32, BF16 = DType::BF16;
constexpr double kEps = 0.125;

/// Of x: none, an operand of the op, or one that is in the weights already.
enum class Norm { None, Own, InWeights };

struct Config {
  int64_t inner;
  Norm norm;
  DType input = DType::F32;
  int64_t residual = 96, pair = 72, narrow = 7; // columns of the results
};

/// Types of a sum, and of the matrix that is added.
struct Types {
  DType sum = F32, added = F32;
};

class GroupedLinearForm : public testing::TestWithParam<uint64_t> {
protected:
  void check(const Config &config, size_t form, int64_t rows);
  void checkSum(const Forms &forms, size_t form, int64_t inner, int64_t columns,
                int64_t rows, const Types &types = {});
  Random random{0x60DD};
};

INSTANTIATE_TEST_SUITE_P(Seeds, GroupedLinearForm, testing::Values(0, 1));

/// residual + p; g · u; p in bf16.
std::string textOf(const Config &config) {
  const auto &[inner, normed, input, residual, pair, narrow] = config;
  std::vector<std::string> operands = {rowsType({inner}, input)};
  for (int64_t columns : {residual, pair, pair, narrow})
    operands.push_back(tensorType({columns, inner}, BF16));
  std::string op = "jet.grouped_linear %a(%b, %c, %d, %e)", extra = "%f";
  if (normed == Norm::Own) {
    operands.push_back(tensorType({inner}, BF16));
    op += " norm %f eps 0.125";
    extra = "%g";
  } else if (normed == Norm::InWeights) {
    op += " norm eps 0.125";
  }
  operands.push_back(rowsType({residual}, F32));
  op += " products [1, 2, 1]\n on result 0 with(" + extra + R"() {
    ^bb0(%p: f32, %r: f32):
      %s = arith.addf %p, %r : f32
      jet.yield %s : f32
    }
    on result 1 {
    ^bb0(%p: f32, %q: f32):
      %m = arith.mulf %p, %q : f32
      jet.yield %m : f32
    })";
  return kernelText("linear", op, operands,
                    {rowsType({residual}, F32), rowsType({pair}, F32),
                     rowsType({narrow}, BF16)});
}

void GroupedLinearForm::check(const Config &config, size_t form, int64_t rows) {
  const auto &[inner, normed, input, residual, pair, narrow] = config;
  const std::unique_ptr<Forms> forms = Forms::build(textOf(config), form > 4);
  ASSERT_TRUE(forms);
  Buffer x = Buffer::random(random, input, {rows, inner});
  std::vector<Buffer> weights;
  for (int64_t columns : {residual, pair, pair, narrow})
    weights.push_back(Buffer::random(random, BF16, {columns, inner}));
  Buffer norm = Buffer::random(random, BF16, {inner});
  Buffer before = Buffer::random(random, F32, {rows, residual});
  Buffer sum(F32, {rows, residual}), product(F32, {rows, pair}),
      rounded(BF16, {rows, narrow});
  std::vector<Buffer *> operands = {&x};
  for (Buffer &weight : weights)
    operands.push_back(&weight);
  if (normed == Norm::Own)
    operands.push_back(&norm);
  operands.insert(operands.end(), {&before, &sum, &product, &rounded});
  forms->run("linear", operands, Step::rows(rows), GetParam(), form);

  for (int64_t r = 0; r < rows; ++r) {
    double squares = 0;
    for (int64_t k = 0; k < inner; ++k)
      squares += x(r, k) * x(r, k);
    const double scale = normed == Norm::None
                             ? 1
                             : 1 / std::sqrt(squares / double(inner) + kEps);
    auto p = [&](int weight, int64_t n) {
      double total = 0;
      for (int64_t k = 0; k < inner; ++k)
        total += x(r, k) * scale * (normed == Norm::Own ? norm(k) : 1) *
                 weights[weight](n, k);
      return total;
    };
    // Each of x is rounded to bf16, by 2⁻⁹ of it at most; the roundings of a
    // sum add up like its terms' spread.
    const double off =
        8 * 0x1p-9 * std::sqrt(squares) * scale / std::sqrt(3.0) + 1e-5;
    for (int64_t n = 0; n < residual; ++n)
      EXPECT_NEAR(sum(r, n), before(r, n) + p(0, n), off);
    for (int64_t n = 0; n < pair; ++n) {
      const double g = p(1, n), u = p(2, n);
      EXPECT_NEAR(product(r, n), g * u,
                  off * (std::abs(g) + std::abs(u) + off));
    }
    for (int64_t n = 0; n < narrow; ++n) {
      const double want = p(3, n);
      EXPECT_NEAR(rounded(r, n), want, off + std::abs(want) * 0x1p-8);
    }
  }
}

// Rows that the projection makes itself, of a whole step of k, of parts, of a
// cluster's parts.
TEST_P(GroupedLinearForm, OfItsOwnRows) {
  check({64, Norm::Own}, 0, 1);
  check({200, Norm::Own}, 0, 8);
  check({1032, Norm::Own}, 0, 5);
  check({264, Norm::None}, 0, 3);
}

TEST_P(GroupedLinearForm, OfFewRowsAndALongRow) {
  check({1032, Norm::None, BF16}, 0, 7);
  check({1032, Norm::None, BF16}, 1, 13);
  check({1032, Norm::Own}, 1, 16);
}

TEST_P(GroupedLinearForm, OfRowsThatAreNoMultiple) {
  check({200, Norm::Own}, 2, 33);
  check({520, Norm::None}, 3, 65);
  check({136, Norm::Own, BF16}, 3, 128);
}

// Of more columns than a warp has registers for, the last vectors of a lane
// behind the end, read 4 and 8 elements at once.
TEST_P(GroupedLinearForm, OfLongRowsThatAreNormed) {
  check({2088, Norm::Own}, 2, 18);
  check({2056, Norm::Own, BF16}, 2, 17);
}

// Pairs of tiles, of which the last has no columns or no rows; results whose
// columns share tiles; more tiles than pairs of CTAs.
TEST_P(GroupedLinearForm, OfManyRows) {
  check({72, Norm::Own}, 4, 130);
  check({264, Norm::None, BF16, 130, 64, 9}, 4, 257);
  check({136, Norm::None, BF16, 300, 150, 9}, 4, 700);
}

// Rows that are scaled alone: by each CTA itself, by a stage that rounds them,
// and in bf16 by none: the products are.
TEST_P(GroupedLinearForm, ScalesRowsWhoseNormIsInTheWeights) {
  check({200, Norm::InWeights}, 0, 8);
  check({136, Norm::InWeights, BF16}, 3, 70);
  check({72, Norm::InWeights}, 4, 130);
  check({136, Norm::InWeights, BF16, 300, 150, 9}, 4, 700);
  check({2056, Norm::InWeights, BF16, 40, 8, 2}, 4, 131);
}

// All tiles, of results of one product and of two that share them.
TEST_P(GroupedLinearForm, ScalesTheProductsOfAnyTiles) {
  const Config config{72, Norm::InWeights, BF16, 260, 130, 8};
  const auto forms = Forms::build(textOf(config), true);
  ASSERT_TRUE(forms);
  const auto &all = forms->kernel("linear").forms;
  ASSERT_GT(all.size(), 5u);
  for (size_t form = 4; form < all.size(); ++form) {
    EXPECT_EQ(all[form].stages.size(), 2u);
    EXPECT_NE(all[form].stages.front().name.find("scales"), std::string::npos);
    check(config, form, 300);
  }
}

/// A sum of p and a matrix.
std::string sumText(int64_t inner, int64_t columns, const Types &types = {}) {
  const std::string widened = types.added == BF16 ? "%w" : "%r";
  const std::string rounded = types.sum == BF16 ? "%t" : "%s";
  std::string code = "    ^bb0(%p: f32, %r: " +
                     std::string(types.added == BF16 ? "bf16" : "f32") + "):\n";
  if (types.added == BF16)
    code += "      %w = arith.extf %r : bf16 to f32\n";
  code += "      %s = arith.addf %p, " + widened + " : f32\n";
  if (types.sum == BF16)
    code += "      %t = arith.truncf %s : f32 to bf16\n";
  code += "      jet.yield " + rounded + " : " +
          (types.sum == BF16 ? "bf16" : "f32") + "\n    }";
  return kernelText("linear",
                    "jet.grouped_linear %a(%b) products [1]\n"
                    "    on result 0 with(%c) {\n" +
                        code,
                    {rowsType({inner}, BF16),
                     tensorType({columns, inner}, BF16),
                     rowsType({columns}, types.added)},
                    {rowsType({columns}, types.sum)});
}

void GroupedLinearForm::checkSum(const Forms &forms, size_t form, int64_t inner,
                                 int64_t columns, int64_t rows,
                                 const Types &types) {
  Buffer x = Buffer::random(random, BF16, {rows, inner});
  Buffer weight = Buffer::random(random, BF16, {columns, inner});
  Buffer before = Buffer::random(random, types.added, {rows, columns});
  Buffer sum(types.sum, {rows, columns});
  forms.run("linear", {&x, &weight, &before, &sum}, Step::rows(rows),
            GetParam(), form);
  for (int64_t r = 0; r < rows; ++r)
    for (int64_t n = 0; n < columns; ++n) {
      double want = before(r, n);
      for (int64_t k = 0; k < inner; ++k)
        want += x(r, k) * weight(n, k);
      const double off =
          1e-4 + (types.sum == BF16 ? std::abs(want) * 0x1p-8 : 0);
      ASSERT_NEAR(sum(r, n), want, off) << r << ", " << n;
    }
}

// One result with a matrix added to it, whose tiles' strips follow each other:
// what is added is loaded some chunks of columns ahead.
TEST_P(GroupedLinearForm, AddsToManyRows) {
  const auto forms = Forms::build(sumText(200, 332));
  ASSERT_TRUE(forms);
  for (int64_t rows : {130, 300})
    checkSum(*forms, 4, 200, 332, rows);
}

// Vectors of 8, 4, 2 and 1 elements of the result, in all tiles.
TEST_P(GroupedLinearForm, AddsInVectorsOfAnyWidth) {
  constexpr int64_t kInner = 72, kRows = 300;
  for (const Types &types :
       {Types{BF16, BF16}, Types{BF16, F32}, Types{F32, BF16}, Types{F32, F32}})
    for (int64_t columns : {384, 328, 332, 330, 331}) {
      if (columns % 8 && types.sum == types.added && types.sum == F32)
        continue;
      const auto forms =
          Forms::build(sumText(kInner, columns, types), columns < 384);
      ASSERT_TRUE(forms);
      const size_t count = forms->kernel("linear").forms.size();
      for (size_t form = 4; form < count; form += 2)
        checkSum(*forms, form, kInner, columns, kRows, types);
    }
}

TEST_P(GroupedLinearForm, IsTheSameInAnyTiles) {
  constexpr int64_t kInner = 200, kColumns = 332, kRows = 300;
  const auto forms = Forms::build(sumText(kInner, kColumns), true);
  ASSERT_TRUE(forms);
  Buffer x = Buffer::random(random, BF16, {kRows, kInner});
  Buffer weight = Buffer::random(random, BF16, {kColumns, kInner});
  Buffer before = Buffer::random(random, F32, {kRows, kColumns});
  Buffer first(F32, {kRows, kColumns}), sum(F32, {kRows, kColumns});
  const size_t count = forms->kernel("linear").forms.size();
  for (size_t form = 4; form < count; ++form) {
    Buffer &result = form == 4 ? first : sum;
    forms->run("linear", {&x, &weight, &before, &result}, Step::rows(kRows),
               GetParam(), form);
    EXPECT_TRUE(result == first) << largeTiles()[form - 4].name();
  }
}

// Several tiles a pair of CTAs: all their shapes, the last ones halved or not.
// 18 tiles of 256 columns, which are taken row by row, and 36 of 128 in blocks
// of 8 pairs of rows, of which there are 8 or 10.
TEST_P(GroupedLinearForm, CutsManyRowsIntoAnyTiles) {
  constexpr int64_t kInner = 24, kColumns = 4600;
  const auto forms = Forms::build(sumText(kInner, kColumns), true);
  ASSERT_TRUE(forms);
  const size_t count = forms->kernel("linear").forms.size();
  ASSERT_EQ(count, 4 + largeTiles().size());
  if (GetParam() != 0)
    return; // it takes long
  for (size_t form = 4; form < count; ++form)
    if (largeTiles()[form - 4].blockPairs == 8)
      checkSum(*forms, form, kInner, kColumns, 1999);
  ASSERT_EQ(largeTiles().back().columns, 128);
  checkSum(*forms, count - 1, kInner, kColumns, 2500);
}

// With more steps along k than slots: groups that take tiles in turn start
// behind phases that they have not seen. 70 tiles for 66 pairs, two of rows.
TEST_P(GroupedLinearForm, TakesTilesInTurn) {
  constexpr int64_t kInner = 6 * 64 + 8, kColumns = 34 * 192 + 40;
  const auto forms = Forms::build(sumText(kInner, kColumns), true);
  ASSERT_TRUE(forms);
  const auto &all = forms->kernel("linear").forms;
  const auto form = llvm::find_if(all, [](const KernelForm &form) {
    return form.stages.back().tile == "128x192 by 8 ping-pong";
  });
  ASSERT_NE(form, all.end());
  checkSum(*forms, form - all.begin(), kInner, kColumns, 260);
}

} // namespace
