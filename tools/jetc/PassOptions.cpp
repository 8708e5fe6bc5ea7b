// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What users say about passes: pipelines of their own, MLIR's options.

#include "tools/jetc/Options.h"

#include "mlir/IR/AsmState.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/Pass/PassRegistry.h"
#include "mlir/Support/Timing.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/raw_ostream.h"

using namespace mlir;
using namespace jet;

/// MLIR's parser says "MLIR Textual PassPipeline Parser:1:16: error: …", then
/// the text and a caret; or, for options of a pass, several sentences.
/// It counts columns from the first parenthesis, here `begin`.
static std::string toOneLine(StringRef message, size_t begin) {
  SmallVector<StringRef> lines;
  message.split(lines, '\n', /*MaxSplit=*/-1, /*KeepEmpty=*/false);
  std::string place;
  if (lines[0].consume_front("MLIR Textual PassPipeline Parser:")) {
    auto [position, text] = lines[0].split(": error: ");
    auto [line, column] = position.split(':');
    size_t number = 0;
    if (line == "1" && !column.getAsInteger(10, number))
      place = ":1:" + std::to_string(number + begin);
    else
      place = ":" + position.str();
    lines = {text};
  }
  for (StringRef &line : lines)
    line.consume_front("<Pass-Options-Parser>: ");
  return "--pass-pipeline" + place + ": " + llvm::join(lines, "; ");
}

FailureOr<OpPassManager> jet::parsePipeline(StringRef text) {
  std::string message;
  llvm::raw_string_ostream stream(message);
  FailureOr<OpPassManager> pipeline = parsePassPipeline(text, stream);
  if (failed(pipeline) && !StringRef(message).contains("be wrapped with")) {
    reportError(toOneLine(message, text.find('(') + 1));
    return failure();
  }
  if (failed(pipeline)) {
    reportError("--pass-pipeline:1:1: expected builtin.module(…), found '" +
                text.str() + "'");
    return failure();
  }
  StringRef anchor = pipeline->getOpAnchorName();
  if (anchor == ModuleOp::getOperationName() ||
      anchor == OpPassManager::getAnyOpAnchorName())
    return pipeline;
  reportError("--pass-pipeline:1:1: expected builtin.module(…), found " +
              anchor.str() + "(…)");
  return failure();
}

void jet::addPassOptions(llvm::cl::SubCommand &command,
                         llvm::cl::OptionCategory &category) {
  registerAsmPrinterCLOptions();
  registerMLIRContextCLOptions();
  registerPassManagerCLOptions();
  registerDefaultTimingManagerCLOptions();
  // They register for a program without commands. Taking them over one by one
  // keeps LLVM's other options out of the command.
  SmallVector<llvm::cl::Option *> found;
  for (auto &[name, option] : llvm::cl::getRegisteredOptions())
    if (StringRef(name).starts_with("mlir-"))
      found.push_back(option);
  for (llvm::cl::Option *option : found) {
    option->removeArgument();
    option->addSubCommand(command);
    option->addCategory(category);
    option->addArgument();
  }
}
