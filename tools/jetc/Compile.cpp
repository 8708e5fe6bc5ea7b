// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "dialects/jet/Jet.h"
#include "frontend/Import.h"
#include "lowering/BuildPackage.h"
#include "lowering/Pipelines.h"
#include "lowering/Registration.h"
#include "lowering/cpu/HostCode.h"
#include "lowering/gpu/DeviceCode.h"
#include "passes/Passes.h"
#include "support/File.h"
#include "tools/jetc/InspectMemory.h"
#include "tools/jetc/Options.h"
#include "tools/jetc/ProgramInterface.h"

#include "mlir/IR/Verifier.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Support/Timing.h"
#include "llvm/ADT/SmallString.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/MathExtras.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/raw_ostream.h"

using namespace mlir;
using namespace jet;

std::string jet::describePlace(Location location) {
  if (auto named = dyn_cast<NameLoc>(location)) {
    std::string file = describePlace(named.getChildLoc());
    return (file.empty() ? "" : file + ": ") + named.getName().str();
  }
  if (auto file = dyn_cast<FileLineColLoc>(location)) {
    std::string name = file.getFilename().str();
    if (StringRef(name).ends_with(".json"))
      return name; // positions in a config are JSON paths
    return name + ":" + std::to_string(file.getLine()) + ":" +
           std::to_string(file.getColumn());
  }
  return "";
}

std::string jet::modelName(StringRef input) {
  llvm::SmallString<128> path(input);
  llvm::sys::path::remove_dots(path, /*remove_dot_dot=*/false);
  StringRef stem = llvm::sys::path::stem(path);
  if (stem == "config" && llvm::sys::path::has_parent_path(path))
    stem = llvm::sys::path::filename(llvm::sys::path::parent_path(path));
  return stem.empty() ? "model" : stem.str();
}

namespace {

/// Largest --page-size: all the positions of the longest context.
constexpr int64_t kMaxPage = int64_t(1) << 30;

/// A float type by the name that --kv-dtype and, but for fp8, --state-dtype
/// take; null for any other name.
Type parseDtype(MLIRContext *context, StringRef name) {
  if (name == "f32")
    return Float32Type::get(context);
  if (name == "bf16")
    return BFloat16Type::get(context);
  if (name == "fp8")
    return Float8E4M3FNType::get(context);
  return {};
}

class Compilation {
public:
  explicit Compilation(const CompileOptions &options)
      : options(options), handler(&context, [this](Diagnostic &diagnostic) {
          print(diagnostic);
        }) {
    DialectRegistry registry;
    registerAllDialects(registry);
    context.appendDialectRegistry(registry);
    context.loadDialect<JetDialect>();
    // Kernels are few and small: threads cost more than they give.
    context.disableMultithreading();
    applyDefaultTimingManagerCLOptions(timing);
    time = timing.getRootScope();
  }

  int run() {
    if (!checkOptions() || !readInput() || !toPlan())
      return 1;
    const Phase phase = options.phase;
    if (phase >= Phase::Plan && options.memory && !checkBudget())
      return 1;
    if (phase >= Phase::Tile && isForDevice() && !options.generalKernels &&
        !buildTiles())
      return 1;
    if ((phase >= Phase::Linalg && !lower("linalg", buildLinalgPipeline)) ||
        (phase >= Phase::Loops && !toLoops()))
      return 1;
    if (phase < Phase::Llvm)
      return writeText();
    return finish();
  }

private:
  bool fail(const std::string &message) {
    reportError(message);
    return false;
  }

  bool isForDevice() const { return options.target == kDeviceArch; }

