// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The part of the chunked delta rule that does not depend on the state (the
// letters are DeltaChunks.cpp's):
//
//   prepare   CTA (chunk, head), two an SM
//     both groups       k and q of all rows on their way, and g, β; G; then k,
//                       q to unit length, to shared memory in the ways they
//                       are used
//     solver (1 group)  A from k·kᵀ (wgmma), in f32; T·β, see solve();
//                       W (wgmma); all to scratch memory by TMA
//     mixer (1 group)   P from q·kᵀ (wgmma); v, where it has to be rounded
//
// Shared memory, with keys of 96: k, q, and three forms of them 12 KB each, A
// 17 KB, T·β 8 KB. W takes k's place, P q's.

#include "lowering/kernels/DeltaChunks.h"

using namespace mlir;
using namespace jet;

using Values = TileBuilder::Values;

namespace {

constexpr int64_t kRows = DeltaChunks::kRows;
constexpr int64_t kGroup = 128, kThreads = 2 * kGroup, kWarps = kThreads / 32;
/// Rows of keys that a warp makes.
constexpr int64_t kWarpRows = kRows / kWarps;
/// The triangular system is solved in two halves.
constexpr int64_t kHalf = kRows / 2;
constexpr int64_t kPadding = 4;

class PrepareKernel {
public:
  PrepareKernel(FormBuilder &form, const DeltaChunks &chunks)
      : c(chunks),
        stage(form, "prepare", kThreads, {c.count, form.constant(c.heads)}),
        b(stage.b), inputs(stage, c.rule) {}

  void build();

private:
  struct Gates {
    Value decay, beta; // of the thread's row, 0 behind the last
  };
  void allocate();
  Gates loadGates();
  void sumGates(Gates own);
  SmallVector<RuleKeys, 0> loadKeys();
  void storeKeys(MutableArrayRef<RuleKeys> all);
  void roundValues();
  Value multiply(Value a, Value b);
  Value decayed(Value product, Value t, Value s, Value counts);
  void makeSystem();
  void solve();
  void solveHalves();
  Values multiplyQuarters(int64_t leftColumn, int64_t rightRow,
                          int64_t rightColumn);
  Value multiplySolution();
  void send(Value keys);
  void mixKeys();
  /// G[t], β[t].
  Value sumAt(Value t) { return b.load(sums, {t}); }
  Value betaAt(Value t) { return b.load(betas, {t}); }
  Value rowOf(Value t) {
    return b.add(rows.row, b.min(t, b.sub(rows.count, b.index(1))));
  }
  Type accType(int64_t columns) {
    return tile::AccType::get(b.getContext(), kRows, columns);
  }
  Value finish(Value acc) {
    return tile::WgmmaWaitOp::create(b, TypeRange(acc.getType()), 0,
                                     ValueRange{acc})
        .getResult(0);
  }

  const DeltaChunks &c;
  Stage stage;
  TileBuilder &b;
  RuleInputs inputs;
  ChunkRows rows;
  Value head, unit;
  // Shared: k, q; e^G q; (e^(G[C] − G) k)ᵀ, (e^G k)ᵀ; T·β; −W, P; −A.
  Value keys, queries, scaled, ends, starts, solution, solvedKeys, mix, system;
  Value gates, sums, betas;
};

} // namespace

void PrepareKernel::allocate() {
  keys = b.alloc(c.keysTile(b));
  Value bytes = b.alloc(c.turnedTile(b)); // as many, and aligned for P
  queries = tile::ReuseOp::create(b, c.keysTile(b), bytes, 0);
  scaled = b.alloc(c.keysTile(b));
  ends = b.alloc(c.turnedTile(b));
  starts = b.alloc(c.turnedTile(b));
  solution = b.alloc(c.squareTile(b));
  system = b.alloc(b.shared({kRows, kRows + kPadding}, b.getF32Type()));
  for (Value *scalars : {&gates, &sums, &betas})
    *scalars = b.alloc(b.shared({kRows}, b.getF32Type()));
  solvedKeys = keys;
  // P is as large as q with keys of 64, and else has room of its own.
  mix = c.keyDim >= kRows
            ? Value(tile::ReuseOp::create(b, c.squareTile(b), bytes, 0))
            : b.alloc(c.squareTile(b));
}

