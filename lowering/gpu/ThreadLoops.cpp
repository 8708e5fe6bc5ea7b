// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "lowering/gpu/ThreadLoops.h"

#include "mlir/Analysis/SliceAnalysis.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Affine/Utils.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/SCF/Utils/Utils.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/IR/IRMapping.h"

using namespace mlir;
using namespace jet;
using linalg::GenericOp;

BlockThreads::BlockThreads(func::FuncOp kernel) {
  ImplicitLocOpBuilder b(kernel.getLoc(),
                         OpBuilder::atBlockBegin(&kernel.getBody().front()));
  Value id = NVVM::ThreadIdXOp::create(b, b.getI32Type());
  thread = arith::IndexCastUIOp::create(b, b.getIndexType(), id);
  Value width = arith::ConstantIndexOp::create(b, kWarpThreads);
  warp = arith::DivUIOp::create(b, thread, width);
  lane = arith::RemUIOp::create(b, thread, width);
  first = arith::CmpIOp::create(b, arith::CmpIPredicate::eq, thread,
                                arith::ConstantIndexOp::create(b, 0));
}

namespace {

/// Iterations of an innermost reduction that stand side by side: enough loads
/// in flight to cover the latency of memory. Of a tile of rows half as many: it
/// has loads enough, and would run out of registers.
constexpr int64_t kUnroll = 8;

/// Points along the outermost parallel loop that a warp computes together, so
/// that what they share is loaded once: rows that read the same weights.
constexpr int64_t kRowTile = 8;

/// A sum, maximum or the like that lanes compute parts of.
struct Combiner {
  Operation *op;
  TypedAttr neutral;
};

/// One op on its way to loops.
class ThreadLoops {
public:
  explicit ThreadLoops(GenericOp op) : op(op), b(op.getLoc(), OpBuilder(op)) {
    for (Range range : cast<linalg::LinalgOp>(op.getOperation())
                           .createLoopRanges(b, op.getLoc()))
      extents.push_back(range.size);
    op.getParallelDims(parallel);
    op.getReductionDims(reductions);
    points.resize(extents.size());
  }

  std::optional<Combiner> findWarpReduction();
  void perThread(Value thread);
  void perWarp(Value warp, Value lane, const Combiner &combiner);

private:
  using Body = function_ref<void()>;
  /// Loops over the points of the parallel loops, of which this thread takes
  /// every `step`th from `start` on.
  void overPoints(Value start, int64_t step, Body body);
  /// Nests the reduction loops from `depth` on around the op's body, for each
  /// of the `tile` indices of the outermost parallel loop; the innermost one
  /// from `start` in steps of `step`.
  SmallVector<Value> overReductions(ArrayRef<Value> tile, unsigned depth,
                                    Value start, int64_t step,
                                    ValueRange accumulators);
  SmallVector<Value> computeBody(ValueRange accumulators);
  /// Warps compute `tile` points at once along the outermost parallel loop,
  /// from index `begin` on, `count` times.
  void perWarp(Value warp, Value lane, const Combiner &combiner, Value begin,
               Value count, int64_t tile);
  SmallVector<Value> indicesOf(OpOperand *operand);
  Value load(OpOperand *operand);
  void store(Value value, OpOperand *operand);

  Value index(int64_t value) {
    return arith::ConstantIndexOp::create(b, value);
  }
  Value extent(unsigned loop) {
    return getValueOrCreateConstantIndexOp(b, b.getLoc(), extents[loop]);
  }

