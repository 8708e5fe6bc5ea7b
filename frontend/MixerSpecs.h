// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The members of efficient_attention_config that describe linear mixers, one
// function each. Private to frontend/.

#ifndef JET_FRONTEND_MIXERSPECS_H
#define JET_FRONTEND_MIXERSPECS_H

#include "frontend/ObjectReader.h"
#include "frontend/Spec.h"

namespace jet {

/// Every dimension of every tensor fits an int32_t, so products of two fit an
/// int64_t; longer products are checked.
inline constexpr int64_t kMaxDim = INT32_MAX;
/// An epsilon must not become zero in fp32.
inline constexpr double kMinEps = 1e-30;

/// Reports a product of two sizes that is no valid dimension.
void checkWidth(SpecDiagnostics &diagnostics, const std::string &path,
                const char *what, int64_t a, int64_t b);

// Read all members that count or are known not to. What they return is to be
// used only if `diagnostics` has no error.
JetBlockSpec readJetBlock(ObjectReader &reader, SpecDiagnostics &diagnostics);
GatedDeltaNetSpec readGatedDeltaNet(ObjectReader &reader,
                                    SpecDiagnostics &diagnostics);
Mamba2Spec readMamba2(ObjectReader &reader, SpecDiagnostics &diagnostics);

} // namespace jet

#endif // JET_FRONTEND_MIXERSPECS_H
