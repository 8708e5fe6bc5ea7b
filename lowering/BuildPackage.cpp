// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "lowering/BuildPackage.h"
#include "dialects/jet/Jet.h"
#include "lowering/PackActivations.h"
#include "lowering/Passes.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/ADT/StringSwitch.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace jet;

/// Activations begin at multiples of a cache line.
static constexpr int64_t kAlignment = 64;

static DType toDType(Type type) {
  if (type.isF32())
    return DType::F32;
  if (type.isBF16())
    return DType::BF16;
  if (type.isF16())
    return DType::F16;
  return DType::I32; // the batch and token ids
}

static SizeExpr toSizeExpr(AffineExpr expr) {
  if (auto constant = dyn_cast<AffineConstantExpr>(expr))
    return SizeExpr::makeConstant(constant.getValue());
  if (auto symbol = dyn_cast<AffineSymbolExpr>(expr))
    return SizeExpr::makeSymbol(static_cast<Symbol>(symbol.getPosition()));
  auto binary = cast<AffineBinaryOpExpr>(expr);
  SizeExpr::Kind kind =
      expr.getKind() == AffineExprKind::Add   ? SizeExpr::Kind::Add
      : expr.getKind() == AffineExprKind::Mul ? SizeExpr::Kind::Mul
                                              : SizeExpr::Kind::CeilDiv;
  return SizeExpr::make(kind, toSizeExpr(binary.getLHS()),
                        toSizeExpr(binary.getRHS()));
}

static std::vector<SizeExpr> toSizeExprs(AffineMap map) {
  std::vector<SizeExpr> sizes;
  for (AffineExpr expr : map.getResults())
    sizes.push_back(toSizeExpr(expr));
  return sizes;
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
    describeModel(*models.begin());
    for (func::FuncOp kernel : kernels.getOps<func::FuncOp>())
      if (failed(addKernel(kernel)))
        return failure();
    for (func::FuncOp program : module.getOps<func::FuncOp>())
      if (failed(addProgram(program)))
        return failure();
    for (const ParameterInfo &parameter : package.parameters) {
      int64_t count = 1;
      for (int64_t size : parameter.shape)
        count *= size;
      package.model.parameters += count;
    }
    return std::move(package);
  }

private:
  void describeModel(ModelOp model) {
    ModelInfo &info = package.model;
    info.name = model.getSymName().str();
    info.dtype = dtypeName(toDType(model.getStorage()));
    info.hiddenSize = model.getHiddenSize();
    info.vocabSize = model.getVocabSize();
    info.maxContext = model.getMaxPosition();
    for (LayerOp layer : model.getLayers()) {
      MixerAttrInterface mixer = layer.getMixerInterface();
      info.layers.push_back(mixer.getMixerName().str());
      for (Type type : mixer.getStateTypes(model.getStateStorage()))
        addState(layer.getIndex(), cast<StateTypeInterface>(type));
    }
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
      state.shape.push_back(ShapedType::isDynamic(size)
                                ? SizeExpr::makeSymbol(Symbol::C)
                                : SizeExpr::makeConstant(size));
    package.states.push_back(std::move(state));
  }

  LogicalResult addKernel(func::FuncOp kernel) {
    auto grid = kernel->getAttrOfType<AffineMapAttr>(kGridAttr);
    if (!grid)
      return kernel.emitOpError("expected jet.grid; run -jet-map-grid first");
    KernelInfo info;
    info.name = kernel.getSymName().str();
    info.grid = toSizeExpr(grid.getValue().getResult(0));
    for (auto [index, type] : llvm::enumerate(kernel.getArgumentTypes())) {
      auto memref = dyn_cast<MemRefType>(type);
      if (!memref)
        break;
      auto shape = kernel.getArgAttrOfType<AffineMapAttr>(index, kShapeAttr);
      auto access = kernel.getArgAttrOfType<StringAttr>(index, kAccessAttr);
      info.operands.push_back({toDType(memref.getElementType()),
                               toSizeExprs(shape.getValue()),
                               llvm::StringSwitch<Access>(access.getValue())
                                   .Case("read", Access::Read)
                                   .Case("write", Access::Write)
                                   .Default(Access::ReadWrite)});
    }
    if (failed(addCost(kernel, info)))
      return failure();
    kernelIndex[kernel.getSymName()] = package.kernels.size();
    package.kernels.push_back(std::move(info));
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

  int64_t parameterIndex(StringRef name, Type type,
                         std::vector<SourceTensor> concat = {}) {
    auto [entry, isNew] =
        parameters.try_emplace(name, package.parameters.size());
    if (isNew) {
      auto tensor = cast<RankedTensorType>(type);
      package.parameters.push_back(
          {name.str(), toDType(tensor.getElementType()),
           tensor.getShape().vec(), std::move(concat)});
    }
    return entry->second;
  }

  /// Named by its sources, "q + k": names are what programs share it by.
  int64_t parameterIndex(PackedParamOp packed) {
    auto type = cast<RankedTensorType>(packed.getType());
    std::vector<SourceTensor> sources;
    auto names = packed.getNames().getAsValueRange<StringAttr>();
    for (auto [name, rows] : llvm::zip_equal(names, packed.getRows())) {
      sources.push_back({name.str(), type.getShape().vec()});
      sources.back().shape[0] = rows;
    }
    return parameterIndex(llvm::join(names, " + "), type, std::move(sources));
  }

  LogicalResult addProgram(func::FuncOp function);

  ModuleOp module;
  Package package;
  llvm::StringMap<int64_t> kernelIndex, parameters;
  friend class ProgramBuilder;
};

