// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "lowering/linalg/KernelBuilder.h"
#include "dialects/jet/ScalarMath.h"
#include "runtime/Package.h"

#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace jet;

//===----------------------------------------------------------------------===//
// Indices
//===----------------------------------------------------------------------===//

Value KernelBuilder::index(int64_t value) {
  return arith::ConstantIndexOp::create(*this, value);
}

Value KernelBuilder::asValue(OpFoldResult value) {
  return getValueOrCreateConstantIndexOp(*this, getLoc(), value);
}

OpFoldResult KernelBuilder::dim(Value tensor, int64_t dim) {
  return tensor::getMixedSize(*this, getLoc(), tensor, dim);
}

Value KernelBuilder::add(Value a, Value b) {
  return createOrFold<arith::AddIOp>(a, b);
}
Value KernelBuilder::sub(Value a, Value b) {
  return createOrFold<arith::SubIOp>(a, b);
}
Value KernelBuilder::min(Value a, Value b) {
  return createOrFold<arith::MinSIOp>(a, b);
}
Value KernelBuilder::max(Value a, Value b) {
  return createOrFold<arith::MaxSIOp>(a, b);
}
Value KernelBuilder::rem(Value a, Value b) {
  return createOrFold<arith::RemUIOp>(a, b);
}

//===----------------------------------------------------------------------===//
// Scalars
//===----------------------------------------------------------------------===//

static constexpr auto kFastMath =
    arith::FastMathFlags::reassoc | arith::FastMathFlags::contract;

Value KernelBuilder::f32(double value) {
  return arith::ConstantOp::create(*this,
                                   getF32FloatAttr(static_cast<float>(value)));
}

Value KernelBuilder::addf(Value a, Value b) {
  return arith::AddFOp::create(*this, a, b, kFastMath);
}

Value KernelBuilder::mulf(Value a, Value b) {
  return arith::MulFOp::create(*this, a, b, kFastMath);
}

Value KernelBuilder::silu(Value x) { return buildSilu(*this, x); }

Value KernelBuilder::inverseNorm(Value sum, double count, double eps,
                                 double scale) {
  Value mean = arith::DivFOp::create(*this, sum, f32(count));
  Value root =
      math::SqrtOp::create(*this, arith::AddFOp::create(*this, mean, f32(eps)));
  return arith::DivFOp::create(*this, f32(scale), root);
}

Value KernelBuilder::convert(Value value, Type type) {
  return buildConvert(*this, value, type);
}

//===----------------------------------------------------------------------===//
// Tensors
//===----------------------------------------------------------------------===//

Value KernelBuilder::empty(Sizes sizes, Type element) {
  return tensor::EmptyOp::create(*this, sizes, element);
}

Value KernelBuilder::filled(Sizes sizes, double value) {
  return linalg::FillOp::create(*this, ValueRange{f32(value)},
                                ValueRange{empty(sizes, getF32Type())})
      .getResult(0);
}

Value KernelBuilder::slice(Value tensor, Sizes offsets, Sizes sizes,
                           ArrayRef<bool> keep) {
  SmallVector<int64_t> shape;
  for (auto [size, kept] : llvm::zip_equal(sizes, keep))
    if (kept)
      shape.push_back(getConstantIntValue(size).value_or(ShapedType::kDynamic));
  auto type = RankedTensorType::get(
      shape, cast<ShapedType>(tensor.getType()).getElementType());
  SmallVector<OpFoldResult> strides(sizes.size(), getIndexAttr(1));
  return tensor::ExtractSliceOp::create(*this, type, tensor, offsets, sizes,
                                        strides);
}

Value KernelBuilder::row(Value tensor, ArrayRef<Value> indices) {
  int64_t rank = cast<ShapedType>(tensor.getType()).getRank();
  SmallVector<OpFoldResult> offsets, sizes;
  SmallVector<bool> keep;
  for (int64_t i = 0; i < rank; ++i) {
    bool whole = i >= static_cast<int64_t>(indices.size());
    offsets.push_back(whole ? OpFoldResult(getIndexAttr(0)) : indices[i]);
    sizes.push_back(whole ? dim(tensor, i) : OpFoldResult(getIndexAttr(1)));
    keep.push_back(whole);
  }
  return slice(tensor, offsets, sizes, keep);
}

Value KernelBuilder::insert(Value value, Value into, Sizes offsets,
                            Sizes sizes) {
  SmallVector<OpFoldResult> strides(sizes.size(), getIndexAttr(1));
  return tensor::InsertSliceOp::create(*this, value, into, offsets, sizes,
                                       strides);
}

