// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// How an op is written as linalg on tensors: this builder for what the ops
// share, and one file per family of ops. The lowering is the op's executable
// definition: the CPU target compiles it, and other kernels are tested against
// it. A definition is one scf.forall over independent grid points with linalg
// inside.

#ifndef JET_LOWERING_LINALG_KERNELBUILDER_H
#define JET_LOWERING_LINALG_KERNELBUILDER_H

#include "dialects/jet/Jet.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"

namespace jet {

/// A value that a grid point computed, and the place in one of the kernel's
/// results that it goes to.
struct GridResult {
  mlir::Value value;
  llvm::SmallVector<mlir::OpFoldResult> offsets, sizes;
};

/// One sequence of a batch, as index values.
struct Sequence {
  mlir::Value slot, position, row, rows;
  mlir::Value batch, number; // the tensor and the sequence's row in it
};

class KernelBuilder : public mlir::ImplicitLocOpBuilder {
public:
  using ImplicitLocOpBuilder::ImplicitLocOpBuilder;
  using Sizes = llvm::ArrayRef<mlir::OpFoldResult>;

  // Indices. Arithmetic folds constants.
  mlir::Value index(int64_t value);
  mlir::Value asValue(mlir::OpFoldResult value);
  mlir::OpFoldResult dim(mlir::Value tensor, int64_t dim);
  mlir::Value add(mlir::Value a, mlir::Value b);
  mlir::Value sub(mlir::Value a, mlir::Value b);
  mlir::Value min(mlir::Value a, mlir::Value b);
  mlir::Value max(mlir::Value a, mlir::Value b);
  mlir::Value rem(mlir::Value a, mlir::Value b);

  // Scalars. Sums may be reassociated (that is how they are vectorised); the
  // order is fixed when the kernel is compiled, so results do not vary.
  mlir::Value f32(double value);
  mlir::Value addf(mlir::Value a, mlir::Value b);
  mlir::Value mulf(mlir::Value a, mlir::Value b);
  mlir::Value silu(mlir::Value x);
  /// scale / sqrt(sum / count + eps).
  mlir::Value inverseNorm(mlir::Value sum, double count, double eps,
                          double scale);
  /// Extends or rounds `value` to the float type `type`.
  mlir::Value convert(mlir::Value value, mlir::Type type);

  // Tensors.
  mlir::Value empty(Sizes sizes, mlir::Type element);
  mlir::Value filled(Sizes sizes, double value);
  /// tensor[offsets][sizes] without the dimensions in which `keep` is false.
  mlir::Value slice(mlir::Value tensor, Sizes offsets, Sizes sizes,
                    llvm::ArrayRef<bool> keep);
  /// Row `indices` of `tensor`: the remaining dimensions whole.
  mlir::Value row(mlir::Value tensor, llvm::ArrayRef<mlir::Value> indices);
  /// Inserts at [offsets][sizes]; the inverse of slice().
  mlir::Value insert(mlir::Value value, mlir::Value into, Sizes offsets,
                     Sizes sizes);

  using Body = llvm::function_ref<mlir::Value(mlir::ValueRange)>;
  /// linalg.generic with one result, elements extended to f32 for `body`,
  /// which returns f32. `reduction[i]` tells whether loop i is one; `maps` has
  /// one map per input and one for the result; the result's element is the
  /// last argument of `body`.
  mlir::Value generic(mlir::ValueRange inputs, mlir::Value init,
                      llvm::ArrayRef<mlir::AffineMap> maps,
                      llvm::ArrayRef<bool> reduction, Body body);
  /// generic() over tensors of one shape, the result of type `element`.
  mlir::Value elementwise(mlir::ValueRange inputs, mlir::Type element,
                          Body body);
  /// elementwise() with the result in `init`.
  mlir::Value elementwiseInto(mlir::ValueRange inputs, mlir::Value init,
                              Body body);
  /// Reduces all of a rank-1 tensor from `start` to an f32 scalar.
  mlir::Value reduce(mlir::Value tensor, mlir::Value start, Body body);
  /// init[r, n] + Σ_k x[r, k] · w[n, k]; the shape of loop that
  /// -jet-vectorize-contractions takes up.
  mlir::Value contract(mlir::Value x, mlir::Value w, mlir::Value init);
  /// norm ∘ x / sqrt(mean(x²) + eps) of every row of `x` [R, K], in f32: as
  /// jet.rms_norm. A null `norm` is one of ones.
  mlir::Value normRows(mlir::Value x, mlir::Value norm, double eps);
  /// Σ x².
  mlir::Value sumOfSquares(mlir::Value tensor);

