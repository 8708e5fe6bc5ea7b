// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What every tensor op must be able to say about its cost.

#ifndef JET_COST_TD
#define JET_COST_TD

include "mlir/IR/OpBase.td"

def Jet_CostOpInterface : OpInterface<"CostOpInterface"> {
  let cppNamespace = "::jet";
  let description = [{
    Bytes that an op moves, by what they are (weights, state, activations), and
    arithmetic by unit, as expressions in the sizes of a step: `R` rows of the
    op, `B` sequences, `T` tokens (`N` of each sequence), `L` positions already
    in the state of each sequence.

    All tensor ops have the interface. The default reads all operands, writes
    all results, and counts the scalar operations of the op's regions once per
    element of the (first) result; state costs nothing. An op that does
    otherwise declares `::jet::OpCost getCost();` in its `extraClassDeclaration`
    and defines it from the helpers in `dialects/jet/Cost.h`.
  }];
  let methods = [
    InterfaceMethod<"What one execution of the op costs.", "::jet::OpCost",
                    "getCost", (ins), "",
                    [{ return ::jet::getRowwiseCost($_op); }]>,
  ];
}

#endif // JET_COST_TD
