// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// jet.linear_top_k, whose logits go through scratch memory, and
// jet.merge_top_k.
//
// A CTA takes the first k of n elements in the order of jet.top_k. A thread
// holds its elements in registers, and the CTA counts:
//
//   key      of a value, so that keys are ordered without sign as values are:
//            −0 as 0, NaN as 0, before which everything comes
//   bound    the k-th key, bit by bit from above: one is set if k keys are as
//            large
//   idBound  of the elements with that key those of the lower ids are in, as
//            many as there is room for: the last one's id, likewise
//   slots    what is in, packed: a thread's elements go behind those of the
//            threads before it
//   result   each goes where its number of better ones says
//
// Elements that there are not are NaN of the largest id, which is what lists
// are filled up with.

#include "lowering/kernels/Elements.h"
#include "lowering/kernels/Projection.h"

#include "llvm/Support/MathExtras.h"

#include <limits>

using namespace mlir;
using namespace jet;

using Values = TileBuilder::Values;

namespace {

constexpr int64_t kMostThreads = 512;
constexpr int64_t kMostElements = 32; // of a thread
constexpr int64_t kLastId = std::numeric_limits<int32_t>::max();

struct Element {
  Value value, id; // f32, i32
};

class SelectKernel {
public:
  /// `grid` is of rows first.
  SelectKernel(FormBuilder &form, int64_t count, int64_t k,
               ArrayRef<AffineExpr> grid)
      : k(k), threads(threadsFor(count)), warps(threads / 32),
        stage(form, "select", threads, grid), b(stage.b),
        perThread(llvm::divideCeil(count, threads)) {}

  static bool isSupported(int64_t count) {
    return count <= kMostThreads * kMostElements;
  }

  /// `load` gives element `i` (an index), which there is where `i` is less than
  /// `count`; the first k go to the op's results from [row, firstColumn] on.
  void build(llvm::function_ref<Value()> count,
             llvm::function_ref<Element(Value i, Value exists)> load,
             llvm::function_ref<Value()> firstColumn);

  /// For the functions that build() is given.
  Stage &getStage() { return stage; }

private:
  /// About 16 elements each.
  static int64_t threadsFor(int64_t count) {
    return std::min<int64_t>(kMostThreads,
                             llvm::alignTo(llvm::divideCeil(count, 16), 32));
  }
  using Test = llvm::function_ref<Value(size_t element)>;

  Value compare(arith::CmpIPredicate predicate, Value x, Value y) {
    return arith::CmpIOp::create(b, predicate, x, y);
  }
  Value keyOf(Value value);
  Value countOfThread(Test test);
  Value countOfBlock(Value turn, Test test);
  void fillSlots();
  void findBounds();
  void findIdBound(Value room);
  void pack();
  void order(Value firstColumn);

  int64_t k, threads, warps;
  Stage stage;
  TileBuilder &b;
  int64_t perThread;
  Values values, ids, keys;
  Value partials, bounds, slotKeys, slotIds, slotValues; // shared
  Value bound, idBound;
};

} // namespace

Value SelectKernel::keyOf(Value value) {
  Value zero = b.i32(0);
  Value bits = arith::BitcastOp::create(b, b.getI32Type(), value);
  Value isZero =
      arith::CmpFOp::create(b, arith::CmpFPredicate::OEQ, value, b.f32(0));
  bits = b.select(isZero, zero, bits);
  // Of negative numbers all bits turn, else the sign.
  Value sign = b.i32(std::numeric_limits<int32_t>::min());
  Value turned =
      b.select(compare(arith::CmpIPredicate::slt, bits, zero), b.i32(-1), sign);
  Value isNaN =
      arith::CmpFOp::create(b, arith::CmpFPredicate::UNO, value, value);
  return b.select(isNaN, zero, arith::XOrIOp::create(b, bits, turned));
}

