// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Scalar code and its elementwise form on vectors: arith, index, math.

#include "dialects/tile/interpreter/Machine.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Index/IR/IndexOps.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/UB/IR/UBOps.h"

using namespace mlir;
using namespace jet::tile;

static Element elementOf(Type type) {
  return Element::of(getElementTypeOrSelf(type));
}

//===----------------------------------------------------------------------===//
// Elementwise instructions. numbers: width or kind of the result, of the
// operand
//===----------------------------------------------------------------------===//

static Element elementAt(const Instruction &instruction, size_t i) {
  return {Element::Kind(instruction.numbers[i] & 0xFF),
          uint8_t(instruction.numbers[i] >> 8)};
}
static int64_t encode(Element element) {
  return int64_t(element.kind) | int64_t(element.bits) << 8;
}

/// Function is a stateless lambda of (result's element, operand's element,
/// cells of the operands) -> cell.
template <typename Function, size_t... I>
static void runElementwise(Warp &warp, const Instruction &instruction,
                           Mask mask, std::index_sequence<I...>) {
  Element to = elementAt(instruction, 0), from = elementAt(instruction, 1);
  for (uint32_t i = 0; i < instruction.cells; ++i)
    for (int lane : lanes(mask))
      warp.cell(instruction.out + i, lane) =
          Function()(to, from, warp.cell(instruction.in[I] + i, lane)...);
}

template <size_t operands, typename Function>
static bool emitElementwise(Compiler &compiler, Operation *op, Function) {
  Instruction &instruction = compiler.emit(
      op, [](Warp &warp, const Instruction &instruction, Mask mask) {
        runElementwise<Function>(warp, instruction, mask,
                                 std::make_index_sequence<operands>());
      });
  instruction.numbers.append({encode(elementOf(op->getResult(0).getType())),
                              encode(elementOf(op->getOperand(0).getType()))});
  return true;
}

/// Integers: (bits, a, b) -> result, which is wrapped.
template <typename Function>
static bool integers(Compiler &compiler, Operation *op, Function) {
  return emitElementwise<2>(
      compiler, op, [](Element to, Element, Cell a, Cell b) {
        return Cell{wrap(Function()(unsigned(to.bits), a.i, b.i), to.bits)};
      });
}

/// A float of any type, and back, rounded to it.
static double numberOf(Element element, Cell cell) {
  return element.kind == Element::Kind::F64 ? cell.d : cell.f;
}
static Cell cellOf(Element element, double number) {
  Cell cell;
  if (element.kind == Element::Kind::F64)
    cell.d = number;
  else
    cell.f = roundTo(element, static_cast<float>(number));
  return cell;
}

/// Floats: f(a, …) -> result, which is rounded to its type.
template <size_t operands, typename Function>
static bool floats(Compiler &compiler, Operation *op, Function) {
  return emitElementwise<operands>(
      compiler, op, [](Element to, Element, auto... cells) {
        Cell cell;
        if (to.kind == Element::Kind::F64)
          cell.d = Function()(cells.d...);
        else
          cell.f = roundTo(to, Function()(cells.f...));
        return cell;
      });
}

//===----------------------------------------------------------------------===//
// Integers
//===----------------------------------------------------------------------===//

// A division by zero gives 0, as anything is allowed.
static int64_t divideFloor(int64_t a, int64_t b) {
  if (!b)
    return 0;
  return a / b - (a % b && (a < 0) != (b < 0));
}
static int64_t divideCeil(int64_t a, int64_t b) {
  if (!b)
    return 0;
  return a / b + (a % b && (a < 0) == (b < 0));
}
// The width's smallest number by −1 is itself after wrapping.
static int64_t divide(int64_t a, int64_t b) {
  return b == 0 ? 0 : b == -1 ? int64_t(-uint64_t(a)) : a / b;
}

