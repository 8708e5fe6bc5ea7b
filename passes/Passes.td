// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Passes from jet to jet. One name in four places: PlaceLayers.cpp,
// PlaceLayersPass, -jet-place-layers, place-layers.mlir.

#ifndef JET_PASSES_TD
#define JET_PASSES_TD

include "mlir/Pass/PassBase.td"

def PlaceLayersPass : Pass<"jet-place-layers", "::mlir::ModuleOp"> {
  let summary = "Pick one mixer per layer of a supernet";
  let description = [{
    Takes a mixer's name per layer, e.g. `placement=attn,jet,jet`, and turns each
    layer's candidates into the mixer of that name. The weights of a mixer that
    was picked in a supernet live under `self_attn.{name}`. A layer that is
    placed already must be named by its own mixer. Without a placement the pass
    does nothing. Numbers do not change.

    Errors, at the op: a placement of another length than the model, a mixer
    that is not among a layer's candidates.
  }];
  let options = [ListOption<"placement", "placement", "std::string",
                            "Name of the mixer of each layer, in order">];
}

def ExpandModelPass : Pass<"jet-expand-model", "::mlir::ModuleOp"> {
  let summary = "Expand a placed model into functions over tensors";
  let description = [{
    From `jet.model`, which stays as the description of the module, makes
    - `@prefill`: logits of the last token of each sequence,
    - `@decode`: the same for steps of one token per sequence,
    - `@forward`: logits of all tokens.

    Each takes token ids, their positions, the batch and the state of every
    layer, and returns the logits and the next state.

    Errors, at the op: a layer that still has candidates.
  }];
  let dependentDialects = ["::mlir::func::FuncDialect",
                           "::mlir::arith::ArithDialect",
                           "::mlir::math::MathDialect"];
}

def VerifyLevelPass : Pass<"jet-verify-level", "::mlir::ModuleOp"> {
  let summary = "Check that a module is wholly at one level";
  let description = [{
    Closes each phase: reports every op that must not survive it.
    - `model`: a `jet.model` and nothing else;
    - `placed`: besides, no layer has candidates left;
    - `tensor`: functions hold jet tensor ops (and scalar arithmetic inside
      regions) and every state is threaded from an argument to a result;
    - `launch`: functions hold launches, parameters and views only, states are
      threaded as before, each function of `@kernels` holds one tensor op.
  }];
  let options = [Option<"level", "level", "std::string", "\"tensor\"",
                        "model, placed, tensor or launch">];
}

def OutlineKernelsPass : Pass<"jet-outline-kernels", "::mlir::ModuleOp"> {
  let summary = "Turn tensor ops into launches of shared kernels";
  let description = [{
    Moves the computation of each tensor op into a function of the module
    `@kernels` and leaves a `jet.launch`. Ops that differ only in their operands
    share a kernel, so the layers of a kind share all of theirs. Parameters and
    views stay. Numbers do not change.

    Errors, at the op: an op that is not a tensor op.
  }];
  let dependentDialects = ["::mlir::func::FuncDialect"];
}

def AnnotateCostsPass : Pass<"jet-annotate-costs", "::mlir::ModuleOp"> {
  let summary = "Attach to ops or kernels what they cost";
  let description = [{
    Writes the cost of each op (`CostOpInterface`) into its attribute `jet.cost`:
    a dictionary of expressions in the sizes of a step. In a module that has
    kernels, these get the attribute, from where it goes into the package.
    Numbers do not change.
  }];
}

#endif // JET_PASSES_TD