  // Structure.
  /// The kernel's grid: `body` is run for every point of [0, bounds) (in steps)
  /// and says where in `inits` its results go. Returns the filled inits.
  llvm::SmallVector<mlir::Value>
  grid(Sizes bounds, Sizes steps, mlir::ValueRange inits,
       llvm::function_ref<llvm::SmallVector<GridResult>(mlir::ValueRange points,
                                                        mlir::ValueRange inits)>
           body);
  /// A scalar that goes to element `at` of the rank-1 `into`, one of the inits.
  GridResult element(mlir::Value scalar, mlir::Value into, mlir::Value at);
  /// for i in [0, count): values = body(i, values).
  llvm::SmallVector<mlir::Value>
  loop(mlir::Value count, mlir::ValueRange inits,
       llvm::function_ref<llvm::SmallVector<mlir::Value>(mlir::Value,
                                                         mlir::ValueRange)>
           body);
  /// Reads sequence `b` of the batch tensor [B, 4 + C].
  Sequence sequence(mlir::Value batch, mlir::Value b);
  /// Page `number` of the sequence.
  mlir::Value page(const Sequence &sequence, mlir::Value number);
};

/// Output columns of a grid point of a projection: the block of weights (64 × K
/// bf16) stays in the second-level cache while the rows pass over it.
inline constexpr int64_t kLinearBlock = 64;

/// Writes `op` as linalg. `operands` are its operands as tensors (states with
/// the slots or pages in front, the batch as [B, 4 + C] i32); returns its
/// results likewise. Fails with a diagnostic on an op that has no definition.
mlir::FailureOr<llvm::SmallVector<mlir::Value>>
lowerToLinalg(KernelBuilder &builder, mlir::Operation *op,
              mlir::ValueRange operands);

// One family a file; see lowerToLinalg for the arguments.
using Lowered = llvm::SmallVector<mlir::Value>;
Lowered lowerEmbedding(KernelBuilder &, EmbeddingOp, mlir::ValueRange);
Lowered lowerLastToken(KernelBuilder &, LastTokenOp, mlir::ValueRange);
Lowered lowerGroupedLinear(KernelBuilder &, GroupedLinearOp, mlir::ValueRange);
Lowered lowerLinear(KernelBuilder &, LinearOp, mlir::ValueRange);
Lowered lowerQkvLinear(KernelBuilder &, QkvLinearOp, mlir::ValueRange);
Lowered lowerTopK(KernelBuilder &, TopKOp, mlir::ValueRange);
Lowered lowerLinearTopK(KernelBuilder &, LinearTopKOp, mlir::ValueRange);
Lowered lowerMergeTopK(KernelBuilder &, MergeTopKOp, mlir::ValueRange);
Lowered lowerSample(KernelBuilder &, SampleOp, mlir::ValueRange);
Lowered lowerSampleLogits(KernelBuilder &, SampleLogitsOp, mlir::ValueRange);
Lowered lowerRmsNorm(KernelBuilder &, RmsNormOp, mlir::ValueRange);
Lowered lowerGatedRmsNorm(KernelBuilder &, GatedRmsNormOp, mlir::ValueRange);
Lowered lowerL2Norm(KernelBuilder &, L2NormOp, mlir::ValueRange);
Lowered lowerMap(KernelBuilder &, MapOp, mlir::ValueRange);
Lowered lowerSwiglu(KernelBuilder &, SwigluOp, mlir::ValueRange);
Lowered lowerRope(KernelBuilder &, RopeOp, mlir::ValueRange);
Lowered lowerAttention(KernelBuilder &, AttentionOp, mlir::ValueRange);
Lowered lowerKvAppend(KernelBuilder &, KvAppendOp, mlir::ValueRange);
Lowered lowerDynamicConv(KernelBuilder &, DynamicConvOp, mlir::ValueRange);
Lowered lowerShortConv(KernelBuilder &, ShortConvOp, mlir::ValueRange);
Lowered lowerGeneratedConv(KernelBuilder &, GeneratedConvOp, mlir::ValueRange);
Lowered lowerGatedDeltaRule(KernelBuilder &, GatedDeltaRuleOp,
                            mlir::ValueRange);
Lowered lowerDeltaStep(KernelBuilder &, DeltaStepOp, mlir::ValueRange);

} // namespace jet

#endif // JET_LOWERING_LINALG_KERNELBUILDER_H
