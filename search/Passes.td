// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The search as a pass: SearchPlacement.cpp, SearchPlacementPass,
// -jet-search-placement, search-placement.mlir.

#ifndef JET_SEARCH_PASSES_TD
#define JET_SEARCH_PASSES_TD

include "mlir/Pass/PassBase.td"

def SearchPlacementPass : Pass<"jet-search-placement", "::mlir::ModuleOp"> {
  let summary = "Place each searched model as is best within the limits";
  let description = [{
    Replaces every `jet.search` by its answer: the layers of its model get the
    mixers of the best placement, as `-jet-place-layers` would give them. What
    costs a limit bounds comes from the memory plan and the cost model.
    Deterministic; of placements that are equally good it takes the one with
    fewer layers of full attention, then the one that has in the first layer in
    which they differ the candidate that the layer names first. Numbers do not
    change.

    With `remarks`, a remark at each search says what was found. Errors, at the
    op: no placement is within the limits (which says what excludes the best),
    nothing to judge placements by, two searches of one model.

    ```mlir
    jet.model @m … {
      jet.layer 0 candidates [#jet.attention<…>, #jet.jet_block<…>] scores [2.0, 0.0] weights "self_attn"
      jet.layer 1 candidates [#jet.attention<…>, #jet.jet_block<…>] scores [3.0, 0.0] weights "self_attn"
    }
    jet.search @m minimize {score = -1.0} {
      jet.limit_layers "attn" max 1
    }
    ```
    becomes
    ```mlir
    jet.model @m … {
      jet.layer 0 mixer #jet.jet_block<…> weights "self_attn.jet"
      jet.layer 1 mixer #jet.attention<…> weights "self_attn.attn"
    }
    ```
  }];
  let options = [Option<"remarks", "remarks", "bool", "false",
                        "Say what each search found">];
  let dependentDialects = ["::mlir::func::FuncDialect",
                           "::mlir::arith::ArithDialect",
                           "::mlir::math::MathDialect"];
}

#endif // JET_SEARCH_PASSES_TD
