// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Gated DeltaNet over a whole sequence: short convolutions, then the gated
// delta rule.

#include "DeltaMixer.h"

using namespace jet;
using namespace jet::reference;

namespace {

class GatedDeltaNet final : public DeltaMixer {
public:
  GatedDeltaNet(const GatedDeltaNetSpec &spec, const Options &options,
                const std::string &prefix, WeightReader &weights) {
    heads = spec.numHeads;
    keyHeads = spec.numKeyHeads;
    keys = spec.keyHeadDim;
    values = spec.valueHeadDim;
    normEps = spec.normEps;
    read(options, prefix, weights);
    qConv = weights.get(prefix + "q_conv1d.weight");
    kConv = weights.get(prefix + "k_conv1d.weight");
    vConv = weights.get(prefix + "v_conv1d.weight");
  }

  Matrix apply(const Matrix &x, Matrix &state) const override {
    Matrix q = shortConvolution(qProj.apply(x), qConv, tail);
    Matrix k = shortConvolution(kProj.apply(x), kConv, tail);
    Matrix v = shortConvolution(vProj.apply(x), vConv, tail);
    for (Matrix *matrix : {&q, &k, &v})
      siluInPlace(*matrix);
    return mix(x, q, k, v, state);
  }

private:
  std::vector<double> qConv, kConv, vConv;
};

} // namespace

std::unique_ptr<Mixer> jet::reference::makeGatedDeltaNet(
    const GatedDeltaNetSpec &spec, const Options &options,
    const std::string &prefix, WeightReader &weights) {
  return std::make_unique<GatedDeltaNet>(spec, options, prefix, weights);
}