/// i32.
Value SelectKernel::countOfThread(Test test) {
  Value count = b.i32(0);
  for (size_t i = 0; i < keys.size(); ++i)
    count = arith::AddIOp::create(
        b, count, arith::ExtUIOp::create(b, b.getI32Type(), test(i)));
  return count;
}

/// i32, all threads get it. With numbers `turn` that follow each other one
/// barrier is enough: the warps still read the other half.
Value SelectKernel::countOfBlock(Value turn, Test test) {
  Value count = countOfThread(test);
  for (int64_t offset : {16, 8, 4, 2, 1})
    count = arith::AddIOp::create(b, count,
                                  tile::ShuffleXorOp::create(b, count, offset));
  Value half = b.rem(turn, 2), warp = b.warpId();
  b.ifThen(b.equal(b.laneId(), 0),
           [&] { b.store(count, partials, {half, warp}); });
  b.sync();
  Value total = b.load(partials, {half, b.index(0)});
  for (int64_t warp = 1; warp < warps; ++warp)
    total = arith::AddIOp::create(b, total,
                                  b.load(partials, {half, b.index(warp)}));
  return total;
}

void SelectKernel::fillSlots() {
  b.loop(b.threadId(), b.index(k), b.index(threads), [&](Value slot) {
    b.store(b.i32(0), slotKeys, {slot});
    b.store(b.i32(kLastId), slotIds, {slot});
    b.store(b.f32(std::numeric_limits<float>::quiet_NaN()), slotValues, {slot});
  });
}

/// The k-th key and, of elements with that key, the last id that is in.
void SelectKernel::findBounds() {
  using P = arith::CmpIPredicate;
  Value zero = b.index(0), one = b.index(1);
  Value wanted = b.i32(k), top = b.i32(31);
  bound = b.loop(zero, b.index(32), one, {b.i32(0)},
                 [&](Value i, ValueRange so) -> Values {
                   Value shift = arith::SubIOp::create(b, top, b.toI32(i));
                   Value bit = arith::ShLIOp::create(b, b.i32(1), shift);
                   Value next = arith::OrIOp::create(b, so[0], bit);
                   Value count = countOfBlock(i, [&](size_t element) {
                     return compare(P::uge, keys[element], next);
                   });
                   Value isIn = compare(P::sge, count, wanted);
                   return {b.select(isIn, next, so[0])};
                 })[0];
  // Turns 32 and 33; the loop below begins with an even one again.
  Value larger = countOfBlock(b.index(32), [&](size_t element) {
    return compare(P::ugt, keys[element], bound);
  });
  Value equal = countOfBlock(b.index(33), [&](size_t element) {
    return b.equal(keys[element], bound);
  });
  Value room = arith::SubIOp::create(b, wanted, larger);
  // All that are equal are in, if there is room.
  b.store(b.i32(kLastId), bounds, {zero}, b.equal(b.threadId(), zero));
  b.ifThen(compare(P::sgt, equal, room), [&] { findIdBound(room); });
  b.sync();
  idBound = b.load(bounds, {zero});
}

/// The least id up to which there are as many of the bound's key as `room`,
/// bit by bit: a bit is set if those below it are too few. Ids are not
/// negative.
void SelectKernel::findIdBound(Value room) {
  using P = arith::CmpIPredicate;
  Value top = b.i32(30);
  Value last =
      b.loop(b.index(0), b.index(31), b.index(1), {b.i32(0)},
             [&](Value i, ValueRange so) -> Values {
               Value shift = arith::SubIOp::create(b, top, b.toI32(i));
               Value bit = arith::ShLIOp::create(b, b.i32(1), shift);
               Value next = arith::OrIOp::create(b, so[0], bit);
               Value below = countOfBlock(i, [&](size_t element) {
                 return b.both(b.equal(keys[element], bound),
                               compare(P::slt, ids[element], next));
               });
               return {b.select(compare(P::slt, below, room), next, so[0])};
             })[0];
  b.store(last, bounds, {b.index(0)}, b.equal(b.threadId(), 0));
}

