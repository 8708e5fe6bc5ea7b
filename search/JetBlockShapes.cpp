// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "search/JetBlockShapes.h"
#include "frontend/Import.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/raw_ostream.h"
#include <nlohmann/json.hpp>

#include <set>

using namespace mlir;
using namespace jet;

//===----------------------------------------------------------------------===//
// Ranges
//===----------------------------------------------------------------------===//

/// Adds what "4", "64:256" or "64:256:32" stands for.
static bool addRange(llvm::StringRef text, std::set<int64_t> &values) {
  llvm::SmallVector<llvm::StringRef> parts;
  text.split(parts, ':');
  constexpr int64_t kMost = 1 << 20;
  int64_t numbers[3] = {0, 0, 1};
  if (parts.size() > 3)
    return false;
  for (auto [i, part] : llvm::enumerate(parts))
    if (part.trim().getAsInteger(10, numbers[i]) || numbers[i] < 1 ||
        numbers[i] > kMost)
      return false;
  auto [from, to, step] = numbers;
  if (parts.size() == 1)
    to = from;
  for (int64_t value = from; value <= to; value += step)
    values.insert(value);
  return from <= to;
}

Result<JetBlockRanges>
jet::parseJetBlockRanges(llvm::ArrayRef<std::string> texts) {
  JetBlockRanges ranges;
  const std::pair<llvm::StringRef, std::vector<int64_t> *> sizes[] = {
      {"d_k", &ranges.keyDims},
      {"d_v", &ranges.valueDims},
      {"heads", &ranges.heads}};
  for (llvm::StringRef text : texts) {
    auto [name, list] = text.split('=');
    const auto *size = llvm::find_if(
        sizes, [&](const auto &entry) { return entry.first == name.trim(); });
    if (size == std::end(sizes))
      return Error{"--jet-block: expected d_k=…, d_v=… and heads=…, found '" +
                   text.str() + "'"};
    if (!size->second->empty())
      return Error{"--jet-block: expected " + name.str() +
                   " once, found it twice"};
    std::set<int64_t> values;
    for (llvm::StringRef part : llvm::split(list, ','))
      if (!addRange(part, values))
        return Error{"--jet-block: " + name.str() +
                     ": expected numbers from 1 to 1048576 or ranges "
                     "from:to:step, found '" +
                     part.str() + "'"};
    size->second->assign(values.begin(), values.end());
  }
  double shapes = 1;
  for (const auto &[name, values] : sizes) {
    if (values->empty())
      return Error{"--jet-block: expected " + name.str() + "=…, found none"};
    shapes *= static_cast<double>(values->size());
  }
  if (shapes > kMaxShapes)
    return Error{"--jet-block: expected at most " + std::to_string(kMaxShapes) +
                 " shapes, found " + llvm::formatv("{0:f0}", shapes).str()};
  return ranges;
}

//===----------------------------------------------------------------------===//
// Shapes
//===----------------------------------------------------------------------===//

static std::string describe(const JetBlockShape &shape) {
  return "d_k " + std::to_string(shape.keyDim) + ", d_v " +
         std::to_string(shape.valueDim) + ", " + std::to_string(shape.heads) +
         " heads";
}

Result<std::string> jet::reshapeConfig(const std::string &text,
                                       const std::string &path,
                                       const JetBlockShape &shape) {
  // Checked before; read again for the order of its fields.
  auto config = nlohmann::ordered_json::parse(text, nullptr,
                                              /*allow_exceptions=*/false);
  if (!config.is_object())
    return Error{path + ": expected a JSON object"};
  auto &block = config["efficient_attention_config"]["jet"];
  block["num_heads"] = shape.heads;
  block["head_dim"] = shape.keyDim;
  block["expand_v"] =
      static_cast<double>(shape.valueDim) / static_cast<double>(shape.keyDim);
  return config.dump(1) + "\n";
}

/// A model and its mixers, of which shapes are to replace one.
struct ShapedModel {
  OwningOpRef<ModuleOp> module;
  ModelOp model;
  JetBlockAttr block;
};

