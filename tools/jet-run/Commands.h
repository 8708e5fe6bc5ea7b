// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The subcommands of jet-run.

#ifndef JET_TOOLS_JET_RUN_COMMANDS_H
#define JET_TOOLS_JET_RUN_COMMANDS_H

#include "support/Error.h"

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

namespace CLI {
class App;
} // namespace CLI

namespace jet {

class Model;

/// A parsed subcommand, ready to run; returns the exit status.
using Command = std::function<Result<int>()>;

/// Each adds a subcommand to `app` and, once its arguments are parsed, stores
/// the work in `command`, which must outlive the parsing.
void addInitCommand(CLI::App &app, Command &command);
void addGenerateCommand(CLI::App &app, Command &command);
void addForwardCommand(CLI::App &app, Command &command);
void addBenchCommand(CLI::App &app, Command &command);
void addTuneCommand(CLI::App &app, Command &command);

/// Model::load, and a note on stderr about tensors that are not used.
Result<std::shared_ptr<const Model>> loadModel(const std::string &packagePath,
                                               const std::string &weightsPath,
                                               const std::string &device);

/// Adds --device, which fills `device`, to a command that runs packages.
void addDeviceOption(CLI::App &command, std::string &device);

/// Flushes stdout; an error when anything written to it was lost.
Result<void> finishStdout();

} // namespace jet

#endif // JET_TOOLS_JET_RUN_COMMANDS_H
