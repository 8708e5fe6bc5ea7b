// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// jet-run init: a random checkpoint in Hugging Face layout.

#include "Commands.h"
#include "Interrupt.h"
#include "Progress.h"
#include "RandomWeights.h"

#include "frontend/Spec.h"
#include "runtime/Safetensors.h"
#include "runtime/ThreadPool.h"
#include "support/CheckedMath.h"
#include "support/File.h"
#include "support/Json.h"

#include <CLI/CLI.hpp>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <mutex>
#include <optional>
#include <sys/stat.h>

namespace fs = std::filesystem;

namespace jet {

namespace {

struct InitOptions {
  std::string config, output;
  uint64_t seed = 0;
  uint64_t maxShardBytes = 4'000'000'000;
  bool json = false;
};

/// A directory that is renamed into place or removed with all it holds.
class TemporaryDirectory {
public:
  static Result<TemporaryDirectory> createBeside(const fs::path &target) {
    std::string pattern = (target.parent_path() / ".jet-XXXXXX").string();
    if (!mkdtemp(pattern.data()))
      return Error{target.string() + ": cannot create: " +
                   std::generic_category().message(errno)};
    // mkdtemp() makes it private; what results should obey the umask.
    std::error_code ignored;
    const mode_t mask = umask(0);
    umask(mask);
    fs::permissions(pattern, static_cast<fs::perms>(0777 & ~mask), ignored);
    return TemporaryDirectory(pattern);
  }

  TemporaryDirectory(TemporaryDirectory &&other) noexcept
      : path(std::exchange(other.path, fs::path())) {}
  TemporaryDirectory &operator=(TemporaryDirectory &&) = delete;
  ~TemporaryDirectory() {
    std::error_code ignored;
    if (!path.empty())
      fs::remove_all(path, ignored);
  }

  std::string file(const std::string &name) const {
    return (path / name).string();
  }

  /// The error with the name that the user knows in place of this one's.
  Error nameAs(const std::string &name, Error error) const {
    const std::string own = path.string();
    if (const size_t at = error.message.find(own); at != std::string::npos)
      error.message.replace(at, own.size(), name);
    return error;
  }

