// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Passes of your own, without rebuilding jetc: a shared object that the tools
// load with --load-pass-plugin=FILE. docs/fusion-tutorial.md shows how.

#ifndef JET_PASSES_PLUGIN_H
#define JET_PASSES_PLUGIN_H

#include "mlir/Pass/Pass.h"
#include "mlir/Tools/Plugins/PassPlugin.h"
#include "passes/PluginVersion.h"
#include "llvm/Config/llvm-config.h"

/// What a plugin and the tool that loads it must have in common, letter for
/// letter: our version, a hash of the headers that a plugin may include, LLVM's
/// version.
#define JET_PLUGIN_VERSION                                                     \
  "jetc " JET_PLUGIN_INTERFACE ", LLVM " LLVM_VERSION_STRING

/// Makes a plugin of a shared object: `registerPasses` (void()) is called once,
/// after the version was found equal. To be used once, at file scope.
#define JET_PASS_PLUGIN(name, registerPasses)                                  \
  extern "C" {                                                                 \
  LLVM_ATTRIBUTE_VISIBILITY_DEFAULT extern const char jetPluginVersion[];      \
  const char jetPluginVersion[] = JET_PLUGIN_VERSION;                          \
  LLVM_ATTRIBUTE_VISIBILITY_DEFAULT ::mlir::PassPluginLibraryInfo              \
  mlirGetPassPluginInfo() {                                                    \
    return {MLIR_PLUGIN_API_VERSION, name, JET_PLUGIN_VERSION,                 \
            registerPasses};                                                   \
  }                                                                            \
  }

#endif // JET_PASSES_PLUGIN_H
