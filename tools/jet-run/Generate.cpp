// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// jet-run generate: prompts in, text out.

#include "Commands.h"
#include "Interrupt.h"
#include "Progress.h"

#include "runtime/Model.h"
#include "runtime/PrefillChunk.h"
#include "runtime/Sampler.h"
#include "runtime/Session.h"
#include "support/Json.h"

#include <CLI/CLI.hpp>

#include <charconv>
#include <cstdio>
#include <optional>

namespace jet {

namespace {

struct GenerateOptions {
  std::string package, weights, device;
  std::vector<std::string> prompts, promptIds;
  int64_t maxNewTokens = 128, chunk = 0;
  std::optional<int64_t> kvPages; // none: enough
  int threads = 0;
  bool greedy = false, printIds = false, ignoreEos = false, json = false;
  std::optional<double> temperature;
  SamplingOptions sampling;
};

struct Sequence {
  std::vector<int32_t> prompt, generated;
  const char *finish = nullptr; // null while it goes on
  std::optional<Sampler> sampler;
};

struct Phase {
  int64_t tokens = 0;
  double seconds = 0;

  double rate() const { return seconds > 0 ? tokens / seconds : 0; }
  nlohmann::json json() const {
    return {{"tokens", tokens},
            {"seconds", seconds},
            {"tokens_per_second", rate()}};
  }
};

/// Vocabularies of 256 are bytes.
constexpr int64_t kByteVocab = 256;

/// What a step says of the next token of each of its sequences.
struct StepOutput {
  std::span<const float> logits; // or
  std::span<const int32_t> next;
};

class Generator {
public:
  Generator(const GenerateOptions &options, std::shared_ptr<const Model> model)
      : options(options), model(std::move(model)),
        session(this->model, options.threads),
        asText(this->model->info().vocabSize == kByteVocab &&
               !options.printIds) {}

  Result<int> run();

private:
  Result<void> parsePrompts();
  Result<State> createState() const;
  Result<void> prefill(State &state);
  Result<void> decode(State &state);
  Result<StepOutput> step(State &state, const std::vector<StepInput> &inputs);
  int32_t pick(Sequence &sequence, const StepOutput &output, size_t i) const;
  Result<void> accept(State &state, int64_t slot, int32_t token);
  void add(Sequence &sequence, int32_t token);
  void stream(const Sequence &sequence, int32_t token) const;
  void printSequences() const;
  void printJson() const;
  bool streams() const { return sequences.size() == 1 && !options.json; }

