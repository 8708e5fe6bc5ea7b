// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// jet.attention of one token a sequence, over keys that the cache holds all of.
//
//   s[h, j] = q[h]·K[j] / sqrt(D);  y[h] = softmax(s[h]) · V
//
// Every byte of the cache is read once and used for few products, so this is a
// copy of the cache with arithmetic attached. With few sequences the keys of
// each are dealt to as many CTAs as fill the machine, with many a CTA takes
// all:
//
//   attend   CTA (split, KV head, sequence): its share of the tiles of 64 keys
//     producer (1 warp)    for each tile: wait empty[slot]; TMA of K and V to
//                          full[slot]
//     consumers (4 warps)  for each tile: wait full[slot]; each warp takes 16
//                          of its keys for all query heads of the KV head:
//                          S = Q·Kᵀ, online softmax, O += P·V
//     consumers            combine the warps' (max, sum, O); write the result
//                          if the sequence has one share, else the share's
//   combine  CTA (head, sequence): combines the shares, in their order; none if
//            no sequence has several
//
// Q has 16 rows, as mma.sync wants, of which those past the heads are zero; of
// more than 16 heads a KV head, 16 are a CTA. Of the cache only the tile of the
// step's own key is written by the launch before: the others are loaded before
// it has ended.
//
// A sequence in few tiles has fewer shares than CTAs, a share being at least
// kMinTiles; the other CTAs have nothing to do.
//
// Memory: tiles of K and V are slabs of 128 (or 64) swizzled bytes a row. A
// tile lies in boxes that divide the pages or the window. What one share's
// warps combine takes the ring's place.

#include "lowering/kernels/DecodeAttention.h"

#include <cmath>
#include <limits>
#include <numbers>
#include <numeric>

using namespace mlir;
using namespace jet;

using Values = TileBuilder::Values;

namespace {
constexpr int64_t kMinTiles = 2;
/// Of a CTA that has an SM to itself.
constexpr int64_t kRingBytes = 192 << 10;
constexpr int64_t kCombineThreads = 512;
} // namespace

DecodeAttention::DecodeAttention(AttentionOp op)
    : type(op.getCache().getType()), dim(type.getHeadDim()),
      kvHeads(type.getHeads()), heads(op.getQ().getType().getDimSize(1)),
      group(heads / kvHeads), headTiles(llvm::divideCeil(group, kHeads)),
      window(type.getWindow()), unitRows(window ? *window : *type.getPage()),
      box(std::gcd(kKeys, unitRows)), slabColumns(dim % 64 ? 32 : 64),
      slabs(dim / slabColumns),
      scale(std::numbers::log2e / std::sqrt(static_cast<double>(dim))),
      result(
          cast<RankedTensorType>(op.getResult().getType()).getElementType()) {}

SequenceWork DecodeAttention::readSequence(Stage &stage, Value number) const {
  TileBuilder &b = stage.b;
  auto flat = MemRefType::get({ShapedType::kDynamic}, b.getI32Type());
  Value batch = stage.memory(Place::ofOperand(kBatchOperand), flat);
  Value columns = stage.size(stage.form.symbol(Symbol::C) + kBatchColumns);
  Value first = b.mul(number, columns);
  auto column = [&](int64_t i) {
    return b.toIndex(b.load(batch, {b.add(first, i)}));
  };
  SequenceWork work;
  work.slot = column(0);
  work.position = column(1);
  work.row = column(2);
  work.firstPage = b.add(first, kBatchColumns);
  work.keys = b.add(work.position, 1);
  if (window)
    work.keys = b.min(work.keys, b.index(*window));
  work.tiles = b.ceilDiv(work.keys, kKeys);
  if (!shares) {
    work.perShare = work.tiles;
    work.shares = b.index(1);
    return work;
  }
  work.perShare =
      b.max(b.index(kMinTiles), b.ceilDiv(work.tiles, stage.size(shares)));
  work.shares = b.ceilDiv(work.tiles, work.perShare);
  return work;
}

