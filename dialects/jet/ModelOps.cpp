// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "dialects/jet/Jet.h"

#include "llvm/ADT/StringSet.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace jet;

//===----------------------------------------------------------------------===//
// ModelOp
//===----------------------------------------------------------------------===//

SmallVector<LayerOp> ModelOp::getLayers() {
  return llvm::to_vector(getBody().front().getOps<LayerOp>());
}

StateStorage ModelOp::getStateStorage() {
  return {getKvStorage().value_or(getStorage()),
          getRecurrentStorage().value_or(Float32Type::get(getContext())),
          getStorage(), static_cast<int64_t>(getPage())};
}

LogicalResult ModelOp::verifyRegions() {
  // C1
  for (auto [name, value] :
       {std::pair<StringRef, int64_t>{"hidden", getHiddenSize()},
        {"intermediate", getIntermediateSize()},
        {"vocab", getVocabSize()},
        {"max_position", getMaxPosition()}})
    if (failed(verifySize([&] { return emitOpError(); }, name, value)))
      return failure();
  if (!(getRmsNormEps().convertToDouble() > 0))
    return emitOpError() << "expected rms_norm_eps > 0";
  // C3
  const StateStorage state = getStateStorage();
  for (auto [name, type] : {std::pair<StringRef, Type>{"storage", getStorage()},
                            {"recurrent", state.recurrent}})
    if (!type.isF32() && !type.isBF16())
      return emitOpError() << "expected " << name << " f32 or bf16, found "
                           << type;
  if (!state.kv.isF32() && !state.kv.isBF16() &&
      !isa<Float8E4M3FNType>(state.kv))
    return emitOpError() << "expected kv f32, bf16 or f8E4M3FN, found "
                         << state.kv;
  // C4
  const int64_t page = getPage();
  if (page > kMaxSize || page < 1 || !llvm::isPowerOf2_64(page))
    return emitOpError() << "expected page to be a power of two below 2^31, "
                            "found "
                         << page;
  // C2
  int64_t index = 0;
  for (Operation &op : getBody().front()) {
    auto layer = dyn_cast<LayerOp>(op);
    if (!layer)
      return op.emitOpError() << "is not a jet.layer, which is all that a "
                                 "jet.model holds";
    if (layer.getIndex() != static_cast<uint64_t>(index))
      return layer.emitOpError() << "expected layer " << index << " here";
    ++index;
  }
  if (index == 0)
    return emitOpError() << "expected at least one layer";
  return success();
}

//===----------------------------------------------------------------------===//
// LayerOp
//===----------------------------------------------------------------------===//

SmallVector<StringRef> LayerOp::getCandidateNames() {
  if (isPlaced())
    return {getMixerInterface().getMixerName()};
  return llvm::map_to_vector(getCandidatesAttr(), [](Attribute candidate) {
    return cast<MixerAttrInterface>(candidate).getMixerName();
  });
}

SmallVector<Type> LayerOp::getStateTypes() {
  StateStorage storage =
      cast<ModelOp>((*this)->getParentOp()).getStateStorage();
  if (std::optional<ArrayRef<double>> scales = getKvScales())
    std::tie(storage.keyScale, storage.valueScale) =
        std::pair((*scales)[0], (*scales)[1]);
  return getMixerInterface().getStateTypes(storage);
}

LogicalResult LayerOp::verify() {
  // C2
  if (isPlaced() == (getCandidatesAttr() != nullptr))
    return emitOpError() << "expected either a mixer or candidates";
  // C1
  SmallVector<Attribute> mixers;
  if (isPlaced())
    mixers.push_back(getMixerAttr());
  else
    llvm::append_range(mixers, getCandidatesAttr());
  for (Attribute mixer : mixers)
    if (!isa<MixerAttrInterface>(mixer))
      return emitOpError() << "expected a mixer attribute such as "
                              "#jet.attention<...>, found "
                           << mixer;
  // C3
  if (mixers.empty())
    return emitOpError() << "expected at least one candidate";
  llvm::StringSet<> seen;
  for (StringRef name : getCandidateNames())
    if (!seen.insert(name).second)
      return emitOpError() << "has candidate '" << name << "' twice";
  // C4
  if (auto scores = getScores()) {
    if (isPlaced())
      return emitOpError() << "has scores but no candidates";
    if (scores->size() != mixers.size())
      return emitOpError() << "expected " << mixers.size() << " scores, found "
                           << scores->size();
  }
  // C5
  std::optional<ArrayRef<double>> scales = getKvScales();
  if (!scales)
    return success();
  if (scales->size() != 2)
    return emitOpError() << "expected kv_scales of K and V, found "
                         << scales->size() << " numbers";
  for (double scale : *scales)
    if (failed(verifyScale([&] { return emitOpError(); }, "kv_scales", scale)))
      return failure();
  Type kv = cast<ModelOp>((*this)->getParentOp()).getStateStorage().kv;
  if (!isa<Float8E4M3FNType>(kv))
    return emitOpError() << "expected no kv_scales with keys and values of "
                         << kv;
  return success();
}