/// One function's launch list; values become places.
class ProgramBuilder {
public:
  ProgramBuilder(PackageBuilder &owner, func::FuncOp function)
      : owner(owner), function(function) {}

  FailureOr<ProgramInfo> build() {
    program.name = function.getSymName().str();
    bindArguments();
    bindOutputs();
    for (Operation &op : function.getBody().front().without_terminator()) {
      if (auto launch = dyn_cast<LaunchOp>(op)) {
        if (failed(addLaunch(launch)))
          return failure();
      } else if (auto param = dyn_cast<ParamOp>(op)) {
        places[param] = {
            OperandRef::Kind::Parameter,
            owner.parameterIndex(param.getName(), param.getType())};
      } else if (auto packed = dyn_cast<PackedParamOp>(op)) {
        places[packed] = {OperandRef::Kind::Parameter,
                          owner.parameterIndex(packed)};
      } else if (auto rows = dyn_cast<ParamRowsOp>(op)) {
        OperandRef place = places.lookup(rows.getX());
        place.rows = RowRange{static_cast<int64_t>(rows.getBegin()),
                              static_cast<int64_t>(rows.getEnd())};
        places[rows] = place;
      } else { // a view of all of it
        places[op.getResult(0)] = places.lookup(op.getOperand(0));
      }
    }
    pack();
    return std::move(program);
  }

private:
  void bindArguments() {
    using Kind = OperandRef::Kind;
    Kind inputs[] = {Kind::Tokens, Kind::Positions, Kind::Batch};
    for (BlockArgument argument : function.getArguments()) {
      int64_t index = argument.getArgNumber();
      places[argument] = index < 3 ? OperandRef{inputs[index], 0}
                                   : OperandRef{Kind::State, index - 3};
      if (index >= 3)
        newest[index - 3] = argument;
    }
  }

  /// What is returned before the states: logits, or values and ids.
  void bindOutputs() {
    using Kind = OperandRef::Kind;
    auto *terminator = function.getBody().front().getTerminator();
    SmallVector<Value> returned(
        llvm::make_filter_range(terminator->getOperands(), [](Value value) {
          return !isa<StateTypeInterface>(value.getType());
        }));
    if (returned.size() != 2) {
      outputs[returned.front()] = {Kind::Logits, 0};
      return;
    }
    outputs[returned[0]] = {Kind::Values, 0};
    outputs[returned[1]] = {Kind::Ids, 0};
    program.candidates =
        cast<RankedTensorType>(returned[0].getType()).getDimSize(1);
  }

  LogicalResult addLaunch(LaunchOp launch) {
    LaunchInfo info;
    int64_t step = program.launches.size();
    info.kernel =
        owner.kernelIndex.lookup(launch.getKernel().getLeafReference());
    info.rowsAreSequences = launch.getPerSequence();
    for (Value operand : launch.getOperands()) {
      OperandRef place = places.lookup(operand);
      info.operands.push_back(place);
      if (place.kind == OperandRef::Kind::Buffer)
        lifetimes[place.index].end = step;
      // States are updated in place, so only the newest version exists.
      if (place.kind == OperandRef::Kind::State &&
          newest.lookup(place.index) != operand)
        return launch.emitOpError("reads a state that was updated before");
    }
    for (Value result : launch.getResults()) {
      if (isa<StateTypeInterface>(result.getType())) {
        auto operand = llvm::find_if(launch.getOperands(), [&](Value v) {
          return v.getType() == result.getType();
        });
        OperandRef place = places.lookup(*operand);
        places[result] = place;
        newest[place.index] = result;
        continue;
      }
      places[result] = placeResult(launch, result, step);
      info.operands.push_back(places.lookup(result));
    }
    program.launches.push_back(std::move(info));
    return success();
  }

  OperandRef placeResult(LaunchOp launch, Value result, int64_t step) {
    if (auto output = outputs.find(result); output != outputs.end()) {
      program.logitsPerSequence =
          launch.getPerSequence() || isDecodeProgram(program.name);
      return output->second;
    }
    auto type = cast<RankedTensorType>(result.getType());
    int64_t bytes = llvm::divideCeil(type.getElementTypeBitWidth(), 8);
    for (int64_t size : type.getShape().drop_front())
      bytes *= size;
    lifetimes.push_back(
        {static_cast<int64_t>(llvm::alignTo(bytes, kAlignment)), step, step});
    return {OperandRef::Kind::Buffer,
            static_cast<int64_t>(lifetimes.size()) - 1};
  }

  /// Every activation has one row per token or less, so offsets in bytes per
  /// row serve steps of all sizes.
  void pack() {
    Packing packing = packActivations(lifetimes);
    program.arenaBytesPerRow = packing.bytes;
    for (auto [lifetime, offset] : llvm::zip_equal(lifetimes, packing.offsets))
      program.buffers.push_back({offset, lifetime.bytes});
  }

  PackageBuilder &owner;
  func::FuncOp function;
  ProgramInfo program;
  llvm::DenseMap<Value, OperandRef> places, outputs;
  llvm::DenseMap<int64_t, Value> newest;
  SmallVector<Lifetime> lifetimes;
};

LogicalResult PackageBuilder::addProgram(func::FuncOp function) {
  FailureOr<ProgramInfo> program = ProgramBuilder(*this, function).build();
  if (failed(program))
    return failure();
  package.programs.push_back(std::move(*program));
  return success();
}

} // namespace

FailureOr<Package> jet::buildPackage(ModuleOp module) {
  return PackageBuilder(module).build();
}