  const GenerateOptions &options;
  std::shared_ptr<const Model> model;
  Session session;
  bool asText;
  /// Whether candidates decide. All sequences sample alike.
  bool usesCandidates() const {
    return sequences[0].sampler->canUseCandidates(model->candidates(),
                                                  model->info().vocabSize);
  }
  bool devicePicks = false;
  std::vector<Sequence> sequences;
  Phase prefillPhase, decodePhase;
};

} // namespace

/// Reads "1,2,3".
static Result<std::vector<int32_t>> parseIds(const std::string &text) {
  std::vector<int32_t> ids;
  const char *next = text.data(), *end = next + text.size();
  while (true) {
    int32_t id = 0;
    const auto [rest, code] = std::from_chars(next, end, id);
    if (code != std::errc() || (rest != end && *rest != ','))
      return Error{"--prompt-ids: expected numbers like 1,2,3, found '" + text +
                   "'"};
    ids.push_back(id);
    if (rest == end)
      return ids;
    next = rest + 1;
  }
}

Result<void> Generator::parsePrompts() {
  const int64_t vocab = model->info().vocabSize;
  for (const std::string &text : options.prompts) {
    if (vocab != kByteVocab)
      return Error{"--prompt: expected a model with a vocabulary of 256 "
                   "(bytes), found " +
                   std::to_string(vocab) +
                   "; encode the text yourself and use --prompt-ids"};
    Sequence sequence;
    for (char c : text)
      sequence.prompt.push_back(static_cast<unsigned char>(c));
    sequences.push_back(std::move(sequence));
  }
  for (const std::string &text : options.promptIds) {
    Result<std::vector<int32_t>> ids = parseIds(text);
    if (!ids)
      return ids.error();
    Sequence sequence;
    sequence.prompt = std::move(*ids);
    sequences.push_back(std::move(sequence));
  }
  for (size_t i = 0; i < sequences.size(); ++i) {
    const std::string place = "prompt " + std::to_string(i + 1);
    if (sequences[i].prompt.empty())
      return Error{place + ": expected at least one token, found none"};
    for (int32_t id : sequences[i].prompt)
      if (id < 0 || id >= vocab)
        return Error{place + ": expected token ids from 0 to " +
                     std::to_string(vocab - 1) + ", found " +
                     std::to_string(id)};
    SamplingOptions sampling = options.sampling;
    sampling.temperature = options.temperature.value_or(0);
    Result<Sampler> sampler = Sampler::create(sampling, i);
    if (!sampler)
      return sampler.error();
    sequences[i].sampler = std::move(*sampler);
  }
  devicePicks =
      usesCandidates() || (model->candidates() && model->picksFromLogits());
  return {};
}

Result<State> Generator::createState() const {
  const int64_t maxContext = model->info().maxContext;
  int64_t capacity = 0;
  for (size_t i = 0; i < sequences.size(); ++i) {
    const auto prompt = static_cast<int64_t>(sequences[i].prompt.size());
    if (prompt > maxContext || options.maxNewTokens > maxContext - prompt)
      return Error{"prompt " + std::to_string(i + 1) +
                   ": expected prompt and new tokens to fit the package's "
                   "context of " +
                   std::to_string(maxContext) + ", found " +
                   std::to_string(prompt) + " + " +
                   std::to_string(options.maxNewTokens)};
    capacity = std::max(capacity, prompt + options.maxNewTokens);
  }
  return State::create(model, static_cast<int64_t>(sequences.size()), capacity,
                       options.kvPages);
}

void Generator::stream(const Sequence &sequence, int32_t token) const {
  if (!streams())
    return;
  if (asText)
    std::putchar(token);
  else
    std::printf(sequence.generated.size() > 1 ? " %d" : "%d", token);
  std::fflush(stdout);
}

Result<StepOutput> Generator::step(State &state,
                                   const std::vector<StepInput> &inputs) {
  if (devicePicks) {
    std::vector<SamplingRow> sampling;
    for (const StepInput &input : inputs)
      sampling.push_back(sequences[input.slot].sampler->row());
    auto next = session.stepSample(state, inputs, sampling);
    if (!next)
      return next.error();
    return StepOutput{{}, *next};
  }
  auto logits = session.step(state, inputs);
  if (!logits)
    return logits.error();
  return StepOutput{*logits, {}};
}

/// The next token of `sequence`, which is number `i` of the step.
int32_t Generator::pick(Sequence &sequence, const StepOutput &output,
                        size_t i) const {
  if (devicePicks) {
    sequence.sampler->advance();
    return output.next[i];
  }
  const auto vocab = static_cast<size_t>(model->info().vocabSize);
  return sequence.sampler->sample(output.logits.subspan(i * vocab, vocab));
}

/// Adds the next token of `slot`; when the sequence ends there, others can have
/// its pages.
Result<void> Generator::accept(State &state, int64_t slot, int32_t token) {
  add(sequences[slot], token);
  return sequences[slot].finish ? state.reset(slot) : Result<void>();
}

/// Adds the next token to `sequence` and decides whether it ends there.
void Generator::add(Sequence &sequence, int32_t token) {
  const std::vector<int64_t> &eos = model->info().eosTokenIds;
  if (!options.ignoreEos &&
      std::find(eos.begin(), eos.end(), token) != eos.end()) {
    sequence.finish = "eos";
    return;
  }
  sequence.generated.push_back(token);
  stream(sequence, token);
  if (static_cast<int64_t>(sequence.generated.size()) == options.maxNewTokens)
    sequence.finish = "length";
}

Result<void> Generator::prefill(State &state) {
  std::vector<ChunkedSequence> pending;
  int64_t total = 0;
  for (size_t i = 0; i < sequences.size(); ++i) {
    pending.push_back({static_cast<int64_t>(i), sequences[i].prompt});
    total += pending.back().left();
  }
  const PrefillChunk chunk =
      options.chunk > 0
          ? PrefillChunk::ofEach(options.chunk)
          : choosePrefillChunk(state, static_cast<int64_t>(pending.size()));
  const Stopwatch stopwatch;
  Progress progress("prefill", total);
  while (!interrupted()) {
    const std::vector<StepInput> inputs = nextChunk(pending, chunk);
    if (inputs.empty())
      break;
    for (const StepInput &input : inputs) {
      pending[input.slot].done += static_cast<int64_t>(input.tokens.size());
      prefillPhase.tokens += static_cast<int64_t>(input.tokens.size());
    }
    const auto ends = [&](const StepInput &input) {
      return pending[input.slot].left() == 0;
    };
    if (std::ranges::none_of(inputs, ends)) {
      if (auto done = session.extend(state, inputs); !done)
        return done;
      prefillPhase.seconds = stopwatch.seconds();
      progress.update(prefillPhase.tokens);
      continue;
    }
    const Result<StepOutput> output = step(state, inputs);
    if (!output)
      return output.error();
    prefillPhase.seconds = stopwatch.seconds();
    for (size_t i = 0; i < inputs.size(); ++i)
      if (const int64_t slot = inputs[i].slot; pending[slot].left() == 0)
        if (auto done = accept(state, slot, pick(sequences[slot], *output, i));
            !done)
          return done;
    progress.update(prefillPhase.tokens);
  }
  return {};
}

Result<void> Generator::decode(State &state) {
  const Stopwatch stopwatch;
  std::vector<StepInput> inputs;
  while (!interrupted()) {
    inputs.clear();
    for (size_t i = 0; i < sequences.size(); ++i)
      if (!sequences[i].finish)
        inputs.push_back({static_cast<int64_t>(i),
                          std::span(&sequences[i].generated.back(), 1)});
    if (inputs.empty())
      break;
    const Result<StepOutput> output = step(state, inputs);
    if (!output)
      return output.error();
    for (size_t i = 0; i < inputs.size(); ++i) {
      const int64_t slot = inputs[i].slot;
      if (auto done = accept(state, slot, pick(sequences[slot], *output, i));
          !done)
        return done;
    }
    decodePhase.tokens += static_cast<int64_t>(inputs.size());
    decodePhase.seconds = stopwatch.seconds();
    // Nobody reads on: `generate | head`.
    if (std::ferror(stdout))
      break;
  }
  return {};
}

/// One line per sequence; a line break inside a text becomes "\n".
void Generator::printSequences() const {
  for (const Sequence &sequence : sequences) {
    for (size_t i = 0; i < sequence.generated.size(); ++i) {
      const int32_t token = sequence.generated[i];
      if (!asText)
        std::printf(i ? " %d" : "%d", token);
      else if (token == '\n' || token == '\\')
        std::fputs(token == '\n' ? "\\n" : "\\\\", stdout);
      else
        std::putchar(token);
    }
    std::putchar('\n');
  }
}

void Generator::printJson() const {
  nlohmann::json list = nlohmann::json::array();
  for (const Sequence &sequence : sequences) {
    nlohmann::json item = {
        {"prompt_ids", sequence.prompt},
        {"ids", sequence.generated},
        {"finish", sequence.finish ? sequence.finish : "interrupted"}};
    if (model->info().vocabSize == kByteVocab)
      item["text"] =
          std::string(sequence.generated.begin(), sequence.generated.end());
    list.push_back(std::move(item));
  }
  const nlohmann::json result = {
      {"sequences", std::move(list)},
      {"candidates", usesCandidates() ? model->candidates() : 0},
      {"device_picks", devicePicks},
      {"prefill", prefillPhase.json()},
      {"decode", decodePhase.json()}};
  // Bytes that are not UTF-8 become U+FFFD in "text"; "ids" has them all.
  std::printf(
      "%s\n",
      result.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace)
          .c_str());
}

