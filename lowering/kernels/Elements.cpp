// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "lowering/kernels/Elements.h"

#include "mlir/IR/IRMapping.h"

using namespace mlir;
using namespace jet;

using Values = TileBuilder::Values;

/// Elements of a tensor of `type` that face one of `rank` sizes, but for its
/// leading one.
static int64_t countColumns(ShapedType type, int64_t rank) {
  int64_t columns = 1;
  for (int64_t size : type.getShape().drop_front(type.getRank() == rank))
    columns *= size;
  return columns;
}

bool jet::hasPlainCode(PortOpInterface op) {
  return llvm::all_of(getPorts(op), [&](const Port &port) {
    RankedTensorType type = getPortType(op, port.number);
    int64_t rank = type.getRank(), columns = countColumns(type, rank);
    return port.region->hasOneBlock() &&
           llvm::all_of(port.extras.getTypes(),
                        [&](Type extra) {
                          int64_t count =
                              countColumns(cast<ShapedType>(extra), rank);
                          return count == 1 || count == columns;
                        }) &&
           llvm::all_of(port.region->front(), [](Operation &op) {
             return isa<YieldOp, math::ExpOp, math::LogOp, math::Log1pOp>(op) ||
                    isa<arith::ArithDialect>(op.getDialect());
           });
  });
}

/// `width` elements of an extra, whose trailing sizes face those of the port;
/// sizes of 1 and missing ones are broadcast.
static Values loadExtra(Stage &stage, unsigned operand, int64_t portRank,
                        Value row, Value column, int64_t width) {
  TileBuilder &b = stage.b;
  MemRefType type = stage.form.argument(operand).memref();
  int64_t columns = countColumns(type, portRank);
  bool hasRows = type.getRank() == portRank;
  if (hasRows && !type.isDynamicDim(0) && type.getDimSize(0) == 1)
    row = b.index(0);
  // Flat, as the columns of the port are counted.
  auto flat = MemRefType::get(
      hasRows ? SmallVector<int64_t>{ShapedType::kDynamic, columns}
              : SmallVector<int64_t>{columns},
      type.getElementType());
  Value memory = stage.memory(Place::ofOperand(operand), flat);
  auto load = [&](Value column, int64_t count) -> Value {
    return b.load(memory, hasRows ? Values{row, column} : Values{column},
                  count);
  };
  if (columns == 1)
    return Values(width, load(b.index(0), 1));
  // Vectors have 16 bytes at most.
  int64_t most = 128 / type.getElementTypeBitWidth();
  Values elements;
  for (int64_t i = 0; i < width; i += most)
    llvm::append_range(
        elements, b.split(load(b.add(column, i), std::min(width - i, most))));
  return elements;
}

static SmallVector<Values> loadExtras(Stage &stage, PortOpInterface op,
                                      int64_t number, Value row, Value column,
                                      int64_t width) {
  SmallVector<Values> extras;
  std::optional<Port> port = findPort(op, number);
  for (unsigned i = 0; port && i < port->extras.size(); ++i)
    extras.push_back(
        loadExtra(stage, stage.form.operandOf(op, port->firstExtra + i),
                  getPortType(op, number).getRank(), row, column, width));
  return extras;
}

SmallVector<Values> jet::loadExtras(Stage &stage, int64_t number, Value row,
                                    Value column, int64_t width) {
  return ::loadExtras(stage, cast<PortOpInterface>(stage.form.op()), number,
                      row, column, width);
}

Values jet::applyCode(Stage &stage, int64_t number, Value row, Value column,
                      int64_t width, ArrayRef<Values> inputs) {
  return applyCode(stage, cast<PortOpInterface>(stage.form.op()), number, row,
                   column, width, inputs);
}

