// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// jet.attention of many tokens a sequence: the kernel but for its products,
// which PrefillGroups.cpp has by wgmma and PrefillWarps.cpp by mma.sync. The
// equation and the loop stand in PrefillAttention.cpp.

#ifndef JET_LOWERING_KERNELS_PREFILLATTENTION_H
#define JET_LOWERING_KERNELS_PREFILLATTENTION_H

#include "lowering/kernels/DecodeAttention.h"

namespace jet {

class PrefillKernel {
public:
  using Value = mlir::Value;
  using Type = mlir::Type;
  using Values = TileBuilder::Values;
  using Ring = TileBuilder::Ring;

  /// A CTA's rows are in parts, each of which has threads of its own.
  struct Layout {
    int64_t parts, partRows, partThreads;
    int64_t producers; // threads
    int64_t slots;     // tiles of keys and values on their way
    /// Of setmaxnreg; 0 for none.
    int64_t consumerRegisters = 0, producerRegisters = 0;
    int64_t mixedColumns; // of an accumulator of results
  };
  PrefillKernel(FormBuilder &form, AttentionOp op, const Layout &layout);
  virtual ~PrefillKernel() = default;

  void build();

protected:
  static constexpr int64_t kKeys = DecodeAttention::kKeys;

  /// The softmax of a part's rows so far, and the place in the ring.
  struct Running {
    Value top, sum; // rows
    Values mixed;   // accumulators; of a group perhaps still under way
    Ring ring;
    Value before; // the slot of the tile before, kNone at first

    explicit Running(mlir::ValueRange values)
        : top(values[0]), sum(values[1]),
          mixed(values.drop_front(2).drop_back(3)),
          ring{values.drop_back(2).back(), values.drop_back(1).back()},
          before(values.back()) {}
    Values values() const {
      Values all = {top, sum};
      llvm::append_range(all, mixed);
      llvm::append_range(all,
                         llvm::ArrayRef<Value>{ring.slot, ring.parity, before});
      return all;
    }
  };
  static constexpr int64_t kNone = 64;

  // The products.
  /// Which part of the tile's rows is the thread's.
  virtual Value part() = 0;
  /// Before the first tile.
  virtual void takeQueries() {}
  /// Q·Kᵀ of a tile of keys.
  virtual Value multiplyKeys(Value keys, Running &running) = 0;
  /// Adds P·V to `running.mixed`, which is scaled already.
  virtual void addValues(Value weights, Value values, Running &running) = 0;
  /// Behind the products of the tile in `slot`.
  virtual void leaveTile(Value slot, Running &running) = 0;
  /// Behind the last tile: `running.mixed` can be read.
  virtual void finish(Running &running) {}

  /// Each warp gives a slot back.
  void release(Value slot);
  Type accType(int64_t columns) {
    return tile::AccType::get(b.getContext(), layout.partRows, columns);
  }
  Type fragType(int64_t rows, int64_t columns, llvm::StringRef kind) {
    return tile::FragType::get(b.getContext(), rows, columns, kind);
  }
  Value splat(Type type, double value) {
    return tile::SplatOp::create(b, type, b.f32(value));
  }

  DecodeAttention a;
  Layout layout;

private:
  /// Keys [0, count) of one place, in tiles.
  struct Keys {
    Value count, tiles;
  };
  /// Whether a row of the tile sees a key, numbered in its place.
  using Sees = llvm::function_ref<Value(Value row, Value key)>;

  Value batch();
  /// The tile's first row of the step.
  Value stepRow() { return b.add(sequenceRow, first); }

  void allocate();
  void initialize();
  void findTile();
  void findKeys();
  void loadCache(Value tile, Value slot);
  void loadStep(Value tile, Value slot);
  void produce();
  void loadQueries();
  void clearPastEnd(Value values, Value valid);
  Value scores(Value keys, Value firstKey, std::optional<Sees> sees,
               Running &running);
  Running mix(Value scores, Value values, Running running);
  Running attend(const Keys &keys, Value whole, Running running, Sees sees);
  Running attendTiles(const Keys &keys, Value from, Value to, Running running,
                      std::optional<Sees> sees);
  Value seesInRing(Value row, Value key);
  void consume();
  void storeRows();
  Type rowsType() {
    return tile::RowsType::get(b.getContext(), layout.partRows);
  }

  bool hasStep;
  unsigned cacheOperand, batchOperand;
  int64_t consumers; // threads
  int64_t tileRows;  // of a CTA
  mlir::AffineExpr tiles;

protected:
  Stage stage;
  TileBuilder &b;
  Value queryTile; // shared, [slabs, parts, partRows, slabColumns]

private:
  Value ring, mixedTile, full, empty;
  Value head, kvHead;
  // Of the sequence: where it lies, tokens before the step, row of the step.
  Value slot, position, sequenceRow, firstPage;
  Value first, count; // rows of the sequence that the tile has
  Keys cached, own;
  Value firstOwn; // row of the sequence
};

/// The kernels: of heads of 64 or 128, and of others.
void buildPrefillGroups(FormBuilder &form, AttentionOp op);
void buildPrefillWarps(FormBuilder &form, AttentionOp op);

} // namespace jet

#endif // JET_LOWERING_KERNELS_PREFILLATTENTION_H
