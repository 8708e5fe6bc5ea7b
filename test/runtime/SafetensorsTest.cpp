// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The safetensors format, mostly its broken files.

#include "Fixture.h"

#include <gtest/gtest.h>

#include <cstring>
#include <unistd.h>

using namespace jet;
using namespace jet::test;

namespace {

class SafetensorsTest : public testing::Test {
protected:
  SafetensorsTest() : path(directory.file("t.safetensors")) {}

  std::string file(const std::string &header, size_t dataBytes) const {
    const uint64_t length = header.size();
    return std::string(reinterpret_cast<const char *>(&length), 8) + header +
           std::string(dataBytes, 'x');
  }

  std::string open(const std::string &header, size_t dataBytes) {
    writeFile(path, file(header, dataBytes));
    return messageOf(SafetensorsFile::open(path));
  }

  TemporaryDirectory directory;
  std::string path;
};

struct Hostile {
  const char *what, *header;
  size_t dataBytes;
  const char *expected; // part of the message
};

const Hostile kHostile[] = {
    {"empty text", "", 0, "expected '{'"},
    {"a space before the brace", " {}", 0, "expected '{'"},
    {"an array", "[]", 0, "expected '{'"},
    {"text after the object", "{}x", 0, "header"},
    {"unclosed object", "{\"a\":", 0, "header"},
    {"duplicate tensor",
     R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},)"
     R"("a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}})",
     1, "a"},
    {"duplicate member",
     R"({"a":{"dtype":"U8","dtype":"I8","shape":[1],"data_offsets":[0,1]}})", 1,
     "dtype"},
    {"tensor that is no object", R"({"a":3})", 0, "tensor 'a'"},
    {"no dtype", R"({"a":{"shape":[1],"data_offsets":[0,1]}})", 1, "dtype"},
    {"no shape", R"({"a":{"dtype":"U8","data_offsets":[0,1]}})", 1, "shape"},
    {"no offsets", R"({"a":{"dtype":"U8","shape":[1]}})", 1, "data_offsets"},
    {"unknown member",
     R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1],"b":1}})", 1,
     "expected no such member"},
    {"unknown dtype",
     R"({"a":{"dtype":"F33","shape":[1],"data_offsets":[0,1]}})", 1,
     "expected a known element type, found \"F33\""},
    {"dtype of another type",
     R"({"a":{"dtype":1,"shape":[1],"data_offsets":[0,1]}})", 1,
     "expected a string, found 1"},
    {"negative dimension",
     R"({"a":{"dtype":"U8","shape":[-1],"data_offsets":[0,1]}})", 1,
     "shape[0]: expected an integer >= 0, found -1"},
    {"dimension that is no integer",
     R"({"a":{"dtype":"U8","shape":[1.0],"data_offsets":[0,1]}})", 1,
     "shape[0]"},
    {"shape that overflows",
     R"({"a":{"dtype":"F32","shape":[4611686018427387904,4],)"
     R"("data_offsets":[0,0]}})",
     0, "expected more than 2^63 bytes"},
    {"bytes that overflow",
     R"({"a":{"dtype":"F32","shape":[4611686018427387904],)"
     R"("data_offsets":[0,0]}})",
     0, "expected more than 2^63 bytes"},
    {"dimension beyond int64",
     R"({"a":{"dtype":"U8","shape":[18446744073709551615],)"
     R"("data_offsets":[0,1]}})",
     1, "shape[0]"},
    {"one offset", R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0]}})", 1,
     "expected [begin, end]"},
    {"three offsets",
     R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1,2]}})", 1,
     "expected [begin, end]"},
    {"offsets reversed",
     R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[1,0]}})", 1,
     "data_offsets[1]"},
    {"negative offset",
     R"({"a":{"dtype":"U8","shape":[2],"data_offsets":[-1,1]}})", 1,
     "data_offsets[0]"},
    {"offset beyond the file",
     R"({"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]}})", 1,
     "data_offsets[1]: expected an integer from 0 to 1, found 2"},
    {"offset beyond int64",
     R"({"a":{"dtype":"U8","shape":[1],)"
     R"("data_offsets":[0,18446744073709551615]}})",
     1, "data_offsets[1]"},
    {"too few bytes for the shape",
     R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,3]}})", 3,
     "expected 4 bytes for F32 [1], found 3"},
    {"too many bytes for the shape",
     R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,5]}})", 5,
     "expected 4 bytes for F32 [1], found 5"},
    {"overlap",
     R"({"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},)"
     R"("b":{"dtype":"U8","shape":[2],"data_offsets":[1,3]}})",
     3, "tensor 'b': expected data at offset 2, found 1 (overlap)"},
    {"the same bytes twice",
     R"({"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},)"
     R"("b":{"dtype":"U8","shape":[2],"data_offsets":[0,2]}})",
     2, "(overlap)"},
    {"hole in the middle",
     R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},)"
     R"("b":{"dtype":"U8","shape":[1],"data_offsets":[2,3]}})",
     3, "tensor 'b': expected data at offset 1, found 2 (hole)"},
    {"hole at the beginning",
     R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}})", 2, "(hole)"},
    {"bytes after the last tensor",
     R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}})", 2,
     "expected data of 1 bytes as the header says, found 2"},
    {"data without tensors", "{}", 1, "expected data of 0 bytes"},
    {"metadata that is no object", R"({"__metadata__":[]})", 0,
     "$.__metadata__"},
    {"metadata that is no string", R"({"__metadata__":{"a":1}})", 0,
     "$.__metadata__.a: expected a string, found 1"},
    {"nested deep", R"({"a":[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]})", 0, "header"},
};

} // namespace

