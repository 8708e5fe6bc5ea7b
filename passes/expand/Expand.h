// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// How a mixer is written as tensor ops: one file per mixer, and this builder
// for what they share. A new mixer adds its declaration here and a case to
// expandMixer().

#ifndef JET_PASSES_EXPAND_EXPAND_H
#define JET_PASSES_EXPAND_EXPAND_H

#include "dialects/jet/Jet.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"

namespace jet {

/// Builds the tensor ops of one function of a model.
class ExpandBuilder : public mlir::ImplicitLocOpBuilder {
public:
  ExpandBuilder(mlir::Location location, mlir::OpBuilder builder,
                mlir::Type storage)
      : ImplicitLocOpBuilder(location, builder), storage(storage) {}

  /// Type of weights.
  mlir::Type storage;
  /// Values of the step: positions [R] and the batch.
  mlir::Value positions, batch;
  /// Where the layer's tensors are, e.g. "model.layers.3.self_attn.".
  std::string prefix;

  /// [?, sizes…] of `element`.
  mlir::RankedTensorType rows(llvm::ArrayRef<int64_t> sizes,
                              mlir::Type element);
  mlir::RankedTensorType rows(llvm::ArrayRef<int64_t> sizes) {
    return rows(sizes, getF32Type());
  }
  /// The checkpoint tensor `prefix` + `name`.
  mlir::Value param(const llvm::Twine &name, llvm::ArrayRef<int64_t> shape);
  /// x·Wᵀ (+ b) with W = `name`.weight [outputs, columns of x] and, if `bias`,
  /// b = `name`.bias; the result has elements of `element` (f32 by default).
  mlir::Value linear(mlir::Value x, const llvm::Twine &name, int64_t outputs,
                     bool bias = false, mlir::Type element = {});
  /// x·Wᵀ for a given W [outputs, columns of x].
  mlir::Value linear(mlir::Value x, mlir::Value weight,
                     mlir::Type element = {});
  /// Rows [begin, begin + shape[0]) of a parameter, seen in `shape`.
  mlir::Value paramRows(mlir::Value param, int64_t begin,
                        llvm::ArrayRef<int64_t> shape);
  /// Short convolution of `u` by `weight` [channels, taps]; `tail` advances.
  mlir::Value shortConv(mlir::Value u, mlir::Value weight, mlir::Value &tail);
  mlir::Value splitHeads(mlir::Value x, int64_t heads);
  mlir::Value mergeHeads(mlir::Value x);
  /// jet.map; `body` gets the elements extended to f32 and returns f32, which
  /// is rounded to the result's type.
  mlir::Value
  map(mlir::ValueRange inputs, mlir::RankedTensorType result,
      llvm::function_ref<mlir::Value(ImplicitLocOpBuilder &, mlir::ValueRange)>
          body);
  mlir::Value add(mlir::Value a, mlir::Value b);
  mlir::Value silu(mlir::Value x);
  mlir::Value sigmoid(mlir::Value x);
  /// softplus(a + dt_bias), [R, heads].
  mlir::Value timeStep(mlir::Value a, int64_t heads);
  /// −exp(A_log) · softplus(a + dt_bias), the log of the decay, [R, heads].
  mlir::Value logDecay(mlir::Value a, int64_t heads);
};

/// The type that a convolution's input takes before the convolution reads it:
/// that of the tail, so that a row reads the same whether it came in this step
/// or an earlier one.
inline mlir::Type inputTypeOf(mlir::Value tail) {
  return mlir::cast<ConvTailType>(tail.getType()).getElementType();
}

/// Emits `mixer` on x [R, hidden] and advances `states`, whose types are those
/// of mixer.getStateTypes(). Returns [R, hidden].
mlir::Value expandMixer(ExpandBuilder &builder, MixerAttrInterface mixer,
                        mlir::Value x,
                        llvm::MutableArrayRef<mlir::Value> states);

mlir::Value expandAttention(ExpandBuilder &builder, AttentionAttr mixer,
                            mlir::Value x,
                            llvm::MutableArrayRef<mlir::Value> states);
mlir::Value expandJetBlock(ExpandBuilder &builder, JetBlockAttr mixer,
                           mlir::Value x,
                           llvm::MutableArrayRef<mlir::Value> states);
mlir::Value expandGatedDeltaNet(ExpandBuilder &builder, GatedDeltaNetAttr mixer,
                                mlir::Value x,
                                llvm::MutableArrayRef<mlir::Value> states);
mlir::Value expandMamba2(ExpandBuilder &builder, Mamba2Attr mixer,
                         mlir::Value x,
                         llvm::MutableArrayRef<mlir::Value> states);

} // namespace jet

#endif // JET_PASSES_EXPAND_EXPAND_H
