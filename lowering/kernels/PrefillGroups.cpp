// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The products of PrefillAttention.cpp by wgmma, of heads of 64 or 128.
//
//   part     64 rows, a warpgroup; three of them, and a producer
//     for each tile   S = Q·Kᵀ                      (started)
//                     wait: O += P·V of the tile before, and S; its slot is
//                     free softmax: the other groups multiply meanwhile O +=
//                     P·V                      (runs into the next tile)
//
// Registers: 512 threads have 128 each at first; the producer's group gives
// most of its own away. Of 160, O has 64 (heads of 128), S 32, P 16.

#include "lowering/kernels/PrefillAttention.h"

using namespace mlir;
using namespace jet;

namespace {

constexpr int64_t kGroup = 128; // threads

class PrefillGroups : public PrefillKernel {
public:
  PrefillGroups(FormBuilder &form, AttentionOp op)
      : PrefillKernel(form, op,
                      {.parts = 3,
                       .partRows = 64,
                       .partThreads = kGroup,
                       .producers = kGroup,
                       .slots = 4,
                       .consumerRegisters = 160,
                       .producerRegisters = 32,
                       .mixedColumns = op.getCache().getType().getHeadDim()}) {}

private:
  Value part() override { return tile::WarpgroupIdOp::create(b); }

  Value multiplyKeys(Value keys, Running &running) override {
    Type type = accType(kKeys);
    Value s;
    tile::WgmmaFenceOp::create(b);
    for (int64_t slab = 0; slab < a.slabs; ++slab)
      s = tile::WgmmaOp::create(b, type,
                                b.slice(queryTile, {b.index(slab), part()}),
                                b.slice(keys, {b.index(slab)}), s, UnitAttr());
    tile::WgmmaCommitOp::create(b);
    Value &mixed = running.mixed.front();
    auto waited = tile::WgmmaWaitOp::create(b, TypeRange{type, mixed.getType()},
                                            0, ValueRange{s, mixed});
    mixed = waited.getResult(1);
    b.ifThen(b.less(running.before, kNone), [&] { release(running.before); });
    return waited.getResult(0);
  }

  void addValues(Value weights, Value values, Running &running) override {
    Value &mixed = running.mixed.front();
    tile::WgmmaFenceOp::create(b);
    mixed = tile::WgmmaOp::create(b, mixed.getType(), weights, values, mixed,
                                  /*transposed=*/b.getUnitAttr());
    tile::WgmmaCommitOp::create(b);
  }

  void leaveTile(Value slot, Running &running) override {
    running.before = slot;
  }

  void finish(Running &running) override {
    Value &mixed = running.mixed.front();
    mixed = tile::WgmmaWaitOp::create(b, TypeRange(mixed.getType()), 0,
                                      ValueRange{mixed})
                .getResult(0);
  }
};

} // namespace

void jet::buildPrefillGroups(FormBuilder &form, AttentionOp op) {
  PrefillGroups(form, op).build();
}