static bool compileIntegers(Compiler &c, Operation *op) {
#define INTEGERS(Op, expression)                                               \
  if (isa<Op>(op))                                                             \
    return integers(c, op, [](unsigned bits, int64_t a, int64_t b) {           \
      [[maybe_unused]] uint64_t ua = unsignedOf(a, bits),                      \
                                ub = unsignedOf(b, bits);                      \
      return int64_t(expression);                                              \
    });
  INTEGERS(arith::AddIOp, uint64_t(a) + uint64_t(b))
  INTEGERS(index::AddOp, uint64_t(a) + uint64_t(b))
  INTEGERS(arith::SubIOp, uint64_t(a) - uint64_t(b))
  INTEGERS(index::SubOp, uint64_t(a) - uint64_t(b))
  INTEGERS(arith::MulIOp, uint64_t(a) * uint64_t(b))
  INTEGERS(index::MulOp, uint64_t(a) * uint64_t(b))
  INTEGERS(arith::DivSIOp, divide(a, b))
  INTEGERS(index::DivSOp, divide(a, b))
  INTEGERS(arith::DivUIOp, ub ? ua / ub : 0)
  INTEGERS(index::DivUOp, ub ? ua / ub : 0)
  INTEGERS(arith::CeilDivSIOp, divideCeil(a, b))
  INTEGERS(index::CeilDivSOp, divideCeil(a, b))
  INTEGERS(arith::CeilDivUIOp, ub ? ua / ub + (ua % ub != 0) : 0)
  INTEGERS(index::CeilDivUOp, ub ? ua / ub + (ua % ub != 0) : 0)
  INTEGERS(arith::FloorDivSIOp, divideFloor(a, b))
  INTEGERS(index::FloorDivSOp, divideFloor(a, b))
  INTEGERS(arith::RemSIOp, b == 0 || b == -1 ? 0 : a % b)
  INTEGERS(index::RemSOp, b == 0 || b == -1 ? 0 : a % b)
  INTEGERS(arith::RemUIOp, ub ? ua % ub : 0)
  INTEGERS(index::RemUOp, ub ? ua % ub : 0)
  INTEGERS(arith::AndIOp, a & b)
  INTEGERS(index::AndOp, a & b)
  INTEGERS(arith::OrIOp, a | b)
  INTEGERS(index::OrOp, a | b)
  INTEGERS(arith::XOrIOp, a ^ b)
  INTEGERS(index::XOrOp, a ^ b)
  INTEGERS(arith::ShLIOp, ub < bits ? ua << ub : 0)
  INTEGERS(index::ShlOp, ub < bits ? ua << ub : 0)
  INTEGERS(arith::ShRUIOp, ub < bits ? ua >> ub : 0)
  INTEGERS(index::ShrUOp, ub < bits ? ua >> ub : 0)
  INTEGERS(arith::ShRSIOp, a >> std::min<uint64_t>(ub, bits - 1))
  INTEGERS(index::ShrSOp, a >> std::min<uint64_t>(ub, bits - 1))
  INTEGERS(arith::MinSIOp, std::min(a, b))
  INTEGERS(index::MinSOp, std::min(a, b))
  INTEGERS(arith::MaxSIOp, std::max(a, b))
  INTEGERS(index::MaxSOp, std::max(a, b))
  INTEGERS(arith::MinUIOp, std::min(ua, ub))
  INTEGERS(index::MinUOp, std::min(ua, ub))
  INTEGERS(arith::MaxUIOp, std::max(ua, ub))
  INTEGERS(index::MaxUOp, std::max(ua, ub))
#undef INTEGERS
  if (isa<math::AbsIOp>(op))
    return emitElementwise<1>(c, op, [](Element to, Element, Cell a) {
      return Cell{wrap(a.i < 0 ? int64_t(-uint64_t(a.i)) : a.i, to.bits)};
    });
  return false;
}

//===----------------------------------------------------------------------===//
// Floats
//===----------------------------------------------------------------------===//

