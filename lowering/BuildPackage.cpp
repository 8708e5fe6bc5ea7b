// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "lowering/BuildPackage.h"
#include "dialects/jet/Jet.h"
#include "lowering/DescribeForms.h"
#include "lowering/LowerKernels.h"
#include "lowering/PackageTypes.h"
#include "lowering/Passes.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/ADT/StringSwitch.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace jet;

static Access toAccess(StringRef text) {
  return llvm::StringSwitch<Access>(text)
      .Case("read", Access::Read)
      .Case("write", Access::Write)
      .Default(Access::ReadWrite);
}

namespace {

class PackageBuilder {
public:
  explicit PackageBuilder(ModuleOp module) : module(module) {}

  FailureOr<Package> build() {
    auto models = module.getOps<ModelOp>();
    auto kernels = module.lookupSymbol<ModuleOp>(kKernelsModule);
    if (models.empty() || !kernels)
      return module.emitError("expected a jet.model and a module @kernels");
    if (failed(describeModel(*models.begin())))
      return failure();
    for (func::FuncOp kernel : kernels.getOps<func::FuncOp>())
      if (failed(addKernel(kernel)))
        return failure();
    if (failed(describeForms(module, package.kernels)))
      return failure();
    for (PlanOp plan : module.getOps<PlanOp>())
      if (failed(addProgram(plan)))
        return failure();
    countParameters();
    return std::move(package);
  }

private:
  /// Those of the model, however weights are made of them.
  void countParameters() {
    llvm::StringSet<> counted;
    auto count = [&](StringRef name, ArrayRef<int64_t> shape) {
      if (counted.insert(name).second)
        package.model.parameters += llvm::product_of(shape);
    };
    for (const ParameterInfo &parameter : package.parameters)
      count(parameter.name, parameter.shape);
    for (const ParameterInfo &parameter : package.parameters)
      if (const auto &scale = parameter.columnScale)
        count(scale->name, scale->shape);
  }

  LogicalResult describeModel(ModelOp model) {
    ModelInfo &info = package.model;
    info.name = model.getSymName().str();
    info.dtype = dtypeName(toDType(model.getStorage()));
    info.hiddenSize = model.getHiddenSize();
    info.vocabSize = model.getVocabSize();
    info.maxContext = model.getMaxPosition();
    info.pageSize = model.getPage();
    if (auto bos = module->getAttrOfType<IntegerAttr>("jet.bos_token_id");
        bos && bos.getType().isSignlessInteger(64))
      info.bosTokenId = bos.getInt();
    if (auto eos =
            module->getAttrOfType<DenseI64ArrayAttr>("jet.eos_token_ids"))
      info.eosTokenIds.assign(eos.asArrayRef().begin(), eos.asArrayRef().end());
    for (LayerOp layer : model.getLayers()) {
      if (!layer.isPlaced())
        return layer.emitOpError("still has candidates");
      MixerAttrInterface mixer = layer.getMixerInterface();
      info.layers.push_back(mixer.getMixerName().str());
      for (Type type : layer.getStateTypes())
        addState(layer.getIndex(), cast<StateTypeInterface>(type));
    }
    return success();
  }

  void addState(int64_t layer, StateTypeInterface type) {
    StateInfo state;
    state.layer = layer;
    state.kind = llvm::StringSwitch<StateKind>(type.getKindName())
                     .Case("attention_kv", StateKind::AttentionKv)
                     .Case("window_kv", StateKind::WindowKv)
                     .Case("recurrent", StateKind::Recurrent)
                     .Default(StateKind::ConvTail);
    state.dtype = toDType(type.getStorageType());
    for (int64_t size : type.getSlotShape())
      state.shape.push_back(size);
    package.states.push_back(std::move(state));
    stateTypes.push_back(type);
  }

