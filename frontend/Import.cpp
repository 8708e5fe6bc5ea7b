// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "frontend/Import.h"
#include "dialects/jet/Jet.h"

using namespace mlir;
using namespace jet;

namespace {

/// Builds the attribute of one of a layer's candidates.
MixerAttrInterface importMixer(Builder &builder, const ModelSpec &spec,
                               MixerKind kind) {
  MLIRContext *context = builder.getContext();
  switch (kind) {
  case MixerKind::JetBlock: {
    const JetBlockSpec &jet = *spec.jetBlock;
    return JetBlockAttr::get(context, jet.numHeads, jet.keyHeadDim,
                             jet.valueHeadDim, jet.convSize, jet.generatorDim,
                             builder.getF64FloatAttr(jet.normEps));
  }
  case MixerKind::GatedDeltaNet: {
    const GatedDeltaNetSpec &gdn = *spec.gatedDeltaNet;
    return GatedDeltaNetAttr::get(
        context, gdn.numHeads, gdn.numKeyHeads, gdn.keyHeadDim,
        gdn.valueHeadDim, gdn.convSize, builder.getF64FloatAttr(gdn.normEps));
  }
  case MixerKind::Mamba2: {
    const Mamba2Spec &mamba = *spec.mamba2;
    return Mamba2Attr::get(context, mamba.numHeads, mamba.headDim,
                           mamba.stateDim, mamba.numGroups, mamba.convSize,
                           builder.getF64FloatAttr(mamba.normEps));
  }
  case MixerKind::Attention:
  case MixerKind::SlidingWindow:
    break;
  }
  std::optional<int64_t> window;
  if (kind == MixerKind::SlidingWindow)
    window = spec.window;
  const AttentionSpec &attention = spec.attention;
  return AttentionAttr::get(
      context, attention.numHeads, attention.numKvHeads, attention.headDim,
      builder.getF64FloatAttr(attention.ropeTheta), window);
}

} // namespace

/// The model's symbol: its name, unless a program or the kernels have it.
static std::string symbolFor(StringRef name) {
  for (StringRef taken : {"prefill", "decode", "forward", "prefill_sample",
                          "decode_sample", "kernels"})
    if (name == taken)
      return (name + "_model").str();
  return name.str();
}

OwningOpRef<ModuleOp> jet::importSpec(MLIRContext &context,
                                      const ModelSpec &spec, StringRef name,
                                      StringRef path) {
  OpBuilder builder(&context);
  Location file = FileLineColLoc::get(&context, path, 1, 1);
  OwningOpRef<ModuleOp> module = ModuleOp::create(builder, file);
  // Of no use to passes, but they must come as far as the package.
  if (spec.bosTokenId)
    (*module)->setAttr("jet.bos_token_id",
                       builder.getI64IntegerAttr(*spec.bosTokenId));
  if (!spec.eosTokenIds.empty())
    (*module)->setAttr("jet.eos_token_ids",
                       builder.getDenseI64ArrayAttr(spec.eosTokenIds));
  builder.setInsertionPointToStart(module->getBody());
  Type storage = spec.dtype == DType::F32 ? Type(builder.getF32Type())
                                          : Type(builder.getBF16Type());
  auto model = ModelOp::create(
      builder, file, symbolFor(name), spec.hiddenSize, spec.intermediateSize,
      spec.vocabSize, spec.maxPositionEmbeddings,
      builder.getF64FloatAttr(spec.rmsNormEps).getValue(), storage,
      /*kv_storage=*/TypeAttr(), /*recurrent_storage=*/TypeAttr(),
      spec.tieWordEmbeddings);
  builder.createBlock(&model.getBody());
  for (auto [index, layer] : llvm::enumerate(spec.layers)) {
    Location location = NameLoc::get(
        builder.getStringAttr("$.layer_types[" + Twine(index) + "]"), file);
    SmallVector<Attribute> mixers;
    for (MixerKind kind : layer.candidates)
      mixers.push_back(importMixer(builder, spec, kind));
    LayerOp::create(builder, location, index,
                    layer.isSupernet ? Attribute() : mixers.front(),
                    layer.isSupernet ? builder.getArrayAttr(mixers)
                                     : ArrayAttr(),
                    /*scores=*/DenseF64ArrayAttr(), "self_attn",
                    /*kv_scales=*/DenseF64ArrayAttr());
  }
  return module;
}
