// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// jet.qkv_linear: its input in bf16, one projection of q, k and v, then
//
//   append   CTA (row): cos φ, sin φ of each pair, and the sequence that the
//            row is of; then for each head of q and k, rotated, and of v:
//            to its result, or to its place in the cache
//
// Without a cache the stage is named `turn`. Of more than 128 rows the
// projection does that itself (LargeQkvLinear.cpp).

#include "lowering/kernels/CacheRows.h"
#include "lowering/kernels/Elements.h"
#include "lowering/kernels/LargeQkvLinear.h"
#include "lowering/kernels/RotaryAngles.h"

using namespace mlir;
using namespace jet;

using Values = TileBuilder::Values;

namespace {

constexpr int64_t kThreads = 256;

class AppendKernel {
public:
  AppendKernel(FormBuilder &form, QkvLinearOp op, Place projected)
      : op(op), dim(op.getHeadDim()), half(dim / 2), kvHeads(op.getKvHeads()),
        heads(op.getQ().getType().getDimSize(1)), width(vectorWidth(half)),
        projected(projected),
        stage(form, op.getCache() ? "append" : "turn", kThreads, {form.rows()}),
        b(stage.b) {}

  void build();

private:
  unsigned numberOf(Value operand) { return operandNumber(op, operand); }
  void makeAngles();
  void moveHeads();
  Values rotated(Value head, Value i, bool second);
  void store(const Values &elements, Value memory, ValueRange at,
             Value isKept = {});
  void storeToCache(const Values &elements, Value inCache, Value column);
  void storeToResult(const Values &elements, Value inResults, Value column);

  QkvLinearOp op;
  int64_t dim, half, kvHeads, heads, width;
  Place projected; // f32 [R, (H + 2 Hkv)·D]
  Stage stage;
  TileBuilder &b;
  Value cosines, sines; // shared
  Value row;
  CacheRow place; // of the row's key
};

} // namespace

void AppendKernel::makeAngles() {
  RotaryAngles angles(op.getTheta().convertToDouble(), half);
  b.loop(b.threadId(), b.index(half), b.index(kThreads), [&](Value i) {
    Value position = b.load(stage.operand(numberOf(op.getPositions())), {row});
    auto [cos, sin] = angles.build(b, position, i);
    b.store(cos, cosines, {i});
    b.store(sin, sines, {i});
  });
}

/// Elements from `i` on of the head's first half, or of its second.
Values AppendKernel::rotated(Value head, Value i, bool second) {
  auto memory = MemRefType::get(
      {ShapedType::kDynamic, (heads + 2 * kvHeads) * dim}, b.getF32Type());
  Value p = stage.memory(projected, memory);
  Value column = b.add(b.mul(head, dim), i);
  Values x = b.split(b.load(p, {row, column}, width));
  Values y = b.split(b.load(p, {row, b.add(column, half)}, width));
  Values cos = b.split(b.load(cosines, {i}, width));
  Values sin = b.split(b.load(sines, {i}, width));
  Values turned = RotaryAngles::turn(b, x, y, cos, sin, second);
  // Heads of v stay as they are.
  Value isValue = b.inverse(b.less(head, heads + kvHeads));
  for (auto [made, own] : llvm::zip_equal(turned, second ? y : x))
    made = b.select(isValue, own, made);
  return turned;
}

void AppendKernel::store(const Values &elements, Value memory, ValueRange at,
                         Value isKept) {
  Type element = cast<MemRefType>(memory.getType()).getElementType();
  Values converted;
  for (Value value : elements)
    converted.push_back(b.convert(value, element));
  b.store(b.join(converted), memory, at, isKept);
}

/// Head `inCache` of those of k and then those of v.
void AppendKernel::storeToCache(const Values &elements, Value inCache,
                                Value column) {
  Value plane = b.div(inCache, kvHeads), head = b.rem(inCache, kvHeads);
  store(elements, stage.operand(numberOf(op.getCache())),
        {place.unit, plane, head, place.at, column}, place.isKept);
}

void AppendKernel::storeToResult(const Values &elements, Value inResults,
                                 Value column) {
  auto to = [&](unsigned result, Value head) {
    store(elements, stage.operand(stage.form.resultOperand(result)),
          {row, head, column});
  };
  b.ifElse(
      b.less(inResults, kvHeads), [&] { to(1, inResults); },
      [&] { to(2, b.sub(inResults, b.index(kvHeads))); });
}

