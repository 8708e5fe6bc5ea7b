// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// jet.qkv_linear: its input in bf16, one projection of q, k and v, then
//
//   append   CTA (row): cos φ, sin φ of each pair, and the sequence that the
//            row is of; then for each head of q and k, rotated, and of v:
//            to the result, or to its place in the cache
//
// The angles are f32 products, as the model's authors compute them; their
// functions are in f64 (see -jet-expand-trigonometry).

#include "lowering/kernels/CacheRows.h"
#include "lowering/kernels/Elements.h"
#include "lowering/kernels/Projection.h"

#include <cmath>

using namespace mlir;
using namespace jet;

using Values = TileBuilder::Values;

namespace {

constexpr int64_t kThreads = 256;

/// theta^(−i/half), as a product of powers for the bits of i.
class Frequencies {
public:
  Frequencies(double theta, int64_t half) {
    for (int64_t bit = 1; bit < half; bit *= 2)
      powers.push_back(std::pow(theta, -static_cast<double>(bit) / half));
    // In f64 it is off in the last places: it has to round to the same f32.
    for (int64_t i = 0; i < half; ++i) {
      double product = 1;
      for (auto [bit, power] : llvm::enumerate(powers))
        product *= i >> bit & 1 ? power : 1.0;
      exact &= static_cast<float>(product) ==
               static_cast<float>(
                   1.0 / std::pow(theta, static_cast<double>(i) / half));
    }
  }
  /// Whether build() gives the numbers of the general path, to the bit.
  bool isExact() const { return exact; }
  Value build(TileBuilder &b, Value i) const;

private:
  SmallVector<double> powers;
  bool exact = true;
};

class AppendKernel {
public:
  AppendKernel(FormBuilder &form, QkvLinearOp op, Place projected)
      : op(op), type(op.getCache().getType()), dim(type.getHeadDim()),
        half(dim / 2), kvHeads(type.getHeads()),
        heads(op.getQ().getType().getDimSize(1)), width(vectorWidth(half)),
        projected(projected), stage(form, "append", kThreads, {form.rows()}),
        b(stage.b) {}

  void build();

private:
  /// Operand number of the op's `operand`.
  unsigned numberOf(Value operand) {
    return llvm::find(op->getOperands(), operand) - op->operand_begin();
  }
  void makeAngles();
  void moveHeads();
  Values rotated(Value head, Value i, bool second);

  QkvLinearOp op;
  KvCacheType type;
  int64_t dim, half, kvHeads, heads, width;
  Place projected; // f32 [R, (H + 2 Hkv)·D]
  Stage stage;
  TileBuilder &b;
  Value cosines, sines; // shared
  Value row;
  CacheRow place; // of the row's key
};

} // namespace

Value Frequencies::build(TileBuilder &b, Value i) const {
  auto f64 = [&](double value) -> Value {
    return arith::ConstantOp::create(b, b.getF64FloatAttr(value));
  };
  Value product = f64(1);
  for (auto [bit, power] : llvm::enumerate(powers)) {
    Value isSet = b.equal(b.rem(b.div(i, int64_t(1) << bit), 2), 1);
    product =
        arith::MulFOp::create(b, product, b.select(isSet, f64(power), f64(1)));
  }
  return arith::TruncFOp::create(b, b.getF32Type(), product);
}