Value DecodeAttention::shareRow(Stage &stage, Value sequence, Value head,
                                Value share) const {
  TileBuilder &b = stage.b;
  Value row = b.add(b.mul(sequence, heads), head);
  return b.add(b.mul(row, stage.size(shares)), share);
}

Value DecodeAttention::partsMemory(Stage &stage) const {
  return stage.memory(parts, MemRefType::get({ShapedType::kDynamic, dim},
                                             stage.b.getF32Type()));
}

Value DecodeAttention::topsMemory(Stage &stage) const {
  return stage.memory(
      tops, MemRefType::get({ShapedType::kDynamic, 2}, stage.b.getF32Type()));
}

void DecodeAttention::writeResult(Stage &stage, Value row, Value head,
                                  Value column, Values mixed, Value sum) const {
  TileBuilder &b = stage.b;
  Value scale = b.reciprocal(sum);
  for (Value &element : mixed)
    element = b.mulf(element, scale);
  Value inRow = b.add(b.mul(head, dim), column);
  Values elements =
      applyCode(stage, resultPort(0), row, inRow, mixed.size(), {mixed});
  for (Value &element : elements)
    element = b.convert(element, result);
  b.store(b.join(elements), stage.operand(stage.form.resultOperand(0)),
          {row, head, column});
}

Value jet::weighScore(TileBuilder &b, Value score, Value top) {
  return tile::Exp2Op::create(b, b.getF32Type(), b.subf(score, top));
}

//===----------------------------------------------------------------------===//
// Combine
//
// Lanes are dealt to columns first; the lanes of one column take shares in
// turn and are added up in their order.
//===----------------------------------------------------------------------===//

static void buildCombine(FormBuilder &form, const DecodeAttention &a) {
  Stage stage(form, "combine", kCombineThreads,
              {form.constant(a.heads), form.symbol(Symbol::B)});
  TileBuilder &b = stage.b;
  int64_t units = a.dim / DecodeAttention::kWidth,
          lanes = kCombineThreads / units;
  Value partial = b.alloc(b.shared({lanes, a.dim}, b.getF32Type()));
  stage.setOverlaps();
  tile::LaunchDependentsOp::create(b);
  Value head = b.blockX(), sequence = b.blockY();
  SequenceWork work = a.readSequence(stage, sequence);
  tile::WaitDependenciesOp::create(b);
  b.ifThen(b.less(b.index(1), work.shares), [&] {
    Value first = a.shareRow(stage, sequence, head, b.index(0));
    Value tops = a.topsMemory(stage), parts = a.partsMemory(stage);
    // Every warp for itself: it is a handful of loads.
    auto overShares = [&](Value init,
                          function_ref<Value(Values pair, Value so)> body) {
      return b.loop(b.laneId(), work.shares, b.index(32), {init},
                    [&](Value share, ValueRange so) -> Values {
                      Value row = b.add(first, share);
                      Values pair = b.split(b.load(tops, {row, b.index(0)}, 2));
                      return {body(pair, so[0])};
                    })[0];
    };
    Value top = b.maxOfWarp(
        overShares(b.f32(std::numeric_limits<float>::lowest()),
                   [&](Values pair, Value so) { return b.maxf(pair[0], so); }));
    Value sum = b.sumOfWarp(overShares(b.f32(0), [&](Values pair, Value so) {
      return b.fma(pair[1], weighScore(b, pair[0], top), so);
    }));

    Value column = b.mul(b.rem(b.threadId(), units), DecodeAttention::kWidth);
    Value lane = b.div(b.threadId(), units);
    b.ifThen(b.less(lane, lanes), [&] {
      Values mixed = b.loop(
          lane, work.shares, b.index(lanes),
          Values(DecodeAttention::kWidth, b.f32(0)),
          [&](Value share, ValueRange so) -> Values {
            Value row = b.add(first, share);
            Value weight = weighScore(b, b.load(tops, {row, b.index(0)}), top);
            Values next;
            for (auto [part, sum] :
                 llvm::zip_equal(b.split(b.load(parts, {row, column},
                                                DecodeAttention::kWidth)),
                                 so))
              next.push_back(b.fma(part, weight, sum));
            return next;
          });
      b.store(b.join(mixed), partial, {lane, column});
    });
    b.sync();
    b.ifThen(b.less(b.threadId(), units), [&] {
      Values mixed = b.split(
          b.load(partial, {b.index(0), column}, DecodeAttention::kWidth));
      for (int64_t i = 1; i < lanes; ++i)
        for (auto [element, more] : llvm::zip_equal(
                 mixed, b.split(b.load(partial, {b.index(i), column},
                                       DecodeAttention::kWidth))))
          element = b.addf(element, more);
      a.writeResult(stage, work.row, head, column, mixed, sum);
    });
  });
  stage.finish();
}