  LogicalResult addKernel(func::FuncOp kernel) {
    KernelInfo info;
    info.name = kernel.getSymName().str();
    if (failed(isLowered(kernel) ? describeLowered(kernel, info)
                                 : describeUnlowered(kernel, info)) ||
        failed(addCost(kernel, info)))
      return failure();
    kernelIndex[kernel.getSymName()] = package.kernels.size();
    package.kernels.push_back(std::move(info));
    return success();
  }

  static bool isLowered(func::FuncOp kernel) { return !kernel.getNumResults(); }

  LogicalResult describeLowered(func::FuncOp kernel, KernelInfo &info) {
    auto grid = kernel->getAttrOfType<AffineMapAttr>(kGridAttr);
    if (!grid || !isSizes(grid.getValue(), 1))
      return kernel.emitOpError("expected jet.grid; run -jet-map-grid first");
    info.grid = toSizeExpr(grid.getValue().getResult(0));
    if (failed(describeBlocks(kernel, info)))
      return failure();
    for (auto [index, type] : llvm::enumerate(kernel.getArgumentTypes())) {
      auto memref = dyn_cast<MemRefType>(type);
      if (!memref)
        break;
      auto shape = kernel.getArgAttrOfType<AffineMapAttr>(index, kShapeAttr);
      auto access = kernel.getArgAttrOfType<StringAttr>(index, kAccessAttr);
      if (!shape || !isSizes(shape.getValue(), memref.getRank()) || !access)
        return kernel.emitOpError("expected jet.shape and jet.access on "
                                  "argument ")
               << index << "; run -jet-lower-kernels first";
      info.operands.push_back({toDType(memref.getElementType()),
                               toSizeExprs(shape.getValue().getResults()),
                               toAccess(access.getValue())});
    }
    return success();
  }

  /// What only kernels for a GPU have.
  LogicalResult describeBlocks(func::FuncOp kernel, KernelInfo &info) {
    if (auto threads = kernel->getAttrOfType<IntegerAttr>(kThreadsAttr))
      info.threads = threads.getInt();
    auto scratch = kernel->getAttrOfType<AffineMapAttr>(kScratchAttr);
    if (!scratch)
      return success();
    if (!isSizes(scratch.getValue(), 1))
      return kernel.emitOpError("expected jet.scratch to be one size");
    info.scratch = toSizeExpr(scratch.getValue().getResult(0));
    return success();
  }

  /// Of a kernel that is a jet op still, so that plans can be verified before
  /// there is code. How many grid points it will have is not known yet.
  LogicalResult describeUnlowered(func::FuncOp kernel, KernelInfo &info) {
    FailureOr<SmallVector<KernelArgument>> layout = layoutKernel(kernel);
    if (failed(layout))
      return failure();
    info.grid = SizeExpr::makeConstant(1);
    for (const KernelArgument &argument : *layout)
      info.operands.push_back({toDType(argument.element),
                               toSizeExprs(argument.shape),
                               toAccess(argument.access)});
    return success();
  }

  LogicalResult addCost(func::FuncOp kernel, KernelInfo &info) {
    auto attribute = kernel->getAttrOfType<DictionaryAttr>(kCostAttr);
    if (!attribute)
      return success(); // a pipeline without -jet-annotate-costs
    if (auto op = attribute.getAs<StringAttr>("op"))
      info.op = op.str();
    FailureOr<OpCost> cost = costFromAttribute(kernel, attribute);
    if (failed(cost))
      return failure();
    info.cost = *cost;
    return success();
  }

  FailureOr<int64_t> parameterIndex(WeightOp weight) {
    auto type = cast<MemRefType>(weight.getPlace().getType());
    ParameterInfo info = {weight.getName().str(),
                          toDType(type.getElementType()), type.getShape().vec(),
                          sourcesOf(weight), columnScaleOf(weight)};
    auto [entry, isNew] =
        parameters.try_emplace(weight.getName(), package.parameters.size());
    if (isNew) {
      package.parameters.push_back(std::move(info));
    } else if (const ParameterInfo &known = package.parameters[entry->second];
               known.dtype != info.dtype || known.shape != info.shape ||
               known.concat != info.concat ||
               known.columnScale != info.columnScale) {
      return weight.emitOpError("expected the type and the recipe that '")
             << weight.getName() << "' has elsewhere, found " << type;
    }
    return entry->second;
  }

