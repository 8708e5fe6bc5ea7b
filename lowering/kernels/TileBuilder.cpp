// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "lowering/kernels/TileBuilder.h"

using namespace mlir;
using namespace jet;

//===----------------------------------------------------------------------===//
// Scalars
//===----------------------------------------------------------------------===//

Value TileBuilder::index(int64_t value) {
  return arith::ConstantIndexOp::create(*this, value);
}
Value TileBuilder::add(Value a, Value b) {
  return createOrFold<arith::AddIOp>(a, b);
}
Value TileBuilder::sub(Value a, Value b) {
  return createOrFold<arith::SubIOp>(a, b);
}
Value TileBuilder::mul(Value a, Value b) {
  return createOrFold<arith::MulIOp>(a, b);
}
Value TileBuilder::div(Value a, int64_t b) { return div(a, index(b)); }
Value TileBuilder::div(Value a, Value b) {
  return createOrFold<arith::DivUIOp>(a, b);
}
Value TileBuilder::rem(Value a, int64_t b) {
  return createOrFold<arith::RemUIOp>(a, index(b));
}
Value TileBuilder::ceilDiv(Value a, int64_t b) { return div(add(a, b - 1), b); }
Value TileBuilder::ceilDiv(Value a, Value b) {
  return div(add(a, sub(b, index(1))), b);
}
Value TileBuilder::min(Value a, Value b) {
  return createOrFold<arith::MinSIOp>(a, b);
}
Value TileBuilder::max(Value a, Value b) {
  return createOrFold<arith::MaxSIOp>(a, b);
}

Value TileBuilder::less(Value a, Value b) {
  return createOrFold<arith::CmpIOp>(arith::CmpIPredicate::slt, a, b);
}
Value TileBuilder::equal(Value a, Value b) {
  return createOrFold<arith::CmpIOp>(arith::CmpIPredicate::eq, a, b);
}
Value TileBuilder::compare(arith::CmpIPredicate predicate, Value a, Value b) {
  return createOrFold<arith::CmpIOp>(predicate, a, b);
}
Value TileBuilder::compare(arith::CmpFPredicate predicate, Value a, Value b) {
  return createOrFold<arith::CmpFOp>(predicate, a, b);
}
Value TileBuilder::both(Value a, Value b) {
  return createOrFold<arith::AndIOp>(a, b);
}
Value TileBuilder::either(Value a, Value b) {
  return createOrFold<arith::OrIOp>(a, b);
}
Value TileBuilder::inverse(Value a) {
  return createOrFold<arith::XOrIOp>(
      a, arith::ConstantIntOp::create(*this, 1, /*width=*/1));
}
Value TileBuilder::select(Value condition, Value a, Value b) {
  return createOrFold<arith::SelectOp>(condition, a, b);
}

Value TileBuilder::i32(int64_t value) {
  return arith::ConstantIntOp::create(*this, value, /*width=*/32);
}
Value TileBuilder::toI32(Value index) {
  return createOrFold<arith::IndexCastOp>(getI32Type(), index);
}
Value TileBuilder::toIndex(Value i32) {
  return createOrFold<arith::IndexCastOp>(getIndexType(), i32);
}
Value TileBuilder::f32(double value) {
  return arith::ConstantOp::create(*this,
                                   getF32FloatAttr(static_cast<float>(value)));
}

static constexpr arith::FastMathFlags kContract =
    arith::FastMathFlags::contract;

Value TileBuilder::addf(Value a, Value b) {
  return arith::AddFOp::create(*this, a, b, kContract);
}
Value TileBuilder::subf(Value a, Value b) {
  return arith::SubFOp::create(*this, a, b, kContract);
}
Value TileBuilder::mulf(Value a, Value b) {
  return arith::MulFOp::create(*this, a, b, kContract);
}
Value TileBuilder::maxf(Value a, Value b) {
  return arith::MaxNumFOp::create(*this, a, b);
}
Value TileBuilder::fma(Value a, Value b, Value c) {
  return math::FmaOp::create(*this, a, b, c);
}
Value TileBuilder::exp(Value x) {
  return tile::Exp2Op::create(*this, getF32Type(),
                              mulf(x, f32(1.4426950408889634)));
}
Value TileBuilder::reciprocal(Value x) {
  return tile::RcpOp::create(*this, getF32Type(), x);
}
Value TileBuilder::silu(Value x) {
  Value e = exp(arith::NegFOp::create(*this, x));
  return mulf(x, reciprocal(addf(e, f32(1))));
}

