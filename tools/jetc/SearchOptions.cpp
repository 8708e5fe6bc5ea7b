// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "tools/jetc/SearchOptions.h"
#include "tools/jetc/InspectMemory.h"

#include <cmath>

using namespace llvm;
using namespace jet;

static cl::SubCommand command(
    "search",
    "Find the best placement of a supernet: which layers keep full attention\n"
    "\n"
    "  jetc search supernet.json --scores placements.csv --objective "
    "recall_loss \\\n"
    "       --full 2 -o placed.json\n"
    "  jetc search supernet.json --layer-scores layers.csv --max-full 4 -o "
    "placed.json\n"
    "  jetc search supernet.json --scores placements.csv \\\n"
    "       --objective 'text_loss + 0.5 * recall_loss' --max-state-bytes 2MB "
    "\\\n"
    "       --context 4096 -o placed.json --report search.html\n"
    "  jetc search examples/postnas --data "
    "examples/postnas/evalset.safetensors "
    "\\\n"
    "       --data-rows recall=64,text=32 --objective recall_loss --full 2 "
    "\\\n"
    "       --log search.jsonl --export placed/\n"
    "\n"
    "A supernet's layers (\"supernet\" in layer_types) have several candidate\n"
    "mixers. The search takes one for each, so that the objective is best "
    "within\n"
    "the limits, and writes the config of the plain model, which jetc compile\n"
    "takes. With --export there is a checkpoint for it, too.\n"
    "\n"
    "Placements are judged by a table of measured ones (--scores), by scores "
    "of\n"
    "each layer (--layer-scores), or by running them on data (--data). Without "
    "data\n"
    "the result is the optimum; with --beam W, and with data, the search grows "
    "the\n"
    "placement one layer at a time from none with full attention and keeps the "
    "W\n"
    "best of each size, as PostNAS does. What placements cost comes from the "
    "memory\n"
    "plan and the cost model. docs/search.md has the files' formats and the "
    "rules.\n");
static cl::OptionCategory category("Options");

static cl::opt<std::string>
    config(cl::Positional, cl::Required,
           cl::desc("CONFIG (a supernet's config.json, or its directory)"),
           cl::sub(command), cl::cat(category));
static cl::opt<std::string>
    output("o", cl::value_desc("file"),
           cl::desc("Where to write the placed config (.json) or the placed "
                    "IR, which reads the supernet's checkpoint (.mlir)"),
           cl::sub(command), cl::cat(category));
static cl::opt<std::string>
    scores("scores", cl::value_desc("file.csv"),
           cl::desc("Measured placements: a column full_attention (1 or 0 for "
                    "each layer) or placement (mixers' names), others metrics"),
           cl::sub(command), cl::cat(category));
static cl::opt<std::string>
    layerScores("layer-scores", cl::value_desc("file.csv"),
                cl::desc("Scores of each layer's candidates, which add up: a "
                         "column layer, and one for each mixer"),
                cl::sub(command), cl::cat(category));
static cl::opt<std::string>
    data("data", cl::value_desc("file.safetensors"),
         cl::desc("Data to run placements on: token ids [sequences, length], "
                  "with NAME_mask beside NAME only its targets count; metrics "
                  "are NAME_loss and, with a mask, NAME_accuracy"),
         cl::sub(command), cl::cat(category));
static cl::list<std::string>
    dataRows("data-rows", cl::CommaSeparated, cl::value_desc("name=N,…"),
             cl::desc("Only the first N sequences of NAME (default: all)"),
             cl::sub(command), cl::cat(category));
static cl::opt<std::string> objective(
    "objective", cl::value_desc("metric"),
    cl::desc("A column of --scores, or a weighted sum: 'text_loss + 0.5 * "
             "recall_loss'. Losses are to be small, accuracies and scores "
             "large; others say min:x or max:x (default with --layer-scores: "
             "score)"),
    cl::sub(command), cl::cat(category));
static cl::opt<int64_t> full("full", cl::value_desc("N"),
                             cl::desc("Exactly N layers of full attention"),
                             cl::sub(command), cl::cat(category));
static cl::opt<int64_t> maxFull("max-full", cl::value_desc("N"),
                                cl::desc("At most N layers of full attention"),
                                cl::sub(command), cl::cat(category));
static cl::opt<int64_t>
    window("window", cl::value_desc("N"),
           cl::desc("Exactly N layers of attention with a window"),
           cl::sub(command), cl::cat(category));
