// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "passes/Passes.h"
#include "passes/fuse/Fuse.h"

#include "llvm/ADT/StringMap.h"

using namespace mlir;

namespace jet {
#define GEN_PASS_DEF_PACKWEIGHTSPASS
#include "passes/Passes.h.inc"
} // namespace jet

using namespace jet;

namespace {

/// The weights of an op that may be laid end to end, in its order.
struct Pack {
  Operation *op;
  SmallVector<ParamOp> params;
};

bool haveSameSources(const Pack &a, const Pack &b) {
  return llvm::equal(a.params, b.params, [](ParamOp x, ParamOp y) {
    return x.getName() == y.getName() && x.getType() == y.getType();
  });
}

/// What one function reads, and what of it may be packed.
struct Program {
  func::FuncOp function;
  llvm::StringMap<int64_t> readers; // of a parameter, by its name
  SmallVector<Pack> packs;
  llvm::StringMap<size_t> packOf; // index in `packs`, by a parameter's name
};

/// The weights of an op of several projections; none of any other.
SmallVector<Value> getWeights(Operation *op) {
  if (auto group = dyn_cast<GroupedLinearOp>(op))
    return llvm::to_vector_of<Value>(group.getWeights());
  if (auto qkv = dyn_cast<QkvLinearOp>(op))
    return llvm::to_vector_of<Value>(qkv.getWeights());
  return {};
}

/// The weights of `op` that nothing keeps from being packed in this program.
Pack findPack(Operation *op, const Program &program, FusionLog &log) {
  Pack pack{op, {}};
  int64_t rows = 0;
  for (Value weight : getWeights(op)) {
    auto param = weight.getDefiningOp<ParamOp>();
    if (!param)
      continue;
    auto type = cast<RankedTensorType>(param.getType());
    if (program.readers.lookup(param.getName()) > 1) {
      (void)log.refuse(op, "parameter '" + param.getName() +
                               "' is read elsewhere too");
    } else if (param.getColumnScale()) {
      (void)log.refuse(op, "parameter '" + param.getName() +
                               "' has a column scale already");
    } else if (!pack.params.empty() &&
               type.getElementType() !=
                   getElementTypeOrSelf(pack.params.front().getType())) {
      (void)log.refuse(op, "parameter '" + param.getName() +
                               "' has another element type than '" +
                               pack.params.front().getName() + "'");
    } else if (type.getDimSize(0) > kMaxSize - rows) {
      (void)log.refuse(op, "with parameter '" + param.getName() +
                               "' there are more than " + Twine(kMaxSize) +
                               " rows");
    } else {
      rows += type.getDimSize(0);
      pack.params.push_back(param);
    }
  }
  return pack;
}

Program readProgram(func::FuncOp function, FusionLog &log) {
  Program program{function, {}, {}, {}};
  function.walk([&](ParamOp param) {
    program.readers[param.getName()] +=
        std::distance(param->use_begin(), param->use_end());
  });
  function.walk([&](Operation *op) {
    if (getWeights(op).size() < 2)
      return;
    Pack pack = findPack(op, program, log);
    if (pack.params.size() < 2)
      return;
    for (ParamOp param : pack.params)
      program.packOf[param.getName()] = program.packs.size();
    program.packs.push_back(std::move(pack));
  });
  return program;
}

/// Weights are laid out once: every program that reads one of `pack` must pack
/// it in the same way. This refuses a pack and its rival alike, so programs
/// still agree afterwards.
LogicalResult checkAgreement(const Pack &pack, ArrayRef<Program> programs,
                             FusionLog &log) {
  for (const Program &program : programs)
    for (ParamOp param : pack.params) {
      StringRef name = param.getName();
      StringRef other = func::FuncOp(program.function).getSymName();
      auto found = program.packOf.find(name);
      if (found == program.packOf.end()) {
        if (program.readers.contains(name))
          return log.refuse(pack.op, "program @" + other +
                                         " reads parameter '" + name +
                                         "' in another way");
      } else if (!haveSameSources(pack, program.packs[found->second])) {
        return log.refuse(pack.op, "program @" + other + " packs parameter '" +
                                       name + "' with others");
      }
    }
  return success();
}

void replaceByViews(const Pack &pack) {
  OpBuilder b(pack.params.front());
  SmallVector<Location> locations;
  SmallVector<StringRef> names;
  SmallVector<int64_t> rows;
  int64_t total = 0;
  for (ParamOp param : pack.params) {
    locations.push_back(param.getLoc());
    names.push_back(param.getName());
    rows.push_back(cast<RankedTensorType>(param.getType()).getDimSize(0));
    total += rows.back();
  }
  auto first =
      cast<RankedTensorType>(pack.params.front()->getResult(0).getType());
  auto packed =
      PackedParamOp::create(b, b.getFusedLoc(locations),
                            RankedTensorType::get({total, first.getDimSize(1)},
                                                  first.getElementType()),
                            b.getStrArrayAttr(names), rows, StringAttr());
  int64_t begin = 0;
  for (ParamOp param : pack.params) {
    int64_t end = begin + cast<RankedTensorType>(param.getType()).getDimSize(0);
    auto view = ParamRowsOp::create(b, param.getLoc(), param.getType(), packed,
                                    begin, end);
    param.replaceAllUsesWith(view.getResult());
    begin = end;
  }
  // Last: the builder inserts before one of them.
  for (ParamOp param : pack.params)
    param.erase();
}

struct PackWeightsPass : jet::impl::PackWeightsPassBase<PackWeightsPass> {
  using PackWeightsPassBase::PackWeightsPassBase;

  void runOnOperation() override {
    FusionLog log("pack-weights", remarks);
    SmallVector<Program> programs;
    for (func::FuncOp function : getOperation().getOps<func::FuncOp>())
      programs.push_back(readProgram(function, log));
    SmallVector<const Pack *> agreed;
    for (const Program &program : programs)
      for (const Pack &pack : program.packs)
        if (succeeded(checkAgreement(pack, programs, log)))
          agreed.push_back(&pack);
    // Only now: what is compared are the parameters.
    for (const Pack *pack : agreed) {
      replaceByViews(*pack);
      ++numPacked;
    }
  }
};

} // namespace
