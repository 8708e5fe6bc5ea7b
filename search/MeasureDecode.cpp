// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "search/MeasureDecode.h"
#include "runtime/Session.h"

#include <algorithm>

using namespace jet;

/// A device may record a step at its second time.
static constexpr int kWarmUps = 3;
static constexpr int kTimes = 5;

Result<double> jet::measureDecode(mlir::ModuleOp module, int64_t batch,
                                  int64_t context, const RunTarget &target) {
  mlir::FailureOr<Package> package = compileModel(module, {}, batch, target);
  if (failed(package))
    return Error{"the model does not compile"};
  auto model = loadModel(*package, /*weights=*/"", target);
  if (!model)
    return model.error();
  auto state = State::create(*model, batch, context);
  if (!state)
    return state.error();
  // Small numbers in every page: pages that nobody wrote may share memory.
  state->fill(std::byte(0x3c));
  Session session(*model);
  std::vector<int32_t> tokens(batch);
  std::vector<StepInput> inputs;
  for (int64_t i = 0; i < batch; ++i)
    inputs.push_back({i, std::span(&tokens[i], 1)});
  for (int step = 0; step < kWarmUps; ++step) {
    for (int64_t i = 0; i < batch; ++i) {
      tokens[i] = static_cast<int32_t>((step + i) % (*model)->info().vocabSize);
      if (auto done = state->setPosition(i, context - 1); !done)
        return done.error();
    }
    if (auto logits = session.step(*state, inputs); !logits)
      return logits.error();
  }
  std::vector<double> seconds;
  for (int i = 0; i < kTimes; ++i) {
    Result<double> time = session.timeStep(*state, /*repeats=*/1);
    if (!time)
      return time.error();
    seconds.push_back(*time);
  }
  std::ranges::sort(seconds);
  return seconds[kTimes / 2];
}