void AppendKernel::makeAngles() {
  Frequencies frequencies(op.getTheta().convertToDouble(), half);
  b.loop(b.threadId(), b.index(half), b.index(kThreads), [&](Value i) {
    Value position = b.load(stage.operand(numberOf(op.getPositions())), {row});
    position = arith::SIToFPOp::create(b, b.getF32Type(), position);
    // Not mulf(): the angle must not be contracted.
    Value angle = arith::MulFOp::create(b, position, frequencies.build(b, i));
    b.store(math::CosOp::create(b, angle), cosines, {i});
    b.store(math::SinOp::create(b, angle), sines, {i});
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
  if (second)
    std::swap(x, y);
  // Heads of v stay as they are.
  Value isValue = b.inverse(b.less(head, heads + kvHeads));
  Values turned;
  for (int64_t k = 0; k < width; ++k) {
    Value side = b.mulf(y[k], sin[k]), main = b.mulf(x[k], cos[k]);
    Value sum = second ? b.addf(main, side) : b.subf(main, side);
    turned.push_back(b.select(isValue, x[k], sum));
  }
  return turned;
}

void AppendKernel::moveHeads() {
  int64_t units = half / width;
  Value q = stage.operand(stage.form.resultOperand(0));
  Value cache = stage.operand(numberOf(op.getCache()));
  auto convert = [&](const Values &elements, Value memory) {
    Type element = cast<MemRefType>(memory.getType()).getElementType();
    Values converted;
    for (Value value : elements)
      converted.push_back(b.convert(value, element));
    return b.join(converted);
  };
  int64_t count = (heads + 2 * kvHeads) * units;
  b.loop(b.threadId(), b.index(count), b.index(kThreads), [&](Value number) {
    Value head = b.div(number, units);
    Value i = b.mul(b.rem(number, units), width);
    for (bool second : {false, true}) {
      Values elements = rotated(head, i, second);
      Value column = b.add(i, second ? half : 0);
      b.ifElse(
          b.less(head, heads),
          [&] { b.store(convert(elements, q), q, {row, head, column}); },
          [&] {
            Value inCache = b.sub(head, b.index(heads));
            Value plane = b.div(inCache, kvHeads);
            Value kvHead = b.rem(inCache, kvHeads);
            b.store(convert(elements, cache), cache,
                    {place.unit, plane, kvHead, place.at, column},
                    place.isKept);
          });
    }
  });
}

void AppendKernel::build() {
  auto table = b.shared({half}, b.getF32Type());
  cosines = b.alloc(table);
  sines = b.alloc(table);
  RowFinder finder(stage, type, numberOf(op.getBatch()), kThreads);
  stage.setOverlaps();
  tile::LaunchDependentsOp::create(b);
  row = b.blockX();
  // Positions and batch are inputs of the step: no launch before writes them.
  makeAngles();
  place = finder.find(row);
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
  KvCacheType type = op.getCache().getType();
  Type element = type.getStorageType();
  return op.getX().getType().getDimSize(1) % 8 == 0 &&
         llvm::all_of(op.getWeights(), isBf16) &&
         (element.isBF16() || element.isF32()) &&
         Frequencies(op.getTheta().convertToDouble(), type.getHeadDim() / 2)
             .isExact();
}

static LargeProduct productOf(QkvLinearOp op) {
  LargeProduct product{op.getX().getType().getDimSize(1), {}};
  for (Value weight : op.getWeights())
    product.outputs.push_back(
        {cast<RankedTensorType>(weight.getType()).getDimSize(0), 1,
         op.getBiases().empty() ? "f32" : "f32 bias"});
  return product;
}

static void buildForm(FormBuilder form, QkvLinearOp op, ProjectionSize size,
                      const LargeProduct &product) {
  auto numberOf = [&](Value operand) -> unsigned {
    return llvm::find(op->getOperands(), operand) - op->operand_begin();
  };
  RowInput input;
  if (op.getNormEps()) {
    input.norm = numberOf(op.getNorm());
    input.eps = op.getNormEps()->convertToDouble();
  }
  Projection projection;
  projection.rows = form.rows();
  projection.inner = op.getX().getType().getDimSize(1);
  projection.input = input;
  projection.size = size;
  projection.product = product.name();
  int64_t all = 0;
  for (Value weight : op.getWeights())
    all += cast<RankedTensorType>(weight.getType()).getDimSize(0);
  Place projected = Place::ofScratch(form.reserve(form.rows() * (all * 4)));
  int64_t first = 0;
  for (auto [i, weight] : llvm::enumerate(op.getWeights())) {
    std::optional<unsigned> bias;
    if (!op.getBiases().empty())
      bias = numberOf(op.getBiases()[0]) + i;
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
  LargeProduct product = productOf(op);
  for (ProjectionSize size : projectionSizes(context.tiles, product))
    buildForm(context.begin(size.fits()), op, size, product);
}
