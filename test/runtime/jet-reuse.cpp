// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// jet-reuse: many sequences that start, grow and end at different times in few
// slots, while all memory that nobody may read is NaN. Each must get, bit for
// bit, the logits that it gets alone in fresh memory; or, where kernels are
// chosen by the sizes of a step, the same to a tolerance.

#include "runtime/Session.h"

#include "CLI/CLI.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <limits>
#include <optional>
#include <random>

using namespace jet;

namespace {

struct Arguments {
  std::string package, weights;
  int64_t slots = 3, sequences = 20, capacity = 40, chunk = 9;
  std::optional<int64_t> pages;
  uint32_t seed = 1;
  double tolerance = 0;
};

/// A sequence in a slot, and the same alone.
struct Running {
  int64_t number = 0;
  std::vector<int32_t> tokens;
  size_t done = 0, next = 0; // taken in; of this step
  State alone;
};

class Reuse {
public:
  Reuse(const Arguments &arguments, std::shared_ptr<const Model> loaded,
        State state)
      : arguments(arguments), model(std::move(loaded)), state(std::move(state)),
        together(model, 2, Poison::On), single(model, 1),
        random(arguments.seed), running(arguments.slots) {}

  Result<void> run();

private:
  int64_t uniform(int64_t low, int64_t high) {
    return std::uniform_int_distribution<int64_t>(low, high)(random);
  }
  Result<void> start(int64_t slot);
  int64_t unclaimedPages() const;
  Result<void> step();
  Result<void> compare(Running &sequence, std::span<const int32_t> tokens,
                       std::span<const float> logits);

  const Arguments &arguments;
  std::shared_ptr<const Model> model;
  State state;
  Session together, single;
  std::mt19937 random;
  std::vector<std::optional<Running>> running; // by slot
  int64_t started = 0, steps = 0;
  double largest = 0; // difference so far
};

} // namespace

/// NaN counts as the largest.
static double maxDifference(std::span<const float> a,
                            std::span<const float> b) {
  double largest = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    const double difference = std::abs(double(a[i]) - double(b[i]));
    if (!(difference <= largest))
      largest = std::isnan(difference) ? std::numeric_limits<double>::infinity()
                                       : difference;
  }
  return largest;
}

/// Pages that no running sequence will ever need.
int64_t Reuse::unclaimedPages() const {
  const PageTable &table = state.pageTable();
  int64_t left = table.pages();
  for (const std::optional<Running> &sequence : running)
    if (sequence)
      left -= pagesFor(static_cast<int64_t>(sequence->tokens.size()),
                       table.pageSize());
  return left;
}

/// A new sequence in `slot`, if it can have pages to its end.
Result<void> Reuse::start(int64_t slot) {
  const int64_t room = std::min(
      arguments.capacity, unclaimedPages() * state.pageTable().pageSize());
  if (room < 1)
    return {};
  Result<State> alone = State::create(model, 1, arguments.capacity);
  if (!alone)
    return alone.error();
  Running sequence{started++, {}, 0, 0, std::move(*alone)};
  sequence.tokens.resize(uniform(1, room));
  for (int32_t &token : sequence.tokens)
    token = static_cast<int32_t>(uniform(0, model->info().vocabSize - 1));
  running[slot].emplace(std::move(sequence));
  return {};
}

/// Takes `tokens` into the sequence alone; without `logits` of the shared step
/// the next ones tell what that has left.
Result<void> Reuse::compare(Running &sequence, std::span<const int32_t> tokens,
                            std::span<const float> logits) {
  const StepInput input = {0, tokens};
  auto expected = single.step(sequence.alone, {&input, 1});
  if (!expected)
    return expected.error();
  if (logits.empty() ||
      std::memcmp(expected->data(), logits.data(), logits.size_bytes()) == 0)
    return {};
  const double difference = maxDifference(*expected, logits);
  largest = std::max(largest, difference);
  if (arguments.tolerance > 0 && difference <= arguments.tolerance)
    return {};
  return Error{"sequence " + std::to_string(sequence.number) + ", positions " +
               std::to_string(sequence.done) + " to " +
               std::to_string(sequence.done + tokens.size() - 1) +
               ": expected the bits of the sequence alone" +
               (arguments.tolerance > 0
                    ? " to " + std::to_string(arguments.tolerance)
                    : "") +
               ", found a difference of " + std::to_string(difference)};
}