static Result<ShapedModel> importModel(MLIRContext &context,
                                       const std::string &text,
                                       const std::string &path) {
  Result<ParsedSpec> parsed = parseSpec(text, path);
  if (!parsed)
    return parsed.error();
  ShapedModel shaped;
  shaped.module = importSpec(context, parsed->spec, "model", path);
  shaped.model = *shaped.module->getOps<ModelOp>().begin();
  for (LayerOp layer : shaped.model.getLayers()) {
    if (!layer.isPlaced())
      return Error{path +
                   ": $.layer_types: expected a mixer of each layer, "
                   "found \"supernet\" for layer " +
                   std::to_string(layer.getIndex()) + ": place it first"};
    if (auto block = dyn_cast<JetBlockAttr>(layer.getMixerAttr()))
      shaped.block = block;
  }
  if (!shaped.block)
    return Error{path + ": $.layer_types: expected a layer \"jet\", found "
                        "none"};
  return shaped;
}

static std::vector<JetBlockShape> enumerate(const JetBlockRanges &ranges) {
  std::vector<JetBlockShape> shapes;
  for (int64_t heads : ranges.heads)
    for (int64_t keyDim : ranges.keyDims)
      for (int64_t valueDim : ranges.valueDims)
        shapes.push_back({keyDim, valueDim, heads});
  return shapes;
}

namespace {

/// The costs of a model with one shape of JetBlock or another. The model's own
/// is mixer `own` of the space; that of shape i is mixer first + i.
class ShapedCosts {
public:
  static Result<ShapedCosts> create(MLIRContext &context,
                                    const std::string &text,
                                    const std::string &path,
                                    llvm::ArrayRef<JetBlockShape> shapes) {
    Result<ShapedModel> base = importModel(context, text, path);
    if (!base)
      return base.error();
    ShapedCosts costs(std::move(*base));
    for (const JetBlockShape &shape : shapes) {
      auto config = reshapeConfig(text, path, shape);
      if (!config)
        return config.error();
      // All that follows from a shape, and whether it can be, is the config's.
      Result<ShapedModel> shaped = importModel(context, *config, path);
      if (!shaped)
        return Error{"--jet-block: " + describe(shape) + ": " +
                     shaped.error().message};
      costs.space.mixers.push_back(shaped->block);
    }
    return costs;
  }

  LayerCosts layers(const LayerCosts::Progress &progress) const {
    return LayerCosts(base.model, space, progress);
  }
  /// How many layers have which mixer with shape `i`.
  MixerCounts countsOf(size_t i) const {
    MixerCounts counts = ownCounts();
    std::swap(counts[own], counts[first + i]);
    return counts;
  }
  MixerCounts ownCounts() const {
    MixerCounts counts = space.countsOf(space.basePlacement());
    counts.resize(space.mixers.size());
    return counts;
  }

private:
  explicit ShapedCosts(ShapedModel shaped)
      : base(std::move(shaped)), space(base.model), first(space.mixers.size()) {
    for (size_t i = 0; i < first; ++i)
      if (space.mixers[i] == base.block)
        own = i;
  }

  ShapedModel base;
  SearchSpace space;
  size_t first, own = 0;
};

} // namespace

//===----------------------------------------------------------------------===//
// Search
//===----------------------------------------------------------------------===//

/// The shapes at the cache asked for, which `result` then says.
static Result<std::vector<ShapeCosts>>
findAtCache(const ShapedCosts &costs, llvm::ArrayRef<JetBlockShape> shapes,
            const ShapeQuestion &question, const LayerCosts::Progress &progress,
            ShapeResult &result) {
  LayerCosts layers = costs.layers(progress);
  auto bytes = layers.stateBytes(question.context);
  if (!bytes)
    return bytes.error();
  result.cacheBytes =
      question.cacheBytes.value_or(bytes->of(costs.ownCounts()));
  std::vector<ShapeCosts> found;
  double low = std::numeric_limits<double>::infinity(), high = 0;
  for (size_t i = 0; i < shapes.size(); ++i) {
    const double cache = bytes->of(costs.countsOf(i));
    low = std::min(low, cache);
    high = std::max(high, cache);
    if (std::abs(cache - result.cacheBytes) <=
        question.cacheTolerance * result.cacheBytes)
      found.push_back({shapes[i], cache});
  }
  if (found.empty()) {
    std::string message;
    llvm::raw_string_ostream(message)
        << llvm::format("no shape is within %g %% of the cache at context ",
                        100 * question.cacheTolerance)
        << question.context
        << llvm::format(": expected %.0f bytes, found %.0f to %.0f",
                        result.cacheBytes, low, high);
    return Error{message};
  }
  return found;
}

