// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Loads pass plugins (passes/Plugin.h).

#ifndef JET_TOOLS_PLUGINS_LOADPLUGINS_H
#define JET_TOOLS_PLUGINS_LOADPLUGINS_H

#include "support/Error.h"

#include <string>

namespace jet {

/// Loads the plugin and lets it register its passes. Nothing in the file runs
/// before its version was found to be ours.
Result<void> loadPassPlugin(const std::string &path);

/// Loads the plugins of all options --load-pass-plugin of a command line and
/// removes these options. It comes before the command line is parsed, because
/// other options take names of passes.
Result<void> loadPassPlugins(int &argc, char **argv);

} // namespace jet

#endif // JET_TOOLS_PLUGINS_LOADPLUGINS_H
