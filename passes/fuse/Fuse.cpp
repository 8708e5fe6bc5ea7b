// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "passes/fuse/Fuse.h"

#include "dialects/jet/ScalarMath.h"
#include "mlir/IR/IRMapping.h"

using namespace mlir;
using namespace jet;

LogicalResult FusionLog::refuse(Operation *op, const Twine &reason) {
  if (remarks)
    op->emitRemark() << "fusion '" << fusion << "' refused: " << reason;
  return failure();
}

void jet::hoistViews(func::FuncOp program) {
  Block &block = program.getBody().front();
  Operation *last = nullptr; // of the parameters
  for (Operation &op : llvm::make_early_inc_range(block)) {
    if (isa<ParamOp, PackedParamOp, ParamRowsOp>(op)) {
      if (last)
        op.moveAfter(last);
      else
        op.moveBefore(&block, block.begin());
      last = &op;
    } else if (isa<SplitHeadsOp, MergeHeadsOp>(op)) {
      if (Operation *source = op.getOperand(0).getDefiningOp())
        op.moveAfter(source);
    }
  }
}

bool jet::isAvailableAt(Value value, Operation *op) {
  Operation *source = value.getDefiningOp();
  return !source || source->isBeforeInBlock(op);
}

namespace {

/// Writes the body of a port by appending copies of other bodies.
class BodyWriter {
public:
  BodyWriter(RewriterBase &rewriter, Location location)
      : b(rewriter), guard(rewriter), location(location) {
    block = b.createBlock(&region);
  }

  Value addArgument(Type type) { return block->addArgument(type, location); }

  /// Copies `body` with its arguments replaced; returns what it yields.
  Value append(Region &body, ValueRange arguments) {
    IRMapping mapping;
    mapping.map(body.front().getArguments(), arguments);
    for (Operation &op : body.front().without_terminator())
      b.clone(op, mapping);
    return mapping.lookupOrDefault(
        cast<YieldOp>(body.front().getTerminator()).getValue());
  }

  Value convert(Value value, Type type) {
    ImplicitLocOpBuilder builder(location, b);
    return buildConvert(builder, value, type);
  }

  Region &finish(Value value) {
    YieldOp::create(b, location, value);
    return region;
  }

private:
  RewriterBase &b;
  OpBuilder::InsertionGuard guard;
  Location location;
  Region region;
  Block *block;
};

Type elementOf(Value value) { return getElementTypeOrSelf(value.getType()); }

} // namespace

LogicalResult jet::fuseIntoResult(RewriterBase &rewriter, PortOpInterface op,
                                  unsigned index, MapOp map, FusionLog &log) {
  Value result = op->getResult(index);
  if (!op.acceptsPort(resultPort(index)))
    return log.refuse(map, op->getName().getStringRef() +
                               " cannot carry code on this result");
  if (!result.hasOneUse())
    return log.refuse(map, "the result that it reads has other readers");
  if (!elementOf(result).isF32())
    return log.refuse(map, "the result that it reads is rounded first");
  for (Value input : map.getInputs())
    if (input != result && !isAvailableAt(input, op))
      return log.refuse(map, "another input comes after the op that it would "
                             "move into");

  BodyWriter body(rewriter, map.getLoc());
  std::optional<Port> old = findPort(op, resultPort(index));
  SmallVector<Value> extras, arguments;
  for (int64_t i = 0; i < op.getLeadingArguments(resultPort(index)); ++i)
    arguments.push_back(body.addArgument(rewriter.getF32Type()));
  Value value = arguments.front();
  if (old) {
    for (Value extra : old->extras) {
      extras.push_back(extra);
      arguments.push_back(body.addArgument(elementOf(extra)));
    }
    value = body.append(*old->region, arguments);
  }
  SmallVector<Value> mapArguments;
  for (Value input : map.getInputs()) {
    if (input != result) {
      extras.push_back(input);
      mapArguments.push_back(body.addArgument(elementOf(input)));
    } else {
      mapArguments.push_back(value);
    }
  }
  Region &region = body.finish(body.append(map.getBody(), mapArguments));
  Type type = map.getType();
  rewriter.setInsertionPoint(op);
  Operation *fused =
      setPort(rewriter, op, resultPort(index), extras, region, type);
  rewriter.replaceOp(map, fused->getResult(index));
  return success();
}

LogicalResult jet::fuseIntoOperand(RewriterBase &rewriter, PortOpInterface op,
                                   unsigned index, FusionLog &log) {
  Value operand = op->getOperand(index);
  auto view = operand.getDefiningOp<SplitHeadsOp>();
  Value source = view ? view.getX() : operand;
  auto map = source.getDefiningOp<MapOp>();
  if (!map)
    return failure();
  if (!op.acceptsPort(index))
    return log.refuse(map, op->getName().getStringRef() +
                               " cannot carry code on this operand");
  if (!source.hasOneUse() || !operand.hasOneUse())
    return log.refuse(map, "its result has other readers");
  if (view && map.getInputs().size() > 1)
    return log.refuse(map, "its other inputs are not split into heads");

  auto type = cast<RankedTensorType>(map.getType());
  auto isMain = [&](Value input) {
    return cast<RankedTensorType>(input.getType()).getShape() ==
           type.getShape();
  };
  Value main = *llvm::find_if(map.getInputs(), isMain);
  BodyWriter body(rewriter, map.getLoc());
  Value element = body.addArgument(elementOf(main));
  SmallVector<Value> extras, mapArguments;
  for (Value input : map.getInputs()) {
    if (input == main) {
      mapArguments.push_back(element);
      continue;
    }
    extras.push_back(input);
    mapArguments.push_back(body.addArgument(elementOf(input)));
  }
  Value value = body.append(map.getBody(), mapArguments);
  if (std::optional<Port> old = findPort(op, index)) {
    SmallVector<Value> arguments = {value};
    for (Value extra : old->extras) {
      extras.push_back(extra);
      arguments.push_back(body.addArgument(elementOf(extra)));
    }
    value = body.append(*old->region, arguments);
  }
  Region &region = body.finish(body.convert(value, rewriter.getF32Type()));

  if (view) {
    rewriter.setInsertionPoint(view);
    auto viewType = cast<RankedTensorType>(view.getType());
    main = SplitHeadsOp::create(
        rewriter, view.getLoc(),
        RankedTensorType::get(viewType.getShape(), elementOf(main)), main);
  }
  rewriter.setInsertionPoint(op);
  rewriter.modifyOpInPlace(op, [&] { op->setOperand(index, main); });
  setPort(rewriter, op, index, extras, region);
  if (view)
    rewriter.eraseOp(view);
  rewriter.eraseOp(map);
  return success();
}
