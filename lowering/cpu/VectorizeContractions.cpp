// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//   for tiles of rows × columns outputs:
//     acc[i][j] = 0                                  (vectors along k)
//     for k in steps of the vector width:
//       acc[i][j] += x[r + i, k …] · w[n + j, k …]
//     y[r + i, n + j] += sum of acc[i][j], and of the rest of k
//
// A tile of 4 × 4 loads 8 vectors for 16 multiply-adds, which is enough to be
// bound by arithmetic; with one row the loop streams the weights at the speed
// of memory. Tried and rejected: packing the weights (a copy of the checkpoint
// in memory, for nothing while k is contiguous).

#include "lowering/Passes.h"

#include "mlir/IR/ImplicitLocOpBuilder.h"

using namespace mlir;

namespace jet {
#define GEN_PASS_DEF_VECTORIZECONTRACTIONSPASS
#include "lowering/Passes.h.inc"
} // namespace jet

using namespace jet;

namespace {

/// Whether `op` adds x[r, k]·w[n, k] to y[r, n] on buffers of static K.
bool isContraction(linalg::GenericOp op) {
  AffineExpr r, n, k;
  bindDims(op.getContext(), r, n, k);
  auto map = [&](AffineExpr a, AffineExpr b) {
    return AffineMap::get(3, 0, {a, b}, op.getContext());
  };
  if (op.getNumResults() || op.getNumDpsInputs() != 2 ||
      op.getIndexingMapsArray() !=
          ArrayRef<AffineMap>{map(r, k), map(n, k), map(r, n)} ||
      op.getIteratorTypesArray().back() != utils::IteratorType::reduction)
    return false;
  auto isArgument = [&](Value value, unsigned index) {
    if (auto wide = value.getDefiningOp<arith::ExtFOp>())
      value = wide.getIn();
    return value == op.getBody()->getArgument(index);
  };
  auto isMulAdd = [&](Block &body) {
    auto add =
        body.getTerminator()->getOperand(0).getDefiningOp<arith::AddFOp>();
    if (!add || !add.getType().isF32() || add.getLhs() != body.getArgument(2))
      return false;
    auto mul = add.getRhs().getDefiningOp<arith::MulFOp>();
    return mul && isArgument(mul.getLhs(), 0) && isArgument(mul.getRhs(), 1);
  };
  auto contiguous = [](Value v) {
    auto type = cast<MemRefType>(v.getType());
    return type.isLastDimUnitStride() && !type.isDynamicDim(1);
  };
  return isMulAdd(*op.getBody()) && contiguous(op.getDpsInputs()[0]) &&
         contiguous(op.getDpsInputs()[1]);
}

class ContractionEmitter {
public:
  ContractionEmitter(linalg::GenericOp op, int64_t width, int64_t tileRows,
                     int64_t tileColumns)
      : b(op.getLoc(), OpBuilder(op)), x(op.getDpsInputs()[0]),
        w(op.getDpsInputs()[1]), y(op.getDpsInits()[0]), width(width),
        tileRows(tileRows), tileColumns(tileColumns),
        inner(cast<MemRefType>(x.getType()).getDimSize(1)) {}

  void emit() {
    Value rows = memref::DimOp::create(b, y, 0);
    Value columns = memref::DimOp::create(b, y, 1);
    split(rows, tileRows, [&](Value row, int64_t height) {
      split(columns, tileColumns, [&](Value column, int64_t breadth) {
        emitTile(row, column, height, breadth);
      });
    });
  }

private:
  Value constant(int64_t value) {
    return arith::ConstantIndexOp::create(b, value);
  }

  /// Loops over [0, total): whole steps, then one by one.
  void split(Value total, int64_t step,
             function_ref<void(Value, int64_t)> body) {
    Value rest = arith::RemUIOp::create(b, total, constant(step));
    Value whole = arith::SubIOp::create(b, total, rest);
    auto loop = [&](Value begin, Value end, int64_t by) {
      auto op = scf::ForOp::create(b, begin, end, constant(by));
      OpBuilder::InsertionGuard guard(b);
      b.setInsertionPointToStart(op.getBody());
      body(op.getInductionVar(), by);
    };
    loop(constant(0), whole, step);
    if (step > 1)
      loop(whole, total, 1);
  }

