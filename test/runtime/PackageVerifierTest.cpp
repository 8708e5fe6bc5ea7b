// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Packages that contradict themselves, one contradiction each.

#include "Fixture.h"

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

SizeExpr nested(int depth) {
  SizeExpr size = number(1);
  for (int i = 0; i < depth; ++i)
    size = SizeExpr::make(SizeExpr::Kind::Mul, size, number(1));
  return size;
}

const Broken kBroken[] = {
    {"vocabulary of nothing", [](Package &p) { p.model.vocabSize = 0; },
     "$.model.vocab_size: expected an integer from 1 to"},
    {"batch of nothing", [](Package &p) { p.model.maxBatch = 0; },
     "$.model.max_batch"},
    {"context beyond int32",
     [](Package &p) { p.model.maxContext = int64_t(1) << 40; },
     "$.model.max_context"},
    {"logits beyond int64",
     [](Package &p) {
       p.model.maxContext = INT32_MAX;
       p.model.maxBatch = 1 << 20;
       p.model.vocabSize = INT32_MAX;
     },
     "does not fit 64 bits"},
    {"model of integers", [](Package &p) { p.model.dtype = "I32"; },
     "$.model.dtype: expected BF16 or F32, found 'I32'"},
    {"eos outside the vocabulary",
     [](Package &p) { p.model.eosTokenIds = {kVocab}; },
     "$.model.eos_token_ids"},
    {"two parameters of one name",
     [](Package &p) { p.parameters[1].name = p.parameters[0].name; },
     "$.parameters[1].name: expected a name of its own"},
    {"negative size", [](Package &p) { p.parameters[0].shape[0] = -1; },
     "$.parameters[0].shape: expected sizes >= 0, found -1"},
    {"parameter beyond int64",
     [](Package &p) { p.parameters[0].shape = {INT64_MAX, 2}; },
     "$.parameters[0].shape: the size does not fit 64 bits"},
    {"a recipe of one tensor",
     [](Package &p) { p.parameters[0].concat = {{"a", {kVocab, kHidden}}}; },
     "$.parameters[0].recipe.concat: expected at least two tensors, found 1"},
    {"a recipe for a scalar",
     [](Package &p) {
       p.parameters[0].shape = {};
       p.parameters[0].concat = {{"a", {}}, {"b", {}}};
     },
     "recipe.concat: expected a parameter with rows, found a scalar"},
    {"a source of other columns",
     [](Package &p) {
       p.parameters[0].concat = {{"a", {1, kHidden}}, {"b", {15, 5}}};
     },
     "recipe.concat[1].shape: expected the sizes of [16, 4] after the first, "
     "found [15, 5]"},
    {"sources of too few rows",
     [](Package &p) {
       p.parameters[0].concat = {{"a", {1, kHidden}}, {"b", {14, kHidden}}};
     },
     "recipe.concat: expected sources of 16 rows in all, found 15"},
    {"sources of too many rows",
     [](Package &p) {
       p.parameters[0].concat = {{"a", {1, kHidden}},
                                 {"b", {INT64_MAX, kHidden}}};
     },
     "recipe.concat[1].shape: expected 1 to 15 rows, found "
     "9223372036854775807"},
    {"a tensor in two parameters",
     [](Package &p) {
       p.parameters[1].concat = {{"a", {1, kHidden}},
                                 {p.parameters[0].name, {15, kHidden}}};
     },
     "$.parameters[1].recipe: expected tensors that nothing else reads"},
    {"a column scale for a vector",
     [](Package &p) {
       p.parameters[0].shape = {kVocab * kHidden};
       p.parameters[0].columnScale = SourceTensor{"n", {kHidden}};
     },
     "$.parameters[0].shape: expected a matrix, with a column scale, found "
     "[64]"},
    {"a column scale of rows",
     [](Package &p) {
       p.parameters[0].columnScale = SourceTensor{"n", {kVocab}};
     },
     "$.parameters[0].recipe.column_scale.shape: expected [4], found [16]"},
    {"a column scale of integers",
     [](Package &p) {
       p.parameters[0].dtype = DType::I32;
       p.parameters[0].columnScale = SourceTensor{"n", {kHidden}};
     },
     "$.parameters[0].dtype: expected F32 or BF16, with a column scale, found "
     "I32"},
    {"rows beyond a parameter",
     [](Package &p) {
       p.programs[0].launches[0].operands[1].rows = RowRange{1, kVocab + 1};
     },
     "expected rows inside [0, 16), found [1, 17) of parameter"},
    {"fewer rows than the kernel reads",
     [](Package &p) {
       p.programs[0].launches[0].operands[1].rows = RowRange{0, 15};
     },
     "expected 64 elements, found 60 (parameter"},
    {"rows of a buffer",
     [](Package &p) {
       p.programs[0].launches[0].operands[2].rows = RowRange{0, 1};
     },
     "expected rows of a parameter, found rows of something else"},
    {"state of no layer", [](Package &p) { p.states[0].layer = 2; },
     "$.states[0].layer: expected an index below 2, found 2"},
    {"recurrent state of bytes",
     [](Package &p) { p.states[0].dtype = DType::F8E4M3; },
     "$.states[0].dtype: expected F32 or BF16, found F8_E4M3"},
    {"cache of integers", [](Package &p) { p.states[1].dtype = DType::I8; },
     "$.states[1].dtype: expected F32, BF16 or F8_E4M3, found I8"},
    {"state of another rank", [](Package &p) { p.states[0].shape.pop_back(); },
     "$.states[0].shape: expected 3 dimensions, found 2"},
    {"state of a negative size", [](Package &p) { p.states[0].shape[1] = -1; },
     "$.states[0].shape[1]: expected a size >= 0, found -1"},
    {"pages of another size", [](Package &p) { p.states[1].shape[2] = 8; },
     "$.states[1].shape[2]: expected the page_size 4, found 8"},
    {"pages of nothing", [](Package &p) { p.model.pageSize = 0; },
     "$.model.page_size: expected an integer from 1 to 2147483647, found 0"},
    {"more pages than int32 counts",
     [](Package &p) {
       p.model.pageSize = p.states[1].shape[2] = 1;
       p.model.maxBatch = 1 << 20;
       p.model.maxContext = 1 << 14;
     },
     "$.model.page_size: expected at most 2147483647 pages of max_batch x "
     "max_context, found 17179869184"},
    {"states beyond int64",
     [](Package &p) { p.states[1].shape[3] = INT64_MAX / 64; }, "$.states"},
    {"a batch without pages",
     [](Package &p) { p.kernels[1].operands[0].shape[1] = number(4); },
     "expected 4*B elements, found 4*B + 1*B*C (batch)"},
    {"a slot for each sequence where there are pages",
     [](Package &p) {
       p.kernels[2].operands[3].shape[0] = SizeExpr::makeSymbol(Symbol::S);
     },
     "expected 32*S elements, found 32*P (state 1)"},
    {"two kernels of one name",
     [](Package &p) { p.kernels[1].name = p.kernels[0].name; },
     "$.kernels[1].name"},
    {"grid nested too deep", [](Package &p) { p.kernels[0].grid = nested(30); },
     "$.kernels[0].grid: expected a size nested at most 24 deep"},
    {"negative grid", [](Package &p) { p.kernels[0].grid = number(-1); },
     "grid of 'fixture_embed': expected a size >= 0, found -1"},
    {"division by a symbol",
     [](Package &p) {
       p.kernels[0].grid = SizeExpr::make(SizeExpr::Kind::CeilDiv, number(1),
                                          SizeExpr::makeSymbol(Symbol::B));
     },
     "expected a positive constant as divisor"},
    {"no forward", [](Package &p) { p.programs.pop_back(); },
     "$.programs: expected prefill, decode and forward, and both or none of "
     "prefill_sample and decode_sample, found 2 programs"},
    {"candidates of logits", [](Package &p) { p.programs[0].candidates = 3; },
     "$.programs['prefill'].candidates: expected 0, found 3"},
    {"decode twice", [](Package &p) { p.programs[0].name = "decode"; },
     "$.programs"},
    {"logits of all tokens in decode",
     [](Package &p) { p.programs[1].logitsPerSequence = false; },
     "$.programs['decode'].logits: expected sequences, found tokens"},
    {"misaligned buffer",
     [](Package &p) { p.programs[0].buffers[1].offset = 32; },
     "buffers[1].offset: expected a multiple of 64, found 32"},
    {"buffer beyond the arena",
     [](Package &p) { p.programs[0].buffers[1].bytes = 65; },
     "buffers[1]: expected a slice of the arena's 128 bytes"},
    {"negative buffer", [](Package &p) { p.programs[0].buffers[1].bytes = -1; },
     "buffers[1]"},
    {"arena beyond int64",
     [](Package &p) { p.programs[0].arenaBytesPerRow = INT64_MAX; },
     "arena_bytes_per_row"},
    {"kernel that is not there",
     [](Package &p) { p.programs[0].launches[0].kernel = 5; },
     "launches[0].kernel: expected an index below 5, found 5"},
    {"operand too few",
     [](Package &p) { p.programs[0].launches[0].operands.pop_back(); },
     "expected 3 operands of kernel 'fixture_embed', found 2"},
    {"buffer that is not there",
     [](Package &p) { p.programs[0].launches[0].operands[2].index = 2; },
     "operands[2] of 'fixture_embed': expected an index below 2, found 2"},
    {"negative parameter",
     [](Package &p) { p.programs[0].launches[0].operands[1].index = -1; },
     "expected an index below 2, found -1"},
    {"state that is not there",
     [](Package &p) { p.programs[0].launches[1].operands[2].index = 2; },
     "expected an index below 2, found 2"},
    {"buffer too small for the rows",
     [](Package &p) { p.programs[0].buffers[0].bytes = 15; },
     "expected a buffer of at least 16 bytes a row, found 15 (buffer 0)"},
    {"wrong element type",
     [](Package &p) { p.parameters[0].dtype = DType::BF16; },
     "expected F32 elements, found BF16 (parameter "
     "'model.embed_tokens.weight')"},
    {"wrong number of elements",
     [](Package &p) { p.parameters[0].shape = {kVocab, kHidden + 1}; },
     "expected 64 elements, found 80 (parameter 'model.embed_tokens.weight')"},
    {"wrong state for a kernel",
     [](Package &p) { p.programs[0].launches[1].operands[2].index = 1; },
     "expected 4*S elements, found 32*P (state 1)"},
    {"rows of the wrong kind",
     [](Package &p) { p.programs[0].launches[0].rowsAreSequences = true; },
     "expected 1*B elements, found 1*T (tokens)"},
    {"writes a parameter",
     [](Package &p) { p.kernels[0].operands[1].access = Access::Write; },
     "expected something writable, found parameter"},
    {"writes the tokens",
     [](Package &p) { p.kernels[0].operands[0].access = Access::ReadWrite; },
     "expected something writable, found tokens"},
    {"a size that grows faster than the rows",
     [](Package &p) {
       p.kernels[0].operands[2].shape = {SizeExpr::makeSymbol(Symbol::T),
                                         SizeExpr::makeSymbol(Symbol::T)};
     },
     "expected a size that grows at most with T"},
    {"two blobs of one name", [](Package &p) { p.blobs.push_back(p.blobs[0]); },
     "$.blobs"},
    {"no code", [](Package &p) { p.blobs.clear(); },
     "$.blobs: expected a blob 'host_code', found none"},
};

