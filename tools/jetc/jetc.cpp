// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The compiler driver: reads the command line, runs a command.

#include "lowering/Pipelines.h"
#include "lowering/Registration.h"
#include "mlir/InitAllPasses.h"
#include "support/File.h"
#include "tools/jetc/Options.h"
#include "tools/jetc/SearchOptions.h"
#include "tools/plugins/LoadPlugins.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/raw_ostream.h"

using namespace llvm;
using namespace jet;

static cl::OptionCategory category("Options");

static cl::OptionCategory
    passCategory("Options for watching passes (MLIR's own)");

static cl::SubCommand compileCommand(
    "compile",
    "Compile a model spec to a package, or print it at a phase on the way\n"
    "\n"
    "  jetc compile config.json -o model.jet\n"
    "  jetc compile config.json --emit=tensor | less\n"
    "  jetc compile config.json --emit=plan -o plan.mlir\n"
    "  jetc compile plan.mlir -o edited.jet\n"
    "  jetc compile config.json --target=sm_90a -o model.jet\n"
    "  jetc compile supernet.json --placement=attn,jet,jet -o placed.jet\n");
static cl::SubCommand inspectCommand(
    "inspect",
    "Show what a package holds: layers, parameters, state per sequence\n"
    "\n"
    "  jetc inspect model.jet --context 65536\n"
    "  jetc inspect model.jet --json | jq .state_bytes_per_sequence\n"
    "  jetc inspect model.jet --cost --batch 128 --target=h200\n"
    "  jetc inspect model.jet --memory 80GB --html report.html\n");

//===----------------------------------------------------------------------===//
// compile
//===----------------------------------------------------------------------===//

static cl::opt<std::string>
    configPath(cl::Positional, cl::Required,
               cl::desc("CONFIG (a config.json, its directory, or a .mlir file "
                        "at level model or plan)"),
               cl::sub(compileCommand), cl::cat(category));
static cl::opt<std::string>
    outputPath("o", cl::value_desc("file"),
               cl::desc("Output (default: the config's name with .jet; "
                        "standard output for --emit of text)"),
               cl::sub(compileCommand), cl::cat(category));
static cl::opt<std::string> target("target", cl::init("cpu"),
                                   cl::value_desc("name"),
                                   cl::desc("Machine to compile for: cpu "
                                            "(default) or sm_90a (H100, H200)"),
                                   cl::sub(compileCommand), cl::cat(category));
static cl::opt<std::string>
    ptxas("ptxas", cl::value_desc("path"),
          cl::desc("CUDA's assembler for --target=sm_90a, or none: the driver "
                   "compiles the PTX when a package is loaded (default: in "
                   "$CUDA_HOME/bin, PATH, /usr/local/cuda/bin, if there)"),
          cl::sub(compileCommand), cl::cat(category));
static cl::opt<std::string>
    cpu("cpu", cl::init("native"), cl::value_desc("level"),
        cl::desc("native (default), x86-64-v2, x86-64-v3 or x86-64-v4"),
        cl::sub(compileCommand), cl::cat(category));
static cl::opt<int64_t> maxBatch("max-batch", cl::init(16), cl::value_desc("N"),
                                 cl::desc("Sequences in a batch, at most "
                                          "(default 16)"),
                                 cl::sub(compileCommand), cl::cat(category));
static cl::opt<int64_t>
    maxContext("max-context", cl::init(0), cl::value_desc("N"),
               cl::desc("Tokens of a sequence, at most (default: the config's "
                        "max_position_embeddings)"),
               cl::sub(compileCommand), cl::cat(category));
static cl::opt<int64_t>
    topK("top-k", cl::init(kDefaultTopK), cl::value_desc("K"),
         cl::desc("Candidates that programs *_sample return instead of logits; "
                  "0: no such programs (default 64, or the vocabulary)"),
         cl::sub(compileCommand), cl::cat(category));
static cl::opt<int64_t>
    pageSize("page-size", cl::init(64), cl::value_desc("N"),
             cl::desc("Positions in a page of a full-attention cache, a power "
                      "of two (default 64)"),
             cl::sub(compileCommand), cl::cat(category));
static cl::opt<std::string> compileMemory(
    "memory", cl::value_desc("80GB"),
    cl::desc("Refuse unless weights, states and activations of the largest "
             "batch fit (B, KB, MB, GB, KiB, MiB, GiB)"),
    cl::sub(compileCommand), cl::cat(category));
static cl::list<std::string>
    placement("placement", cl::CommaSeparated, cl::value_desc("mixer,…"),
              cl::desc("Mixer of each layer of a supernet, in order"),
              cl::sub(compileCommand), cl::cat(category));
static cl::opt<std::string> kvDtype(
    "kv-dtype", cl::value_desc("type"),
    cl::desc("Type in which keys and values are kept: f32, bf16 or fp8 (e4m3; "
             "default: the model's)"),
    cl::sub(compileCommand), cl::cat(category));
