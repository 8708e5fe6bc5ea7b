// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Loading: packages, weights and code that do not fit together.

#include "Fixture.h"

#include "runtime/HostDevice.h"
#include "runtime/Session.h"

#include <gtest/gtest.h>

using namespace jet;
using namespace jet::test;

namespace {

class ModelLoadTest : public testing::Test {
protected:
  ModelLoadTest()
      : packagePath(directory.file("p.jet")),
        weightsPath(directory.file("model.safetensors")) {
    writeCheckpoint(weightsPath);
  }

  std::string load(const Package &package) {
    const Result<void> written = writePackage(package, packagePath);
    EXPECT_TRUE(written) << messageOf(written);
    return messageOf(Model::load(packagePath, weightsPath));
  }

  TemporaryDirectory directory;
  std::string packagePath, weightsPath;
};

} // namespace

TEST_F(ModelLoadTest, LoadsTheFixture) {
  EXPECT_EQ(load(makePackage()), "success");
}

TEST_F(ModelLoadTest, RefusesAnotherTarget) {
  Package package = makePackage();
  package.target.arch = "riscv64";
  EXPECT_NE(load(package).find("target: expected architecture"),
            std::string::npos);
}

TEST_F(ModelLoadTest, RefusesABlobThatIsNoCode) {
  EXPECT_NE(load(makePackage(false))
                .find("blob 'host_code': expected a shared object for this "
                      "machine"),
            std::string::npos);
}

TEST_F(ModelLoadTest, EveryModelHasItsOwnCode) {
  // dlopen() must not hand out the code of a model that is still loaded.
  ASSERT_TRUE(writePackage(makePackage(), packagePath));
  const auto first = Model::load(packagePath, weightsPath);
  const auto second = Model::load(packagePath, weightsPath);
  ASSERT_TRUE(first && second);
  const auto kernelsOf = [](const Model &model) {
    return dynamic_cast<HostDevice &>(*model.device()).kernels();
  };
  for (int64_t i = 0; i < 5; ++i)
    EXPECT_NE(kernelsOf(**first)[i], kernelsOf(**second)[i]);
  EXPECT_NE(load(makePackage(false)), "success");
}

TEST_F(ModelLoadTest, RefusesCodeWithoutAKernel) {
  Package package = makePackage();
  package.kernels[3].name = "missing";
  EXPECT_EQ(load(package),
            packagePath +
                ": blob 'host_code': expected the symbol 'missing', found "
                "none");
}

TEST_F(ModelLoadTest, RefusesWeightsThatDoNotFit) {
  Package package = makePackage();
  package.parameters.push_back({"absent", DType::F32, {1}});
  EXPECT_EQ(load(package),
            weightsPath + ": tensor 'absent': expected F32 [1], found none");
}

TEST_F(ModelLoadTest, ExecutesRecipes) {
  // Embedding and head as one parameter, made from three tensors.
  const std::vector<float> embedding = makeEmbedding(), head = makeHead();
  const auto split = embedding.begin() + 3 * kHidden;
  writeTensors(weightsPath,
               {{"a", DType::F32, {3, kHidden}},
                {"b", DType::F32, {kVocab - 3, kHidden}},
                {"c", DType::F32, {kVocab, kHidden}}},
               {{embedding.begin(), split}, {split, embedding.end()}, head});
  Package package = makePackage();
  package.parameters = {{"a + b + c",
                         DType::F32,
                         {2 * kVocab, kHidden},
                         {{"a", {3, kHidden}},
                          {"b", {kVocab - 3, kHidden}},
                          {"c", {kVocab, kHidden}}}}};
  for (ProgramInfo &program : package.programs)
    for (LaunchInfo &launch : program.launches)
      for (OperandRef &operand : launch.operands)
        if (operand.kind == OperandRef::Kind::Parameter) {
          operand.rows =
              RowRange{operand.index * kVocab, (operand.index + 1) * kVocab};
          operand.index = 0;
        }
  ASSERT_TRUE(writePackage(package, packagePath));
  int64_t last = -1, all = 0;
  auto model =
      Model::load(packagePath, weightsPath, [&](int64_t done, int64_t total) {
        EXPECT_GT(done, last);
        last = done, all = total;
      });
  ASSERT_TRUE(model) << messageOf(model);
  EXPECT_EQ(last, all);
  EXPECT_EQ(all, 2 * kVocab * kHidden * 4);
  EXPECT_TRUE((*model)->extraTensors().empty());
  Session session(*model, 1);
  Result<State> state = State::create(*model, 1, 4);
  ASSERT_TRUE(state);
  const std::vector<int32_t> tokens = {2, 6};
  auto logits = session.step(*state, std::vector<StepInput>{{0, tokens}});
  ASSERT_TRUE(logits);
  for (int64_t v = 0; v < kVocab; ++v)
    EXPECT_NEAR((*logits)[v], referenceLogits(tokens)[1][v], 1e-5);

  package.parameters[0].concat[1].name = "d";
  EXPECT_EQ(load(package), weightsPath + ": tensor 'd': expected F32 [13, 4], "
                                         "found none");
}

