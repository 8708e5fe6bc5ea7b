// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "KernelHarness.h"

#include "dialects/jet/Jet.h"
#include "lowering/BuildPackage.h"
#include "lowering/Pipelines.h"
#include "lowering/Registration.h"
#include "lowering/cpu/HostCode.h"

#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"

#include <algorithm>
#include <list>

using namespace jet;
using namespace jet::test;

//===----------------------------------------------------------------------===//
// Text
//===----------------------------------------------------------------------===//

std::string jet::test::elementType(DType dtype) {
  return dtype == DType::F32      ? "f32"
         : dtype == DType::BF16   ? "bf16"
         : dtype == DType::F8E4M3 ? "f8E4M3FN"
                                  : "i32";
}

std::string jet::test::tensorType(const std::vector<int64_t> &sizes,
                                  DType dtype) {
  std::string text = "tensor<";
  for (int64_t size : sizes)
    text += std::to_string(size) + "x";
  return text + elementType(dtype) + ">";
}

std::string jet::test::rowsType(const std::vector<int64_t> &sizes,
                                DType dtype) {
  return "tensor<?x" + tensorType(sizes, dtype).substr(strlen("tensor<"));
}

std::string jet::test::cacheType(int64_t kvHeads, int64_t dim, DType dtype,
                                 int64_t page, std::optional<int64_t> window,
                                 const std::string &scales) {
  return "!jet.kv_cache<" + std::to_string(kvHeads) + "x" +
         std::to_string(dim) + "x" + elementType(dtype) +
         (window ? ", window = " + std::to_string(*window)
                 : ", page = " + std::to_string(page)) +
         scales + ">";
}

static std::string join(const std::vector<std::string> &parts) {
  std::string text;
  for (const std::string &part : parts)
    text += (text.empty() ? "" : ", ") + part;
  return text;
}

std::string jet::test::kernelText(const std::string &name,
                                  const std::string &op,
                                  const std::vector<std::string> &operands,
                                  const std::vector<std::string> &results,
                                  const std::string &region) {
  std::vector<std::string> arguments, values;
  for (const std::string &type : operands)
    arguments.push_back(std::string("%") +
                        static_cast<char>('a' + arguments.size()) + ": " +
                        type);
  for (size_t i = 0; i < results.size(); ++i)
    values.push_back("%r#" + std::to_string(i));
  return "func.func @" + name + "(" + join(arguments) + ") -> (" +
         join(results) + ") {\n  %r:" + std::to_string(results.size()) + " = " +
         op + " : (" + join(operands) + ") -> (" + join(results) + ") " +
         region + "\n  return " + join(values) + " : " + join(results) +
         "\n}\n";
}

//===----------------------------------------------------------------------===//
// Kernels
//===----------------------------------------------------------------------===//

std::vector<std::string> jet::test::cpuLevels() {
  std::vector<std::string> levels;
  for (const char *level : {"x86-64-v2", "x86-64-v3", "x86-64-v4"})
    if (checkTarget({"cpu", "x86_64", level}, ""))
      levels.push_back(level);
  return levels;
}

/// A model that describes nothing of the kernels; packages have one.
static constexpr const char *kModel = R"(
  jet.model @test hidden 2 intermediate 2 vocab 2 max_position 2
      rms_norm_eps 1.0e-06 storage f32 {
    jet.layer 0 mixer #jet.attention<heads = 1, kv_heads = 1, head_dim = 2, rope_theta = 10000.0> weights "self_attn"
  }
)";

static mlir::MLIRContext &getContext() {
  static mlir::MLIRContext *context = [] {
    mlir::DialectRegistry registry;
    registerAllDialects(registry);
    auto *made =
        new mlir::MLIRContext(registry, mlir::MLIRContext::Threading::DISABLED);
    made->loadDialect<JetDialect>();
    return made;
  }();
  return *context;
}

/// Text to package, as jetc does it.
static mlir::FailureOr<Package> compilePackage(const std::string &texts,
                                               const CpuLevel &level) {
  mlir::MLIRContext &context = getContext();
  auto module = mlir::parseSourceString<mlir::ModuleOp>(
      kModel + ("module @kernels {\n" + texts + "}\n"), &context);
  if (!module)
    return mlir::failure();
  mlir::PassManager loops(&context), host(&context);
  buildLinalgPipeline(loops);
  CpuOptions options;
  options.vectorWidth = level.vectorWidth;
  buildLoopsPipeline(loops, options);
  buildHostPipeline(host);
  if (failed(loops.run(*module)))
    return mlir::failure();
  mlir::FailureOr<Package> package = buildPackage(*module);
  if (failed(package) || failed(host.run(*module)))
    return mlir::failure();
  auto code = compileHostCode(
      module->lookupSymbol<mlir::ModuleOp>(kKernelsModule), level);
  if (failed(code))
    return mlir::failure();
  package->blobs.push_back({"host_code", std::move(*code)});
  return package;
}