Values jet::applyCode(Stage &stage, PortOpInterface op, int64_t number,
                      Value row, Value column, int64_t width,
                      ArrayRef<Values> inputs) {
  TileBuilder &b = stage.b;
  std::optional<Port> port = findPort(op, number);
  if (!port)
    return inputs.front();
  Block &code = port->region->front();
  SmallVector<Values> extras;
  if (inputs.size() < code.getNumArguments())
    extras = ::loadExtras(stage, op, number, row, column, width);
  Values results;
  for (int64_t i = 0; i < width; ++i) {
    IRMapping mapping;
    auto argument = code.args_begin();
    for (ArrayRef<Values> lists : {inputs, ArrayRef(extras)})
      for (const Values &list : lists) {
        mapping.map(*argument, b.convert(list[i], argument->getType()));
        ++argument;
      }
    for (Operation &inner : code.without_terminator()) {
      if (auto exp = dyn_cast<math::ExpOp>(inner))
        mapping.map(exp.getResult(), b.exp(mapping.lookup(exp.getOperand())));
      else if (auto div = dyn_cast<arith::DivFOp>(inner);
               div && div.getType().isF32())
        mapping.map(div.getResult(),
                    b.mulf(mapping.lookup(div.getLhs()),
                           b.reciprocal(mapping.lookup(div.getRhs()))));
      else
        b.clone(inner, mapping);
    }
    results.push_back(mapping.lookup(code.getTerminator()->getOperand(0)));
  }
  return results;
}

//===----------------------------------------------------------------------===//
// Rows in bf16
//===----------------------------------------------------------------------===//

static bool hasCodeOn(Operation *op, unsigned operand) {
  auto ported = dyn_cast<PortOpInterface>(op);
  return ported && findPort(ported, operand);
}

static RankedTensorType inputType(FormBuilder &form, const RowInput &input) {
  return cast<RankedTensorType>(form.op()->getOperand(input.operand).getType());
}

static int64_t columnsOf(FormBuilder &form, const RowInput &input) {
  int64_t columns = 1;
  for (int64_t size : inputType(form, input).getShape().drop_front())
    columns *= size;
  return columns;
}

RowReader::RowReader(Stage &stage, const RowInput &input)
    : stage(stage), b(stage.b), input(input),
      columns(columnsOf(stage.form, input)),
      hasCode(hasCodeOn(stage.form.op(), input.operand)) {
  Type element = inputType(stage.form, input).getElementType();
  // 16 bytes, where they divide a row.
  vector = element.isBF16() && columns % 8 == 0 ? 8 : vectorWidth(columns);
  x = stage.memory(Place::ofOperand(input.operand),
                   MemRefType::get({ShapedType::kDynamic, columns}, element));
}

Values RowReader::read(Value row, Value column) {
  Values elements = b.split(b.load(x, {row, column}, width()));
  auto widen = [&] {
    for (Value &element : elements)
      element = b.convert(element, b.getF32Type());
  };
  widen();
  if (hasCode) {
    elements =
        applyCode(stage, input.operand, row, column, width(), {elements});
    widen();
  }
  return elements;
}

Value RowReader::scaleOf(Value squares) {
  Value mean =
      b.addf(b.mulf(squares, b.f32(1.0 / double(columns))), b.f32(*input.eps));
  return b.reciprocal(math::SqrtOp::create(b, mean));
}

Values RowReader::norms(Value column) {
  if (!input.norm)
    return Values(width(), b.f32(1));
  Values norms = b.split(b.load(stage.operand(*input.norm), {column}, width()));
  for (Value &norm : norms)
    norm = b.convert(norm, b.getF32Type());
  return norms;
}

Value RowReader::round(Values elements, Value column, Value scale) {
  Values factors = norms(column);
  for (auto [element, factor] : llvm::zip_equal(elements, factors)) {
    if (scale)
      element = b.mulf(element, scale);
    if (input.norm)
      element = b.mulf(element, factor);
    element = b.convert(element, b.getBF16Type());
  }
  return b.join(elements);
}

bool jet::isRounded(FormBuilder &form, const RowInput &input) {
  return isRoundedButForScale(form, input) && !input.eps;
}

bool jet::isRoundedButForScale(FormBuilder &form, const RowInput &input) {
  return inputType(form, input).getElementType().isBF16() &&
         !hasCodeOn(form.op(), input.operand) && !input.norm;
}

/// The f32 sum of all threads of a CTA, in one order.
static Value sumOfBlock(TileBuilder &b, Value partials, Value sum,
                        int64_t threads) {
  sum = b.sumOfWarp(sum);
  Value warp = b.warpId(); // all lanes take part
  b.ifThen(b.equal(b.laneId(), 0), [&] { b.store(sum, partials, {warp}); });
  b.sync();
  Value total = b.load(partials, {b.index(0)});
  for (int64_t warp = 1; warp < threads / 32; ++warp)
    total = b.addf(total, b.load(partials, {b.index(warp)}));
  return total;
}

