// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "search/Space.h"

#include "llvm/ADT/STLExtras.h"

using namespace jet;

/// The lower, the better to start from.
static int rankAsBase(MixerAttrInterface mixer) {
  auto attention = llvm::dyn_cast<AttentionAttr>(mixer);
  return !attention ? 0 : attention.getWindow() ? 1 : 2;
}

SearchSpace::SearchSpace(ModelOp model) {
  for (LayerOp layer : model.getLayers()) {
    LayerChoices choices;
    llvm::SmallVector<mlir::Attribute> candidates;
    if (layer.isPlaced())
      candidates.push_back(layer.getMixerAttr());
    else
      llvm::append_range(candidates, layer.getCandidatesAttr());
    for (mlir::Attribute attribute : candidates) {
      auto mixer = llvm::cast<MixerAttrInterface>(attribute);
      choices.names.push_back(mixer.getMixerName().str());
      auto *found = llvm::find(mixers, mixer).base();
      choices.mixers.push_back(found - mixers.data());
      if (found == mixers.data() + mixers.size())
        mixers.push_back(mixer);
    }
    if (auto scores = layer.getScores())
      choices.scores.assign(scores->begin(), scores->end());
    else if (layer.isPlaced())
      choices.scores = {0}; // nothing to choose
    for (size_t i = 1; i < candidates.size(); ++i)
      if (rankAsBase(mixers[choices.mixers[i]]) <
          rankAsBase(mixers[choices.mixers[choices.base]]))
        choices.base = i;
    layers.push_back(std::move(choices));
  }
}

Placement SearchSpace::basePlacement() const {
  Placement placement;
  for (const LayerChoices &layer : layers)
    placement.push_back(layer.base);
  return placement;
}

MixerCounts SearchSpace::countsOf(const Placement &placement) const {
  MixerCounts counts(mixers.size());
  for (auto [layer, choice] : llvm::zip_equal(layers, placement))
    ++counts[layer.mixers[choice]];
  return counts;
}

int SearchSpace::countOf(const Placement &placement,
                         llvm::StringRef mixer) const {
  int count = 0;
  for (auto [layer, choice] : llvm::zip_equal(layers, placement))
    count += layer.names[choice] == mixer;
  return count;
}

std::vector<std::string>
SearchSpace::namesOf(const Placement &placement) const {
  std::vector<std::string> names;
  for (auto [layer, choice] : llvm::zip_equal(layers, placement))
    names.push_back(layer.names[choice]);
  return names;
}

std::string SearchSpace::describe(const Placement &placement) const {
  return describeLayers(namesOf(placement));
}

int SearchSpace::find(size_t layer, llvm::StringRef name) const {
  const std::vector<std::string> &names = layers[layer].names;
  auto found = llvm::find(names, name);
  return found == names.end() ? -1 : static_cast<int>(found - names.begin());
}

bool SearchSpace::hasScores() const {
  return llvm::all_of(layers, [](const LayerChoices &layer) {
    return layer.scores.size() == layer.names.size();
  });
}

std::string jet::describeLayers(llvm::ArrayRef<std::string> layers) {
  std::string text;
  for (size_t begin = 0; begin < layers.size();) {
    size_t end = begin;
    while (end + 1 < layers.size() && layers[end + 1] == layers[begin])
      ++end;
    text += (text.empty() ? "" : ", ") + std::to_string(begin) +
            (end > begin ? "-" + std::to_string(end) : "") + " " +
            layers[begin];
    begin = end + 1;
  }
  return text;
}

Placement jet::uniformPlacement(const SearchSpace &space, int count) {
  std::vector<size_t> able;
  for (size_t layer = 0; layer < space.numLayers(); ++layer)
    if (space.find(layer, "attn") >= 0)
      able.push_back(layer);
  Placement placement = space.basePlacement();
  for (int i = 0; i < count; ++i) {
    size_t layer = able[(2 * i + 1) * able.size() / (2 * count)];
    placement[layer] = space.find(layer, "attn");
  }
  return placement;
}
