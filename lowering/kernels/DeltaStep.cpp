// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// jet.delta_step, one token of each sequence. γ = e^g; S' is S after the step.
//
//   taps[n]  = Σ_g h[g] · w[n, g] + bias[n]
//   v[c]     = code(Σ_j taps[W c + j] · ext[j, c]),  ext = tail rows, then u
//   δ[c]     = β (v[c] − γ Σ_i k[i] S[i, c])
//   y[c]     = γ Σ_i q[i] S[i, c] + (Σ_i q[i] k[i]) δ[c],  which is q · S'
//   S'[i, c] = γ S[i, c] + k[i] δ[c]
//   y        = rms_norm(y) · silu(gate)
//
// y comes from S and not from S', so that one pass over S gives both sums.
//
// A projection makes the taps. The rest is a stage: a few sequences are spread
// over many CTAs (DeltaSpread.cpp), which for one or two also make the taps; of
// more the states are streamed (DeltaStream.cpp). Here is what the two share.

#include "lowering/kernels/DeltaStep.h"

#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace jet;

using Values = TileBuilder::Values;

//===----------------------------------------------------------------------===//
// Inputs
//===----------------------------------------------------------------------===//

Value StepInputs::stateMap(int64_t columns) {
  FormBuilder &form = stage.form;
  AffineExpr rows =
      form.symbol(Symbol::S) * (type().getHeads() * type().getKeyDim());
  return stage.map(Place::ofOperand(form.operandOf(rule, 5)),
                   {rows, form.constant(type().getValueDim())},
                   {type().getKeyDim(), columns}, type().getElementType(), 0);
}

Value StepInputs::stateRow(Value slot, Value head) {
  TileBuilder &b = stage.b;
  return b.mul(b.add(b.mul(slot, type().getHeads()), head), type().getKeyDim());
}

StepInputs::Column StepInputs::loadColumn(const BatchLine &line, Value head,
                                          Value column) {
  TileBuilder &b = stage.b;
  Column made;
  made.number = column;
  made.channel = b.add(b.mul(head, type().getValueDim()), column);
  Value tail = stage.operand(stage.form.operandOf(conv, 4));
  for (int64_t j = 0; j + 1 < width(); ++j)
    made.ext.push_back(b.load(tail, {line.slot, b.index(j), made.channel}));
  made.ext.push_back(b.load(inputs.flat(conv, 0), {line.row, made.channel}));
  if (hasGate())
    made.gain = inputs.gain(line.row, head, column);
  return made;
}

Values StepInputs::loadTaps(Place taps, const BatchLine &line,
                            const Column &column) {
  TileBuilder &b = stage.b;
  Value all = stage.memory(
      taps, MemRefType::get({ShapedType::kDynamic, channels() * width()},
                            b.getF32Type()));
  Value first = b.mul(column.channel, width());
  if (llvm::isPowerOf2_64(width()))
    return b.split(b.load(all, {line.row, first}, width()));
  Values own;
  for (int64_t j = 0; j < width(); ++j)
    own.push_back(b.load(all, {line.row, b.add(first, j)}));
  return own;
}

Value StepInputs::finishColumn(const BatchLine &line, const Column &column,
                               ValueRange taps, Value valid) {
  TileBuilder &b = stage.b;
  Type f32 = b.getF32Type();
  Value sum = b.f32(0);
  for (auto [tap, input] : llvm::zip_equal(taps, column.ext))
    sum = b.fma(tap, b.convert(input, f32), sum);
  Value v =
      applyCode(stage, cast<PortOpInterface>(conv.getOperation()),
                resultPort(0), line.row, column.channel, 1, {Values{sum}})[0];
  // What the convolution's result would be rounded to.
  v = b.convert(v, getElementTypeOrSelf(conv.getResult().getType()));
  Value tail = stage.operand(stage.form.operandOf(conv, 4));
  for (size_t j = 0; j + 1 < column.ext.size(); ++j)
    b.store(column.ext[j + 1], tail, {line.slot, b.index(j), column.channel},
            valid);
  return b.convert(v, f32);
}

StepInputs::Keys StepInputs::loadKeys(const BatchLine &line, Value head) {
  return {inputs.loadKeys(line.row, head), inputs.decay(line.row, head),
          inputs.beta(line.row, head)};
}

void StepInputs::storeKeys(const Keys &keys, Value pairs, Value scalars) {
  TileBuilder &b = stage.b;
  const RuleKeys &unit = keys.unit;
  for (size_t i = 0; i < unit.at.size(); ++i)
    b.store(b.join({unit.q[i], unit.k[i]}), pairs, {unit.at[i], b.index(0)},
            unit.inside[i]);
  b.ifThen(b.equal(b.laneId(), 0), [&] {
    Value three[] = {keys.decay, keys.beta, unit.qk};
    for (auto [i, value] : llvm::enumerate(three))
      b.store(value, scalars, {b.index(i)});
  });
}

//===----------------------------------------------------------------------===//
// A tile of a state
//===----------------------------------------------------------------------===//

void StateTile::locate() {
  rowGroup = b.div(b.threadId(), columns / kWidth);
  column = b.mul(b.rem(b.threadId(), columns / kWidth), kWidth);
}