Value KernelBuilder::generic(ValueRange inputs, Value init,
                             ArrayRef<AffineMap> maps, ArrayRef<bool> reduction,
                             Body body) {
  auto iterators = llvm::map_to_vector(reduction, [](bool isReduction) {
    return isReduction ? utils::IteratorType::reduction
                       : utils::IteratorType::parallel;
  });
  Type element = cast<ShapedType>(init.getType()).getElementType();
  auto op = linalg::GenericOp::create(
      *this, init.getType(), inputs, init, maps, iterators,
      [&](OpBuilder &nested, Location, ValueRange args) {
        OpBuilder::InsertionGuard guard(*this);
        setInsertionPoint(nested.getInsertionBlock(),
                          nested.getInsertionPoint());
        SmallVector<Value> wide;
        for (Value arg : args)
          wide.push_back(
              isa<FloatType>(arg.getType()) ? convert(arg, getF32Type()) : arg);
        linalg::YieldOp::create(*this, convert(body(wide), element));
      });
  return op.getResult(0);
}

Value KernelBuilder::elementwiseInto(ValueRange inputs, Value init, Body body) {
  int64_t rank = cast<ShapedType>(init.getType()).getRank();
  SmallVector<AffineMap> maps(inputs.size() + 1, getMultiDimIdentityMap(rank));
  return generic(inputs, init, maps, SmallVector<bool>(rank, false), body);
}

Value KernelBuilder::elementwise(ValueRange inputs, Type element, Body body) {
  return elementwiseInto(
      inputs,
      empty(tensor::getMixedSizes(*this, getLoc(), inputs.front()), element),
      body);
}

Value KernelBuilder::reduce(Value tensor, Value start, Body body) {
  Value init = linalg::FillOp::create(*this, ValueRange{start},
                                      ValueRange{empty({}, getF32Type())})
                   .getResult(0);
  AffineMap toScalar = AffineMap::get(1, 0, getContext());
  Value result = generic(tensor, init, {getMultiDimIdentityMap(1), toScalar},
                         {true}, body);
  return tensor::ExtractOp::create(*this, result);
}

Value KernelBuilder::contract(Value x, Value w, Value init) {
  AffineExpr r, n, k;
  bindDims(getContext(), r, n, k);
  auto map = [&](AffineExpr a, AffineExpr b) {
    return AffineMap::get(3, 0, {a, b}, getContext());
  };
  return generic(
      {x, w}, init, {map(r, k), map(n, k), map(r, n)}, {false, false, true},
      [&](ValueRange in) { return addf(in[2], mulf(in[0], in[1])); });
}

Value KernelBuilder::normRows(Value x, Value norm, double eps) {
  int64_t columns = cast<ShapedType>(x.getType()).getDimSize(1);
  OpFoldResult zero = getIndexAttr(0), one = getIndexAttr(1);
  OpFoldResult rows = dim(x, 0), size = getIndexAttr(columns);
  // Row by row, as jet.rms_norm, so that a sum has the same order however many
  // rows there are.
  Value init = empty({rows, size}, getF32Type());
  return loop(asValue(rows), init, [&](Value r, ValueRange values) {
    SmallVector<OpFoldResult> at = {r, zero}, extent = {one, size};
    Value in = row(x, r);
    Value scale = inverseNorm(sumOfSquares(in), columns, eps, 1.0);
    // Not mulf(), which lets products be reassociated.
    SmallVector<Value> inputs = {in};
    if (norm)
      inputs.push_back(norm);
    Value out = elementwiseInto(
        inputs, slice(values[0], at, extent, {false, true}),
        [&](ValueRange in) -> Value {
          Value scaled = arith::MulFOp::create(*this, in[0], scale);
          return norm ? arith::MulFOp::create(*this, in[1], scaled).getResult()
                      : scaled;
        });
    return SmallVector<Value>{insert(out, values[0], at, extent)};
  })[0];
}

Value KernelBuilder::sumOfSquares(Value tensor) {
  return reduce(tensor, f32(0),
                [&](ValueRange in) { return addf(in[1], mulf(in[0], in[0])); });
}

//===----------------------------------------------------------------------===//
// Structure
//===----------------------------------------------------------------------===//

SmallVector<Value> KernelBuilder::grid(
    Sizes bounds, Sizes steps, ValueRange inits,
    function_ref<SmallVector<GridResult>(ValueRange, ValueRange)> body) {
  SmallVector<OpFoldResult> zeros(bounds.size(), getIndexAttr(0));
  auto forall = scf::ForallOp::create(*this, zeros, bounds, steps, inits,
                                      /*mapping=*/std::nullopt);
  OpBuilder::InsertionGuard guard(*this);
  setInsertionPointToStart(forall.getBody());
  SmallVector<GridResult> results =
      body(forall.getInductionVars(), forall.getRegionIterArgs());
  setInsertionPointToStart(forall.getTerminator().getBody());
  for (auto [result, into] :
       llvm::zip_equal(results, forall.getRegionIterArgs())) {
    SmallVector<OpFoldResult> strides(result.sizes.size(), getIndexAttr(1));
    tensor::ParallelInsertSliceOp::create(
        *this, result.value, into, result.offsets, result.sizes, strides);
  }
  return forall.getResults();
}

