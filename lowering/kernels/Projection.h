// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// y = x · Wᵀ on the tensor cores.

#ifndef JET_LOWERING_KERNELS_PROJECTION_H
#define JET_LOWERING_KERNELS_PROJECTION_H

#include "lowering/kernels/Elements.h"
#include "lowering/kernels/LargeTiles.h"

#include <functional>

namespace jet {

/// What the code of a projection loads of `width` elements from [row, column]
/// on, as lists of so many.
using LoadElements =
    std::function<llvm::SmallVector<llvm::SmallVector<mlir::Value>>(
        Stage &stage, mlir::Value row, mlir::Value column, int64_t width)>;

/// One matrix of results, made from one product with x or from two.
struct ProjectionOutput {
  llvm::SmallVector<Place> weights; // each bf16 [columns, inner]
  int64_t columns;
  /// Makes `width` elements from [row, column] on; `products` has their f32
  /// elements for each weight, those of two also what Projection::periodic
  /// loads, and then, or not, what `load` gave. What it returns stores them:
  /// later, so that what several calls load is under way together.
  std::function<std::function<void()>(
      Stage &stage, mlir::Value row, mlir::Value column, int64_t width,
      llvm::ArrayRef<llvm::SmallVector<mlir::Value>> products)>
      make;
  /// Where the products are stored, f32 [rows, columns], if that is all that
  /// `make` does.
  std::optional<Place> sums = {};
  /// What `make` reads of matrices [rows, columns], and these: of many rows
  /// they are brought to the second-level cache under the products.
  LoadElements load = {};
  llvm::SmallVector<Place> loaded = {};
  int64_t elementBytes = 4; // of the result
  /// Where it is not 0, of more than 128 rows: both weights are one matrix of
  /// heads of 2 · half rows, and the products are those with the first and with
  /// the second halves of heads. `columns` are those of a product; a column
  /// that `make` gets is in a head's half column / half.
  int64_t half = 0;

  bool isPaired() const { return weights.size() == 2; }
};

/// The forms of a projection: how many rows a CTA computes, and whether that is
/// all of the launch. In the order in which they are tried.
struct ProjectionSize {
  int64_t tileRows; // 8, 16, 64 or 128
  bool manyRows = false;
  /// With manyRows: the tiles, and for how many rows at most, or any with 0.
  std::optional<LargeTile> tile = {};
  int64_t maxRows = 0;

  FormFits fits() const { return {manyRows ? maxRows : tileRows}; }
};
/// Where the model alone chooses tiles.
inline constexpr ProjectionSize kProjectionSizes[] = {
    {8}, {16}, {64}, {128}, {128, true}};

/// kProjectionSizes, with the tiles that are chosen for `product`.
llvm::SmallVector<ProjectionSize> projectionSizes(const TileChoice &choice,
                                                  const LargeProduct &product);

/// What the code on all results of two products loads besides, the same in
/// columns at a distance of `period`.
struct PeriodicLoad {
  int64_t period;
  LoadElements load;
};

struct Projection {
  RowInput input;
  mlir::AffineExpr rows;
  int64_t inner; // a multiple of 8, as the tensor maps need
  std::vector<ProjectionOutput> outputs;
  ProjectionSize size = {128, true};
  /// In tables of tiles; may be empty.
  std::string product = {};
  /// Of 17 to 128 rows: run when all copies are under way.
  CopyAhead ahead = {};
  /// Of more than 128 rows.
  std::optional<PeriodicLoad> periodic = {};

  // By buildProjection(), from the input:
  Place x; // bf16 [rows, inner]
  /// Of more than 128 rows: f32 [rows], what products are multiplied by, if x
  /// is not scaled.
  std::optional<Place> scales = {};
  /// Instead of x, for at most 8 rows: each CTA makes them itself, which takes
  /// less time than a stage of its own.
  bool ownsRows = false;
};

/// With tiles of `width` rows of weights, which are an output's columns for
/// each of its products: the first tile of each output, and the number of all.
llvm::SmallVector<int64_t> firstTiles(llvm::ArrayRef<ProjectionOutput> outputs,
                                      int64_t width);
/// Runs `body` for the output that `tile` belongs to, with the number of the
/// tile in it; `first` are the first tiles of the outputs.
void forOutput(
    TileBuilder &b, llvm::ArrayRef<ProjectionOutput> outputs,
    llvm::ArrayRef<int64_t> first, mlir::Value tile,
    llvm::function_ref<void(const ProjectionOutput &output, mlir::Value local)>
        body);

/// A vector on the columns of a result: what ProjectionOutput::load reads of
/// it, and the sum of the first of `products` with it, as it comes behind them
/// or, where it was not loaded ahead, from memory.
llvm::SmallVector<TileBuilder::Values>
loadBias(Stage &stage, unsigned operand, mlir::Value column, int64_t width);
TileBuilder::Values addBias(Stage &stage, unsigned operand, mlir::Value column,
                            int64_t width,
                            llvm::ArrayRef<TileBuilder::Values> products);

/// Appends the stage to the form, and before it, where x has to be made by one,
/// the stage `rows`, or `scales` where its rows alone have to be scaled.
void buildProjection(FormBuilder &form, llvm::StringRef what,
                     Projection projection);
/// The same for 17 to 128 rows (EvenProjection.cpp), and for more
/// (LargeProjection.cpp).
void buildEvenProjection(FormBuilder &form, llvm::StringRef what,
                         const Projection &projection);
/// What the stage that makes its x copies to L2. Refers to the projection.
CopyAhead copyAheadOfEven(const Projection &projection);
void buildLargeProjection(FormBuilder &form, llvm::StringRef what,
                          const Projection &projection);

} // namespace jet

#endif // JET_LOWERING_KERNELS_PROJECTION_H
