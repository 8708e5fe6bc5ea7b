// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Grouped-query attention over a whole sequence:
//   scores[i, j] = rope(q_i) · rope(k_j) / sqrt(head_dim), -inf where masked
//   o_i = Σ_j softmax(scores[i, :])_j v_j
// Visible: j <= i, and with a window also j > i - window.

#include "Model.h"

#include <algorithm>
#include <cmath>
#include <limits>

using namespace jet;
using namespace jet::reference;

namespace {

class Attention final : public Mixer {
public:
  AttentionSpec spec;
  int64_t window = std::numeric_limits<int64_t>::max();
  Rounding kv = Rounding::None;
  Linear qProj, kProj, vProj, oProj;

  Matrix apply(const Matrix &x, Matrix &state) const override;

private:
  void rotate(Matrix &x, int64_t heads) const;
  void attend(const Matrix &q, const Matrix &k, const Matrix &v, int64_t head,
              Matrix &out) const;
};

} // namespace

/// Rotary embedding: the pair (i, i + head_dim/2) turns by position ·
/// frequency.
void Attention::rotate(Matrix &x, int64_t heads) const {
  int64_t half = spec.headDim / 2;
  for (int64_t t = 0; t < x.rows; ++t)
    for (int64_t i = 0; i < half; ++i) {
      double angle = t * std::pow(spec.ropeTheta, -2.0 * i / spec.headDim);
      double cosine = std::cos(angle), sine = std::sin(angle);
      for (int64_t h = 0; h < heads; ++h) {
        double *pair = x.row(t) + h * spec.headDim + i;
        double first = pair[0], second = pair[half];
        pair[0] = first * cosine - second * sine;
        pair[half] = second * cosine + first * sine;
      }
    }
}

void Attention::attend(const Matrix &q, const Matrix &k, const Matrix &v,
                       int64_t head, Matrix &out) const {
  int64_t length = q.rows, dim = spec.headDim;
  int64_t kvHead = head / (spec.numHeads / spec.numKvHeads);
  Matrix weights(length, length);
  for (int64_t i = 0; i < length; ++i) {
    double largest = -std::numeric_limits<double>::infinity();
    for (int64_t j = 0; j < length; ++j) {
      bool visible = j <= i && i - j < window;
      double score = 0;
      for (int64_t d = 0; d < dim; ++d)
        score += q.at(i, head * dim + d) * k.at(j, kvHead * dim + d);
      weights.at(i, j) = visible ? score / std::sqrt(double(dim))
                                 : -std::numeric_limits<double>::infinity();
      largest = std::max(largest, weights.at(i, j));
    }
    double sum = 0;
    for (int64_t j = 0; j < length; ++j)
      sum += weights.at(i, j) = std::exp(weights.at(i, j) - largest);
    for (int64_t j = 0; j < length; ++j)
      for (int64_t d = 0; d < dim; ++d)
        out.at(i, head * dim + d) +=
            weights.at(i, j) / sum * v.at(j, kvHead * dim + d);
  }
}

Matrix Attention::apply(const Matrix &x, Matrix &state) const {
  state = Matrix();
  Matrix q = qProj.apply(x), k = kProj.apply(x), v = vProj.apply(x);
  rotate(q, spec.numHeads);
  rotate(k, spec.numKvHeads);
  for (Matrix *matrix : {&k, &v})
    for (double &value : matrix->data)
      value = roundTo(kv, value);
  Matrix out(x.rows, spec.numHeads * spec.headDim);
  for (int64_t head = 0; head < spec.numHeads; ++head)
    attend(q, k, v, head, out);
  return oProj.apply(out);
}

std::unique_ptr<Mixer> jet::reference::makeAttention(const AttentionSpec &spec,
                                                     int64_t window,
                                                     const Options &options,
                                                     const std::string &prefix,
                                                     WeightReader &weights) {
  auto mixer = std::make_unique<Attention>();
  mixer->spec = spec;
  mixer->window = window;
  mixer->kv = options.kv;
  mixer->qProj = weights.getLinear(prefix + "q_proj", /*hasBias=*/true);
  mixer->kProj = weights.getLinear(prefix + "k_proj", /*hasBias=*/true);
  mixer->vProj = weights.getLinear(prefix + "v_proj", /*hasBias=*/true);
  mixer->oProj = weights.getLinear(prefix + "o_proj");
  return mixer;
}
