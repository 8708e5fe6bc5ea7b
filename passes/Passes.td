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

    With `top-k=K` the first two also return a token of each sequence that is
    picked of its logits (`jet.sample_logits`), and there are
    - `@prefill_sample`, `@decode_sample`: instead of the logits the K largest,
      their token ids, and the one that is picked of these (`jet.sample`).

    Each takes token ids, their positions, the batch, if it picks how to, and the
    state of every layer, and returns the logits (or values and ids), the picked
    ones and the next state.

    Errors, at the op: a layer that still has candidates, a K that is not from 0
    to the vocabulary's size.
  }];
  let options = [Option<"topK", "top-k", "int64_t", "0",
                        "Candidates of the programs *_sample; 0 for none of "
                        "these programs and no picks">];
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
      threaded as before, each function of `@kernels` holds one tensor op;
    - `plan`: programs are `jet.plan`s, kernels as before.
  }];
  let options = [Option<"level", "level", "std::string", "\"tensor\"",
                        "model, placed, tensor, launch or plan">];
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

def PackWeightsPass : Pass<"jet-pack-weights", "::mlir::ModuleOp"> {
  let summary = "Lay the weights of a group end to end";
  let description = [{
    The weights of a `jet.grouped_linear` or `jet.qkv_linear` become views, `jet.param_rows`, of one
    `jet.packed_param`, so that a kernel may read them as one matrix. Kernels
    that take them one by one are unchanged. Bit-exact.

    Refused, with a remark:
    - a weight that is read elsewhere too, such as a table that is both embedding
      and head: packed, it would be in memory twice;
    - a weight of another element type than the first of its group;
    - all of a group that is made of other weights in another program, or one of
      whose weights another program reads alone: weights are laid out once, for
      all programs.

    Weights that are views already, or computed, are left as they are.

    Before:
    ```mlir
    %q = jet.param "q" : tensor<4x8xbf16>
    %k = jet.param "k" : tensor<6x8xbf16>
    %y:2 = jet.grouped_linear %x(%q, %k) products [1, 1] : …
    ```
    After:
    ```mlir
    %w = jet.packed_param ["q", "k"] rows [4, 6] : tensor<10x8xbf16>
    %q = jet.param_rows %w [0, 4) : (tensor<10x8xbf16>) -> tensor<4x8xbf16>
    %k = jet.param_rows %w [4, 10) : (tensor<10x8xbf16>) -> tensor<6x8xbf16>
    %y:2 = jet.grouped_linear %x(%q, %k) products [1, 1] : …
    ```
  }];
  let options = [Option<"remarks", "remarks", "bool", "false",
                        "Report each refusal and its reason">];
  let statistics = [Statistic<"numPacked", "packed", "groups packed">];
}

def FoldNormsPass : Pass<"jet-fold-norms", "::mlir::ModuleOp"> {
  let summary = "Multiply norms into the weights that read what they norm "
                "(`fold-norms`)";
  let description = [{
    The norm of a `jet.grouped_linear`, `jet.qkv_linear` or `jet.linear_top_k`
    moves into the columns of its weights, which are multiplied once, when they
    are loaded; `eps` stays. Then all that is left of the norm is a scale for each
    row of the products, which a kernel applies at their end, and x is multiplied
    as it is. Weights are rounded once more, x̂ once less.

    Refused, with a remark:
    - an input that is not in bf16: it would be rounded in a pass of its own;
    - a norm or weights that are no parameters, or of different types;
    - a weight that is read elsewhere too, such as a table that is both embedding
      and head, or in another way by another program: weights are in memory once.

    Before:
    ```mlir
    %n = jet.param "norm" : tensor<8xbf16>
    %w = jet.param "w" : tensor<4x8xbf16>
    %y = jet.grouped_linear %x(%w) norm %n eps 1.0e-06 products [1] : …
    ```
    After:
    ```mlir
    %w = jet.param "w" column_scale "norm" : tensor<4x8xbf16>
    %y = jet.grouped_linear %x(%w) norm eps 1.0e-06 products [1] : …
    ```
  }];
  let options = [Option<"remarks", "remarks", "bool", "false",
                        "Report each refusal and its reason">];
  let statistics = [Statistic<"numFolded", "folded", "norms folded">];
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

//===----------------------------------------------------------------------===//
// Fusion, on programs at level tensor. Each can be switched off by its name in
// --jet-fuse{disable=…}.
//===----------------------------------------------------------------------===//

class Jet_FusionPass<string name>
    : Pass<"jet-" # name, "::mlir::func::FuncOp"> {
  let options = [Option<"remarks", "remarks", "bool", "false",
                        "Report each refusal and its reason">];
  let dependentDialects = ["::mlir::arith::ArithDialect",
                           "::mlir::math::MathDialect"];
}

