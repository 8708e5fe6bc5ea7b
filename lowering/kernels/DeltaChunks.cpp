// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// jet.gated_delta_rule, 64 rows of a sequence at once (arXiv 2412.06464). Of a
// chunk with first row 0 and last row C, and S of before it:
//
//   G[t] = Σ_{s ≤ t} g[s]
//   A[t, s] = β[t] e^(G[t] − G[s]) k[t]·k[s], s < t;  T = (I + A)⁻¹
//   P[t, s] = e^(G[t] − G[s]) q[t]·k[s], s ≤ t
//   W = T·β · (e^G k)
//   U = T·β · v − W · S
//   y = e^G q · S + P · U
//   S ← e^G[C] S + (e^(G[C] − G) k)ᵀ · U
//
//   prepare   CTA (chunk, head): all that does not depend on S, for the
//   products
//             in bf16
//     both groups       G, β; then k, q to unit length, to shared memory in the
//                       ways they are used
//     solver (1 group)  A from k·kᵀ (wgmma), in f32; T·β: a thread a column,
//                       from the top; W (wgmma); all to scratch memory by TMA
//     mixer (1 group)   P from q·kᵀ (wgmma); v turned round
//   scan      DeltaScan.cpp: U, y and S, a chunk after the other
//   norm      a warp 16 rows of a chunk and head: y, normed, to its place
//
// Shared memory of prepare, with keys of 96: k, q, and three forms of them 12
// KB each, A 17 KB, T·β 8 KB: two CTAs an SM. W takes k's place, P q's.

#include "lowering/kernels/DeltaChunks.h"

using namespace mlir;
using namespace jet;

using Values = TileBuilder::Values;

//===----------------------------------------------------------------------===//
// What the stages share
//===----------------------------------------------------------------------===//

DeltaChunks::DeltaChunks(FormBuilder &form, GatedDeltaRuleOp rule)
    : rule(rule), heads(rule.getState().getType().getHeads()),
      keyDim(rule.getState().getType().getKeyDim()),
      valueDim(rule.getState().getType().getValueDim()),
      slab(keyDim % 64 == 0   ? 64
           : keyDim % 32 == 0 ? 32
                              : 16),
      slabs(keyDim / slab), batch(form.operandOf(rule, 6)),
      count(form.symbol(Symbol::T).ceilDiv(kRows) + form.symbol(Symbol::B)),
      units(count * heads) {
  auto reserve = [&](int64_t bytes) {
    return Place::ofScratch(form.reserve(units * bytes));
  };
  for (Place *place : {&solvedKeys, &queries, &ends})
    *place = reserve(kRows * keyDim * 2);
  for (Place *place : {&solution, &mix})
    *place = reserve(kRows * kRows * 2);
  for (Place *place : {&values, &sums})
    *place = reserve(kRows * valueDim * 2);
  decays = reserve(4);
}

Value DeltaChunks::keysMap(Stage &stage, Place place) const {
  return stage.map(place, {units * kRows, stage.form.constant(keyDim)},
                   {kRows, slab}, stage.b.getBF16Type(), slab * 2);
}
Value DeltaChunks::turnedMap(Stage &stage, Place place) const {
  return stage.map(place, {units * keyDim, stage.form.constant(kRows)},
                   {keyDim, kRows}, stage.b.getBF16Type(), kRows * 2);
}
Value DeltaChunks::squareMap(Stage &stage, Place place) const {
  return stage.map(place, {units * kRows, stage.form.constant(kRows)},
                   {kRows, kRows}, stage.b.getBF16Type(), kRows * 2);
}
Value DeltaChunks::valuesMap(Stage &stage, int64_t columns) const {
  return stage.map(values, {units * valueDim, stage.form.constant(kRows)},
                   {columns, kRows}, stage.b.getBF16Type(), kRows * 2);
}
tile::SharedType DeltaChunks::keysTile(TileBuilder &b) const {
  return b.shared({slabs, kRows, slab}, b.getBF16Type(), slab * 2);
}
tile::SharedType DeltaChunks::turnedTile(TileBuilder &b) const {
  return b.shared({keyDim, kRows}, b.getBF16Type(), kRows * 2);
}
tile::SharedType DeltaChunks::squareTile(TileBuilder &b) const {
  return b.shared({kRows, kRows}, b.getBF16Type(), kRows * 2);
}
Value DeltaChunks::sumsIn(Stage &stage) const {
  return stage.memory(sums,
                      MemRefType::get({ShapedType::kDynamic, heads * valueDim},
                                      stage.b.getBF16Type()));
}
Value DeltaChunks::decaysIn(Stage &stage) const {
  return stage.memory(
      decays, MemRefType::get({ShapedType::kDynamic}, stage.b.getF32Type()));
}

