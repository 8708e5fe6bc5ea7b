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
// Of many rows, with four taps and all in bf16, convolve takes tiles
// (TileCode):
//
//     a warp, 16 rows and 64 channels, before the products   19 rows of ext to
//                                                            shared memory
//     behind them   each tap, with its bias, times what it sees of ext
//                   tile.fold: four products a channel add up; code
//                   through shared memory, so that rows are written whole

#include "lowering/kernels/DeltaRule.h"
#include "lowering/kernels/Elements.h"

using namespace mlir;
using namespace jet;

using Values = TileBuilder::Values;

void jet::generateTaps(FormBuilder &form, GeneratedConvOp conv, StringRef what,
                       ProjectionSize size, TapUser use, CopyAhead ahead,
                       std::optional<TileCode> tiles) {
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
  projection.outputs.push_back(
      {{Place::ofOperand(form.operandOf(conv, 2))},
       weight.getDimSize(0),
       [=](Stage &stage, Value row, Value column, int64_t width,
           ArrayRef<Values> products) -> std::function<void()> {
         TileBuilder &b = stage.b;
         Values taps(products[0]);
         Values addends = b.split(b.load(stage.operand(bias), {column}, width));
         for (auto [tap, addend] : llvm::zip_equal(taps, addends))
           tap = b.addf(tap, b.convert(addend, b.getF32Type()));
         return use(stage, row, column, taps);
       },
       {},
       std::move(tiles)});
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
/// Of TileCode: channels, and what is behind them in shared memory so that rows
/// lie in different banks; rows of a window, four more than a warp's.
constexpr int64_t kTileChannels = 64, kPadding = 8, kWindowRows = 20;

class ConvForm {
public:
  ConvForm(FormBuilder &form, GeneratedConvOp conv)
      : form(form), conv(conv),
        channels(conv.getTail().getType().getChannels()),
        history(conv.getTail().getType().getRows()) {}

  void build(ProjectionSize size) {
    owners = Place::ofScratch(form.reserve(form.rows() * 8));
    findOwners();
    generateTaps(
        form, conv, "convolve", size,
        [this](Stage &stage, Value row, Value column, ArrayRef<Value> taps) {
          return convolve(stage, row, column, taps);
        },
        /*ahead=*/{}, size.manyRows ? convolveTiles() : std::nullopt);
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
  std::optional<TileCode> convolveTiles();
  Values beginTile(Stage &stage, Value warp, Value row, Value column);
  void finishTile(Stage &stage, ArrayRef<Value> begun, Value warp, Value row,
                  Value column, Value sums);
  void advanceTails();

  FormBuilder &form;
  GeneratedConvOp conv;
  int64_t channels, history;
  Place owners;  // i32 [R, (slot, t)]
  Value windows; // of many rows, shared: [warps · kWindowRows, kTileChannels]
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

/// What convolve() does, by tiles of 64 channels with four taps each: a warp's
/// rows of u, and the three before, are copied to shared memory under the
/// products; each product is multiplied by what its tap sees, and four of them
/// add up.
std::optional<TileCode> ConvForm::convolveTiles() {
  auto isBf16 = [&](unsigned operand) {
    return form.argument(operand).element.isBF16();
  };
  if (history != 3 || channels % kTileChannels || !isBf16(0) || !isBf16(4) ||
      !isBf16(form.resultOperand(0)))
    return std::nullopt;
  TileCode code;
  code.allocate = [this](Stage &stage, int64_t warps) {
    TileBuilder &b = stage.b;
    windows = b.alloc(b.shared({warps * kWindowRows, kTileChannels + kPadding},
                               b.getBF16Type()));
  };
  code.begin = [this](Stage &stage, Value warp, Value row, Value column) {
    return beginTile(stage, warp, row, column);
  };
  code.finish = [this](Stage &stage, ArrayRef<Value> begun, Value warp,
                       Value row, Value column, Value sums) {
    finishTile(stage, begun, warp, row, column, sums);
  };
  return code;
}

/// Starts the copies of row − 3 to row + 15. Before the sequence of the first
/// row there is its tail; a sequence that begins behind the first row finds its
/// own in finishTile(). Returns whether there is one, and the slots of the rows
/// that the lane stores.
Values ConvForm::beginTile(Stage &stage, Value warp, Value row, Value column) {
  constexpr int64_t kWidth = 8, kUnits = kTileChannels / kWidth;
  TileBuilder &b = stage.b;
  Value u = stage.operand(0), tail = stage.operand(4), lane = b.laneId();
  Value last = b.sub(stage.size(form.rows()), b.index(1)), zero = b.index(0);
  auto ownerOf = [&](Value row) {
    Values owner =
        b.split(b.load(ownersIn(stage), {b.min(row, last), zero}, 2));
    return std::pair(b.toIndex(owner[0]), b.toIndex(owner[1]));
  };
  auto [firstSlot, firstT] = ownerOf(row);
  Values begun = {Value()};
  Value begins = b.less(zero, zero);
  for (int64_t i = 0; i < TileCode::kRows; i += 32 / kUnits) {
    Value at = b.add(b.div(lane, kUnits), i);
    auto [slot, t] = ownerOf(b.add(row, at));
    begun.push_back(slot);
    // Its tail is not in front of the first row.
    begins =
        b.either(begins, b.both(b.less(t, at), b.less(t, b.index(history))));
  }
  begun[0] =
      b.less(zero, b.toIndex(arith::FPToSIOp::create(
                       b, b.getI32Type(),
                       b.maxOfWarp(b.select(begins, b.f32(1), b.f32(0))))));
  Value channel =
      b.add(b.div(column, history + 1), b.mul(b.rem(lane, kUnits), kWidth));
  Value window = b.mul(warp, kWindowRows), part = b.rem(lane, kUnits);
  auto copy = [&](Value memory, ValueRange from, Value at) {
    tile::CpAsyncOp::create(b, memory, from, windows,
                            ValueRange{b.add(window, at), b.mul(part, kWidth)},
                            b.getI32IntegerAttr(kWidth), Value());
  };
  tile::SyncWarpOp::create(b); // all lanes have stored the tile before
  for (int64_t i = 0; i < kWindowRows; i += 32 / kUnits) {
    Value at = b.add(b.div(lane, kUnits), i);
    auto copyRow = [&] {
      Value from = b.sub(b.add(row, at), b.index(history));
      copy(u, {b.min(b.max(from, zero), last), channel}, at);
    };
    if (i > 0) {
      copyRow();
      continue;
    }
    Value old = b.add(firstT, at);
    b.ifElse(
        b.both(b.less(at, history), b.less(old, history)),
        [&] { copy(tail, {b.max(firstSlot, zero), old, channel}, at); },
        copyRow);
  }
  tile::CpAsyncCommitOp::create(b);
  return begun;
}

void ConvForm::finishTile(Stage &stage, ArrayRef<Value> begun, Value warp,
                          Value row, Value column, Value sums) {
  constexpr int64_t kWidth = 8, kUnits = kTileChannels / kWidth;
  TileBuilder &b = stage.b;
  Type f32 = b.getF32Type();
  int64_t count = history + 1;
  Value bias = stage.operand(form.operandOf(conv, 3));
  Value tail = stage.operand(4), zero = b.index(0);
  Value result = stage.operand(form.resultOperand(0));
  Value firstChannel = b.div(column, count);
  Value window = b.mul(warp, kWindowRows);
  Value last = b.sub(stage.size(form.rows()), b.index(1));
  // An accumulator counts the rows of the group.
  Value warpRow = b.mul(b.rem(warp, 4), TileCode::kRows);
  tile::CpAsyncWaitOp::create(b, b.getI32IntegerAttr(0));
  tile::SyncWarpOp::create(b);
  auto multiply = [&](function_ref<Value(Value, Value, Value, Value)> see) {
    return b.map(sums.getType(), {sums}, [&](ValueRange in) {
      Value r = b.sub(in[1], warpRow), j = b.rem(in[2], count);
      Value c = b.div(in[2], count);
      Value own = b.load(windows, {b.add(window, b.add(r, j)), c});
      Value addend = b.load(bias, {b.add(column, in[2])});
      Value tap = b.addf(in[0], b.convert(addend, f32));
      return b.mulf(tap, b.convert(see(own, r, j, c), f32));
    });
  };
  Value products = b.ifElse(
      begun[0], sums.getType(),
      [&] {
        return multiply([&](Value own, Value r, Value j, Value c) {
          Values owner = b.split(
              b.load(ownersIn(stage), {b.min(b.add(row, r), last), zero}, 2));
          Value old = b.add(b.toIndex(owner[1]), j);
          Value isOld = b.less(old, history);
          return b.select(isOld,
                          b.load(tail, {b.max(b.toIndex(owner[0]), zero),
                                        b.min(old, b.index(history - 1)),
                                        b.add(firstChannel, c)}),
                          own);
        });
      },
      [&] {
        return multiply([](Value own, Value, Value, Value) { return own; });
      });
  auto type =
      tile::AccType::get(b.getContext(), 4 * TileCode::kRows, kTileChannels);
  Value y = tile::FoldOp::create(b, type, products);
  auto ported = cast<PortOpInterface>(conv.getOperation());
  y = b.map(type, {y}, [&](ValueRange in) {
    Value made = applyCode(stage, ported, resultPort(0),
                           b.min(b.add(row, b.sub(in[1], warpRow)), last),
                           b.add(firstChannel, in[2]), 1, {Values{in[0]}})[0];
    return b.convert(made, f32);
  });
  tile::SyncWarpOp::create(b); // all lanes have read the window
  tile::StoreAccOp::create(b, y, windows, b.sub(window, warpRow), zero, Value(),
                           Value(), UnitAttr());
  tile::SyncWarpOp::create(b);
  Value lane = b.laneId(), part = b.mul(b.rem(lane, kUnits), kWidth);
  for (auto [i, slot] : llvm::enumerate(begun.drop_front())) {
    Value r = b.add(b.div(lane, kUnits), i * (32 / kUnits));
    Value inside = b.both(b.inverse(b.less(slot, 0)),
                          b.less(b.add(row, r), stage.size(form.rows())));
    b.ifThen(inside, [&] {
      b.store(b.load(windows, {b.add(window, r), part}, kWidth), result,
              {b.add(row, r), b.add(firstChannel, part)});
    });
  }
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
