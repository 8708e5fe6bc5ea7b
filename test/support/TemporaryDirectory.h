// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A directory that lives as long as a test.

#ifndef JET_TEST_SUPPORT_TEMPORARYDIRECTORY_H
#define JET_TEST_SUPPORT_TEMPORARYDIRECTORY_H

#include <cstdlib>
#include <filesystem>
#include <gtest/gtest.h>
#include <string>

namespace jet::test {

class TemporaryDirectory {
public:
  TemporaryDirectory() : name(testing::TempDir() + "jet-test-XXXXXX") {
    if (!mkdtemp(name.data()))
      ADD_FAILURE() << "cannot create " << name;
  }
  ~TemporaryDirectory() { std::filesystem::remove_all(name); }

  std::string operator/(const std::string &file) const {
    return name + "/" + file;
  }
  const std::string &path() const { return name; }
  size_t numEntries() const {
    using Iterator = std::filesystem::directory_iterator;
    return static_cast<size_t>(std::distance(Iterator(name), Iterator()));
  }

private:
  std::string name;
};

} // namespace jet::test

#endif // JET_TEST_SUPPORT_TEMPORARYDIRECTORY_H
