// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// jet.delta_step, one token of each sequence. γ = e^g; S' is S after the step.
//
//   taps[n]  = Σ_g h[g] · w[n, g] + bias[n]                   (rows, project)
//   v[c]     = code(Σ_j taps[W c + j] · ext[j, c]),  ext = tail rows, then u
//   δ[c]     = β (v[c] − γ Σ_i k[i] S[i, c])
//   y[c]     = γ Σ_i q[i] S[i, c] + (Σ_i q[i] k[i]) δ[c],  which is q · S'
//   S'[i, c] = γ S[i, c] + k[i] δ[c]
//   y        = rms_norm(y) · silu(gate)
//
// The last stage is a copy of the states with arithmetic attached. A CTA owns
// some columns of one head of one sequence; the CTAs of a head are a cluster,
// because the norm is over all of its columns.
//
//   thread 0            TMA of S's columns to shared memory
//   meanwhile
//     a thread a column   v, the tail, the gate
//     a warp              q, k to unit length, q · k
//     a warp              γ, β
//   all                 Σ k S and Σ q S over a part of the rows, for 4 columns;
//                       the parts are added up in the order of the rows
//   all                 S' in place of S
//   thread 0            TMA of S' to memory
//   cluster             Σ y²; y
//
// y comes from S and not from S', so that one pass over S gives both sums. S is
// read and written once; a CTA is small, and while some on an SM wait for S
// others write S'.

#include "lowering/kernels/DeltaRule.h"
#include "lowering/kernels/Elements.h"

#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace jet;

using Values = TileBuilder::Values;

namespace {

constexpr int64_t kThreads = 128;
/// Columns of a thread: a vector of 16 bytes of f32.
constexpr int64_t kWidth = 4;

class StepKernel {
public:
  /// `columns` of a CTA: 32 or 64, so that with kWidth a row takes less than a
  /// warp, and columns and the two other warps fit in the CTA.
  StepKernel(FormBuilder &form, DeltaStepOp op, Place taps, int64_t columns)
      : conv(op.getConvolution()), rule(op.getRule()), taps(taps),
        type(rule.getState().getType()), keyDim(type.getKeyDim()),
        valueDim(type.getValueDim()), columns(columns),
        rowGroups(kThreads / (columns / kWidth)),
        splits(llvm::divideCeil(valueDim, columns)),
        stage(form, "step", kThreads,
              {form.constant(splits), form.constant(type.getHeads()),
               form.symbol(Symbol::B)},
              splits),
        b(stage.b), inputs(stage, rule) {}

  void build();

private:
  void allocate();
  void locate();
  void loadState();
  void convolve();
  void prepareKeys();
  void prepareGates();
  void accumulate();
  void combine();
  void update();
  void sumSquares();
  void writeResult();

  FormBuilder &form() { return stage.form; }
  void syncHead();
  Values forRows(ValueRange inits,
                 llvm::function_ref<Values(Value, ValueRange)> body);
  Value stateMap();
  bool hasGate() { return static_cast<bool>(rule.getGate()); }
  /// Null where all columns are the head's.
  Value isValid(Value column) {
    return valueDim % columns ? b.less(column, valueDim) : Value();
  }
  Value ifValid(Value valid, Value condition) {
    return valid ? b.both(valid, condition) : condition;
  }