static cl::opt<int64_t>
    maxWindow("max-window", cl::value_desc("N"),
              cl::desc("At most N layers of attention with a window"),
              cl::sub(command), cl::cat(category));
static cl::opt<int64_t>
    beam("beam", cl::value_desc("W"),
         cl::desc("Beam search of that width (default: the optimum; with "
                  "--data 4)"),
         cl::sub(command), cl::cat(category));
static cl::opt<bool> exhaustive("exhaustive",
                                cl::desc("With --data: run every placement "
                                         "within the limits"),
                                cl::sub(command), cl::cat(category));
static cl::opt<std::string> maxStateBytes(
    "max-state-bytes", cl::value_desc("2MB"),
    cl::desc("State of a sequence at --context, at most (a number, or with B, "
             "KB, MB, GB, KiB, MiB, GiB)"),
    cl::sub(command), cl::cat(category));
static cl::opt<double> maxDecode(
    "max-decode-us", cl::value_desc("T"),
    cl::desc("Predicted microseconds of a decode step of --batch sequences at "
             "--context on --target, at most"),
    cl::sub(command), cl::cat(category));
static cl::opt<double> minTokens(
    "min-tokens-per-second", cl::value_desc("R"),
    cl::desc("The same limit as tokens a second of the whole batch, at least"),
    cl::sub(command), cl::cat(category));
static cl::opt<int64_t> maxParameters("max-parameters", cl::value_desc("N"),
                                      cl::desc("Weights of the placed model, "
                                               "at most"),
                                      cl::sub(command), cl::cat(category));
static cl::opt<int64_t>
    context("context", cl::init(0), cl::value_desc("L"),
            cl::desc("Positions of a sequence for what placements cost "
                     "(default: max_position_embeddings)"),
            cl::sub(command), cl::cat(category));
static cl::opt<int64_t>
    batch("batch", cl::init(16), cl::value_desc("B"),
          cl::desc("Sequences of a decode step (default 16)"), cl::sub(command),
          cl::cat(category));
static cl::opt<std::string>
    target("target", cl::init("cpu"), cl::value_desc("name"),
           cl::desc("The machine: cpu (default), h100-sxm, h200 or a file with "
                    "a #jet.target"),
           cl::sub(command), cl::cat(category));
static cl::opt<std::string>
    device("device", cl::init("cpu"), cl::value_desc("name"),
           cl::desc("Where --data and --measure run: cpu (default) or cuda:N"),
           cl::sub(command), cl::cat(category));
static cl::opt<bool>
    generalKernels("general-kernels",
                   cl::desc("On a GPU: compute in f32 throughout, as on the "
                            "CPU; slower"),
                   cl::sub(command), cl::cat(category));
static cl::opt<std::string>
    placements("placements", cl::value_desc("file.csv"),
               cl::desc("With --data: run the placements of this table, which "
                        "--scores would take, and no others"),
               cl::sub(command), cl::cat(category));
static cl::list<std::string>
    jetBlock("jet-block", cl::multi_val(3),
             cl::value_desc("d_k=… d_v=… heads=…"),
             cl::desc("Find the sizes of a placed model's JetBlocks instead: "
                      "all of these ranges from:to:step or lists at one cache; "
                      "prints the front of predicted speed and parameters"),
             cl::sub(command), cl::cat(category));
static cl::opt<std::string>
    cacheBytes("cache-bytes", cl::value_desc("154MiB"),
               cl::desc("With --jet-block: what a sequence holds at --context "
                        "(default: as CONFIG is)"),
               cl::sub(command), cl::cat(category));
static cl::opt<double>
    cacheTolerance("cache-tolerance", cl::init(1), cl::value_desc("percent"),
                   cl::desc("How far from that a shape may be (default 1)"),
                   cl::sub(command), cl::cat(category));
static cl::opt<double> speedTolerance(
    "speed-tolerance", cl::init(2), cl::value_desc("percent"),
    cl::desc("With --jet-block: -o gets the shape with the most parameters of "
             "those at most this much slower than the fastest (default 2)"),
    cl::sub(command), cl::cat(category));
static cl::opt<bool>
    measure("measure",
            cl::desc("With --jet-block: compile the shapes of the front and "
                     "time them on --device"),
            cl::sub(command), cl::cat(category));
static cl::opt<std::string>
    logPath("log", cl::value_desc("file"),
            cl::desc("Write each evaluated placement as a line of JSON"),
            cl::sub(command), cl::cat(category));
