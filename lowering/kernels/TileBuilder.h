// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Writes the body of a tile.kernel: scalars whose arithmetic folds, structured
// control flow as lambdas, loads and stores of short vectors.

#ifndef JET_LOWERING_KERNELS_TILEBUILDER_H
#define JET_LOWERING_KERNELS_TILEBUILDER_H

#include "dialects/tile/Tile.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"

namespace jet {

class TileBuilder : public mlir::ImplicitLocOpBuilder {
public:
  using ImplicitLocOpBuilder::ImplicitLocOpBuilder;
  using Value = mlir::Value;

  // Indices (32 bits, not negative where they are divided).
  Value index(int64_t value);
  Value add(Value a, Value b);
  Value add(Value a, int64_t b) { return add(a, index(b)); }
  Value sub(Value a, Value b);
  Value mul(Value a, Value b);
  Value mul(Value a, int64_t b) { return mul(a, index(b)); }
  Value div(Value a, int64_t b);
  Value div(Value a, Value b);
  Value rem(Value a, int64_t b);
  Value ceilDiv(Value a, int64_t b);
  Value ceilDiv(Value a, Value b);
  Value min(Value a, Value b);
  Value max(Value a, Value b);

  // Conditions.
  Value less(Value a, Value b);
  Value less(Value a, int64_t b) { return less(a, index(b)); }
  Value equal(Value a, Value b);
  Value equal(Value a, int64_t b) { return equal(a, index(b)); }
  Value compare(mlir::arith::CmpIPredicate predicate, Value a, Value b);
  Value compare(mlir::arith::CmpFPredicate predicate, Value a, Value b);
  Value both(Value a, Value b);
  Value either(Value a, Value b);
  Value inverse(Value a);
  Value select(Value condition, Value a, Value b);

  // Numbers. Products and sums may be contracted.
  Value i32(int64_t value);
  Value toI32(Value index);
  Value toIndex(Value i32);
  Value f32(double value);
  Value addf(Value a, Value b);
  Value subf(Value a, Value b);
  Value mulf(Value a, Value b);
  Value maxf(Value a, Value b);
  Value fma(Value a, Value b, Value c);
  /// exp and 1/x as the machine approximates them (2 ulp).
  Value exp(Value x);
  Value reciprocal(Value x);
  Value silu(Value x);
  /// To a float element type; scalars and vectors.
  Value convert(Value value, mlir::Type element);

  // Memory. `width` 1 is a scalar, more a vector.
  Value load(Value memory, mlir::ValueRange indices, int64_t width = 1);
  /// The default, zero, where `mask` is false.
  Value loadIf(Value mask, Value memory, mlir::ValueRange indices,
               int64_t width = 1);
  void store(Value value, Value memory, mlir::ValueRange indices,
             Value mask = {});
  Value alloc(mlir::Type type);
  tile::SharedType shared(llvm::ArrayRef<int64_t> shape, mlir::Type element,
                          int64_t swizzle = 0);
  Value slice(Value tile, mlir::ValueRange indices);
  /// Elements of a vector, or the scalar itself; and back.
  llvm::SmallVector<Value> split(Value value);
  Value join(mlir::ValueRange scalars);

  // Who runs. The whole warp takes part in warpId().
  Value threadId() { return tile::ThreadIdOp::create(*this); }
  Value laneId() { return tile::LaneIdOp::create(*this); }
  Value warpId() { return tile::WarpIdOp::create(*this); }
  Value clusterRank() { return tile::ClusterRankOp::create(*this); }
  Value blockX() { return tile::BlockIdOp::create(*this, tile::Axis::x); }
  Value blockY() { return tile::BlockIdOp::create(*this, tile::Axis::y); }
  Value blockZ() { return tile::BlockIdOp::create(*this, tile::Axis::z); }
  void sync();
  void sync(int64_t id, int64_t threads);

  // Control flow.
  using Body = llvm::function_ref<void()>;
  using Values = llvm::SmallVector<Value>;
  void ifThen(Value condition, Body then);
  void ifElse(Value condition, Body then, Body otherwise);
  /// The same with a value; both give one of `type`.
  Value ifElse(Value condition, mlir::Type type,
               llvm::function_ref<Value()> then,
               llvm::function_ref<Value()> otherwise);
  /// for i = from; i < to; i += step.
  void loop(Value from, Value to, Value step,
            llvm::function_ref<void(Value)> body);
  Values loop(Value from, Value to, Value step, mlir::ValueRange inits,
              llvm::function_ref<Values(Value, mlir::ValueRange)> body);
  /// Warp-specialised roles, dealt to the threads in order.
  struct Role {
    llvm::StringRef name;
    int64_t threads;
    int64_t registers; // 0: no budget
    Body body;
  };
  void roles(llvm::ArrayRef<Role> roles);

  // mbarriers.
  void initBarriers(Value barriers, int64_t count);
  /// The barriers of a ring, by the CTA's first thread: one arrival fills a
  /// slot, `consumers` free it. All know of them behind the next barrier.
  void initRing(Value full, Value empty, int64_t consumers);
  void arrive(Value barriers, Value slot);
  /// The warp gives a slot back to both CTAs of a pair that fill it; `rank` is
  /// its own.
  void releaseInPair(Value barriers, Value slot, Value rank);
  void expect(Value barriers, Value slot, int64_t bytes);
  void wait(Value barriers, Value slot, Value parity);
  Value flip(Value parity);
  /// A place in a ring, carried through a loop instead of divided for: the
  /// slot, and the parity of the phase to wait for. The first has parity 0.
  struct Ring {
    Value slot, parity;
  };
  Ring advance(Ring ring, int64_t slots);

  /// tile.map; the arguments are the elements, the row and, of an accumulator,
  /// the column.
  Value map(mlir::Type type, mlir::ValueRange inputs,
            llvm::function_ref<Value(mlir::ValueRange arguments)> body);

  /// Columns [first, first + count) of an accumulator.
  Value columns(Value acc, int64_t first, int64_t count);

  // Sum (f32, i32) or maximum (f32) over the lanes of a warp; all lanes get it.
  Value sumOfWarp(Value value);
  /// Sums of i32 over the lanes before the lane, and over all.
  struct WarpSums {
    Value before, total;
  };
  WarpSums scanWarp(Value value);
  Value maxOfWarp(Value value);
};

} // namespace jet

#endif // JET_LOWERING_KERNELS_TILEBUILDER_H
