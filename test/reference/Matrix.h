// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Dense matrices of doubles and the few operations that a model needs.

#ifndef JET_TEST_REFERENCE_MATRIX_H
#define JET_TEST_REFERENCE_MATRIX_H

#include "Tensors.h"

#include <cstdint>
#include <vector>

namespace jet::reference {

/// Row-major. A value.
struct Matrix {
  int64_t rows = 0, cols = 0;
  std::vector<double> data;

  Matrix() = default;
  Matrix(int64_t rows, int64_t cols)
      : rows(rows), cols(cols), data(rows * cols, 0.0) {}

  double *row(int64_t i) { return data.data() + i * cols; }
  const double *row(int64_t i) const { return data.data() + i * cols; }
  double &at(int64_t i, int64_t j) { return data[i * cols + j]; }
  double at(int64_t i, int64_t j) const { return data[i * cols + j]; }
};

/// y = x Wᵀ + b, x rounded to a type. The weight is kept in panels of kPanel
/// outputs, the output index fastest, so that apply() runs over it in order.
class Linear {
public:
  Linear() = default;
  /// `weight` is [outputs, inputs] row-major; `bias` is empty or [outputs].
  Linear(const std::vector<double> &weight, int64_t outputs, int64_t inputs,
         std::vector<double> bias = {}, Rounding inputType = Rounding::None);

  Matrix apply(const Matrix &input) const;

private:
  static constexpr int64_t kPanel = 8;
  int64_t outputs = 0, inputs = 0;
  std::vector<double> panels, bias;
  Rounding inputType = Rounding::None;
};

/// Each row: w ∘ x / sqrt(mean(x²) + eps).
Matrix rmsNorm(const Matrix &x, const std::vector<double> &weight, double eps);

double sigmoid(double x);
double silu(double x);
/// log(1 + exp(x)), without overflow.
double softplus(double x);
void siluInPlace(Matrix &x);
void addInPlace(Matrix &x, const Matrix &y);
void multiplyInPlace(Matrix &x, const Matrix &y);

} // namespace jet::reference

#endif // JET_TEST_REFERENCE_MATRIX_H