TEST_F(SafetensorsTest, RefusesEveryHostileHeader) {
  for (const Hostile &hostile : kHostile) {
    const std::string message = open(hostile.header, hostile.dataBytes);
    EXPECT_EQ(message.find(path + ": "), 0u) << hostile.what << ": " << message;
    EXPECT_NE(message.find(hostile.expected), std::string::npos)
        << hostile.what << ": " << message;
  }
}

TEST_F(SafetensorsTest, RefusesEveryTruncation) {
  const std::string whole =
      file(R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})", 8);
  for (size_t length = 0; length < whole.size(); ++length) {
    writeFile(path, whole.substr(0, length));
    EXPECT_FALSE(SafetensorsFile::open(path)) << length;
  }
  writeFile(path, whole);
  EXPECT_TRUE(SafetensorsFile::open(path));
}

TEST_F(SafetensorsTest, RefusesAHeaderOverTheLimit) {
  // A sparse file: as long as the header says, without being written.
  const uint64_t length = 100'000'001;
  writeFile(path, std::string(reinterpret_cast<const char *>(&length), 8));
  ASSERT_EQ(truncate(path.c_str(), 200'000'000), 0);
  EXPECT_EQ(messageOf(SafetensorsFile::open(path)),
            path + ": header length: expected at most 100000000, found "
                   "100000001");
  const uint64_t huge = UINT64_MAX;
  writeFile(path, std::string(reinterpret_cast<const char *>(&huge), 8));
  EXPECT_NE(messageOf(SafetensorsFile::open(path)).find("header length"),
            std::string::npos);
}

TEST_F(SafetensorsTest, AcceptsWhatTheFormatAllows) {
  // Trailing spaces, metadata, scalars, empty tensors, any order.
  const std::string header =
      R"({"b":{"dtype":"U8","shape":[],"data_offsets":[4,5]},)"
      R"("e":{"dtype":"F32","shape":[0,3],"data_offsets":[4,4]},)"
      R"("__metadata__":{"format":"pt"},)"
      R"("a":{"dtype":"F32","shape":[1,1],"data_offsets":[0,4]}}    )";
  writeFile(path, file(header, 5));
  const Result<SafetensorsFile> read = SafetensorsFile::open(path);
  ASSERT_TRUE(read) << messageOf(read);
  EXPECT_EQ(read->tensors().size(), 3u);
  ASSERT_NE(read->find("b"), nullptr);
  EXPECT_EQ(read->find("b")->bytes.size(), 1u);
  EXPECT_TRUE(read->find("b")->shape.empty());
  EXPECT_EQ(read->find("e")->shape, (std::vector<int64_t>{0, 3}));
  EXPECT_EQ(read->find("__metadata__"), nullptr);
  EXPECT_EQ(open("{}", 0), "success");
}

TEST_F(SafetensorsTest, WritesWhatItReads) {
  const std::vector<float> first = {1, 2, 3}, second = {4, 5};
  writeTensors(path, {{"z", DType::F32, {3}}, {"a", DType::F32, {2, 1}}},
               {first, second});
  const Result<SafetensorsFile> read = SafetensorsFile::open(path);
  ASSERT_TRUE(read) << messageOf(read);
  const TensorView *z = read->find("z"), *a = read->find("a");
  ASSERT_TRUE(z && a);
  EXPECT_EQ(std::memcmp(z->bytes.data(), first.data(), 12), 0);
  EXPECT_EQ(std::memcmp(a->bytes.data(), second.data(), 8), 0);
  EXPECT_EQ(a->shape, (std::vector<int64_t>{2, 1}));
  EXPECT_EQ(reinterpret_cast<uintptr_t>(z->bytes.data()) % 64, 0u);
}

TEST_F(SafetensorsTest, WriterRefusesWhatCouldNotBeRead) {
  EXPECT_FALSE(SafetensorsWriter::create(
      path, {{"a", DType::F32, {1}}, {"a", DType::F32, {1}}}));
  EXPECT_FALSE(
      SafetensorsWriter::create(path, {{"__metadata__", DType::F32, {1}}}));
  EXPECT_FALSE(
      SafetensorsWriter::create(path, {{"a", DType::F32, {INT64_MAX, 2}}}));
  EXPECT_TRUE(directory.list().empty());
}

TEST_F(SafetensorsTest, AnUnfinishedFileDoesNotAppear) {
  {
    auto writer = SafetensorsWriter::create(path, {{"a", DType::F32, {2}}});
    ASSERT_TRUE(writer);
    const float value = 1;
    ASSERT_TRUE(writer->write(&value, sizeof(value)));
    EXPECT_EQ(messageOf(writer->commit()),
              path + ": expected 8 bytes of data to be written, found 4");
  }
  EXPECT_TRUE(directory.list().empty());
}