static cl::opt<std::string> stateDtype(
    "state-dtype", cl::value_desc("type"),
    cl::desc("Type in which recurrent states are kept: f32 (default) or bf16"),
    cl::sub(compileCommand), cl::cat(category));
static const std::string fusionHelp =
    "Fusions to leave out: all, or " + join(getFusionNames(), ", ");
static cl::list<std::string> disableFusion("disable-fusion", cl::CommaSeparated,
                                           cl::value_desc("name,…"),
                                           cl::desc(fusionHelp),
                                           cl::sub(compileCommand),
                                           cl::cat(category));
static cl::opt<bool> packWeights(
    "pack-weights",
    cl::desc("Lay the weights of projections that read the same input end to "
             "end when they are loaded; on the cpu that costs a copy of what "
             "is otherwise only mapped"),
    cl::sub(compileCommand), cl::cat(category));
static cl::opt<bool> generalKernels(
    "general-kernels",
    cl::desc(
        "Every kernel by the general path alone, without forms of the tile "
        "dialect (sm_90a)"),
    cl::sub(compileCommand), cl::cat(category));
static cl::opt<std::string> tiles(
    "tiles", cl::init(kDefaultTiles), cl::value_desc("name"),
    cl::desc("What products of many rows take in which tiles: h200 (default), "
             "none, or a file by jet-run tune (sm_90a)"),
    cl::sub(compileCommand), cl::cat(category));
static cl::opt<bool> tileAlternatives(
    "tile-alternatives",
    cl::desc("Also compile the tiles that are not chosen, for jet-run tune to "
             "measure (sm_90a)"),
    cl::sub(compileCommand), cl::cat(category));
static cl::opt<Phase> phase(
    "emit", cl::init(Phase::Package), cl::desc("What to write:"),
    cl::values(
        clEnumValN(Phase::Model, "model", "the spec as IR"),
        clEnumValN(Phase::Placed, "placed", "one mixer per layer"),
        clEnumValN(Phase::Tensor, "tensor", "functions over tensors"),
        clEnumValN(Phase::Fused, "fused", "the same after fusion"),
        clEnumValN(Phase::Launch, "launch", "launch lists and their kernels"),
        clEnumValN(Phase::Plan, "plan", "programs with all memory in place"),
        clEnumValN(Phase::Tile, "tile", "kernels of the tile dialect (sm_90a)"),
        clEnumValN(Phase::Linalg, "linalg", "kernels as linalg on tensors"),
        clEnumValN(Phase::Loops, "loops", "kernels as loops"),
        clEnumValN(Phase::Llvm, "llvm", "kernels in the LLVM dialect"),
        clEnumValN(Phase::LlvmIr, "llvm-ir", "kernels as optimised LLVM IR"),
        clEnumValN(Phase::Ptx, "ptx", "kernels as PTX (sm_90a)"),
        clEnumValN(Phase::Package, "package", "the package (default)")),
    cl::sub(compileCommand), cl::cat(category));

static cl::opt<std::string> passPipeline(
    "pass-pipeline", cl::value_desc("builtin.module(…)"),
    cl::desc("Passes to run from phase tensor to phase fused, instead of ours"),
    cl::sub(compileCommand), cl::cat(category));
// Only for --help: plugins are loaded before the command line is parsed.
static cl::list<std::string>
    plugins("load-pass-plugin", cl::value_desc("file.so"),
            cl::desc("Load passes of your own (docs/fusion-tutorial.md)"),
            cl::sub(compileCommand), cl::cat(category));
static cl::opt<bool>
    showRemarks("remarks",
                cl::desc("Print the remarks of passes, such as "
                         "why a pattern was refused"),
                cl::sub(compileCommand), cl::cat(category));

//===----------------------------------------------------------------------===//
// inspect
//===----------------------------------------------------------------------===//

static cl::opt<std::string> packagePath(cl::Positional, cl::Required,
                                        cl::desc("PACKAGE"),
                                        cl::sub(inspectCommand),
                                        cl::cat(category));
static cl::opt<int64_t>
    context("context", cl::init(0), cl::value_desc("L"),
            cl::desc("Context length to report state for (default: the "
                     "package's maximum)"),
            cl::sub(inspectCommand), cl::cat(category));
static cl::opt<bool> json("json", cl::desc("Print JSON"),
                          cl::sub(inspectCommand), cl::cat(category));
static cl::opt<bool>
    cost("cost",
         cl::desc("Predict what a step costs: bytes, operations and time of "
                  "each kind of op"),
         cl::sub(inspectCommand), cl::cat(category));
static cl::opt<int64_t> costBatch(
    "batch", cl::init(0), cl::value_desc("B"),
    cl::desc("With --cost: sequences (default: the package's maximum)"),
    cl::sub(inspectCommand), cl::cat(category));