Result<int> Generator::run() {
  if (auto done = parsePrompts(); !done)
    return done.error();
  Result<State> state = createState();
  if (!state)
    return state.error();
  if (auto done = prefill(*state); !done)
    return done.error();
  if (auto done = decode(*state); !done)
    return done.error();
  if (options.json)
    printJson();
  else if (streams())
    std::putchar('\n');
  else
    printSequences();
  if (auto done = finishStdout(); !done)
    return done.error();
  std::fprintf(stderr,
               "prefill %lld tokens %.1f tok/s, decode %lld tokens %.1f "
               "tok/s\n",
               static_cast<long long>(prefillPhase.tokens), prefillPhase.rate(),
               static_cast<long long>(decodePhase.tokens), decodePhase.rate());
  return interrupted() ? interruptStatus() : 0;
}

static Result<int> runGenerate(const GenerateOptions &options) {
  auto model = loadModel(options.package, options.weights, options.device);
  if (!model)
    return model.error();
  return Generator(options, std::move(*model)).run();
}

static void addSamplingOptions(CLI::App &generate, GenerateOptions &options) {
  auto *greedy = generate.add_flag("--greedy", options.greedy,
                                   "Always the most likely token (default)");
  generate
      .add_option("--temperature", options.temperature,
                  "Sample; lower is closer to greedy")
      ->excludes(greedy)
      ->check(CLI::NonNegativeNumber);
  generate
      .add_option("--top-k", options.sampling.topK,
                  "Sample among the K most likely tokens [0: all]")
      ->excludes(greedy)
      ->check(CLI::NonNegativeNumber);
  generate
      .add_option("--top-p", options.sampling.topP,
                  "Sample among the likeliest with this probability [1]")
      ->excludes(greedy)
      ->check(CLI::Range(0.0, 1.0));
  generate.add_option("--seed", options.sampling.seed,
                      "The same seed gives the same text [0]");
}