static bool compileFloats(Compiler &c, Operation *op) {
  if (isa<arith::AddFOp>(op))
    return floats<2>(c, op, [](auto a, auto b) { return a + b; });
  if (isa<arith::SubFOp>(op))
    return floats<2>(c, op, [](auto a, auto b) { return a - b; });
  if (isa<arith::MulFOp>(op))
    return floats<2>(c, op, [](auto a, auto b) { return a * b; });
  if (isa<arith::DivFOp>(op))
    return floats<2>(c, op, [](auto a, auto b) { return a / b; });
  if (isa<arith::RemFOp>(op))
    return floats<2>(c, op, [](auto a, auto b) { return std::fmod(a, b); });
  if (isa<arith::NegFOp>(op))
    return floats<1>(c, op, [](auto a) { return -a; });
  // A NaN is passed on by maximum and minimum, not by maxnum and minnum.
  if (isa<arith::MaximumFOp>(op))
    return floats<2>(c, op, [](auto a, auto b) {
      return std::isnan(a) || std::isnan(b) ? NAN : std::fmax(a, b);
    });
  if (isa<arith::MinimumFOp>(op))
    return floats<2>(c, op, [](auto a, auto b) {
      return std::isnan(a) || std::isnan(b) ? NAN : std::fmin(a, b);
    });
  if (isa<arith::MaxNumFOp>(op))
    return floats<2>(c, op, [](auto a, auto b) { return std::fmax(a, b); });
  if (isa<arith::MinNumFOp>(op))
    return floats<2>(c, op, [](auto a, auto b) { return std::fmin(a, b); });
  if (isa<arith::ExtFOp, arith::TruncFOp>(op))
    return emitElementwise<1>(c, op, [](Element to, Element from, Cell a) {
      return cellOf(to, numberOf(from, a));
    });
  return false;
}

bool jet::tile::compileMath(Compiler &c, Operation *op) {
#define MATH(Op, function)                                                     \
  if (isa<math::Op>(op))                                                       \
    return floats<1>(c, op, [](auto a) { return decltype(a)(function); });
  MATH(AbsFOp, std::fabs(a))
  MATH(CeilOp, std::ceil(a))
  MATH(FloorOp, std::floor(a))
  MATH(TruncOp, std::trunc(a))
  MATH(RoundOp, std::round(a))
  MATH(RoundEvenOp, std::nearbyint(a))
  MATH(ExpOp, std::exp(a))
  MATH(Exp2Op, std::exp2(a))
  MATH(ExpM1Op, std::expm1(a))
  MATH(LogOp, std::log(a))
  MATH(Log1pOp, std::log1p(a))
  MATH(Log2Op, std::log2(a))
  MATH(Log10Op, std::log10(a))
  MATH(SqrtOp, std::sqrt(a))
  MATH(RsqrtOp, 1 / std::sqrt(a))
  MATH(TanhOp, std::tanh(a))
  MATH(ErfOp, std::erf(a))
  MATH(SinOp, std::sin(a))
  MATH(CosOp, std::cos(a))
#undef MATH
  if (isa<math::PowFOp>(op))
    return floats<2>(c, op, [](auto a, auto b) { return std::pow(a, b); });
  if (isa<math::CopySignOp>(op))
    return floats<2>(c, op, [](auto a, auto b) { return std::copysign(a, b); });
  if (isa<math::FmaOp>(op))
    return floats<3>(c, op,
                     [](auto a, auto b, auto x) { return std::fma(a, b, x); });
  return false;
}

//===----------------------------------------------------------------------===//
// Conversions
//===----------------------------------------------------------------------===//

/// Floats beyond an integer's range give its nearest number, NaN gives 0.
static int64_t toInteger(double value, double least, double most) {
  if (std::isnan(value))
    return 0;
  double whole = std::trunc(value);
  if (whole <= least)
    return int64_t(least);
  // The most of 64 bits is no double.
  if (whole >= most)
    return most >= 0x1p63 ? (most >= 0x1p64 ? -1 : INT64_MAX) : int64_t(most);
  return whole >= 0x1p63 ? int64_t(uint64_t(whole)) : int64_t(whole);
}

