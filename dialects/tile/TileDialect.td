// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The tile dialect and the base class of its ops.

#ifndef JET_TILE_DIALECT_TD
#define JET_TILE_DIALECT_TD

include "mlir/IR/OpBase.td"
include "mlir/IR/AttrTypeBase.td"

def Tile_Dialect : Dialect {
  let name = "tile";
  let cppNamespace = "::jet::tile";
  let summary = "GPU kernels at the level people explain them at";
  let description = [{
    A kernel is a program of one thread (SIMT): scalars, control flow and small
    vectors are upstream's `arith`, `index`, `math`, `scf`, `vector`; everything
    that is particular to a GPU is an op of this dialect. Nothing is inferred:
    layouts are in types, waits and fences are ops, and each op lowers to a
    short, fixed sequence of NVVM (`-jet-lower-tile`). `index` has 32 bits.
    See docs/tile.md.
  }];
  let useDefaultTypePrinterParser = 1;
  let extraClassDeclaration = [{
    void registerTypes();
  }];
}

class Tile_Op<string mnemonic, list<Trait> traits = []>
    : Op<Tile_Dialect, mnemonic, traits>;

#endif // JET_TILE_DIALECT_TD