  GeneratedConvOp conv;
  GatedDeltaRuleOp rule;
  Place taps; // f32 [R, H·Dv·W]
  RecurrentStateType type;
  int64_t keyDim, valueDim, columns, rowGroups, splits;
  Stage stage;
  TileBuilder &b;
  RuleInputs inputs;
  // Shared memory: S; q and k; v; weight · silu(gate); γ, β, q·k; the sums over
  // groups of rows of k S and q S; Σ y².
  Value state, keys, values, gains, scalars, partials, squares, full;
  Value thread, slot, row, head, firstColumn;
  // The thread's rows and columns; γ; δ and y of its columns.
  Value rowGroup, column, decay;
  Values delta, y;
};

/// The thread's rows of S.
Values StepKernel::forRows(ValueRange inits,
                           llvm::function_ref<Values(Value, ValueRange)> body) {
  if (keyDim % rowGroups)
    return b.loop(rowGroup, b.index(keyDim), b.index(rowGroups), inits, body);
  // As many rows for each thread, which can be unrolled.
  return b.loop(b.index(0), b.index(keyDim / rowGroups), b.index(1), inits,
                [&](Value i, ValueRange carried) {
                  return body(b.add(b.mul(i, rowGroups), rowGroup), carried);
                });
}

/// All threads of the CTAs of the head.
void StepKernel::syncHead() {
  if (splits == 1)
    b.sync();
  else
    tile::ClusterSyncOp::create(b);
}

void StepKernel::allocate() {
  Type f32 = b.getF32Type();
  state = b.alloc(b.shared({keyDim, columns}, type.getElementType()));
  keys = b.alloc(b.shared({keyDim, 2}, f32));
  values = b.alloc(b.shared({columns}, f32));
  gains = b.alloc(b.shared({columns}, f32));
  scalars = b.alloc(b.shared({3}, f32));
  partials = b.alloc(b.shared({rowGroups, 2, columns}, f32));
  squares = b.alloc(b.shared({1}, f32));
  full = b.alloc(tile::BarriersType::get(b.getContext(), 1));
}

void StepKernel::locate() {
  thread = b.threadId();
  head = b.blockY();
  firstColumn = b.mul(b.blockX(), columns);
  rowGroup = b.div(thread, columns / kWidth);
  column = b.mul(b.rem(thread, columns / kWidth), kWidth);
  BatchLine line = readBatch(stage, form().operandOf(rule, 6), b.blockZ());
  slot = line.slot;
  row = line.row;
}

/// The state of all slots and heads as one matrix.
Value StepKernel::stateMap() {
  AffineExpr rows = form().symbol(Symbol::S) * (type.getHeads() * keyDim);
  return stage.map(Place::ofOperand(form().operandOf(rule, 5)),
                   {rows, form().constant(valueDim)}, {keyDim, columns},
                   type.getElementType(), 0);
}

void StepKernel::loadState() {
  b.ifThen(b.equal(thread, 0), [&] {
    b.initBarriers(full, 1);
    tile::FenceBarriersOp::create(b);
  });
  b.sync();
  int64_t bytes =
      keyDim * columns * type.getElementType().getIntOrFloatBitWidth() / 8;
  Value first = b.mul(b.add(b.mul(slot, type.getHeads()), head), keyDim);
  b.ifThen(b.equal(thread, 0), [&] {
    b.expect(full, b.index(0), bytes);
    tile::TmaLoadOp::create(
        b, stateMap(), ValueRange{first, firstColumn}, state, full, b.index(0),
        Value(), tile::EvictAttr::get(b.getContext(), tile::Evict::first));
  });
}

/// v and the gate of the column of the CTA that is the thread's number. Columns
/// behind the head's last do its work again.
void StepKernel::convolve() {
  Type f32 = b.getF32Type();
  Value own = b.add(firstColumn, thread), valid = isValid(own);
  if (valid)
    own = b.min(own, b.index(valueDim - 1));
  Value channel = b.add(b.mul(head, valueDim), own);
  int64_t count = conv.getTail().getType().getRows() + 1;
  Value all = stage.memory(
      taps, MemRefType::get({ShapedType::kDynamic,
                             conv.getTail().getType().getChannels() * count},
                            f32));
  Value first = b.mul(channel, count);
  Values weights;
  if (llvm::isPowerOf2_64(count))
    weights = b.split(b.load(all, {row, first}, count));
  else
    for (int64_t j = 0; j < count; ++j)
      weights.push_back(b.load(all, {row, b.add(first, j)}));

  Value tail = stage.operand(form().operandOf(conv, 4));
  Values ext;
  for (int64_t j = 0; j + 1 < count; ++j)
    ext.push_back(b.load(tail, {slot, b.index(j), channel}));
  ext.push_back(b.load(inputs.flat(conv, 0), {row, channel}));
  Value sum = b.f32(0);
  for (auto [weight, input] : llvm::zip_equal(weights, ext))
    sum = b.fma(weight, b.convert(input, f32), sum);
  auto ported = cast<PortOpInterface>(conv.getOperation());
  Value v = applyCode(stage, ported, resultPort(0), row, channel, 1,
                      {Values{sum}})[0];
  // What the convolution's result would be rounded to.
  v = b.convert(v, getElementTypeOrSelf(conv.getResult().getType()));
  b.store(b.convert(v, f32), values, {thread});
  for (int64_t j = 0; j + 1 < count; ++j)
    b.store(ext[j + 1], tail, {slot, b.index(j), channel}, valid);

  if (hasGate())
    b.store(inputs.gain(row, head, own), gains, {thread});
}

/// q, k and q · k, by a warp.
void StepKernel::prepareKeys() {
  RuleKeys unit = inputs.keys(row, head);
  for (size_t i = 0; i < unit.at.size(); ++i)
    b.store(b.join({unit.q[i], unit.k[i]}), keys, {unit.at[i], b.index(0)},
            unit.inside[i]);
  b.ifThen(b.equal(b.laneId(), 0),
           [&] { b.store(unit.qk, scalars, {b.index(2)}); });
}

/// γ and β, by a warp; its lanes do the same.
void StepKernel::prepareGates() {
  Value gamma = inputs.decay(row, head), beta = inputs.beta(row, head);
  b.ifThen(b.equal(b.laneId(), 0), [&] {
    b.store(gamma, scalars, {b.index(0)});
    b.store(beta, scalars, {b.index(1)});
  });
}

/// Σ k S and Σ q S of the thread's columns over its rows.
void StepKernel::accumulate() {
  Values sums = forRows(
      Values(2 * kWidth, b.f32(0)), [&](Value i, ValueRange sums) -> Values {
        Values elements = b.split(b.load(state, {i, column}, kWidth));
        Values qk = b.split(b.load(keys, {i, b.index(0)}, 2));
        Values next(sums);
        for (int64_t c = 0; c < kWidth; ++c) {
          Value s = b.convert(elements[c], b.getF32Type());
          next[c] = b.fma(qk[1], s, next[c]);
          next[kWidth + c] = b.fma(qk[0], s, next[kWidth + c]);
        }
        return next;
      });
  for (int64_t i = 0; i < 2; ++i)
    b.store(b.join(ValueRange(sums).slice(i * kWidth, kWidth)), partials,
            {rowGroup, b.index(i), column});
}

/// δ and y before the norm, from the sums over all rows.
void StepKernel::combine() {
  Value sums[2];
  for (int64_t group = 0; group < rowGroups; ++group)
    for (int64_t i = 0; i < 2; ++i) {
      Value part =
          b.load(partials, {b.index(group), b.index(i), column}, kWidth);
      sums[i] = sums[i] ? b.addf(sums[i], part) : part;
    }
  Values ks = b.split(sums[0]), qs = b.split(sums[1]);
  Values v = b.split(b.load(values, {column}, kWidth));
  decay = b.load(scalars, {b.index(0)});
  Value beta = b.load(scalars, {b.index(1)});
  Value qk = b.load(scalars, {b.index(2)});
  for (int64_t c = 0; c < kWidth; ++c) {
    delta.push_back(b.mulf(beta, b.subf(v[c], b.mulf(decay, ks[c]))));
    y.push_back(b.fma(qk, delta[c], b.mulf(decay, qs[c])));
  }
}

/// S' in place of S.
void StepKernel::update() {
  forRows({}, [&](Value i, ValueRange) -> Values {
    Values elements = b.split(b.load(state, {i, column}, kWidth));
    Value k = b.load(keys, {i, b.index(1)});
    for (int64_t c = 0; c < kWidth; ++c) {
      Value s = b.convert(elements[c], b.getF32Type());
      s = b.fma(k, delta[c], b.mulf(decay, s));
      elements[c] = b.convert(s, type.getElementType());
    }
    b.store(b.join(elements), state, {i, column});
    return {};
  });
}

/// Σ y² of the CTA's columns: the first threads have them all.
void StepKernel::sumSquares() {
  b.ifThen(b.equal(b.warpId(), 0), [&] {
    Value sum = b.f32(0);
    for (Value element : y)
      sum = b.fma(element, element, sum);
    Value counts =
        ifValid(isValid(b.add(firstColumn, column)), b.equal(rowGroup, 0));
    sum = b.sumOfWarp(b.select(counts, sum, b.f32(0)));
    b.ifThen(b.equal(b.laneId(), 0),
             [&] { b.store(sum, squares, {b.index(0)}); });
  });
}

void StepKernel::writeResult() {
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
    Values own = b.split(b.load(gains, {column}, kWidth));
    for (int64_t c = 0; c < kWidth; ++c)
      y[c] = b.mulf(b.mulf(y[c], factor), own[c]);
  }
  unsigned operand = form().resultOperand(0);
  MemRefType result = form().argument(operand).memref();
  for (Value &element : y)
    element = b.convert(element, result.getElementType());
  Value own = b.add(firstColumn, column);
  b.ifThen(ifValid(isValid(own), b.equal(rowGroup, 0)), [&] {
    b.store(b.join(y), stage.operand(operand), {row, head, own});
  });
}