//===----------------------------------------------------------------------===//
// The form
//===----------------------------------------------------------------------===//

/// Of both forms.
static bool isSupported(AttentionOp op) {
  KvCacheType type = op.getCache().getType();
  int64_t dim = type.getHeadDim();
  if (!type.getStorageType().isBF16() || !hasPlainCode(op))
    return false;
  if (dim != 64 && dim != 96 && dim != 128 && dim != 256)
    return false;
  // Boxes are whole groups of swizzled rows.
  int64_t unitRows = type.getWindow() ? *type.getWindow() : *type.getPage();
  return std::gcd(DecodeAttention::kKeys, unitRows) >= 8;
}

static int64_t windowTiles(const DecodeAttention &attention) {
  return llvm::divideCeil(*attention.window, DecodeAttention::kKeys);
}

/// The keys of at most `maxRows` sequences in as many shares as make
/// `mostCtas`.
static void buildSplit(FormContext &context, DecodeAttention attention,
                       int64_t maxRows, int64_t mostCtas) {
  int64_t ctas = attention.kvHeads * attention.headTiles;
  FormBuilder form = context.begin({.maxRows = maxRows, .oneToken = true});
  // At no batch more shares than a window has tiles.
  AffineExpr least = form.symbol(Symbol::B) * ctas;
  if (attention.window)
    least = least + mostCtas / windowTiles(attention);
  attention.shares = form.constant(mostCtas).floorDiv(least);
  AffineExpr rows = form.symbol(Symbol::B) * attention.heads * attention.shares;
  attention.parts = Place::ofScratch(form.reserve(rows * (attention.dim * 4)));
  attention.tops = Place::ofScratch(form.reserve(rows * 8));
  buildAttend(form, attention);
  buildCombine(form, attention);
  form.finish();
}

/// Two CTAs fit an SM, and all SMs should have as many: 16 sequences of 64K
/// keys took 277 µs with 160 CTAs, 256 with twice as many as fit, and more. Of
/// a single sequence, half as many shares with as many copies under way are
/// combined sooner.
static void buildDecode(FormContext &context, AttentionOp op) {
  DecodeAttention attention(op);
  int64_t ctas = attention.kvHeads * attention.headTiles;
  bool isShort = attention.window && windowTiles(attention) < 2 * kMinTiles;
  if (!isShort && ctas <= kMultiprocessors) {
    if (!attention.window) {
      DecodeAttention one = attention;
      one.slots = kRingBytes / (2 * 2 * DecodeAttention::kKeys * one.dim);
      buildSplit(context, one, 1, kMultiprocessors);
    }
    buildSplit(context, attention, kMultiprocessors / ctas,
               2 * kMultiprocessors);
  }
  FormBuilder form = context.begin({.maxRows = 0, .oneToken = true});
  buildAttend(form, attention);
  form.finish();
}

void jet::buildForms(FormContext &context, AttentionOp op) {
  if (!isSupported(op))
    return;
  if (!op.getK())
    buildDecode(context, op);
  buildPrefill(context, op);
}