GridResult KernelBuilder::element(Value scalar, Value into, Value at) {
  SmallVector<OpFoldResult> offsets = {at}, one = {getIndexAttr(1)};
  Value part = slice(into, offsets, one, {true});
  return {tensor::InsertOp::create(*this, scalar, part, index(0)), offsets,
          one};
}

SmallVector<Value>
KernelBuilder::loop(Value count, ValueRange inits,
                    function_ref<SmallVector<Value>(Value, ValueRange)> body) {
  auto op = scf::ForOp::create(
      *this, index(0), count, index(1), inits,
      [&](OpBuilder &nested, Location, Value i, ValueRange values) {
        OpBuilder::InsertionGuard guard(*this);
        setInsertionPoint(nested.getInsertionBlock(),
                          nested.getInsertionPoint());
        scf::YieldOp::create(*this, body(i, values));
      });
  return op.getResults();
}

/// batch[b, column] as an index.
static Value extractIndex(KernelBuilder &builder, Value batch, Value b,
                          Value column) {
  Value value =
      tensor::ExtractOp::create(builder, batch, ValueRange{b, column});
  return arith::IndexCastOp::create(builder, builder.getIndexType(), value);
}

Sequence KernelBuilder::sequence(Value batch, Value b) {
  auto column = [&](int64_t i) {
    return extractIndex(*this, batch, b, index(i));
  };
  return {column(0), column(1), column(2), column(3), batch, b};
}

Value KernelBuilder::page(const Sequence &sequence, Value number) {
  return extractIndex(*this, sequence.batch, sequence.number,
                      add(number, index(kBatchColumns)));
}

//===----------------------------------------------------------------------===//
// Dispatch
//===----------------------------------------------------------------------===//

FailureOr<SmallVector<Value>>
jet::lowerToLinalg(KernelBuilder &b, Operation *op, ValueRange operands) {
  using Result = FailureOr<SmallVector<Value>>;
  return llvm::TypeSwitch<Operation *, Result>(op)
      .Case([&](EmbeddingOp op) { return lowerEmbedding(b, op, operands); })
      .Case([&](LastTokenOp op) { return lowerLastToken(b, op, operands); })
      .Case([&](GroupedLinearOp op) {
        return lowerGroupedLinear(b, op, operands);
      })
      .Case([&](GeneratedConvOp op) {
        return lowerGeneratedConv(b, op, operands);
      })
      .Case([&](LinearOp op) { return lowerLinear(b, op, operands); })
      .Case([&](QkvLinearOp op) { return lowerQkvLinear(b, op, operands); })
      .Case([&](TopKOp op) { return lowerTopK(b, op, operands); })
      .Case([&](LinearTopKOp op) { return lowerLinearTopK(b, op, operands); })
      .Case([&](MergeTopKOp op) { return lowerMergeTopK(b, op, operands); })
      .Case([&](SampleOp op) { return lowerSample(b, op, operands); })
      .Case(
          [&](SampleLogitsOp op) { return lowerSampleLogits(b, op, operands); })
      .Case([&](RmsNormOp op) { return lowerRmsNorm(b, op, operands); })
      .Case(
          [&](GatedRmsNormOp op) { return lowerGatedRmsNorm(b, op, operands); })
      .Case([&](L2NormOp op) { return lowerL2Norm(b, op, operands); })
      .Case([&](MapOp op) { return lowerMap(b, op, operands); })
      .Case([&](SwigluOp op) { return lowerSwiglu(b, op, operands); })
      .Case([&](RopeOp op) { return lowerRope(b, op, operands); })
      .Case([&](AttentionOp op) { return lowerAttention(b, op, operands); })
      .Case([&](KvAppendOp op) { return lowerKvAppend(b, op, operands); })
      .Case([&](DynamicConvOp op) { return lowerDynamicConv(b, op, operands); })
      .Case([&](ShortConvOp op) { return lowerShortConv(b, op, operands); })
      .Case([&](GatedDeltaRuleOp op) {
        return lowerGatedDeltaRule(b, op, operands);
      })
      .Case([&](DeltaStepOp op) { return lowerDeltaStep(b, op, operands); })
      .Default([](Operation *op) -> Result {
        return op->emitOpError("has no lowering to linalg");
      });
}
