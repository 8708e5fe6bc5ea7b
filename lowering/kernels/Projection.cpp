// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//   y_i[m, n] = Σ_k x[m, k] · w_i[n, k];  result = code(y_0, y_1, …)
//
// With few rows m this is a copy of the weights with arithmetic attached. The
// tensor cores multiply the other way round, yᵀ = W·xᵀ: 64 rows of weights fill
// an instruction, however few the rows of x.
//
//   producer (1 warp)     for each 64 of k: wait empty[slot]; TMA 2×64 rows of
//                         weights and all rows of x, to full[slot]
//   consumers (2 groups)  for each 64 of k: wait full[slot]; wgmma of 64 of
//                         these rows; the slot before is free
//   all                   partial sums to shared memory, turned round; the CTAs
//                         that share k send each other parts of them, and add
//                         them up in the order of their ranks; code; store
//
// A cluster are the parts of k of a tile of columns.
//
// A result of one product gives the groups 64 columns each, of two products one
// product each. Weights do not depend on the launch before: the first slots are
// filled before it has ended.
//
// Launches of 17 to 128 rows are EvenProjection.cpp's, of more
// LargeProjection.cpp's.
//
// At most 8 rows that a stage would have to round first are made by each CTA
// itself, its part of k, while the ring fills (OwnRows.h): one launch less.
//
// Tried and rejected: to let the next launch begin only when the last copy is
// under way, or behind the products, so that what it copies fills the time in
// which this one finishes. With one row two products of 17920 columns take 14.5
// to 17 µs so instead of 19 where they follow each other, but a step of
// Jet-Nemotron-2B 1.39 to 1.41 ms instead of 1.35.
//
// Shared memory: a ring of slots of 16 KB of weights and 128 bytes a row of x;
// the partial sums lie in the same bytes. Mostly two CTAs an SM: one copies
// while the other adds up.

#include "lowering/kernels/Projection.h"
#include "lowering/kernels/Elements.h"
#include "lowering/kernels/OwnRows.h"
#include "lowering/kernels/ProjectionRing.h"

#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace jet;

using Values = TileBuilder::Values;
using Ring = TileBuilder::Ring;

namespace {

constexpr int64_t kGroups = 2, kConsumers = kGroups * 128;
constexpr int64_t kStep = ProjectionRing::kStep;
static_assert(kStep == OwnRows::kStep);
constexpr int64_t kGroupColumns = 64, kWidth = kGroups * kGroupColumns;
/// Two CTAs fit an SM. Tried and rejected: more CTAs than run at once (29 µs
/// became 36).
constexpr int64_t kRingBytes = 108 * 1024;
/// Rows of partial sums are longer by 4, so that the columns of an accumulator
/// go to different banks.
constexpr int64_t kPadding = 4;

class ProjectionKernel {
public:
  ProjectionKernel(FormBuilder &form, StringRef what, const Projection &spec)
      : spec(spec), steps(llvm::divideCeil(spec.inner, kStep)),
        rows(spec.size.tileRows), first(firstTiles(spec.outputs, kWidth)),
        tiles(first.back()), splits(chooseSplits()),
        slots((kRingBytes - ownBytes() - sentBytes()) / shape().slotBytes()),
        stage(form, what, kConsumers + 32, {form.constant(tiles * splits)},
              splits),
        b(stage.b), ring(stage, spec, shape(), slots) {}