Value TileBuilder::convert(Value value, Type element) {
  Type from = getElementTypeOrSelf(value.getType());
  if (from == element)
    return value;
  Type to = element;
  if (auto vector = dyn_cast<VectorType>(value.getType()))
    to = vector.clone(element);
  if (from.getIntOrFloatBitWidth() < element.getIntOrFloatBitWidth())
    return arith::ExtFOp::create(*this, to, value);
  return arith::TruncFOp::create(*this, to, value);
}

//===----------------------------------------------------------------------===//
// Memory
//===----------------------------------------------------------------------===//

static Type accessType(Value memory, int64_t width) {
  auto tile = dyn_cast<tile::SharedType>(memory.getType());
  Type element = tile ? tile.getElementType()
                      : cast<MemRefType>(memory.getType()).getElementType();
  return width == 1 ? element : VectorType::get(width, element);
}

Value TileBuilder::load(Value memory, ValueRange indices, int64_t width) {
  return tile::LoadOp::create(*this, accessType(memory, width), memory, indices,
                              Value(), Value());
}

Value TileBuilder::loadIf(Value mask, Value memory, ValueRange indices,
                          int64_t width) {
  Type type = accessType(memory, width);
  Value zero = arith::ConstantOp::create(*this, getZeroAttr(type));
  return tile::LoadOp::create(*this, type, memory, indices, mask, zero);
}

void TileBuilder::store(Value value, Value memory, ValueRange indices,
                        Value mask) {
  tile::StoreOp::create(*this, value, memory, indices, mask);
}

Value TileBuilder::alloc(Type type) {
  return tile::AllocOp::create(*this, type);
}

tile::SharedType TileBuilder::shared(ArrayRef<int64_t> shape, Type element,
                                     int64_t swizzle) {
  return tile::SharedType::get(getContext(), shape, element, swizzle);
}

Value TileBuilder::slice(Value tile, ValueRange indices) {
  auto type = cast<tile::SharedType>(tile.getType());
  return tile::SliceOp::create(*this, type.dropLeading(indices.size()), tile,
                               indices);
}

TileBuilder::Values TileBuilder::split(Value value) {
  auto type = dyn_cast<VectorType>(value.getType());
  if (!type)
    return {value};
  Values scalars;
  for (int64_t i = 0; i < type.getNumElements(); ++i)
    scalars.push_back(vector::ExtractOp::create(*this, value, i));
  return scalars;
}

Value TileBuilder::join(ValueRange scalars) {
  if (scalars.size() == 1)
    return scalars[0];
  auto type = VectorType::get(scalars.size(), scalars[0].getType());
  return vector::FromElementsOp::create(*this, type, scalars);
}

//===----------------------------------------------------------------------===//
// Control flow
//===----------------------------------------------------------------------===//

void TileBuilder::sync() {
  tile::SyncOp::create(*this, IntegerAttr(), IntegerAttr());
}

void TileBuilder::sync(int64_t id, int64_t threads) {
  tile::SyncOp::create(*this, getI32IntegerAttr(id),
                       getI32IntegerAttr(threads));
}

void TileBuilder::ifThen(Value condition, Body then) {
  auto op = scf::IfOp::create(*this, condition, /*withElseRegion=*/false);
  OpBuilder::InsertionGuard guard(*this);
  setInsertionPointToStart(op.thenBlock());
  then();
}

void TileBuilder::ifElse(Value condition, Body then, Body otherwise) {
  auto op = scf::IfOp::create(*this, condition, /*withElseRegion=*/true);
  OpBuilder::InsertionGuard guard(*this);
  setInsertionPointToStart(op.thenBlock());
  then();
  setInsertionPointToStart(op.elseBlock());
  otherwise();
}

Value TileBuilder::ifElse(Value condition, Type type,
                          function_ref<Value()> then,
                          function_ref<Value()> otherwise) {
  auto op = scf::IfOp::create(*this, TypeRange(type), condition,
                              /*withElseRegion=*/true);
  OpBuilder::InsertionGuard guard(*this);
  setInsertionPointToStart(op.thenBlock());
  scf::YieldOp::create(*this, then());
  setInsertionPointToStart(op.elseBlock());
  scf::YieldOp::create(*this, otherwise());
  return op.getResult(0);
}

void TileBuilder::loop(Value from, Value to, Value step,
                       function_ref<void(Value)> body) {
  loop(from, to, step, ValueRange(), [&](Value i, ValueRange) -> Values {
    body(i);
    return {};
  });
}

