// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "dialects/jet/Targets.h"
#include "dialects/jet/Jet.h"
#include "support/File.h"

#include "mlir/AsmParser/AsmParser.h"
#include "mlir/IR/Diagnostics.h"
#include "llvm/ADT/StringExtras.h"

using namespace mlir;
using namespace jet;

static constexpr size_t kMaxFileBytes = 64 << 10;

static constexpr struct {
  StringLiteral name;
  const char *text;
} kTargets[] = {
#include "targets/Targets.inc"
};

LogicalResult TargetAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                                 StringRef name, FloatAttr memoryBandwidth,
                                 FloatAttr tensorFlops, FloatAttr vectorFlops,
                                 int64_t memoryBytes, FloatAttr launchSeconds) {
  if (name.empty()) // C1
    return emitError() << "expected a name";
  const std::pair<StringRef, FloatAttr> rates[] = {
      {"memory_bandwidth", memoryBandwidth},
      {"tensor_flops", tensorFlops},
      {"vector_flops", vectorFlops}};
  for (auto [rate, value] : rates) // C2
    if (!value.getValue().isFinite() || value.getValueAsDouble() <= 0)
      return emitError() << "expected " << rate << " > 0, found "
                         << value.getValueAsDouble();
  if (memoryBytes <= 0)
    return emitError() << "expected memory > 0, found " << memoryBytes;
  if (launchSeconds && (!launchSeconds.getValue().isFinite() ||
                        launchSeconds.getValueAsDouble() < 0)) // C3
    return emitError() << "expected launch_seconds >= 0, found "
                       << launchSeconds.getValueAsDouble();
  return success();
}

ArrayRef<StringRef> jet::builtinTargetNames() {
  static const SmallVector<StringRef> names = llvm::map_to_vector(
      kTargets, [](const auto &entry) { return StringRef(entry.name); });
  return names;
}

/// Parses `text`; `name` begins the error's message.
static Result<TargetAttr> parseTarget(MLIRContext &context, StringRef text,
                                      const std::string &name) {
  // The parser of a lone attribute takes space and comments around it for
  // trailing characters.
  std::string code;
  unsigned skipped = 0; // lines before the attribute
  for (StringRef line : llvm::split(text, '\n')) {
    if (line.trim().empty() || line.trim().starts_with("//"))
      skipped += code.empty();
    else
      code += line.rtrim().str() + "\n";
  }
  std::string message;
  ScopedDiagnosticHandler handler(&context, [&](Diagnostic &diagnostic) {
    if (!message.empty())
      return;
    if (auto at = dyn_cast<FileLineColLoc>(diagnostic.getLocation()))
      message = std::to_string(at.getLine() + skipped) + ":" +
                std::to_string(at.getColumn()) + ": ";
    message += diagnostic.str();
  });
  Attribute attribute = parseAttribute(StringRef(code).trim(), &context);
  if (auto target = dyn_cast_or_null<TargetAttr>(attribute))
    return target;
  if (attribute)
    message = "expected a #jet.target<...>, found another attribute";
  return Error{name + ": " + message};
}

Result<TargetAttr> jet::findTarget(MLIRContext &context,
                                   const std::string &name) {
  for (const auto &entry : kTargets)
    if (entry.name == name)
      return parseTarget(context, entry.text, "targets/" + name + ".mlir");
  // Only what looks like a path is taken for one.
  if (name.find_first_of("./") == std::string::npos)
    return Error{"expected " + llvm::join(builtinTargetNames(), ", ") +
                 " or a file with a #jet.target, found '" + name + "'"};
  Result<std::string> text = readTextFile(name, kMaxFileBytes);
  if (!text)
    return text.error();
  return parseTarget(context, *text, name);
}