std::unique_ptr<Kernels> Kernels::compile(const std::string &texts,
                                          const std::string &cpuLevel) {
  mlir::FailureOr<CpuLevel> level = findCpuLevel(cpuLevel);
  if (failed(level)) {
    ADD_FAILURE() << "unknown level " << cpuLevel;
    return nullptr;
  }
  mlir::FailureOr<Package> package = compilePackage(texts, *level);
  if (failed(package)) {
    ADD_FAILURE() << "cannot compile for " << cpuLevel << ":\n" << texts;
    return nullptr;
  }
  auto kernels = std::make_unique<Kernels>();
  kernels->package = std::move(*package);
  Result<HostCode> code = HostCode::load(kernels->package, cpuLevel);
  if (!code) {
    ADD_FAILURE() << code.error().message;
    return nullptr;
  }
  kernels->code = std::move(*code);
  return kernels;
}

//===----------------------------------------------------------------------===//
// Calls
//===----------------------------------------------------------------------===//

using Pieces = std::vector<std::pair<int64_t, int64_t>>;

static Pieces onePointAtATime(int64_t points) {
  Pieces pieces;
  for (int64_t point = 0; point < points; ++point)
    pieces.push_back({point, point + 1});
  return pieces;
}

/// Cuts [0, points) anywhere, also twice in a place, and shuffles the pieces.
static Pieces cutAndShuffle(int64_t points) {
  Random random(static_cast<uint32_t>(points));
  std::vector<int64_t> cuts = {0, points};
  for (int i = 0; i < 5; ++i)
    cuts.push_back(uniform(random, 0, points));
  std::sort(cuts.begin(), cuts.end());
  Pieces pieces;
  for (size_t i = 1; i < cuts.size(); ++i)
    pieces.push_back({cuts[i - 1], cuts[i]});
  std::shuffle(pieces.begin(), pieces.end(), random);
  return pieces;
}

class Kernels::Call {
public:
  Call(const KernelInfo &info, KernelFunction function,
       const std::vector<Buffer *> &operands, const Step &step)
      : info(info), function(function), operands(operands), step(step),
        symbols{step.tokens, static_cast<int64_t>(step.sequences.size()),
                step.tokens, step.columns(),
                step.slots,  step.pages()} {
    for (const KernelOperand &operand : info.operands)
      isSequential |= leads(operand, Symbol::B);
  }

  void run() {
    ASSERT_NO_FATAL_FAILURE(checkShapes());
    prepare();
    std::list<Buffer> initial;
    for (const Buffer *operand : operands)
      initial.push_back(*operand);
    const int64_t points = *info.grid.evaluate(symbols);
    runPieces(pointers(operands), {{0, points}});
    expectReadsUnchanged(initial);
    Pieces singles = onePointAtATime(points);
    expectSame(initial, singles, "point by point");
    std::reverse(singles.begin(), singles.end());
    expectSame(initial, singles, "point by point backwards");
    expectSame(initial, cutAndShuffle(points), "cut and shuffled");
    expectSameAlone(initial);
  }

private:
  static bool leads(const KernelOperand &operand, Symbol symbol) {
    const SizeExpr &size = operand.shape[0];
    return size.kind == SizeExpr::Kind::Symbol && size.symbol == symbol;
  }

  static bool isBatch(const KernelOperand &operand) {
    return operand.dtype == DType::I32 && operand.shape.size() == 2 &&
           operand.access == Access::Read && leads(operand, Symbol::B);
  }

  void checkShapes() {
    ASSERT_EQ(operands.size(), info.operands.size()) << info.name;
    for (size_t i = 0; i < operands.size(); ++i) {
      std::vector<int64_t> shape;
      for (const SizeExpr &size : info.operands[i].shape)
        shape.push_back(*size.evaluate(symbols));
      ASSERT_EQ(operands[i]->shape(), shape) << info.name << " operand " << i;
      ASSERT_EQ(operands[i]->dtype(), info.operands[i].dtype)
          << info.name << " operand " << i;
    }
  }

  void prepare() {
    for (size_t i = 0; i < operands.size(); ++i)
      if (info.operands[i].access == Access::Write)
        operands[i]->poison();
  }