static bool compileConversions(Compiler &c, Operation *op) {
  if (isa<arith::IndexCastOp, arith::ExtSIOp, arith::TruncIOp, index::CastSOp>(
          op))
    return emitElementwise<1>(c, op, [](Element to, Element, Cell a) {
      return Cell{wrap(a.i, to.bits)};
    });
  if (isa<arith::IndexCastUIOp, arith::ExtUIOp, index::CastUOp>(op))
    return emitElementwise<1>(c, op, [](Element to, Element from, Cell a) {
      return Cell{wrap(int64_t(unsignedOf(a.i, from.bits)), to.bits)};
    });
  if (isa<arith::SIToFPOp>(op))
    return emitElementwise<1>(c, op, [](Element to, Element, Cell a) {
      if (to.kind == Element::Kind::F64)
        return cellOf(to, double(a.i));
      return cellOf(to, float(a.i));
    });
  if (isa<arith::UIToFPOp>(op))
    return emitElementwise<1>(c, op, [](Element to, Element from, Cell a) {
      uint64_t value = unsignedOf(a.i, from.bits);
      if (to.kind == Element::Kind::F64)
        return cellOf(to, double(value));
      return cellOf(to, float(value));
    });
  if (isa<arith::FPToSIOp>(op))
    return emitElementwise<1>(c, op, [](Element to, Element from, Cell a) {
      double most = std::ldexp(1.0, to.bits - 1);
      return Cell{wrap(
          toInteger(numberOf(from, a), -most, most - (to.bits < 54)), to.bits)};
    });
  if (isa<arith::FPToUIOp>(op))
    return emitElementwise<1>(c, op, [](Element to, Element from, Cell a) {
      double most = std::ldexp(1.0, to.bits);
      return Cell{wrap(toInteger(numberOf(from, a), 0, most - (to.bits < 53)),
                       to.bits)};
    });
  if (isa<arith::BitcastOp>(op))
    return emitElementwise<1>(c, op, [](Element to, Element from, Cell a) {
      if (std::max(to.bits, from.bits) == 64) // the same bits of a cell
        return a;
      uint64_t bits = from.isFloat() ? floatToBits(from, a.f) : uint64_t(a.i);
      Cell cell;
      if (to.isFloat())
        cell.f = floatFromBits(to, uint32_t(bits));
      else
        cell.i = wrap(int64_t(bits), to.bits);
      return cell;
    });
  return false;
}

//===----------------------------------------------------------------------===//
// Comparisons, selections, constants
//===----------------------------------------------------------------------===//

static bool compareIntegers(unsigned bits, arith::CmpIPredicate predicate,
                            int64_t a, int64_t b) {
  uint64_t ua = unsignedOf(a, bits), ub = unsignedOf(b, bits);
  switch (predicate) {
  case arith::CmpIPredicate::eq:
    return a == b;
  case arith::CmpIPredicate::ne:
    return a != b;
  case arith::CmpIPredicate::slt:
    return a < b;
  case arith::CmpIPredicate::sle:
    return a <= b;
  case arith::CmpIPredicate::sgt:
    return a > b;
  case arith::CmpIPredicate::sge:
    return a >= b;
  case arith::CmpIPredicate::ult:
    return ua < ub;
  case arith::CmpIPredicate::ule:
    return ua <= ub;
  case arith::CmpIPredicate::ugt:
    return ua > ub;
  case arith::CmpIPredicate::uge:
    return ua >= ub;
  }
  return false;
}

static bool compareFloats(arith::CmpFPredicate predicate, double a, double b) {
  using P = arith::CmpFPredicate;
  bool unordered = std::isnan(a) || std::isnan(b);
  switch (predicate) {
  case P::AlwaysFalse:
    return false;
  case P::AlwaysTrue:
    return true;
  case P::ORD:
    return !unordered;
  case P::UNO:
    return unordered;
  case P::OEQ:
    return a == b;
  case P::UEQ:
    return unordered || a == b;
  case P::ONE:
    return !unordered && a != b;
  case P::UNE:
    return unordered || a != b;
  case P::OLT:
    return a < b;
  case P::ULT:
    return unordered || a < b;
  case P::OLE:
    return a <= b;
  case P::ULE:
    return unordered || a <= b;
  case P::OGT:
    return a > b;
  case P::UGT:
    return unordered || a > b;
  case P::OGE:
    return a >= b;
  case P::UGE:
    return unordered || a >= b;
  }
  return false;
}

