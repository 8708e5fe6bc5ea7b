// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "lowering/Passes.h"
#include "runtime/Package.h"

#include "mlir/Dialect/Utils/StaticValueUtils.h"

using namespace mlir;

namespace jet {
#define GEN_PASS_DEF_MAPGRIDPASS
#include "lowering/Passes.h.inc"
} // namespace jet

using namespace jet;

/// `bound` in the symbols of the kernel: a constant, or a size of an argument.
static FailureOr<AffineExpr> traceBound(func::FuncOp kernel,
                                        OpFoldResult bound) {
  if (std::optional<int64_t> constant = getConstantIntValue(bound))
    return getAffineConstantExpr(*constant, kernel.getContext());
  auto dim = cast<Value>(bound).getDefiningOp<memref::DimOp>();
  auto argument = dim ? dyn_cast<BlockArgument>(dim.getSource()) : nullptr;
  std::optional<int64_t> index = dim ? dim.getConstantIndex() : std::nullopt;
  auto shape = argument && index ? kernel.getArgAttrOfType<AffineMapAttr>(
                                       argument.getArgNumber(), kShapeAttr)
                                 : nullptr;
  if (!shape)
    return kernel.emitOpError("expected the grid's bounds to be constants or "
                              "sizes of arguments");
  return shape.getValue().getResult(*index);
}

/// Splits the grid point `id` into one index per dimension of `extents`.
static SmallVector<Value> delinearize(OpBuilder &b, Location location, Value id,
                                      ArrayRef<Value> extents) {
  SmallVector<Value> indices(extents.size());
  for (size_t i = extents.size(); i-- > 1;) {
    indices[i] = arith::RemUIOp::create(b, location, id, extents[i]);
    id = arith::DivUIOp::create(b, location, id, extents[i]);
  }
  indices[0] = id;
  return indices;
}

/// Adds the arguments `begin` and `end`; the loop between them is made at the
/// builder's place.
static FailureOr<scf::ForOp> addGridLoop(func::FuncOp kernel, OpBuilder &b,
                                         AffineExpr points) {
  Location location = kernel.getLoc();
  kernel->setAttr(kGridAttr, AffineMapAttr::get(AffineMap::get(
                                 0, kNumSymbols, points, b.getContext())));
  for (int i = 0; i < 2; ++i)
    if (failed(kernel.insertArgument(kernel.getNumArguments(), b.getIndexType(),
                                     {}, location)))
      return failure();
  Value begin = kernel.getArgument(kernel.getNumArguments() - 2);
  Value end = kernel.getArgument(kernel.getNumArguments() - 1);
  Value one = arith::ConstantIndexOp::create(b, location, 1);
  return scf::ForOp::create(b, location, begin, end, one);
}

/// A grid that was always one point has lost its scf.forall to folding: the
/// whole body is that point.
static LogicalResult mapSinglePoint(func::FuncOp kernel) {
  Block &block = kernel.getBody().front();
  SmallVector<Operation *> body;
  for (Operation &op : block.without_terminator())
    body.push_back(&op);
  OpBuilder b = OpBuilder::atBlockBegin(&block);
  FailureOr<scf::ForOp> loop =
      addGridLoop(kernel, b, b.getAffineConstantExpr(1));
  if (failed(loop))
    return failure();
  for (Operation *op : body)
    op->moveBefore(loop->getBody()->getTerminator());
  return success();
}

static LogicalResult mapGrid(func::FuncOp kernel, scf::ForallOp forall) {
  OpBuilder b(forall);
  Location location = forall.getLoc();
  if (!llvm::all_of(forall.getMixedLowerBound(), isZeroInteger))
    return kernel.emitOpError("expected the grid to begin at 0");
  AffineExpr points = b.getAffineConstantExpr(1);
  SmallVector<Value> extents, steps;
  for (auto [bound, step] :
       llvm::zip_equal(forall.getMixedUpperBound(), forall.getMixedStep())) {
    FailureOr<AffineExpr> expr = traceBound(kernel, bound);
    std::optional<int64_t> constantStep = getConstantIntValue(step);
    if (failed(expr))
      return failure();
    if (!constantStep)
      return kernel.emitOpError("expected the grid's steps to be constants");
    points = points * expr->ceilDiv(*constantStep);
    steps.push_back(arith::ConstantIndexOp::create(b, location, *constantStep));
    extents.push_back(arith::CeilDivUIOp::create(
        b, location, getValueOrCreateConstantIndexOp(b, location, bound),
        steps.back()));
  }
  FailureOr<scf::ForOp> made = addGridLoop(kernel, b, points);
  if (failed(made))
    return failure();
  scf::ForOp loop = *made;
  b.setInsertionPointToStart(loop.getBody());
  SmallVector<Value> indices =
      delinearize(b, location, loop.getInductionVar(), extents);
  for (auto [index, step] : llvm::zip_equal(indices, steps))
    index = arith::MulIOp::create(b, location, index, step);
  forall.getTerminator()->erase();
  Block *body = forall.getBody();
  for (auto [argument, index] :
       llvm::zip_equal(forall.getInductionVars(), indices))
    argument.replaceAllUsesWith(index);
  loop.getBody()->getOperations().splice(std::prev(loop.getBody()->end()),
                                         body->getOperations());
  forall.erase();
  return success();
}

namespace {
struct MapGridPass : jet::impl::MapGridPassBase<MapGridPass> {
  using MapGridPassBase::MapGridPassBase;

  void runOnOperation() override {
    auto grids = llvm::to_vector(getOperation().getOps<scf::ForallOp>());
    if (grids.size() > 1 ||
        (grids.size() == 1 && grids.front().getNumResults())) {
      getOperation().emitOpError("expected one scf.forall on buffers, found ")
          << grids.size();
      return signalPassFailure();
    }
    LogicalResult mapped = grids.empty()
                               ? mapSinglePoint(getOperation())
                               : mapGrid(getOperation(), grids.front());
    if (failed(mapped))
      signalPassFailure();
  }
};
} // namespace
