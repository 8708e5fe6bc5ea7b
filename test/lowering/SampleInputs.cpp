// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "SampleInputs.h"

#include <algorithm>
#include <numeric>

using namespace jet;
using namespace jet::test;

void SampleInputs::setSampling(int64_t row, double temperature, double topP,
                               double topK, double u) {
  const double options[] = {temperature, topP, topK, u};
  for (int64_t i = 0; i < 4; ++i)
    sampling.set(sampling.at(row, i), options[i]);
}

SampleInputs SampleInputs::random(Random &random, int64_t rows, int64_t count) {
  SampleInputs inputs = {Buffer(DType::F32, {rows, count}),
                         Buffer(DType::I32, {rows, count}),
                         Buffer(DType::F32, {rows, 4})};
  auto pick = [&](std::vector<double> from) {
    return from[uniform(random, 0, int64_t(from.size()) - 1)];
  };
  for (int64_t r = 0; r < rows; ++r) {
    std::vector<double> values;
    const bool isCoarse = uniform(random, 0, 1);
    for (int64_t i = 0; i < count; ++i)
      values.push_back(isCoarse ? double(uniform(random, -2, 2))
                                : double(uniform(random, -9999, 9999)) / 1024);
    std::sort(values.rbegin(), values.rend());
    const int64_t ends = uniform(random, 0, count);
    const int64_t special = uniform(random, 0, 5);
    for (int64_t i = ends; special < 2 && i < count; ++i)
      values[i] = special ? NAN : -INFINITY;
    if (special == 2 && uniform(random, 0, 2) == 0)
      values[0] = INFINITY;
    std::vector<int64_t> ids(count);
    std::iota(ids.begin(), ids.end(), 0);
    std::shuffle(ids.begin(), ids.end(), random);
    for (int64_t i = 0; i < count; ++i) {
      inputs.values.set(inputs.values.at(r, i), values[i]);
      inputs.ids.set(inputs.ids.at(r, i), double(ids[i] * 5 + 3));
    }
    const double u = double(uniform(random, 0, 999)) / 1000;
    inputs.setSampling(
        r, pick({0, 0.1, 0.8, 1, 3}), pick({1e-6, 0.3, 0.9, 1, 1}),
        pick({0, 0, 1, 2, double(count / 2), double(count), 1e9}),
        pick({0, 1e-7, u, u, 1 - 0x1p-24}));
  }
  return inputs;
}

Buffer SampleInputs::shuffle(Random &random) {
  const int64_t rows = values.size(0), count = values.size(1);
  Buffer logits(DType::F32, {rows, count});
  std::vector<int64_t> columns(count);
  for (int64_t r = 0; r < rows; ++r) {
    std::iota(columns.begin(), columns.end(), 0);
    std::shuffle(columns.begin(), columns.end(), random);
    for (int64_t begin = 0, end; begin < count; begin = end) {
      for (end = begin + 1; end < count; ++end)
        if (values(r, end) != values(r, begin) &&
            !(std::isnan(values(r, end)) && std::isnan(values(r, begin))))
          break;
      std::sort(columns.begin() + begin, columns.begin() + end);
    }
    for (int64_t i = 0; i < count; ++i) {
      ids.set(ids.at(r, i), double(columns[i]));
      logits.set(logits.at(r, columns[i]), values(r, i));
    }
  }
  return logits;
}

bool SampleInputs::mayPick(int64_t row, int64_t id) const {
  constexpr double kRounding = 2e-6;
  const double temperature = sampling(row, 0), topP = sampling(row, 1),
               topK = sampling(row, 2), u = sampling(row, 3);
  int64_t n = values.size(1);
  if (!(temperature > 0) || !std::isfinite(values(row, 0)))
    n = 1;
  else if (topK >= 1 && topK < double(n))
    n = int64_t(topK);
  std::vector<double> sums;
  for (int64_t i = 0; i < n; ++i) {
    const double weight =
        std::exp((values(row, i) - values(row, 0)) / temperature);
    sums.push_back((i ? sums.back() : 0) + (std::isnan(weight) ? 0 : weight));
  }
  const double slack = kRounding * sums.back();
  // Whether i may be the first sum for which `bound` is not too much.
  auto mayBeFirst = [&](int64_t i, double bound) {
    return sums[i] >= bound - slack && (i == 0 || sums[i - 1] <= bound + slack);
  };
  for (int64_t m = 0; m < n; ++m) {
    if (!mayBeFirst(m, topP * sums.back()))
      continue;
    for (int64_t i = 0; i <= m; ++i)
      if (int64_t(ids(row, i)) == id && (mayBeFirst(i, u * sums[m])))
        return true;
  }
  return false;
}
