// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Forms of kernels: which one a step takes, the numbers it gets, and forms that
// contradict their package, one contradiction each.

#include "Fixture.h"

#include "runtime/FormSizes.h"

#include <gtest/gtest.h>

#include <functional>

using namespace jet;
using namespace jet::test;

namespace {

struct Broken {
  const char *what;
  std::function<void(Package &)> change;
  const char *expected; // part of the message
};

SizeExpr number(int64_t value) { return SizeExpr::makeConstant(value); }
SizeExpr times(Symbol symbol, int64_t factor) {
  return SizeExpr::make(SizeExpr::Kind::Mul, SizeExpr::makeSymbol(symbol),
                        number(factor));
}
SizeExpr nested(int depth) {
  SizeExpr size = number(1);
  for (int i = 0; i < depth; ++i)
    size = SizeExpr::make(SizeExpr::Kind::Mul, size, number(1));
  return size;
}

KernelForm &form(Package &p) { return p.kernels[0].forms[0]; }
StageInfo &stage(Package &p) { return form(p).stages[0]; }
/// Of operand 1, the embedding, [kVocab, kHidden] of F32.
TensorMapInfo &weightMap(Package &p) { return *stage(p).arguments[0].map; }
/// Of 16 R bytes at 64 in the scratch memory.
StageArgument &scratch(Package &p) { return stage(p).arguments[2]; }

const Broken kBroken[] = {
    {"forms on the CPU",
     [](Package &p) {
       p.target = makePackage(false).target;
       p.blobs[0].name = "host_code";
     },
     "$.kernels[0].forms: expected none but for the target cuda, found 1 for "
     "'cpu'"},
    {"negative rows", [](Package &p) { form(p).maxRows = -1; },
     "$.kernels[0].forms[0].max_rows: expected an integer >= 0, found -1"},
    {"negative sequences", [](Package &p) { form(p).maxSequences = -1; },
     "$.kernels[0].forms[0].max_sequences: expected an integer >= 0, found -1"},
    {"deep scratch", [](Package &p) { form(p).scratch = nested(26); },
     "forms[0].scratch: expected a size nested at most 24 deep"},
    {"no stages", [](Package &p) { form(p).stages.clear(); },
     "forms[0].stages: expected at least one stage, found none"},
    {"stage without a name", [](Package &p) { stage(p).name.clear(); },
     "forms[0].stages[0] ''.name: expected the name of a kernel, found none"},
    {"no grid", [](Package &p) { stage(p).grid.clear(); },
     "stages[0] 'first'.grid: expected 1 to 3 sizes, found 0"},
    {"grid of four", [](Package &p) { stage(p).grid.resize(4, number(1)); },
     "stages[0] 'first'.grid: expected 1 to 3 sizes, found 4"},
    {"deep grid", [](Package &p) { stage(p).grid[1] = nested(26); },
     "stages[0] 'first'.grid: expected a size nested"},
    {"threads of half a warp", [](Package &p) { stage(p).threads = 48; },
     "stages[0] 'first'.threads: expected a multiple of 32 from 32 to 1024, "
     "found 48"},
    {"too many threads", [](Package &p) { stage(p).threads = 1056; },
     "found 1056"},
    {"no threads", [](Package &p) { stage(p).threads = 0; }, ".threads"},
    {"large cluster", [](Package &p) { stage(p).cluster = 16; },
     "stages[0] 'first'.cluster: expected 1 to 8, found 16"},
    {"cluster that does not divide the grid",
     [](Package &p) { stage(p).cluster = 4; },
     "forms[0] of 'fixture_embed': stages[0] 'first'.grid[0]: expected a "
     "multiple of the 4 CTAs of a cluster, found 2"},
    {"too much shared memory",
     [](Package &p) { stage(p).sharedBytes = 232449; },
     ".shared_bytes: expected 0 to 232448, found 232449"},
    {"operand that is not there",
     [](Package &p) { stage(p).arguments[0].operand = 3; },
     "stages[0] 'first'.arguments[0].operand: expected an index below 3, found "
     "3"},
    {"negative operand", [](Package &p) { stage(p).arguments[0].operand = -1; },
     "arguments[0].operand"},
    {"too many arguments",
     [](Package &p) { stage(p).arguments.resize(28, stage(p).arguments[0]); },
     "expected at most 64 arguments, 24 of them tensor maps"},
    {"deep size", [](Package &p) { stage(p).arguments[1].value = nested(26); },
     "arguments[1]: expected a size nested"},
    {"tensor map of a size",
     [](Package &p) { stage(p).arguments[1].map = weightMap(p); },
     "arguments[1]: expected a tensor map of an operand or of scratch memory"},
    {"tensor map of I64", [](Package &p) { weightMap(p).dtype = DType::I64; },
     "arguments[0].map.dtype: expected BF16, F32, F8_E4M3 or I32, found I64"},
    {"tensor map without sizes", [](Package &p) { weightMap(p).shape.clear(); },
     "arguments[0].map.shape: expected 1 to 5 sizes, found 0"},
    {"box of another rank", [](Package &p) { weightMap(p).box.pop_back(); },
     "arguments[0].map.box: expected 2 sizes as of the shape, found 1"},
    {"box of nothing", [](Package &p) { weightMap(p).box[0] = 0; },
     "arguments[0].map.box: expected sizes from 1 to 256, found 0"},
    {"large box", [](Package &p) { weightMap(p).box[0] = 257; }, "found 257"},
    {"odd swizzle", [](Package &p) { weightMap(p).swizzle = 48; },
     "arguments[0].map.swizzle: expected 0, 32, 64 or 128, found 48"},
    {"box wider than the swizzle",
     [](Package &p) {
       weightMap(p).swizzle = 32;
       weightMap(p).box[1] = 12;
     },
     "arguments[0].map.box: expected rows of a multiple of 16 bytes, at most "
     "the swizzle's 32, found 48 bytes"},
    {"narrow box", [](Package &p) { weightMap(p).box[1] = 3; },
     "expected rows of a multiple of 16 bytes, at most the swizzle's 32, found "
     "12 bytes"},
    {"tensor map beyond its operand",
     [](Package &p) { weightMap(p).shape[0] = number(kVocab + 1); },
     "arguments[0].map: expected at most the 256 bytes that are there, found "
     "272"},
    {"rows of 12 bytes",
     [](Package &p) { weightMap(p).shape = {number(4), number(3)}; },
     "arguments[0].map: expected a stride that is a multiple of 16 and below "
     "2^40 bytes, found 12"},
    {"tensor map of nothing",
     [](Package &p) { weightMap(p).shape[0] = number(0); },
     "arguments[0].map.shape[0]: expected 1 to 4294967296, found 0"},
    {"tensor map beyond int64",
     [](Package &p) {
       weightMap(p).shape = {number(int64_t(1) << 32),
                             number(int64_t(1) << 32)};
     },
     "arguments[0].map"},
    {"tensor map beyond the scratch memory",
     [](Package &p) { scratch(p).map->shape[0] = times(Symbol::R, 2); },
     "arguments[2].map: expected at most the 16 bytes that are there, found "
     "32"},
    {"tensor map at an odd place",
     [](Package &p) { scratch(p).value = number(8); },
     "arguments[2]: expected a multiple of 16 for a tensor map, found 8"},
    {"pointer beyond the scratch memory",
     [](Package &p) { scratch(p).value = number(4096); },
     "arguments[2]: expected 0 to 80, found 4096"},
    {"size beyond int32",
     [](Package &p) {
       stage(p).arguments[1].value = times(Symbol::R, int64_t(1) << 30);
     },
     "arguments[1]: expected 0 to 2147483647, found 2147483648"},
    {"negative size",
     [](Package &p) { stage(p).arguments[1].value = number(-1); },
     "arguments[1]: expected 0 to 2147483647, found -1"},
    {"empty grid", [](Package &p) { stage(p).grid[1] = number(0); },
     "grid[1]: expected 1 to 65535, found 0"},
    {"tall grid", [](Package &p) { stage(p).grid[1] = number(65536); },
     "grid[1]: expected 1 to 65535, found 65536"},
    {"scratch beyond int64",
     [](Package &p) { form(p).scratch = times(Symbol::R, INT64_MAX); },
     "forms[0] of 'fixture_embed': scratch: size expression: the value does "
     "not fit 64 bits"},
    {"two codes of one name", [](Package &p) { p.code.push_back(p.code[0]); },
     "$.code[1].name: expected a name of its own, found 'first'"},
    {"code without a name", [](Package &p) { p.code[0].name.clear(); },
     "$.code[0].name"},
    {"negative registers", [](Package &p) { p.code[0].registers = -1; },
     "$.code[0]: expected numbers from 0 to 2147483647, found -1"},
};

} // namespace

