// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "dialects/tile/Tile.h"

#include "mlir/Interfaces/FunctionImplementation.h"

using namespace mlir;
using namespace jet::tile;

//===----------------------------------------------------------------------===//
// KernelOp
//===----------------------------------------------------------------------===//

ParseResult KernelOp::parse(OpAsmParser &parser, OperationState &result) {
  StringAttr name;
  SmallVector<OpAsmParser::Argument> arguments;
  SmallVector<Type> results;
  SmallVector<DictionaryAttr> resultAttrs;
  bool isVariadic = false;
  Builder &builder = parser.getBuilder();
  if (parser.parseSymbolName(name, SymbolTable::getSymbolAttrName(),
                             result.attributes) ||
      function_interface_impl::parseFunctionSignatureWithArguments(
          parser, /*allowVariadic=*/false, arguments, isVariadic, results,
          resultAttrs))
    return failure();
  SmallVector<Type> types;
  for (OpAsmParser::Argument &argument : arguments)
    types.push_back(argument.type);
  result.addAttribute(getFunctionTypeAttrName(result.name),
                      TypeAttr::get(builder.getFunctionType(types, results)));
  int32_t block = 0, cluster = 1;
  if (parser.parseKeyword("block") || parser.parseInteger(block))
    return failure();
  if (succeeded(parser.parseOptionalKeyword("cluster")) &&
      parser.parseInteger(cluster))
    return failure();
  result.addAttribute(getBlockAttrName(result.name),
                      builder.getI32IntegerAttr(block));
  result.addAttribute(getClusterAttrName(result.name),
                      builder.getI32IntegerAttr(cluster));
  if (parser.parseOptionalAttrDictWithKeyword(result.attributes))
    return failure();
  call_interface_impl::addArgAndResultAttrs(
      builder, result, arguments, resultAttrs, getArgAttrsAttrName(result.name),
      getResAttrsAttrName(result.name));
  return parser.parseRegion(*result.addRegion(), arguments);
}

void KernelOp::print(OpAsmPrinter &printer) {
  printer << ' ';
  printer.printSymbolName(getSymName());
  call_interface_impl::printFunctionSignature(
      printer, getArgumentTypes(), getArgAttrsAttr(), /*isVariadic=*/false,
      getResultTypes(), getResAttrsAttr(), &getBody(),
      /*printEmptyResult=*/false);
  printer << " block " << getBlock();
  if (getCluster() != 1)
    printer << " cluster " << getCluster();
  function_interface_impl::printFunctionAttributes(
      printer, *this,
      {getFunctionTypeAttrName(), getBlockAttrName(), getClusterAttrName(),
       getArgAttrsAttrName(), getResAttrsAttrName()});
  printer << ' ';
  printer.printRegion(getBody(), /*printEntryBlockArgs=*/false);
}

LogicalResult KernelOp::verify() {
  int32_t block = getBlock(), cluster = getCluster();
  if (block % 32 || block < 32 || block > 1024) // C1
    return emitOpError("expected a multiple of 32 threads, 32 to 1024, found ")
           << block;
  if (cluster < 1 || cluster > 8) // C2
    return emitOpError("expected a cluster of 1 to 8, found ") << cluster;
  for (Type type : getArgumentTypes()) { // C3
    if (auto memory = dyn_cast<MemRefType>(type)) {
      if (!memory.getLayout().isIdentity() || memory.getRank() == 0 ||
          !memory.getElementType().isIntOrFloat() ||
          ShapedType::isDynamicShape(memory.getShape().drop_front()))
        return emitOpError("expected row-major memory whose leading size alone "
                           "may be dynamic, found ")
               << type;
    } else if (!isa<TensorMapType>(type) && !type.isIntOrIndexOrFloat()) {
      return emitOpError("expected memory, a tensor map or a scalar, found ")
             << type;
    }
  }
  if (!getResultTypes().empty()) // C4
    return emitOpError("expected no results, found ")
           << getResultTypes().size();
  return success();
}

SmallVector<int64_t> KernelOp::assignOffsets() {
  SmallVector<int64_t> offsets;
  int64_t end = 0;
  for (AllocOp alloc : getBody().front().getOps<AllocOp>()) {
    Type type = alloc.getType();
    auto tile = dyn_cast<SharedType>(type);
    int64_t bytes =
        tile ? tile.getNumBytes() : 8 * cast<BarriersType>(type).getCount();
    end = llvm::alignTo(end, tile ? tile.getAlignment() : 8);
    offsets.push_back(end);
    end += bytes;
  }
  offsets.push_back(end);
  return offsets;
}

LogicalResult KernelOp::verifyRegions() {
  if (getBody().empty())
    return emitOpError("expected a body");
  int64_t bytes = assignOffsets().back();
  if (bytes > kMaxSharedBytes) // C5
    return emitOpError("expected at most ")
           << kMaxSharedBytes << " bytes of shared memory, found " << bytes;
  return success();
}

LogicalResult jet::tile::KernelsOp::verify() {
  for (Operation &op : getBody().front())
    if (!isa<KernelOp>(op)) // C1
      return op.emitOpError("expected a tile.kernel in tile.kernels");
  return success();
}

//===----------------------------------------------------------------------===//
// AllocOp, SliceOp, ViewOp, ReuseOp
//===----------------------------------------------------------------------===//

LogicalResult AllocOp::verify() {
  auto kernel = dyn_cast_or_null<KernelOp>((*this)->getParentOp());
  if (!kernel || (*this)->getBlock() != &kernel.getBody().front()) // C1
    return emitOpError("expected a place in the kernel's entry block");
  return success();
}