/// Of row t = the thread; other threads load the last one's.
PrepareKernel::Gates PrepareKernel::loadGates() {
  Value t = b.threadId(), inside = b.less(t, rows.count);
  auto load = [&](unsigned number) {
    Value x = inputs.element(number, rowOf(t), head);
    return b.select(inside, x, b.f32(0));
  };
  return {load(3), load(4)};
}

/// G, the same sum for all readers of a row.
void PrepareKernel::sumGates(Gates own) {
  constexpr int64_t kSums = 4; // so that they do not wait for each other
  Value t = b.threadId(), isRow = b.less(t, kRows);
  b.ifThen(isRow, [&] {
    b.store(own.decay, gates, {t});
    b.store(own.beta, betas, {t});
  });
  b.sync();
  b.ifThen(isRow, [&] {
    Values sum(kSums, b.f32(0));
    for (int64_t s = 0; s < kRows; s += kSums)
      for (auto [i, gate] :
           llvm::enumerate(b.split(b.load(gates, {b.index(s)}, kSums)))) {
        Value counts = b.inverse(b.less(t, s + static_cast<int64_t>(i)));
        sum[i] = b.addf(sum[i], b.select(counts, gate, b.f32(0)));
      }
    Value all = b.addf(b.addf(sum[0], sum[1]), b.addf(sum[2], sum[3]));
    b.store(all, sums, {t});
    b.store(b.exp(all), c.decaysIn(stage), {unit}, b.equal(t, kRows - 1));
  });
  b.sync();
}

/// Of the warp's rows, all on their way together.
SmallVector<RuleKeys, 0> PrepareKernel::loadKeys() {
  Value first = b.mul(b.warpId(), kWarpRows);
  SmallVector<RuleKeys, 0> all;
  for (int64_t i = 0; i < kWarpRows; ++i)
    all.push_back(inputs.loadKeys(rowOf(b.add(first, i)), head));
  return all;
}

