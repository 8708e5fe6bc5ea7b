// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// jet.delta_step for a few sequences, which are spread over many CTAs.
// DeltaStep.cpp has the equations. A CTA owns some columns of one head of one
// sequence; the CTAs of a head are a cluster, because the norm is over all of
// its columns.
//
//   thread 0            TMA of the weights of its columns' taps, and of its
//                       columns of S, to shared memory
//   all                 h to shared memory in bf16; what else the next need is
//                       on its way
//   a thread a tap      Σ h w, unless another stage has made the taps
//   meanwhile
//     a thread a column   v, the tail, the gate
//     a warp              q, k to unit length, q · k, γ, β
//   all                 Σ k S and Σ q S over a part of the rows; S' in place of
//                       S
//   thread 0            TMA of S' to memory
//   cluster             Σ y²; y
//
// The weights are read again for each sequence, but before the launch before
// has ended: for one or two that takes less time than a stage of their own.

#include "lowering/kernels/DeltaStep.h"
#include "lowering/kernels/Elements.h"

#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace jet;

using Values = TileBuilder::Values;

namespace {

/// Columns of a CTA; a thread for each of their taps.
constexpr int64_t kColumns = 32, kThreads = StateTile::kThreads;
constexpr int64_t kWidth = StateTile::kWidth;
constexpr int64_t kStep = 64; // of h: a swizzled row of 128 bytes
constexpr int64_t kMostWeightBytes = 96 * 1024;

int64_t innerOf(GeneratedConvOp conv) {
  return cast<RankedTensorType>(conv.getWeight().getType()).getDimSize(1);
}

class SpreadKernel {
public:
  SpreadKernel(FormBuilder &form, DeltaStepOp op, std::optional<Place> given)
      : conv(op.getConvolution()), type(op.getRule().getState().getType()),
        keyDim(type.getKeyDim()), valueDim(type.getValueDim()),
        splits(llvm::divideCeil(valueDim, kColumns)), inner(innerOf(conv)),
        steps(llvm::divideCeil(inner, kStep)),
        stage(form, "step", kThreads,
              {form.constant(splits), form.constant(type.getHeads()),
               form.symbol(Symbol::B)},
              splits),
        b(stage.b), inputs(stage, op), own(b, type, kColumns),
        tapCount(kColumns * inputs.width()), given(given) {}

  void build();

private:
  void allocate();
  void locate();
  void loadAhead();
  void loadWeights();
  void storeHidden();
  void generateTaps();
  void prepare();
  void sumSquares();
  void writeResult();

  void syncHead();
  bool hasGate() { return inputs.hasGate(); }
  /// Null where all columns are the head's.
  Value isValid(Value column) {
    return valueDim % kColumns ? b.less(column, valueDim) : Value();
  }
  Value ifValid(Value valid, Value condition) {
    return valid ? b.both(valid, condition) : condition;
  }