def FuseLastTokenPass : Jet_FusionPass<"fuse-last-token"> {
  let summary = "Rows of last tokens alone (`last-token`)";
  let description = [{
    What computes row by row (`jet.linear`, `jet.rms_norm`, `jet.swiglu`,
    `jet.map`) and of which only rows of last tokens are read comes after
    `jet.last_token`: of a prompt the last layer's output projection and MLP
    compute one row of each sequence. Refused, with a remark: other ops, among
    them mixers, and rows that others read. Bit-exact where kernels compute few
    rows as they do many.

    Before:
    ```mlir
    %h = jet.rms_norm %x, %w eps 1.0e-06 : …
    %y = jet.last_token %h, %batch : …
    ```
    After:
    ```mlir
    %last = jet.last_token %x, %batch : …
    %y = jet.rms_norm %last, %w eps 1.0e-06 : …
    ```
  }];
}

def FuseGeneratedConvPass : Jet_FusionPass<"fuse-generated-conv"> {
  let summary = "Convolutions compute their own taps (`generated-conv`)";
  let description = [{
    A `jet.dynamic_conv` whose taps are made by a `jet.linear` with a bias that
    nothing else reads becomes a `jet.generated_conv`: the taps, W values per
    channel and token, never reach memory. Bit-exact.
  }];
  let statistics = [Statistic<"numFused", "fused", "convolutions fused">];
}

def GroupLinearsPass : Jet_FusionPass<"group-linears"> {
  let summary = "Projections of one input become one op (`group-linears`)";
  let description = [{
    All `jet.linear`s that read the same value become one `jet.grouped_linear`,
    which reads it once; biases become code on its results. Without `share`,
    each linear becomes a group of its own, so that later fusions still find an
    op that can carry code. Bit-exact.
  }];
  let options = [Option<"share", "share", "bool", "true",
                        "Group projections of the same input">,
                 Option<"remarks", "remarks", "bool", "false",
                        "Report each refusal and its reason">];
  let statistics = [Statistic<"numGrouped", "grouped", "groups of several">];
}

def FuseSwigluPass : Jet_FusionPass<"fuse-swiglu"> {
  let summary = "silu(gate)·up in the projection (`swiglu`)";
  let description = [{
    A `jet.swiglu` of the two results of a `jet.grouped_linear` becomes code on
    one result that is made of two products. Bit-exact.
  }];
  let statistics = [Statistic<"numFused", "fused", "swiglus fused">];
}

def FuseRmsNormPass : Jet_FusionPass<"fuse-rms-norm"> {
  let summary = "RMSNorm into the projections of its result (`rms-norm`)";
  let description = [{
    A `jet.rms_norm` that only one `jet.grouped_linear` reads becomes that op's
    own, so that the normed rows never reach memory. Refused, with a remark:
    other readers (as when projections were not grouped), a reader that is not a
    projection, a norm or code on the projection's input already, a rounded
    result. Changes rounding at most in the order of the norm's sum.
  }];
  let statistics = [Statistic<"numFused", "fused", "norms fused">];
}

def FuseDeltaRuleInputsPass : Jet_FusionPass<"fuse-delta-rule-inputs"> {
  let summary = "Norms and gates into the delta rule (`delta-rule-inputs`)";
  let description = [{
    The L2 norms of q and k become the rule's own, and elementwise code that
    makes q, k, g (the decay) and beta moves onto those operands. Changes
    rounding at most in the order of the norms' sums.
  }];
  let statistics = [Statistic<"numFused", "fused", "inputs fused">];
}

def FuseDeltaRuleNormPass : Jet_FusionPass<"fuse-delta-rule-norm"> {
  let summary = "Gated norm after the delta rule (`delta-rule-norm`)";
  let description = [{
    A `jet.gated_rms_norm` of a delta rule's result becomes the rule's own, so
    that the unnormed result never reaches memory. Changes rounding at most in
    the order of the norm's sum.
  }];
  let statistics = [Statistic<"numFused", "fused", "norms fused">];
}

