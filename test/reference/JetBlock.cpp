// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// JetBlock over a whole sequence: dynamic convolution, then the gated delta
// rule in its chunked (WY) form. For a chunk of C rows that begins with the
// state S, with γ_i = exp(g_1 + … + g_i) and D_ij = γ_i / γ_j for i >= j:
//   A = tril(diag(β) K̂K̂ᵀ ∘ D, -1)
//   (I + A) W = β γ K̂          (I + A) U = β V
//   N = U - W S                 what each row writes under its key
//   O = γ Q̂ S + tril(Q̂K̂ᵀ ∘ D) N
//   S ← γ_C S + Σ_i (γ_C / γ_i) k̂_i ⊗ n_i

#include "Model.h"

#include <algorithm>
#include <cmath>

using namespace jet;
using namespace jet::reference;

namespace {

/// One head's inputs: q̂ and k̂ [T, d_k], v [T, d_v], log decay and β [T].
struct HeadInputs {
  Matrix q, k, v;
  std::vector<double> logDecay, beta;
};

class JetBlock final : public Mixer {
public:
  JetBlockSpec spec;
  int64_t chunk = 16;
  Rounding tail = Rounding::None, rounding = Rounding::None;
  std::vector<double> aLog, dtBias, oNorm;
  Linear qProj, kProj, vProj, gProj, aProj, bProj, oProj, w1, w2;

  Matrix apply(const Matrix &x, Matrix &state) const override;

private:
  Matrix convolve(const Matrix &x) const;
  Matrix deltaRule(const HeadInputs &in, Matrix &state) const;
  void deltaRuleChunk(const HeadInputs &in, int64_t begin, int64_t end,
                      Matrix &state, Matrix &out) const;
};

} // namespace

/// v_t[d] = silu(Σ_j K_t[d, j] u_{t-W+1+j}[d]); u is 0 before the sequence.
Matrix JetBlock::convolve(const Matrix &x) const {
  Matrix u = vProj.apply(x);
  for (double &value : u.data)
    value = roundTo(tail, value);
  Matrix hidden = w1.apply(x);
  siluInPlace(hidden);
  Matrix taps = w2.apply(hidden);

  int64_t width = spec.convSize;
  Matrix v(x.rows, spec.valueDim());
  for (int64_t t = 0; t < x.rows; ++t)
    for (int64_t d = 0; d < v.cols; ++d) {
      double sum = 0;
      for (int64_t j = 0; j < width; ++j)
        if (int64_t source = t - width + 1 + j; source >= 0)
          sum += taps.at(t, d * width + j) * u.at(source, d);
      v.at(t, d) = silu(sum);
    }
  return v;
}

static double dot(const double *a, const double *b, int64_t count) {
  double sum = 0;
  for (int64_t i = 0; i < count; ++i)
    sum += a[i] * b[i];
  return sum;
}

void JetBlock::deltaRuleChunk(const HeadInputs &in, int64_t begin, int64_t end,
                              Matrix &state, Matrix &out) const {
  int64_t rows = end - begin, keys = spec.keyHeadDim,
          values = spec.valueHeadDim;
  std::vector<double> sums(rows); // log γ
  for (int64_t i = 0; i < rows; ++i)
    sums[i] = in.logDecay[begin + i] + (i > 0 ? sums[i - 1] : 0);

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

Matrix JetBlock::deltaRule(const HeadInputs &in, Matrix &state) const {
  Matrix out(in.v.rows, spec.valueHeadDim);
  state = Matrix(spec.keyHeadDim, spec.valueHeadDim);
  for (int64_t begin = 0; begin < in.v.rows; begin += chunk) {
    deltaRuleChunk(in, begin, std::min(begin + chunk, in.v.rows), state, out);
    for (double &value : state.data)
      value = roundTo(rounding, value);
  }
  return out;
}

/// Columns [begin, begin + count) of `x`.
static Matrix slice(const Matrix &x, int64_t begin, int64_t count) {
  Matrix y(x.rows, count);
  for (int64_t r = 0; r < x.rows; ++r)
    std::copy_n(x.row(r) + begin, count, y.row(r));
  return y;
}

/// Each row x / sqrt(Σx² + 1e-6), times `scale`.
static void normalize(Matrix &x, double scale) {
  for (int64_t r = 0; r < x.rows; ++r) {
    double norm = std::sqrt(dot(x.row(r), x.row(r), x.cols) + 1e-6);
    for (int64_t c = 0; c < x.cols; ++c)
      x.at(r, c) *= scale / norm;
  }
}

Matrix JetBlock::apply(const Matrix &x, Matrix &state) const {
  int64_t length = x.rows, keys = spec.keyHeadDim, values = spec.valueHeadDim;
  Matrix q = qProj.apply(x), k = kProj.apply(x), v = convolve(x);
  siluInPlace(q);
  siluInPlace(k);
  Matrix a = aProj.apply(x), b = bProj.apply(x), gate = gProj.apply(x);
  siluInPlace(gate);

  Matrix out(length, spec.valueDim());
  state = Matrix(spec.numHeads * keys, values);
  for (int64_t head = 0; head < spec.numHeads; ++head) {
    HeadInputs in{slice(q, head * keys, keys),
                  slice(k, head * keys, keys),
                  slice(v, head * values, values),
                  {},
                  {}};
    normalize(in.q, 1 / std::sqrt(double(keys)));
    normalize(in.k, 1);
    for (int64_t t = 0; t < length; ++t) {
      in.logDecay.push_back(-std::exp(aLog[head]) *
                            softplus(a.at(t, head) + dtBias[head]));
      in.beta.push_back(sigmoid(b.at(t, head)));
    }
    Matrix headState;
    Matrix rows = rmsNorm(deltaRule(in, headState), oNorm, spec.normEps);
    for (int64_t t = 0; t < length; ++t)
      std::copy_n(rows.row(t), values, out.row(t) + head * values);
    std::copy(headState.data.begin(), headState.data.end(),
              state.row(head * keys));
  }
  multiplyInPlace(out, gate);
  return oProj.apply(out);
}

std::unique_ptr<Mixer> jet::reference::makeJetBlock(const JetBlockSpec &spec,
                                                    const Options &options,
                                                    const std::string &prefix,
                                                    WeightReader &weights) {
  auto mixer = std::make_unique<JetBlock>();
  mixer->spec = spec;
  mixer->chunk = options.chunk;
  mixer->tail = options.tail;
  mixer->rounding = options.state;
  mixer->aLog = weights.get(prefix + "A_log");
  mixer->dtBias = weights.get(prefix + "dt_bias");
  mixer->oNorm = weights.get(prefix + "o_norm.weight");
  mixer->qProj = weights.getLinear(prefix + "q_proj");
  mixer->kProj = weights.getLinear(prefix + "k_proj");
  mixer->vProj = weights.getLinear(prefix + "v_proj");
  mixer->gProj = weights.getLinear(prefix + "g_proj");
  mixer->aProj = weights.getLinear(prefix + "a_proj");
  mixer->bProj = weights.getLinear(prefix + "b_proj");
  mixer->oProj = weights.getLinear(prefix + "o_proj");
  std::string generator = prefix + "dynamic_conv1d.kernel_generator.";
  mixer->w1 = weights.getLinear(generator + "w1");
  mixer->w2 = weights.getLinear(generator + "w2", /*hasBias=*/true);
  return mixer;
}