// Programs 3 and 4 return candidates, by kernel 5.
const Broken kBrokenCandidates[] = {
    {"only prefill", [](Package &p) { p.programs.pop_back(); },
     "$.programs: expected prefill, decode and forward, and both or none of "
     "prefill_sample and decode_sample, found 4 programs"},
    {"no candidates", [](Package &p) { p.programs[3].candidates = 0; },
     "$.programs['prefill_sample'].candidates: expected 1 to 16, found 0"},
    {"more than the vocabulary",
     [](Package &p) { p.programs[3].candidates = kVocab + 1; },
     "$.programs['prefill_sample'].candidates: expected 1 to 16, found 17"},
    {"different numbers",
     [](Package &p) {
       p.kernels.push_back(p.kernels[5]);
       p.kernels[6].name = "of four";
       for (int i : {3, 4})
         p.kernels[6].operands[i].shape[1] = number(4);
       p.programs[4].candidates = 4;
       p.programs[4].launches.back().kernel = 6;
     },
     "$.programs['decode_sample'].candidates: expected 3 as in the other "
     "program, found 4"},
    {"candidates of all tokens",
     [](Package &p) { p.programs[3].logitsPerSequence = false; },
     "$.programs['prefill_sample'].logits: expected sequences, found tokens"},
    {"a size of another number",
     [](Package &p) { p.programs[3].candidates = 4; },
     "expected 3*B elements, found 4*B (values)"},
    {"values for ids",
     [](Package &p) {
       std::swap(p.programs[3].launches.back().operands[3],
                 p.programs[3].launches.back().operands[4]);
     },
     "expected F32 elements, found I32 (ids)"},
    {"logits instead",
     [](Package &p) {
       p.programs[3].launches.back().operands[3] = {OperandRef::Kind::Logits};
     },
     "expected an output values, ids or next, found logits"},
    {"sampling of other columns",
     [](Package &p) { p.kernels[5].operands[5].shape[1] = number(3); },
     "expected 3*B elements, found 4*B (sampling)"},
    {"sampling that is no f32",
     [](Package &p) { p.kernels[5].operands[5].dtype = DType::I32; },
     "expected I32 elements, found F32 (sampling)"},
    {"sampling that is written",
     [](Package &p) { p.kernels[5].operands[5].access = Access::ReadWrite; },
     "expected something writable, found sampling"},
    {"next tokens of candidates",
     [](Package &p) {
       p.kernels[5].operands[6].shape.push_back(number(kCandidates));
     },
     "expected 3*B elements, found 1*B (next)"},
    {"next tokens that are no i32",
     [](Package &p) { p.kernels[5].operands[6].dtype = DType::F32; },
     "expected F32 elements, found I32 (next)"},
    {"sampling of all tokens",
     [](Package &p) {
       p.programs[2].launches.back().operands[1] = {OperandRef::Kind::Sampling};
     },
     "expected an input of a program that picks no tokens, found sampling"},
    {"next tokens of all tokens",
     [](Package &p) {
       p.programs[2].launches.back().operands[2] = {OperandRef::Kind::Next};
     },
     "expected an output logits, found next"},
    {"candidates of a program of logits",
     [](Package &p) {
       p.programs[0].launches.back().operands[3] = {OperandRef::Kind::Values};
     },
     "expected an output logits or next, found values"},
};

} // namespace