static cl::opt<bool> resume("resume",
                            cl::desc("Take in what --log has, and go on"),
                            cl::sub(command), cl::cat(category));
static cl::opt<std::string>
    weights("weights", cl::value_desc("path"),
            cl::desc("The supernet's checkpoint, for --data and --export "
                     "(default: CONFIG's folder)"),
            cl::sub(command), cl::cat(category));
static cl::opt<std::string>
    exportTo("export", cl::value_desc("folder"),
             cl::desc("Make a folder with the placed config and a plain "
                      "checkpoint from --weights"),
             cl::sub(command), cl::cat(category));
static cl::opt<std::string>
    searchIr("search-ir", cl::value_desc("file.mlir"),
             cl::desc("Write the question, scores and all, as IR for "
                      "jet-opt -jet-search-placement"),
             cl::sub(command), cl::cat(category));
static cl::opt<std::string>
    report("report", cl::value_desc("file.html"),
           cl::desc("Write a page: the result, each layer's importance, the "
                    "search, quality against cost"),
           cl::sub(command), cl::cat(category));
static cl::opt<bool> json("json", cl::desc("Print JSON"), cl::sub(command),
                          cl::cat(category));

cl::SubCommand &jet::searchSubCommand() { return command; }
cl::OptionCategory &jet::searchCategory() { return category; }

template <typename T> static std::optional<T> given(const cl::opt<T> &option) {
  if (!option.getNumOccurrences())
    return std::nullopt;
  return option.getValue();
}

/// A number of bytes, with a unit or without.
static Result<int64_t> readBytes(const cl::opt<std::string> &option) {
  const bool isPlain =
      StringRef(option).find_first_not_of("0123456789") == StringRef::npos;
  Result<int64_t> bytes =
      parseByteCount(option.getValue() + (isPlain ? "B" : ""));
  if (!bytes)
    return jet::Error{"--" + option.ArgStr.str() + ": " +
                      bytes.error().message};
  return *bytes;
}

/// The options of --jet-block, and those that mean nothing beside it.
static Result<void> readShapeOptions(SearchOptions &options) {
  options.jetBlock.assign(jetBlock.begin(), jetBlock.end());
  options.cacheTolerance = cacheTolerance;
  options.speedTolerance = speedTolerance;
  options.measure = measure;
  const bool isShapes = !options.jetBlock.empty();
  const cl::Option *ofShapes[] = {&cacheBytes, &cacheTolerance, &speedTolerance,
                                  &measure};
  const cl::Option *ofPlacements[] = {
      &scores,   &layerScores, &data,          &placements, &objective,
      &full,     &maxFull,     &window,        &maxWindow,  &beam,
      &weights,  &exhaustive,  &maxStateBytes, &logPath,    &resume,
      &exportTo, &searchIr};
  for (const cl::Option *option : ofShapes)
    if (option->getNumOccurrences() && !isShapes)
      return jet::Error{"--" + option->ArgStr.str() +
                        ": expected --jet-block beside it"};
  for (const cl::Option *option : ofPlacements)
    if (option->getNumOccurrences() && isShapes)
      return jet::Error{"--jet-block: expected no --" + option->ArgStr.str() +
                        " beside it"};
  if (cacheBytes.getNumOccurrences()) {
    Result<int64_t> bytes = readBytes(cacheBytes);
    if (!bytes)
      return bytes.error();
    options.cacheBytes = *bytes;
  }
  for (const auto *percent : {&cacheTolerance, &speedTolerance})
    if (!(*percent >= 0 && *percent < 100))
      return jet::Error{"--" + percent->ArgStr.str() +
                        ": expected 0 or more and less than 100"};
  if (isShapes && !options.output.empty() &&
      !StringRef(options.output).ends_with(".json"))
    return jet::Error{"-o: expected a name that ends in .json, found '" +
                      options.output + "'"};
  return {};
}

