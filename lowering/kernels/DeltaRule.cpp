// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// jet.gated_delta_rule, any number of tokens. γ = e^g.
//
//   δ[c]    = β (v[c] − γ Σ_i k[i] S[i, c])
//   y[c]    = γ Σ_i q[i] S[i, c] + (Σ_i q[i] k[i]) δ[c]
//   S[i, c] ← γ S[i, c] + k[i] δ[c]
//   y       = rms_norm(y) · silu(gate)
//
//   keys   a warp a row and head      q, k to unit length, γ, β, q · k
//   rule   a warp 8 columns of a      for each row: δ, y, S; a lane holds a
//          head of a sequence         quarter of a column of S in registers
//   norm   a warp a row and head      y, where the rule has a norm
//
// Columns of S do not depend on each other, so a warp runs through the rows of
// a sequence without waiting for others; the inputs of the next row are on
// their way meanwhile.

#include "lowering/kernels/DeltaRule.h"
#include "lowering/kernels/Elements.h"

#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace jet;

using Values = TileBuilder::Values;

//===----------------------------------------------------------------------===//
// Inputs
//===----------------------------------------------------------------------===//

Value RuleInputs::flat(Operation *op, unsigned number) {
  unsigned operand = stage.form.operandOf(op, number);
  MemRefType memory = stage.form.argument(operand).memref();
  int64_t inner = 1;
  for (int64_t size : memory.getShape().drop_front())
    inner *= size;
  return stage.memory(
      Place::ofOperand(operand),
      MemRefType::get({ShapedType::kDynamic, inner}, memory.getElementType()));
}

Value RuleInputs::element(unsigned number, Value row, Value column) {
  TileBuilder &b = stage.b;
  Value x = b.load(flat(rule, number), {row, column});
  auto ported = cast<PortOpInterface>(rule.getOperation());
  x = applyCode(stage, ported, number, row, column, 1, {Values{x}})[0];
  return b.convert(x, b.getF32Type());
}

RuleKeys RuleInputs::loadKeys(Value row, Value head) {
  TileBuilder &b = stage.b;
  int64_t size = rule.getState().getType().getKeyDim();
  Value lane = b.laneId(), base = b.mul(head, size), zero = b.f32(0);
  RuleKeys keys;
  for (int64_t i = 0; i < size; i += 32) {
    Value at = b.add(lane, i), column = at, inside;
    if (i + 32 > size) {
      inside = b.less(at, size);
      column = b.min(at, b.index(size - 1));
    }
    Value q = element(0, row, b.add(base, column));
    Value k = element(1, row, b.add(base, column));
    keys.q.push_back(inside ? b.select(inside, q, zero) : q);
    keys.k.push_back(inside ? b.select(inside, k, zero) : k);
    keys.at.push_back(at);
    keys.inside.push_back(inside);
  }
  return keys;
}

Value RuleInputs::productOf(ArrayRef<Value> x, ArrayRef<Value> y) {
  TileBuilder &b = stage.b;
  Value sum = b.f32(0);
  for (auto [a, c] : llvm::zip_equal(x, y))
    sum = b.fma(a, c, sum);
  return b.sumOfWarp(sum);
}

void RuleInputs::scaleKeys(RuleKeys &keys) {
  TileBuilder &b = stage.b;
  auto toUnitLength = [&](Values &x, double scale) {
    Value eps = b.f32(rule.getQkNormEps()->convertToDouble());
    Value length = math::SqrtOp::create(b, b.addf(productOf(x, x), eps));
    Value factor = b.mulf(b.reciprocal(length), b.f32(scale));
    for (Value &element : x)
      element = b.mulf(element, factor);
  };
  if (rule.getQkNormEps()) {
    toUnitLength(keys.q, rule.getQScale()->convertToDouble());
    toUnitLength(keys.k, 1);
  }
}

void RuleInputs::finishKeys(RuleKeys &keys) {
  scaleKeys(keys);
  keys.qk = productOf(keys.q, keys.k);
}

Value RuleInputs::decay(Value row, Value head) {
  return stage.b.exp(element(3, row, head));
}

