// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "dialects/jet/Jet.h"
#include "passes/Passes.h"

using namespace mlir;

namespace jet {
#define GEN_PASS_DEF_PLACELAYERSPASS
#include "passes/Passes.h.inc"
} // namespace jet

using namespace jet;

LogicalResult jet::placeLayer(LayerOp layer, StringRef name) {
  SmallVector<StringRef> names = layer.getCandidateNames();
  auto *found = llvm::find(names, name);
  if (found == names.end()) {
    InFlightDiagnostic diag = layer.emitOpError();
    diag << "expected the mixer of layer " << layer.getIndex()
         << " to be one of ";
    llvm::interleaveComma(names, diag);
    return diag << ", found '" << name << "'";
  }
  if (layer.isPlaced())
    return success();
  layer.setMixerAttr(layer.getCandidatesAttr()[found - names.begin()]);
  layer.removeCandidatesAttr();
  layer.removeScoresAttr();
  layer.setWeights((layer.getWeights() + "." + name).str());
  return success();
}

namespace {
struct PlaceLayersPass : jet::impl::PlaceLayersPassBase<PlaceLayersPass> {
  using PlaceLayersPassBase::PlaceLayersPassBase;

  void runOnOperation() override {
    if (placement.empty())
      return;
    for (ModelOp model : getOperation().getOps<ModelOp>()) {
      SmallVector<LayerOp> layers = model.getLayers();
      if (layers.size() != placement.size()) {
        model.emitOpError() << "expected a placement of " << layers.size()
                            << " layers, found " << placement.size();
        return signalPassFailure();
      }
      for (auto [layer, name] : llvm::zip_equal(layers, placement))
        if (failed(placeLayer(layer, name)))
          signalPassFailure();
    }
  }
};
} // namespace