  void build();

private:
  ProjectionRing::Shape shape() const {
    return {kGroups, kGroupColumns, 1, spec.ownsRows ? 0 : rows};
  }
  /// The CTA's part of x, where it makes it itself.
  int64_t ownSteps() const {
    return spec.ownsRows ? llvm::divideCeil(steps, splits) : 0;
  }
  int64_t ownBytes() const { return OwnRows::bytes(rows, ownSteps()); }
  static int64_t columnsOf(const ProjectionOutput &output) {
    return kWidth / int64_t(output.weights.size());
  }
  /// As many CTAs along k as the machine has room for, if there are few tiles.
  int64_t chooseSplits() const {
    int64_t size = 1;
    while (size < 8 && tiles * size <= kMultiprocessors &&
           steps / (size * 2) >= 2)
      size *= 2;
    return size;
  }
  /// Whether each part of k sends its sums to the CTAs that add them up: there
  /// is room for what arrives beside the rings, so that the CTAs meet once.
  /// Tried and rejected: elements straight from accumulators, which are not
  /// neighbours in a row (9.0 µs became 9.5, 1536 columns of k = 8960).
  bool sends() const { return splits > 1; }
  /// f32 that a CTA adds up, and gets from each part.
  int64_t sentSize() const { return rows * kGroups * kGroupColumns / splits; }
  int64_t sentBytes() const { return sends() ? splits * sentSize() * 4 : 0; }

  void allocate();
  void initialize();
  void
  forOutput(llvm::function_ref<void(const ProjectionOutput &, Value)> body) {
    jet::forOutput(b, spec.outputs, first, tile, body);
  }
  void syncCluster(bool all);
  void consume();
  void send(const ProjectionOutput &output);
  void writeOutput(const ProjectionOutput &output, Value local);
  Values placeOf(const ProjectionOutput &output, int64_t i, Value m, Value n);
  Value addUp(llvm::function_ref<Value(int64_t part)> sumOfPart);

