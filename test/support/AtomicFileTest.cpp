// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "TemporaryDirectory.h"
#include "support/File.h"

#include <csignal>
#include <fstream>
#include <functional>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

namespace {

using jet::AtomicFile;
using jet::test::TemporaryDirectory;

std::string contents(const std::string &path) {
  auto text = jet::readTextFile(path, 1 << 20);
  return text ? *text : text.error().message;
}

TEST(AtomicFile, AppearsWholeWithCommit) {
  TemporaryDirectory directory;
  std::string path = directory / "out";
  {
    auto file = AtomicFile::create(path);
    ASSERT_TRUE(file) << file.error().message;
    ASSERT_TRUE(file->write("one, "));
    ASSERT_TRUE(file->write("two"));
    EXPECT_FALSE(std::filesystem::exists(path));
    EXPECT_EQ(directory.numEntries(), 1u);
    ASSERT_TRUE(file->commit());
    EXPECT_EQ(contents(path), "one, two");
  }
  EXPECT_EQ(contents(path), "one, two");
  EXPECT_EQ(directory.numEntries(), 1u);
}

TEST(AtomicFile, ATextFileIsWrittenWholeOrNotAtAll) {
  TemporaryDirectory directory;
  const std::string path = directory / "out";
  ASSERT_TRUE(jet::writeTextFile(path, "longer than what follows"));
  ASSERT_TRUE(jet::writeTextFile(path, "text"));
  EXPECT_EQ(contents(path), "text");
  EXPECT_FALSE(jet::writeTextFile(directory / "none/out", "text"));
  EXPECT_EQ(directory.numEntries(), 1u);
}

TEST(AtomicFile, WithoutCommitTheOldFileStaysAndNothingElse) {
  TemporaryDirectory directory;
  std::string path = directory / "out";
  std::ofstream(path) << "old";
  {
    auto file = AtomicFile::create(path);
    ASSERT_TRUE(file) << file.error().message;
    ASSERT_TRUE(file->write("new"));
  }
  EXPECT_EQ(contents(path), "old");
  EXPECT_EQ(directory.numEntries(), 1u);
}

TEST(AtomicFile, CommitReplacesTheOldFile) {
  TemporaryDirectory directory;
  std::string path = directory / "out";
  std::ofstream(path) << "something longer";
  auto file = AtomicFile::create(path);
  ASSERT_TRUE(file && file->write("new") && file->commit());
  EXPECT_EQ(contents(path), "new");
}

TEST(AtomicFile, WriteAtFillsWithoutMovingTheEnd) {
  TemporaryDirectory directory;
  std::string path = directory / "out";
  auto file = AtomicFile::create(path);
  ASSERT_TRUE(file && file->write("ab"));
  ASSERT_TRUE(file->writeAt(4, "EF", 2));
  ASSERT_TRUE(file->write("cd"));
  ASSERT_TRUE(file->writeAt(0, "A", 1));
  ASSERT_TRUE(file->commit());
  EXPECT_EQ(contents(path), "AbcdEF");
}

TEST(AtomicFile, MovesWithItsTemporary) {
  TemporaryDirectory directory;
  std::string path = directory / "out";
  auto file = AtomicFile::create(path);
  ASSERT_TRUE(file);
  AtomicFile moved = std::move(*file);
  ASSERT_TRUE(moved.write("moved") && moved.commit());
  EXPECT_EQ(contents(path), "moved");
}

TEST(AtomicFile, FollowsALinkToTheFileItNames) {
  TemporaryDirectory directory;
  std::string path = directory / "target", link = directory / "link";
  std::ofstream(path) << "old";
  std::filesystem::create_symlink(path, link);
  auto file = AtomicFile::create(link);
  ASSERT_TRUE(file && file->write("new") && file->commit());
  EXPECT_TRUE(std::filesystem::is_symlink(link));
  EXPECT_EQ(contents(path), "new");
}

TEST(AtomicFile, TakesNamesTooLongForASuffix) {
  TemporaryDirectory directory;
  std::string path = directory / std::string(255, 'n');
  auto file = AtomicFile::create(path);
  ASSERT_TRUE(file && file->write("x") && file->commit());
  EXPECT_EQ(contents(path), "x");
}

TEST(AtomicFile, ErrorsNameTheFileAndTheReason) {
  TemporaryDirectory directory;
  std::string path = directory / "absent/out";
  EXPECT_EQ(AtomicFile::create(path).error().message,
            path + ": cannot create: No such file or directory");
  EXPECT_EQ(AtomicFile::create(directory.path()).error().message,
            directory.path() + ": expected a regular file, found a directory");
  path = directory / "absent/";
  EXPECT_EQ(AtomicFile::create(path).error().message,
            path + ": expected a file name, found a directory's");
}

TEST(AtomicFile, NeverReplacesADevice) {
  EXPECT_EQ(AtomicFile::create("/dev/null").error().message,
            "/dev/null: expected a regular file, found a device");
  EXPECT_TRUE(std::filesystem::is_character_file("/dev/null"));
}

/// Runs `body` in a child process. Its wait status, and what it wrote.
std::pair<int, std::string> inChild(const std::function<void(int)> &body,
                                    int signalNumber = 0) {
  int pipeEnds[2];
  if (pipe(pipeEnds) != 0)
    return {-1, ""};
  pid_t child = fork();
  if (child == 0) {
    body(pipeEnds[1]);
    _exit(0);
  }
  close(pipeEnds[1]);
  std::string output;
  char buffer[512];
  for (ssize_t count; (count = read(pipeEnds[0], buffer, sizeof buffer)) > 0;) {
    output.append(buffer, static_cast<size_t>(count));
    if (signalNumber != 0)
      kill(child, signalNumber);
  }
  close(pipeEnds[0]);
  int status = -1;
  waitpid(child, &status, 0);
  return {status, output};
}

class AtomicFileSignal : public testing::TestWithParam<int> {};

TEST_P(AtomicFileSignal, RemovesTheTemporaryAndEndsAsTheSignalDoes) {
  TemporaryDirectory directory;
  auto [status, output] = inChild(
      [&](int pipeEnd) {
        // Under nohup, or in a background job, it would be ignored.
        std::signal(GetParam(), SIG_DFL);
        alarm(60);
        jet::removeTemporariesOnSignal();
        auto first = AtomicFile::create(directory / "first");
        auto second = AtomicFile::create(directory / "second");
        auto done = AtomicFile::create(directory / "done");
        if (!first || !second || !done || !done->commit() ||
            directory.numEntries() != 3)
          _exit(3);
        if (write(pipeEnd, "r", 1) != 1)
          _exit(4);
        while (true)
          pause();
      },
      GetParam());
  EXPECT_EQ(output, "r");
  ASSERT_TRUE(WIFSIGNALED(status)) << status;
  EXPECT_EQ(WTERMSIG(status), GetParam());
  EXPECT_EQ(directory.numEntries(), 1u);
  EXPECT_TRUE(std::filesystem::exists(directory / "done"));
}

INSTANTIATE_TEST_SUITE_P(Signals, AtomicFileSignal,
                         testing::Values(SIGINT, SIGTERM, SIGHUP, SIGPIPE));

TEST(AtomicFile, ASignalThatIsIgnoredStaysIgnored) {
  auto [status, output] = inChild([](int) {
    std::signal(SIGHUP, SIG_IGN);
    jet::removeTemporariesOnSignal();
    raise(SIGHUP);
  });
  EXPECT_TRUE(WIFEXITED(status)) << status;
}

TEST(AtomicFile, AFileThatCannotGrowIsAnErrorThatLeavesNothing) {
  TemporaryDirectory directory;
  std::string path = directory / "out";
  auto [status, output] = inChild([&](int pipeEnd) {
    jet::removeTemporariesOnSignal();
    rlimit limit = {4096, 4096};
    setrlimit(RLIMIT_FSIZE, &limit);
    std::string block(8192, 'x');
    auto file = AtomicFile::create(path);
    if (!file)
      return;
    for (const auto &result :
         {file->write(block), file->writeAt(4096, block.data(), 1)}) {
      std::string line = (result ? "written" : result.error().message) + "\n";
      if (write(pipeEnd, line.data(), line.size()) < 0)
        _exit(4);
    }
  });
  EXPECT_TRUE(WIFEXITED(status)) << status;
  std::string line = path + ": cannot write: File too large\n";
  EXPECT_EQ(output, line + line);
  EXPECT_EQ(directory.numEntries(), 0u);
}

TEST(AtomicFile, MoreFilesThanTheSignalTableHoldsStillWork) {
  TemporaryDirectory directory;
  std::vector<AtomicFile> files;
  for (int i = 0; i < 100; ++i) {
    auto file = AtomicFile::create(directory / std::to_string(i));
    ASSERT_TRUE(file) << file.error().message;
    files.push_back(std::move(*file));
  }
  for (AtomicFile &file : files)
    ASSERT_TRUE(file.commit());
  EXPECT_EQ(directory.numEntries(), 100u);
}

} // namespace