  /// The recipe of a packed weight.
  static std::vector<SourceTensor> sourcesOf(WeightOp weight) {
    std::vector<SourceTensor> sources;
    if (!weight.getConcat())
      return sources;
    auto type = cast<MemRefType>(weight.getPlace().getType());
    for (auto [name, rows] :
         llvm::zip_equal(weight.getConcat()->getAsValueRange<StringAttr>(),
                         *weight.getConcatRows())) {
      sources.push_back({name.str(), type.getShape().vec()});
      sources.back().shape[0] = rows;
    }
    return sources;
  }

  static std::optional<SourceTensor> columnScaleOf(WeightOp weight) {
    std::optional<StringRef> name = weight.getColumnScale();
    if (!name)
      return std::nullopt;
    auto type = cast<MemRefType>(weight.getPlace().getType());
    return SourceTensor{name->str(), {type.getDimSize(1)}};
  }

  LogicalResult addProgram(PlanOp plan);
  LogicalResult setLimits(PlanOp plan);

  ModuleOp module;
  Package package;
  SmallVector<Type> stateTypes; // of package.states
  llvm::StringMap<int64_t> kernelIndex, parameters;
  friend class ProgramBuilder;
};

/// One plan.
class ProgramBuilder {
public:
  ProgramBuilder(PackageBuilder &owner, PlanOp plan)
      : owner(owner), plan(plan) {}

  FailureOr<ProgramInfo> build() {
    program.name = plan.getSymName().str();
    program.arenaBytesPerRow = plan.getArena();
    for (Operation &op : plan.getBody().front())
      if (failed(llvm::TypeSwitch<Operation *, LogicalResult>(&op)
                     .Case<InputOp, StateOp, WeightOp, WeightRowsOp, OutputOp,
                           BufferOp, ExecuteOp>(
                         [&](auto typed) { return add(typed); })
                     .Default([](Operation *) { return success(); })))
        return failure();
    return std::move(program);
  }

private:
  LogicalResult add(InputOp input) {
    auto kind =
        llvm::StringSwitch<std::optional<OperandRef::Kind>>(input.getName())
            .Case("tokens", OperandRef::Kind::Tokens)
            .Case("positions", OperandRef::Kind::Positions)
            .Case("batch", OperandRef::Kind::Batch)
            .Case("sampling", OperandRef::Kind::Sampling)
            .Default(std::nullopt);
    if (!kind)
      return input.emitOpError("expected tokens, positions, batch or "
                               "sampling, found '")
             << input.getName() << "'";
    places[input.getPlace()] = {*kind, 0};
    return success();
  }

  LogicalResult add(StateOp state) {
    auto index = static_cast<size_t>(state.getIndex());
    if (index >= owner.stateTypes.size())
      return state.emitOpError("expected a number below ")
             << owner.stateTypes.size() << ", the states of the jet.model";
    int64_t layer = owner.package.states[index].layer;
    Type type = owner.stateTypes[index];
    if (static_cast<int64_t>(state.getLayer()) != layer ||
        state.getPlace().getType() != type)
      return state.emitOpError("expected layer ")
             << layer << " and " << type << " as in the jet.model";
    places[state.getPlace()] = {OperandRef::Kind::State,
                                static_cast<int64_t>(index)};
    return success();
  }

  LogicalResult add(WeightOp weight) {
    FailureOr<int64_t> index = owner.parameterIndex(weight);
    if (failed(index))
      return failure();
    places[weight.getPlace()] = {OperandRef::Kind::Parameter, *index};
    return success();
  }

