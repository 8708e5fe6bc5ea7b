// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What the linear mixers share: columns, unit lengths, the short convolution,
// and the gated delta rule in its chunked (WY) form. For a chunk of C rows that
// begins with the state S, with γ_i = exp(g_1 + … + g_i) and D_ij = γ_i / γ_j
// for i >= j:
//   A = tril(diag(β) K̂K̂ᵀ ∘ D, -1)
//   (I + A) W = β γ K̂          (I + A) U = β V
//   N = U - W S                 what each row writes under its key
//   O = γ Q̂ S + tril(Q̂K̂ᵀ ∘ D) N
//   S ← γ_C S + Σ_i (γ_C / γ_i) k̂_i ⊗ n_i
// Without the correction, A is 0 and N = β V: the dual form of a state space.

#ifndef JET_TEST_REFERENCE_LINEARMIXER_H
#define JET_TEST_REFERENCE_LINEARMIXER_H

#include "Matrix.h"

namespace jet::reference {

/// One head's inputs: q and k [T, d_k], v [T, d_v], log decay and β [T].
struct HeadInputs {
  Matrix q, k, v;
  std::vector<double> logDecay, beta;
};

/// The outputs [T, d_v]; `state` receives S [d_k, d_v] after the last row. S is
/// rounded after each chunk.
Matrix deltaRule(const HeadInputs &in, int64_t chunk, Rounding rounding,
                 Matrix &state);
/// The same with n_i = β_i v_i.
Matrix additiveRule(const HeadInputs &in, int64_t chunk, Rounding rounding,
                    Matrix &state);

/// y_t[c] = Σ_{j<W} taps[c·W + j] u_{t-W+1+j}[c], u rounded to `input` and 0
/// before the sequence.
Matrix shortConvolution(Matrix u, const std::vector<double> &taps,
                        Rounding input);

/// Columns [begin, begin + count) of `x`.
Matrix slice(const Matrix &x, int64_t begin, int64_t count);
/// Each row x / sqrt(Σx² + 1e-6), times `scale`.
void normalize(Matrix &x, double scale);

} // namespace jet::reference

#endif // JET_TEST_REFERENCE_LINEARMIXER_H
