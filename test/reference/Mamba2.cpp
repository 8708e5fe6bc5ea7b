// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Mamba2 over a whole sequence, as its authors' code has it: all of in_proj at
// once, one convolution over x, B and C, the state space in its dual form (a
// masked product of C and B), the norm behind the gate.

#include "LinearMixer.h"
#include "Model.h"

#include <algorithm>
#include <cmath>

using namespace jet;
using namespace jet::reference;

namespace {

class Mamba2 final : public Mixer {
public:
  Mamba2Spec spec;
  int64_t chunk = 16;
  Rounding tail = Rounding::None, rounding = Rounding::None;
  std::vector<double> aLog, dtBias, skip, norm, convWeight, convBias;
  Linear inProj, outProj;

  Matrix apply(const Matrix &x, Matrix &state) const override;
  std::vector<int64_t> stateShape() const override {
    return {spec.numHeads, spec.stateDim, spec.headDim};
  }

private:
  Matrix scan(const Matrix &xbc, const Matrix &dt, Matrix &state) const;
};

} // namespace

/// o_t = Hᵀ C_t + D x_t, all heads side by side.
Matrix Mamba2::scan(const Matrix &xbc, const Matrix &dt, Matrix &state) const {
  int64_t size = spec.headDim, n = spec.stateDim;
  Matrix out(xbc.rows, spec.innerDim());
  state = Matrix(spec.numHeads * n, size);
  for (int64_t head = 0; head < spec.numHeads; ++head) {
    int64_t group = head / (spec.numHeads / spec.numGroups);
    int64_t firstB = spec.innerDim() + group * n;
    HeadInputs in{slice(xbc, firstB + spec.groupsDim(), n),
                  slice(xbc, firstB, n),
                  slice(xbc, head * size, size),
                  {},
                  {}};
    for (int64_t t = 0; t < xbc.rows; ++t) {
      double step = softplus(dt.at(t, head) + dtBias[head]);
      in.logDecay.push_back(-std::exp(aLog[head]) * step);
      in.beta.push_back(step);
    }
    Matrix last;
    Matrix rows = additiveRule(in, chunk, rounding, last);
    for (int64_t t = 0; t < xbc.rows; ++t)
      for (int64_t d = 0; d < size; ++d)
        out.at(t, head * size + d) = rows.at(t, d) + skip[head] * in.v.at(t, d);
    std::copy(last.data.begin(), last.data.end(), state.row(head * n));
  }
  return out;
}

Matrix Mamba2::apply(const Matrix &x, Matrix &state) const {
  Matrix all = inProj.apply(x);
  int64_t inner = spec.innerDim(), channels = spec.convDim();
  Matrix z = slice(all, 0, inner), xbc = slice(all, inner, channels);
  Matrix dt = slice(all, inner + channels, spec.numHeads);
  xbc = shortConvolution(std::move(xbc), convWeight, tail);
  for (int64_t t = 0; t < xbc.rows; ++t)
    for (int64_t c = 0; c < channels; ++c)
      xbc.at(t, c) = silu(xbc.at(t, c) + convBias[c]);

  Matrix out = scan(xbc, dt, state);
  siluInPlace(z);
  multiplyInPlace(out, z);
  int64_t columns = inner / spec.numGroups;
  for (int64_t group = 0; group < spec.numGroups; ++group) {
    auto first = norm.begin() + group * columns;
    Matrix part =
        rmsNorm(slice(out, group * columns, columns),
                std::vector<double>(first, first + columns), spec.normEps);
    for (int64_t t = 0; t < out.rows; ++t)
      std::copy_n(part.row(t), columns, out.row(t) + group * columns);
  }
  return outProj.apply(out);
}

std::unique_ptr<Mixer> jet::reference::makeMamba2(const Mamba2Spec &spec,
                                                  const Options &options,
                                                  const std::string &prefix,
                                                  WeightReader &weights) {
  auto mixer = std::make_unique<Mamba2>();
  mixer->spec = spec;
  mixer->chunk = options.chunk;
  mixer->tail = options.tail;
  mixer->rounding = options.state;
  mixer->aLog = weights.get(prefix + "A_log");
  mixer->dtBias = weights.get(prefix + "dt_bias");
  mixer->skip = weights.get(prefix + "D");
  mixer->norm = weights.get(prefix + "norm.weight");
  mixer->convWeight = weights.get(prefix + "conv1d.weight");
  mixer->convBias = weights.get(prefix + "conv1d.bias");
  mixer->inProj = weights.getLinear(prefix + "in_proj");
  mixer->outProj = weights.getLinear(prefix + "out_proj");
  return mixer;
}
