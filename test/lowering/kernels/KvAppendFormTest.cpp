// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The form of jet.kv_append writes the bytes that the definition writes, and no
// others.

#include "../FormHarness.h"

using namespace jet;
using namespace jet::test;

namespace {

constexpr DType F32 = DType::F32, BF16 = DType::BF16;

class KvAppendForm : public testing::Test {
protected:
  void check(int64_t heads, int64_t dim, DType type,
             std::optional<int64_t> window, int64_t most);
  Random random{0xCACE};
};

void KvAppendForm::check(int64_t heads, int64_t dim, DType type,
                         std::optional<int64_t> window, int64_t most) {
  Step step = Step::random(random, most);
  step.pageSize = 8;
  const std::string rows = rowsType({heads, dim}, type);
  const std::string cache = cacheType(heads, dim, type, step.pageSize, window);
  const std::string text =
      kernelText("append", "jet.kv_append %a, %b, %c, %d",
                 {cache, rows, rows, "!jet.batch"}, {cache});
  auto kernels = Kernels::compile(text, cpuLevels().front());
  auto forms = Forms::build(text);
  ASSERT_TRUE(kernels && forms);
  Buffer k = Buffer::random(random, type, {step.tokens, heads, dim});
  Buffer v = Buffer::random(random, type, {step.tokens, heads, dim});
  Buffer batch = step.batch();
  Buffer want = Buffer::random(random, type,
                               {window ? step.slots : step.pages(), 2, heads,
                                window.value_or(step.pageSize), dim});
  Buffer got(want);
  kernels->run("append", {&want, &k, &v, &batch}, step);
  forms->run("append", {&got, &k, &v, &batch}, step);
  EXPECT_TRUE(got == want);
}

TEST_F(KvAppendForm, WritesPages) {
  check(2, 64, BF16, {}, 40);
  check(3, 34, F32, {}, 20);
}

TEST_F(KvAppendForm, WritesRingsOnce) {
  check(2, 64, BF16, 16, 40);
  check(1, 8, F32, 7, 30);
}

} // namespace
