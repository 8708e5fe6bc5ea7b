// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// All threads of a block walk through the kernel together. Between linalg ops
// they compute the same scalars; a linalg op is divided among them; a store is
// the first thread's. A barrier stands behind each write, and before it where
// something may still be read that it writes over.
//
// Tried and rejected: gpu.launch and the mapping of scf.parallel, whose nests
// have no place for scalars between the parallel loops.

#include "lowering/Passes.h"
#include "lowering/gpu/ThreadLoops.h"

#include "mlir/Interfaces/SideEffectInterfaces.h"

using namespace mlir;

namespace jet {
#define GEN_PASS_DEF_DISTRIBUTETHREADSPASS
#include "lowering/Passes.h.inc"
} // namespace jet

using namespace jet;

namespace {

class Distribution {
public:
  explicit Distribution(func::FuncOp kernel)
      : kernel(kernel), threads(kernel) {}

  LogicalResult run() { return distribute(kernel.getBody().front()); }

private:
  LogicalResult distribute(Block &block);
  LogicalResult distribute(Operation *op);
  void giveToFirst(Operation *op);
  void addBarrierBefore(Operation *op);

  func::FuncOp kernel;
  BlockThreads threads;
};

/// Loops and branches of single elements, as lists are kept in order: what they
/// write is read in the next iteration, so one thread runs them whole. Nothing
/// of theirs is a value that the other threads would need.
bool isSequential(Operation *op) {
  if (!isa<scf::ForOp, scf::IfOp>(op) || op->getNumResults())
    return false;
  bool stores = false;
  WalkResult walked = op->walk([&](Operation *inner) {
    stores |= isa<memref::StoreOp>(inner);
    return isa<linalg::LinalgOp>(inner) ? WalkResult::interrupt()
                                        : WalkResult::advance();
  });
  return stores && !walked.wasInterrupted();
}

bool touchesNoMemory(Operation *op) {
  return isPure(op) || isa<memref::AllocOp, memref::GetGlobalOp>(op);
}

} // namespace

/// Unless all that was read since the last barrier is nothing.
void Distribution::addBarrierBefore(Operation *op) {
  Operation *before = op->getPrevNode();
  while (before && touchesNoMemory(before))
    before = before->getPrevNode();
  if (!isa_and_nonnull<NVVM::BarrierOp>(before)) {
    OpBuilder b(op);
    NVVM::BarrierOp::create(b, op->getLoc());
  }
}

void Distribution::giveToFirst(Operation *op) {
  OpBuilder b(op);
  auto guard = scf::IfOp::create(b, op->getLoc(), threads.isFirst(),
                                 /*withElseRegion=*/false);
  op->moveBefore(guard.thenBlock()->getTerminator());
}

LogicalResult Distribution::distribute(Operation *op) {
  if (isa<scf::ForOp, scf::IfOp>(op) && !isSequential(op)) {
    for (Region &region : op->getRegions())
      for (Block &block : region)
        if (failed(distribute(block)))
          return failure();
    return success();
  }
  bool isWrite = isa<linalg::GenericOp, memref::StoreOp>(op);
  if (!isWrite && !isSequential(op)) {
    if (touchesNoMemory(op) || isa<memref::LoadOp>(op) ||
        op->hasTrait<OpTrait::IsTerminator>())
      return success();
    return op->emitOpError("expected linalg.generic, loads and stores, scf.for "
                           "and scf.if to distribute among threads");
  }
  addBarrierBefore(op);
  OpBuilder b(op->getContext());
  b.setInsertionPointAfter(op);
  NVVM::BarrierOp::create(b, op->getLoc());
  if (auto generic = dyn_cast<linalg::GenericOp>(op))
    threads.replace(generic);
  else
    giveToFirst(op);
  return success();
}

LogicalResult Distribution::distribute(Block &block) {
  // Not what is made on the way.
  SmallVector<Operation *> ops;
  for (Operation &op : block)
    ops.push_back(&op);
  for (Operation *op : ops)
    if (failed(distribute(op)))
      return failure();
  return success();
}

namespace {
struct DistributeThreadsPass
    : jet::impl::DistributeThreadsPassBase<DistributeThreadsPass> {
  using DistributeThreadsPassBase::DistributeThreadsPassBase;

  void runOnOperation() override {
    func::FuncOp kernel = getOperation();
    if (!llvm::hasSingleElement(kernel.getBody())) {
      kernel.emitOpError("expected a body of one block");
      return signalPassFailure();
    }
    kernel->setAttr(kThreadsAttr,
                    Builder(kernel).getI64IntegerAttr(kBlockThreads));
    if (failed(Distribution(kernel).run()))
      signalPassFailure();
  }
};
} // namespace
