// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Kernels of the ops that pick the largest logits, for tests of their forms.

#ifndef JET_TEST_LOWERING_TOPKKERNELS_H
#define JET_TEST_LOWERING_TOPKKERNELS_H

#include "KernelHarness.h"

namespace jet::test {

/// @merge, of `count` candidates a row; with `samples` it also picks a token.
inline std::string mergeKernel(int64_t count, int64_t k, bool samples = false) {
  const std::string op = "jet.merge_top_k %a, %b k " + std::to_string(k);
  const std::string values = rowsType({count}, DType::F32),
                    ids = rowsType({count}, DType::I32),
                    best = rowsType({k}, DType::F32),
                    bestIds = rowsType({k}, DType::I32);
  if (!samples)
    return kernelText("merge", op, {values, ids}, {best, bestIds});
  return kernelText("merge", op + " sample %c",
                    {values, ids, rowsType({4}, DType::F32)},
                    {best, bestIds, rowsType({}, DType::I32)});
}

/// @head, of weights [columns, inner] in bf16; k of each block of columns.
inline std::string headKernel(int64_t columns, int64_t inner, int64_t k,
                              int64_t block) {
  const int64_t blocks = (columns + block - 1) / block;
  return kernelText(
      "head",
      "jet.linear_top_k %a, %b k " + std::to_string(k) + " block " +
          std::to_string(block),
      {rowsType({inner}, DType::F32),
       tensorType({columns, inner}, DType::BF16)},
      {rowsType({blocks * k}, DType::F32), rowsType({blocks * k}, DType::I32)});
}

} // namespace jet::test

#endif // JET_TEST_LOWERING_TOPKKERNELS_H
