// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "tools/jetc/InspectMemory.h"
#include "support/CheckedMath.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/raw_ostream.h"

#include <algorithm>

using namespace jet;
using llvm::outs;

std::string jet::formatBytes(int64_t bytes) {
  const char *units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
  double value = bytes;
  int unit = 0;
  while (value >= 1024 && unit < 4)
    value /= 1024, ++unit;
  std::string text;
  llvm::raw_string_ostream stream(text);
  stream << llvm::format(unit ? "%.2f " : "%.0f ", value) << units[unit];
  return text;
}

Result<int64_t> jet::parseByteCount(const std::string &text) {
  const std::pair<llvm::StringRef, int64_t> units[] = {
      {"B", 1},         {"KB", 1000},     {"MB", 1000000}, {"GB", 1000000000},
      {"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}};
  llvm::StringRef rest(text);
  llvm::StringRef digits = rest.take_while(llvm::isDigit);
  llvm::StringRef unit = rest.drop_front(digits.size());
  const auto *found = llvm::find_if(
      units, [&](const auto &entry) { return entry.first == unit; });
  if (digits.empty() || found == std::end(units))
    return Error{"expected a whole number and B, KB, MB, GB, KiB, MiB or GiB, "
                 "as in 80GB, found '" +
                 text + "'"};
  int64_t count = 0;
  std::optional<int64_t> bytes;
  if (!digits.getAsInteger(10, count))
    bytes = checkedMul(count, found->second);
  if (!bytes)
    return Error{"expected bytes that fit 64 bits, found '" + text + "'"};
  if (*bytes < 1)
    return Error{"expected at least 1B, found '" + text + "'"};
  return *bytes;
}

//===----------------------------------------------------------------------===//
// Activations
//===----------------------------------------------------------------------===//

std::vector<BufferLifetime> jet::bufferLifetimes(const Package &package,
                                                 const ProgramInfo &program) {
  std::vector<BufferLifetime> lifetimes(program.buffers.size());
  for (size_t i = 0; i < program.launches.size(); ++i) {
    const LaunchInfo &launch = program.launches[i];
    const KernelInfo &kernel = package.kernels[launch.kernel];
    for (size_t j = 0; j < launch.operands.size(); ++j) {
      if (launch.operands[j].kind != OperandRef::Kind::Buffer)
        continue;
      BufferLifetime &lifetime = lifetimes[launch.operands[j].index];
      int64_t at = static_cast<int64_t>(i);
      if (lifetime.first < 0)
        lifetime.first = at;
      lifetime.last = at;
      if (lifetime.writer < 0 && kernel.operands[j].access != Access::Read)
        lifetime.writer = at;
    }
  }
  return lifetimes;
}

Result<ActivationPeak> jet::activationPeak(const Package &package,
                                           const ProgramInfo &program) {
  ActivationPeak peak;
  peak.arenaBytes = program.arenaBytesPerRow;
  std::vector<int64_t> begins(program.launches.size() + 1);
  std::vector<int64_t> ends(program.launches.size() + 1);
  std::vector<BufferLifetime> lifetimes = bufferLifetimes(package, program);
  // All of the sums below are at most this one.
  std::optional<int64_t> all = 0;
  for (size_t i = 0; i < lifetimes.size() && all; ++i) {
    if (lifetimes[i].first < 0)
      continue;
    int64_t bytes = program.buffers[i].bytes;
    if (!(all = checkedAdd(*all, bytes)))
      return Error{program.name + ": the sum of the buffers does not fit 64 "
                                  "bits"};
    begins[lifetimes[i].first] += bytes;
    ends[lifetimes[i].last + 1] += bytes;
  }
  int64_t live = 0;
  for (size_t i = 0; i < program.launches.size(); ++i) {
    live += begins[i] - ends[i];
    if (live > peak.liveBytes) {
      peak.liveBytes = live;
      peak.launch = static_cast<int64_t>(i);
    }
  }
  return peak;
}

//===----------------------------------------------------------------------===//
// The largest batch
//===----------------------------------------------------------------------===//

namespace {

/// What of a package's memory depends on the batch.
struct MemoryModel {
  int64_t weights = 0;
  int64_t statePerSequence = 0;
  int64_t decodeArena = 0;  // per sequence
  int64_t prefillArena = 0; // of the chunk
  int64_t logitsPerSequence = 0;

  /// Nothing when a term or the total does not fit 64 bits.
  std::optional<MemoryTerms> at(int64_t batch) const {
    std::optional<int64_t> state = checkedMul(statePerSequence, batch);
    std::optional<int64_t> decode = checkedMul(decodeArena, batch);
    std::optional<int64_t> logits = checkedMul(logitsPerSequence, batch);
    if (!state || !decode || !logits)
      return std::nullopt;
    MemoryTerms terms;
    terms.weights = weights;
    terms.state = *state;
    // A session has one arena, as large as its largest step.
    terms.activations = std::max(*decode, prefillArena);
    terms.prefillIsPeak = prefillArena > *decode;
    terms.logits = *logits;
    for (int64_t term :
         {terms.weights, terms.state, terms.activations, terms.logits}) {
      std::optional<int64_t> sum = checkedAdd(terms.total, term);
      if (!sum)
        return std::nullopt;
      terms.total = *sum;
    }
    return terms;
  }
};

} // namespace

static Result<MemoryModel> makeModel(const Package &package, int64_t context,
                                     int64_t chunkTokens) {
  MemoryModel model;
  const Error tooLarge{"memory: the bytes do not fit 64 bits"};
  for (const ParameterInfo &parameter : package.parameters) {
    std::optional<int64_t> bytes = checkedProduct(parameter.shape);
    if (bytes)
      bytes = checkedMul(*bytes, dtypeBytes(parameter.dtype));
    if (bytes)
      bytes = checkedAdd(model.weights, *bytes);
    if (!bytes)
      return tooLarge;
    model.weights = *bytes;
  }
  Result<StateBytes> state = stateBytesPerSequence(package, context);
  if (!state)
    return state.error();
  model.statePerSequence = state->total();
  for (const ProgramInfo &program : package.programs) {
    // Whether steps return logits or candidates, the larger of the two.
    if (isDecodeProgram(program.name))
      model.decodeArena = std::max(model.decodeArena, program.arenaBytesPerRow);
    if (isDecodeProgram(program.name) || program.name == "forward")
      continue;
    std::optional<int64_t> arena =
        checkedMul(program.arenaBytesPerRow, chunkTokens);
    if (!arena)
      return tooLarge;
    model.prefillArena = std::max(model.prefillArena, *arena);
  }
  std::optional<int64_t> logits =
      checkedMul(package.model.vocabSize, dtypeBytes(DType::F32));
  if (!logits)
    return tooLarge;
  model.logitsPerSequence = *logits;
  return model;
}

Result<MemoryFit> jet::fitMemory(const Package &package,
                                 const std::string &given, int64_t context,
                                 int64_t chunkTokens) {
  Result<int64_t> bytes = parseByteCount(given);
  if (!bytes)
    return Error{"--memory: " + bytes.error().message};
  const int64_t budget = *bytes;
  if (chunkTokens < 1)
    return Error{"--chunk: expected at least 1, found " +
                 std::to_string(chunkTokens)};
  Result<MemoryModel> model = makeModel(package, context, chunkTokens);
  if (!model)
    return model.error();
  MemoryFit fit;
  fit.given = given;
  fit.budget = budget;
  fit.context = context;
  fit.chunkTokens = chunkTokens;
  fit.statePerSequence = model->statePerSequence;
  auto fits = [&](int64_t batch) {
    std::optional<MemoryTerms> terms = model->at(batch);
    return terms && terms->total <= budget;
  };
  // The need grows with the batch, by at least one logit a sequence.
  int64_t tooMany = budget == INT64_MAX ? budget : budget + 1;
  while (fit.largestBatch + 1 < tooMany) {
    int64_t middle = fit.largestBatch + (tooMany - fit.largestBatch) / 2;
    (fits(middle) ? fit.largestBatch : tooMany) = middle;
  }
  std::optional<MemoryTerms> terms = model->at(fit.batchOfTerms());
  if (!terms)
    return Error{"memory: the bytes of one sequence do not fit 64 bits"};
  fit.terms = *terms;
  return fit;
}

Result<void> jet::checkMemory(const Package &package,
                              const std::string &given) {
  const int64_t batch = package.model.maxBatch;
  const int64_t context = package.model.maxContext;
  // No step is larger than all tokens of all sequences.
  const int64_t chunk = std::min(
      kDefaultChunkTokens, checkedMul(batch, context).value_or(INT64_MAX));
  Result<MemoryFit> fit = fitMemory(package, given, context, chunk);
  if (!fit)
    return fit.error();
  if (fit->largestBatch >= batch)
    return {};
  Result<MemoryModel> model = makeModel(package, context, chunk);
  if (!model)
    return model.error();
  const std::optional<MemoryTerms> terms = model->at(batch);
  const std::string sequences = std::to_string(batch) + " sequences of " +
                                std::to_string(context) +
                                " tokens (max_batch, max_context)";
  if (!terms)
    return Error{"--memory: the bytes for " + sequences +
                 " do not fit 64 bits"};
  return Error{
      llvm::formatv(
          "--memory: expected at least {0} bytes for {1}: weights {2}, state "
          "{3}, activations {4} ({5} of {6} tokens), logits {7}; found {8} "
          "({9} "
          "bytes), {10}",
          terms->total, sequences, terms->weights, terms->state,
          terms->activations, terms->prefillIsPeak ? "prefill" : "decode",
          terms->prefillIsPeak ? chunk : batch, terms->logits, given,
          fit->budget,
          fit->largestBatch
              ? "which is enough for a batch of " +
                    std::to_string(fit->largestBatch)
              : std::string("which is not enough for one sequence"))
          .str()};
}

nlohmann::ordered_json jet::memoryToJson(const MemoryFit &fit) {
  const MemoryTerms &terms = fit.terms;
  return {{"budget_bytes", fit.budget},
          {"context", fit.context},
          {"prefill_chunk_tokens", fit.chunkTokens},
          {"largest_batch", fit.largestBatch},
          {"state_bytes_per_sequence", fit.statePerSequence},
          {"batch_of_terms", fit.batchOfTerms()},
          {"weights_bytes", terms.weights},
          {"state_bytes", terms.state},
          {"activation_bytes", terms.activations},
          {"activation_peak", terms.prefillIsPeak ? "prefill" : "decode"},
          {"logits_bytes", terms.logits},
          {"total_bytes", terms.total},
          {"missing_bytes", std::max<int64_t>(terms.total - fit.budget, 0)}};
}

void jet::printMemory(const Package &package, const MemoryFit &fit) {
  const MemoryTerms &terms = fit.terms;
  int64_t batch = fit.batchOfTerms();
  outs() << "  memory of " << fit.given << " (" << fit.budget
         << " bytes), context " << fit.context << ": ";
  if (fit.largestBatch)
    outs() << "largest batch " << fit.largestBatch
           << (batch > package.model.maxBatch ? " (more than compiled for)"
                                              : "");
  else
    outs() << "not enough for one sequence, "
           << formatBytes(terms.total - fit.budget) << " missing ("
           << terms.total - fit.budget << " bytes)";
  outs() << "\n";
  std::string peak =
      terms.prefillIsPeak
          ? "prefill of " + std::to_string(fit.chunkTokens) + " tokens"
          : "decode of " + std::to_string(batch) + " tokens";
  std::string perSequence =
      std::to_string(batch) + " x " + formatBytes(fit.statePerSequence);
  for (auto [name, bytes, note] :
       {std::tuple<llvm::StringRef, int64_t, std::string>{"weights",
                                                          terms.weights, ""},
        {"state", terms.state, perSequence},
        {"activations", terms.activations, peak},
        {"logits", terms.logits, ""},
        {"total", terms.total, ""}}) {
    std::string amount = formatBytes(bytes);
    if (!note.empty())
      amount = llvm::formatv("{0,-12} ", amount).str();
    outs() << "    " << llvm::left_justify(name, 14) << amount << note << "\n";
  }
}
