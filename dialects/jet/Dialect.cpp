// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "dialects/jet/Jet.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/bit.h"

#include <charconv>
#include <cmath>

using namespace mlir;
using namespace jet;

#include "dialects/jet/JetAttrInterfaces.cpp.inc"
#include "dialects/jet/JetDialect.cpp.inc"
#include "dialects/jet/JetOpInterfaces.cpp.inc"
#include "dialects/jet/JetTypeInterfaces.cpp.inc"

void JetDialect::initialize() {
  registerAttributes();
  registerTypes();
  addOperations<
#define GET_OP_LIST
#include "dialects/jet/JetOps.cpp.inc"
      >();
}

LogicalResult jet::verifySize(function_ref<InFlightDiagnostic()> emitError,
                              StringRef name, int64_t size) {
  if (size <= 0)
    return emitError() << "expected " << name << " > 0, found " << size;
  if (size > kMaxSize)
    return emitError() << "expected " << name << " <= " << kMaxSize
                       << ", found " << size;
  return success();
}

void jet::printDouble(AsmPrinter &printer, double value) {
  // Like MLIR's own printer: what has no decimal literal is given by its bits.
  if (!std::isfinite(value)) {
    printer << "0x" << llvm::utohexstr(llvm::bit_cast<uint64_t>(value));
    return;
  }
  char buffer[32];
  auto [end, error] = std::to_chars(buffer, buffer + sizeof(buffer), value,
                                    value != 0 && (value < 1e-3 || value >= 1e9)
                                        ? std::chars_format::scientific
                                        : std::chars_format::fixed);
  std::string text(buffer, end);
  // MLIR's float literals need a point: "1e-06" is not one, "1.0e-06" is.
  if (text.find('.') == std::string::npos) {
    size_t exponent = text.find('e');
    text.insert(exponent == std::string::npos ? text.size() : exponent, ".0");
  }
  printer << text;
}
