// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// jet-run tune: measures the tiles that products of many rows can be cut into,
// for the compiler to choose by.

#include "Commands.h"
#include "Interrupt.h"
#include "Progress.h"

#include "runtime/Model.h"
#include "runtime/Session.h"
#include "runtime/TileTable.h"
#include "support/File.h"

#include <CLI/CLI.hpp>

#include <algorithm>
#include <array>
#include <cstdio>
#include <ctime>
#include <filesystem>
#include <map>
#include <set>

namespace jet {

namespace {

struct TuneOptions {
  std::string package, output, device;
  std::vector<int64_t> rows = {512, 2048, 8192};
  int64_t rounds = 3;
  double busy = 30; // ms
};

/// A product in one of its tiles.
struct Candidate {
  int64_t kernel = 0;
  StageIndex stage;
  std::string product, tile;
  int64_t turn = 0;                 // among those of the product
  std::vector<double> seconds = {}; // one a round
};

} // namespace

/// Each product in each of its tiles once, of the kernels of prefill that take
/// all rows of a step.
static std::vector<Candidate> findCandidates(const Model &model) {
  std::vector<Candidate> candidates;
  std::set<std::pair<std::string, std::string>> known;
  std::set<int64_t> kernels;
  for (const LaunchInfo &launch : model.program(ProgramKind::Prefill).launches)
    if (!launch.rowsAreSequences)
      kernels.insert(launch.kernel);
  for (const int64_t index : kernels) {
    const KernelInfo &kernel = model.package().kernels[index];
    for (size_t form = 0; form < kernel.forms.size(); ++form)
      for (size_t i = 0; i < kernel.forms[form].stages.size(); ++i) {
        const StageInfo &stage = kernel.forms[form].stages[i];
        if (!stage.tile.empty() &&
            known.emplace(stage.product, stage.tile).second)
          candidates.push_back({index, {form, i}, stage.product, stage.tile});
      }
  }
  return candidates;
}

/// A step of `rows` tokens of one sequence, whose kernels then are measured.
static Result<void> prefill(Session &session, State &state, int64_t rows) {
  const int64_t vocab = state.model().info().vocabSize;
  std::vector<int32_t> tokens;
  for (int64_t i = 0; i < rows; ++i)
    tokens.push_back(static_cast<int32_t>((i * 7919 + 1) % vocab));
  if (auto done = state.reset(0); !done)
    return done;
  const std::array inputs = {StepInput{0, tokens}};
  if (auto logits = session.step(state, inputs); !logits)
    return logits.error();
  return {};
}

/// In an order in which the tiles of a product come behind the same other
/// product: what that has left of the clock, by the heat it made, is the same
/// for all of them.
static void sortByTurns(std::vector<Candidate> &candidates) {
  std::map<std::string, int64_t> seen;
  for (Candidate &candidate : candidates)
    candidate.turn = seen[candidate.product]++;
  std::ranges::sort(candidates, {}, [](const Candidate &candidate) {
    return std::pair(candidate.turn, candidate.product);
  });
}

/// The candidates take turns, so that a clock that changes meets them all.
static Result<void> measure(const TuneOptions &options, Session &session,
                            const State &state, int64_t rows,
                            std::vector<Candidate> &candidates) {
  const auto steps = options.rounds * static_cast<int64_t>(candidates.size());
  Progress progress(std::to_string(rows) + " rows", steps);
  int64_t done = 0;
  for (Candidate &candidate : candidates)
    candidate.seconds.clear();
  for (int64_t round = 0; round < options.rounds; ++round)
    for (Candidate &candidate : candidates) {
      if (interrupted())
        return {};
      Result<double> seconds =
          session.timeStage(state, candidate.kernel, candidate.stage,
                            {.repeats = 2, .busySeconds = options.busy / 1e3});
      if (!seconds)
        return seconds.error();
      candidate.seconds.push_back(*seconds);
      progress.update(++done);
    }
  return {};
}

static double median(std::vector<double> values) {
  std::ranges::sort(values);
  return values[values.size() / 2];
}

static std::string today() {
  const std::time_t now = std::time(nullptr);
  std::tm parts = {};
  gmtime_r(&now, &parts);
  std::array<char, 16> text = {};
  std::strftime(text.data(), text.size(), "%Y-%m-%d", &parts);
  return text.data();
}

/// What the file holds already, of this device; an empty table without a file.
static Result<TileTable> startTable(const TuneOptions &options,
                                    const std::string &device) {
  TileTable table;
  table.device = device;
  if (options.output.empty() || !std::filesystem::exists(options.output))
    return table;
  Result<TileTable> old = readTileTable(options.output);
  if (old && old->device != device)
    return Error{options.output + ": $.device: expected \"" + device +
                 "\", which is measured here, found \"" + old->device +
                 "\"; give another file"};
  return old;
}

/// A line for each product: its tiles, the fastest first.
static void print(const TileTable &table, int64_t rows,
                  const std::set<std::string> &products) {
  for (const std::string &product : products) {
    const TileTable::Times &times = table.products.at(product).at(rows);
    std::vector<std::pair<double, std::string>> order;
    for (const auto &[tile, time] : times)
      order.emplace_back(time, tile);
    std::ranges::sort(order);
    std::printf("%s, %lld rows\n", product.c_str(),
                static_cast<long long>(rows));
    for (const auto &[time, tile] : order)
      std::printf("  %-16s %10.1f us\n", tile.c_str(), time);
  }
}

static Result<int> runTune(const TuneOptions &options) {
  auto model = Model::loadWithMadeUpWeights(options.package, options.device);
  if (!model)
    return model.error();
  std::vector<Candidate> candidates = findCandidates(**model);
  if (candidates.empty())
    return Error{options.package +
                 ": expected products that are cut into tiles, found none; "
                 "compile it for a GPU, with --tile-alternatives"};
  sortByTurns(candidates);
  Result<TileTable> table = startTable(options, (*model)->device()->model());
  if (!table)
    return table.error();
  const int64_t longest = std::ranges::max(options.rows);
  Result<State> state = State::create(*model, 1, longest);
  if (!state)
    return state.error();
  Session session(*model);
  for (const int64_t rows : options.rows) {
    if (auto done = prefill(session, *state, rows); !done)
      return done.error();
    if (auto done = measure(options, session, *state, rows, candidates); !done)
      return done.error();
    if (interrupted())
      return interruptStatus();
    std::set<std::string> products;
    for (const Candidate &candidate : candidates)
      if (products.insert(candidate.product).second)
        table->products[candidate.product][rows].clear();
    for (const Candidate &candidate : candidates)
      table->products[candidate.product][rows][candidate.tile] =
          median(candidate.seconds) * 1e6;
    print(*table, rows, products);
  }
  table->date = today();
  if (!options.output.empty())
    if (auto done = writeTextFile(options.output, printTileTable(*table));
        !done)
      return done.error();
  if (auto done = finishStdout(); !done)
    return done.error();
  return 0;
}

void addTuneCommand(CLI::App &app, Command &command) {
  auto options = std::make_shared<TuneOptions>();
  CLI::App *tune = app.add_subcommand(
      "tune", "Measure the tiles that large products can be cut into");
  tune->add_option("PACKAGE", options->package,
                   "Made by jetc compile --tile-alternatives")
      ->required();
  tune->add_option("-o,--output", options->output,
                   "Table to write, for jetc compile --tiles; products that it "
                   "has already stay in it, those of the package are replaced")
      ->type_name("FILE");
  tune->add_option("--rows", options->rows,
                   "Rows of the products [512,2048,8192]")
      ->delimiter(',')
      ->check(CLI::Range(129, 1 << 20));
  tune->add_option("--rounds", options->rounds,
                   "How often each is measured, for a median [3]")
      ->check(CLI::PositiveNumber);
  tune->add_option("--busy", options->busy,
                   "Measure each behind as long of itself, at the clock that "
                   "its own power leaves, as in long prompts [30]")
      ->type_name("MS")
      ->check(CLI::Range(0.0, 60e3));
  addDeviceOption(*tune, options->device);
  tune->footer("Examples:\n"
               "  jetc compile 2b.json --target=sm_90a --tile-alternatives -o "
               "2b-tiles.jet\n"
               "  jet-run tune 2b-tiles.jet -o h200.json\n"
               "  jetc compile 2b.json --target=sm_90a --tiles=h200.json");
  tune->callback([options, &command] {
    command = [options] { return runTune(*options); };
  });
}

} // namespace jet
