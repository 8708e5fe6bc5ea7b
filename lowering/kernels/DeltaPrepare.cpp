// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The part of the chunked delta rule that does not depend on the state (the
// letters are DeltaChunks.cpp's):
//
//   prepare   CTA (chunk, head), four an SM (keys of 128: three)
//     both groups   q and k of all rows on their way, four lanes a row; G and β
//                   by four warps; q, k to unit length, to shared memory, e^G q
//                   and e^(G[C] − G) k to scratch memory
//     group 0       A from k·kᵀ (wgmma), in f32; of T = (I + A)⁻¹ the blocks on
//                   the diagonal (DeltaSolve.cpp)
//     group 1       P from q·kᵀ (wgmma), to scratch memory by TMA
//     both groups   the rest of T; T·β to scratch memory, −T·β·e^G to shared
//                   memory; −W = (−T·β·e^G)·k (wgmma), a slab after the other,
//                   to scratch memory by TMA; v, where it has to be rounded
//
// Shared memory, with keys of 96: k and q 12 KB each, −T·β·e^G 8 KB, the
// solver's 18 KB. P takes the place of q, W that of the solver's; what is sent
// alone comes from registers, of which a thread has 64 (keys of 128: 80).
//
// 49 us for 8192 rows of 12 heads with keys of 96. Tried: all of T by group 0,
// 50, with three CTAs an SM 53; the blocks on the diagonal by eight warps, a
// lane a column, and gates by all warps, 51: less time a CTA, but more
// instructions.

#include "lowering/kernels/DeltaChunks.h"
#include "lowering/kernels/DeltaSolve.h"
#include "lowering/kernels/KeyRows.h"

using namespace mlir;
using namespace jet;

using Values = TileBuilder::Values;

namespace {

constexpr int64_t kRows = DeltaChunks::kRows;
constexpr int64_t kGroup = 128, kGroups = 2, kThreads = kGroups * kGroup;
constexpr int64_t kWarp = 32, kWarps = kRows / kWarp; // with a row a lane

class PrepareKernel {
public:
  PrepareKernel(FormBuilder &form, const DeltaChunks &chunks)
      : c(chunks),
        stage(form, "prepare", kThreads, {c.count, form.constant(c.heads)}),
        b(stage.b), inputs(stage, c.rule), solver(b) {}

  void build();

private:
  void allocate();
  void loadGates();
  void storeKeys();
  void roundValues();
  Value multiply(Value a, Value b);
  Value decayed(Value product, Value t, Value s, Value counts);
  Value makeSystem();
  void storeSolution();
  void solveKeys();
  void solveKeys(int64_t group);
  void mixKeys();
  /// G[t] / log 2; 2^x.
  Value sumAt(Value t) { return b.load(sums, {t}); }
  Value exp2(Value x) { return tile::Exp2Op::create(b, x); }
  Type accType(int64_t columns) {
    return tile::AccType::get(b.getContext(), kRows, columns);
  }
  Value finish(Value acc) {
    return tile::WgmmaWaitOp::create(b, TypeRange(acc.getType()), 0,
                                     ValueRange{acc})
        .getResult(0);
  }
  /// Columns from `column` on of the unit, on their way to scratch memory.
  void send(Value tile, Value map, int64_t column) {
    tile::TmaStoreOp::create(b, tile, map,
                             ValueRange{b.mul(unit, kRows), b.index(column)});
  }
  /// What each of the two groups does.
  void forGroups(llvm::function_ref<void(int64_t)> body) {
    b.ifElse(
        b.equal(tile::WarpgroupIdOp::create(b), 0), [&] { body(0); },
        [&] { body(1); });
  }

  const DeltaChunks &c;
  Stage stage;
  TileBuilder &b;
  RuleInputs inputs;
  DeltaSolver solver;
  ChunkRows rows;
  Value head, unit;
  std::optional<KeyRows> own; // the thread's
  // Shared: k, q; −T·β·e^G; P.
  Value keys, queries, grown, mixed;
  // And f32 [rows]: G / log 2, over a warp's rows and all; β; −e^G. [warps].
  Value partSums, sums, betas, growths, warpSums;
};

} // namespace

void PrepareKernel::allocate() {
  // As many bytes as one of keys and, where that is smaller, a square.
  Value bytes = b.alloc(
      b.shared({std::max(c.keyDim, kRows), kRows}, b.getBF16Type(), kRows * 2));
  queries = tile::ReuseOp::create(b, c.keysTile(b), bytes, 0);
  mixed = tile::ReuseOp::create(b, c.squareTile(b), bytes, 0);
  keys = b.alloc(c.keysTile(b));
  grown = b.alloc(c.squareTile(b));
  for (Value *scalars : {&partSums, &sums, &betas, &growths})
    *scalars = b.alloc(b.shared({kRows}, b.getF32Type()));
  warpSums = b.alloc(b.shared({kWarps}, b.getF32Type()));
}