Value RuleInputs::gain(Value row, Value head, Value column) {
  TileBuilder &b = stage.b;
  Type f32 = b.getF32Type();
  int64_t size = rule.getState().getType().getValueDim();
  Value gate = b.load(flat(rule, 7), {row, b.add(b.mul(head, size), column)});
  Value norm = stage.operand(stage.form.operandOf(rule, 8));
  Value weight = b.convert(b.load(norm, {column}), f32);
  return b.mulf(weight, b.silu(b.convert(gate, f32)));
}

Value RuleInputs::inverseNorm(Value squares) {
  TileBuilder &b = stage.b;
  int64_t size = rule.getState().getType().getValueDim();
  Value mean = b.addf(b.mulf(squares, b.f32(1.0 / size)),
                      b.f32(rule.getNormEps()->convertToDouble()));
  return b.reciprocal(math::SqrtOp::create(b, mean));
}

BatchLine jet::readBatch(Stage &stage, unsigned operand, Value sequence) {
  TileBuilder &b = stage.b;
  // A line has the sequence's pages behind these.
  Value batch =
      stage.memory(Place::ofOperand(operand),
                   MemRefType::get({ShapedType::kDynamic}, b.getI32Type()));
  Value columns = stage.size(stage.form.symbol(Symbol::C) + kBatchColumns);
  Value line = b.mul(sequence, columns);
  auto column = [&](int64_t i) {
    return b.toIndex(b.load(batch, {b.add(line, i)}));
  };
  return {column(0), column(2), column(3)};
}

bool jet::isSupportedRule(GatedDeltaRuleOp rule) {
  RecurrentStateType state = rule.getState().getType();
  auto isFloat = [](Type type) { return type.isF32() || type.isBF16(); };
  auto fits = [](int64_t size) { return size % 8 == 0 && size <= 256; };
  auto q = cast<RankedTensorType>(rule.getQ().getType());
  return !rule.getAdditive() && q.getDimSize(1) == state.getHeads() &&
         isFloat(state.getElementType()) && fits(state.getKeyDim()) &&
         fits(state.getValueDim()) &&
         hasPlainCode(cast<PortOpInterface>(rule.getOperation())) &&
         llvm::all_of(rule->getOperandTypes(), [&](Type type) {
           auto tensor = dyn_cast<RankedTensorType>(type);
           return !tensor || isFloat(tensor.getElementType());
         });
}

//===----------------------------------------------------------------------===//
// Many tokens
//===----------------------------------------------------------------------===//

namespace {

constexpr int64_t kWarps = 4;
/// Columns of a warp; the lanes of a column share its rows.
constexpr int64_t kColumns = 8, kParts = 32 / kColumns;
/// Elements of a column that a lane can hold together with two rows of inputs.
constexpr int64_t kMostAhead = 32;

class RuleForm {
public:
  RuleForm(FormBuilder &form, GatedDeltaRuleOp rule)
      : form(form), rule(rule), type(rule.getState().getType()),
        heads(type.getHeads()), keyDim(type.getKeyDim()),
        valueDim(type.getValueDim()), own(keyDim / kParts),
        ahead(own <= kMostAhead) {}

  void build() {
    keys = reserve(heads * 2 * keyDim);
    scalars = reserve(heads * 4);
    prepare();
    if (rule.getGate())
      sums = reserve(heads * valueDim);
    advance();
    if (rule.getGate())
      norm();
    form.finish();
  }

private:
  Place reserve(int64_t columns) {
    return Place::ofScratch(form.reserve(form.rows() * (columns * 4)));
  }
  Value scratch(Stage &stage, Place place, int64_t columns) {
    return stage.memory(place, MemRefType::get({ShapedType::kDynamic, columns},
                                               stage.b.getF32Type()));
  }
  /// Runs `body` with each row and head, by a warp.
  void forRowsAndHeads(StringRef what,
                       llvm::function_ref<void(Stage &, Value, Value)> body);
  Values loadRow(Stage &stage, Value row, Value head, Value part, Value column);
  void prepare();
  void advance();
  void norm();

