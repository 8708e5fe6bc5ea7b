// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "lowering/PackActivations.h"
#include "lowering/Passes.h"
#include "runtime/Package.h"

#include "llvm/Support/MathExtras.h"

using namespace mlir;

namespace jet {
#define GEN_PASS_DEF_PLANMEMORYPASS
#include "lowering/Passes.h.inc"
} // namespace jet

using namespace jet;

/// Buffers begin at multiples of a cache line.
static constexpr int64_t kAlignment = 64;

/// What the runtime prepares: the arguments of a program before its states, the
/// last of programs that sample.
static constexpr StringLiteral kInputs[] = {"tokens", "positions", "batch",
                                            "sampling"};

/// What the caller gets: the results of a program before its states.
static constexpr StringLiteral kLogits[] = {"logits", "next"};
static constexpr StringLiteral kCandidates[] = {"values", "ids", "next"};

/// The memory that holds a value of `type`; null if none can.
static Type placeOf(Type type) {
  if (isa<BatchType, StateTypeInterface>(type))
    return type;
  auto tensor = dyn_cast<RankedTensorType>(type);
  return tensor ? MemRefType::get(tensor.getShape(), tensor.getElementType())
                : Type();
}

/// Whether `type` has one row for each token or sequence, and so a place in the
/// arena or among the outputs.
static bool hasRows(Type type) {
  auto tensor = dyn_cast<RankedTensorType>(type);
  return tensor && tensor.getRank() && tensor.isDynamicDim(0) &&
         tensor.getNumDynamicDims() == 1 &&
         tensor.getElementType().isIntOrFloat();
}

/// Bytes of a row, rounded up to the alignment; nothing on overflow.
static std::optional<int64_t> rowBytes(RankedTensorType type) {
  int64_t bytes = llvm::divideCeil(type.getElementTypeBitWidth(), 8);
  for (int64_t size : type.getShape().drop_front())
    if (__builtin_mul_overflow(bytes, size, &bytes))
      return std::nullopt;
  if (bytes > INT64_MAX - kAlignment)
    return std::nullopt;
  return llvm::alignTo(bytes, kAlignment);
}

namespace {

/// Makes the plan of one function.
class Planner {
public:
  Planner(func::FuncOp function, PlanOp plan)
      : function(function), plan(plan),
        b(OpBuilder::atBlockEnd(&plan.getBody().front())) {}

  LogicalResult run() {
    if (!llvm::hasSingleElement(function.getBody()))
      return function.emitOpError("expected a body of one block");
    if (failed(verifyLevel()) || failed(placeArguments()) ||
        failed(placeResults()))
      return failure();
    for (Operation &op : function.getBody().front().without_terminator())
      if (failed(planOp(&op)))
        return failure();
    return pack();
  }

private:
  LogicalResult verifyLevel();
  LogicalResult placeArguments();
  LogicalResult placeResults();
  LogicalResult planOp(Operation *op);
  LogicalResult planLaunch(LaunchOp launch);
  LogicalResult placeResult(LaunchOp launch, Value result, int64_t step);
  LogicalResult pack();

  func::FuncOp function;
  PlanOp plan;
  OpBuilder b;
  DenseMap<Value, Value> places;          // of values
  DenseMap<Value, OutputOp> outputs;      // of values that are returned
  DenseMap<Value, Value> newest;          // value in the place of a state
  DenseMap<Value, size_t> buffersByPlace; // index into the next two
  SmallVector<BufferOp> buffers;
  std::vector<Lifetime> lifetimes;
  int64_t steps = 0;
};

} // namespace

LogicalResult Planner::verifyLevel() {
  for (Operation &op : function.getBody().front().without_terminator())
    if (!isa<LaunchOp>(op) && !isView(&op))
      return op.emitOpError("does not belong to level 'launch', from which "
                            "plans are made; run -jet-launch first");
  return success();
}

