// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "dialects/jet/Jet.h"
#include "passes/Passes.h"

#include "mlir/IR/IRMapping.h"

using namespace mlir;

namespace jet {
#define GEN_PASS_DEF_OUTLINEKERNELSPASS
#include "passes/Passes.h.inc"
} // namespace jet

using namespace jet;

namespace {

/// Whether `op` becomes a kernel: a tensor op that is not a view.
bool isComputation(Operation *op) {
  return isa_and_nonnull<JetDialect>(op->getDialect()) &&
         !isa<ModelOp, LayerOp, LaunchOp, YieldOp>(op) && !isView(op);
}

/// Whether two ops do the same to their operands, whatever these are. Inside
/// regions it matters which value is used where: a - b is not b - a.
bool computeTheSame(Operation *a, Operation *b) {
  constexpr auto flags = OperationEquivalence::IgnoreLocations;
  return a->getOperandTypes() == b->getOperandTypes() &&
         OperationEquivalence::isEquivalentTo(
             a, b, OperationEquivalence::ignoreValueEquivalence, nullptr,
             flags) &&
         llvm::all_of(llvm::zip_equal(a->getRegions(), b->getRegions()),
                      [&](auto regions) {
                        return OperationEquivalence::isRegionEquivalentTo(
                            &std::get<0>(regions), &std::get<1>(regions),
                            flags);
                      });
}

/// The kernels made so far and the op that each was made from.
class KernelTable {
public:
  explicit KernelTable(ModuleOp kernels) : kernels(kernels), symbols(kernels) {}

  /// The kernel that computes what `op` does, whatever its operands.
  func::FuncOp getKernel(Operation *op) {
    llvm::hash_code hash = OperationEquivalence::computeHash(
        op, OperationEquivalence::ignoreHashValue,
        OperationEquivalence::ignoreHashValue,
        OperationEquivalence::IgnoreLocations);
    SmallVector<Entry> &bucket = buckets[hash];
    for (Entry &entry : bucket)
      if (computeTheSame(entry.op, op))
        return entry.kernel;
    func::FuncOp kernel = makeKernel(op);
    bucket.push_back({&kernel.getBody().front().front(), kernel});
    return kernel;
  }

private:
  struct Entry {
    Operation *op;
    func::FuncOp kernel;
  };

  func::FuncOp makeKernel(Operation *op) {
    OpBuilder b = OpBuilder::atBlockEnd(kernels.getBody());
    auto type = b.getFunctionType(op->getOperandTypes(), op->getResultTypes());
    auto kernel = func::FuncOp::create(b, op->getLoc(), nameFor(op), type);
    symbols.insert(kernel); // makes the name unique
    Block *entry = kernel.addEntryBlock();
    b.setInsertionPointToStart(entry);
    IRMapping mapping;
    mapping.map(op->getOperands(), entry->getArguments());
    Operation *clone = b.clone(*op, mapping);
    // By position: an op may take a value twice, its kernel takes two.
    clone->setOperands(entry->getArguments());
    func::ReturnOp::create(b, op->getLoc(), clone->getResults());
    return kernel;
  }

  /// e.g. "linear_1536x8960": what a profile's reader wants to see.
  static std::string nameFor(Operation *op) {
    std::string name = op->getName().stripDialect().str();
    Value sized = op->getResult(0);
    if (auto linear = dyn_cast<LinearOp>(op))
      sized = linear.getWeight();
    if (auto linear = dyn_cast<LinearTopKOp>(op))
      sized = linear.getWeight();
    if (auto type = dyn_cast<ShapedType>(sized.getType())) {
      char separator = '_';
      for (int64_t size : type.getShape())
        if (!ShapedType::isDynamic(size)) {
          name += separator + std::to_string(size);
          separator = 'x';
        }
    }
    return name;
  }

  ModuleOp kernels;
  SymbolTable symbols;
  DenseMap<size_t, SmallVector<Entry>> buckets;
};

/// Replaces the tensor ops of `program` by launches.
LogicalResult outline(func::FuncOp program, KernelTable &table) {
  llvm::DenseSet<Value> perSequence; // values with a row per sequence
  auto isPerSequence = [&](Value value) { return perSequence.contains(value); };
  for (Operation &op : llvm::make_early_inc_range(program.getBody().getOps())) {
    bool rows = llvm::any_of(op.getOperands(), isPerSequence);
    if (isView(&op) && rows)
      perSequence.insert(op.getResult(0));
    if (isView(&op) || isa<func::ReturnOp>(op))
      continue;
    if (!isComputation(&op))
      return op.emitOpError() << "is not a tensor op: cannot outline it";
    func::FuncOp kernel = table.getKernel(&op);
    OpBuilder b(&op);
    auto name =
        SymbolRefAttr::get(b.getStringAttr(kKernelsModule),
                           {FlatSymbolRefAttr::get(kernel.getSymNameAttr())});
    auto launch = LaunchOp::create(b, op.getLoc(), op.getResultTypes(), name,
                                   op.getOperands(), rows);
    // From the last tokens on, rows are sequences.
    if (rows || isa<LastTokenOp>(op))
      perSequence.insert(launch.getResults().begin(),
                         launch.getResults().end());
    op.replaceAllUsesWith(launch.getResults());
    op.erase();
  }
  return success();
}

struct OutlineKernelsPass
    : jet::impl::OutlineKernelsPassBase<OutlineKernelsPass> {
  using OutlineKernelsPassBase::OutlineKernelsPassBase;

  void runOnOperation() override {
    ModuleOp module = getOperation();
    auto programs = llvm::to_vector(module.getOps<func::FuncOp>());
    OpBuilder b = OpBuilder::atBlockEnd(module.getBody());
    auto kernels = ModuleOp::create(b, module.getLoc(), kKernelsModule);
    KernelTable table(kernels);
    for (func::FuncOp program : programs)
      if (failed(outline(program, table)))
        return signalPassFailure();
  }
};

} // namespace
