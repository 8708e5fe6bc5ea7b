// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Matrices that a warp holds, as whole matrices: which lane has which element
// is in the definitions of the types (TileTypes.td).

#ifndef JET_DIALECTS_TILE_INTERPRETER_MATRICES_H
#define JET_DIALECTS_TILE_INTERPRETER_MATRICES_H

#include "dialects/tile/interpreter/Machine.h"

namespace jet::tile {

struct Matrix {
  int64_t rows, columns;
  std::vector<float> values;

  Matrix(int64_t rows, int64_t columns)
      : rows(rows), columns(columns), values(rows * columns) {}
  float &at(int64_t row, int64_t column) {
    return values[row * columns + column];
  }
};

/// Row, within the 16 of a warp, and column of element `i` of an accumulator.
inline int64_t accRow(int lane, int64_t i) { return lane / 4 + i / 2 % 2 * 8; }
inline int64_t accColumn(int lane, int64_t i) {
  return i / 4 * 8 + lane % 4 * 2 + i % 2;
}
/// The first row of a warp in a matrix of `rows`.
inline int64_t firstRow(const Warp &warp, int64_t rows) {
  return rows == 64 ? warp.index() % 4 * 16 : 0;
}

/// 16 rows of an accumulator, from or to cells.
Matrix getAcc(Warp &warp, uint32_t cell, int64_t columns);
void setAcc(Warp &warp, uint32_t cell, Matrix &matrix);
/// 16 rows of an operand A, and the transpose of an operand B.
Matrix getA(Warp &warp, uint32_t cell, FragType type);
Matrix getTransposedB(Warp &warp, uint32_t cell, FragType type);
/// c += a · b, in the order of a's columns.
void addProduct(Matrix &a, Matrix &b, Matrix &c);

} // namespace jet::tile

#endif // JET_DIALECTS_TILE_INTERPRETER_MATRICES_H