/// numbers: the predicate, the operands' element.
static void compare(Warp &warp, const Instruction &instruction, Mask mask) {
  Element element = elementAt(instruction, 1);
  for (uint32_t i = 0; i < instruction.cells; ++i)
    for (int lane : lanes(mask)) {
      Cell a = warp.cell(instruction.in[0] + i, lane);
      Cell b = warp.cell(instruction.in[1] + i, lane);
      bool holds =
          element.isFloat()
              ? compareFloats(arith::CmpFPredicate(instruction.numbers[0]),
                              numberOf(element, a), numberOf(element, b))
              : compareIntegers(element.bits,
                                arith::CmpIPredicate(instruction.numbers[0]),
                                a.i, b.i);
      warp.cell(instruction.out + i, lane).i = holds ? -1 : 0;
    }
}

/// numbers: 1 if there is a condition for each element.
static void select(Warp &warp, const Instruction &instruction, Mask mask) {
  for (uint32_t i = 0; i < instruction.cells; ++i)
    for (int lane : lanes(mask)) {
      uint32_t condition = instruction.in[0] + (instruction.numbers[0] ? i : 0);
      uint32_t from = instruction.in[warp.cell(condition, lane).i ? 1 : 2];
      warp.cell(instruction.out + i, lane) = warp.cell(from + i, lane);
    }
}

/// numbers: the elements' bits of a Cell.
static void constant(Warp &warp, const Instruction &instruction, Mask mask) {
  bool splat = instruction.numbers.size() == 1;
  for (uint32_t i = 0; i < instruction.cells; ++i)
    for (int lane : lanes(mask))
      warp.cell(instruction.out + i, lane).i =
          instruction.numbers[splat ? 0 : i];
}

static bool addConstant(Instruction &instruction, Attribute value) {
  auto add = [&](auto number) {
    using Number = decltype(number);
    Cell cell{0};
    if constexpr (std::is_same_v<Number, APFloat>) {
      bool losesInfo, isF64 = &number.getSemantics() == &APFloat::IEEEdouble();
      if (!isF64)
        number.convert(llvm::APFloat::IEEEsingle(),
                       llvm::APFloat::rmNearestTiesToEven, &losesInfo);
      if (isF64)
        cell.d = number.convertToDouble();
      else
        cell.f = number.convertToFloat();
    } else {
      cell.i = number.getSExtValue();
    }
    instruction.numbers.push_back(cell.i);
  };
  if (auto number = dyn_cast<IntegerAttr>(value)) {
    add(number.getValue());
  } else if (auto number = dyn_cast<FloatAttr>(value)) {
    add(number.getValue());
  } else if (auto elements = dyn_cast<DenseIntElementsAttr>(value)) {
    for (const APInt &number : elements.getValues<APInt>())
      add(number);
  } else if (auto elements = dyn_cast<DenseFPElementsAttr>(value)) {
    for (const APFloat &number : elements.getValues<APFloat>())
      add(number);
  } else {
    return false;
  }
  return true;
}

bool jet::tile::compileArith(Compiler &c, Operation *op) {
  if (auto value = dyn_cast<arith::ConstantOp>(op))
    return addConstant(c.emit(op, constant), value.getValue());
  if (auto value = dyn_cast<index::ConstantOp>(op))
    return addConstant(c.emit(op, constant), value.getValueAttr());
  if (isa<ub::PoisonOp>(op)) {
    c.emit(op, constant).numbers.push_back(-1);
    return true;
  }
  auto emitCompare = [&](int64_t predicate) {
    c.emit(op, compare)
        .numbers.append(
            {predicate, encode(elementOf(op->getOperand(0).getType()))});
    return true;
  };
  if (auto compare = dyn_cast<arith::CmpIOp>(op))
    return emitCompare(int64_t(compare.getPredicate()));
  if (auto compare = dyn_cast<arith::CmpFOp>(op))
    return emitCompare(int64_t(compare.getPredicate()));
  if (isa<arith::SelectOp>(op)) {
    c.emit(op, select)
        .numbers.push_back(isa<VectorType>(op->getOperand(0).getType()));
    return true;
  }
  return compileIntegers(c, op) || compileFloats(c, op) ||
         compileConversions(c, op);
}
