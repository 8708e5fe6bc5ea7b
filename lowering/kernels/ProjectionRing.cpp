// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "lowering/kernels/ProjectionRing.h"

using namespace mlir;
using namespace jet;

using Values = TileBuilder::Values;
using Ring = TileBuilder::Ring;

void ProjectionRing::allocate(Value memory) {
  Type bf16 = b.getBF16Type();
  weights = tile::ReuseOp::create(
      b, b.shared({slots, shape.parts, shape.partRows, kStep}, bf16, 128),
      memory, 0);
  if (shape.xRows)
    x = tile::ReuseOp::create(
        b, b.shared({slots, shape.xParts, shape.xRows, kStep}, bf16, 128),
        memory, slots * shape.width() * kStep * 2);
  auto barriers = tile::BarriersType::get(b.getContext(), slots);
  full = b.alloc(barriers);
  empty = b.alloc(barriers);
}

/// Runs `body` for the boxes of weights of a step of `tile`.
void ProjectionRing::forBoxes(
    Stage &stage, const Projection &spec, const Shape &shape, Value tile,
    Value step, llvm::function_ref<void(int64_t, Value, ValueRange)> body) {
  TileBuilder &b = stage.b;
  FormBuilder &form = stage.form;
  auto ofOutput = [&](const ProjectionOutput &output, Value local) {
    auto products = static_cast<int64_t>(output.weights.size());
    Value column = b.mul(local, shape.width() / products);
    for (int64_t i = 0; i < shape.parts; ++i) {
      Value map =
          stage.map(output.weights[products == 2 ? i : 0],
                    {form.constant(output.columns), form.constant(spec.inner)},
                    {shape.partRows, kStep}, b.getBF16Type(), 128);
      Value first = products == 2 ? column : b.add(column, i * shape.partRows);
      body(i, map, {first, b.mul(step, kStep)});
    }
  };
  forOutput(b, spec.outputs, firstTiles(spec.outputs, shape.width()), tile,
            ofOutput);
}

void ProjectionRing::loadWeights(Value tile, Value step, Value slot) {
  forBoxes(stage, spec, shape, tile, step,
           [&](int64_t part, Value map, ValueRange at) {
             tile::TmaLoadOp::create(
                 b, map, at, b.slice(weights, {slot, b.index(part)}), full,
                 slot, Value(),
                 tile::EvictAttr::get(b.getContext(), tile::Evict::first));
           });
}

void ProjectionRing::prefetch(Stage &stage, const Projection &spec,
                              const Shape &shape, Value tile, Value step) {
  forBoxes(stage, spec, shape, tile, step,
           [&](int64_t, Value map, ValueRange at) {
             tile::TmaPrefetchOp::create(stage.b, map, at);
           });
}

void ProjectionRing::loadX(Value step, Value slot) {
  if (!shape.xRows)
    return;
  Type bf16 = b.getBF16Type();
  int64_t rows = shape.xParts * shape.xRows;
  Value map = stage.map(spec.x, {spec.rows, stage.form.constant(spec.inner)},
                        {rows, kStep}, bf16, 128);
  Value to = tile::ViewOp::create(b, b.shared({rows, kStep}, bf16, 128),
                                  b.slice(x, {slot}));
  tile::TmaLoadOp::create(b, map, ValueRange{b.index(0), b.mul(step, kStep)},
                          to, full, slot, Value(), tile::EvictAttr());
}

void ProjectionRing::produce(const Work &work) {
  b.ifThen(tile::ElectOp::create(b), [&] {
    Value one = b.index(1), zero = b.index(0);
    Value count = b.sub(work.end, work.begin); // of a tile
    Value ahead = b.min(count, b.index(slots));
    b.loop(zero, ahead, one, [&](Value i) {
      b.expect(full, i, shape.slotBytes());
      loadWeights(work.tile, b.add(work.begin, i), i);
    });
    if (shape.xRows) {
      tile::WaitDependenciesOp::create(b);
      b.loop(zero, ahead, one,
             [&](Value i) { loadX(b.add(work.begin, i), i); });
    }
    bool isOne = work.tiles <= work.stride;
    Value all = count;
    if (!isOne)
      all = b.mul(
          count, b.ceilDiv(b.sub(b.index(work.tiles), work.tile), work.stride));
    // The ring is full; its slots are freed in order, the first time with
    // parity 0.
    b.loop(ahead, all, one,
           {zero, b.i32(0), work.tile, b.add(work.begin, ahead)},
           [&](Value, ValueRange carried) -> Values {
             Ring ring{carried[0], carried[1]};
             Value tile = carried[2], step = carried[3];
             if (!isOne) {
               Value ends = b.equal(step, work.end);
               tile = b.select(ends, b.add(tile, work.stride), tile);
               step = b.select(ends, work.begin, step);
             }
             b.wait(empty, ring.slot, ring.parity);
             b.expect(full, ring.slot, shape.slotBytes());
             loadWeights(tile, step, ring.slot);
             loadX(step, ring.slot);
             Ring next = b.advance(ring, slots);
             return {next.slot, next.parity, tile, b.add(step, 1)};
           });
    if (work.after)
      work.after();
  });
  tile::SyncWarpOp::create(b);
}