  const Projection &spec;
  int64_t steps, rows;
  SmallVector<int64_t> first; // tiles of the outputs
  int64_t tiles, splits, slots;
  Stage stage;
  TileBuilder &b;
  ProjectionRing ring;
  std::optional<OwnRows> own;
  Value partials, sent;
  Value tile, beginStep, endStep;
  Value part; // of k, the CTA's rank in its cluster
};

void ProjectionKernel::allocate() {
  Type bf16 = b.getBF16Type();
  // One allocation: the partial sums take the place of the ring.
  Value bytes = b.alloc(b.shared({ring.bytes() / 128, kStep}, bf16, 128));
  ring.allocate(bytes);
  if (spec.ownsRows)
    own.emplace(stage, spec.input, rows, ownSteps(), kConsumers);
  partials = tile::ReuseOp::create(
      b, b.shared({kGroups, rows, kGroupColumns + kPadding}, b.getF32Type()),
      bytes, 0);
  if (sends())
    sent = b.alloc(b.shared({splits, sentSize()}, b.getF32Type()));
}

void ProjectionKernel::initialize() {
  ring.initialize(/*consumers=*/kGroups);
  // Others write to this CTA's memory.
  syncCluster(splits > 1);
  part = splits == 1 ? b.index(0) : b.clusterRank();
  tile = b.div(b.blockX(), splits);
  beginStep = b.div(b.mul(part, steps), splits);
  endStep = b.div(b.mul(b.add(part, 1), steps), splits);
}

void ProjectionKernel::syncCluster(bool all) {
  if (all)
    tile::ClusterSyncOp::create(b);
  else
    b.sync();
}

void ProjectionKernel::consume() {
  Value group = tile::WarpgroupIdOp::create(b);
  Value leads = b.equal(b.rem(b.threadId(), 128), 0);
  if (own)
    own->make(b.min(stage.size(spec.rows), b.index(rows)), beginStep, endStep,
              /*barrier=*/1);
  auto type = tile::AccType::get(b.getContext(), 64, rows);
  Value start = tile::SplatOp::create(b, type, b.f32(0));
  Values inits = {start, b.index(0), b.i32(0), b.index(0)};
  // One group of wgmma runs while the next slot is awaited.
  Value sums =
      b.loop(beginStep, endStep, b.index(1), inits,
             [&](Value step, ValueRange carried) -> Values {
               Ring at{carried[1], carried[2]};
               b.wait(ring.full, at.slot, at.parity);
               Value x = own ? own->tile(b.sub(step, beginStep))
                             : b.slice(ring.x, {at.slot, b.index(0)});
               tile::WgmmaFenceOp::create(b);
               Value next = tile::WgmmaOp::create(
                   b, type, b.slice(ring.weights, {at.slot, group}), x,
                   carried[0], UnitAttr());
               tile::WgmmaCommitOp::create(b);
               tile::WgmmaWaitOp::create(b, TypeRange(), 1, ValueRange());
               Value later = b.inverse(b.equal(step, beginStep));
               b.ifThen(b.both(later, leads),
                        [&] { b.arrive(ring.empty, carried[3]); });
               Ring after = b.advance(at, slots);
               return {next, after.slot, after.parity, at.slot};
             })[0];
  sums = tile::WgmmaWaitOp::create(b, TypeRange(type), 0, ValueRange{sums})
             .getResult(0);
  b.sync(1, kConsumers); // both groups are done with the rings
  tile::StoreAccOp::create(b, sums, b.slice(partials, {group}), b.index(0),
                           b.index(0), Value(), Value(),
                           /*transposed=*/b.getUnitAttr());
  if (!sends())
    return;
  b.sync(1, kConsumers);
  forOutput([&](const ProjectionOutput &output, Value) { send(output); });
}

/// Of the tile's units, which are vectors of a row of the result, the first
/// ones belong to the first part of k, and so on.
void ProjectionKernel::send(const ProjectionOutput &output) {
  int64_t products = output.weights.size(), width = vectorWidth(output.columns);
  int64_t units = columnsOf(output) / width;
  int64_t share = rows * units / splits;
  Value count = b.min(stage.size(spec.rows), b.index(rows));
  b.loop(b.threadId(), b.mul(count, units), b.index(kConsumers),
         [&](Value unit) {
           Value m = b.div(unit, units);
           Value n = b.mul(b.rem(unit, units), width);
           Value at = b.mul(b.rem(unit, share), products * width);
           for (int64_t i = 0; i < products; ++i)
             tile::StoreRemoteOp::create(
                 b, b.load(partials, placeOf(output, i, m, n), width), sent,
                 ValueRange{part, b.add(at, i * width)}, b.div(unit, share));
         });
}

/// Where the sums of product `i` are among the groups'.
Values ProjectionKernel::placeOf(const ProjectionOutput &output, int64_t i,
                                 Value m, Value n) {
  if (output.isPaired())
    return {b.index(i), m, n};
  return {b.div(n, kGroupColumns), m, b.rem(n, kGroupColumns)};
}

void ProjectionKernel::writeOutput(const ProjectionOutput &output,
                                   Value local) {
  int64_t products = output.weights.size(), width = vectorWidth(output.columns);
  int64_t columns = columnsOf(output), units = columns / width; // of a row
  Value firstColumn = b.mul(local, columns);
  Value count = b.min(stage.size(spec.rows), b.index(rows));
  // Of the units those that were sent here.
  int64_t share = rows * units / splits;
  Value first = b.index(0), end = b.mul(count, units);
  if (sends()) {
    first = b.mul(part, share);
    end = b.min(end, b.add(first, share));
  }
  b.loop(b.add(first, b.threadId()), end, b.index(kConsumers), [&](Value unit) {
    Value m = b.div(unit, units);
    Value n = b.mul(b.rem(unit, units), width);
    Value column = b.add(firstColumn, n);
    b.ifThen(b.less(column, output.columns), [&] {
      SmallVector<Values> sums;
      for (int64_t i = 0; i < products; ++i) {
        Value at =
            b.add(b.mul(b.sub(unit, first), products * width), i * width);
        Values place = placeOf(output, i, m, n);
        sums.push_back(b.split(addUp([&](int64_t other) -> Value {
          return sends() ? b.load(sent, {b.index(other), at}, width)
                         : b.load(partials, place, width);
        })));
        if (own)
          own->scale(sums.back(), m);
      }
      output.make(stage, m, column, width, sums)();
    });
  });
}

/// The sum over the parts of k, in their order.
Value ProjectionKernel::addUp(llvm::function_ref<Value(int64_t)> sumOfPart) {
  Value sum;
  for (int64_t other = 0; other < splits; ++other) {
    Value theirs = sumOfPart(other);
    sum = sum ? b.addf(sum, theirs) : theirs;
  }
  return sum;
}

void ProjectionKernel::build() {
  stage.setOverlaps();
  allocate();
  initialize();
  tile::LaunchDependentsOp::create(b);
  b.roles({{"consumers", kConsumers, 0, [&] { consume(); }},
           {"producer", 32, 0,
            [&] { ring.produce({tile, beginStep, endStep, tiles, tiles}); }}});
  syncCluster(splits > 1);
  tile::WaitDependenciesOp::create(b);
  b.ifThen(b.less(b.threadId(), kConsumers), [&] {
    forOutput([&](const ProjectionOutput &output, Value local) {
      writeOutput(output, local);
    });
  });
  stage.finish();
}

} // namespace

