// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "lowering/DescribeForms.h"
#include "lowering/PackageTypes.h"
#include "lowering/Passes.h"
#include "lowering/kernels/Forms.h"

using namespace mlir;
using namespace jet;

/// The `count` sizes in attribute `name` of `op`, or with count 0 any number.
static FailureOr<std::vector<SizeExpr>> sizesOf(tile::KernelOp stage,
                                                DictionaryAttr attributes,
                                                StringRef name, size_t count) {
  auto map = attributes.getAs<AffineMapAttr>(name);
  if (!map ||
      !isSizes(map.getValue(), count ? count : map.getValue().getNumResults()))
    return stage.emitOpError("expected sizes in '") << name << "'";
  return toSizeExprs(map.getValue().getResults());
}

static FailureOr<StageArgument>
describeArgument(tile::KernelOp stage, DictionaryAttr attributes, Type type) {
  StageArgument argument;
  auto value = [&](StageArgument::Kind kind,
                   StringRef name) -> FailureOr<StageArgument> {
    FailureOr<std::vector<SizeExpr>> sizes =
        sizesOf(stage, attributes, name, 1);
    if (failed(sizes))
      return failure();
    argument.kind = kind;
    argument.value = sizes->front();
    return argument;
  };
  if (attributes.contains(kSizeAttr))
    return value(StageArgument::Kind::Size, kSizeAttr);
  if (auto operand = attributes.getAs<IntegerAttr>(kOperandAttr))
    argument.operand = operand.getInt();
  else if (failed(value(StageArgument::Kind::Scratch, kScratchAttr)))
    return failure();
  auto mapType = dyn_cast<tile::TensorMapType>(type);
  if (!mapType)
    return argument;
  ArrayRef<int64_t> box = mapType.getShape();
  FailureOr<std::vector<SizeExpr>> shape =
      sizesOf(stage, attributes, kMapAttr, box.size());
  if (failed(shape))
    return failure();
  argument.map = TensorMapInfo{toDType(mapType.getElementType()),
                               std::move(*shape),
                               {box.begin(), box.end()},
                               mapType.getSwizzle()};
  return argument;
}

static FailureOr<StageInfo> describeStage(tile::KernelOp stage) {
  StageInfo info;
  info.name = stage.getSymName().str();
  info.threads = stage.getBlock();
  info.cluster = stage.getCluster();
  info.sharedBytes = stage.assignOffsets().back();
  info.overlaps = stage->hasAttr(kOverlapsAttr);
  if (auto product = stage->getAttrOfType<StringAttr>(kProductAttr))
    info.product = product.str();
  if (auto tile = stage->getAttrOfType<StringAttr>(kTileAttr))
    info.tile = tile.str();
  FailureOr<std::vector<SizeExpr>> grid =
      sizesOf(stage, stage->getAttrDictionary(), kGridAttr, 0);
  if (failed(grid))
    return failure();
  info.grid = std::move(*grid);
  for (auto [index, type] : llvm::enumerate(stage.getArgumentTypes())) {
    DictionaryAttr attributes = stage.getArgAttrDict(index);
    if (!attributes)
      return stage.emitOpError("expected attributes on argument ") << index;
    FailureOr<StageArgument> argument =
        describeArgument(stage, attributes, type);
    if (failed(argument))
      return failure();
    info.arguments.push_back(std::move(*argument));
  }
  return info;
}

LogicalResult jet::describeForms(ModuleOp module,
                                 std::vector<KernelInfo> &kernels) {
  auto stages = module.lookupSymbol<tile::KernelsOp>(kTileModule);
  if (!stages)
    return success();
  for (auto stage : stages.getBody().front().getOps<tile::KernelOp>()) {
    auto name = stage->getAttrOfType<FlatSymbolRefAttr>(kKernelAttr);
    auto number = stage->getAttrOfType<IntegerAttr>(kFormAttr);
    auto kernel = llvm::find_if(kernels, [&](const KernelInfo &info) {
      return name && name.getValue() == info.name;
    });
    if (kernel == kernels.end() || !number)
      return stage.emitOpError("expected '")
             << kKernelAttr << "' and '" << kFormAttr
             << "' of a kernel of @kernels";
    FailureOr<StageInfo> info = describeStage(stage);
    if (failed(info))
      return failure();
    // Stages of a form, and forms of a kernel, follow each other.
    auto index = static_cast<size_t>(number.getInt());
    if (index > kernel->forms.size())
      return stage.emitOpError("expected a form of number at most ")
             << kernel->forms.size() << ", found " << index;
    if (index == kernel->forms.size()) {
      KernelForm form;
      if (auto rows = stage->getAttrOfType<IntegerAttr>(kMaxRowsAttr))
        form.maxRows = rows.getInt();
      if (auto most = stage->getAttrOfType<IntegerAttr>(kMaxSequencesAttr))
        form.maxSequences = most.getInt();
      form.oneToken = stage->hasAttr(kOneTokenAttr);
      if (stage->hasAttr(kScratchAttr)) {
        FailureOr<std::vector<SizeExpr>> scratch =
            sizesOf(stage, stage->getAttrDictionary(), kScratchAttr, 1);
        if (failed(scratch))
          return failure();
        form.scratch = scratch->front();
      }
      kernel->forms.push_back(std::move(form));
    }
    kernel->forms[index].stages.push_back(std::move(*info));
  }
  return success();
}