/// Drops shapes beyond the limits.
static Result<void> keepWithinLimits(std::vector<ShapeCosts> &shapes,
                                     const ShapeQuestion &question) {
  double fewest = std::numeric_limits<double>::infinity(), fastest = fewest;
  for (const ShapeCosts &one : shapes) {
    fewest = std::min(fewest, one.parameters);
    fastest = std::min(fastest, one.decodeSeconds);
  }
  llvm::erase_if(shapes, [&](const ShapeCosts &one) {
    return (question.maxParameters &&
            one.parameters > double(*question.maxParameters)) ||
           (question.maxDecodeSeconds &&
            one.decodeSeconds > *question.maxDecodeSeconds);
  });
  if (!shapes.empty())
    return {};
  std::string message = "no shape at this cache is within all limits: ";
  if (question.maxParameters)
    message += llvm::formatv("parameters: expected at most {0}, found {1:f0} "
                             "and more; ",
                             *question.maxParameters, fewest);
  if (question.maxDecodeSeconds)
    message += llvm::formatv("decode step: expected at most {0:f3} us, found "
                             "{1:f3} and more; ",
                             *question.maxDecodeSeconds * 1e6, fastest * 1e6);
  return Error{message.substr(0, message.size() - 2)};
}

/// Sorts by parameters and marks the front.
static void markFront(std::vector<ShapeCosts> &shapes) {
  llvm::sort(shapes, [](const ShapeCosts &a, const ShapeCosts &b) {
    return std::tie(a.parameters, a.decodeSeconds, a.shape.heads) <
           std::tie(b.parameters, b.decodeSeconds, b.shape.heads);
  });
  for (ShapeCosts &one : shapes)
    one.isOnFront = llvm::none_of(shapes, [&](const ShapeCosts &other) {
      return other.parameters >= one.parameters &&
             other.decodeSeconds <= one.decodeSeconds &&
             (other.parameters > one.parameters ||
              other.decodeSeconds < one.decodeSeconds);
    });
}

size_t jet::chooseShape(llvm::ArrayRef<ShapeCosts> shapes,
                        double speedTolerance) {
  auto seconds = [](const ShapeCosts &one) {
    return one.measuredSeconds.value_or(one.decodeSeconds);
  };
  double fastest = std::numeric_limits<double>::infinity();
  for (const ShapeCosts &one : shapes)
    if (one.isOnFront)
      fastest = std::min(fastest, seconds(one));
  size_t chosen = 0;
  for (size_t i = 0; i < shapes.size(); ++i)
    if (shapes[i].isOnFront &&
        fastest >= (1 - speedTolerance) * seconds(shapes[i]))
      chosen = i;
  return chosen;
}

Result<ShapeResult> jet::searchShapes(MLIRContext &context,
                                      const std::string &text,
                                      const std::string &path,
                                      const ShapeQuestion &question,
                                      const LayerCosts::Progress &progress) {
  ShapeResult result;
  std::vector<JetBlockShape> shapes = enumerate(question.ranges);
  result.enumerated = shapes.size();
  Result<ShapedCosts> all = ShapedCosts::create(context, text, path, shapes);
  if (!all)
    return all.error();
  auto found = findAtCache(*all, shapes, question, progress, result);
  if (!found)
    return found.error();
  result.shapes = std::move(*found);

  shapes.clear();
  for (const ShapeCosts &one : result.shapes)
    shapes.push_back(one.shape);
  Result<ShapedCosts> costs = ShapedCosts::create(context, text, path, shapes);
  if (!costs)
    return costs.error();
  LayerCosts layers = costs->layers(progress);
  auto parameters = layers.parameters();
  auto generators = layers.parameters(".dynamic_conv1d.");
  auto seconds =
      layers.decodeSeconds(question.batch, question.context, question.machine);
  for (const auto *sum : {&parameters, &generators, &seconds})
    if (!*sum)
      return sum->error();
  for (auto [i, one] : llvm::enumerate(result.shapes)) {
    const MixerCounts counts = costs->countsOf(i);
    one.parameters = parameters->of(counts);
    one.plainParameters = one.parameters - generators->of(counts);
    one.decodeSeconds = seconds->of(counts);
  }
  if (auto done = keepWithinLimits(result.shapes, question); !done)
    return done.error();
  markFront(result.shapes);
  result.chosen = chooseShape(result.shapes, question.speedTolerance);
  return result;
}