  /// What can be said before there is a model.
  bool checkOptions() {
    if (options.target != "cpu" && !isForDevice())
      return fail("--target: expected cpu or " + kDeviceArch.str() +
                  ", found '" + options.target + "'");
    for (auto [phase, name] :
         {std::pair(Phase::Ptx, "ptx"), std::pair(Phase::Tile, "tile")})
      if (!isForDevice() && options.phase == phase)
        return fail("--emit: expected --target=" + kDeviceArch.str() +
                    " with " + name);
    if (!isForDevice() && options.generalKernels)
      return fail("--general-kernels: expected --target=" + kDeviceArch.str());
    if (!isForDevice() && !options.ptxas.empty())
      return fail("--ptxas: expected --target=" + kDeviceArch.str());
    if (!isForDevice() && (options.tiles || options.tileAlternatives))
      return fail(
          std::string(options.tiles ? "--tiles" : "--tile-alternatives") +
          ": expected --target=" + kDeviceArch.str());
    if (options.tiles)
      if (Result<TileTable> table = findTileTable(*options.tiles); !table)
        return fail("--tiles: " + table.error().message);
    FailureOr<CpuLevel> found = findCpuLevel(options.cpu);
    if (failed(found))
      return fail("--cpu: expected native, x86-64-v2, x86-64-v3 or "
                  "x86-64-v4, found '" +
                  options.cpu + "'");
    level = *found;
    if (options.maxBatch &&
        (*options.maxBatch < 1 || *options.maxBatch > (1 << 20)))
      return fail("--max-batch: expected 1 to 1048576, found " +
                  std::to_string(*options.maxBatch));
    if (options.pageSize &&
        (*options.pageSize < 1 || *options.pageSize > kMaxPage ||
         !llvm::isPowerOf2_64(*options.pageSize)))
      return fail("--page-size: expected a power of two from 1 to " +
                  std::to_string(kMaxPage) + ", found " +
                  std::to_string(*options.pageSize));
    if (options.memory) {
      if (Result<int64_t> bytes = parseByteCount(*options.memory); !bytes)
        return fail("--memory: " + bytes.error().message);
      if (options.phase < Phase::Plan)
        return fail("--memory: expected --emit=plan or a later phase: before "
                    "that nothing has a place in memory");
    }
    for (const std::string &name : options.disableFusion)
      if (name != "all" && !llvm::is_contained(getFusionNames(), name))
        return fail("--disable-fusion: expected all or one of " +
                    llvm::join(getFusionNames(), ", ") + ", found '" + name +
                    "'");
    if (options.kvDtype && !parseDtype(&context, *options.kvDtype))
      return fail("--kv-dtype: expected f32, bf16 or fp8, found '" +
                  *options.kvDtype + "'");
    if (const auto &state = options.stateDtype;
        state && *state != "f32" && *state != "bf16")
      return fail("--state-dtype: expected f32 or bf16, found '" + *state +
                  "'");
    if (options.packWeights && options.passPipeline)
      return fail("--pack-weights: expected no --pass-pipeline beside it; add "
                  "jet-pack-weights to the passes instead");
    return true;
  }

  /// From the input's level to the plan, or to an earlier phase that was asked
  /// for.
  bool toPlan() {
    const Phase phase = options.phase;
    if (!module->getOps<PlanOp>().empty())
      return checkPlanOptions() && lower("plan", buildPlanChecks);
    return setStateStorage() && checkLimits() &&
           (phase < Phase::Placed || place()) &&
           (phase < Phase::Tensor || expand()) &&
           (phase < Phase::Fused || fuse()) &&
           (phase < Phase::Launch || lower("launch", buildLaunchPipeline)) &&
           (phase < Phase::Plan || plan());
  }

  /// The first error says what is wrong. What follows is mostly the same of
  /// other ops, and only counted.
  void print(Diagnostic &diagnostic) {
    std::string place = describePlace(diagnostic.getLocation());
    std::string text =
        (place.empty() ? options.input : place) + ": " + diagnostic.str();
    if (diagnostic.getSeverity() == DiagnosticSeverity::Error) {
      if (errors++)
        return;
      reportError(text);
      // Not the op's text, which MLIR attaches to every error.
      for (Diagnostic &note : diagnostic.getNotes())
        if (std::string line = note.str();
            !StringRef(line).starts_with("see current operation")) {
          std::string noted = describePlace(note.getLocation());
          if (!noted.empty() && noted != place)
            line = noted + ": " + line;
          llvm::errs() << "jetc: note: " << line << "\n";
        }
    } else if (diagnostic.getSeverity() == DiagnosticSeverity::Warning) {
      llvm::errs() << "jetc: warning: " << text << "\n";
    } else if (diagnostic.getSeverity() == DiagnosticSeverity::Remark &&
               options.remarks) {
      llvm::errs() << "jetc: remark: " << text << "\n";
    }
  }

  bool readInput() {
    TimingScope reading = time.nest("read");
    if (StringRef(options.input).ends_with(".mlir")) {
      module = parseSourceFile<ModuleOp>(options.input, &context);
      if (module && module->getOps<ModelOp>().empty())
        return reportError(options.input +
                           ": expected a jet.model, found none"),
               false;
      return static_cast<bool>(module);
    }
    Result<ParsedSpec> parsed = readSpec(options.input);
    if (!parsed)
      return reportError(parsed.error().message), false;
    for (const std::string &warning : parsed->warnings)
      llvm::errs() << "jetc: warning: " << warning << "\n";
    spec = std::move(parsed->spec);
    module =
        importSpec(context, *spec, modelName(options.input), options.input);
    return succeeded(verify(*module));
  }

