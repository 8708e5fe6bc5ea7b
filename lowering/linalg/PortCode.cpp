// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "lowering/linalg/PortCode.h"

#include "mlir/IR/IRMapping.h"

using namespace mlir;
using namespace jet;

Value jet::applyRegion(KernelBuilder &b, Region &region, ValueRange inputs,
                       ArrayRef<AffineMap> maps, Value init) {
  auto type = cast<RankedTensorType>(init.getType());
  SmallVector<AffineMap> allMaps(maps);
  allMaps.push_back(b.getMultiDimIdentityMap(type.getRank()));
  SmallVector<utils::IteratorType> loops(type.getRank(),
                                         utils::IteratorType::parallel);
  auto generic = linalg::GenericOp::create(b, init.getType(), inputs, init,
                                           allMaps, loops);
  IRMapping mapping;
  region.cloneInto(&generic.getRegion(), mapping);
  Block &block = generic.getRegion().front();
  block.addArgument(type.getElementType(), b.getLoc());
  Operation *yield = block.getTerminator();
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPoint(yield);
  linalg::YieldOp::create(b, yield->getOperands());
  yield->erase();
  return generic.getResult(0);
}

Value PortCode::apply(const Port &port, ValueRange leading, Value init,
                      const SliceOf &at) {
  int64_t rank = cast<ShapedType>(init.getType()).getRank();
  SmallVector<Value> inputs(leading);
  SmallVector<AffineMap> maps(leading.size(), b.getMultiDimIdentityMap(rank));
  for (unsigned i = 0; i < port.extras.size(); ++i) {
    Value extra = operands[port.firstExtra + i];
    ArrayRef<int64_t> shape = cast<ShapedType>(extra.getType()).getShape();
    // Trailing dimensions face each other; sizes of 1 and missing dimensions
    // are broadcast.
    size_t missing = at.sizes.size() - shape.size();
    SliceOf own;
    SmallVector<AffineExpr> dims;
    unsigned loop = 0;
    for (size_t d = 0; d < at.sizes.size(); ++d) {
      bool exists = d >= missing, stretched = exists && shape[d - missing] == 1;
      if (exists) {
        own.offsets.push_back(stretched ? b.getIndexAttr(0) : at.offsets[d]);
        own.sizes.push_back(stretched ? b.getIndexAttr(1) : at.sizes[d]);
        own.keep.push_back(at.keep[d] && !stretched);
        if (own.keep.back())
          dims.push_back(b.getAffineDimExpr(loop));
      }
      loop += at.keep[d];
    }
    inputs.push_back(b.slice(extra, own.offsets, own.sizes, own.keep));
    maps.push_back(AffineMap::get(rank, 0, dims, b.getContext()));
  }
  return applyRegion(b, *port.region, inputs, maps, init);
}

Value PortCode::read(unsigned index, const SliceOf &at) {
  Value slice = b.slice(operands[index], at.offsets, at.sizes, at.keep);
  std::optional<Port> port = findPort(op, index);
  if (!port)
    return slice;
  Value init =
      b.empty(tensor::getMixedSizes(b, b.getLoc(), slice), b.getF32Type());
  return apply(*port, slice, init, at);
}

Value PortCode::readScalar(unsigned index, const SliceOf &at) {
  Value element = tensor::ExtractOp::create(b, read(index, at), ValueRange());
  return b.convert(element, b.getF32Type());
}

Value PortCode::write(unsigned index, ValueRange products, Value init,
                      const SliceOf &at) {
  if (std::optional<Port> port = findPort(op, resultPort(index)))
    return apply(*port, products, init, at);
  if (products.front() == init)
    return init;
  return b.elementwiseInto(products.front(), init,
                           [](ValueRange in) { return in[0]; });
}
