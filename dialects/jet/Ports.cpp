// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "dialects/jet/Ports.h"

#include "mlir/IR/IRMapping.h"

using namespace mlir;
using namespace jet;

bool jet::broadcastsTo(ArrayRef<int64_t> from, ArrayRef<int64_t> to) {
  if (from.size() > to.size())
    return false;
  for (auto [a, b] : llvm::zip_equal(from, to.take_back(from.size())))
    if (a != b && a != 1)
      return false;
  return true;
}

RankedTensorType jet::getPortType(Operation *op, int64_t port) {
  Value value = port >= 0 ? op->getOperand(port) : op->getResult(-1 - port);
  return dyn_cast<RankedTensorType>(value.getType());
}

SmallVector<Port> jet::getPorts(PortOpInterface op) {
  SmallVector<Port> ports;
  ArrayRef<int64_t> pairs = op.getPortsAttr().asArrayRef();
  OperandRange extras = op.getExtras();
  for (auto [index, region] : llvm::enumerate(op.getPortRegions())) {
    int64_t count = pairs[2 * index + 1];
    // Extras are the last operands.
    unsigned first = op->getNumOperands() - extras.size();
    ports.push_back(
        {pairs[2 * index], extras.take_front(count), first, &region});
    extras = extras.drop_front(count);
  }
  return ports;
}

std::optional<Port> jet::findPort(PortOpInterface op, int64_t number) {
  for (const Port &port : getPorts(op))
    if (port.number == number)
      return port;
  return std::nullopt;
}

static LogicalResult verifyPort(PortOpInterface op, const Port &port) {
  std::string name = port.number >= 0
                         ? "operand " + std::to_string(port.number)
                         : "result " + std::to_string(-1 - port.number);
  bool exists =
      port.number >= 0
          ? port.number < op->getNumOperands() - (int64_t)op.getExtras().size()
          : -1 - port.number < op->getNumResults();
  if (!exists || !op.acceptsPort(port.number))
    return op->emitOpError() << "cannot carry code on " << name;
  RankedTensorType type = getPortType(op, port.number);
  Block &body = port.region->front();
  int64_t leading = op.getLeadingArguments(port.number);
  if (body.getNumArguments() != leading + port.extras.size())
    return op->emitOpError() << "expected " << leading + port.extras.size()
                             << " region arguments on " << name << ", found "
                             << body.getNumArguments();
  for (int64_t i = 0; i < leading; ++i) {
    // Code on a result sees what was accumulated.
    Type expected = port.number >= 0 ? type.getElementType()
                                     : Float32Type::get(op->getContext());
    if (body.getArgument(i).getType() != expected)
      return op->emitOpError() << "expected region argument " << i << " on "
                               << name << " of type " << expected << ", found "
                               << body.getArgument(i).getType();
  }
  for (auto [extra, argument] :
       llvm::zip_equal(port.extras, body.getArguments().drop_front(leading))) {
    auto extraType = cast<RankedTensorType>(extra.getType());
    if (!broadcastsTo(extraType.getShape(), type.getShape()))
      return op->emitOpError()
             << "expected an extra tensor on " << name << " that broadcasts to "
             << type << ", found " << extraType;
    if (argument.getType() != extraType.getElementType())
      return op->emitOpError() << "expected a region argument of type "
                               << extraType.getElementType() << " on " << name
                               << ", found " << argument.getType();
  }
  auto yield = dyn_cast<YieldOp>(body.getTerminator());
  Type expected = port.number >= 0 ? Type(Float32Type::get(op->getContext()))
                                   : type.getElementType();
  if (!yield || yield.getValue().getType() != expected)
    return op->emitOpError()
           << "expected the code on " << name << " to yield " << expected;
  return success();
}

LogicalResult jet::verifyPorts(Operation *operation) {
  auto op = cast<PortOpInterface>(operation);
  ArrayRef<int64_t> pairs = op.getPortsAttr().asArrayRef();
  if (pairs.size() != 2 * op.getPortRegions().size())
    return op->emitOpError() << "expected a pair in 'ports' per region";
  int64_t extras = 0;
  llvm::SmallDenseSet<int64_t> seen;
  for (size_t i = 0; i < pairs.size(); i += 2) {
    if (pairs[i + 1] < 0 || !seen.insert(pairs[i]).second)
      return op->emitOpError() << "expected each port once in 'ports'";
    extras += pairs[i + 1];
  }
  if (extras != static_cast<int64_t>(op.getExtras().size()))
    return op->emitOpError()
           << "expected " << extras << " extra tensors as in 'ports', found "
           << op.getExtras().size();
  for (const Port &port : getPorts(op))
    if (failed(verifyPort(op, port)))
      return failure();
  return success();
}

//===----------------------------------------------------------------------===//
// Building
//===----------------------------------------------------------------------===//

void AttentionOp::build(OpBuilder &builder, OperationState &state,
                        TypeRange results, ValueRange operands) {
  build(builder, state, results[0], operands[0], operands[1], operands[2],
        operands[3], operands[4], /*extras=*/ValueRange(),
        /*ports=*/ArrayRef<int64_t>(), /*port_regionsCount=*/0);
}

void DynamicConvOp::build(OpBuilder &, OperationState &state, TypeRange results,
                          ValueRange operands) {
  state.addTypes(results);
  state.addOperands(operands);
}