TEST(FormVerifierTest, AcceptsTheFixture) {
  EXPECT_EQ(messageOf(verifyPackage(makePackageWithForms(), "p.jet")),
            "success");
}

TEST(FormVerifierTest, RefusesEveryContradiction) {
  for (const Broken &broken : kBroken) {
    Package package = makePackageWithForms();
    broken.change(package);
    const std::string message = messageOf(verifyPackage(package, "p.jet"));
    EXPECT_EQ(message.substr(0, 7), "p.jet: ")
        << broken.what << ": " << message;
    EXPECT_NE(message.find(broken.expected), std::string::npos)
        << broken.what << ": " << message;
  }
}

TEST(FormVerifierTest, OnlyTheSizesThatAFormSeesCount) {
  // 2^30 fits for one row, and so for steps of one; and for all sequences.
  Package package = makePackageWithForms();
  stage(package).arguments[1].value = times(Symbol::R, int64_t(1) << 30);
  form(package).maxRows = 1;
  EXPECT_EQ(messageOf(verifyPackage(package, "p.jet")), "success");
  form(package).maxRows = 0;
  stage(package).arguments[1].value = times(Symbol::R, int64_t(1) << 28);
  EXPECT_NE(messageOf(verifyPackage(package, "p.jet")), "success");
  form(package).oneToken = true;
  EXPECT_EQ(messageOf(verifyPackage(package, "p.jet")), "success");
  // As large a batch, and as many steps of one token, as two sequences have.
  stage(package).arguments[1].value = times(Symbol::B, int64_t(1) << 30);
  EXPECT_NE(messageOf(verifyPackage(package, "p.jet")), "success");
  form(package).maxSequences = 1;
  EXPECT_EQ(messageOf(verifyPackage(package, "p.jet")), "success");
}