/// A step of some of the sequences, in any order of slots.
Result<void> Reuse::step() {
  std::vector<StepInput> inputs;
  const bool decode = uniform(0, 2) == 0;
  for (int64_t slot = 0; slot < arguments.slots; ++slot) {
    if (!running[slot] || uniform(0, 3) == 0)
      continue;
    Running &sequence = *running[slot];
    const auto left =
        static_cast<int64_t>(sequence.tokens.size() - sequence.done);
    sequence.next =
        std::min(left, decode ? int64_t(1) : uniform(1, arguments.chunk));
    inputs.push_back(
        {slot,
         std::span(sequence.tokens).subspan(sequence.done, sequence.next)});
  }
  if (inputs.empty())
    return {};
  std::shuffle(inputs.begin(), inputs.end(), random);
  std::span<const float> all;
  if (uniform(0, 3) == 0) {
    if (auto done = together.extend(state, inputs); !done)
      return done;
  } else {
    auto logits = together.step(state, inputs);
    if (!logits)
      return logits.error();
    all = *logits;
  }
  ++steps;
  const auto vocab = static_cast<size_t>(model->info().vocabSize);
  for (size_t i = 0; i < inputs.size(); ++i) {
    std::optional<Running> &sequence = running[inputs[i].slot];
    const auto own = all.empty() ? all : all.subspan(i * vocab, vocab);
    if (auto done = compare(*sequence, inputs[i].tokens, own); !done)
      return done;
    sequence->done += sequence->next;
    if (sequence->done < sequence->tokens.size())
      continue;
    sequence.reset();
    if (auto done = state.reset(inputs[i].slot); !done)
      return done;
  }
  return {};
}

Result<void> Reuse::run() {
  auto isRunning = [](const auto &sequence) { return sequence.has_value(); };
  while (started < arguments.sequences ||
         std::ranges::any_of(running, isRunning)) {
    for (int64_t slot = 0; slot < arguments.slots; ++slot)
      if (!running[slot] && started < arguments.sequences && uniform(0, 1) == 0)
        if (auto done = start(slot); !done)
          return done;
    if (auto done = step(); !done)
      return done;
  }
  std::printf("%lld sequences in %lld slots, %lld steps: ",
              static_cast<long long>(started),
              static_cast<long long>(arguments.slots),
              static_cast<long long>(steps));
  if (largest > 0)
    std::printf("differences up to %.3g\n", largest);
  else
    std::printf("the same bits\n");
  return {};
}

static Result<void> run(const Arguments &arguments) {
  auto model = Model::load(arguments.package, arguments.weights);
  if (!model)
    return model.error();
  Result<State> state = State::create(
      *model, arguments.slots, arguments.capacity, arguments.pages, Poison::On);
  if (!state)
    return state.error();
  return Reuse(arguments, *model, std::move(*state)).run();
}

int main(int argc, char **argv) {
  Arguments arguments;
  CLI::App app("Runs random sequences that share slots and compares each with "
               "itself alone; exit status 1 when a bit differs.");
  app.add_option("package", arguments.package)->required();
  app.add_option("weights", arguments.weights)->required();
  app.add_option("--slots", arguments.slots)->check(CLI::PositiveNumber);
  app.add_option("--sequences", arguments.sequences);
  app.add_option("--capacity", arguments.capacity, "longest sequence")
      ->check(CLI::PositiveNumber);
  app.add_option("--chunk", arguments.chunk, "most tokens of a step")
      ->check(CLI::PositiveNumber);
  app.add_option("--pages", arguments.pages, "pages of KV that the slots share")
      ->check(CLI::PositiveNumber);
  app.add_option("--seed", arguments.seed);
  app.add_option("--tolerance", arguments.tolerance,
                 "largest difference of a logit that is not an error")
      ->check(CLI::NonNegativeNumber);
  CLI11_PARSE(app, argc, argv);
  if (auto result = run(arguments); !result) {
    std::fprintf(stderr, "jet-reuse: %s\n", result.error().message.c_str());
    return 1;
  }
  return 0;
}
