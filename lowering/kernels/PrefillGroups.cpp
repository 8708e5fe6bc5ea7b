// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The products of PrefillAttention.cpp by wgmma, of heads of 64 or 128.
//
//   part     64 rows, a warpgroup; three of them, and a producer
//     for each tile   S = Q·Kᵀ; O += P·V of the tile before        (started)
//                     wait: S; its slot is free
//                     softmax: O += P·V still runs, and the other groups'
//                     products
//                     wait: O; the values' slot is free
//                     O is scaled, and P kept for the next tile
//
// Registers: 512 threads have 128 each at first; the producer's group gives
// most of its own away. Of 160, O has 64 (heads of 128), S 32, P 16.
//
// Slots: at an item's end a part may hold values while it goes past two tiles
// that only other parts see, so that there are more than five.

#include "lowering/kernels/PrefillAttention.h"

using namespace mlir;
using namespace jet;

namespace {

constexpr int64_t kGroup = 128; // threads
constexpr int64_t kNone = 64;   // no slot

class PrefillGroups : public PrefillKernel {
public:
  PrefillGroups(FormBuilder &form, AttentionOp op)
      : PrefillKernel(form, op,
                      {.parts = 3,
                       .partRows = 64,
                       .partThreads = kGroup,
                       .producers = kGroup,
                       .keys = 64,
                       .slots = 8,
                       .consumerRegisters = 160,
                       .producerRegisters = 32,
                       .mixedColumns = op.getCache().getType().getHeadDim()}) {}

private:
  Value part() override { return tile::WarpgroupIdOp::create(b); }

  void syncPart() override {
    for (int64_t i = 0; i < layout.parts; ++i)
      b.ifThen(b.equal(part(), i), [&] { b.sync(2 + i, kGroup); });
  }

  /// Weights that have not been multiplied yet, and their values' slot.
  Values begin() override {
    return {pack(splat(accType(layout.keys), 0)), b.index(kNone)};
  }
  static Value slotBefore(const Running &running) { return running.pending[1]; }
  Value isPending(const Running &running) {
    return b.less(slotBefore(running), kNone);
  }

  Value multiplyKeys(Value keys, Running &running) override {
    Type type = accType(layout.keys);
    Value s;
    tile::WgmmaFenceOp::create(b);
    for (int64_t slab = 0; slab < a.slabs; ++slab)
      s = tile::WgmmaOp::create(b, type,
                                b.slice(queryTile, {b.index(slab), part()}),
                                b.slice(keys, {b.index(slab)}), s, UnitAttr());
    tile::WgmmaCommitOp::create(b);
    mixBefore(running);
    return tile::WgmmaWaitOp::create(b, TypeRange(type), 1, ValueRange{s})
        .getResult(0);
  }

  /// Starts P·V of the tile before: a group of wgmma, empty at first.
  void mixBefore(Running &running) {
    Value &mixed = running.mixed.front();
    mixed = b.ifElse(
        isPending(running), mixed.getType(),
        [&]() -> Value {
          tile::WgmmaFenceOp::create(b);
          Value sum =
              tile::WgmmaOp::create(b, mixed.getType(), running.pending[0],
                                    slotTile(slotBefore(running)), mixed,
                                    /*transposed=*/b.getUnitAttr());
          tile::WgmmaCommitOp::create(b);
          return sum;
        },
        [&] {
          tile::WgmmaCommitOp::create(b);
          return mixed;
        });
  }

  void waitMixed(Running &running) {
    Value &mixed = running.mixed.front();
    mixed = tile::WgmmaWaitOp::create(b, TypeRange(mixed.getType()), 0,
                                      ValueRange{mixed})
                .getResult(0);
    b.ifThen(isPending(running), [&] { release(slotBefore(running)); });
  }

  void addValues(const Weighed &weighed, Value slot,
                 Running &running) override {
    waitMixed(running);
    scaleMixed(weighed, running);
    running.pending = {pack(weighed.weights), slot};
  }

  void finish(Running &running) override {
    mixBefore(running);
    waitMixed(running);
  }
};

} // namespace

void jet::buildPrefillGroups(FormBuilder &form, AttentionOp op) {
  PrefillGroups(form, op).build();
}
