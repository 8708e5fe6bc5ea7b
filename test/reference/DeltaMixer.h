// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What mixers with the gated delta rule share: all but how q, k and v are made.

#ifndef JET_TEST_REFERENCE_DELTAMIXER_H
#define JET_TEST_REFERENCE_DELTAMIXER_H

#include "LinearMixer.h"
#include "Model.h"

namespace jet::reference {

class DeltaMixer : public Mixer {
public:
  std::vector<int64_t> stateShape() const override {
    return {heads, keys, values};
  }

protected:
  /// Heads of q and k, each for heads / keyHeads of the state's.
  int64_t heads = 0, keyHeads = 0, keys = 0, values = 0;
  double normEps = 0;
  Rounding tail = Rounding::None;
  Linear qProj, kProj, vProj;

  /// Reads the weights but those of convolutions; sizes are set before.
  void read(const Options &options, const std::string &prefix,
            WeightReader &weights);
  /// o_proj(rms_norm(rule(q, k, v)) · silu(gate)), q, k [T, keyHeads·d_k] and
  /// v [T, heads·d_v] with their activation, the rest from `x`.
  Matrix mix(const Matrix &x, const Matrix &q, const Matrix &k, const Matrix &v,
             Matrix &state) const;

private:
  int64_t chunk = 16;
  Rounding rounding = Rounding::None;
  std::vector<double> aLog, dtBias, oNorm;
  Linear gProj, aProj, bProj, oProj;
};

} // namespace jet::reference

#endif // JET_TEST_REFERENCE_DELTAMIXER_H
