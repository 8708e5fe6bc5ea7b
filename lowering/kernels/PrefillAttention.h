// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// jet.attention of many tokens a sequence: the kernel but for its products,
// which PrefillGroups.cpp has by wgmma and PrefillWarps.cpp by mma.sync. The
// equation and who does what stand in PrefillAttention.cpp.

#ifndef JET_LOWERING_KERNELS_PREFILLATTENTION_H
#define JET_LOWERING_KERNELS_PREFILLATTENTION_H

#include "lowering/kernels/DecodeAttention.h"

#include <functional>

namespace jet {

class PrefillKernel {
public:
  using Value = mlir::Value;
  using Type = mlir::Type;
  using Values = TileBuilder::Values;
  using Ring = TileBuilder::Ring;

  /// An item is some parts, each of which is rows of a head and has threads of
  /// its own.
  struct Layout {
    int64_t parts, partRows, partThreads;
    int64_t producers; // threads
    int64_t keys;      // of a tile
    int64_t slots;     // tiles of keys or of values on their way
    /// Of setmaxnreg; 0 for none.
    int64_t consumerRegisters = 0, producerRegisters = 0;
    int64_t mixedColumns; // of an accumulator of results
  };
  PrefillKernel(FormBuilder &form, AttentionOp op, const Layout &layout);
  virtual ~PrefillKernel() = default;

  void build();

protected:
  /// The softmax of a part's rows so far, and the place in the ring.
  struct Running {
    Value top;    // rows
    Value sum;    // of the columns of each thread: an accumulator of 8
    Values mixed; // accumulators
    Ring ring;
    Values pending; // what the products carry from tile to tile

    Values values() const {
      Values all = {top, sum, ring.slot, ring.parity};
      llvm::append_range(all, mixed);
      llvm::append_range(all, pending);
      return all;
    }
  };

  /// What a tile of scores adds: weights, an accumulator; by what rows so far
  /// are to be multiplied, and whether that is 1 for all rows of the warp.
  struct Weighed {
    Value weights, scale, isScaled;
  };

  // The products.
  /// Which part of the tile's rows is the thread's.
  virtual Value part() = 0;
  /// A barrier of its threads.
  virtual void syncPart() = 0;
  /// Before an item's first tile.
  virtual void takeQueries() {}
  virtual Values begin() { return {}; }
  /// Q·Kᵀ of a tile of keys.
  virtual Value multiplyKeys(Value keys, Running &running) = 0;
  /// mixed · scale + P·V, and frees the values' slot; both perhaps later.
  virtual void addValues(const Weighed &weighed, Value slot,
                         Running &running) = 0;
  /// Behind an item's last tile: `running.mixed` can be read.
  virtual void finish(Running &running) {}

  void release(Value slot);
  Value slotTile(Value slot);
  void scaleMixed(const Weighed &weighed, Running &running);
  /// Weights as an operand.
  Value pack(Value weights);
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
  /// Keys [0, count) of one place, and the tiles of them that an item sees.
  struct Keys {
    Value count, tiles;
    /// Of a ring: the tile to begin with, going back, and how many there are.
    Value newest, around;
  };
  struct Range {
    Value from, to;
  };
  /// Which keys a part's rows see, numbered as the tiles come.
  struct Seen {
    Range some, all; // that any row sees, that all rows see
    /// Whether a row of the sequence sees a key, numbered in its place.
    std::function<Value(Value row, Value key)> sees;
  };

  // PrefillItems.cpp.
  /// Every kMultiprocessors-th item; the body takes the ring's place through.
  void forItems(Ring at, llvm::function_ref<Ring(Ring)> body);
  void countItems();
  Value numberOf(Value turn);
  Value ofBatch(Value place);
  Value ofSequence(Value sequence, int64_t column);
  Value batchRow(Value sequence);
  Value itemsOf(Value rows);
  void findItem(Value number);
  void findKeys();
  void findOwnKeys();
  void findRing();
  void findPart();
  Value firstKey(const Keys &keys, Value tile);
  Seen seenKeys(Value before);
  Seen seenInCache();
  Value seesInRing(Value row, Value key);
  void loadCache(Value tile, int64_t plane, Value slot);
  void loadStep(Value tile, int64_t plane, Value slot);
  void produce();

  // PrefillAttention.cpp.
  void allocate();
  void loadQueries();
  void clearPastEnd(const Keys &keys, Value tile, Value values);
  Value mask(Value scores, Value firstKey, const Seen &seen);
  Weighed weigh(Value scores, Running &running);
  Running attendTile(const Keys &keys, Value tile, Value isWhole,
                     const Seen &seen, Running running);
  Running skipTile(const Keys &keys, Value tile, Running running);
  Running attend(const Keys &keys, const Seen &seen, Running running);
  Running attendItem(Ring at);
  void storeRows(const Running &running);
  void consume();
  Running unpack(mlir::ValueRange values) {
    int64_t count = a.dim / layout.mixedColumns;
    return {values[0],
            values[1],
            Values(values.slice(4, count)),
            {values[2], values[3]},
            Values(values.drop_front(4 + count))};
  }
  Type rowsType() {
    return tile::RowsType::get(b.getContext(), layout.partRows);
  }
  /// The part's first row of the step.
  Value stepRow() { return b.add(sequenceRow, rowsOfPart.from); }

  bool hasStep;
  unsigned cacheOperand, batchOperand;
  int64_t consumers;    // threads
  int64_t box;          // keys of a copy from the cache
  int64_t chunkColumns; // of results on their way out

protected:
  Stage stage;
  TileBuilder &b;
  Value queryTile; // shared, [slabs, parts, partRows, slabColumns]

private:
  Value ring, chunks, full, empty;
  Value items, mostItems; // of a KV head: of all sequences, of one
  // Of the item. Of its sequence: where it lies, tokens before the step, row of
  // the step, rows.
  Value kvHead;
  Value slot, position, sequenceRow, sequenceRows, firstPage;
  Value firstPart; // of the sequence's for the KV head
  // Rows of the sequence that any part has; none end at 0.
  Value first, end;
  Keys cached, own;
  Value firstOwn;   // row of the sequence
  Value newestKeys; // of a ring's newest tile
  // Of the thread's part of the item.
  Value head;
  Range rowsOfPart; // of the sequence
};

/// The kernels: of heads of 64 or 128, and of others.
void buildPrefillGroups(FormBuilder &form, AttentionOp op);
void buildPrefillWarps(FormBuilder &form, AttentionOp op);

} // namespace jet

#endif // JET_LOWERING_KERNELS_PREFILLATTENTION_H
