// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "LinearMixer.h"

#include <algorithm>
#include <cmath>

using namespace jet;
using namespace jet::reference;

static double dot(const double *a, const double *b, int64_t count) {
  double sum = 0;
  for (int64_t i = 0; i < count; ++i)
    sum += a[i] * b[i];
  return sum;
}

/// What each row of the chunk from `begin` writes under its key, given `sums` =
/// log γ.
static Matrix correctedValues(const HeadInputs &in, int64_t begin,
                              const std::vector<double> &sums,
                              const Matrix &state) {
  int64_t rows = static_cast<int64_t>(sums.size()), keys = in.k.cols,
          values = in.v.cols;
  // Forward substitution solves both systems, one row after the other.
  Matrix w(rows, keys), u(rows, values);
  for (int64_t i = 0; i < rows; ++i) {
    double beta = in.beta[begin + i];
    for (int64_t c = 0; c < keys; ++c)
      w.at(i, c) = beta * std::exp(sums[i]) * in.k.at(begin + i, c);
    for (int64_t c = 0; c < values; ++c)
      u.at(i, c) = beta * in.v.at(begin + i, c);
    for (int64_t j = 0; j < i; ++j) {
      double a = beta * dot(in.k.row(begin + i), in.k.row(begin + j), keys) *
                 std::exp(sums[i] - sums[j]);
      for (int64_t c = 0; c < keys; ++c)
        w.at(i, c) -= a * w.at(j, c);
      for (int64_t c = 0; c < values; ++c)
        u.at(i, c) -= a * u.at(j, c);
    }
  }

  Matrix news = u;
  for (int64_t i = 0; i < rows; ++i)
    for (int64_t r = 0; r < keys; ++r)
      for (int64_t c = 0; c < values; ++c)
        news.at(i, c) -= w.at(i, r) * state.at(r, c);
  return news;
}

static Matrix plainValues(const HeadInputs &in, int64_t begin,
                          const std::vector<double> &sums, const Matrix &) {
  Matrix news(static_cast<int64_t>(sums.size()), in.v.cols);
  for (int64_t i = 0; i < news.rows; ++i)
    for (int64_t c = 0; c < news.cols; ++c)
      news.at(i, c) = in.beta[begin + i] * in.v.at(begin + i, c);
  return news;
}

using WrittenValues = decltype(correctedValues);

/// Rows [begin, end) into `out`.
static void runChunk(const HeadInputs &in, int64_t begin, int64_t end,
                     WrittenValues &written, Matrix &state, Matrix &out) {
  int64_t rows = end - begin, keys = in.k.cols, values = in.v.cols;
  std::vector<double> sums(rows); // log γ
  for (int64_t i = 0; i < rows; ++i)
    sums[i] = in.logDecay[begin + i] + (i > 0 ? sums[i - 1] : 0);
  Matrix news = written(in, begin, sums, state);

  for (int64_t i = 0; i < rows; ++i) {
    const double *query = in.q.row(begin + i);
    for (int64_t r = 0; r < keys; ++r)
      for (int64_t c = 0; c < values; ++c)
        out.at(begin + i, c) += std::exp(sums[i]) * query[r] * state.at(r, c);
    for (int64_t j = 0; j <= i; ++j) {
      double score =
          dot(query, in.k.row(begin + j), keys) * std::exp(sums[i] - sums[j]);
      for (int64_t c = 0; c < values; ++c)
        out.at(begin + i, c) += score * news.at(j, c);
    }
  }

  double last = sums.back();
  for (double &value : state.data)
    value *= std::exp(last);
  for (int64_t i = 0; i < rows; ++i)
    for (int64_t r = 0; r < keys; ++r)
      for (int64_t c = 0; c < values; ++c)
        state.at(r, c) +=
            std::exp(last - sums[i]) * in.k.at(begin + i, r) * news.at(i, c);
}

static Matrix runRule(const HeadInputs &in, int64_t chunk, Rounding rounding,
                      WrittenValues &written, Matrix &state) {
  Matrix out(in.v.rows, in.v.cols);
  state = Matrix(in.k.cols, in.v.cols);
  for (int64_t begin = 0; begin < in.v.rows; begin += chunk) {
    runChunk(in, begin, std::min(begin + chunk, in.v.rows), written, state,
             out);
    for (double &value : state.data)
      value = roundTo(rounding, value);
  }
  return out;
}

Matrix jet::reference::deltaRule(const HeadInputs &in, int64_t chunk,
                                 Rounding rounding, Matrix &state) {
  return runRule(in, chunk, rounding, correctedValues, state);
}

Matrix jet::reference::additiveRule(const HeadInputs &in, int64_t chunk,
                                    Rounding rounding, Matrix &state) {
  return runRule(in, chunk, rounding, plainValues, state);
}

Matrix jet::reference::shortConvolution(Matrix u,
                                        const std::vector<double> &taps,
                                        Rounding input) {
  for (double &value : u.data)
    value = roundTo(input, value);
  int64_t width = static_cast<int64_t>(taps.size()) / u.cols;
  Matrix y(u.rows, u.cols);
  for (int64_t t = 0; t < u.rows; ++t)
    for (int64_t j = std::max<int64_t>(0, width - 1 - t); j < width; ++j)
      for (int64_t c = 0; c < u.cols; ++c)
        y.at(t, c) += taps[c * width + j] * u.at(t - width + 1 + j, c);
  return y;
}

Matrix jet::reference::slice(const Matrix &x, int64_t begin, int64_t count) {
  Matrix y(x.rows, count);
  for (int64_t r = 0; r < x.rows; ++r)
    std::copy_n(x.row(r) + begin, count, y.row(r));
  return y;
}

void jet::reference::normalize(Matrix &x, double scale) {
  for (int64_t r = 0; r < x.rows; ++r) {
    double norm = std::sqrt(dot(x.row(r), x.row(r), x.cols) + 1e-6);
    for (int64_t c = 0; c < x.cols; ++c)
      x.at(r, c) *= scale / norm;
  }
}
