// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Building blocks for the getCost() of ops. A fused op is the sum of its parts
// less what no longer goes through memory:
//
//   OpCost FusedOp::getCost() {
//     OpCost cost = getOperandCost(*this);         // tensors in and out
//     addDeltaRule(cost, getState().getType()); // S read and written once
//     addMatrixProduct(cost, CostExpr::rows(), n, k);
//     return cost;
//   }
//
// docs/cost-model.md has the formulas.

#ifndef JET_DIALECTS_JET_COST_H
#define JET_DIALECTS_JET_COST_H

#include "support/CostExpr.h"

#include "mlir/IR/Operation.h"

namespace jet {

class ConvTailType;
class KvCacheType;
class RecurrentStateType;

/// Name of the attribute in which kernels carry their cost: a dictionary from
/// the names of kCostParts to expressions, and "op" to the op's name.
inline constexpr llvm::StringLiteral kCostAttr = "jet.cost";

/// Elements of a row of the tensor `type`.
CostExpr getRowElements(mlir::Type type);
/// Elements of a tensor: R * row elements, or a constant.
CostExpr getElements(mlir::Type type);
/// Bytes of a tensor, or of the batch; 0 for states, which are never moved
/// whole.
CostExpr getBytes(mlir::Type type);

/// Reads every operand, writes every result, computes nothing. Tensors of
/// static shape are weights, others activations.
OpCost getOperandCost(mlir::Operation *op);

/// getOperandCost(), and the scalar operations of the regions for every element
/// of the first result.
OpCost getRowwiseCost(mlir::Operation *op);

/// Operations on floats in the region, without constants and terminators.
int64_t countScalarFlops(mlir::Region &region);

/// x[rows, k] times a matrix [k, n].
void addMatrixProduct(OpCost &cost, const CostExpr &rows, int64_t n, int64_t k);

/// Attention of `heads` query heads: reads the cached keys and values that are
/// visible to the step once, and scores and mixes all visible ones.
void addAttention(OpCost &cost, KvCacheType cache, int64_t heads);

/// Writes the keys and values of the step that the cache keeps.
void addKvAppend(OpCost &cost, KvCacheType cache);

/// The gated delta rule: reads and writes S once per sequence, and the
/// arithmetic of the recurrent form for every token; the additive rule has one
/// product with S less.
void addDeltaRule(OpCost &cost, RecurrentStateType state,
                  bool additive = false);

/// A causal convolution: reads and writes the tail once per sequence, and a
/// multiply-add for every tap.
void addConvolution(OpCost &cost, ConvTailType tail);

/// The cost as the attribute kCostAttr, and back. Fails, with a diagnostic at
/// `op`, when the attribute is not one.
mlir::DictionaryAttr costToAttribute(mlir::MLIRContext *context,
                                     llvm::StringRef opName,
                                     const OpCost &cost);
llvm::FailureOr<OpCost> costFromAttribute(mlir::Operation *op,
                                          mlir::DictionaryAttr attribute);

} // namespace jet

#endif // JET_DIALECTS_JET_COST_H