TileBuilder::Values
TileBuilder::loop(Value from, Value to, Value step, ValueRange inits,
                  function_ref<Values(Value, ValueRange)> body) {
  auto op = scf::ForOp::create(*this, from, to, step, inits);
  OpBuilder::InsertionGuard guard(*this);
  setInsertionPointToStart(op.getBody());
  Values next = body(op.getInductionVar(), op.getRegionIterArgs());
  // Without values the loop has its end already.
  if (!inits.empty())
    scf::YieldOp::create(*this, next);
  return Values(op.getResults());
}

void TileBuilder::roles(ArrayRef<Role> roles) {
  auto op = tile::RolesOp::create(*this);
  OpBuilder::InsertionGuard guard(*this);
  Block &block = op.getBody().emplaceBlock();
  for (const Role &role : roles) {
    setInsertionPointToEnd(&block);
    auto one = tile::RoleOp::create(
        *this, role.name, role.threads,
        role.registers ? getI32IntegerAttr(role.registers) : IntegerAttr());
    setInsertionPointToStart(&one.getBody().emplaceBlock());
    role.body();
    tile::ReturnOp::create(*this);
  }
}

//===----------------------------------------------------------------------===//
// Barriers, reductions
//===----------------------------------------------------------------------===//

void TileBuilder::initBarriers(Value barriers, int64_t count) {
  tile::InitBarriersOp::create(*this, barriers, count);
}
void TileBuilder::initRing(Value full, Value empty, int64_t consumers) {
  ifThen(equal(threadId(), 0), [&] {
    initBarriers(full, 1);
    initBarriers(empty, consumers);
    tile::FenceBarriersOp::create(*this);
  });
}
void TileBuilder::arrive(Value barriers, Value slot) {
  tile::ArriveOp::create(*this, barriers, slot);
}
void TileBuilder::releaseInPair(Value barriers, Value slot, Value rank) {
  ifThen(tile::ElectOp::create(*this), [&] {
    arrive(barriers, slot);
    tile::ArriveRemoteOp::create(*this, barriers, slot, sub(index(1), rank));
  });
}
void TileBuilder::expect(Value barriers, Value slot, int64_t bytes) {
  tile::ArriveExpectOp::create(*this, barriers, slot, i32(bytes));
}
void TileBuilder::wait(Value barriers, Value slot, Value parity) {
  tile::WaitOp::create(*this, barriers, slot, parity);
}
Value TileBuilder::flip(Value parity) {
  return createOrFold<arith::XOrIOp>(parity, i32(1));
}

TileBuilder::Ring TileBuilder::advance(Ring ring, int64_t slots) {
  Value next = add(ring.slot, 1);
  Value wraps = equal(next, slots);
  return {select(wraps, index(0), next),
          select(wraps, flip(ring.parity), ring.parity)};
}

Value TileBuilder::map(Type type, ValueRange inputs,
                       function_ref<Value(ValueRange)> body) {
  auto op = tile::MapOp::create(*this, type, inputs);
  OpBuilder::InsertionGuard guard(*this);
  Block &block = op.getBody().emplaceBlock();
  for (size_t i = 0; i < inputs.size(); ++i)
    block.addArgument(getF32Type(), getLoc());
  for (int i = 0; i < (isa<tile::AccType>(type) ? 2 : 1); ++i)
    block.addArgument(getIndexType(), getLoc());
  setInsertionPointToStart(&block);
  tile::YieldOp::create(*this, body(block.getArguments()));
  return op;
}

Value TileBuilder::columns(Value acc, int64_t first, int64_t count) {
  auto type = cast<tile::AccType>(acc.getType());
  return tile::ColumnsOp::create(
      *this, tile::AccType::get(getContext(), type.getRows(), count), acc,
      first);
}

Value TileBuilder::sumOfWarp(Value value) {
  bool isInteger = value.getType().isInteger();
  for (int64_t offset : {16, 8, 4, 2, 1}) {
    Value other = tile::ShuffleXorOp::create(*this, value, offset);
    value = isInteger ? add(value, other) : addf(value, other);
  }
  return value;
}
TileBuilder::WarpSums TileBuilder::scanWarp(Value value) {
  Value none = i32(0), lane = toI32(laneId()), before = none;
  // Of those of the sibling in each level of a tree.
  for (int64_t offset : {1, 2, 4, 8, 16}) {
    Value other = tile::ShuffleXorOp::create(*this, value, offset);
    Value bit = arith::AndIOp::create(*this, lane, i32(offset));
    before = add(before, select(equal(bit, none), none, other));
    value = add(value, other);
  }
  return {before, value};
}
Value TileBuilder::maxOfWarp(Value value) {
  for (int64_t offset : {16, 8, 4, 2, 1})
    value = maxf(value, tile::ShuffleXorOp::create(*this, value, offset));
  return value;
}