def FuseDeltaStepPass : Jet_FusionPass<"fuse-delta-step"> {
  let summary = "Convolution and delta rule in one op (`delta-step`)";
  let description = [{
    In the programs of one token a sequence (`@decode…`), a
    `jet.gated_delta_rule` whose v is the heads of a `jet.generated_conv` becomes
    a `jet.delta_step` with it: the convolved values never reach memory, and one
    launch reads and writes the convolution's tail and S. Refused, with a remark:
    programs of many tokens (there the taps want one product for all rows), other
    readers, code on v, a tail that is used in between. Bit-exact.
  }];
  let statistics = [Statistic<"numFused", "fused", "steps fused">];
}

def FuseKvAppendPass : Jet_FusionPass<"fuse-kv-append"> {
  let summary = "Rotary and KV append in the projections of q, k, v (`kv-append`)";
  let description = [{
    A `jet.grouped_linear` that makes q, k and v, the `jet.rope` of q and k, and
    the `jet.kv_append` of k and v become one `jet.qkv_linear`. The
    `jet.attention` of them then reads all keys from the cache after the step,
    and k and v are never stored as activations. The projections' norm and biases
    go along.

    In programs of many tokens an append to a cache with a window stays, behind
    the attention: it overwrites keys that earlier tokens of the step see. The
    `jet.qkv_linear` then has no cache, but q, k and v, rotated, as results.

    Refused, with a remark: q, k and v that are not one group, have other
    readers, are rounded before the rotary embedding or carry other code than a
    bias; other readers of the cache.

    q, k, v and the cache are bit-exact, and so is attention over a window. Over a cache
    without one it changes rounding at most in the order of its sums: its blocks
    of keys begin at the sequence's first position and not at the step's, which
    is the same where a step begins with a block (64 keys, or a page that has
    less).

    Before:
    ```mlir
    %p:3 = jet.grouped_linear %x(%wq, %wk, %wv) products [1, 1, 1] : …
    %q = jet.rope %qh, %positions theta 1.0e+04 : …  // heads of %p#0
    %k = jet.rope %kh, %positions theta 1.0e+04 : …  // heads of %p#1
    %y = jet.attention %q, %k, %v, %cache, %batch : …
    %next = jet.kv_append %cache, %k, %v, %batch : …
    ```
    After:
    ```mlir
    %q, %next = jet.qkv_linear %x(%wq, %wk, %wv) rope %positions theta 1.0e+04 append %cache, %batch : …
    %y = jet.attention %q, %next, %batch : …
    ```
  }];
  let statistics = [Statistic<"numFused", "fused", "appends fused">];
}

def FuseHeadTopKPass : Jet_FusionPass<"fuse-head-top-k"> {
  let summary = "Candidates in the head's projection (`head-top-k`)";
  let description = [{
    A `jet.top_k` of a projection that nothing else reads becomes a
    `jet.linear_top_k`, which writes the k best of each block of columns instead
    of all, and a `jet.merge_top_k`, unless one block is all there is. Logits
    never reach memory. A block has 32 columns for each of the k, at least 64, so
    what is written of a large vocabulary is a sixteenth of the logits' bytes.

    Refused, with a remark: logits that something else makes or reads too, a
    bias or code on them, a group of several projections. Bit-exact.
  }];
  let statistics = [Statistic<"numFused", "fused", "heads fused">];
}

def FuseSamplePass : Jet_FusionPass<"fuse-sample"> {
  let summary = "Sampling where candidates are merged (`sample`)";
  let description = [{
    A `jet.sample` of what a `jet.merge_top_k` makes becomes a part of it: one
    launch less. Bit-exact.

    Not of a vocabulary that is one block, whose candidates `jet.linear_top_k`
    makes at once. Refused, with a remark: candidates that another op makes, or of
    which a token is picked already.

    Before:
    ```mlir
    %v, %i = jet.merge_top_k %values, %ids k 64 : …
    %next = jet.sample %v, %i by %sampling : …
    ```
    After:
    ```mlir
    %v, %i, %next = jet.merge_top_k %values, %ids k 64 sample %sampling : …
    ```
  }];
  let statistics = [Statistic<"numFused", "fused", "samples fused">];
}