LogicalResult Planner::placeArguments() {
  int64_t states = 0;
  for (BlockArgument argument : function.getArguments()) {
    size_t index = argument.getArgNumber();
    b.setInsertionPointToEnd(&plan.getBody().front());
    Type type = placeOf(argument.getType());
    if (isa_and_nonnull<StateTypeInterface>(type)) {
      auto layer = function.getArgAttrOfType<IntegerAttr>(index, "jet.layer");
      if (!layer)
        return function.emitOpError("expected jet.layer on argument ")
               << index << ", which is a state";
      places[argument] =
          StateOp::create(b, function.getLoc(), type, states++, layer.getInt());
      newest[places[argument]] = argument;
      continue;
    }
    if (!type || index >= std::size(kInputs))
      return function.emitOpError("expected tokens, positions, the batch, how "
                                  "to sample and then states as arguments, "
                                  "found ")
             << argument.getType() << " as argument " << index;
    places[argument] =
        InputOp::create(b, function.getLoc(), type, kInputs[index]);
  }
  return success();
}

/// Results that are no states are written where the caller wants them.
LogicalResult Planner::placeResults() {
  Operation *terminator = function.getBody().front().getTerminator();
  const bool areCandidates =
      llvm::count_if(terminator->getOperandTypes(), [](Type type) {
        return !isa<StateTypeInterface>(type);
      }) > std::ssize(kLogits);
  ArrayRef<StringLiteral> names =
      areCandidates ? ArrayRef(kCandidates) : ArrayRef(kLogits);
  for (auto [index, value] : llvm::enumerate(terminator->getOperands())) {
    if (isa<StateTypeInterface>(value.getType()))
      continue; // in place
    auto launch = value.getDefiningOp<LaunchOp>();
    if (!launch || index >= names.size() || !hasRows(value.getType()))
      return terminator->emitOpError("expected the logits of a launch (or "
                                     "values and ids), the next tokens if it "
                                     "picks them and then states, found a "
                                     "result ")
             << index << " of " << value.getType()
             << (launch ? "" : " that no launch makes");
    // A step of decode has one token of each sequence.
    bool perSequence =
        launch.getPerSequence() || isDecodeProgram(function.getSymName());
    outputs[value] =
        OutputOp::create(b, function.getLoc(), placeOf(value.getType()),
                         names[index], perSequence);
  }
  return success();
}

static bool isWhole(ParamRowsOp view) {
  return view.getBegin() == 0 &&
         static_cast<int64_t>(view.getEnd()) ==
             cast<RankedTensorType>(view.getX().getType()).getDimSize(0);
}

LogicalResult Planner::planOp(Operation *op) {
  b.setInsertionPointToEnd(&plan.getBody().front());
  if (auto launch = dyn_cast<LaunchOp>(op))
    return planLaunch(launch);
  if (auto param = dyn_cast<ParamOp>(op)) {
    places[param] = WeightOp::create(
        b, op->getLoc(), placeOf(param.getType()), param.getNameAttr(),
        ArrayAttr(), DenseI64ArrayAttr(), param.getColumnScaleAttr());
    return success();
  }
  if (auto packed = dyn_cast<PackedParamOp>(op)) {
    places[packed] = WeightOp::create(
        b, op->getLoc(), placeOf(packed.getType()),
        b.getStringAttr(packed.getJoinedName()), packed.getNamesAttr(),
        packed.getRowsAttr(), packed.getColumnScaleAttr());
    return success();
  }
  if (auto rows = dyn_cast<ParamRowsOp>(op); rows && !isWhole(rows)) {
    // Rows as they are stored, in whatever shape they are viewed.
    auto type = cast<RankedTensorType>(rows.getX().getType());
    SmallVector<int64_t> shape(type.getShape());
    shape[0] = rows.getEnd() - rows.getBegin();
    places[rows] = WeightRowsOp::create(
        b, op->getLoc(), placeOf(type.clone(shape)), places.lookup(rows.getX()),
        rows.getBegin(), rows.getEnd());
    return success();
  }
  places[op->getResult(0)] = places.lookup(op->getOperand(0)); // a view
  return success();
}

