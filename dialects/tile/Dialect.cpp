// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "dialects/tile/Tile.h"

using namespace mlir;
using namespace jet::tile;

#include "dialects/tile/TileDialect.cpp.inc"
#include "dialects/tile/TileEnums.cpp.inc"

void TileDialect::initialize() {
  registerTypes();
  addOperations<
#define GET_OP_LIST
#include "dialects/tile/TileOps.cpp.inc"
      >();
}

/// The default of a load has the result's type.
static ParseResult
parseLoadTypes(OpAsmParser &parser,
               std::optional<OpAsmParser::UnresolvedOperand> other,
               Type &otherType, Type &result) {
  if (parser.parseType(result))
    return failure();
  if (other)
    otherType = result;
  return success();
}

static void printLoadTypes(OpAsmPrinter &printer, Operation *, Value, Type,
                           Type result) {
  printer << result;
}

#define GET_OP_CLASSES
#include "dialects/tile/TileOps.cpp.inc"