SmallVector<int64_t> jet::firstTiles(ArrayRef<ProjectionOutput> outputs,
                                     int64_t width) {
  SmallVector<int64_t> first = {0};
  for (const ProjectionOutput &output : outputs)
    first.push_back(first.back() +
                    llvm::divideCeil(output.columns,
                                     width / int64_t(output.weights.size())));
  return first;
}

void jet::forOutput(
    TileBuilder &b, ArrayRef<ProjectionOutput> outputs, ArrayRef<int64_t> first,
    Value tile,
    llvm::function_ref<void(const ProjectionOutput &, Value)> body) {
  auto ofFirst = [&] { body(outputs[0], b.sub(tile, b.index(first[0]))); };
  if (outputs.size() == 1)
    return ofFirst();
  b.ifElse(b.less(tile, first[1]), ofFirst, [&] {
    forOutput(b, outputs.drop_front(), first.drop_front(), tile, body);
  });
}

SmallVector<ProjectionSize> jet::projectionSizes(const TileChoice &choice,
                                                 const LargeProduct &product) {
  SmallVector<ProjectionSize> sizes(ArrayRef(kProjectionSizes).drop_back());
  for (const TileChoice::Part &part : choice.choose(product))
    sizes.push_back({128, true, part.tile, part.maxRows});
  return sizes;
}

SmallVector<Values> jet::loadBias(Stage &stage, unsigned operand, Value column,
                                  int64_t width) {
  TileBuilder &b = stage.b;
  return {b.split(b.load(stage.operand(operand), {column}, width))};
}

Values jet::addBias(Stage &stage, unsigned operand, Value column, int64_t width,
                    ArrayRef<Values> products) {
  TileBuilder &b = stage.b;
  Values sums = products.front();
  Values addends = products.size() > 1
                       ? products.back()
                       : loadBias(stage, operand, column, width).front();
  for (auto [sum, addend] : llvm::zip_equal(sums, addends))
    sum = b.addf(sum, b.convert(addend, b.getF32Type()));
  return sums;
}

void jet::buildProjection(FormBuilder &form, StringRef what,
                          Projection projection) {
  int64_t rows = projection.size.tileRows;
  if (projection.size.manyRows) {
    if (projection.input.eps && isRoundedButForScale(form, projection.input)) {
      projection.x = Place::ofOperand(projection.input.operand);
      projection.scales = makeScales(form, projection.input);
    } else {
      projection.x = roundRows(form, projection.input);
    }
    return buildLargeProjection(form, what, projection);
  }
  if (rows >= 64) {
    projection.x =
        roundRows(form, projection.input, copyAheadOfEven(projection));
    return buildEvenProjection(form, what, projection);
  }
  // Rows that leave room for the weights.
  projection.ownsRows = rows == 8 &&
                        rows * projection.inner * 2 <= kRingBytes / 2 &&
                        !isRounded(form, projection.input);
  if (!projection.ownsRows)
    projection.x = roundRows(form, projection.input);
  ProjectionKernel(form, what, projection).build();
}
