// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// JetBlock over a whole sequence: dynamic convolution, then the gated delta
// rule.

#include "LinearMixer.h"
#include "Model.h"

#include <algorithm>
#include <cmath>

using namespace jet;
using namespace jet::reference;

namespace {

class JetBlock final : public Mixer {
public:
  JetBlockSpec spec;
  int64_t chunk = 16;
  Rounding tail = Rounding::None, rounding = Rounding::None;
  std::vector<double> aLog, dtBias, oNorm;
  Linear qProj, kProj, vProj, gProj, aProj, bProj, oProj, w1, w2;

  Matrix apply(const Matrix &x, Matrix &state) const override;
  std::vector<int64_t> stateShape() const override {
    return {spec.numHeads, spec.keyHeadDim, spec.valueHeadDim};
  }

private:
  Matrix convolve(const Matrix &x) const;
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
    Matrix rows =
        rmsNorm(deltaRule(in, chunk, rounding, headState), oNorm, spec.normEps);
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
