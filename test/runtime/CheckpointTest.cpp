// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Checkpoints: where their files are, and whether they fit a package.

#include "Fixture.h"

#include "runtime/Checkpoint.h"

#include <gtest/gtest.h>

#include <cstring>
#include <filesystem>

using namespace jet;
using namespace jet::test;

namespace {

class CheckpointTest : public testing::Test {
protected:
  void writeIndex(const std::string &weightMap) {
    writeFile(index(), "{\"metadata\": {}, \"weight_map\": " + weightMap + "}");
  }
  std::string index() const {
    return directory.file("model.safetensors.index.json");
  }
  std::string openMessage(const std::string &path) const {
    return messageOf(Checkpoint::open(path));
  }
  bool mentions(const std::string &message, const std::string &text) const {
    return message.find(text) != std::string::npos;
  }

  TemporaryDirectory directory;
};

} // namespace

TEST_F(CheckpointTest, OpensAFileOrItsDirectory) {
  writeCheckpoint(directory.file("model.safetensors"));
  const std::vector<ParameterInfo> needed = makePackage(false).parameters;
  for (const std::string &path :
       {directory.name(), directory.file("model.safetensors")}) {
    const Result<Checkpoint> checkpoint = Checkpoint::open(path);
    ASSERT_TRUE(checkpoint) << messageOf(checkpoint);
    const Result<BoundParameters> bound = checkpoint->bind(needed);
    ASSERT_TRUE(bound) << messageOf(bound);
    EXPECT_EQ(bound->tensors.size(), 2u);
    EXPECT_TRUE(bound->extra.empty());
    float first = 0;
    std::memcpy(&first, bound->tensors[0].bytes.data(), sizeof(first));
    EXPECT_EQ(first, makeEmbedding()[0]);
  }
}

TEST_F(CheckpointTest, OpensShards) {
  writeTensors(directory.file("one.safetensors"),
               {{"lm_head.weight", DType::F32, {kVocab, kHidden}}},
               {makeHead()});
  writeTensors(directory.file("two.safetensors"),
               {{"model.embed_tokens.weight", DType::F32, {kVocab, kHidden}},
                {"unlisted", DType::F32, {1}}},
               {makeEmbedding(), {1}});
  writeIndex(R"({"lm_head.weight": "one.safetensors",
                 "model.embed_tokens.weight": "two.safetensors"})");
  for (const std::string &path : {directory.name(), index()}) {
    const Result<Checkpoint> checkpoint = Checkpoint::open(path);
    ASSERT_TRUE(checkpoint) << messageOf(checkpoint);
    const Result<BoundParameters> bound =
        checkpoint->bind(makePackage(false).parameters);
    EXPECT_TRUE(bound) << messageOf(bound);
  }
}

TEST_F(CheckpointTest, NamesAMissingFile) {
  EXPECT_EQ(openMessage(directory.name()),
            directory.name() + ": expected model.safetensors or "
                               "model.safetensors.index.json, found neither");
  EXPECT_TRUE(mentions(openMessage(directory.file("none.safetensors")),
                       "none.safetensors: cannot open"));
  writeIndex(R"({"a": "absent.safetensors"})");
  EXPECT_TRUE(
      mentions(openMessage(index()), "absent.safetensors: cannot open"));
}

TEST_F(CheckpointTest, AnIndexCannotLeaveItsDirectory) {
  writeCheckpoint(directory.file("model.safetensors"));
  std::filesystem::create_directory(directory.file("sub"));
  writeCheckpoint(directory.file("sub/model.safetensors"));
  for (const char *name :
       {"../x.safetensors", "/etc/passwd", "sub/model.safetensors", "..", ".",
        "", "sub/../model.safetensors"}) {
    writeIndex(R"({"lm_head.weight": ")" + std::string(name) + "\"}");
    EXPECT_TRUE(mentions(openMessage(index()),
                         "$.weight_map['lm_head.weight']: expected the name of "
                         "a file in the same directory"))
        << name;
  }
}

TEST_F(CheckpointTest, AnIndexMustBeTrue) {
  writeCheckpoint(directory.file("one.safetensors"));
  writeIndex(R"({"other": "one.safetensors"})");
  EXPECT_EQ(openMessage(index()),
            index() + ": $.weight_map['other']: expected the tensor in '" +
                directory.file("one.safetensors") + "', found none");
  writeIndex(R"({"other": 3})");
  EXPECT_TRUE(mentions(openMessage(index()), "found 3"));
  writeIndex("[]");
  EXPECT_TRUE(
      mentions(openMessage(index()), "$.weight_map: expected an object"));
  writeFile(index(), "{}");
  EXPECT_TRUE(
      mentions(openMessage(index()), "$.weight_map: expected an object"));
  writeFile(index(), R"({"weight_map": {"a": "one", "a": "one"}})");
  EXPECT_FALSE(Checkpoint::open(index()));
  writeFile(index(), "not json");
  EXPECT_FALSE(Checkpoint::open(index()));
}

TEST_F(CheckpointTest, BindNamesTheFirstProblemAndCountsTheRest) {
  const std::string path = directory.file("model.safetensors");
  writeTensors(path, {{"lm_head.weight", DType::F32, {kVocab, kHidden - 1}}},
               {std::vector<float>(kVocab * (kHidden - 1))});
  const Result<Checkpoint> checkpoint = Checkpoint::open(path);
  ASSERT_TRUE(checkpoint);
  std::vector<ParameterInfo> needed = makePackage(false).parameters;
  EXPECT_EQ(messageOf(checkpoint->bind(needed)),
            path + ": tensor 'model.embed_tokens.weight': expected F32 [16, "
                   "4], found none (and 1 more such problem)");
  needed.erase(needed.begin());
  EXPECT_EQ(messageOf(checkpoint->bind(needed)),
            path + ": tensor 'lm_head.weight': expected F32 [16, 4], found "
                   "F32 [16, 3]");
  needed[0] = {"lm_head.weight", DType::BF16, {kVocab, kHidden - 1}};
  EXPECT_EQ(messageOf(checkpoint->bind(needed)),
            path + ": tensor 'lm_head.weight': expected BF16 [16, 3], found "
                   "F32 [16, 3]");
}

TEST_F(CheckpointTest, ExtraTensorsAreListed) {
  const std::string path = directory.file("model.safetensors");
  writeCheckpoint(path);
  const Result<Checkpoint> checkpoint = Checkpoint::open(path);
  ASSERT_TRUE(checkpoint);
  const Result<BoundParameters> bound = checkpoint->bind({});
  ASSERT_TRUE(bound);
  EXPECT_EQ(bound->extra, (std::vector<std::string>{
                              "lm_head.weight", "model.embed_tokens.weight"}));
}
