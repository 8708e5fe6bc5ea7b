// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "frontend/MixerSpecs.h"

#include "support/CheckedMath.h"

#include <cmath>

using namespace jet;

void jet::checkWidth(SpecDiagnostics &diagnostics, const std::string &path,
                     const char *what, int64_t a, int64_t b) {
  std::optional<int64_t> width = checkedMul(a, b);
  if (!width || *width > kMaxDim)
    diagnostics.expected(
        path, std::string(what) + " to be at most " + std::to_string(kMaxDim),
        std::to_string(a) + " * " + std::to_string(b));
}

/// Released configs spell this one as a string.
static double readNormEps(ObjectReader &reader) {
  return reader.number("norm_eps", kMinEps, 1, /*orString=*/true);
}

/// expand_v, a rounded decimal (96 * 2.6666666667 means 256), as d_v.
static int64_t readValueHeadDim(ObjectReader &reader,
                                SpecDiagnostics &diagnostics,
                                int64_t keyHeadDim) {
  double expandV = reader.number("expand_v", 1e-9, 1e9);
  if (diagnostics.failed())
    return 1;
  double exact = static_cast<double>(keyHeadDim) * expandV;
  double rounded = std::round(exact);
  if (rounded < 1 || rounded > static_cast<double>(kMaxDim) ||
      std::abs(exact - rounded) > 1e-5 * rounded) {
    reader.expected("expand_v", "head_dim (" + std::to_string(keyHeadDim) +
                                    ") * expand_v to be an integer from 1 to " +
                                    std::to_string(kMaxDim));
    return 1;
  }
  return static_cast<int64_t>(rounded);
}

/// A switch of the authors' code that has one supported position, which is also
/// what its absence means.
static void expectFlag(ObjectReader &reader, std::string_view key, bool value) {
  if (reader.find(key) && reader.boolean(key) != value)
    reader.expected(key, value ? "true (false is not supported)"
                               : "false (true is not supported)");
}

JetBlockSpec jet::readJetBlock(ObjectReader &reader,
                               SpecDiagnostics &diagnostics) {
  JetBlockSpec jet;
  jet.numHeads = reader.integer("num_heads", 1, kMaxDim);
  jet.keyHeadDim = reader.integer("head_dim", 1, kMaxDim);
  jet.valueHeadDim = readValueHeadDim(reader, diagnostics, jet.keyHeadDim);
  jet.convSize = reader.integer("conv_size", 1, kMaxDim);
  int64_t reduction = reader.integer("dconv_generator_reduction", 1, kMaxDim);
  jet.normEps = readNormEps(reader);
  reader.ignore({"dconv_implementation", "mode"});
  if (diagnostics.failed())
    return jet;

  checkWidth(diagnostics, reader.pathOf("num_heads"), "num_heads * head_dim",
             jet.numHeads, jet.keyHeadDim);
  checkWidth(diagnostics, reader.pathOf("num_heads"),
             "num_heads * head_dim * expand_v", jet.numHeads, jet.valueHeadDim);
  if (diagnostics.failed())
    return jet;
  checkWidth(diagnostics, reader.pathOf("conv_size"),
             "num_heads * head_dim * expand_v * conv_size", jet.valueDim(),
             jet.convSize);
  if (reduction > jet.valueDim())
    reader.expected("dconv_generator_reduction",
                    "at most num_heads * head_dim * expand_v (" +
                        std::to_string(jet.valueDim()) + ")");
  jet.generatorDim = jet.valueDim() / reduction;
  return jet;
}

GatedDeltaNetSpec jet::readGatedDeltaNet(ObjectReader &reader,
                                         SpecDiagnostics &diagnostics) {
  GatedDeltaNetSpec gdn;
  gdn.numKeyHeads = reader.integer("num_heads", 1, kMaxDim);
  gdn.numHeads = reader.optionalInteger("num_v_heads", 1, kMaxDim)
                     .value_or(gdn.numKeyHeads);
  gdn.keyHeadDim = reader.integer("head_dim", 1, kMaxDim);
  gdn.valueHeadDim = readValueHeadDim(reader, diagnostics, gdn.keyHeadDim);
  gdn.convSize = reader.integer("conv_size", 1, kMaxDim);
  gdn.normEps = readNormEps(reader);
  expectFlag(reader, "use_gate", true);
  expectFlag(reader, "use_short_conv", true);
  expectFlag(reader, "conv_bias", false);
  expectFlag(reader, "allow_neg_eigval", false);
  reader.ignore({"mode"});
  if (gdn.numHeads % gdn.numKeyHeads != 0)
    reader.expected("num_v_heads", "a multiple of num_heads (" +
                                       std::to_string(gdn.numKeyHeads) + ")");
  checkWidth(diagnostics, reader.pathOf("num_heads"), "num_heads * head_dim",
             gdn.numKeyHeads, gdn.keyHeadDim);
  checkWidth(diagnostics, reader.pathOf("num_heads"),
             "num_v_heads * head_dim * expand_v", gdn.numHeads,
             gdn.valueHeadDim);
  return gdn;
}

Mamba2Spec jet::readMamba2(ObjectReader &reader, SpecDiagnostics &diagnostics) {
  Mamba2Spec mamba;
  mamba.numHeads = reader.integer("num_heads", 1, kMaxDim);
  mamba.headDim = reader.integer("head_dim", 1, kMaxDim);
  mamba.stateDim = reader.integer("state_size", 1, kMaxDim);
  mamba.numGroups = reader.integer("n_groups", 1, kMaxDim);
  mamba.convSize = reader.integer("conv_kernel", 1, kMaxDim);
  mamba.normEps = readNormEps(reader);
  expectFlag(reader, "use_conv_bias", true);
  expectFlag(reader, "use_bias", false);
  expectFlag(reader, "rms_norm", true);
  expectFlag(reader, "norm_before_gate", false);
  if (reader.find("time_step_limit"))
    reader.expected("time_step_limit", "null (limits are not supported)");
  // How others compute it, and what follows from the sizes.
  reader.ignore({"chunk_size", "expand"});
  if (mamba.numHeads % mamba.numGroups != 0)
    reader.expected("n_groups", "a divisor of num_heads (" +
                                    std::to_string(mamba.numHeads) + ")");
  checkWidth(diagnostics, reader.pathOf("num_heads"), "num_heads * head_dim",
             mamba.numHeads, mamba.headDim);
  checkWidth(diagnostics, reader.pathOf("n_groups"), "n_groups * state_size",
             mamba.numGroups, mamba.stateDim);
  if (!diagnostics.failed() && mamba.projectionDim() > kMaxDim)
    diagnostics.expected(
        reader.pathOf("num_heads"),
        "num_heads * (2 * head_dim + 1) + 2 * n_groups * state_size to be at "
        "most " +
            std::to_string(kMaxDim),
        std::to_string(mamba.projectionDim()));
  return mamba;
}
