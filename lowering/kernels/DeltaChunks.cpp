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
//   prepare   DeltaPrepare.cpp: all that does not depend on S, for the products
//             in bf16
//   scan      DeltaScan.cpp: U, y and S, a chunk after the other
//   norm      while scan runs: a CTA a chunk and head, a warp every eighth row,
//             y, normed, to its place

#include "lowering/kernels/DeltaChunks.h"

#include <numeric>

using namespace mlir;
using namespace jet;

using Values = TileBuilder::Values;

//===----------------------------------------------------------------------===//
// What the stages share
//===----------------------------------------------------------------------===//

static constexpr int64_t kLanes = 32;

/// Whether operand `number` is what the products take: in bf16, without code.
static bool isPlain(FormBuilder &form, GatedDeltaRuleOp rule, unsigned number) {
  return form.argument(form.operandOf(rule, number)).element.isBF16() &&
         !findPort(cast<PortOpInterface>(rule.getOperation()), number);
}

DeltaChunks::DeltaChunks(FormBuilder &form, GatedDeltaRuleOp rule, bool hasMany)
    : hasMany(hasMany), rule(rule), heads(rule.getState().getType().getHeads()),
      keyDim(rule.getState().getType().getKeyDim()),
      valueDim(rule.getState().getType().getValueDim()),
      slab(keyDim % 64 == 0   ? 64
           : keyDim % 32 == 0 ? 32
                              : 16),
      slabs(keyDim / slab), batch(form.operandOf(rule, 6)),
      hasPlainValues(isPlain(form, rule, 2)),
      count(form.symbol(Symbol::T).ceilDiv(kRows) + form.symbol(Symbol::B)),
      units(count * heads) {
  auto reserve = [&](int64_t bytes) {
    return Place::ofScratch(form.reserve(units * bytes));
  };
  for (Place *place : {&solvedKeys, &queries, &ends})
    *place = reserve(kRows * keyDim * 2);
  for (Place *place : {&solution, &mix})
    *place = reserve(kRows * kRows * 2);
  sums = reserve(kRows * valueDim * 2);
  values = hasPlainValues ? Place::ofOperand(form.operandOf(rule, 2))
                          : reserve(kRows * valueDim * 2);
  decays = reserve(4);
  signals = reserve(4);
}