  bool lower(StringRef name, llvm::function_ref<void(OpPassManager &)> build) {
    PassManager pm(&context);
    build(pm);
    TimingScope passes = time.nest(name);
    pm.enableTiming(passes);
    if (succeeded(applyPassManagerCLOptions(pm)) && succeeded(pm.run(*module)))
      return true;
    if (errors > 1)
      llvm::errs() << "jetc: note: and " << errors - 1 << " more\n";
    return false;
  }

  /// What layers carry from step to step, in the types and pages asked for.
  bool setStateStorage() {
    ModelOp model = *module->getOps<ModelOp>().begin();
    if (options.kvDtype)
      model.setKvStorage(parseDtype(&context, *options.kvDtype));
    if (options.stateDtype)
      model.setRecurrentStorage(parseDtype(&context, *options.stateDtype));
    if (options.pageSize)
      model.setPage(*options.pageSize);
    return succeeded(verify(*module));
  }

  /// placed → tensor
  bool expand() {
    ExpandOptions expand;
    ModelOp model = *module->getOps<ModelOp>().begin();
    const int64_t vocab = model.getVocabSize();
    expand.topK = options.topK.value_or(std::min(kDefaultTopK, vocab));
    const int64_t most = std::min(kMaxTopK, vocab);
    if (expand.topK < 0 || expand.topK > most)
      return fail("--top-k: expected 0 to " + std::to_string(most) +
                  " (at most the vocabulary), found " +
                  std::to_string(expand.topK));
    return lower("expand",
                 [&](OpPassManager &pm) { buildExpandPipeline(pm, expand); });
  }

  /// tensor → fused: our passes, or the user's.
  bool fuse() {
    if (!options.passPipeline)
      return lower("fuse", [&](OpPassManager &pm) {
        FuseOptions fuse;
        for (const std::string &name : options.disableFusion)
          fuse.disable.push_back(name);
        fuse.remarks = options.remarks;
        // Its tensor cores take bf16.
        fuse.roundActivations = isForDevice();
        fuse.roundRuleInputs = isForDevice() && !options.generalKernels;
        fuse.foldNorms = isForDevice() && !options.generalKernels;
        fuse.packWeights = options.packWeights;
        buildFusePipeline(pm, fuse);
      });
    FailureOr<OpPassManager> passes = parsePipeline(*options.passPipeline);
    if (failed(passes))
      return false;
    ProgramInterface before(*module);
    auto build = [&](OpPassManager &pm) {
      pm = *passes;
      pm.addPass(createVerifyLevelPass({"tensor"}));
    };
    if (lower("fuse", build) && succeeded(before.verifyUnchanged(*module)))
      return true;
    llvm::errs() << "jetc: note: --pass-pipeline begins and must end at level "
                    "'tensor', as --emit=tensor prints it\n";
    return false;
  }

  bool buildTiles() {
    return lower("tile", [&](OpPassManager &pm) {
      TileOptions tile;
      if (options.tiles)
        tile.tiles = *options.tiles;
      tile.alternatives = options.tileAlternatives;
      buildTilePipeline(pm, tile);
    });
  }

  bool place() {
    PlacementOptions place;
    std::vector<std::string> names = options.placement;
    if (names.empty() && spec && spec->placement)
      names = *spec->placement;
    for (const std::string &name : names)
      place.placement.push_back(name);
    return lower("place",
                 [&](OpPassManager &pm) { buildPlacePipeline(pm, place); });
  }

  /// Of the options, where the model is known.
  bool checkLimits() {
    int64_t longest = (*module->getOps<ModelOp>().begin()).getMaxPosition();
    if (!options.maxContext ||
        (*options.maxContext >= 1 && *options.maxContext <= longest))
      return true;
    return fail("--max-context: expected 1 to " + std::to_string(longest) +
                " (max_position_embeddings), found " +
                std::to_string(*options.maxContext));
  }

