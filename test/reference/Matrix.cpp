// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// See Matrix.h.

#include "Matrix.h"

#include <algorithm>
#include <cmath>

using namespace jet::reference;

Linear::Linear(const std::vector<double> &weight, int64_t outputs,
               int64_t inputs, std::vector<double> bias, Rounding inputType)
    : outputs(outputs), inputs(inputs), bias(std::move(bias)),
      inputType(inputType) {
  int64_t count = (outputs + kPanel - 1) / kPanel;
  panels.assign(count * inputs * kPanel, 0.0);
  for (int64_t o = 0; o < outputs; ++o)
    for (int64_t i = 0; i < inputs; ++i)
      panels[(o / kPanel * inputs + i) * kPanel + o % kPanel] =
          weight[o * inputs + i];
}

/// sums[r][o] = Σ_i x[r][i] panel[i][o] for four rows of x.
/// Compiled for wider vectors too: this loop is all of the reference's time.
[[gnu::target_clones("default", "arch=x86-64-v3", "arch=x86-64-v4")]]
static void multiplyPanel(const double *const rows[4], const double *panel,
                          int64_t inputs, double sums[4][8]) {
  double acc[4][8] = {};
  for (int64_t i = 0; i < inputs; ++i)
    for (int r = 0; r < 4; ++r)
      for (int o = 0; o < 8; ++o)
        acc[r][o] += rows[r][i] * panel[i * 8 + o];
  for (int r = 0; r < 4; ++r)
    for (int o = 0; o < 8; ++o)
      sums[r][o] = acc[r][o];
}

Matrix Linear::apply(const Matrix &input) const {
  Matrix x = input, y(x.rows, outputs);
  for (double &value : x.data)
    value = roundTo(inputType, value);
  for (int64_t o = 0; o < outputs; o += kPanel) {
    for (int64_t r = 0; r < x.rows; r += 4) {
      // Past the last row the last row again; its sums are not used.
      const double *rows[4];
      for (int64_t k = 0; k < 4; ++k)
        rows[k] = x.row(std::min(r + k, x.rows - 1));
      double sums[4][kPanel];
      multiplyPanel(rows, &panels[o * inputs], inputs, sums);
      for (int64_t k = 0; k < std::min<int64_t>(4, x.rows - r); ++k)
        for (int64_t j = 0; j < std::min(kPanel, outputs - o); ++j)
          y.at(r + k, o + j) = sums[k][j] + (bias.empty() ? 0.0 : bias[o + j]);
    }
  }
  return y;
}

Matrix jet::reference::rmsNorm(const Matrix &x,
                               const std::vector<double> &weight, double eps) {
  Matrix y(x.rows, x.cols);
  for (int64_t r = 0; r < x.rows; ++r) {
    double squares = 0;
    for (int64_t c = 0; c < x.cols; ++c)
      squares += x.at(r, c) * x.at(r, c);
    double scale = 1 / std::sqrt(squares / x.cols + eps);
    for (int64_t c = 0; c < x.cols; ++c)
      y.at(r, c) = weight[c] * x.at(r, c) * scale;
  }
  return y;
}

double jet::reference::sigmoid(double x) { return 1 / (1 + std::exp(-x)); }

double jet::reference::silu(double x) { return x * sigmoid(x); }

double jet::reference::softplus(double x) {
  return std::max(x, 0.0) + std::log1p(std::exp(-std::abs(x)));
}

void jet::reference::siluInPlace(Matrix &x) {
  for (double &value : x.data)
    value = silu(value);
}

void jet::reference::addInPlace(Matrix &x, const Matrix &y) {
  for (size_t i = 0; i < x.data.size(); ++i)
    x.data[i] += y.data[i];
}

void jet::reference::multiplyInPlace(Matrix &x, const Matrix &y) {
  for (size_t i = 0; i < x.data.size(); ++i)
    x.data[i] *= y.data[i];
}