  GenericOp op;
  ImplicitLocOpBuilder b;
  SmallVector<OpFoldResult> extents;
  SmallVector<unsigned> parallel, reductions;
  SmallVector<Value> points; // index of each loop, where it is known
};

/// Whether a warp does better than a thread: the inputs that the innermost
/// reduction runs over lie contiguous along it, and the lanes' parts can be put
/// together.
std::optional<Combiner> ThreadLoops::findWarpReduction() {
  if (reductions.empty() || op.getNumDpsInits() != 1 ||
      !getElementTypeOrSelf(op.getDpsInits()[0]).isF32())
    return std::nullopt;
  std::optional<int64_t> length =
      getConstantIntValue(extents[reductions.back()]);
  if (length && *length < kWarpThreads)
    return std::nullopt;
  for (OpOperand *input : op.getDpsInputOperands()) {
    AffineMap map = op.getMatchingIndexingMap(input);
    if (map.getNumResults() == 0)
      continue;
    auto dim = dyn_cast<AffineDimExpr>(map.getResults().back());
    if (!dim || dim.getPosition() != reductions.back())
      return std::nullopt;
  }
  SmallVector<Operation *> combiners;
  if (!matchReduction(op.getRegionOutputArgs(), 0, combiners) ||
      combiners.size() != 1)
    return std::nullopt;
  std::optional<TypedAttr> neutral = arith::getNeutralElement(combiners[0]);
  if (!neutral)
    return std::nullopt;
  return Combiner{combiners[0], *neutral};
}

void ThreadLoops::overPoints(Value start, int64_t step, Body body) {
  Value total = index(1);
  for (unsigned loop : parallel)
    total = b.createOrFold<arith::MulIOp>(total, extent(loop));
  auto loop = scf::ForOp::create(b, start, total, index(step));
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(loop.getBody());
  // The innermost loop's index is the fastest.
  Value rest = loop.getInductionVar();
  for (unsigned dim : llvm::reverse(parallel)) {
    bool isOutermost = dim == parallel.front();
    points[dim] =
        isOutermost ? rest : arith::RemUIOp::create(b, rest, extent(dim));
    if (!isOutermost)
      rest = arith::DivUIOp::create(b, rest, extent(dim));
  }
  body();
}

SmallVector<Value> ThreadLoops::overReductions(ArrayRef<Value> tile,
                                               unsigned depth, Value start,
                                               int64_t step,
                                               ValueRange accumulators) {
  if (depth == reductions.size()) {
    SmallVector<Value> next;
    size_t count = op.getNumDpsInits();
    for (auto [i, point] : llvm::enumerate(tile)) {
      if (!parallel.empty())
        points[parallel.front()] = point;
      llvm::append_range(next,
                         computeBody(accumulators.slice(i * count, count)));
    }
    return next;
  }
  bool isLast = depth + 1 == reductions.size();
  unsigned dim = reductions[depth];
  auto loop = scf::ForOp::create(b, isLast ? start : index(0), extent(dim),
                                 index(isLast ? step : 1), accumulators);
  {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(loop.getBody());
    points[dim] = loop.getInductionVar();
    SmallVector<Value> next =
        overReductions(tile, depth + 1, start, step, loop.getRegionIterArgs());
    scf::YieldOp::create(b, next);
  }
  if (!isLast)
    return loop.getResults();
  // Unrolling takes the loop away, or puts another behind it: what stands for
  // its results then is known by a use of them.
  auto use = UnrealizedConversionCastOp::create(b, loop.getResultTypes(),
                                                ValueRange(loop.getResults()));
  (void)loopUnrollByFactor(loop, tile.size() > 1 ? kUnroll / 2
                                                 : kUnroll); // speed alone
  SmallVector<Value> results(use.getOperands());
  use.erase();
  return results;
}

/// Of sums that may be reassociated: not here, where the same one is written
/// more than once and must round alike each time.
static void keepOrder(Operation *inner) {
  auto math = dyn_cast<arith::ArithFastMathInterface>(inner);
  if (!math || !math.getFastMathFlagsAttr())
    return;
  auto flags = bitEnumClear(math.getFastMathFlagsAttr().getValue(),
                            arith::FastMathFlags::reassoc);
  inner->setAttr(math.getFastMathAttrName(),
                 arith::FastMathFlagsAttr::get(inner->getContext(), flags));
}

SmallVector<Value> ThreadLoops::computeBody(ValueRange accumulators) {
  IRMapping mapping;
  for (OpOperand *input : op.getDpsInputOperands())
    mapping.map(op.getMatchingBlockArgument(input), load(input));
  mapping.map(ValueRange(op.getRegionOutputArgs()), accumulators);
  Block &body = op.getRegion().front();
  for (Operation &inner : body.without_terminator()) {
    if (auto loop = dyn_cast<linalg::IndexOp>(inner))
      mapping.map(loop.getResult(), points[loop.getDim()]);
    else
      keepOrder(b.clone(inner, mapping));
  }
  return llvm::map_to_vector(
      body.getTerminator()->getOperands(),
      [&](Value value) { return mapping.lookupOrDefault(value); });
}

SmallVector<Value> ThreadLoops::indicesOf(OpOperand *operand) {
  SmallVector<Value> indices;
  for (AffineExpr expr : op.getMatchingIndexingMap(operand).getResults()) {
    if (auto dim = dyn_cast<AffineDimExpr>(expr))
      indices.push_back(points[dim.getPosition()]);
    else
      indices.push_back(
          affine::expandAffineExpr(b, b.getLoc(), expr, points, {}));
  }
  return indices;
}

Value ThreadLoops::load(OpOperand *operand) {
  Value from = operand->get();
  if (!isa<MemRefType>(from.getType()))
    return from; // a scalar
  return memref::LoadOp::create(b, from, indicesOf(operand));
}

void ThreadLoops::store(Value value, OpOperand *operand) {
  memref::StoreOp::create(b, value, operand->get(), indicesOf(operand));
}

void ThreadLoops::perThread(Value thread) {
  overPoints(thread, kBlockThreads, [&] {
    SmallVector<Value> accumulators;
    for (OpOperand &init : op.getDpsInitsMutable())
      accumulators.push_back(load(&init));
    Value point = parallel.empty() ? Value() : points[parallel.front()];
    SmallVector<Value> results =
        overReductions(point, 0, index(0), 1, accumulators);
    for (auto [value, init] : llvm::zip_equal(results, op.getDpsInitsMutable()))
      store(value, &init);
  });
}

void ThreadLoops::perWarp(Value warp, Value lane, const Combiner &combiner) {
  std::optional<int64_t> outer = 1;
  if (!parallel.empty())
    outer = getConstantIntValue(extents[parallel.front()]);
  if (outer && *outer < kRowTile)
    return perWarp(warp, lane, combiner, index(0), index(*outer), 1);
  Value all = extent(parallel.front()), tile = index(kRowTile);
  Value tiles = arith::DivUIOp::create(b, all, tile);
  Value rest = arith::RemUIOp::create(b, all, tile);
  perWarp(warp, lane, combiner, index(0), tiles, kRowTile);
  perWarp(warp, lane, combiner, arith::MulIOp::create(b, tiles, tile), rest, 1);
}

void ThreadLoops::perWarp(Value warp, Value lane, const Combiner &combiner,
                          Value begin, Value count, int64_t tile) {
  auto combine = [&](Value x, Value y) -> Value {
    Operation *both = combiner.op->clone();
    both->setOperands({x, y});
    keepOrder(both);
    return b.insert(both)->getResult(0);
  };
  auto i32 = [&](int64_t value) -> Value {
    return arith::ConstantOp::create(b, b.getI32IntegerAttr(value));
  };
  if (!parallel.empty())
    extents[parallel.front()] = count;
  Value isFirst =
      arith::CmpIOp::create(b, arith::CmpIPredicate::eq, lane, index(0));
  OpOperand &init = op.getDpsInitsMutable()[0];
  overPoints(warp, kBlockThreads / kWarpThreads, [&] {
    SmallVector<Value> outer(1), sums;
    Value neutral = arith::ConstantOp::create(b, combiner.neutral);
    if (!parallel.empty()) {
      Value first =
          arith::MulIOp::create(b, points[parallel.front()], index(tile));
      first = arith::AddIOp::create(b, begin, first);
      outer = llvm::map_to_vector(llvm::seq(tile), [&](int64_t i) -> Value {
        return arith::AddIOp::create(b, first, index(i));
      });
    }
    auto at = [&](Value point) {
      if (point)
        points[parallel.front()] = point;
      return &init;
    };
    for (Value point : outer)
      sums.push_back(
          arith::SelectOp::create(b, isFirst, load(at(point)), neutral));
    sums = overReductions(outer, 0, lane, kWarpThreads, sums);
    // In a fixed order, after which every lane has all of it.
    for (Value &sum : sums)
      for (int64_t distance = kWarpThreads / 2; distance; distance /= 2)
        sum = combine(sum,
                      NVVM::ShflOp::create(b, sum.getType(), i32(-1), sum,
                                           i32(distance), i32(kWarpThreads - 1),
                                           NVVM::ShflKind::bfly, UnitAttr()));
    // All lanes have read what the first one writes over.
    NVVM::SyncWarpOp::create(b, i32(-1));
    auto writes = scf::IfOp::create(b, isFirst, /*withElseRegion=*/false);
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(writes.thenBlock());
    for (auto [point, sum] : llvm::zip_equal(outer, sums))
      store(sum, at(point));
  });
}

} // namespace

void BlockThreads::replace(GenericOp op) const {
  ThreadLoops loops(op);
  if (std::optional<Combiner> combiner = loops.findWarpReduction())
    loops.perWarp(warp, lane, *combiner);
  else
    loops.perThread(thread);
  op.erase();
}