/// What placements are judged by, and how.
static Result<void> readSource(SearchOptions &options) {
  const int sources = !options.scores.empty() + !options.layerScores.empty() +
                      !options.data.empty();
  if (sources != 1)
    return jet::Error{
        "expected one of --scores, --layer-scores and --data, found " +
        std::string(sources ? "several" : "none")};
  if (options.objective.empty()) {
    if (options.layerScores.empty())
      return jet::Error{std::string("expected --objective beside ") +
                        (options.data.empty() ? "--scores" : "--data")};
    options.objective = "score";
  }
  for (StringRef entry : dataRows) {
    auto [name, number] = entry.split('=');
    int64_t count;
    if (number.getAsInteger(10, count) || count < 1)
      return jet::Error{"--data-rows: expected NAME=N, found '" + entry.str() +
                        "'"};
    options.dataRows[name.str()] = count;
  }
  for (const cl::Option *option : std::initializer_list<const cl::Option *>{
           &exhaustive, std::addressof<cl::Option>(dataRows), &placements})
    if (option->getNumOccurrences() && options.data.empty())
      return jet::Error{"--" + option->ArgStr.str() +
                        ": expected --data beside it"};
  options.placements = placements;
  const bool isAll = exhaustive || !options.placements.empty();
  if (isAll && options.beam)
    return jet::Error{
        std::string(exhaustive ? "--exhaustive" : "--placements") +
        ": expected no --beam beside it"};
  if (exhaustive && !options.placements.empty())
    return jet::Error{"--exhaustive: expected no --placements beside it"};
  if (!options.data.empty() && !isAll && !options.beam)
    options.beam = 4;
  return {};
}

Result<SearchOptions> jet::readSearchOptions() {
  SearchOptions options;
  options.config = config;
  options.output = output;
  options.searchIr = searchIr;
  options.scores = scores;
  options.layerScores = layerScores;
  options.data = data;
  options.weights = weights;
  options.objective = objective;
  options.full = given(full);
  options.maxFull = given(maxFull);
  options.window = given(window);
  options.maxWindow = given(maxWindow);
  options.beam = given(beam);
  options.maxParameters = given(maxParameters);
  options.maxDecodeMicroseconds = given(maxDecode);
  options.run = {device, generalKernels};
  options.context = context;
  options.batch = batch;
  options.target = target;
  options.log = logPath;
  options.resume = resume;
  options.exportTo = exportTo;
  options.report = report;
  options.json = json;

  const std::pair<const char *, const std::optional<int64_t> *> counts[] = {
      {"--full", &options.full},
      {"--max-full", &options.maxFull},
      {"--window", &options.window},
      {"--max-window", &options.maxWindow}};
  for (auto [name, value] : counts)
    if (*value && **value < 0)
      return Error{std::string(name) + ": expected 0 or more, found " +
                   std::to_string(**value)};
  if (options.full && options.maxFull)
    return Error{"--full: expected no --max-full beside it"};
  if (options.window && options.maxWindow)
    return Error{"--window: expected no --max-window beside it"};
  if (!options.run.isHost() && !StringRef(device).starts_with("cuda:"))
    return Error{"--device: expected cpu or cuda:N, found '" + device + "'"};
  if (generalKernels && options.run.isHost())
    return Error{"--general-kernels: expected --device=cuda:N beside it"};
  if (auto done = readShapeOptions(options); !done)
    return done.error();
  if (options.context < 0)
    return Error{"--context: expected a positive number, found " +
                 std::to_string(options.context)};
  if (options.jetBlock.empty())
    if (auto done = readSource(options); !done)
      return done.error();
  if (options.beam && (*options.beam < 1 || *options.beam > 65536))
    return Error{"--beam: expected 1 to 65536, found " +
                 std::to_string(*options.beam)};
  if (options.batch < 1 || options.batch > 1 << 20)
    return Error{"--batch: expected 1 to 1048576, found " +
                 std::to_string(options.batch)};
  if (options.maxParameters && *options.maxParameters < 1)
    return Error{"--max-parameters: expected 1 or more, found " +
                 std::to_string(*options.maxParameters)};
  if (options.resume && options.log.empty())
    return Error{"--resume: expected --log beside it"};
  if (maxStateBytes.getNumOccurrences()) {
    Result<int64_t> bytes = readBytes(maxStateBytes);
    if (!bytes)
      return bytes.error();
    options.maxStateBytes = *bytes;
  }
  if (minTokens.getNumOccurrences()) {
    if (options.maxDecodeMicroseconds)
      return Error{"--max-decode-us: expected no --min-tokens-per-second "
                   "beside it"};
    options.maxDecodeMicroseconds = 1e6 * options.batch / minTokens;
  }
  if (auto time = options.maxDecodeMicroseconds;
      time && !(*time > 0 && std::isfinite(*time)))
    return Error{"--max-decode-us, --min-tokens-per-second: expected a "
                 "positive number"};
  return options;
}
