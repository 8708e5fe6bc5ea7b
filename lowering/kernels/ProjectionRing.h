// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What a CTA of a projection multiplies, on its way through shared memory.

#ifndef JET_LOWERING_KERNELS_PROJECTIONRING_H
#define JET_LOWERING_KERNELS_PROJECTIONRING_H

#include "lowering/kernels/Projection.h"

namespace jet {

/// A ring whose slots hold, of a step of k, a tile's rows of weights and all
/// rows of x. A tile is `parts` · `partRows` rows of weights of one output, of
/// which the products have equal shares.
class ProjectionRing {
public:
  using Value = mlir::Value;
  static constexpr int64_t kStep = 64; // of k: a swizzled row of 128 bytes

  struct Shape {
    int64_t parts, partRows; // boxes of weights; one for each product, or more
    int64_t xParts, xRows;   // rows of x, 0 where consumers have it already

    int64_t width() const { return parts * partRows; }
    int64_t slotBytes() const { return (width() + xParts * xRows) * kStep * 2; }
  };
  /// What a CTA multiplies: the steps [begin, end) of k of `tile`, and of each
  /// `stride`-th after it before `tiles`.
  struct Work {
    Value tile, begin, end;
    int64_t tiles, stride;
    /// Run when all copies are under way.
    llvm::function_ref<void()> after = {};
  };

  ProjectionRing(Stage &stage, const Projection &spec, Shape shape,
                 int64_t slots)
      : stage(stage), b(stage.b), spec(spec), shape(shape), slots(slots) {}

  int64_t bytes() const { return slots * shape.slotBytes(); }
  /// Places the ring at the beginning of `memory`, which is aligned for
  /// swizzled tiles.
  void allocate(Value memory);
  /// Sets up the barriers; `consumers` free a slot.
  void initialize(int64_t consumers) { b.initRing(full, empty, consumers); }
  /// The producer's part, by its whole warp: copies all of `work` in order.
  /// Weights do not depend on the launch before: the first slots are filled
  /// before it has ended.
  void produce(const Work &work);

  /// Starts copies of a step's weights to L2.
  static void prefetch(Stage &stage, const Projection &spec, const Shape &shape,
                       Value tile, Value step);

  Value weights; // bf16 [slots, parts, partRows, kStep]
  Value x;       // bf16 [slots, xParts, xRows, kStep]
  Value full, empty;

private:
  static void forBoxes(
      Stage &stage, const Projection &spec, const Shape &shape, Value tile,
      Value step,
      llvm::function_ref<void(int64_t part, Value map, mlir::ValueRange at)>
          body);
  void loadWeights(Value tile, Value step, Value slot);
  void loadX(Value step, Value slot);

  Stage &stage;
  TileBuilder &b;
  const Projection &spec;
  Shape shape;
  int64_t slots;
};

} // namespace jet

#endif // JET_LOWERING_KERNELS_PROJECTIONRING_H
