// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Runs steps of a model on its device.

#ifndef JET_RUNTIME_SESSION_H
#define JET_RUNTIME_SESSION_H

#include "runtime/Model.h"
#include "runtime/Sampler.h"
#include "runtime/State.h"

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <vector>

namespace jet {

/// The next tokens of one sequence.
struct StepInput {
  int64_t slot = 0;
  std::span<const int32_t> tokens; // at least one
};

/// Which logits a step computes.
enum class LogitsOf {
  LastTokens, // one row per sequence
  AllTokens,  // one row per token, sequences in the order of the step
};

/// The most likely next tokens of each sequence of a step: the `count` largest
/// logits in order — the larger first, of equal ones the lower id, NaNs last —
/// and their token ids, both [sequences, count].
struct Candidates {
  std::span<const float> values;
  std::span<const int32_t> ids;
  int64_t count = 0;
};

/// What a program reads — tokens, positions, batch and how to sample, see
/// Package.h — in one piece: written here, and where the device has memory of
/// its own, copied there at once. Each part begins at a multiple of 64 bytes
/// that depends on the sizes alone.
class StepTables {
public:
  /// For `rows` tokens of `sequences`, with `columns` pages each.
  void resize(int64_t rows, int64_t sequences, int64_t columns);
  int32_t *tokens() { return values.data(); }
  int32_t *positions() { return values.data() + positionsAt; }
  int32_t *batch() { return values.data() + batchAt; }
  int32_t *sampling() { return values.data() + samplingAt; } // bits of f32

  Result<void> upload(const std::shared_ptr<Device> &device);
  /// For kernels: what is at `part`, one of the above.
  void *address(const int32_t *part) const;

private:
  std::vector<int32_t> values;
  int64_t positionsAt = 0, batchAt = 0, samplingAt = 0;
  ZeroMemory copy; // none on the CPU
};

/// What a program writes, and where the device has memory of its own, a copy
/// here.
class OutputTable {
public:
  ZeroMemory memory;

  /// The first `bytes`, once all launches are done.
  Result<const std::byte *> download(const std::shared_ptr<Device> &device,
                                     int64_t bytes);

private:
  HostMemory copy;
};

/// Threads and scratch memory for running one model. Use from one thread at a
/// time; several sessions may share a model. Keeps the largest arena it
/// needed: tokens of a step times ProgramInfo::arenaBytesPerRow.
class Session {
public:
  /// `threads` as for ThreadPool. With poison, activations are NaN before a
  /// launch writes them and after the launch that uses them last, and so are
  /// the logits before a step.
  explicit Session(std::shared_ptr<const Model> model, int threads = 0,
                   Poison poison = Poison::Off)
      : model(std::move(model)),
        queue(this->model->device()->createQueue(threads)), poison(poison) {}

  /// Takes `inputs` into `state` and returns their logits, [rows, vocab],
  /// valid until the next step. One step may mix sequences of
  /// any lengths; the results do not depend on how they are mixed, nor on the
  /// number of threads. On error no sequence has changed: a slot out of range
  /// or used twice, no tokens, a token outside the vocabulary, more tokens than
  /// the capacity, fewer free pages than the step needs, no memory.
  Result<std::span<const float>> step(State &state,
                                      std::span<const StepInput> inputs,
                                      LogitsOf which = LogitsOf::LastTokens);

  /// The same with Model::candidates() candidates of each sequence's last token
  /// in place of logits, which then are not stored: those that sorting
  /// step()'s would give, to the bit. Also an error: a model without
  /// candidates.
  Result<Candidates> stepTopK(State &state, std::span<const StepInput> inputs);

  /// The same with the next token of each sequence alone, picked by the device:
  /// what Sampler::sample() would, but for its rounding. Where candidates do
  /// not suffice for a sequence, from all logits, which stay on the device.
  /// `sampling` has a row for each of `inputs`. Also an error: another number
  /// of rows; a temperature that is negative or not finite, a topK < 0, a topP
  /// not in [0, 1], a uniform not in [0, 1); candidates that do not suffice in
  /// a package that does not pick from logits.
  Result<std::span<const int32_t>>
  stepSample(State &state, std::span<const StepInput> inputs,
             std::span<const SamplingRow> sampling);

  /// The same, but computes nothing besides the state: for tokens in the middle
  /// of prompts, of which nobody wants to know what comes next. A device with a
  /// queue of its own may still be at it; its errors then come with a later
  /// step.
  Result<void> extend(State &state, std::span<const StepInput> inputs);

  /// Some launches of the program of all tokens' logits.
  struct ProgramPart {
    size_t begin = 0, end = 0; // launches; end is none of them
    int64_t in = -1, out = -1; // buffers; -1 for none
  };
  /// Runs `part` for sequences that begin with `inputs`: `from` becomes buffer
  /// `in`, buffer `out` goes to `to` — rows of tokens, BufferInfo::bytes each.
  /// Without `out` the result is the logits, valid until the next step. The
  /// slots must be at position 0 and stay there: reset them before the part
  /// that has the same layer again. Errors as step().
  Result<std::span<const float>> runPart(State &state,
                                         std::span<const StepInput> inputs,
                                         const ProgramPart &part,
                                         std::span<const std::byte> from,
                                         std::span<std::byte> to);

