// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The part of the chunked delta rule that goes from chunk to chunk (the letters
// are DeltaChunks.cpp's):
//
//   scan   CTA (64 columns of values, or two times 64, head, sequence), those
//          of a head as a cluster: Sᵀ [64, keyDim] and all products stand as
//          accumulators, so that they are A of the next product without a way
//          through shared memory
//     producer (1 warp)    for each chunk: wait empty[slot]; TMA of v, and its
//                          part of T, W, q, k and P for the cluster, to
//                          full[slot]; with one group a later chunk to L2
//     consumers (a group   for each chunk: wait full[slot]
//     for 64 columns)
//                            Uᵀ = vᵀ·Tᵀ − Sᵀ·Wᵀ          (started)
//                            Yᵀ of the chunk before, to shared memory
//                            Yᵀ = Sᵀ·(e^G q)ᵀ            (started)
//                            Y of the chunk before, to memory by TMA
//                            the signal of one long in memory, for norm
//                            Sᵀ ← e^G[C] Sᵀ + Uᵀ·(e^(G[C] − G) k)
//                            Yᵀ ← Yᵀ + Uᵀ·Pᵀ
//
// The tensor cores run all the while: S is packed under Y's second product, U
// under Y's first.
//
// That is a dependent chain: with one group the tensor cores are busy for half
// of the 0.8 us of a chunk. Two groups take 1.1 us for twice the columns, and
// read what does not depend on the columns once: better where there are more
// heads and sequences than multiprocessors. (16 heads of 128 x 256: 94 us
// instead of 150 for 8 x 1024 rows.)
//
// Registers, with keys of 96: S 48, as A 24, U and Y 32 each. Shared memory: a
// slot has 60 KB, of two groups 68 KB, three of them; and tiles of Y, 8 KB
// each, two, or one for each of two groups. With keys of 128 slots of 72 KB
// leave room for one such tile, which costs less than a slot (16 heads, 65536
// rows: 1222 us with two slots, 919 with three); of two groups, 80 KB, there
// are two.
//
// Tried in vain: Y, or Y and its norm, by other warps or CTAs of the cluster,
// segments of a sequence, other orders of the products, loads further ahead
// (bench/results/2026-11-30-gpu-delta-rule.json).

#include "lowering/kernels/DeltaChunks.h"

using namespace mlir;
using namespace jet;

using Values = TileBuilder::Values;
using Ring = TileBuilder::Ring;

namespace {

constexpr int64_t kRows = DeltaChunks::kRows;
constexpr int64_t kColumns = DeltaChunks::kColumns;
constexpr int64_t kGroup = 128; // threads
constexpr int64_t kConsumerRegisters = 240, kProducerRegisters = 24;
/// Stores of Y on their way behind one that is signalled: nobody waits for it
/// any more.
constexpr int64_t kLag = 6;
/// Chunks that a CTA's part of is on its way to L2 before there is a slot for
/// them: memory takes longer than the slots last where `norm` runs besides (12
/// heads of 96 x 256, 65536 rows: 1215 us instead of 1250). With keys of 128,
/// which take longer, this costs more than it saves (16 heads: 1699 instead of
/// 1617), and of many sequences, where CTAs follow each other (8 x 1024: 173
/// instead of 169).
constexpr int64_t kAhead = 6;

class ScanKernel {
public:
  ScanKernel(FormBuilder &form, const DeltaChunks &chunks, int64_t groups)
      : c(chunks), groups(groups), slots(c.keyDim > 96 && groups > 1 ? 2 : 3),
        buffers(c.keyDim > 96 || groups > 1 ? 1 : 2),
        cluster(c.valueDim / (kColumns * groups)),
        hasBudgets(groups > 1 && c.keyDim > 96),
        producers(hasBudgets ? kGroup : 32),
        stage(form, "scan", groups * kGroup + producers,
              {form.constant(cluster), form.constant(c.heads),
               form.symbol(Symbol::B)},
              cluster),
        b(stage.b) {}