def FuseElementwisePass : Jet_FusionPass<"fuse-elementwise"> {
  let summary = "Elementwise code into heavy ops (`elementwise`)";
  let description = [{
    Moves each `jet.map` onto the result of the heavy op that makes one of its
    inputs (bias, SiLU, residual add), else onto the operand of the heavy op
    that reads it. Refused, with a remark: other readers, a rounded value, an
    input that is not available yet. Bit-exact.
  }];
  let statistics = [Statistic<"numFused", "fused", "maps fused">];
}

def RoundActivationsPass : Jet_FusionPass<"round-activations"> {
  let summary = "Activations in the type of tensor cores (`round-activations`)";
  let description = [{
    A result in f32 that only projections by weights in bf16 read, as it is or
    as heads, columns or last tokens, is written in bf16: for targets whose
    tensor cores round the inputs of such projections anyway. It saves half of
    the result's bytes, and the pass over it that would round it. The
    generator's input of a `jet.generated_conv` or `jet.delta_step` is one of a
    projection. With `rule-inputs` so are q, k, v and the gate of a
    `jet.gated_delta_rule` that products by weights in bf16 make, and q of a
    `jet.attention` to keys in bf16 that `jet.qkv_linear` or `jet.rope` makes:
    for kernels whose own products take bf16. The rule runs over many tokens,
    where these are most of its bytes. A `jet.delta_step` keeps them in f32, so without such kernels
    a token's result would depend on which of the two it went through. For
    targets that multiply in f32 all this changes rounding, so it is off there.

    Refused, with a remark: other readers, norms and code on a projection's input
    among them; weights of several types; results that other ops than
    `jet.grouped_linear`, `jet.attention`, `jet.gated_delta_rule` and
    `jet.delta_step` make. Changes rounding.

    Before:
    ```mlir
    %h = jet.grouped_linear %x(%wg, %wu) norm %n eps 1.0e-06 products [2] on result 0 { … } : … -> tensor<?x8960xf32>
    %y = jet.grouped_linear %h(%wd) products [1] : (tensor<?x8960xf32>, tensor<1536x8960xbf16>) -> …
    ```
    After:
    ```mlir
    %h = jet.grouped_linear %x(%wg, %wu) norm %n eps 1.0e-06 products [2] on result 0 { … arith.truncf … } : … -> tensor<?x8960xbf16>
    %y = jet.grouped_linear %h(%wd) products [1] : (tensor<?x8960xbf16>, tensor<1536x8960xbf16>) -> …
    ```
  }];
  let options = [Option<"ruleInputs", "rule-inputs", "bool", "true",
                        "Round what rules of many tokens read, and q">,
                 Option<"remarks", "remarks", "bool", "false",
                        "Report each refusal and its reason">];
  let statistics = [Statistic<"numRounded", "rounded", "results rounded">];
}

def RoundResidualsPass : Jet_FusionPass<"round-residuals"> {
  let summary = "The residual stream in bf16 (`round-residuals`)";
  let description = [{
    A sum of residuals in f32, or the rows of a table in bf16 that the first one
    adds, is written in bf16, as the released models keep it: where all who read
    it are projections by weights in bf16, which norm it or take it as it is, and
    code on their results, which adds it. Sums, norms and products stay f32. Of
    long prompts a layer reads and writes it four times, so that half of its
    bytes show; a layer's error is that of the rounding. For targets that
    multiply in bf16 anyway; off elsewhere, and with
    `--disable-fusion=round-residuals`.

    Refused, with a remark: other readers, code on a projection's input among
    them. Changes rounding.

    Before:
    ```mlir
    %h = jet.grouped_linear %y(%wo) products [1] on result 0 with(%x) { … arith.addf … } : … -> tensor<?x1536xf32>
    %z = jet.grouped_linear %h(%wg, %wu) norm %n eps 1.0e-06 products [2] on result 0 { … } : (tensor<?x1536xf32>, …) -> …
    ```
    After:
    ```mlir
    %h = jet.grouped_linear %y(%wo) products [1] on result 0 with(%x) { … arith.addf …; arith.truncf … } : … -> tensor<?x1536xbf16>
    %z = jet.grouped_linear %h(%wg, %wu) norm %n eps 1.0e-06 products [2] on result 0 { … } : (tensor<?x1536xbf16>, …) -> …
    ```
  }];
  let options = [Option<"remarks", "remarks", "bool", "false",
                        "Report each refusal and its reason">];
  let statistics = [Statistic<"numRounded", "rounded", "results rounded">];
}

#endif // JET_PASSES_TD