/// Elements that are in to the slots; what fills up lists is there already.
void SelectKernel::pack() {
  using P = arith::CmpIPredicate;
  auto isIn = [&](size_t element) {
    Value ties = b.both(b.equal(keys[element], bound),
                        compare(P::sle, ids[element], idBound));
    ties = b.both(ties, compare(P::ne, ids[element], b.i32(kLastId)));
    return b.either(compare(P::ugt, keys[element], bound), ties);
  };
  // Of the lanes before: those of the sibling in each level of a tree.
  Value count = countOfThread(isIn), before = b.i32(0);
  Value lane = b.toI32(b.laneId());
  for (int64_t offset : {1, 2, 4, 8, 16}) {
    Value other = tile::ShuffleXorOp::create(b, count, offset);
    Value bit = arith::AndIOp::create(b, lane, b.i32(offset));
    Value isRight = b.inverse(b.equal(bit, b.i32(0)));
    before =
        arith::AddIOp::create(b, before, b.select(isRight, other, b.i32(0)));
    count = arith::AddIOp::create(b, count, other);
  }
  Value zero = b.index(0), warp = b.warpId();
  b.ifThen(b.equal(b.laneId(), 0),
           [&] { b.store(count, partials, {zero, warp}); });
  b.sync();
  before = b.loop(zero, warp, b.index(1), {before},
                  [&](Value earlier, ValueRange so) -> Values {
                    return {arith::AddIOp::create(
                        b, so[0], b.load(partials, {zero, earlier}))};
                  })[0];
  Value slot = b.toIndex(before);
  for (size_t i = 0; i < keys.size(); ++i) {
    Value in = isIn(i), fits = b.both(in, b.less(slot, k));
    b.store(keys[i], slotKeys, {slot}, fits);
    b.store(ids[i], slotIds, {slot}, fits);
    b.store(values[i], slotValues, {slot}, fits);
    slot = b.select(in, b.add(slot, 1), slot);
  }
  b.sync();
}

void SelectKernel::order(Value firstColumn) {
  using P = arith::CmpIPredicate;
  Value row = b.blockX();
  Value bestValues = stage.operand(stage.form.resultOperand(0));
  Value bestIds = stage.operand(stage.form.resultOperand(1));
  b.loop(b.threadId(), b.index(k), b.index(threads), [&](Value slot) {
    Value key = b.load(slotKeys, {slot}), id = b.load(slotIds, {slot});
    Value better = b.loop(
        b.index(0), b.index(k), b.index(1), {b.index(0)},
        [&](Value other, ValueRange so) -> Values {
          Value otherKey = b.load(slotKeys, {other});
          Value otherId = b.load(slotIds, {other});
          Value earlier = b.both(b.equal(otherId, id), b.less(other, slot));
          Value ties = b.both(b.equal(otherKey, key),
                              b.either(compare(P::slt, otherId, id), earlier));
          Value isBetter = b.either(compare(P::ugt, otherKey, key), ties);
          return {b.select(isBetter, b.add(so[0], 1), so[0])};
        })[0];
    Value column = b.add(firstColumn, better);
    b.store(b.load(slotValues, {slot}), bestValues, {row, column});
    b.store(id, bestIds, {row, column});
  });
}