/// Of the warp's rows, whose elements of a column are one vector of the tiles
/// that are turned.
void PrepareKernel::storeKeys(MutableArrayRef<RuleKeys> all) {
  Value first = b.mul(b.warpId(), kWarpRows), zero = b.f32(0);
  Value total = sumAt(b.index(kRows - 1));
  Values inside, growth, end;
  for (auto [r, unitKeys] : llvm::enumerate(all)) {
    inputs.scaleKeys(unitKeys);
    Value t = b.add(first, r), sum = sumAt(t);
    inside.push_back(b.less(t, rows.count));
    growth.push_back(b.exp(sum));
    end.push_back(b.exp(b.subf(total, sum)));
  }
  for (size_t i = 0; i < all.front().at.size(); ++i) {
    Value at = all.front().at[i], isKey = all.front().inside[i];
    // Lanes past the last element write nowhere.
    Value column = isKey ? b.min(at, b.index(c.keyDim - 1)) : at;
    Value slab = b.div(column, c.slab), inSlab = b.rem(column, c.slab);
    Values toEnd, fromStart;
    for (auto [r, unitKeys] : llvm::enumerate(all)) {
      Value q = b.select(inside[r], unitKeys.q[i], zero);
      Value k = b.select(inside[r], unitKeys.k[i], zero);
      auto round = [&](Value x) { return b.convert(x, b.getBF16Type()); };
      Values place = {slab, b.add(first, r), inSlab};
      b.store(round(k), keys, place, isKey);
      b.store(round(q), queries, place, isKey);
      b.store(round(b.mulf(q, growth[r])), scaled, place, isKey);
      toEnd.push_back(round(b.mulf(k, end[r])));
      fromStart.push_back(round(b.mulf(k, growth[r])));
    }
    b.store(b.join(toEnd), ends, {column, first}, isKey);
    b.store(b.join(fromStart), starts, {column, first}, isKey);
  }
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
  b.loop(b.sub(b.threadId(), b.index(kGroup)), b.index(kRows * units),
         b.index(kGroup), [&](Value number) {
           Value t = b.div(number, units), row = rowOf(t);
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
  Value decay = b.exp(b.subf(sumAt(t), sumAt(s)));
  // Above the diagonal it may be no number.
  return b.select(counts, b.mulf(product, decay), b.f32(0));
}

/// −A.
void PrepareKernel::makeSystem() {
  Value a = b.map(accType(kRows), {multiply(keys, keys)}, [&](ValueRange in) {
    Value x = decayed(in[0], in[1], in[2], b.less(in[2], in[1]));
    return b.mulf(x, b.subf(b.f32(0), betaAt(in[1])));
  });
  tile::StoreAccOp::create(b, a, system, b.index(0), b.index(0), Value(),
                           Value(), UnitAttr());
  b.sync(1, kGroup);
}

/// T·β, from the halves of −A:
///
///   A = [A₁ 0; B A₂],  T = [T₁ 0; T₂·(−B)·T₁ T₂],  T₁ = (I + A₁)⁻¹
///
/// T₁ and T₂ a thread a column, from the top; the quarter below the diagonal by
/// two products, a thread 8 rows of a column. All in f32: T₁ lies above the
/// diagonal of A, where it is zero, T₂ in A₂'s place, (−B)·T₁ in B's.
void PrepareKernel::solve() {
  Value lane = b.laneId(), first = b.mul(b.warpId(), kHalf / 4);
  auto rowOfQuarter = [&](int64_t i) { return b.add(first, kHalf + i); };
  solveHalves();
  b.sync(1, kGroup);
  Values middle = multiplyQuarters(0, 0, kHalf);
  b.sync(1, kGroup);
  for (auto [i, x] : llvm::enumerate(middle))
    b.store(x, system, {rowOfQuarter(i), lane});
  b.sync(1, kGroup);
  Values quarter = multiplyQuarters(kHalf, kHalf, 0);
  Value beta = betaAt(lane);
  for (auto [i, x] : llvm::enumerate(quarter))
    b.store(b.convert(b.mulf(x, beta), b.getBF16Type()), solution,
            {rowOfQuarter(i), lane});
}

/// T[t, j] = [t = j] − Σ_{s < t} A[t, s] T[s, j] of both halves, a warp each;
/// the other two clear what is above.
void PrepareKernel::solveHalves() {
  constexpr int64_t kSums = 4; // so that they do not wait for each other
  Value warp = b.warpId(), j = b.laneId();
  b.ifElse(
      b.less(warp, 2),
      [&] {
        Value half = b.mul(warp, kHalf);
        Values x;
        for (int64_t t = 0; t < kHalf; ++t) {
          Values sum(kSums);
          sum[0] = b.select(b.equal(j, t), b.f32(1), b.f32(0));
          for (int64_t s = 0; s < t; s += kSums) {
            Values a = b.split(
                b.load(system, {b.add(half, t), b.add(half, s)}, kSums));
            for (int64_t i = 0; i < kSums && s + i < t; ++i)
              sum[i] = sum[i] ? b.fma(a[i], x[s + i], sum[i])
                              : b.mulf(a[i], x[s + i]);
          }
          Value all = sum[0];
          for (int64_t i = 1; i < std::min(t, kSums); ++i)
            all = b.addf(all, sum[i]);
          x.push_back(all);
        }
        tile::SyncWarpOp::create(b); // all lanes have read A
        Value column = b.add(half, j), beta = betaAt(column);
        for (auto [t, element] : llvm::enumerate(x)) {
          Value row = b.add(half, t);
          b.store(element, system, {row, b.add(j, kHalf)});
          b.store(b.convert(b.mulf(element, beta), b.getBF16Type()), solution,
                  {row, column});
        }
      },
      [&] {
        constexpr int64_t kEach = kHalf / 2; // columns of a thread
        Value number = b.sub(b.threadId(), b.index(kRows));
        auto type = VectorType::get(8, b.getBF16Type());
        Value zero = arith::ConstantOp::create(b, b.getZeroAttr(type));
        Value column = b.add(b.mul(b.rem(number, 2), kEach), kHalf);
        for (int64_t i = 0; i < kEach; i += 8)
          b.store(zero, solution, {b.div(number, 2), b.add(column, i)});
      });
}

/// The warp's 8 rows, the lane's column, of a product of quarters of `system`:
/// the left one in the lower rows.
Values PrepareKernel::multiplyQuarters(int64_t leftColumn, int64_t rightRow,
                                       int64_t rightColumn) {
  constexpr int64_t kWidth = 4, kEach = kHalf / 4;
  Value lane = b.laneId(), first = b.mul(b.warpId(), kEach);
  Values sums(kEach, b.f32(0));
  for (int64_t s = 0; s < kHalf; s += kWidth) {
    Values right;
    for (int64_t i = 0; i < kWidth; ++i)
      right.push_back(b.load(
          system, {b.index(rightRow + s + i), b.add(lane, rightColumn)}));
    for (int64_t r = 0; r < kEach; ++r) {
      Values left = b.split(b.load(
          system, {b.add(first, kHalf + r), b.index(leftColumn + s)}, kWidth));
      for (int64_t i = 0; i < kWidth; ++i)
        sums[r] = b.fma(left[i], right[i], sums[r]);
    }
  }
  return sums;
}

/// −W.
Value PrepareKernel::multiplySolution() {
  Type type = accType(c.keyDim);
  tile::FenceAsyncOp::create(b);
  b.sync(1, kGroup);
  tile::WgmmaFenceOp::create(b);
  Value w =
      tile::WgmmaOp::create(b, type, solution, starts, Value(), UnitAttr());
  tile::WgmmaCommitOp::create(b);
  return b.map(type, {finish(w)},
               [&](ValueRange in) { return b.subf(b.f32(0), in[0]); });
}

/// W to shared memory, and all of it from there, by the first group.
void PrepareKernel::send(Value w) {
  for (int64_t i = 0; i < c.slabs; ++i)
    tile::StoreMatrixOp::create(b, w, i * c.slab,
                                b.slice(solvedKeys, {b.index(i)}));
  tile::FenceAsyncOp::create(b);
  b.sync(1, kGroup);
  b.ifThen(b.equal(b.threadId(), 0), [&] {
    Value first = b.mul(unit, kRows), none = b.index(0);
    auto store = [&](Value tile, Value map, Value row, Value column) {
      tile::TmaStoreOp::create(b, tile, map, ValueRange{row, column});
    };
    for (int64_t i = 0; i < c.slabs; ++i) {
      Value at = b.index(i), column = b.index(i * c.slab);
      store(b.slice(solvedKeys, {at}), c.keysMap(stage, c.solvedKeys), first,
            column);
      store(b.slice(scaled, {at}), c.keysMap(stage, c.queries), first, column);
    }
    store(ends, c.turnedMap(stage, c.ends), b.mul(unit, c.keyDim), none);
    store(solution, c.squareMap(stage, c.solution), first, none);
    store(mix, c.squareMap(stage, c.mix), first, none);
    tile::BulkCommitOp::create(b);
    tile::BulkWaitOp::create(b, b.getI32IntegerAttr(0), b.getUnitAttr());
  });
}

/// P.
void PrepareKernel::mixKeys() {
  Value p =
      b.map(accType(kRows), {multiply(queries, keys)}, [&](ValueRange in) {
        return decayed(in[0], in[1], in[2], b.inverse(b.less(in[1], in[2])));
      });
  b.sync(2, kGroup); // all warps have read q
  tile::StoreMatrixOp::create(b, p, 0, mix);
  tile::FenceAsyncOp::create(b);
}

void PrepareKernel::build() {
  stage.setOverlaps();
  allocate();
  tile::LaunchDependentsOp::create(b);
  head = b.blockY();
  rows = findChunk(stage, c, b.blockX());
  unit = b.add(b.mul(b.blockX(), c.heads), head);
  tile::WaitDependenciesOp::create(b);
  b.ifThen(b.less(b.index(0), rows.count), [&] {
    Gates own = loadGates();
    SmallVector<RuleKeys, 0> unitKeys = loadKeys();
    sumGates(own);
    storeKeys(unitKeys);
    tile::FenceAsyncOp::create(b);
    b.sync();
    // Both meet when the mixer is done with k, and has written P.
    b.ifElse(
        b.equal(tile::WarpgroupIdOp::create(b), 0),
        [&] {
          makeSystem();
          solve();
          Value w = multiplySolution();
          b.sync(3, kThreads);
          send(w);
        },
        [&] {
          mixKeys();
          if (!c.hasPlainValues)
            roundValues();
          b.sync(3, kThreads);
        });
  });
  stage.finish();
}

void jet::buildDeltaPrepare(FormBuilder &form, const DeltaChunks &chunks) {
  PrepareKernel(form, chunks).build();
}
