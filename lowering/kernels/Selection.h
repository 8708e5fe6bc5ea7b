// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A stage in which a CTA takes the first k of up to 16,384 elements in the
// order of jet.top_k, exactly. A thread holds its elements in registers.
//
// Few elements are looked at twice:
//
//   floor       below which nothing is in, since at least k threads have an
//               element as large. A warp sorts the largest of its lanes. Of
//               elements in no order, ⌈k/n⌉ lanes in each of n warps have the
//               floor: the least of what the warps find. Lists have theirs in
//               few threads: every second of the sorted lanes is a sample, and
//               the floor that of rank ⌈k/2⌉ among all warps'
//   survivors   elements as large as the floor, packed in their order: about
//               twice as many as k
//   result      a survivor goes where the number of better ones says
//
// Where fewer than k survive (NaN never does) or more than there is room for,
// such as equal ones, the CTA counts instead:
//
//   key      of a value, so that keys are ordered without sign as values are:
//            −0 as 0, NaN as 0, before which everything comes
//   bound    the k-th key, bit by bit from above: one is set if k keys are as
//            large
//   idBound  of the elements with that key those of the lower ids are in, as
//            many as there is room for: the last one's id, likewise
//   slots    what is in, packed
//   result   each goes where its number of better ones says
//
// Elements that there are not are NaN of the largest id, which is what lists
// are filled up with.
//
// With sampling the results go to shared memory too, where the first warp picks
// one of them.

#ifndef JET_LOWERING_KERNELS_SELECTION_H
#define JET_LOWERING_KERNELS_SELECTION_H

#include "lowering/kernels/Forms.h"
#include "lowering/kernels/WarpSampler.h"

namespace jet {

class SelectKernel {
  using Value = mlir::Value;

public:
  /// Of at most `count` elements. `grid` is of rows first; `width` values are
  /// loaded at once.
  SelectKernel(FormBuilder &form, int64_t count, int64_t k,
               llvm::ArrayRef<mlir::AffineExpr> grid, int64_t width);

  static bool isSupported(int64_t count);

  /// What to select from: `count` elements, element i at [row, first + i] of
  /// `values`. Its id is there in `ids`: such elements are lists, whose
  /// neighbours are in the op's order and ids in none. Without `ids` it is the
  /// column.
  struct Elements {
    Value values, ids, first, count;
    bool inLists() const { return bool(ids); }
  };
  /// Has one of the first k picked as the rows of operand `sampling` say.
  /// Before build().
  void setSampling(unsigned sampling);
  /// The first k go to the op's results from [row, column] on, the pick to its
  /// third.
  void build(const Elements &elements, Value column);

  /// For what build() is given.
  Stage &getStage() { return stage; }

private:
  using Test = llvm::function_ref<Value(size_t element)>;
  struct Sums {
    TileBuilder::Values before, total;
  };
  struct Places {
    TileBuilder::Values first; // of each vector
    Value total;
  };

  void load();
  /// Adds numbers (i32) up over threads: those before, and all.
  Sums scan(mlir::ValueRange numbers);
  void writeResult(Value place, Value value, Value id);

  // With a floor.
  bool hasFloor() const { return k <= threads; }
  Value sortOfWarp(Value value);
  void storeFloors(Value sorted);
  void storeFloorOfSamples(Value sorted);
  void findFloor();
  Value loadFloor();
  Places placeSurvivors();
  void packSurvivors(const Places &places);
  struct Other {
    Value value, id, place;
  };
  Value count(Value others, Value ids, Value from, Value to, Value better,
              llvm::function_ref<Value(const Other &)> test);
  Value countBetter(Value others, Value ids, Value place, Value value,
                    Value end);
  void orderSurvivors(Value count);

  // By counting.
  /// Counts the elements of the thread, an i32.
  Value countOfThread(Test test);
  Value keyOf(Value value);
  Value countOfBlock(Value turn, Test test);
  void fillSlots();
  void findBounds();
  void findIdBound(Value room);
  void packSlots();
  void orderSlots();
  void countAll();

  /// The first k of a row, if one of them is picked.
  struct Picking {
    WarpSampler sampler;
    Value sampling, values, ids; // the last two shared
  };

  int64_t k, threads, warps, width, perThread, pairs, capacity;
  Stage stage;
  TileBuilder &b;
  std::optional<Picking> picking;
  const Elements *elements = nullptr;
  Value column;
  TileBuilder::Values exist, values, ids, keys; // of the thread
  Value bound, idBound;
  Value samples, floors, counts, partials, bounds, slotKeys, slotIds,
      slotValues; // shared
};

} // namespace jet

#endif // JET_LOWERING_KERNELS_SELECTION_H
