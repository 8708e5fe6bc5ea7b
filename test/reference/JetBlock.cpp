// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// JetBlock over a whole sequence: dynamic convolution, then the gated delta
// rule.

#include "DeltaMixer.h"

using namespace jet;
using namespace jet::reference;

namespace {

class JetBlock final : public DeltaMixer {
public:
  JetBlock(const JetBlockSpec &spec, const Options &options,
           const std::string &prefix, WeightReader &weights);

  Matrix apply(const Matrix &x, Matrix &state) const override;

private:
  Matrix convolve(const Matrix &x) const;

  int64_t width; // taps
  Linear w1, w2;
};

} // namespace

JetBlock::JetBlock(const JetBlockSpec &spec, const Options &options,
                   const std::string &prefix, WeightReader &weights)
    : width(spec.convSize) {
  heads = keyHeads = spec.numHeads;
  keys = spec.keyHeadDim;
  values = spec.valueHeadDim;
  normEps = spec.normEps;
  read(options, prefix, weights);
  std::string generator = prefix + "dynamic_conv1d.kernel_generator.";
  w1 = weights.getLinear(generator + "w1");
  w2 = weights.getLinear(generator + "w2", /*hasBias=*/true);
}

/// v_t[d] = silu(Σ_j K_t[d, j] u_{t-W+1+j}[d]); u is 0 before the sequence.
Matrix JetBlock::convolve(const Matrix &x) const {
  Matrix u = vProj.apply(x);
  for (double &value : u.data)
    value = roundTo(tail, value);
  Matrix hidden = w1.apply(x);
  siluInPlace(hidden);
  Matrix taps = w2.apply(hidden);

  Matrix v(x.rows, heads * values);
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
  Matrix q = qProj.apply(x), k = kProj.apply(x);
  siluInPlace(q);
  siluInPlace(k);
  return mix(x, q, k, convolve(x), state);
}

std::unique_ptr<Mixer> jet::reference::makeJetBlock(const JetBlockSpec &spec,
                                                    const Options &options,
                                                    const std::string &prefix,
                                                    WeightReader &weights) {
  return std::make_unique<JetBlock>(spec, options, prefix, weights);
}