  LogicalResult add(WeightRowsOp rows) {
    OperandRef place = places.lookup(rows.getWeight());
    place.rows = RowRange{static_cast<int64_t>(rows.getBegin()),
                          static_cast<int64_t>(rows.getEnd())};
    places[rows.getPlace()] = place;
    return success();
  }

  LogicalResult add(OutputOp output) {
    auto kind =
        llvm::StringSwitch<std::optional<OperandRef::Kind>>(output.getName())
            .Case("logits", OperandRef::Kind::Logits)
            .Case("values", OperandRef::Kind::Values)
            .Case("ids", OperandRef::Kind::Ids)
            .Case("next", OperandRef::Kind::Next)
            .Default(std::nullopt);
    if (!kind)
      return output.emitOpError("expected logits, values, ids or next, found '")
             << output.getName() << "'";
    program.logitsPerSequence = output.getPerSequence();
    auto type = cast<MemRefType>(output.getPlace().getType());
    if (kind == OperandRef::Kind::Values || kind == OperandRef::Kind::Ids)
      program.candidates = type.getRank() == 2 ? type.getDimSize(1) : -1;
    places[output.getPlace()] = {*kind, 0};
    return success();
  }

  LogicalResult add(BufferOp buffer) {
    places[buffer.getPlace()] = {OperandRef::Kind::Buffer,
                                 static_cast<int64_t>(program.buffers.size())};
    program.buffers.push_back({static_cast<int64_t>(buffer.getOffset()),
                               static_cast<int64_t>(buffer.getBytes())});
    return success();
  }

  /// Operands in the order of the kernel's own.
  LogicalResult add(ExecuteOp execute) {
    auto kernel =
        owner.kernelIndex.find(execute.getKernel().getLeafReference());
    if (kernel == owner.kernelIndex.end())
      return execute.emitOpError("expected a kernel of @kernels, found ")
             << execute.getKernel();
    LaunchInfo info;
    info.kernel = kernel->second;
    info.rowsAreSequences = execute.getPerSequence();
    OperandRange groups[] = {execute.getReads(), execute.getWrites(),
                             execute.getUpdates()}; // as Access
    for (const KernelOperand &operand :
         owner.package.kernels[info.kernel].operands) {
      OperandRange &group = groups[static_cast<int>(operand.access)];
      if (group.empty())
        return execute.emitOpError("has fewer operands than its kernel");
      info.operands.push_back(places.lookup(group.front()));
      group = group.drop_front();
    }
    for (const OperandRange &group : groups)
      if (!group.empty())
        return execute.emitOpError("has more operands than its kernel");
    program.launches.push_back(std::move(info));
    return success();
  }

  PackageBuilder &owner;
  PlanOp plan;
  ProgramInfo program;
  llvm::DenseMap<Value, OperandRef> places;
};

LogicalResult PackageBuilder::addProgram(PlanOp plan) {
  if (failed(setLimits(plan)))
    return failure();
  FailureOr<ProgramInfo> program = ProgramBuilder(*this, plan).build();
  if (failed(program))
    return failure();
  package.programs.push_back(std::move(*program));
  return success();
}

/// A package has one pair of limits.
LogicalResult PackageBuilder::setLimits(PlanOp plan) {
  ModelInfo &model = package.model;
  int64_t batch = plan.getMaxBatch(), context = plan.getMaxContext();
  if (package.programs.empty()) {
    if (context > model.maxContext)
      return plan.emitOpError("expected max_context at most ")
             << model.maxContext << ", the model's max_position, found "
             << context;
    model.maxBatch = batch;
    model.maxContext = context;
  } else if (batch != model.maxBatch || context != model.maxContext) {
    return plan.emitOpError("expected max_batch ")
           << model.maxBatch << " and max_context " << model.maxContext
           << " as in '" << package.programs.front().name << "', found "
           << batch << " and " << context;
  }
  return success();
}

} // namespace

FailureOr<Package> jet::buildPackage(ModuleOp module) {
  return PackageBuilder(module).build();
}
