// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "dialects/tile/Tile.h"

#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace jet::tile;

static Type getElementType(Type memory) {
  if (auto tile = dyn_cast<SharedType>(memory))
    return tile.getElementType();
  return cast<MemRefType>(memory).getElementType();
}

static int64_t getRank(Type memory) {
  if (auto tile = dyn_cast<SharedType>(memory))
    return tile.getShape().size();
  return cast<MemRefType>(memory).getRank();
}

static LogicalResult verifyIndices(Operation *op, Type memory, size_t indices) {
  if (int64_t(indices) != getRank(memory))
    return op->emitOpError("expected ")
           << getRank(memory) << " indices, found " << indices;
  return success();
}

/// C1, C2 of loads and stores.
static LogicalResult verifyAccess(Operation *op, Type memory, size_t indices,
                                  Type value) {
  if (!isa<SharedType, MemRefType>(memory))
    return op->emitOpError("expected ranked memory, found ") << memory;
  if (failed(verifyIndices(op, memory, indices)))
    return failure();
  auto vector = dyn_cast<VectorType>(value);
  Type element = vector ? vector.getElementType() : value;
  if (element != getElementType(memory) || (vector && vector.getRank() != 1))
    return op->emitOpError("expected ")
           << getElementType(memory) << " or a vector of it, found " << value;
  if (!element.isIntOrFloat())
    return op->emitOpError("expected integers or floats, found ") << element;
  int64_t bits =
      element.getIntOrFloatBitWidth() * (vector ? vector.getNumElements() : 1);
  if (bits > 128 || bits < 8 || !llvm::isPowerOf2_64(bits))
    return op->emitOpError("expected 1, 2, 4, 8 or 16 bytes, found ") << value;
  return success();
}

LogicalResult LoadOp::verify() {
  if (failed(verifyAccess(*this, getMemory().getType(), getIndices().size(),
                          getType())))
    return failure();
  if (bool(getMask()) != bool(getOther()) ||
      (getOther() && getOther().getType() != getType())) // C3
    return emitOpError("expected a mask and a default of ") << getType();
  return success();
}

LogicalResult StoreOp::verify() {
  return verifyAccess(*this, getMemory().getType(), getIndices().size(),
                      getValue().getType());
}

LogicalResult LoadRemoteOp::verify() {
  return verifyAccess(*this, getMemory().getType(), getIndices().size(),
                      getType());
}

LogicalResult StoreRemoteOp::verify() {
  return verifyAccess(*this, getMemory().getType(), getIndices().size(),
                      getValue().getType());
}

//===----------------------------------------------------------------------===//
// TMA
//===----------------------------------------------------------------------===//

static LogicalResult verifyCoordinates(Operation *op, TensorMapType map,
                                       size_t coordinates) {
  if (coordinates != map.getShape().size()) // C1
    return op->emitOpError("expected ")
           << map.getShape().size() << " coordinates, found " << coordinates;
  return success();
}

static LogicalResult verifyBox(Operation *op, TensorMapType map,
                               size_t coordinates, SharedType tile) {
  if (failed(verifyCoordinates(op, map, coordinates)))
    return failure();
  int64_t elements = 1;
  for (int64_t size : map.getShape())
    elements *= size;
  if (tile.getElementType() != map.getElementType() ||
      tile.getNumElements() != elements ||
      tile.getSwizzle() != map.getSwizzle()) // C2
    return op->emitOpError("expected a tile of the elements and swizzle of ")
           << map << ", found " << tile;
  return success();
}

LogicalResult TmaLoadOp::verify() {
  return verifyBox(*this, getMap().getType(), getCoordinates().size(),
                   getDestination().getType());
}

LogicalResult TmaStoreOp::verify() {
  return verifyBox(*this, getMap().getType(), getCoordinates().size(),
                   getSource().getType());
}

LogicalResult TmaPrefetchOp::verify() {
  return verifyCoordinates(*this, getMap().getType(), getCoordinates().size());
}

//===----------------------------------------------------------------------===//
// Bulk copies, cp.async
//===----------------------------------------------------------------------===//

static LogicalResult verifyElements(Operation *op, MemRefType memory,
                                    SharedType tile) {
  if (memory.getElementType() != tile.getElementType()) // C2
    return op->emitOpError("expected elements of ")
           << memory.getElementType() << ", found " << tile;
  return success();
}

static LogicalResult verifyBulk(Operation *op, Type type, size_t indices,
                                SharedType tile) {
  auto memory = dyn_cast<MemRefType>(type);
  if (!memory)
    return op->emitOpError("expected ranked memory, found ") << type;
  if (failed(verifyIndices(op, memory, indices)) || // C1
      failed(verifyElements(op, memory, tile)))
    return failure();
  if (tile.getSwizzle()) // C3
    return op->emitOpError("expected a tile without swizzle, found ") << tile;
  if (tile.getNumBytes() % 16) // C4
    return op->emitOpError("expected a multiple of 16 bytes, found ")
           << tile.getNumBytes();
  return success();
}

LogicalResult BulkLoadOp::verify() {
  return verifyBulk(*this, getMemory().getType(), getIndices().size(),
                    getDestination().getType());
}

LogicalResult BulkStoreOp::verify() {
  return verifyBulk(*this, getMemory().getType(), getIndices().size(),
                    getSource().getType());
}

LogicalResult CpAsyncOp::verify() {
  auto memory = dyn_cast<MemRefType>(getMemory().getType());
  SharedType tile = getDestination().getType();
  if (!memory)
    return emitOpError("expected ranked memory, found ")
           << getMemory().getType();
  if (failed(verifyIndices(*this, memory, getIndices().size())) || // C1
      failed(verifyIndices(*this, tile, getAt().size())) ||
      failed(verifyElements(*this, memory, tile)))
    return failure();
  int64_t bytes =
      int64_t(getCount()) * tile.getElementType().getIntOrFloatBitWidth() / 8;
  if (bytes != 4 && bytes != 8 && bytes != 16) // C3
    return emitOpError("expected 4, 8 or 16 bytes, found ") << bytes;
  return success();
}

LogicalResult ShuffleXorOp::verify() {
  if (getOffset() < 1 || getOffset() > 31) // C1
    return emitOpError("expected an offset of 1 to 31, found ") << getOffset();
  return success();
}