  static std::vector<void *> pointers(const std::vector<Buffer *> &buffers) {
    std::vector<void *> result;
    for (const Buffer *buffer : buffers)
      result.push_back(buffer->data());
    return result;
  }

  void runPieces(const std::vector<void *> &arguments, const Pieces &pieces) {
    for (auto [begin, end] : pieces)
      function(arguments.data(), symbols, begin, end);
  }

  void expectReadsUnchanged(const std::list<Buffer> &initial) {
    size_t i = 0;
    for (const Buffer &before : initial) {
      EXPECT_TRUE(operands[i]->isFrontIntact())
          << info.name << " wrote in front of operand " << i;
      if (info.operands[i].access == Access::Read)
        EXPECT_TRUE(*operands[i] == before)
            << info.name << " wrote operand " << i;
      ++i;
    }
  }

  void expectSame(const std::list<Buffer> &initial, const Pieces &pieces,
                  const char *what) {
    std::list<Buffer> copies = initial;
    std::vector<void *> arguments;
    for (Buffer &copy : copies)
      arguments.push_back(copy.data());
    runPieces(arguments, pieces);
    size_t i = 0;
    for (const Buffer &copy : copies) {
      EXPECT_TRUE(*operands[i] == copy)
          << info.name << ", operand " << i << " has other bits " << what;
      EXPECT_TRUE(copy.isFrontIntact()) << info.name << " operand " << i;
      ++i;
    }
  }

  /// Each sequence, or each row, in a step of its own.
  void expectSameAlone(const std::list<Buffer> &initial) {
    if (isSequential)
      for (size_t b = 0; b < step.sequences.size(); ++b) {
        const Sequence &sequence = step.sequences[b];
        expectSamePart(initial, step.alone(sequence), sequence, b);
      }
    else
      for (int64_t row = 0; row < step.tokens; ++row)
        expectSamePart(initial, Step::rows(1), {0, 0, row, 1}, 0);
  }

  /// Runs the rows of `sequence`, the `b`th of the batch, as the step `own`.
  void expectSamePart(const std::list<Buffer> &initial, const Step &own,
                      const Sequence &sequence, int64_t b) {
    auto part = [&](const Buffer &buffer, const KernelOperand &operand) {
      if (isBatch(operand))
        return own.batch();
      if (leads(operand, Symbol::R))
        return sliceRows(buffer, sequence.row, sequence.rows);
      if (leads(operand, Symbol::B))
        return sliceRows(buffer, b, 1);
      return Buffer(buffer);
    };
    std::list<Buffer> parts;
    std::vector<Buffer *> arguments;
    for (const Buffer &buffer : initial) {
      parts.push_back(part(buffer, info.operands[parts.size()]));
      arguments.push_back(&parts.back());
    }
    Call call(info, function, arguments, own);
    call.runPieces(pointers(arguments),
                   {{0, *info.grid.evaluate(call.symbols)}});
    for (size_t i = 0; i < operands.size(); ++i) {
      const KernelOperand &operand = info.operands[i];
      for (int64_t unit : unitsOf(operand, sequence)) {
        const bool isWhole = unit < 0;
        const Buffer got =
            isWhole ? *arguments[i] : sliceRows(*arguments[i], unit, 1);
        const Buffer want = isWhole ? part(*operands[i], operand)
                                    : sliceRows(*operands[i], unit, 1);
        EXPECT_TRUE(got == want)
            << info.name << ", operand " << i << " has other bits when row "
            << sequence.row << " of the step is alone";
      }
    }
  }

  /// The slot or pages of a state that belong to `sequence`; -1 for all of an
  /// operand that is no state.
  std::vector<int64_t> unitsOf(const KernelOperand &operand,
                               const Sequence &sequence) const {
    if (leads(operand, Symbol::S))
      return {sequence.slot};
    if (!leads(operand, Symbol::P))
      return {-1};
    std::vector<int64_t> pages;
    for (int64_t number = 0; number < step.columns(); ++number)
      pages.push_back(step.page(sequence.slot, number));
    return pages;
  }

  const KernelInfo &info;
  KernelFunction function;
  std::vector<Buffer *> operands;
  Step step;
  SymbolValues symbols;
  bool isSequential = false;
};

void Kernels::run(const std::string &name,
                  const std::vector<Buffer *> &operands,
                  const Step &step) const {
  for (size_t i = 0; i < package.kernels.size(); ++i)
    if (package.kernels[i].name == name)
      return Call(package.kernels[i], code.kernels()[i], operands, step).run();
  FAIL() << "no kernel " << name;
}
