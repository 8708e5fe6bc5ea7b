// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// jet-run: runs packages. Exit status: 0 success, 1 error, 2 wrong usage,
// 130 stopped by Ctrl-C.

#include "Commands.h"
#include "Interrupt.h"
#include "Progress.h"

#include "runtime/Model.h"

#include <CLI/CLI.hpp>

#include <cerrno>
#include <cstdio>
#include <exception>
#include <optional>

namespace jet {

Result<std::shared_ptr<const Model>> loadModel(const std::string &packagePath,
                                               const std::string &weightsPath,
                                               const std::string &device) {
  std::optional<Progress> bar;
  auto model = Model::load(
      packagePath, weightsPath,
      [&](int64_t done, int64_t total) {
        if (!bar)
          bar.emplace("weights", total);
        bar->update(done);
      },
      device);
  bar.reset();
  if (!model)
    return model;
  constexpr size_t shown = 3;
  const std::vector<std::string> &extra = (*model)->extraTensors();
  if (!extra.empty()) {
    std::string names;
    for (size_t i = 0; i < std::min(shown, extra.size()); ++i)
      names += (i ? ", " : "") + extra[i];
    std::fprintf(stderr, "jet-run: note: %s: %zu tensor%s not used: %s%s\n",
                 weightsPath.c_str(), extra.size(),
                 extra.size() == 1 ? " is" : "s are", names.c_str(),
                 extra.size() > shown ? ", ..." : "");
  }
  return model;
}

void addDeviceOption(CLI::App &command, std::string &device) {
  command
      .add_option("--device", device,
                  "cpu or cuda:N [the first that the package is compiled for]")
      ->type_name("NAME");
}

Result<void> finishStdout() {
  if (std::fflush(stdout) != 0 || std::ferror(stdout))
    return Error{std::string("standard output: cannot write: ") +
                 std::generic_category().message(errno)};
  return {};
}

static int runCommand(const Command &command) {
  Result<int> status = command();
  if (status)
    return *status;
  std::fflush(stdout);
  std::fprintf(stderr, "jet-run: error: %s\n", status.error().message.c_str());
  return 1;
}

static int run(int argc, char **argv) {
  CLI::App app("Runs packages made by jetc: no compiler needed, nor anything "
               "of it.",
               "jet-run");
  app.require_subcommand(1);
  app.set_version_flag("--version", "jet-run " JET_VERSION);
  app.footer("Examples:\n"
             "  jet-run generate tiny.jet --weights ckpt --prompt 'In the '\n"
             "  jet-run COMMAND --help     all about a command, with examples");
  Command command;
  addInitCommand(app, command);
  addGenerateCommand(app, command);
  addForwardCommand(app, command);
  addBenchCommand(app, command);
  addTuneCommand(app, command);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError &error) {
    if (error.get_exit_code() == 0)
      return app.exit(error); // --help, --version
    std::fprintf(stderr, "jet-run: error: %s\n", error.what());
    std::fputs("jet-run: try --help\n", stderr);
    return 2;
  }
  catchInterrupts();
  return runCommand(command);
}

} // namespace jet

int main(int argc, char **argv) {
  // Libraries throw when memory runs out.
  try {
    return jet::run(argc, argv);
  } catch (const std::exception &exception) {
    std::fprintf(stderr, "jet-run: error: %s\n", exception.what());
    return 1;
  }
}
