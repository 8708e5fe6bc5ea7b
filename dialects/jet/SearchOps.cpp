// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "dialects/jet/Jet.h"

#include "llvm/ADT/DenseSet.h"

using namespace mlir;
using namespace jet;

/// Reports unless every entry of `numbers` is a finite f64.
static LogicalResult verifyNumbers(Operation *op, StringRef name,
                                   DictionaryAttr numbers) {
  for (NamedAttribute entry : numbers) {
    auto value = dyn_cast<FloatAttr>(entry.getValue());
    if (!value || !value.getType().isF64() || !value.getValue().isFinite())
      return op->emitOpError()
             << "expected " << name << " '" << entry.getName().getValue()
             << "' to be a finite f64, found " << entry.getValue();
  }
  return success();
}

//===----------------------------------------------------------------------===//
// SearchOp
//===----------------------------------------------------------------------===//

LogicalResult SearchOp::verifyRegions() {
  // C1
  if (getMinimize().empty())
    return emitOpError() << "expected a metric to minimize";
  if (failed(verifyNumbers(*this, "the weight of", getMinimize())))
    return failure();
  for (NamedAttribute entry : getMinimize())
    if (cast<FloatAttr>(entry.getValue()).getValue().isZero())
      return emitOpError() << "expected the weight of '"
                           << entry.getName().getValue() << "' not to be 0";
  // C2
  if (std::optional<uint64_t> beam = getBeam(); beam && (*beam - 1) >= 65536)
    return emitOpError() << "expected a beam of 1 to 65536, found "
                         << getBeamAttr().getInt();
  // C3
  for (Operation &op : getBody().front())
    if (!isa<LimitLayersOp, LimitStateOp, LimitDecodeOp, LimitParametersOp,
             MeasuredOp>(op))
      return op.emitOpError() << "is neither a limit nor a jet.measured, which "
                                 "is all that a jet.search holds";
  // C7
  ArrayRef<NamedAttribute> first;
  for (auto measured : getBody().front().getOps<MeasuredOp>()) {
    DictionaryAttr metrics = measured.getMetrics();
    if (first.empty())
      first = metrics.getValue();
    if (!llvm::equal(first, metrics.getValue(),
                     [](auto a, auto b) { return a.getName() == b.getName(); }))
      return measured.emitOpError()
             << "expected the metrics of the first jet.measured";
  }
  const bool isMeasured = !getBody().front().getOps<MeasuredOp>().empty();
  for (NamedAttribute entry : getMinimize()) {
    const bool isKnown =
        isMeasured ? llvm::any_of(first,
                                  [&](NamedAttribute metric) {
                                    return metric.getName() == entry.getName();
                                  })
                   : entry.getName() == "score";
    if (isKnown)
      continue;
    InFlightDiagnostic diag = emitOpError();
    diag << "expected a metric to minimize that is one of ";
    if (isMeasured)
      llvm::interleaveComma(first, diag, [&](NamedAttribute metric) {
        diag << metric.getName().getValue();
      });
    else
      diag << "score (nothing is measured)";
    return diag << ", found '" << entry.getName().getValue() << "'";
  }
  return success();
}

/// C5 of one placement.
static LogicalResult verifyPlacement(MeasuredOp measured,
                                     ArrayRef<LayerOp> layers) {
  ArrayAttr placement = measured.getPlacement();
  if (placement.size() != layers.size())
    return measured.emitOpError() << "expected a placement of " << layers.size()
                                  << " layers, found " << placement.size();
  for (auto [layer, name] : llvm::zip_equal(layers, placement)) {
    LayerOp op = layer;
    SmallVector<StringRef> names = op.getCandidateNames();
    StringRef found = cast<StringAttr>(name).getValue();
    if (llvm::is_contained(names, found))
      continue;
    InFlightDiagnostic diag = measured.emitOpError();
    diag << "expected the mixer of layer " << op.getIndex() << " to be one of ";
    llvm::interleaveComma(names, diag);
    return diag << ", found '" << found << "'";
  }
  return success();
}

LogicalResult SearchOp::verifySymbolUses(SymbolTableCollection &symbols) {
  // C4
  auto model = symbols.lookupNearestSymbolFrom<ModelOp>(*this, getModelAttr());
  if (!model)
    return emitOpError() << "expected a jet.model " << getModelAttr()
                         << ", found none";
  SmallVector<LayerOp> layers = model.getLayers();
  // C8
  for (auto limit : getBody().front().getOps<LimitLayersOp>())
    if (llvm::none_of(layers, [&](LayerOp layer) {
          return llvm::is_contained(layer.getCandidateNames(),
                                    limit.getMixer());
        }))
      return limit.emitOpError() << "expected a mixer of the model, found '"
                                 << limit.getMixer() << "'";
  llvm::DenseMap<Attribute, Location> seen;
  for (auto measured : getBody().front().getOps<MeasuredOp>()) {
    if (failed(verifyPlacement(measured, layers)))
      return failure();
    // C6
    auto [entry, isNew] =
        seen.try_emplace(measured.getPlacementAttr(), measured.getLoc());
    if (!isNew) {
      InFlightDiagnostic diag = measured.emitOpError()
                                << "is a placement that was measured before";
      diag.attachNote(entry->second) << "here";
      return diag;
    }
  }
  return success();
}

//===----------------------------------------------------------------------===//
// Limits and measurements
//===----------------------------------------------------------------------===//

LogicalResult LimitLayersOp::verify() {
  if (!getMin() && !getMax()) // C1
    return emitOpError() << "expected a min or a max";
  const int64_t low = getMinAttr() ? getMinAttr().getInt() : 0;
  const int64_t high = getMaxAttr() ? getMaxAttr().getInt() : INT64_MAX;
  if (low < 0 || high < low) // C2
    return emitOpError() << "expected 0 <= min <= max";
  return success();
}

LogicalResult LimitStateOp::verify() {
  if (getMaxAttr().getInt() <= 0 || getContextAttr().getInt() <= 0) // C1
    return emitOpError() << "expected max and context > 0";
  return success();
}

LogicalResult LimitDecodeOp::verify() {
  if (getBatchAttr().getInt() <= 0 || getContextAttr().getInt() <= 0 ||
      !getMax().isFinite() || !(getMax().convertToDouble() > 0)) // C1
    return emitOpError() << "expected max, batch and context > 0";
  return success();
}

LogicalResult LimitParametersOp::verify() {
  if (getMaxAttr().getInt() <= 0) // C1
    return emitOpError() << "expected max > 0";
  return success();
}

LogicalResult MeasuredOp::verify() {
  return verifyNumbers(*this, "the metric", getMetrics()); // C2
}