  void build();

private:
  void allocate();
  void initialize();
  using Body = function_ref<void(Value map, ValueRange place, Value ring,
                                 Value part, bool ofAll)>;
  void forTiles(Value chunk, Body body);
  void prefetch(Value chunk);
  void produce();
  void consume();
  void clearPastEnd(Value tile, Value valid);
  void syncGroup();
  void waitForStore();
  void keep(Value y, Value buffer);
  void storeRows(Value chunk, Value buffer);
  void signal(Value chunk);
  void release(Value slot);
  Value unitOf(Value chunk) {
    return b.add(b.mul(b.add(firstChunk, chunk), c.heads), head);
  }
  Value stateIn();
  Type accType(int64_t columns) {
    return tile::AccType::get(b.getContext(), kColumns, columns);
  }
  Value multiply(Value a, Value tile, Value acc, UnitAttr transposed = {},
                 UnitAttr turned = {}) {
    auto type = acc ? acc.getType() : accType(kRows);
    return tile::WgmmaOp::create(b, type, a, tile, acc, transposed, turned);
  }
  /// `a` of S, for each slab, times the slabs of `tile`.
  Value multiplyState(ArrayRef<Value> a, Value tile, Value acc) {
    for (int64_t i = 0; i < c.slabs; ++i)
      acc = multiply(a[i], b.slice(tile, {b.index(i)}), acc);
    return acc;
  }
  Value pack(Value acc) {
    auto type = cast<tile::AccType>(acc.getType());
    return tile::PackOp::create(
        b,
        tile::FragType::get(b.getContext(), kColumns, type.getColumns(), "a"),
        acc);
  }
  Value wait(int64_t pending, Value acc) {
    return tile::WgmmaWaitOp::create(b, TypeRange(acc.getType()), pending,
                                     ValueRange{acc})
        .getResult(0);
  }