  /// `lanes` elements of a row as f32.
  Value load(Value buffer, Value row, Value k, int64_t lanes) {
    Type element = cast<MemRefType>(buffer.getType()).getElementType();
    Value value = vector::LoadOp::create(b, VectorType::get(lanes, element),
                                         buffer, ValueRange{row, k});
    if (element.isF32())
      return value;
    return arith::ExtFOp::create(b, VectorType::get(lanes, b.getF32Type()),
                                 value);
  }

  SmallVector<Value> loadRows(Value buffer, ArrayRef<Value> rows, Value k,
                              int64_t lanes) {
    return llvm::map_to_vector(
        rows, [&](Value row) { return load(buffer, row, k, lanes); });
  }

  /// acc[i][j] + x[rows[i], k …] · w[columns[j], k …], row-major.
  SmallVector<Value> multiplyAdd(ArrayRef<Value> rows, ArrayRef<Value> columns,
                                 Value k, int64_t lanes, ValueRange acc) {
    SmallVector<Value> xs = loadRows(x, rows, k, lanes);
    SmallVector<Value> ws = loadRows(w, columns, k, lanes);
    SmallVector<Value> next;
    for (Value xv : xs)
      for (Value wv : ws)
        next.push_back(vector::FMAOp::create(b, xv, wv, acc[next.size()]));
    return next;
  }

  SmallVector<Value> zeros(size_t count, int64_t lanes) {
    auto type = VectorType::get(lanes, b.getF32Type());
    Value zero =
        arith::ConstantOp::create(b, type, DenseElementsAttr::get(type, 0.0f));
    return SmallVector<Value>(count, zero);
  }

  SmallVector<Value> offsets(Value base, int64_t count) {
    SmallVector<Value> result;
    for (int64_t i = 0; i < count; ++i)
      result.push_back(arith::AddIOp::create(b, base, constant(i)));
    return result;
  }

  void emitTile(Value row, Value column, int64_t height, int64_t breadth) {
    SmallVector<Value> rows = offsets(row, height);
    SmallVector<Value> columns = offsets(column, breadth);
    int64_t rest = inner % width, whole = inner - rest;
    SmallVector<Value> acc = zeros(height * breadth, width), tail;
    if (whole) {
      auto loop = scf::ForOp::create(b, constant(0), constant(whole),
                                     constant(width), acc);
      OpBuilder::InsertionGuard guard(b);
      b.setInsertionPointToStart(loop.getBody());
      scf::YieldOp::create(b, multiplyAdd(rows, columns, loop.getInductionVar(),
                                          width, loop.getRegionIterArgs()));
      acc = llvm::to_vector_of<Value>(loop.getResults());
    }
    if (rest)
      tail = multiplyAdd(rows, columns, constant(whole), rest,
                         zeros(acc.size(), rest));
    auto flags = arith::FastMathFlags::reassoc;
    auto sum = [&](Value vector) -> Value {
      return vector::ReductionOp::create(b, vector::CombiningKind::ADD, vector,
                                         flags);
    };
    for (size_t i = 0; i < acc.size(); ++i) {
      SmallVector<Value> at = {rows[i / breadth], columns[i % breadth]};
      Value value = memref::LoadOp::create(b, y, at);
      if (whole)
        value = arith::AddFOp::create(b, value, sum(acc[i]));
      if (rest)
        value = arith::AddFOp::create(b, value, sum(tail[i]));
      memref::StoreOp::create(b, value, y, at);
    }
  }

  ImplicitLocOpBuilder b;
  Value x, w, y;
  int64_t width, tileRows, tileColumns, inner;
};

struct VectorizeContractionsPass
    : jet::impl::VectorizeContractionsPassBase<VectorizeContractionsPass> {
  using VectorizeContractionsPassBase::VectorizeContractionsPassBase;

  void runOnOperation() override {
    SmallVector<linalg::GenericOp> contractions;
    getOperation().walk([&](linalg::GenericOp op) {
      if (isContraction(op))
        contractions.push_back(op);
    });
    for (linalg::GenericOp op : contractions) {
      ContractionEmitter(op, vectorWidth, rows, columns).emit();
      op.erase();
    }
  }
};

} // namespace