  int threads() const { return queue->threads(); }

  /// Seconds that the device takes for the last step when it runs `repeats` >=
  /// 1 times again, one after another, for each. The state takes its tokens
  /// again and again, so that its contents mean nothing afterwards. `state` is
  /// the last step's. Errors: there was no step, and those of steps.
  Result<double> timeStep(const State &state, int64_t repeats);

  /// See Queue::recordedEdges().
  std::optional<RecordedEdges> recordedEdges() const {
    return queue->recordedEdges();
  }

  /// What comes before a measurement, since the clock of a GPU depends on what
  /// it has done: nothing for `pauseSeconds`, or the same for `busySeconds`.
  /// Then `repeats` >= 1 runs are measured, with a pause or busy at least as
  /// many as take 2 ms, and half as long as it was busy.
  struct Pace {
    int64_t repeats = 1;
    double pauseSeconds = 0, busySeconds = 0;
  };

  struct KernelTime {
    int64_t kernel = 0;   // in the package
    int64_t launches = 0; // of a step, over as many rows
    bool rowsAreSequences = false;
    double seconds = 0; // of one launch, on average
    /// Of the form that was launched, of each stage; empty for less than two.
    std::vector<double> stageSeconds = {};
  };
  /// The same for each kernel that `which` takes (none: all), by itself: all
  /// launches of the step, so that layers do not find their weights in a cache;
  /// those over the rows of last tokens apart. In the order of their first
  /// launches.
  Result<std::vector<KernelTime>>
  timeKernels(const State &state, const Pace &pace,
              const std::function<bool(const KernelInfo &)> &which = {});

  /// The same for one stage of kernel `kernel` alone, also of a form that is
  /// not taken for the step, in launches over all rows. There must be some.
  Result<double> timeStage(const State &state, int64_t kernel, StageIndex stage,
                           const Pace &pace);

private:
  Result<int64_t> checkInputs(const State &state,
                              std::span<const StepInput> inputs) const;
  void prepareInputs(const State &state, std::span<const StepInput> inputs);
  Result<void> run(const ProgramInfo &program, State &state,
                   std::span<const StepInput> inputs, int64_t rows,
                   std::span<const SamplingRow> sampling = {});
  /// Counts what a step has taken in.
  static void advance(State &state, std::span<const StepInput> inputs);
  /// Runs the step to candidates and next tokens.
  Result<void> runSample(State &state, std::span<const StepInput> inputs,
                         std::span<const SamplingRow> sampling);
  /// What comes before the launches of run().
  Result<void> prepare(const ProgramInfo &program, State &state,
                       std::span<const StepInput> inputs, int64_t rows,
                       std::span<const SamplingRow> sampling = {});
  Result<void> reserve(const ProgramInfo &program, int64_t sequences,
                       int64_t rows);
  /// A part of a program.
  struct Part {
    int64_t kernel = 0; // its launches, over as many rows
    bool rowsAreSequences = false;
    std::optional<StageIndex> stage; // or the form that is taken

    bool has(const LaunchInfo &launch) const {
      return launch.kernel == kernel &&
             launch.rowsAreSequences == rowsAreSequences;
    }
  };
  /// Launch `step` of the program.
  Result<void> runLaunch(const ProgramInfo &program, const State &state,
                         int64_t sequences, int64_t rows, size_t step,
                         const std::optional<Part> &part);
  Result<void> runProgram(const ProgramInfo &program, const State &state,
                          int64_t sequences, int64_t rows,
                          std::optional<Part> part = std::nullopt);
  Result<double> timePart(const State &state, const Part &part,
                          const Pace &pace);
  Result<double> timeLaunches(std::span<const uint64_t> key,
                              const std::function<Result<void>()> &launches,
                              const Pace &pace);
  /// Poisons the buffers that no launch after `step` of the program uses.
  void poisonAfter(const ProgramInfo &program, size_t step, int64_t rows);
  void *resolve(const ProgramInfo &program, const State &state,
                const OperandRef &operand, int64_t rows);
  /// What the launches of a step depend on, but for the contents of memory; see
  /// Queue::step(). Empty for steps that do not come again.
  std::span<const uint64_t> keyOf(const ProgramInfo &program,
                                  const State &state, int64_t sequences,
                                  int64_t rows);

  std::shared_ptr<const Model> model;
  std::unique_ptr<Queue> queue;
  Poison poison;
  StepTables tables;
  std::vector<void *> operands;
  std::vector<uint64_t> key;
  std::vector<size_t> stateLaunches; // of extend(), once it was called
  /// Of the last step; its inputs are in `tables`.
  const ProgramInfo *lastProgram = nullptr;
  int64_t lastSequences = 0, lastRows = 0;
  OutputTable logits, candidates;  // candidates: next tokens, values, ids
  int64_t valuesAt = 0, idsAt = 0; // bytes into `candidates`
  ZeroMemory arena;
};

} // namespace jet

#endif // JET_RUNTIME_SESSION_H