/// g, by two warps summed over their rows, and β by two more, a lane a row. The
/// sums are those of 2, 4, … rows, of which those are added that lie in front.
void PrepareKernel::loadGates() {
  Value warp = b.warpId(), lane = b.laneId(), t = b.rem(b.threadId(), kRows);
  auto load = [&](unsigned number) {
    Value x = inputs.element(number, rows.at(b, t), head);
    return b.select(b.less(t, rows.count), x, b.f32(0));
  };
  b.ifThen(b.less(warp, kWarps), [&] {
    Value sum = b.mulf(load(3), b.f32(llvm::numbers::log2e)), all = sum;
    for (int64_t i = 1; i < kWarp; i *= 2) {
      Value before = tile::ShuffleXorOp::create(b, all, i);
      Value isBehind = b.equal(b.rem(b.div(lane, i), 2), 1);
      sum = b.select(isBehind, b.addf(sum, before), sum);
      all = b.addf(all, before);
    }
    b.store(sum, partSums, {t});
    b.store(all, warpSums, {warp}, b.equal(lane, 0));
    b.store(b.i32(0), c.signalsIn(stage), {unit}, b.equal(t, 0));
  });
  b.ifThen(b.equal(b.div(warp, kWarps), 1),
           [&] { b.store(load(4), betas, {t}); });
}

/// k and q to shared memory; e^G q and e^(G[C] − G) k to scratch memory.
void PrepareKernel::storeKeys() {
  GatedDeltaRuleOp rule = c.rule;
  double scale =
      rule.getQkNormEps() ? rule.getQScale()->convertToDouble() : 1.0;
  Values loadedQ = own->load(0), loadedK = own->load(1);
  loadGates();
  Value first = b.mul(unit, kRows);
  b.sync();
  SmallVector<Values> q = own->finish(0, loadedQ);
  Value length = own->scaleOf(q, scale);
  Values ofWarps = b.split(b.load(warpSums, {b.index(0)}, kWarps));
  Value before = b.select(b.less(own->row(), kWarp), b.f32(0), ofWarps[0]);
  Value sum = b.addf(before, b.load(partSums, {own->row()}));
  Value total = b.addf(ofWarps[0], ofWarps[1]), growth = exp2(sum);
  Value isFirst = b.equal(b.rem(b.laneId(), kThreads / kRows), 0);
  b.store(sum, sums, {own->row()}, isFirst);
  b.store(b.subf(b.f32(0), growth), growths, {own->row()}, isFirst);
  b.store(exp2(total), c.decaysIn(stage), {unit}, b.equal(b.threadId(), 0));
  own->store(q, b.mulf(length, growth), c.keysIn(stage, c.queries), first);
  own->store(q, length, queries);
  tile::SyncWarpOp::create(b); // k has the registers of q
  SmallVector<Values> k = own->finish(1, loadedK);
  length = own->scaleOf(k, 1);
  own->store(k, b.mulf(length, exp2(b.subf(total, sum))),
             c.keysIn(stage, c.ends), first);
  own->store(k, length, keys);
}

/// v of the head by the code on it, in chunks; zeros behind the last row.
void PrepareKernel::roundValues() {
  constexpr int64_t kWidth = 4;
  int64_t columns = c.heads * c.valueDim;
  Value rounded =
      stage.memory(c.values, MemRefType::get({ShapedType::kDynamic, columns},
                                             b.getBF16Type()));
  GatedDeltaRuleOp rule = c.rule;
  auto ported = cast<PortOpInterface>(rule.getOperation());
  Value values = inputs.flat(rule, 2);
  int64_t units = c.valueDim / kWidth;
  b.loop(b.threadId(), b.index(kRows * units), b.index(kThreads),
         [&](Value number) {
           Value t = b.div(number, units), row = rows.at(b, t);
           Value column = b.add(b.mul(head, c.valueDim),
                                b.mul(b.rem(number, units), kWidth));
           Values elements = b.split(b.load(values, {row, column}, kWidth));
           elements =
               applyCode(stage, ported, 2, row, column, kWidth, {elements});
           Value inside = b.less(t, rows.count);
           for (Value &x : elements)
             x = b.convert(
                 b.select(inside, b.convert(x, b.getF32Type()), b.f32(0)),
                 b.getBF16Type());
           b.store(b.join(elements), rounded,
                   {b.add(b.mul(b.blockX(), kRows), t), column});
         });
}

/// Products of k and of another tile like it, by a group.
Value PrepareKernel::multiply(Value x, Value y) {
  Value sum;
  tile::WgmmaFenceOp::create(b);
  for (int64_t i = 0; i < c.slabs; ++i)
    sum = tile::WgmmaOp::create(b, accType(kRows), b.slice(x, {b.index(i)}),
                                b.slice(y, {b.index(i)}), sum, UnitAttr());
  tile::WgmmaCommitOp::create(b);
  return finish(sum);
}

Value PrepareKernel::decayed(Value product, Value t, Value s, Value counts) {
  Value decay = exp2(b.subf(sumAt(t), sumAt(s)));
  // Above the diagonal it may be no number.
  return b.select(counts, b.mulf(product, decay), b.f32(0));
}

