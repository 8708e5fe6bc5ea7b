// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What several families of kernels share: code that fusion moved onto ports,
// and inputs of products prepared in bf16.

#ifndef JET_LOWERING_KERNELS_ELEMENTS_H
#define JET_LOWERING_KERNELS_ELEMENTS_H

#include "dialects/jet/Ports.h"
#include "lowering/kernels/Forms.h"

#include <functional>

namespace jet {

/// Whether applyCode() can write the code on all ports of `op`: arithmetic and
/// exp, log, log1p, of extra tensors with an element for each of the port's
/// columns or one for all.
bool hasPlainCode(PortOpInterface op);

/// The elements of operand or result `number` of `op` — the form's op or one of
/// its body — at [row, column] to [row, column + width) by the code on it, from
/// the elements `inputs` (one list of `width` for each leading argument of the
/// code, which those of loadExtras() may follow). `column` counts over all but
/// the leading size. Without code the first list.
llvm::SmallVector<mlir::Value>
applyCode(Stage &stage, PortOpInterface op, int64_t number, mlir::Value row,
          mlir::Value column, int64_t width,
          llvm::ArrayRef<llvm::SmallVector<mlir::Value>> inputs);
/// The same for the form's op.
llvm::SmallVector<mlir::Value>
applyCode(Stage &stage, int64_t number, mlir::Value row, mlir::Value column,
          int64_t width, llvm::ArrayRef<llvm::SmallVector<mlir::Value>> inputs);

/// What applyCode() reads there for the form's op, to have it under way before:
/// a list for each extra tensor of the code.
llvm::SmallVector<llvm::SmallVector<mlir::Value>>
loadExtras(Stage &stage, int64_t number, mlir::Value row, mlir::Value column,
           int64_t width);

/// The largest of 4, 2, 1 that divides `columns`.
inline int64_t vectorWidth(int64_t columns) {
  return columns % 4 == 0 ? 4 : columns % 2 == 0 ? 2 : 1;
}

/// x̂ [R, K] in bf16, the input of a projection:
///
///   x̂[r, k] = code(x[r, k]);  with eps  x̂ · norm[k] / sqrt(mean(x̂²) + eps)
struct RowInput {
  unsigned operand = 0;              // x
  std::optional<unsigned> norm = {}; // operand; of ones if there is none
  std::optional<double> eps = {};
};
/// x of a projection `op`, which may norm it.
template <typename Op> RowInput rowInputOf(Op op) {
  RowInput input;
  if (op.getNorm())
    input.norm = (*op.getNormMutable().begin()).getOperandNumber();
  if (op.getNormEps())
    input.eps = op.getNormEps()->convertToDouble();
  return input;
}

/// Makes elements of x̂ in any stage.
class RowReader {
public:
  RowReader(Stage &stage, const RowInput &input);
  /// Elements of a row, and how many are read at once.
  int64_t inner() const { return columns; }
  int64_t width() const { return vector; }
  bool hasScale() const { return input.eps.has_value(); }
  /// The code's f32 from [row, column] on.
  llvm::SmallVector<mlir::Value> read(mlir::Value row, mlir::Value column);
  /// What a row is scaled by, from the sum of its squares.
  mlir::Value scaleOf(mlir::Value squares);
  /// The f32 factors of the norm from `column` on; ones without one.
  llvm::SmallVector<mlir::Value> norms(mlir::Value column);
  /// x̂ from `column` on, of what was read there: a vector. `scale` is null if
  /// rows have none.
  mlir::Value round(llvm::SmallVector<mlir::Value> elements, mlir::Value column,
                    mlir::Value scale);

private:
  Stage &stage;
  TileBuilder &b;
  RowInput input;
  int64_t columns, vector; // elements of a row, and that are read at once
  bool hasCode;
  mlir::Value x;
};

/// Starts copies to L2 of what the stage behind this one reads first, its share
/// `part` of `parts`. One thread runs it.
using CopyAhead =
    std::function<void(Stage &stage, mlir::Value part, mlir::Value parts)>;

/// x̂ in memory: x itself where that is all, else scratch memory that a stage of
/// its own fills. Before it waits that stage runs `ahead`, if there is one.
Place roundRows(FormBuilder &form, const RowInput &input,
                const CopyAhead &ahead = {});
/// Whether x̂ is x.
bool isRounded(FormBuilder &form, const RowInput &input);

/// Whether x̂ is x but for what its rows are scaled by: then products of x may
/// be scaled instead.
bool isRoundedButForScale(FormBuilder &form, const RowInput &input);
/// f32 [R]: what the rows of x are scaled by, made by a stage `scales`.
Place makeScales(FormBuilder &form, const RowInput &input);

} // namespace jet

#endif // JET_LOWERING_KERNELS_ELEMENTS_H
