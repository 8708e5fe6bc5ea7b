// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// jet-run as a child process that can be interrupted.

#ifndef JET_TEST_RUNTIME_JETRUNPROCESS_H
#define JET_TEST_RUNTIME_JETRUNPROCESS_H

#include <csignal>
#include <fcntl.h>
#include <spawn.h>
#include <string>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

namespace jet::test {

/// Starts jet-run with its output in files; returns its process, or -1.
inline pid_t startJetRun(std::vector<std::string> arguments,
                         const std::string &out, const std::string &err) {
  arguments.insert(arguments.begin(), JET_RUN);
  std::vector<char *> pointers;
  for (std::string &argument : arguments)
    pointers.push_back(argument.data());
  pointers.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  const int flags = O_WRONLY | O_CREAT | O_TRUNC;
  posix_spawn_file_actions_addopen(&actions, 1, out.c_str(), flags, 0666);
  posix_spawn_file_actions_addopen(&actions, 2, err.c_str(), flags, 0666);
  pid_t child = -1;
  if (posix_spawn(&child, JET_RUN, &actions, nullptr, pointers.data(),
                  environ) != 0)
    child = -1;
  posix_spawn_file_actions_destroy(&actions);
  return child;
}

/// Presses Ctrl-C; returns the exit status, or -1 when it did not exit.
inline int interruptAndWait(pid_t child) {
  kill(child, SIGINT);
  int status = 0;
  if (waitpid(child, &status, 0) != child || !WIFEXITED(status))
    return -1;
  return WEXITSTATUS(status);
}

} // namespace jet::test

#endif // JET_TEST_RUNTIME_JETRUNPROCESS_H
