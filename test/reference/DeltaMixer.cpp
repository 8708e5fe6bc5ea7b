// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "DeltaMixer.h"

#include <algorithm>
#include <cmath>

using namespace jet;
using namespace jet::reference;

void DeltaMixer::read(const Options &options, const std::string &prefix,
                      WeightReader &weights) {
  chunk = options.chunk;
  tail = options.tail;
  rounding = options.state;
  aLog = weights.get(prefix + "A_log");
  dtBias = weights.get(prefix + "dt_bias");
  oNorm = weights.get(prefix + "o_norm.weight");
  qProj = weights.getLinear(prefix + "q_proj");
  kProj = weights.getLinear(prefix + "k_proj");
  vProj = weights.getLinear(prefix + "v_proj");
  gProj = weights.getLinear(prefix + "g_proj");
  aProj = weights.getLinear(prefix + "a_proj");
  bProj = weights.getLinear(prefix + "b_proj");
  oProj = weights.getLinear(prefix + "o_proj");
}

Matrix DeltaMixer::mix(const Matrix &x, const Matrix &q, const Matrix &k,
                       const Matrix &v, Matrix &state) const {
  Matrix a = aProj.apply(x), b = bProj.apply(x), gate = gProj.apply(x);
  siluInPlace(gate);
  Matrix out(x.rows, heads * values);
  state = Matrix(heads * keys, values);
  for (int64_t head = 0; head < heads; ++head) {
    int64_t keyHead = head * keyHeads / heads;
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
    Matrix rows = rmsNorm(deltaRule(in, chunk, rounding, last), oNorm, normEps);
    for (int64_t t = 0; t < x.rows; ++t)
      std::copy_n(rows.row(t), values, out.row(t) + head * values);
    std::copy(last.data.begin(), last.data.end(), state.row(head * keys));
  }
  multiplyInPlace(out, gate);
  return oProj.apply(out);
}