LogicalResult Planner::planLaunch(LaunchOp launch) {
  const int64_t step = steps++;
  SmallVector<Value> reads, updates, writes;
  for (Value operand : launch.getOperands()) {
    Value place = places.lookup(operand);
    if (auto buffer = buffersByPlace.find(place);
        buffer != buffersByPlace.end())
      lifetimes[buffer->second].end = step;
    // States are updated in place, so only the newest version exists.
    if (isa<StateTypeInterface>(operand.getType()) &&
        newest.lookup(place) != operand)
      return launch.emitOpError("reads a state that was updated before");
    (isUpdated(operand.getType(), launch.getResultTypes()) ? updates : reads)
        .push_back(place);
  }
  for (Value result : launch.getResults()) {
    if (isa<StateTypeInterface>(result.getType())) {
      auto operand = llvm::find_if(launch.getOperands(), [&](Value v) {
        return v.getType() == result.getType();
      });
      if (operand == launch.getOperands().end())
        return launch.emitOpError("makes a state that it does not take: ")
               << result.getType();
      places[result] = places.lookup(*operand);
      newest[places[result]] = result;
      continue;
    }
    if (failed(placeResult(launch, result, step)))
      return failure();
    writes.push_back(places[result]);
  }
  ExecuteOp::create(b, launch.getLoc(), launch.getKernel(), reads, updates,
                    writes, launch.getPerSequence());
  return success();
}

LogicalResult Planner::placeResult(LaunchOp launch, Value result,
                                   int64_t step) {
  if (OutputOp output = outputs.lookup(result)) {
    places[result] = output.getPlace();
    return success();
  }
  if (!hasRows(result.getType()))
    return launch.emitOpError("expected results with a row for each token, "
                              "found ")
           << result.getType();
  std::optional<int64_t> bytes =
      rowBytes(cast<RankedTensorType>(result.getType()));
  if (!bytes)
    return launch.emitOpError("the bytes of a row do not fit 64 bits: ")
           << result.getType();
  auto buffer = BufferOp::create(b, launch.getLoc(), placeOf(result.getType()),
                                 /*offset=*/0, *bytes);
  places[result] = buffer.getPlace();
  buffersByPlace[buffer.getPlace()] = buffers.size();
  buffers.push_back(buffer);
  lifetimes.push_back({*bytes, step, step});
  return success();
}

/// Every activation has one row per token or less, so offsets in bytes per row
/// serve steps of all sizes.
LogicalResult Planner::pack() {
  int64_t sum = 0; // no arena is larger
  for (const Lifetime &lifetime : lifetimes)
    if (__builtin_add_overflow(sum, lifetime.bytes, &sum))
      return function.emitOpError(
          "the bytes of all buffers do not fit 64 bits");
  Packing packing = packActivations(lifetimes);
  plan.setArena(packing.bytes);
  for (auto [buffer, offset] : llvm::zip_equal(buffers, packing.offsets))
    buffer.setOffset(offset);
  return success();
}

namespace {

struct PlanMemoryPass : jet::impl::PlanMemoryPassBase<PlanMemoryPass> {
  using PlanMemoryPassBase::PlanMemoryPassBase;

  void runOnOperation() override {
    if (failed(planModule(getOperation())))
      signalPassFailure();
  }

private:
  LogicalResult planModule(ModuleOp module) {
    auto models = module.getOps<ModelOp>();
    if (!llvm::hasSingleElement(models))
      return module.emitError("expected one jet.model to plan for, found ")
             << std::distance(models.begin(), models.end());
    ModelOp model = *models.begin();
    int64_t longest = model.getMaxPosition();
    if (maxContext < 0 || maxContext > longest)
      return model.emitOpError("expected max-context from 1 to its "
                               "max_position ")
             << longest << ", found " << int64_t(maxContext);
    if (maxBatch < 1 || maxBatch > kMaxSize)
      return model.emitOpError("expected max-batch from 1 to ")
             << kMaxSize << ", found " << int64_t(maxBatch);
    for (PlanOp plan : module.getOps<PlanOp>())
      return plan.emitOpError("is a plan already");
    for (auto function :
         llvm::make_early_inc_range(module.getOps<func::FuncOp>())) {
      OpBuilder b(function);
      auto plan = PlanOp::create(b, function.getLoc(), function.getSymName(),
                                 /*arena=*/0, maxBatch,
                                 maxContext ? int64_t(maxContext) : longest);
      plan.getBody().emplaceBlock();
      if (failed(Planner(function, plan).run()))
        return failure();
      function.erase();
    }
    return success();
  }
};

} // namespace