LogicalResult SliceOp::verify() {
  SharedType source = getSource().getType();
  size_t indices = getIndices().size();
  if (indices >= source.getShape().size()) // C1
    return emitOpError("expected fewer indices than the source's ")
           << source.getShape().size() << " sizes, found " << indices;
  if (source.dropLeading(indices) != getType())
    return emitOpError("expected a result of ")
           << source.dropLeading(indices) << ", found " << getType();
  if (source.getSwizzle() &&
      getType().getNumBytes() % getType().getAlignment()) // C2
    return emitOpError("expected a swizzled tile of a multiple of ")
           << getType().getAlignment() << " bytes, found "
           << getType().getNumBytes();
  return success();
}

LogicalResult ViewOp::verify() {
  SharedType source = getSource().getType(), result = getType();
  // C1. A swizzle repeats each 8 rows from the start of the bytes, so any
  // split of the rows keeps it as long as the last size stays.
  if (source.getElementType() != result.getElementType() ||
      source.getNumElements() != result.getNumElements() ||
      source.getSwizzle() != result.getSwizzle() ||
      (source.getSwizzle() &&
       source.getShape().back() != result.getShape().back()))
    return emitOpError("expected the same elements, swizzle and (if swizzled) "
                       "rows as ")
           << source << ", found " << result;
  return success();
}

LogicalResult ReuseOp::verify() {
  SharedType source = getSource().getType(), result = getType();
  int64_t offset = getOffset();
  if (offset < 0 || offset > source.getNumBytes() - result.getNumBytes()) // C1
    return emitOpError("expected a tile in the ")
           << source.getNumBytes() << " bytes of " << source << ", found "
           << result << " at " << offset;
  if (result.getAlignment() > source.getAlignment() ||
      offset % result.getAlignment()) // C2
    return emitOpError("expected an alignment of at most ")
           << source.getAlignment() << ", and a multiple of it, found "
           << result << " at " << offset;
  return success();
}

//===----------------------------------------------------------------------===//
// RolesOp, RoleOp
//===----------------------------------------------------------------------===//

LogicalResult RolesOp::verify() {
  int64_t threads = 0, registers = 0, budgets = 0, roles = 0;
  for (Operation &op : getBody().front()) {
    auto role = dyn_cast<RoleOp>(op);
    if (!role) // C1
      return op.emitOpError("expected a role");
    ++roles;
    threads += role.getThreads();
    budgets += role.getRegisters().has_value();
    registers += int64_t(role.getThreads()) * role.getRegisters().value_or(0);
  }
  auto kernel = (*this)->getParentOfType<KernelOp>();
  if (kernel && threads != kernel.getBlock()) // C2
    return emitOpError("expected roles of ")
           << kernel.getBlock() << " threads together, found " << threads;
  // Each thread begins with as many as all can have, in eights.
  int64_t held = threads ? kMaxRegisters / threads / 8 * 8 * threads : 0;
  if (registers > held) // C3
    return emitOpError("expected at most ")
           << held << " registers in all roles, found " << registers;
  if (budgets && budgets != roles) // C4
    return emitOpError("expected registers of all roles or of none");
  return success();
}

LogicalResult RoleOp::verify() {
  int32_t unit = getRegisters() ? 128 : 32;
  int32_t threads = getThreads();
  if (threads <= 0 || threads % unit) // C1
    return emitOpError("expected a multiple of ")
           << unit << " threads, found " << threads;
  int32_t registers = getRegisters().value_or(24);
  if (registers % 8 || registers < 24 || registers > 240) // C2
    return emitOpError("expected a multiple of 8 registers, 24 to 240, found ")
           << registers;
  return success();
}

//===----------------------------------------------------------------------===//
// Synchronisation
//===----------------------------------------------------------------------===//

LogicalResult InitBarriersOp::verify() {
  int32_t count = getCount();
  if (count < 1 || count >= 1 << 20) // C1
    return emitOpError("expected a count of 1 to 1048575, found ") << count;
  return success();
}

LogicalResult SyncOp::verify() {
  if (getId().has_value() != getThreads().has_value()) // C3
    return emitOpError("expected an id and threads, or neither");
  if (!getId())
    return success();
  int32_t id = *getId(), threads = *getThreads();
  if (id < 1 || id > 15) // C1
    return emitOpError("expected an id of 1 to 15, found ") << id;
  auto kernel = (*this)->getParentOfType<KernelOp>();
  int32_t most = kernel ? kernel.getBlock() : 1024;
  if (threads <= 0 || threads % 32 || threads > most) // C2
    return emitOpError("expected a multiple of 32 threads up to ")
           << most << ", found " << threads;
  return success();
}

static LogicalResult verifySignal(Operation *op, Type memory, size_t indices) {
  auto signals = dyn_cast<MemRefType>(memory);
  if (!signals || !signals.getElementType().isInteger(32)) // C1
    return op->emitOpError("expected ranked memory of i32, found ") << memory;
  if (int64_t(indices) != signals.getRank()) // C2
    return op->emitOpError("expected ")
           << signals.getRank() << " indices, found " << indices;
  return success();
}

LogicalResult AddSignalOp::verify() {
  return verifySignal(*this, getSignals().getType(), getIndices().size());
}

LogicalResult WaitSignalOp::verify() {
  return verifySignal(*this, getSignals().getType(), getIndices().size());
}
