// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "passes/Passes.h"
#include "passes/fuse/Fuse.h"
#include "passes/fuse/Rounding.h"

#include "llvm/ADT/SetVector.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;

namespace jet {
#define GEN_PASS_DEF_FOLDNORMSPASS
#include "passes/Passes.h.inc"
} // namespace jet

using namespace jet;

namespace {

/// A projection whose norm may go into its weights.
struct Fold {
  Operation *op;
  StringRef norm;                               // the parameter's name
  llvm::SmallSetVector<Operation *, 4> weights; // jet.param, jet.packed_param
};

/// What one function reads, and what of it may be folded.
struct Program {
  func::FuncOp function;
  llvm::StringSet<> names; // of all weights, as nameOf() gives them
  SmallVector<Fold> folds;

  const Fold *find(StringRef weight) const;
};

} // namespace

/// By which programs share a weight.
static std::string nameOf(Operation *weight) {
  if (auto param = dyn_cast<ParamOp>(weight))
    return param.getName().str();
  return cast<PackedParamOp>(weight).getJoinedName();
}

const Fold *Program::find(StringRef weight) const {
  for (const Fold &fold : folds)
    if (llvm::any_of(fold.weights,
                     [&](Operation *op) { return nameOf(op) == weight; }))
      return &fold;
  return nullptr;
}

/// x, the weights and the norm of a projection; none of another op.
struct Projected {
  Value x, norm;
  SmallVector<Value> weights;
};
static std::optional<Projected> getProjected(Operation *op) {
  return llvm::TypeSwitch<Operation *, std::optional<Projected>>(op)
      .Case<GroupedLinearOp, QkvLinearOp>([](auto op) {
        return Projected{op.getX(), op.getNorm(),
                         llvm::to_vector_of<Value>(op.getWeights())};
      })
      .Case([](LinearTopKOp op) {
        return Projected{op.getX(), op.getNorm(), {op.getWeight()}};
      })
      .Default(std::nullopt);
}

static void dropNorm(Operation *op) {
  llvm::TypeSwitch<Operation *>(op)
      .Case<GroupedLinearOp, QkvLinearOp, LinearTopKOp>(
          [](auto op) { op.getNormMutable().clear(); });
}

/// The op whose rows `value` is.
static Operation *rootOf(Value value) {
  while (auto rows = value.getDefiningOp<ParamRowsOp>())
    value = rows.getX();
  Operation *root = value.getDefiningOp();
  return isa_and_nonnull<ParamOp, PackedParamOp>(root) ? root : nullptr;
}

/// Whether `weight`, or rows of it, is read by `reader` alone.
static bool isReadBy(Operation *weight, Operation *reader) {
  return llvm::all_of(weight->getUsers(), [&](Operation *user) {
    return user == reader || (isa<ParamRowsOp>(user) && isReadBy(user, reader));
  });
}

static FailureOr<Fold> findFold(Operation *op, FusionLog &log) {
  Projected projected = *getProjected(op);
  auto norm = projected.norm.getDefiningOp<ParamOp>();
  if (!norm)
    return log.refuse(op, "its norm is not a parameter");
  if (!isBF16(projected.x))
    return log.refuse(op, "its input is not in bf16, so it is rounded anyway, "
                          "and normed on the way");
  Fold fold{op, norm.getName(), {}};
  for (Value weight : projected.weights) {
    Operation *root = rootOf(weight);
    if (!root)
      return log.refuse(op, "not all of its weights are parameters");
    if (root->hasAttr("column_scale"))
      return log.refuse(op, "parameter '" + nameOf(root) +
                                "' has a column scale already");
    if (getElementTypeOrSelf(weight) != getElementTypeOrSelf(projected.norm))
      return log.refuse(op, "its norm is of another type than its weights");
    if (!isReadBy(root, op))
      return log.refuse(op, "parameter '" + nameOf(root) +
                                "' is read elsewhere too");
    fold.weights.insert(root);
  }
  return fold;
}

static Program readProgram(func::FuncOp function, FusionLog &log) {
  Program program{function, {}, {}};
  llvm::StringMap<int64_t> count;
  function.walk([&](Operation *op) {
    if (!isa<ParamOp, PackedParamOp>(op))
      return;
    program.names.insert(nameOf(op));
    ++count[nameOf(op)];
  });
  function.walk([&](Operation *op) {
    auto projected = getProjected(op);
    if (!projected || !projected->norm)
      return;
    FailureOr<Fold> fold = findFold(op, log);
    if (failed(fold))
      return;
    for (Operation *weight : fold->weights)
      if (count.lookup(nameOf(weight)) > 1)
        return (void)log.refuse(op, "parameter '" + nameOf(weight) +
                                        "' is read elsewhere too");
    program.folds.push_back(std::move(*fold));
  });
  return program;
}

/// Weights are in memory once: a program that reads one of the fold's must fold
/// the same norm into it.
static LogicalResult
checkAgreement(const Fold &fold, ArrayRef<Program> programs, FusionLog &log) {
  for (const Program &program : programs)
    for (Operation *weight : fold.weights) {
      std::string name = nameOf(weight);
      if (!program.names.contains(name))
        continue;
      const Fold *other = program.find(name);
      if (!other || other->norm != fold.norm)
        return log.refuse(
            fold.op, "program @" + func::FuncOp(program.function).getSymName() +
                         " reads parameter '" + name + "' in another way");
    }
  return success();
}

static void apply(const Fold &fold) {
  dropNorm(fold.op);
  for (Operation *weight : fold.weights)
    weight->setAttr("column_scale",
                    StringAttr::get(weight->getContext(), fold.norm));
}

namespace {
struct FoldNormsPass : jet::impl::FoldNormsPassBase<FoldNormsPass> {
  using FoldNormsPassBase::FoldNormsPassBase;

  void runOnOperation() override {
    FusionLog log("fold-norms", remarks);
    SmallVector<Program> programs;
    for (func::FuncOp function : getOperation().getOps<func::FuncOp>())
      programs.push_back(readProgram(function, log));
    // A fold that is dropped may be what another program's relied on.
    for (bool changed = true; changed;) {
      changed = false;
      for (Program &program : programs) {
        auto *kept = llvm::remove_if(program.folds, [&](const Fold &fold) {
          return failed(checkAgreement(fold, programs, log));
        });
        changed |= kept != program.folds.end();
        program.folds.erase(kept, program.folds.end());
      }
    }
    for (const Program &program : programs)
      for (const Fold &fold : program.folds) {
        apply(fold);
        ++numFolded;
      }
  }
};
} // namespace
