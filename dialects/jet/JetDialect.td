// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The dialect and the base classes of its entities.

#ifndef JET_DIALECT_TD
#define JET_DIALECT_TD

include "mlir/IR/OpBase.td"
include "mlir/IR/AttrTypeBase.td"

def Jet_Dialect : Dialect {
  let name = "jet";
  let cppNamespace = "::jet";
  let summary = "Hybrid linear-attention language models, from spec to launches";
  let description = [{
    The dialect holds a Jet-Nemotron-style model at four levels. Arrows point
    downward only, and each level ends in a verifier pass
    (`-jet-verify-level`).

    1. **model**: `jet.model` with one `jet.layer` per decoder layer. A layer's
       mixer is an attribute, so a placement found by PostNAS, and the search
       space it was found in, are IR.
    2. **tensor**: functions `@prefill`, `@decode` and `@forward` over tensors.
       Per-layer state is a value with a type of its own.
    3. **launch**: the same functions as lists of `jet.launch` of kernels.
    4. **plan**: what the runtime executes. Each function is a `jet.plan`, its
       values are places (`memref`, states): weights, states, and buffers at
       offsets of one arena, on which `jet.execute` runs kernels in order. A
       plan can be read, edited and compiled on; `-jet-verify-plan` proves it
       for all steps within its limits.

    ### Rows

    A step processes `B` sequences of different lengths without padding: their
    tokens are concatenated, so an activation has one row per token,
    `tensor<?xCxf32>` with `T` rows. `!jet.batch` says which rows belong to which
    sequence, how many tokens that sequence had before, and where its state
    lives. Row-wise ops need no more than the rows; ops that mix tokens take the
    batch.
  }];
  let useDefaultTypePrinterParser = 1;
  let useDefaultAttributePrinterParser = 1;
  let extraClassDeclaration = [{
    void registerAttributes();
    void registerTypes();
  }];
}

#endif // JET_DIALECT_TD
