// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// jet.qkv_linear, and the jet.attention that reads its keys from the cache,
// against the ops that they were made of.

#include "KernelHarness.h"

#include <optional>

using namespace jet;
using namespace jet::test;

namespace {

constexpr DType F32 = DType::F32, BF16 = DType::BF16;

struct Config {
  int64_t heads, kvHeads, dim, inner;
  std::optional<int64_t> window; // else pages
  DType storage;
  bool withBias, withNorm;
  int64_t page = 8;
};

class QkvLinear : public testing::TestWithParam<std::string> {
protected:
  std::unique_ptr<Kernels> compile(const Config &config);
  /// `sameSums`: the attention's blocks of keys are the same, and so its bits.
  void check(const Config &config, const Kernels &kernels, Step step,
             bool sameSums);

  Random random{0x0C4B};
};

INSTANTIATE_TEST_SUITE_P(Cpu, QkvLinear, testing::ValuesIn(cpuLevels()),
                         nameOfLevel);

std::string nameOf(size_t operand) {
  return "%" + std::string(1, static_cast<char>('a' + operand));
}

/// The code that adds a bias on result `index`, which is of type `storage`.
std::string biasCode(size_t index, size_t operand, DType storage) {
  return " on result " + std::to_string(index) + " with(" + nameOf(operand) +
         ") {\n^bb0(%acc: f32, %bias: f32):\n%s = arith.addf %acc, %bias : "
         "f32\n" +
         (storage == BF16 ? "%t = arith.truncf %s : f32 to bf16\n"
                            "jet.yield %t : bf16\n}"
                          : "jet.yield %s : f32\n}");
}

std::unique_ptr<Kernels> QkvLinear::compile(const Config &config) {
  const auto [heads, kvHeads, dim, inner, window, storage, withBias, withNorm,
              page] = config;
  const std::string batch = "!jet.batch",
                    cache =
                        cacheType(config.kvHeads, config.dim, config.storage,
                                  config.page, config.window);
  const std::string positions = "tensor<?xi32>", theta = " theta 100.0";
  const std::string q = rowsType({heads, dim}, F32),
                    k = rowsType({kvHeads, dim}, F32),
                    kv = rowsType({kvHeads, dim}, storage);
  const std::string narrow = tensorType({kvHeads * dim, inner}, BF16);
  std::vector<std::string> inputs = {rowsType({inner}, F32),
                                     tensorType({heads * dim, inner}, BF16),
                                     narrow, narrow};
  std::string norm, code, biases;
  if (withNorm) {
    norm = " norm " + nameOf(4) + " eps 0.125";
    inputs.push_back(tensorType({inner}, F32));
  }
  if (withBias) {
    const size_t first = inputs.size();
    for (size_t i = 0; i < 3; ++i)
      code += biasCode(i, first + i, i == 2 ? storage : F32);
    for (int64_t count : {heads, kvHeads, kvHeads})
      inputs.push_back(tensorType({count * dim}, F32));
  }
  // The fused op takes biases, then the norm, then the rest.
  std::vector<std::string> fused(inputs.begin(), inputs.begin() + 4);
  if (withBias) {
    biases = " bias(%e, %f, %g)";
    fused.insert(fused.end(), inputs.end() - 3, inputs.end());
  }
  std::string fusedNorm;
  if (withNorm) {
    fusedNorm = " norm " + nameOf(fused.size()) + " eps 0.125";
    fused.push_back(tensorType({inner}, F32));
  }
  const size_t rest = fused.size();
  fused.insert(fused.end(), {positions, cache, batch});
  return Kernels::compile(
      kernelText("project",
                 "jet.grouped_linear %a(%b, %c, %d)" + norm +
                     " products [1, 1, 1]" + code,
                 inputs,
                 {rowsType({heads * dim}, F32), rowsType({kvHeads * dim}, F32),
                  rowsType({kvHeads * dim}, withBias ? storage : F32)}) +
          kernelText("rope_q", "jet.rope %a, %b" + theta, {q, positions}, {q}) +
          kernelText("rope_k", "jet.rope %a, %b" + theta, {k, positions},
                     {kv}) +
          kernelText("attention", "jet.attention %a, %b, %c, %d, %e",
                     {q, kv, kv, cache, batch}, {q}) +
          kernelText("append", "jet.kv_append %a, %b, %c, %d",
                     {cache, kv, kv, batch}, {cache}) +
          kernelText("fused",
                     "jet.qkv_linear %a(%b, %c, %d)" + biases + fusedNorm +
                         " rope " + nameOf(rest) + theta + " append " +
                         nameOf(rest + 1) + ", " + nameOf(rest + 2),
                     fused, {q, cache}) +
          kernelText("apart",
                     "jet.qkv_linear %a(%b, %c, %d)" + biases + fusedNorm +
                         " rope " + nameOf(rest) + theta,
                     {fused.begin(), fused.end() - 2}, {q, kv, kv}) +
          kernelText("read", "jet.attention %a, %b, %c", {q, cache, batch},
                     {q}),
      GetParam());
}

/// The same elements in another shape, rounded to another type.
Buffer reshape(const Buffer &from, std::vector<int64_t> shape, DType dtype) {
  Buffer to(dtype, std::move(shape));
  for (int64_t i = 0; i < from.count(); ++i)
    to.set(i, from.get(i));
  return to;
}

void QkvLinear::check(const Config &config, const Kernels &kernels, Step step,
                      bool sameSums) {
  step.pageSize = config.page;
  const auto [heads, kvHeads, dim, inner, window, storage, withBias, withNorm,
              page] = config;
  const int64_t rows = step.tokens;
  Buffer x = Buffer::random(random, F32, {rows, inner});
  Buffer wq = Buffer::random(random, BF16, {heads * dim, inner});
  Buffer wk = Buffer::random(random, BF16, {kvHeads * dim, inner});
  Buffer wv = Buffer::random(random, BF16, {kvHeads * dim, inner});
  Buffer norm = Buffer::random(random, F32, {inner});
  Buffer bq = Buffer::random(random, F32, {heads * dim});
  Buffer bk = Buffer::random(random, F32, {kvHeads * dim});
  Buffer bv = Buffer::random(random, F32, {kvHeads * dim});
  Buffer batch = step.batch(), positions(DType::I32, {rows});
  for (int64_t row = 0; row < rows; ++row)
    positions.set(row, 0);
  // Positions that no sequence has reached stay NaN.
  Buffer before(storage, {window ? step.slots : step.pages(), 2, kvHeads,
                          window.value_or(page), dim});
  for (const Sequence &sequence : step.sequences) {
    for (int64_t r = 0; r < sequence.rows; ++r)
      positions.set(sequence.row + r,
                    static_cast<double>(sequence.position + r));
    for (int64_t p = 0;
         p < std::min(sequence.position, window.value_or(step.capacity)); ++p) {
      const int64_t unit =
          window ? sequence.slot : step.page(sequence.slot, p / page);
      const int64_t row = window ? p : p % page;
      for (int64_t i = 0; i < 2 * kvHeads; ++i)
        for (int64_t d = 0; d < dim; ++d)
          before.set(before.at(unit, i / kvHeads, i % kvHeads, row, d),
                     static_cast<double>(uniform(random, -999, 999)) / 1000);
    }
  }

  // One after another.
  std::vector<Buffer *> inputs = {&x, &wq, &wk, &wv};
  if (withNorm)
    inputs.push_back(&norm);
  if (withBias)
    inputs.insert(inputs.end(), {&bq, &bk, &bv});
  Buffer pq(F32, {rows, heads * dim}), pk(F32, {rows, kvHeads * dim});
  Buffer pv(withBias ? storage : F32, {rows, kvHeads * dim});
  inputs.insert(inputs.end(), {&pq, &pk, &pv});
  kernels.run("project", inputs, Step::rows(rows));
  Buffer qHeads = reshape(pq, {rows, heads, dim}, F32);
  Buffer kHeads = reshape(pk, {rows, kvHeads, dim}, F32);
  Buffer v = reshape(pv, {rows, kvHeads, dim}, storage);
  Buffer q(F32, {rows, heads, dim}), k(storage, {rows, kvHeads, dim});
  kernels.run("rope_q", {&qHeads, &positions, &q}, Step::rows(rows));
  kernels.run("rope_k", {&kHeads, &positions, &k}, Step::rows(rows));
  Buffer cache = before, y(F32, {rows, heads, dim});
  kernels.run("attention", {&q, &k, &v, &cache, &batch, &y}, step);
  kernels.run("append", {&cache, &k, &v, &batch}, step);

  // At once.
  inputs = {&x, &wq, &wk, &wv};
  if (withBias)
    inputs.insert(inputs.end(), {&bq, &bk, &bv});
  if (withNorm)
    inputs.push_back(&norm);
  Buffer fusedCache = before, fusedQ(F32, q.shape()), fusedY(F32, y.shape());
  inputs.insert(inputs.end(), {&positions, &fusedCache, &batch, &fusedQ});
  kernels.run("fused", inputs, step);
  kernels.run("read", {&fusedQ, &fusedCache, &batch, &fusedY}, step);

  // Without the cache.
  Buffer apartQ(F32, q.shape()), apartK(storage, k.shape()),
      apartV(storage, v.shape());
  inputs.resize(inputs.size() - 3);
  inputs.insert(inputs.end(), {&apartQ, &apartK, &apartV});
  kernels.run("apart", inputs, Step::rows(rows));
  EXPECT_TRUE(apartQ == q);
  EXPECT_TRUE(apartK == k);
  EXPECT_TRUE(apartV == v);

  EXPECT_TRUE(fusedCache == cache);
  Comparison queries("q"), attention("attention");
  for (const Sequence &sequence : step.sequences)
    for (int64_t i = sequence.row * heads * dim;
         i < (sequence.row + sequence.rows) * heads * dim; ++i) {
      queries.same(fusedQ, i, q, i);
      if (sameSums)
        attention.same(fusedY, i, y, i);
      else
        attention.near(fusedY, i, y.get(i), 4);
    }
}

/// The configurations with a bias and without, with a norm and without.
std::vector<Config> everyKind(const Config &config) {
  std::vector<Config> all;
  for (bool withBias : {false, true})
    for (bool withNorm : {false, true}) {
      all.push_back(config);
      all.back().withBias = withBias;
      all.back().withNorm = withNorm;
    }
  return all;
}

TEST_P(QkvLinear, IsTheOpsThatItWasMadeOf) {
  for (const Config &shape : {Config{1, 1, 2, 3, {}, F32, false, false},
                              Config{4, 2, 16, 33, {}, BF16, false, false},
                              Config{3, 3, 70, 8, {}, BF16, false, false}})
    for (const Config &config : everyKind(shape)) {
      auto kernels = compile(config);
      ASSERT_TRUE(kernels);
      for (int repeat = 0; repeat < 2; ++repeat)
        check(config, *kernels, Step::random(random, 40), false);
    }
}

// Where a step begins with a block of keys, the blocks are those of the ops
// apart. A block is 64 keys, or a page that has less.
TEST_P(QkvLinear, AttentionHasTheSameBitsFromBlockToBlock) {
  for (int64_t page : {8, 64, 128}) {
    const Config config{4, 2, 16, 9, {}, BF16, true, true, page};
    const int64_t block = std::min<int64_t>(page, 64);
    auto kernels = compile(config);
    ASSERT_TRUE(kernels);
    for (auto [position, rows] : {std::pair<int64_t, int64_t>{0, 1},
                                  {0, block + 6},
                                  {block, 1},
                                  {2 * block, block + 2}}) {
      const Step step{{{1, position, 0, rows}}, rows, position + rows, 2};
      check(config, *kernels, step, true);
    }
  }
}

// One row of each sequence, the ring not yet full, just full, gone round: to
// the bit, since programs of many tokens attend to windows without this fusion.
TEST_P(QkvLinear, OverwritesWhatLeavesTheWindow) {
  for (int64_t window : {1, 3, 8}) {
    const Config config{4, 2, 6, 5, window, BF16, true, true};
    auto kernels = compile(config);
    ASSERT_TRUE(kernels);
    for (int64_t position = 0; position <= 2 * window + 1; ++position) {
      const Step step{
          {{2, position, 0, 1}, {0, position / 2, 1, 1}}, 2, position + 1, 3};
      check(config, *kernels, step, true);
    }
  }
}

} // namespace
