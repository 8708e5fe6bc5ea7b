// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// jet.qkv_linear of more than 128 rows:
//
//   angles    CTA (row): cos φ, sin φ of each pair, and, if there is a cache,
//             the place of the row's key in it, to scratch memory
//   project   LargeProjection.cpp. Of q and k the two products are those with
//             the first and the second halves of heads, so that a thread has
//             both elements of a pair: it turns them and stores them, q to the
//             result, k, and v as it is, to the cache or to their results

#include "lowering/kernels/LargeQkvLinear.h"
#include "lowering/kernels/CacheRows.h"
#include "lowering/kernels/ColumnWriter.h"
#include "lowering/kernels/RotaryAngles.h"

using namespace mlir;
using namespace jet;

using Values = TileBuilder::Values;

namespace {

constexpr int64_t kThreads = 128; // of `angles`, a pair each
/// Numbers of a row's place: unit, at, isKept, and nothing.
constexpr int64_t kPlace = 4;

class LargeQkvLinear {
public:
  LargeQkvLinear(FormBuilder &form, QkvLinearOp op)
      : form(form), op(op), half(op.getHeadDim() / 2),
        heads(op.getQ().getType().getDimSize(1)), kvHeads(op.getKvHeads()),
        angles(Place::ofScratch(form.reserve(form.rows() * (2 * half * 4)))) {
    if (op.getCache())
      places = Place::ofScratch(form.reserve(form.rows() * (kPlace * 4)));
  }

  void buildAngles();
  PeriodicLoad turns();
  ProjectionOutput q();
  ProjectionOutput k();
  ProjectionOutput v();

private:
  using Loaded = SmallVector<Values>;

  /// f32 [R, 2, half]: cosines, sines; i32 [R, kPlace], with a cache.
  Value anglesIn(Stage &stage) const {
    return stage.memory(angles, MemRefType::get({ShapedType::kDynamic, 2, half},
                                                stage.b.getF32Type()));
  }
  Value placesIn(Stage &stage) const {
    return stage.memory(*places, MemRefType::get({ShapedType::kDynamic, kPlace},
                                                 stage.b.getI32Type()));
  }
  /// Where k (1) and v (2) go.
  unsigned keptOperand(unsigned part) {
    return op.getCache() ? operandNumber(op, op.getCache())
                         : form.resultOperand(part);
  }
  int64_t bytesOf(unsigned operand) const {
    return form.argument(operand).element.getIntOrFloatBitWidth() / 8;
  }
  ProjectionOutput turned(unsigned part, int64_t count, unsigned operand);
  void storeToCache(Stage &stage, const Values &place, int64_t plane,
                    Value head, Value column, const Values &elements);
  void storeToResult(Stage &stage, unsigned operand, Value row, Value head,
                     Value column, const Values &elements);

  FormBuilder &form;
  QkvLinearOp op;
  int64_t half, heads, kvHeads;
  Place angles;
  std::optional<Place> places;
};

} // namespace

void LargeQkvLinear::buildAngles() {
  Stage stage(form, "angles", kThreads, {form.rows()});
  TileBuilder &b = stage.b;
  std::optional<RowFinder> finder;
  if (op.getCache())
    finder.emplace(stage, op.getCache().getType(),
                   operandNumber(op, op.getBatch()), kThreads);
  stage.setOverlaps();
  tile::LaunchDependentsOp::create(b);
  Value row = b.blockX(), thread = b.threadId();
  Value isPair = b.less(thread, half), i = b.min(thread, b.index(half - 1));
  // Positions and batch are inputs of the step: no launch before writes them.
  Value position =
      b.load(stage.operand(operandNumber(op, op.getPositions())), {row});
  RotaryAngles made(op.getTheta().convertToDouble(), half);
  auto [cos, sin] = made.build(b, position, i);
  CacheRow place;
  if (finder)
    place = finder->find(row);
  tile::WaitDependenciesOp::create(b);
  b.store(cos, anglesIn(stage), {row, b.index(0), i}, isPair);
  b.store(sin, anglesIn(stage), {row, b.index(1), i}, isPair);
  if (places) {
    Value isKept = b.select(place.isKept, b.i32(1), b.i32(0));
    b.store(b.join({b.toI32(place.unit), b.toI32(place.at), isKept, b.i32(0)}),
            placesIn(stage), {row, b.index(0)}, b.equal(thread, 0));
  }
  stage.finish();
}

/// To the place of a row, from loaded kPlace numbers.
void LargeQkvLinear::storeToCache(Stage &stage, const Values &place,
                                  int64_t plane, Value head, Value column,
                                  const Values &elements) {
  TileBuilder &b = stage.b;
  b.store(
      b.convert(b.join(elements), op.getKeptType()),
      stage.operand(keptOperand(1)),
      {b.toIndex(place[0]), b.index(plane), head, b.toIndex(place[1]), column},
      b.equal(b.toIndex(place[2]), 1));
}

void LargeQkvLinear::storeToResult(Stage &stage, unsigned operand, Value row,
                                   Value head, Value column,
                                   const Values &elements) {
  TileBuilder &b = stage.b;
  Value memory = stage.operand(operand);
  Type element = cast<MemRefType>(memory.getType()).getElementType();
  b.store(b.convert(b.join(elements), element), memory, {row, head, column});
}

/// Cosines and sines, which all heads share.
PeriodicLoad LargeQkvLinear::turns() {
  auto load = [this](Stage &stage, Value row, Value column,
                     int64_t width) -> Loaded {
    TileBuilder &b = stage.b;
    Value i = b.rem(column, half);
    Loaded loaded;
    for (int64_t which : {0, 1}) {
      Values &some = loaded.emplace_back();
      for (int64_t at = 0, most = std::min<int64_t>(width, 4); at < width;
           at += most)
        llvm::append_range(
            some, b.split(b.load(anglesIn(stage),
                                 {row, b.index(which), b.add(i, at)}, most)));
    }
    return loaded;
  };
  return {half, load};
}