TEST(PackageVerifierTest, RefusesEveryContradictionOfCandidates) {
  EXPECT_EQ(messageOf(verifyPackage(makePackageWithCandidates(false), "p.jet")),
            "success");
  for (const Broken &broken : kBrokenCandidates) {
    Package package = makePackageWithCandidates(false);
    broken.change(package);
    const std::string message = messageOf(verifyPackage(package, "p.jet"));
    EXPECT_NE(message.find(broken.expected), std::string::npos)
        << broken.what << ": " << message;
  }
}

TEST(PackageVerifierTest, AcceptsTheFixture) {
  const Result<void> valid = verifyPackage(makePackage(false), "p.jet");
  EXPECT_TRUE(valid) << messageOf(valid);
}

TEST(PackageVerifierTest, RefusesEveryContradiction) {
  for (const Broken &broken : kBroken) {
    Package package = makePackage(false);
    broken.change(package);
    const std::string message = messageOf(verifyPackage(package, "p.jet"));
    EXPECT_EQ(message.substr(0, 7), "p.jet: ")
        << broken.what << ": " << message;
    EXPECT_NE(message.find(broken.expected), std::string::npos)
        << broken.what << ": " << message;
  }
}

TEST(PackageVerifierTest, WhatIsRefusedIsNotWritten) {
  const TemporaryDirectory directory;
  Package package = makePackage(false);
  package.programs.pop_back();
  EXPECT_FALSE(writePackage(package, directory.file("p.jet")));
  EXPECT_TRUE(directory.list().empty());
}