  GeneratedConvOp conv;
  RecurrentStateType type;
  int64_t keyDim, valueDim, splits;
  int64_t inner, steps; // of h
  Stage stage;
  TileBuilder &b;
  StepInputs inputs;
  StateTile own;
  int64_t tapCount;
  std::optional<Place> given; // taps that another stage has made
  BatchLine line;
  // Shared memory: the weights of the taps; S; h; the taps; q and k; v;
  // weight · silu(gate); γ, β, q·k; the warps' sums; Σ y².
  Value weights, state, hidden, taps;
  Value keys, values, gains, scalars, sums, squares, full;
  Value thread, head, firstColumn, firstTap;
  Values y; // of the thread's columns
};

/// All threads of the CTAs of the head.
void SpreadKernel::syncHead() {
  if (splits == 1)
    b.sync();
  else
    tile::ClusterSyncOp::create(b);
}

void SpreadKernel::allocate() {
  Type f32 = b.getF32Type(), bf16 = b.getBF16Type();
  if (!given) {
    weights = b.alloc(b.shared({steps, tapCount, kStep}, bf16, 128));
    hidden = b.alloc(b.shared({steps * kStep}, bf16));
    taps = b.alloc(b.shared({tapCount}, f32));
  }
  state = b.alloc(b.shared({keyDim, kColumns}, type.getElementType()));
  keys = b.alloc(b.shared({keyDim, 2}, f32));
  values = b.alloc(b.shared({kColumns}, f32));
  gains = b.alloc(b.shared({kColumns}, f32));
  scalars = b.alloc(b.shared({3}, f32));
  sums = b.alloc(own.sumsType());
  squares = b.alloc(b.shared({1}, f32));
  full = b.alloc(tile::BarriersType::get(b.getContext(), 2));
}

void SpreadKernel::locate() {
  thread = b.threadId();
  head = b.blockY();
  firstColumn = b.mul(b.blockX(), kColumns);
  firstTap = b.mul(b.add(b.mul(head, valueDim), firstColumn), inputs.width());
  own.locate();
  line = inputs.readLine(b.blockZ());
}

/// Starts the copies of the weights, to full[0], and of S, to full[1].
void SpreadKernel::loadAhead() {
  Value one = b.index(1);
  b.ifThen(b.equal(thread, 0), [&] {
    b.initBarriers(full, 1);
    tile::FenceBarriersOp::create(b);
  });
  b.sync();
  int64_t bytes =
      keyDim * kColumns * type.getElementType().getIntOrFloatBitWidth() / 8;
  b.ifThen(b.equal(thread, 0), [&] {
    if (!given)
      loadWeights();
    b.expect(full, one, bytes);
    tile::TmaLoadOp::create(
        b, inputs.stateMap(kColumns),
        ValueRange{inputs.stateRow(line.slot, head), firstColumn}, state, full,
        one, Value(), tile::EvictAttr::get(b.getContext(), tile::Evict::first));
  });
}

void SpreadKernel::loadWeights() {
  FormBuilder &form = stage.form;
  Value zero = b.index(0);
  Value map = stage.map(
      Place::ofOperand(form.operandOf(conv, 2)),
      {form.constant(inputs.channels() * inputs.width()), form.constant(inner)},
      {tapCount, kStep}, b.getBF16Type(), 128);
  b.expect(full, zero, tapCount * steps * kStep * 2);
  for (int64_t step = 0; step < steps; ++step)
    tile::TmaLoadOp::create(b, map, ValueRange{firstTap, b.index(step * kStep)},
                            b.slice(weights, {b.index(step)}), full, zero,
                            Value(), tile::EvictAttr());
}

/// h in bf16, and zeros behind it, as the copies of the weights have.
void SpreadKernel::storeHidden() {
  RowInput input;
  input.operand = stage.form.operandOf(conv, 1);
  RowReader reader(stage, input);
  int64_t width = reader.width();
  auto type = VectorType::get(width, b.getBF16Type());
  b.loop(b.mul(thread, width), b.index(steps * kStep),
         b.index(kThreads * width), [&](Value k) {
           auto store = [&] {
             b.store(reader.round(reader.read(line.row, k), k, Value()), hidden,
                     {k});
           };
           if (inner % kStep == 0)
             return store();
           b.ifElse(b.less(k, inner), store, [&] {
             b.store(arith::ConstantOp::create(b, b.getZeroAttr(type)), hidden,
                     {k});
           });
         });
}

/// The tap that is the thread's number. Behind the last there is no weight.
void SpreadKernel::generateTaps() {
  constexpr int64_t kChunk = 8;
  Type f32 = b.getF32Type();
  Value own = b.min(thread, b.index(tapCount - 1));
  Value last = b.index(inputs.channels() * inputs.width() - 1);
  Value bias = b.load(stage.operand(stage.form.operandOf(conv, 3)),
                      {b.min(b.add(firstTap, own), last)});
  b.wait(full, b.index(0), b.i32(0));
  Values sums(kChunk, b.f32(0));
  for (int64_t step = 0; step < steps; ++step)
    sums = b.loop(
        b.index(0), b.index(kStep), b.index(kChunk), sums,
        [&](Value k, ValueRange carried) -> Values {
          Values next(carried);
          Values w = b.split(b.load(weights, {b.index(step), own, k}, kChunk));
          Values x = b.split(b.load(hidden, {b.add(k, step * kStep)}, kChunk));
          for (int64_t i = 0; i < kChunk; ++i)
            next[i] =
                b.fma(b.convert(w[i], f32), b.convert(x[i], f32), next[i]);
          return next;
        });
  Value sum = b.convert(bias, f32);
  for (Value part : sums)
    sum = b.addf(sum, part);
  b.store(sum, taps, {own}, b.less(thread, tapCount));
}

/// v, q, k and what else the rule needs.
void SpreadKernel::prepare() {
  // All is loaded before the first use; columns behind the head's last do its
  // work again.
  Value number = b.add(firstColumn, b.rem(thread, kColumns));
  Value valid = isValid(number);
  if (valid)
    number = b.min(number, b.index(valueDim - 1));
  StepInputs::Column made = inputs.loadColumn(line, head, number);
  StepInputs::Keys unit = inputs.loadKeys(line, head);
  Values tapsOfColumn;
  if (given) {
    tapsOfColumn = inputs.loadTaps(*given, line, made);
  } else {
    storeHidden();
    b.sync();
    generateTaps();
    b.sync();
  }
  Value warp = b.warpId();
  b.ifThen(b.equal(warp, 0), [&] {
    for (int64_t j = 0; !given && j < inputs.width(); ++j)
      tapsOfColumn.push_back(
          b.load(taps, {b.add(b.mul(thread, inputs.width()), j)}));
    b.store(inputs.finishColumn(line, made, tapsOfColumn, valid), values,
            {thread});
    if (hasGate())
      b.store(made.gain, gains, {thread});
  });
  b.ifThen(b.equal(warp, 1), [&] {
    inputs.finishKeys(unit);
    inputs.storeKeys(unit, keys, scalars);
  });
  b.sync();
}

/// Σ y² of the CTA's columns: the first threads have them all.
void SpreadKernel::sumSquares() {
  b.ifThen(b.equal(b.warpId(), 0), [&] {
    Value sum = b.f32(0);
    for (Value element : y)
      sum = b.fma(element, element, sum);
    Value counts = ifValid(isValid(b.add(firstColumn, own.column)),
                           b.equal(own.rowGroup, 0));
    sum = b.sumOfWarp(b.select(counts, sum, b.f32(0)));
    b.ifThen(b.equal(b.laneId(), 0),
             [&] { b.store(sum, squares, {b.index(0)}); });
  });
}

void SpreadKernel::writeResult() {
  if (hasGate()) {
    Value total;
    for (int64_t rank = 0; rank < splits; ++rank) {
      Value part = splits == 1 ? b.load(squares, {b.index(0)})
                               : Value(tile::LoadRemoteOp::create(
                                     b, b.getF32Type(), squares,
                                     ValueRange{b.index(0)}, b.index(rank)));
      total = total ? b.addf(total, part) : part;
    }
    // Others may still read this CTA's sum.
    if (splits > 1)
      tile::ClusterSyncOp::create(b);
    Value factor = inputs.inverseNorm(total);
    Values gain = b.split(b.load(gains, {own.column}, kWidth));
    for (int64_t c = 0; c < kWidth; ++c)
      y[c] = b.mulf(b.mulf(y[c], factor), gain[c]);
  }
  Value result = inputs.result();
  Type type = cast<MemRefType>(result.getType()).getElementType();
  for (Value &element : y)
    element = b.convert(element, type);
  Value first = b.add(firstColumn, own.column);
  b.ifThen(ifValid(isValid(first), b.equal(own.rowGroup, 0)),
           [&] { b.store(b.join(y), result, {line.row, head, first}); });
}

void SpreadKernel::build() {
  stage.setOverlaps();
  allocate();
  // Before the wait: the batch, and S, of which each launch of a step writes
  // its own layer's. What wrote them has ended, since a step begins with a copy
  // of its inputs, which waits for all launches before it.
  locate();
  loadAhead();
  tile::LaunchDependentsOp::create(b);
  tile::WaitDependenciesOp::create(b);
  prepare();
  b.wait(full, b.index(1), b.i32(0));
  own.accumulate(state, keys, sums);
  b.sync();
  y = own.combine(sums, b.split(b.load(values, {own.column}, kWidth)), scalars);
  if (hasGate())
    sumSquares();
  own.update(state, keys);
  tile::FenceAsyncOp::create(b); // TMA reads S'
  if (hasGate())
    syncHead();
  else
    b.sync();
  Value first = inputs.stateRow(line.slot, head);
  b.ifThen(b.equal(thread, 0), [&] {
    tile::TmaStoreOp::create(b, state, inputs.stateMap(kColumns),
                             ValueRange{first, firstColumn});
    tile::BulkCommitOp::create(b);
  });
  writeResult();
  // Shared memory is the CTA's until it has been read.
  b.ifThen(b.equal(thread, 0), [&] {
    tile::BulkWaitOp::create(b, b.getI32IntegerAttr(0), b.getUnitAttr());
  });
  stage.finish();
}

} // namespace

bool jet::canGenerateTaps(GeneratedConvOp conv) {
  int64_t width = conv.getTail().getType().getRows() + 1;
  return kColumns * width * llvm::alignTo(innerOf(conv), kStep) * 2 <=
         kMostWeightBytes;
}

void jet::buildDeltaSpread(FormBuilder &form, DeltaStepOp op,
                           std::optional<Place> taps) {
  SpreadKernel(form, op, taps).build();
}