namespace {

/// A stage that goes over rows of x: a warp has a row in registers, or where it
/// is too long for it the CTA.
class RowsKernel {
public:
  RowsKernel(FormBuilder &form, StringRef what, const RowInput &input)
      : byWarp(columnsOf(form, input) <= kWarp * kMostOfLane),
        threads(byWarp ? 128 : 256), lanes(byWarp ? kWarp : threads),
        rows(form.rows()), count(rows.ceilDiv(threads / lanes)),
        stage(form, what, threads, {count}), b(stage.b), reader(stage, input) {}

  /// Stores x̂ to `rounded`, if there is one, and what its rows are scaled by
  /// to `scales`.
  void build(std::optional<Place> rounded, std::optional<Place> scales,
             const CopyAhead &ahead);

private:
  static constexpr int64_t kWarp = 32, kMostOfLane = 64;

  void read();
  Value makeScale();

  bool byWarp;
  int64_t threads, lanes; // of a CTA, and that have a row
  AffineExpr rows, count;
  Stage stage;
  TileBuilder &b;
  RowReader reader;
  Value partials, lane, row;
  // What the lane has of the row.
  Values columns, isInside;
  SmallVector<Values> parts;
};

} // namespace

/// All loads are under way before the first use.
void RowsKernel::read() {
  int64_t width = reader.width();
  for (int64_t first = 0; first < reader.inner(); first += lanes * width) {
    Value column = b.add(b.mul(lane, width), first), inside;
    if (first + lanes * width > reader.inner()) {
      inside = b.less(column, reader.inner());
      column = b.min(column, b.index(reader.inner() - width));
    }
    columns.push_back(column);
    isInside.push_back(inside);
    parts.push_back(reader.read(row, column));
  }
}

Value RowsKernel::makeScale() {
  Value sum = b.f32(0);
  for (auto [part, inside] : llvm::zip_equal(parts, isInside))
    for (Value x : part)
      sum = b.fma(x, inside ? b.select(inside, x, b.f32(0)) : x, sum);
  return reader.scaleOf(byWarp ? b.sumOfWarp(sum)
                               : sumOfBlock(b, partials, sum, threads));
}

void RowsKernel::build(std::optional<Place> rounded,
                       std::optional<Place> scales, const CopyAhead &ahead) {
  if (!byWarp)
    partials = b.alloc(b.shared({threads / 32}, b.getF32Type()));
  stage.setOverlaps();
  // The projection may start now: it fills its ring with weights, and waits for
  // this stage's end before it reads rows.
  tile::LaunchDependentsOp::create(b);
  lane = byWarp ? b.laneId() : b.threadId(), row = b.blockX();
  if (byWarp)
    row = b.add(b.mul(row, threads / lanes), b.warpId());
  if (ahead)
    b.ifThen(b.equal(lane, 0),
             [&] { ahead(stage, row, stage.size(count * (threads / lanes))); });
  tile::WaitDependenciesOp::create(b);
  auto make = [&] {
    read();
    Value scale = reader.hasScale() ? makeScale() : Value();
    if (scales)
      b.store(scale,
              stage.memory(*scales, MemRefType::get({ShapedType::kDynamic},
                                                    b.getF32Type())),
              {row}, b.equal(lane, 0));
    if (!rounded)
      return;
    Value y = stage.memory(
        *rounded, MemRefType::get({ShapedType::kDynamic, reader.inner()},
                                  b.getBF16Type()));
    for (auto [part, column, inside] :
         llvm::zip_equal(parts, columns, isInside))
      b.store(reader.round(part, column, scale), y, {row, column}, inside);
  };
  if (byWarp)
    b.ifThen(b.less(row, stage.size(rows)), make);
  else
    make();
  stage.finish();
}

Place jet::roundRows(FormBuilder &form, const RowInput &input,
                     const CopyAhead &ahead) {
  if (isRounded(form, input))
    return Place::ofOperand(input.operand);
  int64_t bytes = columnsOf(form, input) * 2;
  Place rounded = Place::ofScratch(form.reserve(form.rows() * bytes));
  RowsKernel(form, "rows", input).build(rounded, {}, ahead);
  return rounded;
}

Place jet::makeScales(FormBuilder &form, const RowInput &input) {
  Place scales = Place::ofScratch(form.reserve(form.rows() * 4));
  RowsKernel(form, "scales", input).build({}, scales, {});
  return scales;
}