  const DeltaChunks &c;
  int64_t groups, slots;
  int64_t buffers; // tiles of Y of a group
  int64_t cluster;
  /// Of 9 warps three share a quarter of an SM: 168 registers each, which keys
  /// of more than 96 exceed. Then the producer's whole group gives up its own.
  bool hasBudgets;
  int64_t producers; // threads
  Stage stage;
  TileBuilder &b;
  Value solvedKeys, queries, ends, solution, mix, values; // rings
  Value results, full, empty;
  Value column, head, slot;
  // Of a consumer; the thread's number in the group, the group's first column.
  Value group, thread, ownColumn;
  Value firstRow, rows, firstChunk, count; // of the sequence
};

void ScanKernel::allocate() {
  auto ring = [&](tile::SharedType tile) {
    SmallVector<int64_t> shape = {slots};
    llvm::append_range(shape, tile.getShape());
    return b.alloc(b.shared(shape, b.getBF16Type(), tile.getSwizzle()));
  };
  solvedKeys = ring(c.keysTile(b));
  queries = ring(c.keysTile(b));
  ends = ring(c.keysTile(b));
  solution = ring(c.squareTile(b));
  mix = ring(c.squareTile(b));
  auto ofGroups = [&](int64_t number) {
    return b.alloc(b.shared({number, groups, kRows, kColumns}, b.getBF16Type(),
                            kColumns * 2));
  };
  values = ofGroups(slots);
  results = ofGroups(buffers);
  auto barriers = tile::BarriersType::get(b.getContext(), slots);
  full = b.alloc(barriers);
  empty = b.alloc(barriers);
}

void ScanKernel::initialize() {
  b.initRing(full, empty, cluster * groups * (kGroup / 32));
  tile::ClusterSyncOp::create(b);
  column = b.mul(b.blockX(), groups * kColumns);
  head = b.blockY();
  // The batch is an input of the step: no launch before writes it.
  Value sequence = b.blockZ();
  BatchLine line = readBatch(stage, c.batch, sequence);
  slot = line.slot;
  firstRow = line.row;
  rows = line.rows;
  count = b.ceilDiv(rows, kRows);
  firstChunk = c.chunksBefore(stage, sequence);
}

/// Runs `body` for what the CTA brings of a chunk: v of each group's columns,
/// and `ofAll`, in turn with the others of the cluster, its part of the rest.
void ScanKernel::forTiles(Value chunk, Body body) {
  Value none = b.index(0), first = b.mul(unitOf(chunk), kRows);
  Value row = c.hasPlainValues ? b.add(firstRow, b.mul(chunk, kRows))
                               : b.mul(b.add(firstChunk, chunk), kRows);
  Value ofHead = b.add(b.mul(head, c.valueDim), column);
  for (int64_t i = 0; i < groups; ++i)
    body(c.valuesMap(stage), {row, b.add(ofHead, i * kColumns)}, values,
         b.index(i), /*ofAll=*/false);
  int64_t number = 0;
  auto share = [&](Value map, Value column, Value ring, Value part) {
    b.ifThen(b.equal(b.clusterRank(), number++ % cluster),
             [&] { body(map, {first, column}, ring, part, /*ofAll=*/true); });
  };
  share(c.squareMap(stage, c.solution), none, solution, Value());
  for (int64_t i = 0; i < c.slabs; ++i)
    for (auto [place, ring] : {std::pair(c.solvedKeys, solvedKeys),
                               {c.queries, queries},
                               {c.ends, ends}})
      share(c.keysMap(stage, place), b.index(i * c.slab), ring, b.index(i));
  share(c.squareMap(stage, c.mix), none, mix, Value());
}

void ScanKernel::produce() {
  constexpr int64_t kSquare = kRows * kRows * 2;
  int64_t bytes =
      3 * kRows * c.keyDim * 2 + 2 * kSquare + groups * kColumns * kRows * 2;
  Value leads = tile::ElectOp::create(b);
  if (producers > 32) // the other warps have nothing to do
    leads = b.both(leads, b.equal(b.warpId(), groups * kGroup / 32));
  b.ifThen(leads, [&] {
    Value all;
    if (cluster > 1)
      all = arith::ConstantIntOp::create(b, (1 << cluster) - 1, 16);
    tile::WaitDependenciesOp::create(b);
    // `norm` begins behind `prepare`, see there.
    tile::LaunchDependentsOp::create(b);
    // The slots are empty at first, as after a phase of parity 1.
    b.loop(b.index(0), count, b.index(1), {b.index(0), b.i32(1)},
           [&](Value chunk, ValueRange carried) -> Values {
             Ring at{carried[0], carried[1]};
             b.wait(empty, at.slot, at.parity);
             b.expect(full, at.slot, bytes);
             forTiles(chunk, [&](Value map, ValueRange place, Value ring,
                                 Value part, bool ofAll) {
               Values slice = {at.slot};
               if (part)
                 slice.push_back(part);
               tile::TmaLoadOp::create(b, map, place, b.slice(ring, slice),
                                       full, at.slot, ofAll ? all : Value(),
                                       tile::EvictAttr());
             });
             if (groups == 1 && c.keyDim <= 96)
               prefetch(b.add(chunk, kAhead));
             Ring next = b.advance(at, slots);
             return {next.slot, next.parity};
           });
  });
  tile::SyncWarpOp::create(b);
}

/// To L2 what this CTA will load of a chunk, if there is one.
void ScanKernel::prefetch(Value chunk) {
  b.ifThen(b.less(chunk, count), [&] {
    forTiles(chunk, [&](Value map, ValueRange place, Value, Value, bool) {
      tile::TmaPrefetchOp::create(b, map, place);
    });
  });
}

/// The states as [slots · heads · keyDim, valueDim].
Value ScanKernel::stateIn() {
  GatedDeltaRuleOp rule = c.rule;
  return stage.memory(
      Place::ofOperand(stage.form.operandOf(rule, 5)),
      MemRefType::get({ShapedType::kDynamic, c.valueDim},
                      rule.getState().getType().getElementType()));
}

/// Zeros in the place of rows of v behind the sequence's last, `valid` of the
/// tile: others have what may be no number there, and a weight of 0 for it.
void ScanKernel::clearPastEnd(Value tile, Value valid) {
  constexpr int64_t kWidth = 8, kUnits = kColumns / kWidth;
  b.ifThen(b.less(valid, kRows), [&] {
    auto type = VectorType::get(kWidth, b.getBF16Type());
    Value zero = arith::ConstantOp::create(b, b.getZeroAttr(type));
    b.loop(b.add(b.mul(valid, kUnits), thread), b.index(kRows * kUnits),
           b.index(kGroup), [&](Value unit) {
             b.store(zero, tile,
                     {b.div(unit, kUnits), b.mul(b.rem(unit, kUnits), kWidth)});
           });
    tile::FenceAsyncOp::create(b);
    syncGroup();
  });
}

/// Each group has a barrier of its own.
void ScanKernel::syncGroup() {
  if (groups == 1)
    return b.sync(1, kGroup);
  b.ifElse(
      b.equal(group, 0), [&] { b.sync(1, kGroup); },
      [&] { b.sync(2, kGroup); });
}

/// Until the group's stores have read their tiles.
void ScanKernel::waitForStore() {
  b.ifThen(b.equal(thread, 0), [&] {
    tile::BulkWaitOp::create(b, b.getI32IntegerAttr(0), b.getUnitAttr());
  });
}

/// Yᵀ, turned round.
void ScanKernel::keep(Value y, Value buffer) {
  if (buffers == 1) {
    waitForStore();
    syncGroup();
  }
  tile::StoreMatrixOp::create(b, y, 0, b.slice(results, {buffer, group}),
                              /*transposed=*/true);
  tile::FenceAsyncOp::create(b);
}

/// What was kept, to memory. Whoever writes to the other of two buffers next
/// has passed the barrier here, behind the wait for its store.
void ScanKernel::storeRows(Value chunk, Value buffer) {
  if (buffers > 1)
    waitForStore();
  syncGroup();
  b.ifThen(b.equal(thread, 0), [&] {
    Value row = b.mul(b.add(firstChunk, chunk), kRows);
    tile::TmaStoreOp::create(
        b, b.slice(results, {buffer, group}), c.sumsMap(stage),
        ValueRange{row, b.add(b.mul(head, c.valueDim), ownColumn)});
    tile::BulkCommitOp::create(b);
    tile::BulkWaitOp::create(b, b.getI32IntegerAttr(kLag), UnitAttr());
    b.ifThen(b.less(b.index(kLag - 1), chunk),
             [&] { signal(b.sub(chunk, b.index(kLag))); });
  });
}

/// A thread's, which stores Y: that of the chunk is in memory.
void ScanKernel::signal(Value chunk) {
  tile::AddSignalOp::create(b, c.signalsIn(stage), ValueRange{unitOf(chunk)});
}

/// Each warp gives a slot back when its part of the products is done, to all
/// CTAs: any of them fills it.
void ScanKernel::release(Value at) {
  tile::SyncWarpOp::create(b);
  b.ifThen(tile::ElectOp::create(b), [&] {
    b.arrive(empty, at);
    for (int64_t i = 1; i < cluster; ++i)
      tile::ArriveRemoteOp::create(b, empty, at,
                                   b.rem(b.add(b.clusterRank(), i), cluster));
  });
}

void ScanKernel::consume() {
  Type stateType = accType(c.keyDim);
  group = groups == 1 ? b.index(0) : Value(tile::WarpgroupIdOp::create(b));
  thread = b.rem(b.threadId(), kGroup);
  ownColumn = b.add(column, b.mul(group, kColumns));
  Value base = b.mul(b.add(b.mul(slot, c.heads), head), c.keyDim);
  tile::WaitDependenciesOp::create(b);
  Value start = b.map(stateType, {}, [&](ValueRange in) {
    Value x = b.load(stateIn(), {b.add(base, in[1]), b.add(ownColumn, in[0])});
    return b.convert(x, b.getF32Type());
  });
  auto decayOf = [&](Value chunk) {
    Value last = b.max(b.sub(count, b.index(1)), b.index(0));
    return b.load(c.decaysIn(stage), {unitOf(b.min(chunk, last))});
  };
  auto bufferOf = [&](Value chunk) { return b.rem(chunk, buffers); };
  Values inits = {start,
                  tile::SplatOp::create(b, accType(kRows), b.f32(0)),
                  decayOf(b.index(0)),
                  b.index(0),
                  b.i32(0),
                  b.index(0)};
  Values end = b.loop(
      b.index(0), count, b.index(1), inits,
      [&](Value chunk, ValueRange so) -> Values {
        Value s = so[0], y = so[1], decay = so[2], before = so[5];
        Ring at{so[3], so[4]};
        Value isLater = b.less(b.index(0), chunk);
        Value earlier = b.max(b.sub(chunk, b.index(1)), b.index(0));
        Value nextDecay = decayOf(b.add(chunk, 1));
        auto tileOf = [&](Value ring) { return b.slice(ring, {at.slot}); };
        Value v = b.slice(values, {at.slot, group});
        b.wait(full, at.slot, at.parity);
        clearPastEnd(v, b.sub(rows, b.mul(chunk, kRows)));
        Values a;
        for (int64_t i = 0; i < c.slabs; ++i)
          a.push_back(pack(b.columns(s, i * c.slab, c.slab)));
        tile::WgmmaFenceOp::create(b);
        Value u = multiply(v, tileOf(solution), Value(), UnitAttr(),
                           /*turned=*/b.getUnitAttr());
        u = multiplyState(a, tileOf(solvedKeys), u);
        tile::WgmmaCommitOp::create(b);
        s = b.map(stateType, {s},
                  [&](ValueRange in) { return b.mulf(in[0], decay); });

        y = wait(1, y);
        b.ifThen(isLater, [&] {
          release(before);
          keep(y, bufferOf(earlier));
        });
        tile::WgmmaFenceOp::create(b);
        y = multiplyState(a, tileOf(queries), Value());
        tile::WgmmaCommitOp::create(b);
        b.ifThen(isLater, [&] { storeRows(earlier, bufferOf(earlier)); });

        Value mixed = pack(wait(1, u));
        tile::WgmmaFenceOp::create(b);
        s = multiply(mixed, tileOf(ends), s, /*transposed=*/b.getUnitAttr());
        tile::WgmmaCommitOp::create(b);
        tile::WgmmaFenceOp::create(b);
        y = multiply(mixed, tileOf(mix), y);
        tile::WgmmaCommitOp::create(b);
        // Y stays in work.
        s = wait(1, s);
        Ring next = b.advance(at, slots);
        return {s, y, nextDecay, next.slot, next.parity, at.slot};
      });
  Value y = wait(0, end[1]);
  b.ifThen(b.less(b.index(0), count), [&] {
    Value last = b.sub(count, b.index(1));
    keep(y, bufferOf(last));
    storeRows(last, bufferOf(last));
    tile::StoreAccOp::create(b, end[0], stateIn(), base, ownColumn, Value(),
                             Value(), /*transposed=*/b.getUnitAttr());
    b.ifThen(b.equal(thread, 0), [&] {
      tile::BulkWaitOp::create(b, b.getI32IntegerAttr(0), UnitAttr());
      Value first = b.max(b.sub(count, b.index(kLag)), b.index(0));
      b.loop(first, count, b.index(1), [&](Value chunk) { signal(chunk); });
    });
  });
}

void ScanKernel::build() {
  stage.setOverlaps();
  allocate();
  initialize();
  b.roles({{"consumers", groups * kGroup, hasBudgets ? kConsumerRegisters : 0,
            [&] { consume(); }},
           {"producer", producers, hasBudgets ? kProducerRegisters : 0,
            [&] { produce(); }}});
  // Others may still arrive at this CTA's barriers.
  tile::ClusterSyncOp::create(b);
  stage.finish();
}

} // namespace

void jet::buildDeltaScan(FormBuilder &form, const DeltaChunks &chunks,
                         int64_t groups) {
  ScanKernel(form, chunks, groups).build();
}
