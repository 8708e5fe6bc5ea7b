// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The products of PrefillAttention.cpp by mma.sync, of heads of any size.
//
//   part     16 rows, a warp; 7 of them, or 4 of more than 128 columns, and a
//            producer
//     for each tile   S = Q·Kᵀ, 16 columns of the heads after the other
//                     softmax
//                     O += P·V, likewise; the slot is free
//
// Registers: O, of which a warp has room for 255 a thread if no more than 8
// warps are in a CTA, and Q. With many columns the ring leaves room for few
// rows of queries, and the results none for Q in registers: it is read for each
// tile.

#include "lowering/kernels/PrefillAttention.h"

using namespace mlir;
using namespace jet;

namespace {

/// Columns of a product's step: one instruction along K.
constexpr int64_t kStep = 16;

class PrefillWarps : public PrefillKernel {
public:
  PrefillWarps(FormBuilder &form, AttentionOp op)
      : PrefillKernel(form, op,
                      {.parts = isWide(op) ? 4 : 7,
                       .partRows = 16,
                       .partThreads = 32,
                       .producers = 32,
                       .keys = 64,
                       .slots = isWide(op) ? 5 : 6,
                       .mixedColumns = kStep}),
        keepsQueries(!isWide(op)) {}

private:
  static bool isWide(AttentionOp op) {
    return op.getCache().getType().getHeadDim() > 128;
  }
  std::pair<Value, Value> stepAt(int64_t step) {
    int64_t column = step * kStep;
    return {b.index(column / a.slabColumns), b.index(column % a.slabColumns)};
  }
  Value query(int64_t step) {
    auto [slab, column] = stepAt(step);
    return tile::LoadMatrixOp::create(b, fragType(16, kStep, "a"),
                                      b.slice(queryTile, {slab, part()}),
                                      b.index(0), column, UnitAttr());
  }

  Value part() override { return b.warpId(); }
  void syncPart() override { tile::SyncWarpOp::create(b); }

  void takeQueries() override {
    queries.clear();
    for (int64_t step = 0; keepsQueries && step < a.dim / kStep; ++step)
      queries.push_back(query(step));
  }

  Value multiplyKeys(Value keys, Running &) override {
    Value s = splat(accType(layout.keys), 0);
    for (int64_t step = 0; step < a.dim / kStep; ++step) {
      auto [slab, column] = stepAt(step);
      Value k = tile::LoadMatrixOp::create(b, fragType(layout.keys, kStep, "b"),
                                           b.slice(keys, {slab}), b.index(0),
                                           column, UnitAttr());
      s = tile::MmaOp::create(b, queries.empty() ? query(step) : queries[step],
                              k, s);
    }
    return s;
  }

  void addValues(const Weighed &weighed, Value slot,
                 Running &running) override {
    scaleMixed(weighed, running);
    Value weights = pack(weighed.weights);
    Value values = slotTile(slot);
    for (auto [step, mixed] : llvm::enumerate(running.mixed)) {
      auto [slab, column] = stepAt(step);
      Value v = tile::LoadMatrixOp::create(b, fragType(kStep, layout.keys, "b"),
                                           b.slice(values, {slab}), b.index(0),
                                           column, b.getUnitAttr());
      mixed = tile::MmaOp::create(b, weights, v, mixed);
    }
    release(slot);
  }

  bool keepsQueries;
  Values queries; // fragments, if they stay in registers
};

} // namespace

void jet::buildPrefillWarps(FormBuilder &form, AttentionOp op) {
  PrefillWarps(form, op).build();
}