ChunkRows jet::findChunk(Stage &stage, const DeltaChunks &chunks,
                         Value number) {
  constexpr int64_t kRows = DeltaChunks::kRows;
  TileBuilder &b = stage.b;
  Value none = b.index(0);
  Values found = b.loop(
      none, stage.size(stage.form.symbol(Symbol::B)), b.index(1),
      {number, none, none}, [&](Value sequence, ValueRange so) -> Values {
        BatchLine line = readBatch(stage, chunks.batch, sequence);
        Value left = so[0], all = b.ceilDiv(line.rows, kRows);
        Value isHere = b.both(b.inverse(b.less(left, none)), b.less(left, all));
        Value at = b.mul(left, kRows);
        Value rows = b.min(b.sub(line.rows, at), b.index(kRows));
        return {b.sub(left, all), b.select(isHere, b.add(line.row, at), so[1]),
                b.select(isHere, rows, so[2])};
      });
  return {found[1], found[2]};
}

//===----------------------------------------------------------------------===//
// prepare
//===----------------------------------------------------------------------===//

namespace {

constexpr int64_t kRows = DeltaChunks::kRows;
constexpr int64_t kGroup = 128, kThreads = 2 * kGroup, kWarps = kThreads / 32;
/// Rows of keys whose loads a warp has under way, and of values a thread.
constexpr int64_t kKeysAhead = 4, kValuesAhead = 32;
constexpr int64_t kPadding = 4;

class PrepareKernel {
public:
  PrepareKernel(FormBuilder &form, const DeltaChunks &chunks)
      : c(chunks),
        stage(form, "prepare", kThreads, {c.count, form.constant(c.heads)}),
        b(stage.b), inputs(stage, c.rule) {}