void addGenerateCommand(CLI::App &app, Command &command) {
  auto options = std::make_shared<GenerateOptions>();
  CLI::App *generate =
      app.add_subcommand("generate", "Continue prompts, streaming to stdout");
  generate->add_option("PACKAGE", options->package, "Made by jetc compile")
      ->required();
  generate
      ->add_option("--weights", options->weights,
                   "Checkpoint: a directory, .safetensors file or index")
      ->required()
      ->type_name("PATH");
  auto *prompts = generate->add_option_group("Prompts", "One or several");
  prompts
      ->add_option("--prompt", options->prompts,
                   "Text; for models whose vocabulary is bytes")
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  prompts->add_option("--prompt-ids", options->promptIds, "Token ids: 1,2,3")
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  prompts->require_option(1, 0);
  generate
      ->add_option("--max-new-tokens", options->maxNewTokens,
                   "Tokens to add to each prompt [128]")
      ->check(CLI::PositiveNumber);
  addSamplingOptions(*generate, *options);
  generate
      ->add_option("--kv-pages", options->kvPages,
                   "Pages of KV that the prompts share; a sequence gives its "
                   "own back when it ends [enough for all]")
      ->check(CLI::PositiveNumber);
  generate->add_flag("--print-ids", options->printIds,
                     "Print token ids on one line instead of text");
  generate->add_flag("--ignore-eos", options->ignoreEos,
                     "Go on after an end-of-text token");
  generate
      ->add_option(
          "--chunk", options->chunk,
          "Prompt tokens of each sequence to take in at once [what plan and "
          "free memory allow; on a GPU of a few sequences at a time]")
      ->check(CLI::PositiveNumber);
  addDeviceOption(*generate, options->device);
  generate->add_option("--threads", options->threads, "Threads [all]")
      ->check(CLI::Range(1, 4096));
  generate->add_flag("--json", options->json,
                     "Print one JSON object at the end instead of streaming");
  generate->footer(
      "Several prompts run as one batch and print one line each. The last "
      "line, on stderr, tells the speed. The device picks the tokens, and "
      "their "
      "ids are all that leaves it: greedily, and with --top-k up to that of "
      "jetc compile, of few candidates; a larger --top-k, and --temperature or "
      "--top-p without one, of all logits. Of a package without candidates "
      "(--top-k 0 there) the logits are read back.\n"
      "Examples:\n"
      "  jet-run generate tinyjet.jet --weights tinyjet --prompt 'In the '\n"
      "  jet-run generate 2b.jet --weights 2b --prompt-ids 9707,11 "
      "--max-new-tokens 32 --print-ids\n"
      "  jet-run generate tinyjet.jet --weights tinyjet --prompt 'And ' "
      "--temperature 0.8 --top-k 40 --seed 7");
  generate->callback([options, &command] {
    // Without a temperature, top-k and top-p mean sampling at 1.
    if (!options->temperature &&
        (options->sampling.topK > 0 || options->sampling.topP < 1))
      options->temperature = 1;
    command = [options] { return runGenerate(*options); };
  });
}

} // namespace jet