  /// `target` is absent or an empty directory.
  Result<void> moveTo(const fs::path &target) {
    if (std::rename(path.c_str(), target.c_str()) != 0)
      return Error{target.string() + ": cannot create: " +
                   std::generic_category().message(errno)};
    path.clear();
    return {};
  }

private:
  explicit TemporaryDirectory(fs::path path) : path(std::move(path)) {}
  fs::path path;
};

struct Shard {
  std::string file;
  std::vector<TensorSpec> tensors;
};

/// A part of a tensor that one thread generates at once.
struct Block {
  size_t tensor = 0;
  int64_t begin = 0, end = 0;
};

constexpr int64_t kBlockElements = 1 << 20;

} // namespace

static int64_t tensorBytes(const TensorSpec &tensor) {
  // The config was checked: its sizes cannot overflow.
  return checkedProduct(tensor.shape).value_or(0) * dtypeBytes(tensor.dtype);
}

/// Distributes the tensors over files of at most `maxBytes`; a larger tensor
/// gets a file of its own.
static std::vector<Shard> planShards(const ModelSpec &spec, int64_t maxBytes) {
  std::vector<Shard> shards(1);
  int64_t used = 0;
  for (const ParameterSpec &parameter : listParameters(spec)) {
    TensorSpec tensor{parameter.name, spec.dtype, parameter.shape};
    const int64_t bytes = tensorBytes(tensor);
    if (used > 0 && bytes > maxBytes - used) {
      shards.emplace_back();
      used = 0;
    }
    used += bytes;
    shards.back().tensors.push_back(std::move(tensor));
  }
  if (shards.size() == 1) {
    shards[0].file = "model.safetensors";
    return shards;
  }
  for (size_t i = 0; i < shards.size(); ++i) {
    char name[64];
    std::snprintf(name, sizeof(name), "model-%05zu-of-%05zu.safetensors", i + 1,
                  shards.size());
    shards[i].file = name;
  }
  return shards;
}

/// Generates all blocks of a shard on all threads; stops at the first error.
static Result<void> writeBlocks(const Shard &shard,
                                const RandomWeights &weights, ThreadPool &pool,
                                SafetensorsWriter &writer, Progress &progress,
                                int64_t bytesBefore) {
  std::vector<Block> blocks;
  for (size_t i = 0; i < shard.tensors.size(); ++i) {
    const int64_t count = checkedProduct(shard.tensors[i].shape).value_or(0);
    for (int64_t begin = 0; begin < count; begin += kBlockElements)
      blocks.push_back({i, begin, std::min(count, begin + kBlockElements)});
  }
  std::mutex mutex; // guards the next three
  std::optional<Error> failure;
  int64_t done = bytesBefore;
  std::atomic<bool> stop = false;
  const auto process = [&](const Block &block, std::byte *buffer) {
    const TensorSpec &tensor = shard.tensors[block.tensor];
    const int64_t element = dtypeBytes(tensor.dtype);
    const int64_t bytes = (block.end - block.begin) * element;
    weights.generate(tensor.name, tensor.dtype, block.begin, block.end, buffer);
    auto written = writer.writeAt(
        writer.offset(block.tensor) + block.begin * element, buffer, bytes);
    std::lock_guard<std::mutex> lock(mutex);
    if (!written && !failure)
      failure = written.error();
    done += bytes;
    progress.update(done);
    stop = failure.has_value() || interrupted();
  };
  pool.run(
      static_cast<int64_t>(blocks.size()), [&](int64_t begin, int64_t end) {
        const auto buffer = std::make_unique<std::byte[]>(kBlockElements * 4);
        for (int64_t i = begin; i < end && !stop; ++i)
          process(blocks[i], buffer.get());
      });
  if (failure)
    return *failure;
  return {};
}

static Result<void> writeIndex(const std::vector<Shard> &shards,
                               int64_t totalBytes, const std::string &path) {
  nlohmann::json index;
  index["metadata"] = {{"total_size", totalBytes}};
  for (const Shard &shard : shards)
    for (const TensorSpec &tensor : shard.tensors)
      index["weight_map"][tensor.name] = shard.file;
  return writeTextFile(path, index.dump(2) + "\n");
}

/// Whether `output` may become the checkpoint: absent, or an empty directory.
static Result<fs::path> checkOutput(const std::string &output) {
  std::error_code code;
  fs::path target = fs::absolute(output).lexically_normal();
  if (!target.has_filename())
    target = target.parent_path();
  if (!fs::exists(target, code))
    return target;
  if (!fs::is_directory(target, code))
    return Error{output + ": expected a directory, found a file"};
  if (!fs::is_empty(target, code))
    return Error{output + ": expected no such directory or an empty one, found "
                          "one with files in it"};
  return target;
}

/// Writes all shards, and the index if there are several. False when a signal
/// asked to stop.
static Result<bool> writeShards(const std::vector<Shard> &shards,
                                const RandomWeights &weights,
                                int64_t totalBytes,
                                const TemporaryDirectory &directory) {
  ThreadPool pool;
  int64_t bytesBefore = 0;
  Progress progress("random weights", totalBytes);
  for (const Shard &shard : shards) {
    auto writer =
        SafetensorsWriter::create(directory.file(shard.file), shard.tensors);
    if (!writer)
      return writer.error();
    if (auto done =
            writeBlocks(shard, weights, pool, *writer, progress, bytesBefore);
        !done)
      return done.error();
    if (interrupted())
      return false;
    if (auto done = writer->commit(); !done)
      return done.error();
    bytesBefore += writer->dataBytes();
  }
  if (shards.size() > 1)
    if (auto done = writeIndex(shards, totalBytes,
                               directory.file("model.safetensors.index.json"));
        !done)
      return done.error();
  return true;
}

static void printSummary(const InitOptions &options, size_t files,
                         int64_t parameters, int64_t bytes, double seconds) {
  if (options.json) {
    const nlohmann::json summary = {{"directory", options.output},
                                    {"files", files},
                                    {"parameters", parameters},
                                    {"bytes", bytes},
                                    {"seconds", seconds}};
    std::printf("%s\n", summary.dump().c_str());
    return;
  }
  std::fprintf(stderr, "%s: %lld parameters, %.2f GB in %zu file%s, %.1f s\n",
               options.output.c_str(), static_cast<long long>(parameters),
               bytes / 1e9, files, files == 1 ? "" : "s", seconds);
}

static Result<int> runInit(const InitOptions &options) {
  Result<ParsedSpec> parsed = readSpec(options.config);
  if (!parsed)
    return parsed.error();
  for (const std::string &warning : parsed->warnings)
    std::fprintf(stderr, "jet-run: warning: %s\n", warning.c_str());
  const ModelSpec &spec = parsed->spec;
  Result<fs::path> target = checkOutput(options.output);
  if (!target)
    return target.error();
  fs::path config = options.config;
  std::error_code ignored;
  if (fs::is_directory(config, ignored))
    config /= "config.json";
  Result<std::string> configText =
      readTextFile(config.string(), size_t(16) << 20);
  if (!configText)
    return configText.error();
  Result<TemporaryDirectory> directory =
      TemporaryDirectory::createBeside(*target);
  if (!directory)
    return directory.error();

  const std::vector<Shard> shards =
      planShards(spec, static_cast<int64_t>(std::min<uint64_t>(
                           options.maxShardBytes, INT64_MAX)));
  int64_t totalBytes = 0, parameters = 0;
  for (const Shard &shard : shards)
    for (const TensorSpec &tensor : shard.tensors) {
      totalBytes += tensorBytes(tensor);
      parameters += checkedProduct(tensor.shape).value_or(0);
    }
  const Stopwatch stopwatch;
  const RandomWeights weights(options.seed, spec.initializerRange);
  Result<bool> written = writeShards(shards, weights, totalBytes, *directory);
  if (!written)
    return directory->nameAs(options.output, written.error());
  if (!*written)
    return interruptStatus();
  if (auto done = writeTextFile(directory->file("config.json"), *configText);
      !done)
    return directory->nameAs(options.output, done.error());
  if (auto done = directory->moveTo(*target); !done)
    return done.error();
  printSummary(options, shards.size(), parameters, totalBytes,
               stopwatch.seconds());
  if (auto done = finishStdout(); !done)
    return done.error();
  return 0;
}

void addInitCommand(CLI::App &app, Command &command) {
  auto options = std::make_shared<InitOptions>();
  CLI::App *init = app.add_subcommand(
      "init", "Make a random checkpoint in Hugging Face layout");
  init->add_option("CONFIG", options->config,
                   "config.json of the model, or the directory that holds it")
      ->required();
  init->add_option("-o,--output", options->output,
                   "Directory to make; it appears when it is complete")
      ->required()
      ->type_name("DIR");
  init->add_option("--seed", options->seed,
                   "The same seed gives the same weights everywhere [0]");
  init->add_option("--max-shard-size", options->maxShardBytes,
                   "Largest file in bytes, e.g. 500MB [4GB]")
      ->transform(CLI::AsSizeValue(true))
      ->check(CLI::PositiveNumber);
  init->add_flag("--json", options->json, "Print a summary as JSON");
  init->footer("Examples:\n"
               "  jet-run init examples/jet-nemotron-2b.json -o 2b --seed 1\n"
               "      4 GB of random weights, to measure without a download\n"
               "  jet-run init config.json -o ckpt --seed 1 --max-shard-size "
               "1GB");
  init->callback([options, &command] {
    command = [options] { return runInit(*options); };
  });
}

} // namespace jet