  void build();

private:
  void allocate();
  void makeGates();
  void turnValues();
  void makeKeys();
  void storeKeys(const RuleKeys &keys, Value t);
  Value multiply(Value a, Value b);
  Value decayed(Value product, Value t, Value s, Value counts);
  void makeSystem();
  void solve();
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

/// g, β of the rows, 0 behind them; then the sums of g, all in one order.
void PrepareKernel::makeGates() {
  Value t = b.threadId(), isRow = b.less(t, kRows);
  b.ifThen(isRow, [&] {
    Value inside = b.less(t, rows.count), row = rowOf(t);
    auto store = [&](unsigned number, Value into) {
      Value x = inputs.element(number, row, head);
      b.store(b.select(inside, x, b.f32(0)), into, {t});
    };
    store(3, gates);
    store(4, betas);
  });
  b.sync();
  b.ifThen(isRow, [&] {
    Value sum = b.f32(0);
    for (int64_t s = 0; s < kRows; s += 4)
      for (auto [i, gate] :
           llvm::enumerate(b.split(b.load(gates, {b.index(s)}, 4)))) {
        Value counts = b.inverse(b.less(t, s + static_cast<int64_t>(i)));
        sum = b.addf(sum, b.select(counts, gate, b.f32(0)));
      }
    b.store(sum, sums, {t});
    b.store(b.exp(sum), c.decaysIn(stage), {unit}, b.equal(t, kRows - 1));
  });
  b.sync();
}

void PrepareKernel::turnValues() {
  Value turned =
      stage.memory(c.values, MemRefType::get({ShapedType::kDynamic, kRows},
                                             b.getBF16Type()));
  int64_t parts = kRows / kValuesAhead;
  b.loop(b.sub(b.threadId(), b.index(kGroup)), b.index(c.valueDim * parts),
         b.index(kGroup), [&](Value number) {
           Value column = b.rem(number, c.valueDim);
           Value first = b.mul(b.div(number, c.valueDim), kValuesAhead);
           Value source = b.add(b.mul(head, c.valueDim), column);
           Values elements;
           for (int64_t i = 0; i < kValuesAhead; ++i)
             elements.push_back(
                 inputs.element(2, rowOf(b.add(first, i)), source));
           for (auto [i, x] : llvm::enumerate(elements)) {
             Value inside = b.less(b.add(first, i), rows.count);
             x = b.convert(b.select(inside, x, b.f32(0)), b.getBF16Type());
           }
           Value to = b.add(b.mul(unit, c.valueDim), column);
           for (int64_t i = 0; i < kValuesAhead; i += 8)
             b.store(b.join(ArrayRef(elements).slice(i, 8)), turned,
                     {to, b.add(first, i)});
         });
}

void PrepareKernel::makeKeys() {
  constexpr int64_t kEach = kRows / kWarps; // rows of a warp
  Value begin = b.mul(b.warpId(), kEach);
  b.loop(b.index(0), b.index(kEach), b.index(kKeysAhead), [&](Value i) {
    Value first = b.add(begin, i);
    SmallVector<RuleKeys, 0> ahead;
    for (int64_t j = 0; j < kKeysAhead; ++j)
      ahead.push_back(inputs.loadKeys(rowOf(b.add(first, j)), head));
    for (auto [j, keys] : llvm::enumerate(ahead)) {
      inputs.scaleKeys(keys);
      storeKeys(keys, b.add(first, j));
    }
  });
}

void PrepareKernel::storeKeys(const RuleKeys &unitKeys, Value t) {
  Value inside = b.less(t, rows.count), sum = sumAt(t), zero = b.f32(0);
  Value growth = b.exp(sum);
  Value end = b.exp(b.subf(sumAt(b.index(kRows - 1)), sum));
  for (size_t i = 0; i < unitKeys.at.size(); ++i) {
    Value at = unitKeys.at[i], isKey = unitKeys.inside[i];
    Value q = b.select(inside, unitKeys.q[i], zero);
    Value k = b.select(inside, unitKeys.k[i], zero);
    auto store = [&](Value x, Value into, ValueRange place) {
      b.store(b.convert(x, b.getBF16Type()), into, place, isKey);
    };
    // Lanes past the last element write nowhere.
    Value column = isKey ? b.min(at, b.index(c.keyDim - 1)) : at;
    Values place = {b.div(column, c.slab), t, b.rem(column, c.slab)};
    store(k, keys, place);
    store(q, queries, place);
    store(b.mulf(q, growth), scaled, place);
    store(b.mulf(k, end), ends, {column, t});
    store(b.mulf(k, growth), starts, {column, t});
  }
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

/// T[t, j] = [t = j] − Σ_{s < t} A[t, s] T[s, j].
void PrepareKernel::solve() {
  constexpr int64_t kSums = 4; // so that they do not wait for each other
  Value j = b.threadId();
  b.ifThen(b.less(j, kRows), [&] {
    Value beta = betaAt(j);
    Values x;
    for (int64_t t = 0; t < kRows; ++t) {
      Values sum(kSums);
      sum[0] = b.select(b.equal(j, t), b.f32(1), b.f32(0));
      for (int64_t s = 0; s < t; s += kSums) {
        Values a = b.split(b.load(system, {b.index(t), b.index(s)}, kSums));
        for (int64_t i = 0; i < kSums && s + i < t; ++i)
          sum[i] =
              sum[i] ? b.fma(a[i], x[s + i], sum[i]) : b.mulf(a[i], x[s + i]);
      }
      Value all = sum[0];
      for (int64_t i = 1; i < std::min(t, kSums); ++i)
        all = b.addf(all, sum[i]);
      x.push_back(all);
      b.store(b.convert(b.mulf(all, beta), b.getBF16Type()), solution,
              {b.index(t), j});
    }
  });
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
  b.ifThen(b.equal(b.warpId(), 0), [&] {
    b.ifThen(tile::ElectOp::create(b), [&] {
      Value first = b.mul(unit, kRows), none = b.index(0);
      auto store = [&](Value tile, Value map, Value row, Value column) {
        tile::TmaStoreOp::create(b, tile, map, ValueRange{row, column});
      };
      for (int64_t i = 0; i < c.slabs; ++i) {
        Value at = b.index(i), column = b.index(i * c.slab);
        store(b.slice(solvedKeys, {at}), c.keysMap(stage, c.solvedKeys), first,
              column);
        store(b.slice(scaled, {at}), c.keysMap(stage, c.queries), first,
              column);
      }
      store(ends, c.turnedMap(stage, c.ends), b.mul(unit, c.keyDim), none);
      store(solution, c.squareMap(stage, c.solution), first, none);
      store(mix, c.squareMap(stage, c.mix), first, none);
      tile::BulkCommitOp::create(b);
      tile::BulkWaitOp::create(b, b.getI32IntegerAttr(0), UnitAttr());
    });
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
    makeGates();
    makeKeys();
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
          turnValues();
          b.sync(3, kThreads);
        });
  });
  stage.finish();
}

//===----------------------------------------------------------------------===//
// norm
//===----------------------------------------------------------------------===//

/// A lane has consecutive columns, so that a warp has a whole row.
void buildNorm(FormBuilder &form, const DeltaChunks &c) {
  Stage stage(form, "norm", kThreads, {c.count, form.constant(c.heads)});
  TileBuilder &b = stage.b;
  GatedDeltaRuleOp rule = c.rule;
  RuleInputs inputs(stage, rule);
  stage.setOverlaps();
  tile::LaunchDependentsOp::create(b);
  ChunkRows rows = findChunk(stage, c, b.blockX());
  int64_t own = c.valueDim / 32, width = std::min<int64_t>(own, 4);
  if (own % width)
    width = 2;
  Value head = b.blockY(), warp = b.warpId(), lane = b.laneId();
  Value first = b.mul(lane, own);
  Value column = b.add(b.mul(head, c.valueDim), first);
  auto load = [&](Value memory, ValueRange leading, Value at) {
    Values elements;
    for (int64_t i = 0; i < own; i += width) {
      Values place(leading);
      place.push_back(b.add(at, i));
      llvm::append_range(elements, b.split(b.load(memory, place, width)));
    }
    for (Value &element : elements)
      element = b.convert(element, b.getF32Type());
    return elements;
  };
  bool hasNorm = bool(rule.getGate());
  Values weights;
  if (hasNorm)
    weights = load(stage.operand(form.operandOf(c.rule, 8)), {}, first);
  Value result = stage.operand(form.resultOperand(0));
  Type element = cast<MemRefType>(result.getType()).getElementType();
  tile::WaitDependenciesOp::create(b);
  b.loop(warp, rows.count, b.index(kWarps), [&](Value t) {
    Value row = b.add(rows.row, t);
    Values y =
        load(c.sumsIn(stage), {b.add(b.mul(b.blockX(), kRows), t)}, column);
    if (hasNorm) {
      Values gate = load(inputs.flat(c.rule, 7), {row}, column);
      Value squares = b.f32(0);
      for (Value x : y)
        squares = b.fma(x, x, squares);
      Value factor = inputs.inverseNorm(b.sumOfWarp(squares));
      for (auto [x, weight, g] : llvm::zip_equal(y, weights, gate))
        x = b.mulf(b.mulf(x, factor), b.mulf(weight, b.silu(g)));
    }
    for (Value &x : y)
      x = b.convert(x, element);
    for (int64_t i = 0; i < own; i += width)
      b.store(b.join(ArrayRef(y).slice(i, width)), result,
              {row, head, b.add(first, i)});
  });
  stage.finish();
}

} // namespace

//===----------------------------------------------------------------------===//
// The form
//===----------------------------------------------------------------------===//

bool jet::hasChunks(GatedDeltaRuleOp rule) {
  RecurrentStateType state = rule.getState().getType();
  return getElementTypeOrSelf(rule.getResult().getType()).isBF16() &&
         state.getKeyDim() % 16 == 0 && state.getKeyDim() <= 128 &&
         state.getValueDim() % kRows == 0;
}

void jet::buildChunks(FormBuilder &form, GatedDeltaRuleOp rule) {
  DeltaChunks chunks(form, rule);
  PrepareKernel(form, chunks).build();
  buildDeltaScan(form, chunks);
  buildNorm(form, chunks);
  form.finish();
}