/// −A.
Value PrepareKernel::makeSystem() {
  return b.map(accType(kRows), {multiply(keys, keys)}, [&](ValueRange in) {
    Value x = decayed(in[0], in[1], in[2], b.less(in[2], in[1]));
    return b.mulf(x, b.subf(b.f32(0), b.load(betas, {in[1]})));
  });
}

/// T·β to scratch memory, −T·β·e^G to shared memory.
void PrepareKernel::storeSolution() {
  constexpr int64_t kWidth = DeltaSolver::kWidth;
  Value solution =
      stage.memory(c.solution, MemRefType::get({ShapedType::kDynamic, kRows},
                                               b.getBF16Type()));
  Value column = solver.firstColumn();
  auto load = [&](Value scalars) {
    Values all;
    for (int64_t i = 0; i < kWidth; i += 4)
      llvm::append_range(all, b.split(b.load(scalars, {b.add(column, i)}, 4)));
    return all;
  };
  Values beta = load(betas), growth = load(growths);
  for (int64_t i = 0; i < DeltaSolver::kOwnRows; ++i) {
    Value row = solver.row(i);
    auto store = [&](Values x, Value memory, Value row) {
      b.store(b.convert(b.join(x), b.getBF16Type()), memory, {row, column});
    };
    Values x = solver.elements(i);
    for (int64_t j = 0; j < kWidth; ++j)
      x[j] = b.mulf(x[j], beta[j]);
    store(x, solution, b.add(b.mul(unit, kRows), row));
    for (int64_t j = 0; j < kWidth; ++j)
      x[j] = b.mulf(x[j], growth[j]);
    store(x, grown, row);
  }
}

/// −W, by way of the solver's memory, a slab after the other by both groups.
void PrepareKernel::solveKeys() {
  tile::FenceAsyncOp::create(b);
  b.sync();
  forGroups([&](int64_t group) { solveKeys(group); });
}

void PrepareKernel::solveKeys(int64_t group) {
  Value solved = tile::ReuseOp::create(b, c.keysTile(b), solver.memory(), 0);
  auto slab = b.shared({1, kRows, c.slab}, b.getBF16Type(), c.slab * 2);
  for (int64_t i = group; i < c.slabs; i += kGroups) {
    Value k = tile::ViewOp::create(b, slab, b.slice(keys, {b.index(i)}));
    tile::WgmmaFenceOp::create(b);
    Value w = tile::WgmmaOp::create(b, accType(c.slab), grown, k, Value(),
                                    /*transposed=*/b.getUnitAttr());
    tile::WgmmaCommitOp::create(b);
    tile::StoreMatrixOp::create(b, finish(w), 0, b.slice(solved, {b.index(i)}));
  }
  tile::FenceAsyncOp::create(b);
  b.sync(1 + group, kGroup);
  b.ifThen(b.equal(b.threadId(), group * kGroup), [&] {
    for (int64_t i = group; i < c.slabs; i += kGroups)
      send(b.slice(solved, {b.index(i)}), c.keysMap(stage, c.solvedKeys),
           i * c.slab);
    tile::BulkCommitOp::create(b);
    tile::BulkWaitOp::create(b, b.getI32IntegerAttr(0), b.getUnitAttr());
  });
}

/// P on its way to scratch memory from where q was, by the second group.
void PrepareKernel::mixKeys() {
  Value p =
      b.map(accType(kRows), {multiply(queries, keys)}, [&](ValueRange in) {
        return decayed(in[0], in[1], in[2], b.inverse(b.less(in[1], in[2])));
      });
  b.sync(2, kGroup); // all warps have read q
  tile::StoreMatrixOp::create(b, p, 0, mixed);
  tile::FenceAsyncOp::create(b);
  b.sync(2, kGroup);
  b.ifThen(b.equal(b.threadId(), kGroup), [&] {
    send(mixed, c.squareMap(stage, c.mix), 0);
    tile::BulkCommitOp::create(b);
  });
}

void PrepareKernel::build() {
  stage.setOverlaps();
  stage.setResident(c.keyDim > 96 ? 3 : 4);
  allocate();
  tile::LaunchDependentsOp::create(b);
  head = b.blockY();
  own.emplace(stage, c, inputs, rows, head, kThreads);
  rows = c.find(stage, b.blockX());
  unit = b.add(b.mul(b.blockX(), c.heads), head);
  tile::WaitDependenciesOp::create(b);
  b.ifThen(b.less(b.index(0), rows.count), [&] {
    storeKeys();
    tile::FenceAsyncOp::create(b);
    b.sync();
    forGroups([&](int64_t group) {
      if (group == 0)
        solver.substitute(makeSystem());
      else
        mixKeys();
    });
    solver.solve();
    storeSolution();
    solveKeys();
    if (!c.hasPlainValues)
      roundValues();
  });
  stage.finish();
}

void jet::buildDeltaPrepare(FormBuilder &form, const DeltaChunks &chunks) {
  PrepareKernel(form, chunks).build();
}