  /// What is decided before a plan is made cannot be asked of one.
  bool checkPlanOptions() {
    const std::string atPlan = options.input + ", which is at level 'plan'";
    if (options.phase < Phase::Plan)
      return fail("--emit: expected plan or a later phase for " + atPlan);
    const std::pair<const char *, bool> decided[] = {
        {"--max-batch", options.maxBatch.has_value()},
        {"--max-context", options.maxContext.has_value()},
        {"--page-size", options.pageSize.has_value()},
        {"--placement", !options.placement.empty()},
        {"--disable-fusion", !options.disableFusion.empty()},
        {"--kv-dtype", options.kvDtype.has_value()},
        {"--state-dtype", options.stateDtype.has_value()},
        {"--pack-weights", options.packWeights},
        {"--top-k", options.topK.has_value()},
        {"--pass-pipeline", options.passPipeline.has_value()}};
    for (auto [name, isGiven] : decided)
      if (isGiven)
        return fail(std::string(name) + ": expected none for " + atPlan +
                    ": the plan has decided that");
    return true;
  }

  bool plan() {
    return lower("plan", [&](OpPassManager &pm) {
      PlanOptions plan;
      if (options.maxBatch)
        plan.maxBatch = *options.maxBatch;
      plan.maxContext = options.maxContext.value_or(0);
      buildPlanPipeline(pm, plan);
    });
  }

  /// Against --memory.
  bool checkBudget() {
    FailureOr<Package> package = buildPackage(*module);
    if (failed(package))
      return false;
    Result<void> fits = checkMemory(*package, *options.memory);
    return fits || fail(fits.error().message);
  }

  /// Kernels on tensors to loops of threads or vectors.
  bool toLoops() {
    if (isForDevice())
      return lower("loops", buildDeviceLoopsPipeline);
    return lower("loops", [&](OpPassManager &pm) {
      CpuOptions cpu;
      cpu.vectorWidth = level.vectorWidth;
      buildLoopsPipeline(pm, cpu);
    });
  }

  int writeText() {
    std::string text;
    llvm::raw_string_ostream stream(text);
    module->print(stream);
    stream << "\n";
    return write(text);
  }

  int write(const std::string &text) {
    if (options.output.empty() || options.output == "-") {
      llvm::outs() << text;
      llvm::outs().flush();
      if (llvm::outs().has_error()) {
        std::string reason = llvm::outs().error().message();
        llvm::outs().clear_error();
        return reportError("standard output: " + reason);
      }
      return 0;
    }
    Result<void> done = writeTextFile(options.output, text);
    return done ? 0 : reportError(done.error().message);
  }

  /// Plans to a package, kernels to code.
  int finish() {
    FailureOr<Package> package = buildPackage(*module);
    if (failed(package) ||
        !lower("llvm", isForDevice() ? buildDevicePipeline : buildHostPipeline))
      return 1;
    package->producer = "jetc " JET_VERSION;
    package->target = {"cpu", "x86_64", level.name};
    if (isForDevice())
      package->target = {"cuda", kDeviceArch.str(), ""};
    if (options.phase == Phase::Llvm)
      return writeText();
    auto kernels = module->lookupSymbol<ModuleOp>(kKernelsModule);
    if (options.phase != Phase::Package) {
      FailureOr<std::string> text = printCode(kernels);
      return failed(text) ? 1 : write(*text);
    }
    TimingScope coding = time.nest("code");
    LogicalResult coded = compileCode(kernels, *package);
    coding.stop();
    if (failed(coded))
      return 1;
    std::string output = options.output;
    if (output.empty())
      output = modelName(options.input) + ".jet";
    Result<void> written = writePackage(*package, output);
    return written ? 0 : reportError(written.error().message);
  }

  /// LLVM IR or PTX.
  FailureOr<std::string> printCode(ModuleOp kernels) {
    if (options.phase == Phase::Ptx)
      return printPtx(kernels, Arithmetic::AsFlagged);
    return isForDevice() ? printDeviceIR(kernels) : printHostIR(kernels, level);
  }

  LogicalResult compileCode(ModuleOp kernels, Package &package) {
    if (isForDevice())
      return compileDeviceCode(kernels, options.ptxas, package);
    FailureOr<std::vector<std::byte>> code = compileHostCode(kernels, level);
    if (failed(code))
      return failure();
    package.blobs = {{"host_code", std::move(*code)}};
    return success();
  }

  const CompileOptions &options;
  DefaultTimingManager timing;
  TimingScope time;
  MLIRContext context;
  int errors = 0;
  ScopedDiagnosticHandler handler;
  CpuLevel level;
  std::optional<ModelSpec> spec;
  OwningOpRef<ModuleOp> module;
};

} // namespace

int jet::compile(const CompileOptions &options) {
  return Compilation(options).run();
}
