// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "Fixture.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>

namespace jet::test {

TemporaryDirectory::TemporaryDirectory() {
  path = testing::TempDir() + "jet-XXXXXX";
  if (!mkdtemp(path.data()))
    std::abort();
}

TemporaryDirectory::~TemporaryDirectory() {
  std::error_code ignored;
  std::filesystem::remove_all(path, ignored);
}

std::vector<std::string> TemporaryDirectory::list() const {
  std::vector<std::string> names;
  for (const auto &entry : std::filesystem::directory_iterator(path))
    names.push_back(entry.path().filename().string());
  std::sort(names.begin(), names.end());
  return names;
}

void writeFile(const std::string &path, const std::string &contents) {
  std::ofstream(path, std::ios::binary) << contents;
}

std::string readFile(const std::string &path) {
  std::ostringstream text;
  text << std::ifstream(path, std::ios::binary).rdbuf();
  return text.str();
}

//===----------------------------------------------------------------------===//
// Package
//===----------------------------------------------------------------------===//

namespace {

using Kind = OperandRef::Kind;
enum KernelIndex { Embed, RunningSum, LookBack, HeadLast, HeadAll };

SizeExpr constant(int64_t value) { return SizeExpr::makeConstant(value); }
SizeExpr symbol(Symbol which) { return SizeExpr::makeSymbol(which); }

std::vector<KernelInfo> makeKernels() {
  const SizeExpr R = symbol(Symbol::R), B = symbol(Symbol::B),
                 T = symbol(Symbol::T), S = symbol(Symbol::S),
                 P = symbol(Symbol::P);
  const SizeExpr hidden = constant(kHidden), vocab = constant(kVocab);
  const SizeExpr columns = SizeExpr::make(
      SizeExpr::Kind::Add, symbol(Symbol::C), constant(kBatchColumns));
  const KernelOperand batch = {DType::I32, {B, columns}, Access::Read};
  const KernelOperand weight = {DType::F32, {vocab, hidden}, Access::Read};
  const KernelOperand input = {DType::F32, {T, hidden}, Access::Read};
  const KernelOperand output = {DType::F32, {T, hidden}, Access::Write};
  return {
      {"fixture_embed",
       R,
       {{DType::I32, {R}, Access::Read},
        weight,
        {DType::F32, {R, hidden}, Access::Write}}},
      {"fixture_running_sum",
       B,
       {batch,
        input,
        {DType::F32, {S, constant(1), constant(1), hidden}, Access::ReadWrite},
        output}},
      {"fixture_look_back",
       B,
       {batch,
        {DType::I32, {T}, Access::Read},
        input,
        {DType::F32,
         {P, constant(2), constant(1), constant(kPageSize), hidden},
         Access::ReadWrite},
        output}},
      {"fixture_head_last",
       B,
       {batch, input, weight, {DType::F32, {B, vocab}, Access::Write}}},
      {"fixture_head_all",
       R,
       {{DType::F32, {R, hidden}, Access::Read},
        weight,
        {DType::F32, {R, vocab}, Access::Write}}}};
}

ProgramInfo makeProgram(const std::string &name) {
  ProgramInfo program;
  program.name = name;
  program.logitsPerSequence = name != "forward";
  program.arenaBytesPerRow = 128;
  program.buffers = {{0, 16}, {64, 16}};
  program.launches = {
      {Embed, false, {{Kind::Tokens}, {Kind::Parameter, 0}, {Kind::Buffer, 0}}},
      {RunningSum,
       true,
       {{Kind::Batch}, {Kind::Buffer, 0}, {Kind::State, 0}, {Kind::Buffer, 1}}},
      {LookBack,
       true,
       {{Kind::Batch},
        {Kind::Positions},
        {Kind::Buffer, 1},
        {Kind::State, 1},
        {Kind::Buffer, 0}}}};
  if (program.logitsPerSequence)
    program.launches.push_back({HeadLast,
                                true,
                                {{Kind::Batch},
                                 {Kind::Buffer, 0},
                                 {Kind::Parameter, 1},
                                 {Kind::Logits}}});
  else
    program.launches.push_back(
        {HeadAll,
         false,
         {{Kind::Buffer, 0}, {Kind::Parameter, 1}, {Kind::Logits}}});
  return program;
}

} // namespace

Package makePackage(bool code) {
  Package package;
  package.producer = "fixture";
#if defined(__x86_64__)
  package.target = {"cpu", "x86_64", "x86-64"};
#else
  package.target = {"cpu", "aarch64", "armv8-a"};
#endif
  package.model.name = "toy";
  package.model.layers = {"jet", "attn"};
  package.model.dtype = "F32";
  package.model.parameters = 2 * kVocab * kHidden;
  package.model.hiddenSize = kHidden;
  package.model.vocabSize = kVocab;
  package.model.maxBatch = kMaxBatch;
  package.model.maxContext = kMaxContext;
  package.model.pageSize = kPageSize;
  package.model.eosTokenIds = {0};
  package.parameters = {
      {"model.embed_tokens.weight", DType::F32, {kVocab, kHidden}},
      {"lm_head.weight", DType::F32, {kVocab, kHidden}}};
  package.states = {
      {0, StateKind::Recurrent, DType::F32, {1, 1, kHidden}},
      {1, StateKind::AttentionKv, DType::F32, {2, 1, kPageSize, kHidden}}};
  package.kernels = makeKernels();
  for (const char *name : {"prefill", "decode", "forward"})
    package.programs.push_back(makeProgram(name));
  const std::string text = code ? readFile(JET_FIXTURE_KERNELS) : "no code";
  Blob blob{"host_code", {}};
  blob.bytes.resize(text.size());
  std::memcpy(blob.bytes.data(), text.data(), text.size());
  package.blobs.push_back(std::move(blob));
  return package;
}

Package makePackageWithCandidates(bool code) {
  Package package = makePackage(code);
  const SizeExpr B = symbol(Symbol::B);
  KernelInfo head = package.kernels[HeadLast];
  head.name = "fixture_head_sample";
  head.operands.back() = {
      DType::F32, {B, constant(kCandidates)}, Access::Write};
  head.operands.push_back(
      {DType::I32, {B, constant(kCandidates)}, Access::Write});
  head.operands.push_back(
      {DType::F32, {B, constant(kSamplingColumns)}, Access::Read});
  head.operands.push_back({DType::I32, {B}, Access::Write});
  const auto kernel = static_cast<int64_t>(package.kernels.size());
  package.kernels.push_back(head);
  for (const char *name : {"prefill_sample", "decode_sample"}) {
    ProgramInfo program = makeProgram(name);
    program.candidates = kCandidates;
    program.launches.back().kernel = kernel;
    program.launches.back().operands.back() = {Kind::Values};
    for (Kind kind : {Kind::Ids, Kind::Sampling, Kind::Next})
      program.launches.back().operands.push_back({kind});
    package.programs.push_back(std::move(program));
  }
  return package;
}

Package makePackageThatPicks() {
  Package package = makePackageWithCandidates();
  const SizeExpr B = symbol(Symbol::B);
  KernelInfo pick;
  pick.name = "fixture_pick";
  pick.grid = B;
  pick.operands = {{DType::F32, {B, constant(kVocab)}, Access::Read},
                   {DType::F32, {B, constant(kSamplingColumns)}, Access::Read},
                   {DType::I32, {B}, Access::Write}};
  const auto kernel = static_cast<int64_t>(package.kernels.size());
  package.kernels.push_back(pick);
  for (size_t i : {0, 1}) // prefill and decode
    package.programs[i].launches.push_back(
        {kernel, true, {{Kind::Logits}, {Kind::Sampling}, {Kind::Next}}});
  return package;
}

Package forFakeGpu(Package package) {
  package.target = {"cuda", "sm_90a", ""};
  const std::string text = "ptx: text";
  const auto *begin = reinterpret_cast<const std::byte *>(text.data());
  package.blobs = {{"ptx", {begin, begin + text.size()}}};
  for (KernelInfo &kernel : package.kernels)
    kernel.threads = 32;
  return package;
}

static KernelForm makeForm() {
  using Argument = StageArgument::Kind;
  const SizeExpr R = symbol(Symbol::R);
  const auto mul = [](const SizeExpr &lhs, int64_t rhs) {
    return SizeExpr::make(SizeExpr::Kind::Mul, lhs, constant(rhs));
  };
  KernelForm form;
  form.maxRows = 2;
  form.scratch = SizeExpr::make(SizeExpr::Kind::Add, constant(64), mul(R, 16));
  const TensorMapInfo weight = {
      DType::F32, {constant(kVocab), constant(kHidden)}, {8, kHidden}, 32};
  const TensorMapInfo sums = {DType::F32, {R, constant(4)}, {1, 4}, 0};
  form.stages.resize(2);
  form.stages[0] = {"first",
                    {mul(R, 2), constant(3)},
                    64,
                    2,
                    100'000,
                    false,
                    {{Argument::Operand, 1, {}, weight},
                     {Argument::Size, 0, R},
                     {Argument::Scratch, 0, constant(64), sums},
                     {Argument::Scratch, 0, constant(0)},
                     {Argument::Operand, 2}}};
  form.stages[1] = {"second",
                    {R},
                    32,
                    1,
                    0,
                    true,
                    {{Argument::Operand, 0}, {Argument::Operand, 2}}};
  return form;
}

Package makePackageWithForms() {
  Package package = forFakeGpu(makePackage(false));
  package.kernels[Embed].forms = {makeForm()};
  package.code = {{"first", 40, 100'032, 8, 64}};
  return package;
}

//===----------------------------------------------------------------------===//
// Weights and reference
//===----------------------------------------------------------------------===//

std::vector<float> makeEmbedding() {
  std::vector<float> values;
  for (int64_t i = 0; i < kVocab * kHidden; ++i)
    values.push_back(static_cast<float>((i * 37) % 17 - 8) / 16);
  return values;
}

std::vector<float> makeHead() {
  std::vector<float> values;
  for (int64_t i = 0; i < kVocab * kHidden; ++i)
    values.push_back(static_cast<float>((i * 29) % 13 - 6) / 8);
  return values;
}

void writeTensors(const std::string &path, const std::vector<TensorSpec> &specs,
                  const std::vector<std::vector<float>> &values) {
  Result<SafetensorsWriter> writer = SafetensorsWriter::create(path, specs);
  ASSERT_TRUE(writer) << messageOf(writer);
  for (const std::vector<float> &tensor : values)
    ASSERT_TRUE(writer->write(tensor.data(), tensor.size() * sizeof(float)));
  const Result<void> done = writer->commit();
  ASSERT_TRUE(done) << messageOf(done);
}

void writeCheckpoint(const std::string &path) {
  writeTensors(path,
               {{"lm_head.weight", DType::F32, {kVocab, kHidden}},
                {"model.embed_tokens.weight", DType::F32, {kVocab, kHidden}}},
               {makeHead(), makeEmbedding()});
}

std::vector<std::vector<float>>
referenceLogits(const std::vector<int32_t> &tokens) {
  const std::vector<float> embedding = makeEmbedding(), head = makeHead();
  std::vector<std::vector<float>> sums, logits;
  for (size_t p = 0; p < tokens.size(); ++p) {
    std::vector<float> sum = p ? sums.back() : std::vector<float>(kHidden);
    for (int64_t h = 0; h < kHidden; ++h)
      sum[h] += embedding[tokens[p] * kHidden + h];
    sums.push_back(sum);
    std::vector<float> row(kVocab);
    for (int64_t v = 0; v < kVocab; ++v)
      for (int64_t h = 0; h < kHidden; ++h)
        row[v] += head[v * kHidden + h] *
                  (sum[h] + 0.5f * sums[p / 2][h] + 0.01f * p);
    logits.push_back(row);
  }
  return logits;
}

} // namespace jet::test
