// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What tests of the toy model's steps share; in ModelCudaTests it is on the GPU
// of FakeCudaLibrary.cpp.

#ifndef JET_TEST_RUNTIME_MODELFIXTURE_H
#define JET_TEST_RUNTIME_MODELFIXTURE_H

#include "Fixture.h"

#include "runtime/Session.h"

#include <gtest/gtest.h>

#include <random>

namespace jet::test {

using Tokens = std::vector<int32_t>;

/// `package` for the device that is tested.
inline Package onDevice(Package package) {
#ifdef JET_TEST_CUDA
  return forFakeGpu(std::move(package));
#else
  return package;
#endif
}

class ModelTest : public testing::Test {
protected:
  void SetUp() override { load(makePackage()); }

  /// Makes `model` of a package. The files may go afterwards: everything is
  /// mapped or copied.
  void load(Package package) {
    const TemporaryDirectory directory;
    ASSERT_TRUE(
        writePackage(onDevice(std::move(package)), directory.file("p.jet")));
    writeCheckpoint(directory.file("model.safetensors"));
    auto loaded = Model::load(directory.file("p.jet"), directory.name());
    ASSERT_TRUE(loaded) << messageOf(loaded);
    model = *loaded;
  }

  State makeState(int64_t slots = kMaxBatch, int64_t capacity = kMaxContext) {
    Result<State> state = State::create(model, slots, capacity);
    EXPECT_TRUE(state) << messageOf(state);
    return std::move(*state);
  }

  /// Rows of the logits of a step that must succeed.
  static std::vector<std::vector<float>>
  step(Session &session, State &state, std::span<const StepInput> inputs,
       LogitsOf which = LogitsOf::LastTokens) {
    auto logits = session.step(state, inputs, which);
    EXPECT_TRUE(logits) << messageOf(logits);
    std::vector<std::vector<float>> rows;
    for (size_t i = 0; logits && i < logits->size(); i += kVocab)
      rows.emplace_back(logits->begin() + i, logits->begin() + i + kVocab);
    return rows;
  }

  static std::vector<std::vector<float>>
  step(Session &session, State &state, int64_t slot, const Tokens &tokens,
       LogitsOf which = LogitsOf::LastTokens) {
    const StepInput input = {slot, tokens};
    return step(session, state, {&input, 1}, which);
  }

  static Tokens randomTokens(std::mt19937 &random, size_t count) {
    Tokens tokens(count);
    for (int32_t &token : tokens)
      token = static_cast<int32_t>(random() % kVocab);
    return tokens;
  }

  static std::string stateBytes(const State &state, int64_t slot) {
    std::string all;
    for (int64_t i = 0; i < 2; ++i) {
      const std::vector<std::byte> bytes = *state.read(i, slot);
      all.append(reinterpret_cast<const char *>(bytes.data()), bytes.size());
    }
    return all;
  }

  static void expectNear(const std::vector<float> &actual,
                         const std::vector<float> &expected) {
    ASSERT_EQ(actual.size(), expected.size());
    for (size_t i = 0; i < actual.size(); ++i)
      EXPECT_NEAR(actual[i], expected[i], 1e-5) << i;
  }

  std::shared_ptr<const Model> model;
};

} // namespace jet::test

#endif // JET_TEST_RUNTIME_MODELFIXTURE_H
