// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The part of the chunked delta rule that does not depend on the state (the
// letters are DeltaChunks.cpp's):
//
//   prepare   CTA (chunk, head), three an SM
//     both groups       k and q of all rows on their way, four lanes a row, and
//                       g, β; G; then k, q to unit length, to shared memory as
//                       k, q, e^G q and e^(G[C] − G) k
//     mixer (1 group)   the last two to scratch memory by TMA; P from q·kᵀ
//                       (wgmma); v, where it has to be rounded
//     solver (1 group)  A from k·kᵀ (wgmma), in f32; T·β and T·β·e^G, see
//                       solve(); W = (T·β·e^G)·k (wgmma); the rest to scratch
//                       memory by TMA
//
// Shared memory, with keys of 96: k, q and the two made of them 12 KB each, A
// 17 KB, T·β 8 KB. T·β·e^G takes the place of e^G q, W that of k, P that of q.
// With A in the place of both tiles that are sent first, four CTAs an SM were
// tried: 60.3 us for 8192 rows instead of 60.7 (keys of 128, three instead of
// two: 93 instead of 99), and a few registers in memory.

#include "lowering/kernels/DeltaChunks.h"
#include "lowering/kernels/KeyRows.h"

using namespace mlir;
using namespace jet;

using Values = TileBuilder::Values;

namespace {

constexpr int64_t kRows = DeltaChunks::kRows;
constexpr int64_t kGroup = 128, kThreads = 2 * kGroup;
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
  void storeKeys(ArrayRef<Value> q, ArrayRef<Value> k);
  void roundValues();
  Value multiply(Value a, Value b);
  Value decayed(Value product, Value t, Value s, Value counts);
  void makeSystem();
  void solve();
  void solveHalves();
  Values multiplyQuarters(int64_t leftColumn, int64_t rightRow,
                          int64_t rightColumn);
  Value multiplySolution();
  void storeSolution(Value element, Value growth, Value row, Value column);
  void sendKeys();
  void send(Value keys);
  void mixKeys();
  /// G[t] / log 2, β[t]; 2^x.
  Value sumAt(Value t) { return b.load(sums, {t}); }
  Value exp2(Value x) { return tile::Exp2Op::create(b, x); }
  Value betaAt(Value t) { return b.load(betas, {t}); }
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
  std::optional<KeyRows> own; // the thread's
  // Shared: k, q; e^G q, e^(G[C] − G) k; T·β, T·β·e^G; −W, P; −A.
  Value keys, queries, scaled, ends, solution, grown, solvedKeys, mixed, system;
  Value gates, sums, betas;
};

} // namespace

void PrepareKernel::allocate() {
  // As many bytes as one of keys and, where that is smaller, a square.
  auto place = [&](Value &ofKeys, Value &ofRows) {
    Value bytes = b.alloc(b.shared({std::max(c.keyDim, kRows), kRows},
                                   b.getBF16Type(), kRows * 2));
    ofKeys = tile::ReuseOp::create(b, c.keysTile(b), bytes, 0);
    ofRows = tile::ReuseOp::create(b, c.squareTile(b), bytes, 0);
  };
  place(queries, mixed);
  place(scaled, grown);
  keys = b.alloc(c.keysTile(b));
  ends = b.alloc(c.keysTile(b));
  solution = b.alloc(c.squareTile(b));
  system = b.alloc(b.shared({kRows, kRows + kPadding}, b.getF32Type()));
  for (Value *scalars : {&gates, &sums, &betas})
    *scalars = b.alloc(b.shared({kRows}, b.getF32Type()));
  solvedKeys = keys;
}

/// Of row t = the thread; other threads load the last one's.
PrepareKernel::Gates PrepareKernel::loadGates() {
  Value t = b.threadId(), inside = b.less(t, rows.count);
  auto load = [&](unsigned number) {
    Value x = inputs.element(number, rows.at(b, t), head);
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
    all = b.mulf(all, b.f32(llvm::numbers::log2e));
    b.store(all, sums, {t});
    b.store(exp2(all), c.decaysIn(stage), {unit}, b.equal(t, kRows - 1));
  });
  b.sync();
}

