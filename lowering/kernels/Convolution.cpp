// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// jet.generated_conv, any number of tokens.
//
//   taps[r, n] = Σ_g h[r, g] · w[n, g] + bias[n]
//   y[r, c]    = code(Σ_j taps[r, W c + j] · ext[t + j, c])
//
// where r is row t of its sequence and ext its tail, then its rows of u.
//
//   owners     a thread a row     the row's slot and t; slot −1: of no sequence
//   convolve   the projection     y, where the product's tile writes its taps:
//                                 they are never stored
//   tails      a thread a         the last W − 1 rows of ext
//              channel
//
// Of many rows, with four taps and all in bf16, convolve is a kernel of its own
// (LargeConvolution.cpp).

#include "lowering/kernels/DeltaRule.h"
#include "lowering/kernels/Elements.h"

using namespace mlir;
using namespace jet;

using Values = TileBuilder::Values;

void jet::generateTaps(FormBuilder &form, GeneratedConvOp conv, StringRef what,
                       ProjectionSize size, TapUser use, CopyAhead ahead) {
  auto weight = cast<RankedTensorType>(conv.getWeight().getType());
  RowInput input;
  input.operand = form.operandOf(conv, 1);
  Projection projection;
  projection.rows = form.rows();
  projection.inner = weight.getDimSize(1);
  projection.input = input;
  projection.size = size;
  projection.ahead = std::move(ahead);
  unsigned bias = form.operandOf(conv, 3);
  ProjectionOutput output{
      {Place::ofOperand(form.operandOf(conv, 2))},
      weight.getDimSize(0),
      [=](Stage &stage, Value row, Value column, int64_t width,
          ArrayRef<Values> products) -> std::function<void()> {
        return use(stage, row, column,
                   addBias(stage, bias, column, width, products));
      }};
  output.load = [=](Stage &stage, Value, Value column, int64_t width) {
    return loadBias(stage, bias, column, width);
  };
  projection.outputs.push_back(std::move(output));
  buildProjection(form, what, projection);
}

bool jet::isSupportedConv(GeneratedConvOp conv) {
  ConvTailType tail = conv.getTail().getType();
  auto isFloat = [](Type type) { return type.isF32() || type.isBF16(); };
  auto weight = cast<RankedTensorType>(conv.getWeight().getType());
  return weight.getElementType().isBF16() && weight.getDimSize(1) % 8 == 0 &&
         isFloat(tail.getElementType()) && tail.getRows() >= 1 &&
         tail.getRows() <= 3 &&
         isFloat(getElementTypeOrSelf(conv.getResult().getType())) &&
         hasPlainCode(cast<PortOpInterface>(conv.getOperation())) &&
         llvm::all_of(conv->getOperandTypes(), [&](Type type) {
           auto tensor = dyn_cast<RankedTensorType>(type);
           return !tensor || isFloat(tensor.getElementType());
         });
}

namespace {

constexpr int64_t kThreads = 128;

class ConvForm {
public:
  ConvForm(FormBuilder &form, GeneratedConvOp conv)
      : form(form), conv(conv),
        channels(conv.getTail().getType().getChannels()),
        history(conv.getTail().getType().getRows()) {}

  void build(ProjectionSize size) {
    owners = Place::ofScratch(form.reserve(form.rows() * 8));
    findOwners();
    if (size.manyRows && hasLargeConvolution(form, conv))
      buildLargeConvolution(form, conv, owners);
    else
      generateTaps(
          form, conv, "convolve", size,
          [this](Stage &stage, Value row, Value column, ArrayRef<Value> taps) {
            return convolve(stage, row, column, taps);
          });
    advanceTails();
    form.finish();
  }

private:
  Value ownersIn(Stage &stage) {
    return stage.memory(owners, MemRefType::get({ShapedType::kDynamic, 2},
                                                stage.b.getI32Type()));
  }
  void findOwners();
  std::function<void()> convolve(Stage &stage, Value row, Value column,
                                 ArrayRef<Value> taps);
  void advanceTails();