/// `count` heads of product `part`, to the kernel's `operand`: columns are
/// pairs.
ProjectionOutput LargeQkvLinear::turned(unsigned part, int64_t count,
                                        unsigned operand) {
  Place weights = Place::ofOperand(1 + part);
  ProjectionOutput output{{weights, weights}, count * half, {}};
  output.half = half;
  output.elementBytes = bytesOf(operand);
  std::optional<unsigned> bias = biasOperand(op, part);
  bool isCached = part == 1 && places;
  output.load = [=, this](Stage &stage, Value row, Value column,
                          int64_t width) -> Loaded {
    TileBuilder &b = stage.b;
    Value head = b.div(column, half), i = b.rem(column, half);
    Loaded loaded;
    if (isCached)
      loaded.push_back(
          b.split(b.load(placesIn(stage), {row, b.index(0)}, kPlace)));
    if (bias)
      for (int64_t which : {0, 1}) {
        Value at = b.add(b.mul(head, 2 * half), b.add(i, which * half));
        loaded.push_back(loadBias(stage, *bias, at, width).front());
      }
    return loaded;
  };
  output.make = [=, this](Stage &stage, Value row, Value column, int64_t width,
                          ArrayRef<Values> products) -> std::function<void()> {
    TileBuilder &b = stage.b;
    Values x = products[0], y = products[1];
    Values cos = products[2], sin = products[3];
    Values place = isCached ? products[4] : Values();
    if (bias) {
      ArrayRef<Values> biases = products.take_back(2);
      x = addBias(stage, *bias, column, width, {x, biases[0]});
      y = addBias(stage, *bias, column, width, {y, biases[1]});
    }
    Values first = RotaryAngles::turn(b, x, y, cos, sin, /*second=*/false);
    Values second = RotaryAngles::turn(b, x, y, cos, sin, /*second=*/true);
    Value head = b.div(column, half), at = b.rem(column, half);
    return [=, this, &stage, &b] {
      auto store = [&](const Values &elements, Value at) {
        if (isCached)
          storeToCache(stage, place, 0, head, at, elements);
        else
          storeToResult(stage, operand, row, head, at, elements);
      };
      store(first, at);
      store(second, b.add(at, half));
    };
  };
  return output;
}

ProjectionOutput LargeQkvLinear::q() {
  return turned(0, heads, form.resultOperand(0));
}

ProjectionOutput LargeQkvLinear::k() {
  return turned(1, kvHeads, keptOperand(1));
}

ProjectionOutput LargeQkvLinear::v() {
  ProjectionOutput output{{Place::ofOperand(3)}, kvHeads * 2 * half, {}};
  const unsigned operand = keptOperand(2);
  output.elementBytes = bytesOf(operand);
  std::optional<unsigned> bias = biasOperand(op, 2);
  output.load = [=, this](Stage &stage, Value row, Value column,
                          int64_t width) -> Loaded {
    TileBuilder &b = stage.b;
    Loaded loaded;
    if (places)
      loaded.push_back(
          b.split(b.load(placesIn(stage), {row, b.index(0)}, kPlace)));
    if (bias)
      loaded.push_back(loadBias(stage, *bias, column, width).front());
    return loaded;
  };
  output.make = [=, this](Stage &stage, Value row, Value column, int64_t width,
                          ArrayRef<Values> products) -> std::function<void()> {
    TileBuilder &b = stage.b;
    Values sums = bias ? addBias(stage, *bias, column, width, products)
                       : products.front();
    Values place = places ? products[1] : Values();
    return [=, this, &stage, &b] {
      Value head = b.div(column, 2 * half), at = b.rem(column, 2 * half);
      if (places)
        storeToCache(stage, place, 1, head, at, sums);
      else
        storeToResult(stage, operand, row, head, at, sums);
    };
  };
  return output;
}

bool jet::hasLargeQkvLinear(QkvLinearOp op) {
  int64_t half = op.getHeadDim() / 2;
  return half % ColumnWriter::kHalf == 0 && half <= kThreads;
}

LargeProduct jet::largeProductOf(QkvLinearOp op) {
  bool isLarge = hasLargeQkvLinear(op);
  auto nameOf = [](Type type) -> StringRef {
    return getElementTypeOrSelf(type).isF32() ? "f32" : "bf16";
  };
  StringRef kept = nameOf(op.getKeptType());
  LargeProduct product{op.getX().getType().getDimSize(1), {}};
  for (auto [part, weight] : llvm::enumerate(op.getWeights())) {
    int64_t columns = cast<RankedTensorType>(weight.getType()).getDimSize(0);
    std::string text = "f32";
    int64_t products = isLarge && part < 2 ? 2 : 1;
    if (isLarge)
      text = part == 0 ? nameOf(op.getQ().getType()) : kept;
    if (products == 2)
      text += " rope";
    if (!op.getBiases().empty())
      text += " bias";
    product.outputs.push_back(
        {columns / products, products, text, /*hasAngles=*/products == 2});
  }
  return product;
}

void jet::buildLargeQkvLinear(FormBuilder &form, QkvLinearOp op,
                              Projection projection) {
  LargeQkvLinear large(form, op);
  large.buildAngles();
  projection.outputs = {large.q(), large.k(), large.v()};
  projection.periodic = large.turns();
  buildProjection(form, "project", std::move(projection));
}