static cl::opt<int64_t>
    costTokens("tokens", cl::init(0), cl::value_desc("N"),
               cl::desc("With --cost: tokens of each sequence in prefill, the "
                        "last of its context (default: all)"),
               cl::sub(inspectCommand), cl::cat(category));
static cl::opt<std::string>
    costPhase("phase", cl::value_desc("name"),
              cl::desc("With --cost: decode, prefill, decode_sample or "
                       "prefill_sample (default: decode and prefill)"),
              cl::sub(inspectCommand), cl::cat(category));
static cl::opt<std::string> costTarget(
    "target", cl::value_desc("name"),
    cl::desc("With --cost: the machine, cpu, h100-sxm, h200 or a file with a "
             "#jet.target (default: what the package is compiled for)"),
    cl::sub(inspectCommand), cl::cat(category));

static cl::opt<std::string>
    memory("memory", cl::value_desc("80GB"),
           cl::desc("Say the largest batch that fits (B, KB, MB, GB, KiB, MiB, "
                    "GiB)"),
           cl::sub(inspectCommand), cl::cat(category));
static cl::opt<int64_t>
    chunk("chunk", cl::init(0), cl::value_desc("N"),
          cl::desc("With --memory: tokens of a step of prefill, of all "
                   "sequences together (default: 2048)"),
          cl::sub(inspectCommand), cl::cat(category));
static cl::opt<std::string>
    html("html", cl::value_desc("file"),
         cl::desc("Write a page with the memory map, the state and the cost "
                  "as charts; takes the options of --cost too"),
         cl::sub(inspectCommand), cl::cat(category));

int jet::reportError(StringRef message) {
  errs() << "jetc: error: " << message << "\n";
  return 1;
}

static CompileOptions readCompileOptions() {
  CompileOptions options;
  options.input = configPath;
  options.output = outputPath;
  options.target = target;
  options.cpu = cpu;
  options.ptxas = ptxas;
  options.generalKernels = generalKernels;
  if (tiles.getNumOccurrences())
    options.tiles = tiles;
  options.tileAlternatives = tileAlternatives;
  options.phase = phase;
  if (maxBatch.getNumOccurrences())
    options.maxBatch = maxBatch.getValue();
  if (maxContext.getNumOccurrences())
    options.maxContext = maxContext.getValue();
  if (compileMemory.getNumOccurrences())
    options.memory = compileMemory.getValue();
  if (topK.getNumOccurrences())
    options.topK = topK;
  if (pageSize.getNumOccurrences())
    options.pageSize = pageSize.getValue();
  options.placement.assign(placement.begin(), placement.end());
  options.disableFusion.assign(disableFusion.begin(), disableFusion.end());
  if (passPipeline.getNumOccurrences())
    options.passPipeline = passPipeline;
  if (kvDtype.getNumOccurrences())
    options.kvDtype = kvDtype;
  if (stateDtype.getNumOccurrences())
    options.stateDtype = stateDtype;
  options.packWeights = packWeights;
  options.remarks = showRemarks;
  return options;
}

static InspectOptions readInspectOptions() {
  InspectOptions options;
  options.package = packagePath;
  options.context = context;
  options.json = json;
  options.cost = cost;
  options.batch = costBatch;
  options.tokens = costTokens;
  options.phase = costPhase;
  options.machine = costTarget;
  if (memory.getNumOccurrences())
    options.memory = memory.getValue();
  options.chunkTokens = chunk;
  if (html.getNumOccurrences())
    options.html = html.getValue();
  return options;
}

int main(int argc, char **argv) {
  removeTemporariesOnSignal();
  if (argc > 1 && StringRef(argv[1]) == "compile") {
    mlir::registerAllPasses();
    registerAllPasses();
    if (Result<void> done = loadPassPlugins(argc, argv); !done)
      return reportError(done.error().message);
    addPassOptions(compileCommand, passCategory);
  }
  // LLVM's own options would drown ours in --help.
  const cl::OptionCategory *categories[] = {&category, &passCategory,
                                            &searchCategory()};
  for (cl::SubCommand *command :
       {&compileCommand, &inspectCommand, &searchSubCommand(),
        &cl::SubCommand::getTopLevel()})
    cl::HideUnrelatedOptions(categories, *command);
  cl::SetVersionPrinter(
      [](raw_ostream &os) { os << "jetc " JET_VERSION "\n"; });
  cl::ParseCommandLineOptions(
      argc, argv,
      "jetc: compiler for hybrid linear-attention language models\n\n"
      "  jetc compile CONFIG -o PACKAGE    then    jet-run generate PACKAGE "
      "…\n");
  if (compileCommand)
    return compile(readCompileOptions());
  if (inspectCommand)
    return inspect(readInspectOptions());
  if (searchSubCommand()) {
    Result<SearchOptions> options = readSearchOptions();
    if (!options)
      return reportError(options.error().message);
    return options->jetBlock.empty() ? search(*options)
                                     : searchJetBlocks(*options);
  }
  cl::PrintHelpMessage();
  return 2;
}