// A vector that scales the columns of two parameters and is one itself.
TEST_F(ModelLoadTest, ScalesColumns) {
  const std::vector<float> embedding = makeEmbedding(), head = makeHead();
  const std::vector<float> scale = {2, -0.5, 3, 0};
  const auto split = embedding.begin() + 3 * kHidden;
  writeTensors(
      weightsPath,
      {{"a", DType::F32, {3, kHidden}},
       {"b", DType::F32, {kVocab - 3, kHidden}},
       {"lm_head.weight", DType::F32, {kVocab, kHidden}},
       {"n", DType::F32, {kHidden}}},
      {{embedding.begin(), split}, {split, embedding.end()}, head, scale});
  Package package = makePackage();
  package.parameters[0].concat = {{"a", {3, kHidden}},
                                  {"b", {kVocab - 3, kHidden}}};
  for (ParameterInfo &parameter : package.parameters)
    parameter.columnScale = SourceTensor{"n", {kHidden}};
  package.parameters.push_back({"n", DType::F32, {kHidden}});
  ASSERT_TRUE(writePackage(package, packagePath));
  const auto model = Model::load(packagePath, weightsPath);
  ASSERT_TRUE(model) << messageOf(model);
  EXPECT_TRUE((*model)->extraTensors().empty());
  for (int64_t index = 0; index < 2; ++index) {
    const auto *got = static_cast<const float *>((*model)->parameter(index));
    const std::vector<float> &from = index == 0 ? embedding : head;
    for (size_t i = 0; i < from.size(); ++i)
      EXPECT_EQ(got[i], from[i] * scale[i % kHidden]) << index << ", " << i;
  }
  package.parameters[1].columnScale->name = "absent";
  EXPECT_EQ(load(package),
            weightsPath + ": tensor 'absent': expected F32 [4], found none");
}

TEST_F(ModelLoadTest, ListsExtraTensors) {
  writeTensors(weightsPath,
               {{"another", DType::F32, {1}},
                {"lm_head.weight", DType::F32, {kVocab, kHidden}},
                {"model.embed_tokens.weight", DType::F32, {kVocab, kHidden}}},
               {{1}, makeHead(), makeEmbedding()});
  ASSERT_TRUE(writePackage(makePackage(), packagePath));
  auto model = Model::load(packagePath, weightsPath);
  ASSERT_TRUE(model) << messageOf(model);
  EXPECT_EQ((*model)->extraTensors(), std::vector<std::string>{"another"});
}

TEST_F(ModelLoadTest, MisalignedTensorsAreCopied) {
  // The format allows a float at an odd offset: here after one byte.
  const std::string header =
      R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},)"
      R"("lm_head.weight":{"dtype":"F32","shape":[16,4],)"
      R"("data_offsets":[1,257]},)"
      R"("model.embed_tokens.weight":{"dtype":"F32","shape":[16,4],)"
      R"("data_offsets":[257,513]}})";
  const uint64_t length = header.size();
  std::string file(reinterpret_cast<const char *>(&length), 8);
  file += header + "x";
  const std::vector<float> head = makeHead(), embedding = makeEmbedding();
  file.append(reinterpret_cast<const char *>(head.data()), 256);
  file.append(reinterpret_cast<const char *>(embedding.data()), 256);
  writeFile(weightsPath, file);
  ASSERT_TRUE(writePackage(makePackage(), packagePath));
  auto model = Model::load(packagePath, weightsPath);
  ASSERT_TRUE(model) << messageOf(model);
  for (int64_t i = 0; i < 2; ++i)
    EXPECT_EQ(reinterpret_cast<uintptr_t>((*model)->parameter(i)) % 4, 0u);
  Session session(*model, 1);
  Result<State> state = State::create(*model, 1, 4);
  ASSERT_TRUE(state);
  const std::vector<int32_t> tokens = {5, 6};
  auto logits = session.step(*state, std::vector<StepInput>{{0, tokens}});
  ASSERT_TRUE(logits);
  EXPECT_NEAR((*logits)[3], referenceLogits(tokens)[1][3], 1e-5);
}