tile::SharedType StateTile::sumsType() {
  return b.shared({kThreads / 32, 2, columns}, b.getF32Type());
}

/// The thread's rows.
Values StateTile::forRows(ValueRange inits,
                          llvm::function_ref<Values(Value, ValueRange)> body) {
  int64_t rows = type.getKeyDim(), groups = kThreads / (columns / kWidth);
  if (rows % groups)
    return b.loop(rowGroup, b.index(rows), b.index(groups), inits, body);
  // As many rows for each thread, which can be unrolled.
  return b.loop(b.index(0), b.index(rows / groups), b.index(1), inits,
                [&](Value i, ValueRange carried) {
                  return body(b.add(b.mul(i, groups), rowGroup), carried);
                });
}

void StateTile::accumulate(Value state, Value keys, Value sums) {
  Values own = forRows(
      Values(2 * kWidth, b.f32(0)), [&](Value i, ValueRange carried) -> Values {
        Values elements = b.split(b.load(state, {i, column}, kWidth));
        Values qk = b.split(b.load(keys, {i, b.index(0)}, 2));
        Values next(carried);
        for (int64_t c = 0; c < kWidth; ++c) {
          Value s = b.convert(elements[c], b.getF32Type());
          next[c] = b.fma(qk[1], s, next[c]);
          next[kWidth + c] = b.fma(qk[0], s, next[kWidth + c]);
        }
        return next;
      });
  for (Value &sum : own)
    for (int64_t offset = columns / kWidth; offset < 32; offset *= 2)
      sum = b.addf(sum, tile::ShuffleXorOp::create(b, sum, offset));
  Value leads = b.less(b.laneId(), columns / kWidth), warp = b.warpId();
  b.ifThen(leads, [&] {
    for (int64_t i = 0; i < 2; ++i)
      b.store(b.join(ValueRange(own).slice(i * kWidth, kWidth)), sums,
              {warp, b.index(i), column});
  });
}

Values StateTile::combine(Value sums, ValueRange v, Value scalars) {
  Value both[2];
  for (int64_t warp = 0; warp < kThreads / 32; ++warp)
    for (int64_t i = 0; i < 2; ++i) {
      Value part = b.load(sums, {b.index(warp), b.index(i), column}, kWidth);
      both[i] = both[i] ? b.addf(both[i], part) : part;
    }
  Values ks = b.split(both[0]), qs = b.split(both[1]), y;
  decay = b.load(scalars, {b.index(0)});
  Value beta = b.load(scalars, {b.index(1)});
  Value qk = b.load(scalars, {b.index(2)});
  delta.clear();
  for (int64_t c = 0; c < kWidth; ++c) {
    delta.push_back(b.mulf(beta, b.subf(v[c], b.mulf(decay, ks[c]))));
    y.push_back(b.fma(qk, delta[c], b.mulf(decay, qs[c])));
  }
  return y;
}

void StateTile::update(Value state, Value keys) {
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

//===----------------------------------------------------------------------===//
// Forms
//===----------------------------------------------------------------------===//

/// h · wᵀ + bias in f32 scratch memory.
static Place storeTaps(FormBuilder &form, GeneratedConvOp conv,
                       ProjectionSize size, CopyAhead ahead = {}) {
  int64_t count = cast<ShapedType>(conv.getWeight().getType()).getDimSize(0);
  Place taps = Place::ofScratch(form.reserve(form.rows() * (count * 4)));
  generateTaps(
      form, conv, "taps", size,
      [=](Stage &stage, Value row, Value column,
          ArrayRef<Value> own) -> std::function<void()> {
        auto type = MemRefType::get({ShapedType::kDynamic, count},
                                    stage.b.getF32Type());
        Value made = stage.b.join(own);
        return [=, &stage] {
          stage.b.store(made, stage.memory(taps, type), {row, column});
        };
      },
      std::move(ahead));
  return taps;
}

// Of 2B's heads on an H200 the op took, in µs: with 1 sequence 8.6 where its
// stage makes the taps, 8.9 where another does (in a step, 28 of 1470 less for
// 24 of them); 10.3 and 10.4 with 2; 18.1 and 12.8 with 4, where not all CTAs
// run at once. Streaming took 13.0 with 4, and with 8 sequences 14.3, spreading
// 15.1. Of another stage and spreading the figures are those of its forerunner.
void jet::buildForms(FormContext &context, DeltaStepOp op) {
  GeneratedConvOp conv = op.getConvolution();
  if (!isSupportedConv(conv) || !isSupportedRule(op.getRule()))
    return;
  auto begin = [&](int64_t maxRows) {
    return context.begin({maxRows, /*oneToken=*/true});
  };
  if (canGenerateTaps(conv)) {
    FormBuilder form = begin(2);
    buildDeltaSpread(form, op, std::nullopt);
    form.finish();
  }
  FormBuilder few = begin(4);
  buildDeltaSpread(few, op, storeTaps(few, conv, {8}));
  few.finish();
  for (ProjectionSize size : kProjectionSizes) {
    FormBuilder form = begin(size.fits().maxRows);
    Place taps = storeTaps(form, conv, size, copyAheadOfStream(op));
    buildDeltaStream(form, op, taps,
                     /*manyRows=*/size.tileRows > 16);
    form.finish();
  }
}
