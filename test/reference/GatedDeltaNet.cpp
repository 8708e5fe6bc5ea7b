// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Gated DeltaNet over a whole sequence: short convolutions, then the gated
// delta rule.

#include "LinearMixer.h"
#include "Model.h"

#include <algorithm>
#include <cmath>

using namespace jet;
using namespace jet::reference;

namespace {

class GatedDeltaNet final : public Mixer {
public:
  GatedDeltaNetSpec spec;
  int64_t chunk = 16;
  Rounding tail = Rounding::None, rounding = Rounding::None;
  std::vector<double> aLog, dtBias, oNorm, qConv, kConv, vConv;
  Linear qProj, kProj, vProj, gProj, aProj, bProj, oProj;

  Matrix apply(const Matrix &x, Matrix &state) const override;
  std::vector<int64_t> stateShape() const override {
    return {spec.numHeads, spec.keyHeadDim, spec.valueHeadDim};
  }
};

} // namespace

Matrix GatedDeltaNet::apply(const Matrix &x, Matrix &state) const {
  int64_t keys = spec.keyHeadDim, values = spec.valueHeadDim;
  Matrix q = shortConvolution(qProj.apply(x), qConv, tail);
  Matrix k = shortConvolution(kProj.apply(x), kConv, tail);
  Matrix v = shortConvolution(vProj.apply(x), vConv, tail);
  Matrix a = aProj.apply(x), b = bProj.apply(x), gate = gProj.apply(x);
  for (Matrix *matrix : {&q, &k, &v, &gate})
    siluInPlace(*matrix);

  Matrix out(x.rows, spec.valueDim());
  state = Matrix(spec.numHeads * keys, values);
  for (int64_t head = 0; head < spec.numHeads; ++head) {
    int64_t keyHead = head * spec.numKeyHeads / spec.numHeads;
    HeadInputs in{slice(q, keyHead * keys, keys),
                  slice(k, keyHead * keys, keys),
                  slice(v, head * values, values),
                  {},
                  {}};
    normalize(in.q, 1 / std::sqrt(double(keys)));
    normalize(in.k, 1);
    for (int64_t t = 0; t < x.rows; ++t) {
      in.logDecay.push_back(-std::exp(aLog[head]) *
                            softplus(a.at(t, head) + dtBias[head]));
      in.beta.push_back(sigmoid(b.at(t, head)));
    }
    Matrix last;
    Matrix rows =
        rmsNorm(deltaRule(in, chunk, rounding, last), oNorm, spec.normEps);
    for (int64_t t = 0; t < x.rows; ++t)
      std::copy_n(rows.row(t), values, out.row(t) + head * values);
    std::copy(last.data.begin(), last.data.end(), state.row(head * keys));
  }
  multiplyInPlace(out, gate);
  return oProj.apply(out);
}

std::unique_ptr<Mixer> jet::reference::makeGatedDeltaNet(
    const GatedDeltaNetSpec &spec, const Options &options,
    const std::string &prefix, WeightReader &weights) {
  auto mixer = std::make_unique<GatedDeltaNet>();
  mixer->spec = spec;
  mixer->chunk = options.chunk;
  mixer->tail = options.tail;
  mixer->rounding = options.state;
  mixer->aLog = weights.get(prefix + "A_log");
  mixer->dtBias = weights.get(prefix + "dt_bias");
  mixer->oNorm = weights.get(prefix + "o_norm.weight");
  mixer->qConv = weights.get(prefix + "q_conv1d.weight");
  mixer->kConv = weights.get(prefix + "k_conv1d.weight");
  mixer->vConv = weights.get(prefix + "v_conv1d.weight");
  mixer->qProj = weights.getLinear(prefix + "q_proj");
  mixer->kProj = weights.getLinear(prefix + "k_proj");
  mixer->vProj = weights.getLinear(prefix + "v_proj");
  mixer->gProj = weights.getLinear(prefix + "g_proj");
  mixer->aProj = weights.getLinear(prefix + "a_proj");
  mixer->bProj = weights.getLinear(prefix + "b_proj");
  mixer->oProj = weights.getLinear(prefix + "o_proj");
  return mixer;
}
