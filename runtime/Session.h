// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Runs steps of a model on its device.

#ifndef JET_RUNTIME_SESSION_H
#define JET_RUNTIME_SESSION_H

#include "runtime/Model.h"
#include "runtime/State.h"

#include <memory>
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

/// What a program reads: written here, and where the device has memory of its
/// own, copied there before the launches.
class InputTable {
public:
  std::vector<int32_t> values;

  Result<void> upload(const std::shared_ptr<Device> &device);
  /// For kernels.
  void *data();

private:
  ZeroMemory copy; // none on the CPU
};

/// What a program writes, and where the device has memory of its own, a copy
/// here.
class OutputTable {
public:
  ZeroMemory memory;

  /// The first `count` elements, once all launches are done.
  template <typename T>
  Result<std::span<const T>> download(const Device &device, int64_t count) {
    if (device.isHost())
      return std::span(reinterpret_cast<const T *>(memory.data()), count);
    copy.resize(count * sizeof(T));
    if (auto done = memory.read(0, count * sizeof(T), copy.data()); !done)
      return done.error();
    return std::span(reinterpret_cast<const T *>(copy.data()), count);
  }

private:
  std::vector<std::byte> copy;
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

  int threads() const { return queue->threads(); }

private:
  Result<int64_t> checkInputs(const State &state,
                              std::span<const StepInput> inputs) const;
  void prepareInputs(const State &state, std::span<const StepInput> inputs);
  Result<void> run(const ProgramInfo &program, State &state,
                   std::span<const StepInput> inputs, int64_t rows);
  Result<void> reserve(const ProgramInfo &program, int64_t sequences,
                       int64_t rows);
  Result<void> runProgram(const ProgramInfo &program, const State &state,
                          int64_t sequences, int64_t rows);
  /// Poisons the buffers that no launch after `step` of the program uses.
  void poisonAfter(const ProgramInfo &program, size_t step, int64_t rows);
  void *resolve(const ProgramInfo &program, const State &state,
                const OperandRef &operand, int64_t rows);

  std::shared_ptr<const Model> model;
  std::unique_ptr<Queue> queue;
  Poison poison;
  InputTable tokens, positions, batch;
  std::vector<void *> operands;
  OutputTable logits, values, ids;
  ZeroMemory arena;
};

} // namespace jet

#endif // JET_RUNTIME_SESSION_H