TEST(FormSizesTest, TakesTheFirstFormThatFits) {
  std::vector<KernelForm> forms(3);
  forms[0].maxRows = 2;
  forms[1].oneToken = true;
  forms[2].maxRows = 8;
  const auto choose = [&](int64_t rows, int64_t sequences, int64_t tokens) {
    const KernelForm *form =
        chooseForm(forms, {rows, sequences, tokens, 1, 4, 8});
    return form ? form - forms.data() : -1;
  };
  EXPECT_EQ(choose(2, 1, 2), 0);
  EXPECT_EQ(choose(3, 3, 3), 1);
  EXPECT_EQ(choose(100, 100, 100), 1);
  EXPECT_EQ(choose(8, 1, 8), 2);
  EXPECT_EQ(choose(9, 1, 9), -1);
  forms[2].maxSequences = 2;
  EXPECT_EQ(choose(8, 2, 8), 2);
  EXPECT_EQ(choose(8, 3, 8), -1);
}

TEST(FormSizesTest, EvaluatesAStep) {
  const Package package = makePackageWithForms();
  const KernelInfo &kernel = package.kernels[0];
  const auto sizes = evaluateForm(kernel, kernel.forms[0], {2, 1, 2, 1, 1, 1});
  ASSERT_TRUE(sizes) << messageOf(sizes);
  EXPECT_EQ(sizes->scratchBytes, 96);
  ASSERT_EQ(sizes->stages.size(), 2u);
  EXPECT_EQ(sizes->stages[0].grid, (std::array<int64_t, 3>{4, 3, 1}));
  EXPECT_EQ(sizes->stages[1].grid, (std::array<int64_t, 3>{2, 1, 1}));
  const std::vector<ArgumentSizes> &arguments = sizes->stages[0].arguments;
  EXPECT_EQ(arguments[0].shape, (std::vector<int64_t>{kVocab, kHidden}));
  EXPECT_EQ(arguments[1].value, 2);
  EXPECT_EQ(arguments[2].value, 64);
  EXPECT_EQ(arguments[2].shape, (std::vector<int64_t>{2, 4}));
  EXPECT_TRUE(arguments[3].shape.empty());
}
