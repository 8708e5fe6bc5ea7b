// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// jet.grouped_linear: its input in bf16, then one projection for all results.

#include "lowering/kernels/Elements.h"
#include "lowering/kernels/Projection.h"

using namespace mlir;
using namespace jet;

/// The tensor cores take bf16, TMA rows of a multiple of 16 bytes.
static bool isSupported(GroupedLinearOp op) {
  auto x = cast<RankedTensorType>(op.getX().getType());
  if (x.getDimSize(1) % 8 || !hasPlainCode(op))
    return false;
  if (llvm::any_of(op.getProducts(), [](int64_t n) { return n > 2; }))
    return false;
  // Bytes of fp8 caches are the general path's.
  auto isFloat = [](Type type) { return type.isF32() || type.isBF16(); };
  if (!llvm::all_of(op.getResults(), [&](Value result) {
        return isFloat(getElementTypeOrSelf(result.getType()));
      }))
    return false;
  return llvm::all_of(op.getWeights(), [](Value weight) {
    return cast<RankedTensorType>(weight.getType()).getElementType().isBF16();
  });
}

/// What the code on result `index` makes of the products.
static auto makerOf(unsigned index, RankedTensorType type) {
  return [=](Stage &stage, Value row, Value column, int64_t width,
             ArrayRef<SmallVector<Value>> products) -> std::function<void()> {
    SmallVector<Value> elements =
        applyCode(stage, resultPort(index), row, column, width, products);
    for (Value &element : elements)
      element = stage.b.convert(element, type.getElementType());
    Value made = stage.b.join(elements);
    return [=, &stage] {
      stage.b.store(made, stage.operand(stage.form.resultOperand(index)),
                    {row, column});
    };
  };
}

/// What the code on result `index` reads that has an element for each of its.
static SmallVector<Place> readBy(FormBuilder &form, GroupedLinearOp op,
                                 unsigned index) {
  SmallVector<Place> read;
  std::optional<Port> port = findPort(op, resultPort(index));
  for (unsigned i = 0; port && i < port->extras.size(); ++i)
    if (port->extras[i].getType() == getPortType(op, resultPort(index)))
      read.push_back(
          Place::ofOperand(form.operandOf(op, port->firstExtra + i)));
  return read;
}

static LargeProduct productOf(GroupedLinearOp op) {
  LargeProduct product{
      cast<RankedTensorType>(op.getX().getType()).getDimSize(1), {}};
  for (auto [index, products] : llvm::enumerate(op.getProducts())) {
    auto type = cast<RankedTensorType>(op.getResult(index).getType());
    std::string text = type.getElementType().isF32() ? "f32" : "bf16";
    if (findPort(op, resultPort(index)))
      text += " code";
    product.outputs.push_back({type.getDimSize(1), products, text});
  }
  return product;
}

static void buildForm(FormBuilder form, GroupedLinearOp op, ProjectionSize size,
                      const LargeProduct &product) {
  unsigned weight = 1;
  Projection projection;
  projection.rows = form.rows();
  projection.inner = cast<RankedTensorType>(op.getX().getType()).getDimSize(1);
  projection.input = rowInputOf(op);
  projection.size = size;
  projection.product = product.name();
  for (auto [index, products] : llvm::enumerate(op.getProducts())) {
    auto type = cast<RankedTensorType>(op.getResult(index).getType());
    ProjectionOutput output{{}, type.getDimSize(1), makerOf(index, type)};
    output.elementBytes = type.getElementTypeBitWidth() / 8;
    if (type.getElementType().isF32() && !findPort(op, resultPort(index)))
      output.sums = Place::ofOperand(form.resultOperand(index));
    output.loaded = readBy(form, op, index);
    if (!output.loaded.empty())
      output.load = [index = index](Stage &stage, Value row, Value column,
                                    int64_t width) {
        return loadExtras(stage, resultPort(index), row, column, width);
      };
    for (int64_t i = 0; i < products; ++i)
      output.weights.push_back(Place::ofOperand(weight++));
    projection.outputs.push_back(std::move(output));
  }
  buildProjection(form, "project", projection);
  form.finish();
}

void jet::buildForms(FormContext &context, GroupedLinearOp op) {
  if (!isSupported(op))
    return;
  LargeProduct product = productOf(op);
  for (ProjectionSize size : projectionSizes(context.tiles, product))
    buildForm(context.begin(size.fits()), op, size, product);
}
