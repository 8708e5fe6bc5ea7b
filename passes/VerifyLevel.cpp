// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "dialects/jet/Jet.h"
#include "passes/Passes.h"

#include "llvm/ADT/StringSwitch.h"

using namespace mlir;

namespace jet {
#define GEN_PASS_DEF_VERIFYLEVELPASS
#include "passes/Passes.h.inc"
} // namespace jet

using namespace jet;

namespace {

enum class Level { Model, Placed, Tensor, Launch, Plan };

/// Whether `op`, at the top of a program, belongs to `level`.
bool isLegal(Operation *op, Level level) {
  if (isa<func::ReturnOp>(op))
    return true;
  if (level == Level::Launch)
    return isView(op) || isa<LaunchOp>(op);
  return isa_and_nonnull<JetDialect>(op->getDialect()) &&
         !isa<LaunchOp, ModelOp, LayerOp, YieldOp>(op);
}

bool isState(Value value) { return isa<StateTypeInterface>(value.getType()); }

/// The argument that `state` was before ops advanced it, each of which takes
/// one state of that type; null if an op takes none or several.
Value findOrigin(Value state) {
  while (Operation *op = state.getDefiningOp()) {
    Value previous;
    for (Value operand : op->getOperands())
      if (operand.getType() == state.getType()) {
        if (previous && previous != operand)
          return {};
        previous = operand;
      }
    if (!previous)
      return {};
    state = previous;
  }
  return state;
}

/// States leave a program in the order in which they came, after the logits.
LogicalResult verifyStates(func::FuncOp program) {
  SmallVector<Value> in, out;
  llvm::copy_if(program.getArguments(), std::back_inserter(in), isState);
  llvm::copy_if(program.getBody().front().getTerminator()->getOperands(),
                std::back_inserter(out), isState);
  for (size_t i = 0; i < std::max(in.size(), out.size()); ++i)
    if (i >= in.size() || i >= out.size() || findOrigin(out[i]) != in[i])
      return program.emitOpError()
             << "expected to return each state that it takes, in order, but "
                "not so for state "
             << i;
  return success();
}

/// Reports ops inside `op` that are not scalar code. (What the body of a
/// jet.delta_step is made of, its verifier knows.)
LogicalResult verifyScalarCode(Operation *op) {
  WalkResult result = op->walk([&](Operation *inner) {
    if (inner == op || isa<YieldOp>(inner) ||
        isa<DeltaStepOp>(inner->getParentOp()) ||
        isa_and_nonnull<arith::ArithDialect, math::MathDialect>(
            inner->getDialect()))
      return WalkResult::advance();
    inner->emitOpError() << "is not scalar arithmetic, which is all that a "
                            "region of a tensor op holds";
    return WalkResult::interrupt();
  });
  return failure(result.wasInterrupted());
}

LogicalResult verifyProgram(func::FuncOp program, Level level,
                            StringRef levelName) {
  if (!llvm::hasSingleElement(program.getBody()))
    return program.emitOpError() << "expected a body of one block";
  bool bad = failed(verifyStates(program));
  for (Operation &op : program.getBody().getOps()) {
    if (!isLegal(&op, level)) {
      op.emitOpError() << "must not survive to level '" << levelName << "'";
      bad = true;
    } else if (failed(verifyScalarCode(&op))) {
      bad = true;
    }
  }
  return failure(bad);
}

/// A kernel is a function of one tensor op.
LogicalResult verifyKernel(Operation &op) {
  auto kernel = dyn_cast<func::FuncOp>(op);
  if (!kernel || !llvm::hasSingleElement(kernel.getBody()))
    return op.emitOpError() << "expected a function with a body of one block";
  Block &body = kernel.getBody().front();
  if (!llvm::hasNItems(body, 2) || isView(&body.front()) ||
      !isLegal(&body.front(), Level::Tensor))
    return op.emitOpError() << "expected a kernel of one tensor op";
  // The lowering goes by positions.
  if (!llvm::equal(body.getArguments(), body.front().getOperands()) ||
      !llvm::equal(body.front().getResults(),
                   body.getTerminator()->getOperands()))
    return op.emitOpError() << "expected a kernel that passes its arguments to "
                               "the op, and returns the op's results, in order";
  return verifyScalarCode(&body.front());
}

LogicalResult verifyTop(Operation &op, Level level, StringRef levelName) {
  if (auto model = dyn_cast<ModelOp>(op)) {
    bool bad = false;
    for (LayerOp layer : model.getLayers())
      if (level != Level::Model && !layer.isPlaced()) {
        layer.emitOpError()
            << "still has candidates at level '" << levelName << "'";
        bad = true;
      }
    return failure(bad);
  }
  if (auto program = dyn_cast<func::FuncOp>(op))
    if (level == Level::Tensor || level == Level::Launch)
      return verifyProgram(program, level, levelName);
  if (isa<PlanOp>(op) && level == Level::Plan)
    return success(); // its verifier says what it holds
  if (auto module = dyn_cast<ModuleOp>(op))
    if ((level == Level::Launch || level == Level::Plan) &&
        module.getName() == kKernelsModule) {
      bool bad = false;
      for (Operation &kernel : module.getOps())
        bad |= failed(verifyKernel(kernel));
      return failure(bad);
    }
  return op.emitOpError() << "must not survive to level '" << levelName << "'";
}

struct VerifyLevelPass : jet::impl::VerifyLevelPassBase<VerifyLevelPass> {
  using VerifyLevelPassBase::VerifyLevelPassBase;

  void runOnOperation() override {
    auto parsed = llvm::StringSwitch<std::optional<Level>>(level)
                      .Case("model", Level::Model)
                      .Case("placed", Level::Placed)
                      .Case("tensor", Level::Tensor)
                      .Case("launch", Level::Launch)
                      .Case("plan", Level::Plan)
                      .Default(std::nullopt);
    if (!parsed) {
      getOperation().emitError() << "expected level model, placed, tensor, "
                                    "launch or plan, found '"
                                 << level << "'";
      return signalPassFailure();
    }
    for (Operation &op : getOperation().getOps())
      if (failed(verifyTop(op, *parsed, level)))
        signalPassFailure();
  }
};

} // namespace