/// From q and k as they were loaded.
void PrepareKernel::storeKeys(ArrayRef<Value> q, ArrayRef<Value> k) {
  GatedDeltaRuleOp rule = c.rule;
  double scale =
      rule.getQkNormEps() ? rule.getQScale()->convertToDouble() : 1.0;
  Value sum = sumAt(own->row()), total = sumAt(b.index(kRows - 1));
  auto store = [&](unsigned number, ArrayRef<Value> loaded, double scale,
                   Value plain, Value other, Value factor) {
    SmallVector<Values> part = own->finish(number, loaded);
    Value length = own->scaleOf(part, scale);
    own->store(part, length, plain);
    own->store(part, b.mulf(length, exp2(factor)), other);
  };
  store(0, q, scale, queries, scaled, sum);
  store(1, k, 1, keys, ends, b.subf(total, sum));
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
void PrepareKernel::makeSystem() {
  Value a = b.map(accType(kRows), {multiply(keys, keys)}, [&](ValueRange in) {
    Value x = decayed(in[0], in[1], in[2], b.less(in[2], in[1]));
    return b.mulf(x, b.subf(b.f32(0), betaAt(in[1])));
  });
  tile::StoreAccOp::create(b, a, system, b.index(0), b.index(0), Value(),
                           Value(), UnitAttr());
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
  Value beta = betaAt(lane), growth = exp2(sumAt(lane));
  for (auto [i, x] : llvm::enumerate(quarter))
    storeSolution(b.mulf(x, beta), growth, rowOfQuarter(i), lane);
}

/// An element of T·β, and of T·β·e^G.
void PrepareKernel::storeSolution(Value element, Value growth, Value row,
                                  Value column) {
  b.store(b.convert(element, b.getBF16Type()), solution, {row, column});
  b.store(b.convert(b.mulf(element, growth), b.getBF16Type()), grown,
          {row, column});
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
        Value growth = exp2(sumAt(column));
        for (auto [t, element] : llvm::enumerate(x)) {
          Value row = b.add(half, t);
          b.store(element, system, {row, b.add(j, kHalf)});
          storeSolution(b.mulf(element, beta), growth, row, column);
        }
      },
      [&] {
        constexpr int64_t kEach = kHalf / 2; // columns of a thread
        Value number = b.sub(b.threadId(), b.index(kRows));
        auto type = VectorType::get(8, b.getBF16Type());
        Value zero = arith::ConstantOp::create(b, b.getZeroAttr(type));
        Value column = b.add(b.mul(b.rem(number, 2), kEach), kHalf);
        for (int64_t i = 0; i < kEach; i += 8)
          for (Value tile : {solution, grown})
            b.store(zero, tile, {b.div(number, 2), b.add(column, i)});
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
  Value w = tile::WgmmaOp::create(b, type, grown, keys, Value(),
                                  /*transposed=*/b.getUnitAttr());
  tile::WgmmaCommitOp::create(b);
  return b.map(type, {finish(w)},
               [&](ValueRange in) { return b.subf(b.f32(0), in[0]); });
}

/// A thread's: e^G q and e^(G[C] − G) k on their way, out of shared memory.
void PrepareKernel::sendKeys() {
  for (int64_t i = 0; i < c.slabs; ++i)
    for (auto [tile, place] : {std::pair(scaled, c.queries), {ends, c.ends}})
      tile::TmaStoreOp::create(
          b, b.slice(tile, {b.index(i)}), c.keysMap(stage, place),
          ValueRange{b.mul(unit, kRows), b.index(i * c.slab)});
  tile::BulkCommitOp::create(b);
}

/// W to shared memory, and what is left from there, by the first group.
void PrepareKernel::send(Value w) {
  for (int64_t i = 0; i < c.slabs; ++i)
    tile::StoreMatrixOp::create(b, w, i * c.slab,
                                b.slice(solvedKeys, {b.index(i)}));
  tile::FenceAsyncOp::create(b);
  b.sync(1, kGroup);
  b.ifThen(b.equal(b.threadId(), 0), [&] {
    Value first = b.mul(unit, kRows), none = b.index(0);
    auto store = [&](Value tile, Value map, Value column) {
      tile::TmaStoreOp::create(b, tile, map, ValueRange{first, column});
    };
    for (int64_t i = 0; i < c.slabs; ++i)
      store(b.slice(solvedKeys, {b.index(i)}), c.keysMap(stage, c.solvedKeys),
            b.index(i * c.slab));
    store(solution, c.squareMap(stage, c.solution), none);
    store(mixed, c.squareMap(stage, c.mix), none);
    tile::BulkCommitOp::create(b);
    tile::BulkWaitOp::create(b, b.getI32IntegerAttr(0), b.getUnitAttr());
  });
}

/// P, while e^G q is read out of its place.
void PrepareKernel::mixKeys() {
  Value isFirst = b.equal(b.threadId(), kGroup);
  b.ifThen(isFirst, [&] { sendKeys(); });
  Value p =
      b.map(accType(kRows), {multiply(queries, keys)}, [&](ValueRange in) {
        return decayed(in[0], in[1], in[2], b.inverse(b.less(in[1], in[2])));
      });
  b.ifThen(isFirst, [&] {
    tile::BulkWaitOp::create(b, b.getI32IntegerAttr(0), b.getUnitAttr());
  });
  b.sync(4, kThreads); // and all warps have read q
  tile::StoreMatrixOp::create(b, p, 0, mixed);
  tile::FenceAsyncOp::create(b);
}

void PrepareKernel::build() {
  stage.setOverlaps();
  allocate();
  tile::LaunchDependentsOp::create(b);
  head = b.blockY();
  own.emplace(stage, c, inputs, rows, head, kThreads);
  rows = findChunk(stage, c, b.blockX());
  unit = b.add(b.mul(b.blockX(), c.heads), head);
  tile::WaitDependenciesOp::create(b);
  b.ifThen(b.less(b.index(0), rows.count), [&] {
    Gates gates = loadGates();
    Values q = own->load(0), k = own->load(1);
    sumGates(gates);
    storeKeys(q, k);
    tile::FenceAsyncOp::create(b);
    b.sync();
    // Both meet when the mixer is done with k, and has written P.
    b.ifElse(
        b.equal(tile::WarpgroupIdOp::create(b), 0),
        [&] {
          makeSystem();
          b.sync(4, kThreads); // A is written, and e^G q is read
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