void StepKernel::build() {
  stage.setOverlaps();
  allocate();
  // Before the wait: the batch, and S, of which each launch of a step writes
  // its own layer's. What wrote them has ended, since a step begins with a copy
  // of its inputs, which waits for all launches before it.
  locate();
  loadState();
  tile::LaunchDependentsOp::create(b);
  tile::WaitDependenciesOp::create(b);
  Value warp = b.warpId();
  b.ifThen(b.less(thread, columns), [&] { convolve(); });
  b.ifThen(b.equal(warp, columns / 32), [&] { prepareKeys(); });
  b.ifThen(b.equal(warp, columns / 32 + 1), [&] { prepareGates(); });
  b.sync();
  b.wait(full, b.index(0), b.i32(0));
  accumulate();
  b.sync();
  combine();
  if (hasGate())
    sumSquares();
  update();
  tile::FenceAsyncOp::create(b); // TMA reads S'
  if (hasGate())
    syncHead();
  else
    b.sync();
  Value first = b.mul(b.add(b.mul(slot, type.getHeads()), head), keyDim);
  b.ifThen(b.equal(thread, 0), [&] {
    tile::TmaStoreOp::create(b, state, stateMap(),
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

//===----------------------------------------------------------------------===//
// Forms
//===----------------------------------------------------------------------===//

/// h · wᵀ + bias in f32 scratch memory.
static Place storeTaps(FormBuilder &form, GeneratedConvOp conv,
                       ProjectionSize size) {
  int64_t count = cast<ShapedType>(conv.getWeight().getType()).getDimSize(0);
  Place taps = Place::ofScratch(form.reserve(form.rows() * (count * 4)));
  generateTaps(form, conv, "taps", size,
               [=](Stage &stage, Value row, Value column, ArrayRef<Value> own) {
                 auto type = MemRefType::get({ShapedType::kDynamic, count},
                                             stage.b.getF32Type());
                 stage.b.store(stage.b.join(own), stage.memory(taps, type),
                               {row, column});
               });
  return taps;
}

static void buildForm(FormContext &context, DeltaStepOp op, ProjectionSize size,
                      int64_t columns) {
  FormBuilder form = context.begin({size.fits().maxRows, /*oneToken=*/true});
  Place taps = storeTaps(form, op.getConvolution(), size);
  StepKernel(form, op, taps, columns).build();
  form.finish();
}

void jet::buildForms(FormContext &context, DeltaStepOp op) {
  if (!isSupportedConv(op.getConvolution()) || !isSupportedRule(op.getRule()))
    return;
  // A few sequences are spread over more CTAs.
  buildForm(context, op, {16}, /*columns=*/32);
  buildForm(context, op, {64}, /*columns=*/64);
  buildForm(context, op, {128}, /*columns=*/64);
  buildForm(context, op, {128, /*manyRows=*/true}, /*columns=*/64);
}