void SelectKernel::build(llvm::function_ref<Value()> count,
                         llvm::function_ref<Element(Value, Value)> load,
                         llvm::function_ref<Value()> firstColumn) {
  Type i32 = b.getI32Type();
  partials = b.alloc(b.shared({2, warps}, i32));
  bounds = b.alloc(b.shared({1}, i32));
  slotKeys = b.alloc(b.shared({k}, i32));
  slotIds = b.alloc(b.shared({k}, i32));
  slotValues = b.alloc(b.shared({k}, b.getF32Type()));
  stage.setOverlaps();
  tile::LaunchDependentsOp::create(b);
  fillSlots();
  tile::WaitDependenciesOp::create(b);
  Value end = count();
  for (int64_t i = 0; i < perThread; ++i) {
    Value number = b.add(b.threadId(), i * threads);
    Value exists = b.less(number, end);
    Element element = load(number, exists);
    Value nan = b.f32(std::numeric_limits<float>::quiet_NaN());
    values.push_back(b.select(exists, element.value, nan));
    ids.push_back(b.select(exists, element.id, b.i32(kLastId)));
    keys.push_back(keyOf(values.back()));
  }
  findBounds();
  pack();
  order(firstColumn());
  stage.finish();
}

//===----------------------------------------------------------------------===//
// Merge
//===----------------------------------------------------------------------===//

void jet::buildForms(FormContext &context, MergeTopKOp op) {
  int64_t count = op.getValues().getType().getDimSize(1);
  if (!SelectKernel::isSupported(count))
    return;
  FormBuilder form = context.begin({});
  SelectKernel select(form, count, op.getK(), {form.rows()});
  Stage &stage = select.getStage();
  TileBuilder &b = stage.b;
  select.build([&] { return b.index(count); },
               [&](Value i, Value exists) -> Element {
                 Value row = b.blockX();
                 return {b.loadIf(exists, stage.operand(0), {row, i}),
                         b.loadIf(exists, stage.operand(1), {row, i})};
               },
               [&] { return b.index(0); });
  form.finish();
}

//===----------------------------------------------------------------------===//
// Linear top-k
//===----------------------------------------------------------------------===//

static void buildForm(FormBuilder form, LinearTopKOp op, ProjectionSize size) {
  RowInput input;
  if (op.getNormEps()) {
    input.norm = 2;
    input.eps = op.getNormEps()->convertToDouble();
  }
  Projection projection;
  projection.rows = form.rows();
  projection.inner = op.getX().getType().getDimSize(1);
  projection.setInput(form, input, size);
  int64_t columns = op.getWeight().getType().getDimSize(0);
  Place logits = Place::ofScratch(form.reserve(form.rows() * (columns * 4)));
  auto memory = [=](Stage &stage) {
    auto type =
        MemRefType::get({ShapedType::kDynamic, columns}, stage.b.getF32Type());
    return stage.memory(logits, type);
  };
  auto write = [=](Stage &stage, Value row, Value column, int64_t,
                   ArrayRef<SmallVector<Value>> products) {
    stage.b.store(stage.b.join(products.front()), memory(stage), {row, column});
  };
  projection.outputs.push_back({{Place::ofOperand(1)}, columns, write});
  buildProjection(form, "project", projection);

  int64_t block = std::min<int64_t>(op.getBlock(), columns);
  SelectKernel select(
      form, block, op.getK(),
      {form.rows(), form.constant(llvm::divideCeil(columns, block))});
  Stage &stage = select.getStage();
  TileBuilder &b = stage.b;
  auto first = [&] { return b.mul(b.blockY(), block); };
  select.build(
      [&] { return b.min(b.index(block), b.sub(b.index(columns), first())); },
      [&](Value i, Value exists) -> Element {
        Value column = b.add(first(), i);
        return {b.loadIf(exists, memory(stage), {b.blockX(), column}),
                b.toI32(column)};
      },
      [&] { return b.mul(b.blockY(), int64_t(op.getK())); });
  form.finish();
}

void jet::buildForms(FormContext &context, LinearTopKOp op) {
  int64_t columns = op.getWeight().getType().getDimSize(0);
  if (op.getX().getType().getDimSize(1) % 8 || !hasPlainCode(op) ||
      !op.getWeight().getType().getElementType().isBF16() ||
      !SelectKernel::isSupported(std::min<int64_t>(op.getBlock(), columns)))
    return;
  for (ProjectionSize size : kProjectionSizes)
    buildForm(context.begin(size.fits()), op, size);
}
