// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "TemporaryDirectory.h"
#include "support/File.h"

#include <fstream>
#include <sys/stat.h>
#include <unistd.h>

namespace {

using jet::MappedFile;
using jet::readTextFile;
using jet::test::TemporaryDirectory;

std::string store(const std::string &path, const std::string &text) {
  std::ofstream(path) << text;
  return path;
}

TEST(MappedFile, MapsWhatTheFileHolds) {
  TemporaryDirectory directory;
  std::string path = store(directory / "a", "bytes");
  auto file = MappedFile::open(path);
  ASSERT_TRUE(file) << file.error().message;
  EXPECT_EQ(file->text(), "bytes");
  EXPECT_EQ(file->bytes().size(), 5u);
  EXPECT_EQ(file->path(), path);
}

TEST(MappedFile, AnEmptyFileIsAnEmptySpan) {
  TemporaryDirectory directory;
  auto file = MappedFile::open(store(directory / "a", ""));
  ASSERT_TRUE(file) << file.error().message;
  EXPECT_TRUE(file->bytes().empty());
}

TEST(MappedFile, TheMappingMovesWithItsOwner) {
  TemporaryDirectory directory;
  auto first = MappedFile::open(store(directory / "a", "first"));
  auto second = MappedFile::open(store(directory / "b", "second"));
  ASSERT_TRUE(first && second);
  MappedFile moved = std::move(*first);
  EXPECT_EQ(moved.text(), "first");
  EXPECT_TRUE(first->bytes().empty());
  moved = std::move(*second);
  EXPECT_EQ(moved.text(), "second");
}

TEST(MappedFile, ErrorsNameTheFileAndTheReason) {
  TemporaryDirectory directory;
  std::string absent = directory / "absent";
  EXPECT_EQ(MappedFile::open(absent).error().message,
            absent + ": cannot open: No such file or directory");
  EXPECT_EQ(MappedFile::open(directory.path()).error().message,
            directory.path() + ": expected a regular file, found a directory");
  EXPECT_EQ(MappedFile::open("/dev/null").error().message,
            "/dev/null: expected a regular file, found a device");
}

TEST(MappedFile, APipeIsRefusedWithoutWaitingForAWriter) {
  TemporaryDirectory directory;
  std::string pipe = directory / "pipe";
  ASSERT_EQ(mkfifo(pipe.c_str(), 0600), 0);
  EXPECT_EQ(MappedFile::open(pipe).error().message,
            pipe + ": expected a regular file, found a pipe");
}

TEST(ReadTextFile, ReadsUpToTheLimit) {
  TemporaryDirectory directory;
  std::string path = store(directory / "a", "12345678");
  auto text = readTextFile(path, 8);
  ASSERT_TRUE(text) << text.error().message;
  EXPECT_EQ(*text, "12345678");
  EXPECT_EQ(readTextFile(path, 7).error().message,
            path + ": expected at most 7 bytes, found 8");
}

TEST(ReadTextFile, AGigabyteIsRefusedBeforeAnyOfItIsRead) {
  TemporaryDirectory directory;
  std::string path = store(directory / "a", "");
  ASSERT_EQ(truncate(path.c_str(), off_t(1) << 30), 0);
  EXPECT_EQ(readTextFile(path, 100).error().message,
            path + ": expected at most 100 bytes, found 1073741824");
}

} // namespace
