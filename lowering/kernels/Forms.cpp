// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "lowering/kernels/Forms.h"
#include "lowering/Passes.h"

#include "lowering/tile/LowerTile.h"

using namespace mlir;
using namespace jet;

/// A launch's scratch memory, and each part of it, begins at a multiple.
static constexpr int64_t kScratchAlignment = 1024;

static AffineMapAttr mapOf(MLIRContext *context, ArrayRef<AffineExpr> exprs) {
  return AffineMapAttr::get(AffineMap::get(0, kNumSymbols, exprs, context));
}

AffineExpr FormBuilder::symbol(Symbol symbol) {
  return getAffineSymbolExpr(static_cast<unsigned>(symbol),
                             kernel->getContext());
}

AffineExpr FormBuilder::constant(int64_t value) {
  return getAffineConstantExpr(value, kernel->getContext());
}

AffineExpr FormBuilder::reserve(AffineExpr bytes) {
  AffineExpr offset = scratch ? scratch : constant(0);
  scratch = offset + bytes.ceilDiv(kScratchAlignment) * kScratchAlignment;
  return offset;
}

unsigned FormBuilder::resultOperand(unsigned index) {
  unsigned number = op()->getNumOperands();
  for (unsigned i = 0; i < index; ++i)
    number += !isa<StateTypeInterface>(op()->getResult(i).getType());
  return number;
}

unsigned FormBuilder::operandOf(Operation *inner, unsigned number) {
  if (inner == op())
    return number;
  return cast<BlockArgument>(inner->getOperand(number)).getArgNumber();
}

void FormBuilder::finish() {
  for (tile::KernelOp stage : stages)
    if (scratch)
      stage->setAttr(kScratchAttr, mapOf(stage.getContext(), scratch));
}

Stage::Stage(FormBuilder &form, StringRef what, int64_t threads,
             ArrayRef<AffineExpr> grid, int64_t cluster)
    : form(form), b(form.kernel.getLoc(), form.kernel.getContext()) {
  b.setInsertionPointToEnd(&form.module.getBody().front());
  std::string name =
      (form.kernel.getSymName() + "." + Twine(form.number) + "." + what).str();
  // PTX has no dots in names of kernels.
  std::replace(name.begin(), name.end(), '.', '_');
  kernel = tile::KernelOp::create(b, name, b.getFunctionType({}, {}), threads,
                                  cluster, ArrayAttr(), ArrayAttr());
  kernel->setAttr(kKernelAttr, FlatSymbolRefAttr::get(form.kernel));
  kernel->setAttr(kFormAttr, b.getI64IntegerAttr(form.number));
  if (form.fits.maxRows)
    kernel->setAttr(kMaxRowsAttr, b.getI64IntegerAttr(form.fits.maxRows));
  if (form.fits.maxSequences)
    kernel->setAttr(kMaxSequencesAttr,
                    b.getI64IntegerAttr(form.fits.maxSequences));
  if (form.fits.oneToken)
    kernel->setAttr(kOneTokenAttr, b.getUnitAttr());
  kernel->setAttr(kGridAttr, mapOf(b.getContext(), grid));
  form.stages.push_back(kernel);
  b.setInsertionPointToStart(&kernel.getBody().emplaceBlock());
}

Value Stage::parameter(Type type, ArrayRef<NamedAttribute> named) {
  Attribute attribute = b.getDictionaryAttr(named);
  for (auto [known, argument] :
       llvm::zip_equal(attributes, kernel.getBody().getArguments()))
    if (known == attribute && argument.getType() == type)
      return argument;
  attributes.push_back(attribute);
  return kernel.getBody().addArgument(type, b.getLoc());
}

NamedAttribute Stage::named(Place place) {
  if (place.operand)
    return b.getNamedAttr(kOperandAttr, b.getI64IntegerAttr(*place.operand));
  return b.getNamedAttr(kScratchAttr, mapOf(b.getContext(), place.scratch));
}

Value Stage::memory(Place place, MemRefType type) {
  if (!type)
    type = form.argument(*place.operand).memref();
  return parameter(type, named(place));
}

Value Stage::size(AffineExpr value) {
  if (auto constant = dyn_cast<AffineConstantExpr>(value))
    return b.index(constant.getValue());
  return parameter(b.getIndexType(),
                   b.getNamedAttr(kSizeAttr, mapOf(b.getContext(), value)));
}

Value Stage::map(Place place, ArrayRef<AffineExpr> shape, ArrayRef<int64_t> box,
                 Type element, int64_t swizzle) {
  auto type = tile::TensorMapType::get(b.getContext(), box, element, swizzle);
  return parameter(
      type,
      {named(place), b.getNamedAttr(kMapAttr, mapOf(b.getContext(), shape))});
}

void Stage::setOverlaps() { kernel->setAttr(kOverlapsAttr, b.getUnitAttr()); }

void Stage::setResident(int64_t count) {
  kernel->setAttr(tile::kResidentAttr, b.getI32IntegerAttr(count));
}

void Stage::setTile(StringRef product, StringRef tile) {
  kernel->setAttr(kProductAttr, b.getStringAttr(product));
  kernel->setAttr(kTileAttr, b.getStringAttr(tile));
}

void Stage::finish() {
  tile::ReturnOp::create(b);
  kernel.setFunctionType(
      b.getFunctionType(kernel.getBody().getArgumentTypes(), TypeRange()));
  kernel.setArgAttrsAttr(b.getArrayAttr(attributes));
}
