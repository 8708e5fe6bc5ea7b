// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Runs kernels whose attributes say what a launch passes; for tests of kernels
// in text. What the attributes are is in Passes.td.

#include "dialects/tile/interpreter/Interpreter.h"
#include "dialects/tile/interpreter/Machine.h"
#include "lowering/Passes.h"

#include "llvm/Support/Format.h"

#include <random>

namespace jet {
#define GEN_PASS_DEF_INTERPRETTILEPASS
#include "lowering/Passes.h.inc"
} // namespace jet

using namespace mlir;
using namespace jet;
using namespace jet::tile;

namespace {

/// A kernel's memory, made from its attributes.
class Launch {
public:
  explicit Launch(KernelOp kernel) : kernel(kernel) {}

  LogicalResult build();
  LogicalResult run(const InterpretOptions &options);

private:
  template <typename T> T attribute(unsigned argument, StringRef name) {
    return kernel.getArgAttrOfType<T>(argument, name);
  }
  LogicalResult fail(unsigned argument, const Twine &text) {
    return kernel.emitOpError("argument ") << argument << ": " << text;
  }
  LogicalResult addArgument(unsigned argument);
  LogicalResult addScalar(unsigned argument, Attribute value);
  LogicalResult fill(unsigned argument, Element element);
  void print(unsigned argument);
  /// Sizes of memory, or of the tensor of a map; empty if unknown.
  SmallVector<int64_t> sizesOf(unsigned argument);

  KernelOp kernel;
  Stage stage;
  std::vector<std::vector<std::byte>> memory; // of arguments
};

} // namespace

SmallVector<int64_t> Launch::sizesOf(unsigned argument) {
  Type type = kernel.getArgumentTypes()[argument];
  if (auto sizes = attribute<DenseI64ArrayAttr>(argument, "tile.sizes"))
    return SmallVector<int64_t>(sizes.asArrayRef());
  auto global = dyn_cast<MemRefType>(type);
  if (!global)
    return {};
  SmallVector<int64_t> sizes(global.getShape());
  if (ShapedType::isDynamic(sizes[0])) {
    auto rows = attribute<IntegerAttr>(argument, "tile.rows");
    if (!rows)
      return {};
    sizes[0] = rows.getInt();
  }
  return sizes;
}

LogicalResult Launch::addScalar(unsigned argument, Attribute value) {
  if (auto number = dyn_cast_or_null<IntegerAttr>(value))
    stage.arguments.push_back(Argument::size(number.getInt()));
  else if (auto number = dyn_cast_or_null<FloatAttr>(value))
    stage.arguments.push_back(Argument::number(number.getValueAsDouble()));
  else
    return fail(argument, "expected tile.value");
  return success();
}

LogicalResult Launch::fill(unsigned argument, Element element) {
  auto how = attribute<StringAttr>(argument, "tile.fill");
  if (!how)
    return success();
  std::vector<std::byte> &bytes = memory[argument];
  std::mt19937 random(argument);
  auto cellOf = [&](double real, int64_t integer) {
    Cell cell{integer};
    if (element.kind == Element::Kind::F64)
      cell.d = real;
    else if (element.isFloat())
      cell.f = float(real);
    return cell;
  };
  for (size_t i = 0; i < bytes.size() / element.bytes(); ++i) {
    Cell cell{0};
    if (how.getValue() == "iota") {
      cell = cellOf(double(i), int64_t(i));
    } else if (how.getValue() == "random") {
      // The same everywhere, unlike std::uniform_real_distribution.
      uint32_t number = random();
      cell = cellOf(number * 0x1p-31 - 1, number);
    } else if (how.getValue() != "zero") {
      return fail(argument, "expected a fill zero, iota or random, found " +
                                how.getValue());
    }
    storeElement(element, &bytes[i * element.bytes()], cell);
  }
  return success();
}

LogicalResult Launch::addArgument(unsigned argument) {
  Type type = kernel.getArgumentTypes()[argument];
  Element element = Memory::of(type).element;
  if (element.kind == Element::Kind::None)
    return addScalar(argument, kernel.getArgAttr(argument, "tile.value"));
  SmallVector<int64_t> sizes = sizesOf(argument);
  if (sizes.empty())
    return fail(argument, isa<TensorMapType>(type) ? "expected tile.sizes"
                                                   : "expected tile.rows");
  int64_t bytes = element.bytes();
  for (int64_t size : sizes)
    if (size < 1 || (bytes *= size) > int64_t(1) << 32)
      return fail(argument, "expected sizes of at most 4 GiB together");
  Argument value;
  if (auto of = attribute<IntegerAttr>(argument, "tile.of")) {
    if (of.getInt() < 0 || of.getInt() >= argument)
      return fail(argument, "expected tile.of of an argument before it");
    value.data = stage.arguments[of.getInt()].data;
    value.bytes = stage.arguments[of.getInt()].bytes;
  } else {
    memory[argument].assign(bytes, std::byte(0xFF));
    if (failed(fill(argument, element)))
      return failure();
    value.data = memory[argument].data();
    value.bytes = bytes;
  }
  if (isa<TensorMapType>(type))
    value.sizes.assign(sizes.begin(), sizes.end());
  stage.arguments.push_back(std::move(value));
  return success();
}

LogicalResult Launch::build() {
  stage.kernel = kernel;
  auto grid = kernel->getAttrOfType<DenseI64ArrayAttr>("tile.grid");
  if (!grid || grid.size() > 3)
    return kernel.emitOpError("expected tile.grid of 1 to 3 sizes");
  llvm::copy(grid.asArrayRef(), stage.grid.begin());
  memory.resize(kernel.getArgumentTypes().size());
  for (unsigned i = 0; i < memory.size(); ++i)
    if (failed(addArgument(i)))
      return failure();
  return success();
}

void Launch::print(unsigned argument) {
  Element element = Memory::of(kernel.getArgumentTypes()[argument]).element;
  SmallVector<int64_t> sizes = sizesOf(argument);
  const Argument &value = stage.arguments[argument];
  llvm::outs() << "@" << kernel.getSymName() << " argument " << argument << ":";
  int64_t count = value.bytes / element.bytes();
  for (int64_t i = 0; i < count; ++i) {
    Cell cell = loadElement(element, value.data + i * element.bytes());
    llvm::outs() << (i % sizes.back() ? " " : "\n");
    double number = element.kind == Element::Kind::F64 ? cell.d : cell.f;
    if (element.isFloat() && std::isnan(number))
      llvm::outs() << "nan"; // of any sign
    else if (element.isFloat())
      llvm::outs() << llvm::format("%g", number);
    else
      llvm::outs() << cell.i;
  }
  llvm::outs() << "\n";
}

LogicalResult Launch::run(const InterpretOptions &options) {
  std::vector<Fault> faults = interpret(stage, options);
  for (const Fault &fault : faults)
    fault.emit();
  for (unsigned i = 0; i < memory.size(); ++i)
    if (kernel.getArgAttr(i, "tile.print"))
      print(i);
  return success(faults.empty());
}

namespace {

struct InterpretTilePass : jet::impl::InterpretTilePassBase<InterpretTilePass> {
  using InterpretTilePassBase::InterpretTilePassBase;

  void runOnOperation() override {
    InterpretOptions options;
    options.seed = seed;
    options.maxSteps = maxSteps;
    getOperation().walk([&](KernelOp kernel) {
      if (!kernel->hasAttr("tile.grid"))
        return;
      Launch launch(kernel);
      if (failed(launch.build()) || failed(launch.run(options)))
        signalPassFailure();
    });
    markAllAnalysesPreserved();
  }
};

} // namespace