void ShortConvOp::build(OpBuilder &, OperationState &state, TypeRange results,
                        ValueRange operands) {
  state.addTypes(results);
  state.addOperands(operands);
}

void GeneratedConvOp::build(OpBuilder &, OperationState &state,
                            TypeRange results, ValueRange operands) {
  state.addTypes(results);
  state.addOperands(operands);
}

void GatedDeltaRuleOp::build(OpBuilder &builder, OperationState &state,
                             TypeRange results, ValueRange operands) {
  build(builder, state, results[0], results[1], operands[0], operands[1],
        operands[2], operands[3], operands[4], operands[5], operands[6],
        /*gate=*/Value(), /*weight=*/Value(), /*extras=*/ValueRange(),
        /*ports=*/ArrayRef<int64_t>(), /*qk_norm_eps=*/FloatAttr(),
        /*q_scale=*/FloatAttr(), /*norm_eps=*/FloatAttr(),
        /*additive=*/false, /*port_regionsCount=*/0);
}

void GroupedLinearOp::build(OpBuilder &builder, OperationState &state,
                            TypeRange results, Value x, ValueRange weights,
                            ArrayRef<int64_t> products, Value norm,
                            FloatAttr normEps) {
  build(builder, state, results, x, weights, norm, /*extras=*/ValueRange(),
        /*ports=*/ArrayRef<int64_t>(), products, normEps,
        /*port_regionsCount=*/0);
}

//===----------------------------------------------------------------------===//
// Changing ports
//===----------------------------------------------------------------------===//

Operation *jet::setPort(RewriterBase &rewriter, PortOpInterface op,
                        int64_t number, ValueRange extras, Region &body,
                        Type resultType) {
  SmallVector<int64_t> pairs;
  SmallVector<Value> operands(
      op->getOperands().drop_back(op.getExtras().size()));
  size_t allExtras = 0;
  SmallVector<Region *> bodies;
  auto append = [&](int64_t number, ValueRange extras, Region *region) {
    pairs.append({number, static_cast<int64_t>(extras.size())});
    llvm::append_range(operands, extras);
    allExtras += extras.size();
    bodies.push_back(region);
  };
  for (const Port &port : getPorts(op))
    if (port.number != number)
      append(port.number, port.extras, port.region);
  append(number, extras, &body);

  NamedAttrList attributes(op->getAttrDictionary());
  attributes.set("ports", rewriter.getDenseI64ArrayAttr(pairs));
  StringRef segmentsName = "operandSegmentSizes";
  if (auto segments =
          dyn_cast_or_null<DenseI32ArrayAttr>(attributes.get(segmentsName))) {
    SmallVector<int32_t> sizes(segments.asArrayRef());
    sizes.back() = allExtras; // extras are the last group
    attributes.set(segmentsName, rewriter.getDenseI32ArrayAttr(sizes));
  }
  SmallVector<Type> types(op->getResultTypes());
  if (resultType)
    types[-1 - number] = resultType;
  OperationState state(op->getLoc(), op->getName().getStringRef(), operands,
                       types, attributes);
  for (Region *region : bodies) {
    Region *copy = state.addRegion();
    IRMapping mapping;
    region->cloneInto(copy, mapping);
  }
  Operation *changed = rewriter.create(state);
  rewriter.replaceOp(op, changed->getResults());
  return changed;
}

//===----------------------------------------------------------------------===//
// Assembly: on result 0 with(%a, %b) { … }
//===----------------------------------------------------------------------===//

ParseResult
jet::parsePorts(OpAsmParser &parser,
                SmallVectorImpl<OpAsmParser::UnresolvedOperand> &extras,
                DenseI64ArrayAttr &ports,
                SmallVectorImpl<std::unique_ptr<Region>> &regions) {
  SmallVector<int64_t> pairs;
  while (succeeded(parser.parseOptionalKeyword("on"))) {
    bool isResult = succeeded(parser.parseOptionalKeyword("result"));
    int64_t number;
    if ((!isResult && parser.parseKeyword("operand", " or 'result'")) ||
        parser.parseInteger(number))
      return failure();
    size_t before = extras.size();
    if (succeeded(parser.parseOptionalKeyword("with")) &&
        parser.parseOperandList(extras, OpAsmParser::Delimiter::Paren))
      return failure();
    pairs.append({isResult ? -1 - number : number,
                  static_cast<int64_t>(extras.size() - before)});
    regions.push_back(std::make_unique<Region>());
    if (parser.parseRegion(*regions.back()))
      return failure();
  }
  ports = parser.getBuilder().getDenseI64ArrayAttr(pairs);
  return success();
}

void jet::printPorts(OpAsmPrinter &printer, Operation *op, OperandRange extras,
                     DenseI64ArrayAttr ports, RegionRange regions) {
  ArrayRef<int64_t> pairs = ports.asArrayRef();
  for (auto [index, region] : llvm::enumerate(regions)) {
    int64_t number = pairs[2 * index], count = pairs[2 * index + 1];
    printer.printNewline();
    printer << "  on " << (number >= 0 ? "operand " : "result ")
            << (number >= 0 ? number : -1 - number) << " ";
    if (count) {
      printer << "with(" << extras.take_front(count) << ") ";
      extras = extras.drop_front(count);
    }
    printer.printRegion(*region);
  }
}