  FormBuilder &form;
  GatedDeltaRuleOp rule;
  RecurrentStateType type;
  int64_t heads, keyDim, valueDim;
  int64_t own; // elements of a column that a lane holds
  bool ahead;  // the next row is loaded in front of this one's arithmetic
  // f32 [R, heads, q and k], [R, heads, (γ, β, q·k, 0)], [R, heads, Dv].
  Place keys, scalars, sums;
};

void RuleForm::forRowsAndHeads(
    StringRef what, llvm::function_ref<void(Stage &, Value, Value)> body) {
  int64_t groups = llvm::divideCeil(heads, kWarps);
  Stage stage(form, what, kWarps * 32, {form.rows(), form.constant(groups)});
  TileBuilder &b = stage.b;
  stage.setOverlaps();
  tile::LaunchDependentsOp::create(b);
  tile::WaitDependenciesOp::create(b);
  Value head = b.add(b.mul(b.blockY(), kWarps), b.warpId());
  b.ifThen(b.less(head, heads), [&] { body(stage, b.blockX(), head); });
  stage.finish();
}

void RuleForm::prepare() {
  forRowsAndHeads("keys", [&](Stage &stage, Value row, Value head) {
    TileBuilder &b = stage.b;
    RuleInputs inputs(stage, rule);
    RuleKeys unit = inputs.loadKeys(row, head);
    inputs.finishKeys(unit);
    Value all = scratch(stage, keys, heads * 2 * keyDim);
    Value base = b.mul(head, 2 * keyDim);
    for (size_t i = 0; i < unit.at.size(); ++i) {
      Value at = b.add(base, unit.at[i]);
      b.store(unit.q[i], all, {row, at}, unit.inside[i]);
      b.store(unit.k[i], all, {row, b.add(at, keyDim)}, unit.inside[i]);
    }
    Value decay = inputs.decay(row, head), beta = inputs.beta(row, head);
    b.ifThen(b.equal(b.laneId(), 0), [&] {
      b.store(b.join({decay, beta, unit.qk, b.f32(0)}),
              scratch(stage, scalars, heads * 4), {row, b.mul(head, 4)});
    });
  });
}

/// The lane's elements of q, then of k, then γ, β, q·k, v.
Values RuleForm::loadRow(Stage &stage, Value row, Value head, Value part,
                         Value column) {
  TileBuilder &b = stage.b;
  Value all = scratch(stage, keys, heads * 2 * keyDim);
  int64_t width = vectorWidth(own);
  Values inputs;
  for (int64_t which = 0; which < 2; ++which) {
    Value first =
        b.add(b.add(b.mul(head, 2 * keyDim), which * keyDim), b.mul(part, own));
    for (int64_t i = 0; i < own; i += width)
      llvm::append_range(inputs,
                         b.split(b.load(all, {row, b.add(first, i)}, width)));
  }
  Values three = b.split(
      b.load(scratch(stage, scalars, heads * 4), {row, b.mul(head, 4)}, 4));
  three.back() = RuleInputs(stage, rule)
                     .element(2, row, b.add(b.mul(head, valueDim), column));
  llvm::append_range(inputs, three);
  return inputs;
}

void RuleForm::advance() {
  int64_t blocks = llvm::divideCeil(valueDim, kWarps * kColumns);
  Stage stage(
      form, "rule", kWarps * 32,
      {form.constant(blocks), form.constant(heads), form.symbol(Symbol::B)});
  TileBuilder &b = stage.b;
  Type f32 = b.getF32Type();
  stage.setOverlaps();
  tile::LaunchDependentsOp::create(b);
  tile::WaitDependenciesOp::create(b);
  BatchLine line = readBatch(stage, form.operandOf(rule, 6), b.blockZ());
  Value head = b.blockY(), lane = b.laneId();
  Value first = b.mul(b.add(b.mul(b.blockX(), kWarps), b.warpId()), kColumns);
  Value column = b.add(first, b.rem(lane, kColumns));
  Value part = b.div(lane, kColumns);
  Value state = stage.operand(form.operandOf(rule, 5));
  auto place = [&](int64_t i) -> Values {
    return {line.slot, head, b.add(b.mul(part, own), i), column};
  };
  auto sumOfColumn = [&](Value value) {
    for (int64_t offset = kColumns; offset < 32; offset *= 2)
      value = b.addf(value, tile::ShuffleXorOp::create(b, value, offset));
    return value;
  };
  auto load = [&](Value t) {
    return loadRow(stage, b.add(line.row, t), head, part, column);
  };
  auto writeY = [&](Value t, Value y) {
    Value row = b.add(line.row, t);
    if (rule.getGate())
      return b.store(y, scratch(stage, sums, heads * valueDim),
                     {row, b.add(b.mul(head, valueDim), column)});
    Value result = stage.operand(form.resultOperand(0));
    Type element = cast<MemRefType>(result.getType()).getElementType();
    b.store(b.convert(y, element), result, {row, head, column});
  };
  auto step = [&](Value t, ValueRange carried) -> Values {
    Values s(carried.take_front(own)), next;
    Values in = ahead ? Values(carried.drop_front(own)) : load(t);
    if (ahead)
      next = load(b.min(b.add(t, 1), b.sub(line.rows, b.index(1))));
    ArrayRef<Value> q = ArrayRef(in).take_front(own);
    ArrayRef<Value> k = ArrayRef(in).slice(own, own);
    ArrayRef<Value> rest = ArrayRef(in).drop_front(2 * own);
    Value ks = b.f32(0), qs = b.f32(0);
    for (int64_t i = 0; i < own; ++i) {
      ks = b.fma(k[i], s[i], ks);
      qs = b.fma(q[i], s[i], qs);
    }
    Value decay = rest[0];
    Value change = b.subf(rest[3], b.mulf(decay, sumOfColumn(ks)));
    Value delta = b.mulf(rest[1], change);
    Value y = b.fma(rest[2], delta, b.mulf(decay, sumOfColumn(qs)));
    for (int64_t i = 0; i < own; ++i)
      s[i] = b.fma(k[i], delta, b.mulf(decay, s[i]));
    b.ifThen(b.equal(part, 0), [&] { writeY(t, y); });
    llvm::append_range(s, next);
    return s;
  };
  // Dv is a multiple of a warp's columns.
  b.ifThen(b.less(first, valueDim), [&] {
    Values start;
    for (int64_t i = 0; i < own; ++i)
      start.push_back(b.convert(b.load(state, place(i)), f32));
    if (ahead)
      llvm::append_range(start, load(b.index(0)));
    Values end = b.loop(b.index(0), line.rows, b.index(1), start, step);
    for (int64_t i = 0; i < own; ++i)
      b.store(b.convert(end[i], type.getElementType()), state, place(i));
  });
  stage.finish();
}

void RuleForm::norm() {
  forRowsAndHeads("norm", [&](Stage &stage, Value row, Value head) {
    TileBuilder &b = stage.b;
    RuleInputs inputs(stage, rule);
    Value y = scratch(stage, sums, heads * valueDim);
    Value result = stage.operand(form.resultOperand(0));
    Type element = cast<MemRefType>(result.getType()).getElementType();
    Values at, inside, elements;
    Value squares = b.f32(0);
    for (int64_t i = 0; i < valueDim; i += 32) {
      Value column = b.add(b.laneId(), i);
      inside.push_back(i + 32 > valueDim ? b.less(column, valueDim) : Value());
      at.push_back(b.min(column, b.index(valueDim - 1)));
      Value x = b.load(y, {row, b.add(b.mul(head, valueDim), at.back())});
      elements.push_back(x);
      Value counts = inside.back() ? b.select(inside.back(), x, b.f32(0)) : x;
      squares = b.fma(counts, counts, squares);
    }
    Value factor = inputs.inverseNorm(b.sumOfWarp(squares));
    for (size_t i = 0; i < at.size(); ++i) {
      Value gain = inputs.gain(row, head, at[i]);
      Value x = b.mulf(b.mulf(elements[i], factor), gain);
      b.store(b.convert(x, element), result, {row, head, at[i]}, inside[i]);
    }
  });
}

} // namespace

void jet::buildForms(FormContext &context, GatedDeltaRuleOp op) {
  if (!isSupportedRule(op))
    return;
  if (hasChunks(op))
    return buildChunks(context, op);
  FormBuilder form = context.begin({});
  RuleForm(form, op).build();
}