  FormBuilder &form;
  GeneratedConvOp conv;
  int64_t channels, history;
  Place owners; // i32 [R, (slot, t)]
};

void ConvForm::findOwners() {
  Stage stage(form, "owners", kThreads, {form.rows().ceilDiv(kThreads)});
  TileBuilder &b = stage.b;
  stage.setOverlaps();
  tile::LaunchDependentsOp::create(b);
  tile::WaitDependenciesOp::create(b);
  Value row = b.add(b.mul(b.blockX(), kThreads), b.threadId());
  b.ifThen(b.less(row, stage.size(form.rows())), [&] {
    Values owner =
        b.loop(b.index(0), stage.size(form.symbol(Symbol::B)), b.index(1),
               {b.i32(-1), b.i32(0)}, [&](Value i, ValueRange found) -> Values {
                 BatchLine line = readBatch(stage, 5, i);
                 Value t = b.sub(row, line.row);
                 Value owns =
                     b.both(b.inverse(b.less(t, 0)), b.less(t, line.rows));
                 return {b.select(owns, b.toI32(line.slot), found[0]),
                         b.select(owns, b.toI32(t), found[1])};
               });
    b.store(b.join(owner), ownersIn(stage), {row, b.index(0)});
  });
  stage.finish();
}

/// y of the channels that all taps are here of, of rows of a sequence.
std::function<void()> ConvForm::convolve(Stage &stage, Value row, Value column,
                                         ArrayRef<Value> taps) {
  TileBuilder &b = stage.b;
  Type f32 = b.getF32Type();
  int64_t count = history + 1;
  Values owner = b.split(b.load(ownersIn(stage), {row, b.index(0)}, 2));
  Value u = stage.operand(0), tail = stage.operand(4);
  Value result = stage.operand(form.resultOperand(0));
  Type element = cast<MemRefType>(result.getType()).getElementType();
  Value slot = b.toIndex(owner[0]), t = b.toIndex(owner[1]);
  Value isOwned = b.inverse(b.less(slot, 0)), first = b.div(column, count);
  Values made;
  for (size_t c = 0; c < taps.size() / count; ++c) {
    Value channel = b.add(first, c), sum = b.f32(0);
    for (int64_t j = 0; j < count; ++j) {
      Value input;
      if (j == history) {
        input = b.load(u, {row, channel});
      } else {
        // Both are loaded, so that no branch stands between loads.
        Value at = b.add(t, j), isOld = b.less(at, history);
        Value old = b.load(tail, {b.max(slot, b.index(0)),
                                  b.min(at, b.index(history - 1)), channel});
        Value before = b.sub(row, b.index(history - j));
        Value own = b.load(u, {b.max(before, b.index(0)), channel});
        input = b.select(isOld, old, own);
      }
      sum = b.fma(taps[c * count + j], b.convert(input, f32), sum);
    }
    auto ported = cast<PortOpInterface>(conv.getOperation());
    Value y = applyCode(stage, ported, resultPort(0), row, channel, 1,
                        {Values{sum}})[0];
    made.push_back(b.convert(y, element));
  }
  return [=, &b] {
    b.ifThen(isOwned, [&] {
      for (auto [c, y] : llvm::enumerate(made))
        b.store(y, result, {row, b.add(first, c)});
    });
  };
}

void ConvForm::advanceTails() {
  int64_t blocks = llvm::divideCeil(channels, kThreads);
  Stage stage(form, "tails", kThreads,
              {form.constant(blocks), form.symbol(Symbol::B)});
  TileBuilder &b = stage.b;
  stage.setOverlaps();
  tile::LaunchDependentsOp::create(b);
  tile::WaitDependenciesOp::create(b);
  BatchLine line = readBatch(stage, 5, b.blockY());
  Value channel = b.add(b.mul(b.blockX(), kThreads), b.threadId());
  Value u = stage.operand(0), tail = stage.operand(4);
  b.ifThen(b.less(channel, channels), [&] {
    Values next;
    for (int64_t j = 0; j < history; ++j) {
      Value at = b.add(line.rows, j), isOld = b.less(at, history);
      Value old = b.loadIf(isOld, tail, {line.slot, at, channel});
      Value row = b.sub(b.add(line.row, at), b.index(history));
      Value own = b.loadIf(b.inverse(isOld), u, {row, channel});
      next.push_back(b.select(isOld, old, own));
    }
    for (int64_t j = 0; j < history; ++j)
      b.store(next[j], tail, {line.slot, b.index(j), channel});
  });
  stage.finish();
}

} // namespace

void jet::buildForms(FormContext &context, GeneratedConvOp op) {
  // What a thread of the projection writes are all taps of some channels.
  int64_t count = op.getTail().getType().getRows() + 1;
  int64_t columns = cast<ShapedType>(op.getWeight().getType()).getDimSize(0);
  if (!isSupportedConv(op) || vectorWidth(columns) % count)
    return;
  for (ProjectionSize size : {ProjectionSize{16}, {64}, {128}, {128, true}}) {
    FormBuilder form = context.begin(size.fits());
    ConvForm(form, op).build(size);
  }
}