void AppendKernel::moveHeads() {
  int64_t units = half / width;
  Value q = stage.operand(stage.form.resultOperand(0));
  int64_t count = (heads + 2 * kvHeads) * units;
  b.loop(b.threadId(), b.index(count), b.index(kThreads), [&](Value number) {
    Value head = b.div(number, units);
    Value i = b.mul(b.rem(number, units), width);
    for (bool second : {false, true}) {
      Values elements = rotated(head, i, second);
      Value column = b.add(i, second ? half : 0);
      b.ifElse(
          b.less(head, heads), [&] { store(elements, q, {row, head, column}); },
          [&] {
            Value other = b.sub(head, b.index(heads));
            if (op.getCache())
              storeToCache(elements, other, column);
            else
              storeToResult(elements, other, column);
          });
    }
  });
}

void AppendKernel::build() {
  auto table = b.shared({half}, b.getF32Type());
  cosines = b.alloc(table);
  sines = b.alloc(table);
  std::optional<RowFinder> finder;
  if (op.getCache())
    finder.emplace(stage, op.getCache().getType(), numberOf(op.getBatch()),
                   kThreads);
  stage.setOverlaps();
  tile::LaunchDependentsOp::create(b);
  row = b.blockX();
  // Positions and batch are inputs of the step: no launch before writes them.
  makeAngles();
  if (finder)
    place = finder->find(row);
  else
    b.sync(); // the angles are there
  tile::WaitDependenciesOp::create(b);
  moveHeads();
  stage.finish();
}

//===----------------------------------------------------------------------===//
// The forms
//===----------------------------------------------------------------------===//

static bool isSupported(QkvLinearOp op) {
  auto isBf16 = [](Value value) {
    return getElementTypeOrSelf(value.getType()).isBF16();
  };
  Type element = op.getKeptType();
  return op.getX().getType().getDimSize(1) % 8 == 0 &&
         llvm::all_of(op.getWeights(), isBf16) &&
         (element.isBF16() || element.isF32()) &&
         RotaryAngles(op.getTheta().convertToDouble(), op.getHeadDim() / 2)
             .isExact();
}

static Projection projectionOf(FormBuilder &form, QkvLinearOp op,
                               ProjectionSize size) {
  Projection projection;
  projection.input = rowInputOf(op);
  projection.rows = form.rows();
  projection.inner = op.getX().getType().getDimSize(1);
  projection.size = size;
  return projection;
}

static void buildForm(FormBuilder form, QkvLinearOp op, ProjectionSize size,
                      const LargeProduct &product) {
  Projection projection = projectionOf(form, op, size);
  projection.product = product.name();
  if (size.manyRows && hasLargeQkvLinear(op)) {
    buildLargeQkvLinear(form, op, std::move(projection));
    return form.finish();
  }
  int64_t all = 0;
  for (Value weight : op.getWeights())
    all += cast<RankedTensorType>(weight.getType()).getDimSize(0);
  Place projected = Place::ofScratch(form.reserve(form.rows() * (all * 4)));
  int64_t first = 0;
  for (auto [i, weight] : llvm::enumerate(op.getWeights())) {
    std::optional<unsigned> bias = biasOperand(op, i);
    int64_t columns = cast<RankedTensorType>(weight.getType()).getDimSize(0);
    auto make =
        [=](Stage &stage, Value row, Value column, int64_t width,
            ArrayRef<SmallVector<Value>> products) -> std::function<void()> {
      TileBuilder &b = stage.b;
      Values sums = bias ? addBias(stage, *bias, column, width, products)
                         : products.front();
      auto type = MemRefType::get({ShapedType::kDynamic, all}, b.getF32Type());
      Value made = b.join(sums);
      return [=, &stage, &b] {
        b.store(made, stage.memory(projected, type),
                {row, b.add(column, first)});
      };
    };
    ProjectionOutput output{
        {Place::ofOperand(1 + i)}, columns, std::move(make)};
    if (bias)
      output.load = [=](Stage &stage, Value, Value column, int64_t width) {
        return loadBias(stage, *bias, column, width);
      };
    projection.outputs.push_back(std::move(output));
    first += columns;
  }
  buildProjection(form, "project", projection);
  AppendKernel(form, op, projected).build();
  form.finish();
}

void jet::buildForms(FormContext &context, QkvLinearOp op) {
  if (!isSupported(op))
    return;
  LargeProduct product = largeProductOf(op);
  for (ProjectionSize size : projectionSizes(context.tiles, product))
    buildForm(context.begin(size.fits()), op, size, product);
}