TEST(PackageVerifierTest, RoundedUpSizesAreBoundedNotRefused) {
  // ceil(T / 16) blocks of 256 bytes: at most 256 bytes a row, at T = 1; the
  // 16 bytes a row that are read are always among them.
  Package package = makePackage(false);
  package.kernels[0].operands[2].shape = {
      SizeExpr::make(SizeExpr::Kind::CeilDiv, SizeExpr::makeSymbol(Symbol::T),
                     number(16)),
      number(64)};
  package.programs.resize(3);
  for (ProgramInfo &program : package.programs)
    program.buffers[0].bytes = 64;
  EXPECT_NE(messageOf(verifyPackage(package, "p.jet"))
                .find("expected a buffer of at least 256 bytes a row"),
            std::string::npos);
  for (ProgramInfo &program : package.programs) {
    program.arenaBytesPerRow = 512;
    program.buffers = {{0, 256}, {256, 16}};
  }
  const Result<void> valid = verifyPackage(package, "p.jet");
  EXPECT_TRUE(valid) << messageOf(valid);
}

TEST(PackageVerifierTest, DecodeMayUseTokensAndSequencesAlike) {
  // Every sequence has one row there, so T rows are B rows.
  Package package = makePackage(false);
  package.programs[1].launches[0].rowsAreSequences = true;
  const Result<void> valid = verifyPackage(package, "p.jet");
  EXPECT_TRUE(valid) << messageOf(valid);
}