Value DeltaChunks::keysMap(Stage &stage, Place place) const {
  return stage.map(place, {units * kRows, stage.form.constant(keyDim)},
                   {kRows, slab}, stage.b.getBF16Type(), slab * 2);
}
Value DeltaChunks::squareMap(Stage &stage, Place place) const {
  return stage.map(place, {units * kRows, stage.form.constant(kRows)},
                   {kRows, kRows}, stage.b.getBF16Type(), kRows * 2);
}
Value DeltaChunks::valuesMap(Stage &stage) const {
  return stage.map(
      values,
      {hasPlainValues ? stage.form.symbol(Symbol::R) : count * kRows,
       stage.form.constant(heads * valueDim)},
      {kRows, kColumns}, stage.b.getBF16Type(), kColumns * 2);
}
Value DeltaChunks::sumsMap(Stage &stage) const {
  return stage.map(sums, {count * kRows, stage.form.constant(heads * valueDim)},
                   {kRows, kColumns}, stage.b.getBF16Type(), kColumns * 2);
}
tile::SharedType DeltaChunks::keysTile(TileBuilder &b) const {
  return b.shared({slabs, kRows, slab}, b.getBF16Type(), slab * 2);
}
tile::SharedType DeltaChunks::squareTile(TileBuilder &b) const {
  return b.shared({kRows, kRows}, b.getBF16Type(), kRows * 2);
}
tile::SharedType DeltaChunks::valuesTile(TileBuilder &b) const {
  return b.shared({kRows, kColumns}, b.getBF16Type(), kColumns * 2);
}
Value DeltaChunks::keysIn(Stage &stage, Place place) const {
  return stage.memory(place, MemRefType::get({ShapedType::kDynamic, keyDim},
                                             stage.b.getBF16Type()));
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

Value DeltaChunks::signalsIn(Stage &stage) const {
  return stage.memory(
      signals, MemRefType::get({ShapedType::kDynamic}, stage.b.getI32Type()));
}

static Value chunksOf(TileBuilder &b, const BatchLine &line) {
  return b.ceilDiv(line.rows, DeltaChunks::kRows);
}

Value DeltaChunks::chunksBefore(Stage &stage, Value sequence) const {
  TileBuilder &b = stage.b;
  Value first = hasMany ? b.laneId() : b.index(0);
  Value sum =
      b.loop(first, sequence, b.index(hasMany ? kLanes : 1), {b.index(0)},
             [&](Value i, ValueRange sum) -> Values {
               return {b.add(sum[0], chunksOf(b, readBatch(stage, batch, i)))};
             })[0];
  return hasMany ? b.toIndex(b.sumOfWarp(b.toI32(sum))) : sum;
}

/// `found`, or the rows of the sequence's chunk `number` if it `has` that.
static ChunkRows chooseRows(TileBuilder &b, Value has, const BatchLine &line,
                            Value number, const ChunkRows &found) {
  Value at = b.mul(number, DeltaChunks::kRows);
  Value count = b.min(b.sub(line.rows, at), b.index(DeltaChunks::kRows));
  return {b.select(has, b.add(line.row, at), found.row),
          b.select(has, count, found.count)};
}

ChunkRows DeltaChunks::find(Stage &stage, Value number) const {
  TileBuilder &b = stage.b;
  Value none = b.index(0), count = stage.size(stage.form.symbol(Symbol::B));
  auto isIn = [&](Value left, Value all) {
    return b.both(b.inverse(b.less(left, none)), b.less(left, all));
  };
  // Carried: the number behind the sequences before, and what was found.
  Values inits = {number, none, none};
  if (!hasMany) {
    Values found = b.loop(none, count, b.index(1), inits,
                          [&](Value sequence, ValueRange so) -> Values {
                            BatchLine line = readBatch(stage, batch, sequence);
                            Value left = so[0], all = chunksOf(b, line);
                            ChunkRows rows = chooseRows(
                                b, isIn(left, all), line, left, {so[1], so[2]});
                            return {b.sub(left, all), rows.row, rows.count};
                          });
    return {found[1], found[2]};
  }
  Values found =
      b.loop(none, count, b.index(kLanes), inits,
             [&](Value first, ValueRange so) -> Values {
               Value sequence = b.add(first, b.laneId());
               Value last = b.sub(count, b.index(1));
               BatchLine line = readBatch(stage, batch, b.min(sequence, last));
               Value all =
                   b.select(b.less(sequence, count), chunksOf(b, line), none);
               auto [before, total] = b.scanWarp(b.toI32(all));
               Value left = b.sub(so[0], b.toIndex(before));
               ChunkRows rows =
                   chooseRows(b, isIn(left, all), line, left, {so[1], so[2]});
               return {b.sub(so[0], b.toIndex(total)), rows.row, rows.count};
             });
  // One lane has found it.
  return {b.toIndex(b.sumOfWarp(b.toI32(found[1]))),
          b.toIndex(b.sumOfWarp(b.toI32(found[2])))};
}

//===----------------------------------------------------------------------===//
// norm
//===----------------------------------------------------------------------===//

namespace {

constexpr int64_t kRows = DeltaChunks::kRows;
constexpr int64_t kThreads = 256, kWarps = kThreads / 32;

/// A lane has consecutive columns, so that a warp has a whole row.
///
/// The launch begins when all CTAs of `scan` run, and each CTA waits for the
/// signals of those that write its unit. Why that is right:
///
/// - The signals are of this step: `prepare` sets them to zero, scan's CTAs let
///   this launch begin behind their wait for `prepare`, and an earlier launch
///   that uses this memory has ended before `prepare` writes to it.
/// - Whoever is waited for runs already, or has ended, so that it goes on
///   however many CTAs wait here; also where launches do not overlap.
/// - Who follows waits for this launch alone, and takes scan's states for
///   written: the last CTA waits for scan. Others do not: the next CTAs take
///   their places.
///
/// CTAs begin about in the order in which scan makes chunks, heads beside each
/// other.
void buildNorm(FormBuilder &form, const DeltaChunks &c) {
  Stage stage(form, "norm", kThreads, {c.units});
  TileBuilder &b = stage.b;
  GatedDeltaRuleOp rule = c.rule;
  RuleInputs inputs(stage, rule);
  stage.setOverlaps();
  tile::LaunchDependentsOp::create(b);
  Value unit = b.blockX(), chunk = b.div(unit, c.heads);
  Value head = b.rem(unit, c.heads), warp = b.warpId(), lane = b.laneId();
  int64_t own = c.valueDim / 32; // a multiple of 2
  auto widthOf = [&](Value memory) {
    auto type = cast<MemRefType>(memory.getType());
    int64_t most = 16 * 8 / type.getElementTypeBitWidth();
    return std::gcd(own, most);
  };
  Value first = b.mul(lane, own);
  Value column = b.add(b.mul(head, c.valueDim), first);
  auto load = [&](Value memory, ValueRange leading, Value at) {
    Values elements;
    int64_t width = widthOf(memory);
    for (int64_t i = 0; i < own; i += width) {
      Values place(leading);
      place.push_back(b.add(at, i));
      llvm::append_range(elements, b.split(b.load(memory, place, width)));
    }
    for (Value &element : elements)
      element = b.convert(element, b.getF32Type());
    return elements;
  };
  ChunkRows rows = c.find(stage, chunk);
  Value last = b.sub(tile::GridDimOp::create(b, tile::Axis::x), b.index(1));
  b.ifThen(b.equal(unit, last), [&] { tile::WaitDependenciesOp::create(b); });
  b.ifThen(b.less(b.index(0), rows.count), [&] {
    b.ifThen(b.equal(b.threadId(), 0), [&] {
      tile::WaitSignalOp::create(b, c.signalsIn(stage), ValueRange{unit},
                                 b.i32(c.valueDim / DeltaChunks::kColumns));
    });
    b.sync();
    bool hasNorm = bool(rule.getGate());
    Values weights;
    if (hasNorm)
      weights = load(stage.operand(form.operandOf(c.rule, 8)), {}, first);
    Value result = stage.operand(form.resultOperand(0));
    Type element = cast<MemRefType>(result.getType()).getElementType();
    b.loop(warp, rows.count, b.index(kWarps), [&](Value t) {
      Value row = b.add(rows.row, t);
      Values y = load(c.sumsIn(stage), {b.add(b.mul(chunk, kRows), t)}, column);
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
      for (int64_t i = 0, width = widthOf(result); i < own; i += width)
        b.store(b.join(ArrayRef(y).slice(i, width)), result,
                {row, head, b.add(first, i)});
    });
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

void jet::buildChunks(FormContext &context, GatedDeltaRuleOp rule) {
  auto build = [&](FormFits fits, int64_t groups, bool hasMany) {
    FormBuilder form = context.begin(fits);
    DeltaChunks chunks(form, rule, hasMany);
    buildDeltaPrepare(form, chunks);
    buildDeltaScan(form, chunks, groups);
    buildNorm(form, chunks);
    form.finish();
  };
  // While all CTAs of one group run at once: of clusters of 4 an H200 holds 30.
  constexpr int64_t kResident = 120;
  // Sequences that each thread looks at by itself.
  constexpr int64_t kSome = 16;
  RecurrentStateType state = rule.getState().getType();
  int64_t parts = state.getValueDim() / DeltaChunks::kColumns;
  int64_t few = std::min(kResident / (state.getHeads() * parts), kSome);
  int64_t groups = parts % 2 == 0 ? 2 : 1;
  if (groups > 1 && few > 0)
    build({.maxSequences = few}, 1, /*hasMany=*/false);
  if (groups == 1 || few < kSome)
    build({.maxSequences = kSome}, groups, /*hasMany=*/false);
  build({}, groups, /*hasMany=*/true);
}
