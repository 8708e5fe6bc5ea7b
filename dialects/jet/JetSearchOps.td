// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Level "model": which placement of a supernet to look for.

#ifndef JET_SEARCH_OPS_TD
#define JET_SEARCH_OPS_TD

include "dialects/jet/JetTarget.td"
include "mlir/IR/BuiltinAttributes.td"
include "mlir/IR/SymbolInterfaces.td"

def Jet_SearchOp : Op<Jet_Dialect, "search",
    [SingleBlock, NoTerminator, NoRegionArguments,
     DeclareOpInterfaceMethods<SymbolUserOpInterface>]> {
  let summary = "The placement of a supernet that is best within limits";
  let description = [{
    Asks for the placement of `model` with the least

    ```
    Σ weight · metric      over the entries of `minimize`
    ```

    among those that keep to every limit of the body; a metric of which more is
    better has a negative weight. What a placement's metrics are, the
    `jet.measured` ops of the body say, or without any of these, the scores of
    the layers' candidates: a placement's metric `score` is their sum.

    With `beam` the placement grows from none but the layers' cheap mixers, one
    other mixer at a time, the best `beam` placements of each size being grown
    on; without it the result is the optimum (docs/search.md).
    `-jet-search-placement` replaces the op by its answer.

    Constraints:
    - (C1) `minimize` has at least one entry; weights are f64, finite, not 0;
    - (C2) the beam is from 1 to 65536;
    - (C3) the body holds only limits and `jet.measured`;
    - (C4) `model` names a `jet.model`;
    - (C5) each `jet.measured` names a candidate (or the mixer) of each layer;
    - (C6) no placement is measured twice;
    - (C7) all `jet.measured` have the same metrics, among them those of
      `minimize`; without any, the only metric is `score`;
    - (C8) the mixers of `jet.limit_layers` occur in the model.

    Example:
    ```mlir
    jet.search @m minimize {recall_loss = 1.0, recall_accuracy = -0.5} beam 4 {
      jet.limit_layers "attn" max 1
      jet.limit_state max 60000 context 64
      jet.measured ["attn", "jet"] {recall_accuracy = 0.9, recall_loss = 0.25}
      jet.measured ["jet", "jet"] {recall_accuracy = 0.5, recall_loss = 0.5}
    }
    ```
  }];
  let arguments = (ins FlatSymbolRefAttr:$model, DictionaryAttr:$minimize,
                       OptionalAttr<I64Attr>:$beam);
  let regions = (region SizedRegion<1>:$body);
  let assemblyFormat = [{
    $model `minimize` $minimize (`beam` $beam^)? attr-dict-with-keyword $body
  }];
  let hasRegionVerifier = 1;
}

class Jet_SearchPart<string name> : Op<Jet_Dialect, name,
                                       [HasParent<"SearchOp">]> {
  let hasVerifier = 1;
}

def Jet_LimitLayersOp : Jet_SearchPart<"limit_layers"> {
  let summary = "How many layers have a mixer";
  let description = [{
    At least `min` (without it 0) and at most `max` (without it all) layers have
    the mixer of that name.

    Constraints:
    - (C1) there is a `min` or a `max`;
    - (C2) 0 <= `min` <= `max`.

    Example:
    ```mlir
    jet.limit_layers "attn" min 1 max 2
    ```
  }];
  let arguments = (ins StrAttr:$mixer, OptionalAttr<I64Attr>:$min,
                       OptionalAttr<I64Attr>:$max);
  let assemblyFormat = [{
    $mixer (`min` $min^)? (`max` $max^)? attr-dict
  }];
}

def Jet_LimitStateOp : Jet_SearchPart<"limit_state"> {
  let summary = "State of a sequence in bytes, at most";
  let description = [{
    What a sequence of `context` positions holds between steps — caches in whole
    pages, recurrent states, convolution tails — as the memory plan has it.

    Constraints:
    - (C1) bytes and context are positive.

    Example:
    ```mlir
    jet.limit_state max 60000 context 64
    ```
  }];
  let arguments = (ins I64Attr:$max, I64Attr:$context);
  let assemblyFormat = "`max` $max `context` $context attr-dict";
}

def Jet_LimitDecodeOp : Jet_SearchPart<"limit_decode"> {
  let summary = "Predicted seconds of a decode step, at most";
  let description = [{
    A step of one token for each of `batch` sequences that have `context`
    positions, on `target`, as the cost model predicts it. A model for a target
    that is not called `cpu` is fused as for a GPU.

    Constraints:
    - (C1) batch, context and seconds are positive, seconds finite.

    Example:
    ```mlir
    jet.limit_decode max 0.002 batch 16 context 4096
        on #jet.target<"box", memory_bandwidth = 2.0e+11, tensor_flops = 2.0e+12, vector_flops = 5.0e+11, memory = 64000000000>
    ```
  }];
  let arguments = (ins F64Attr:$max, I64Attr:$batch, I64Attr:$context,
                       Jet_TargetAttr:$target);
  let assemblyFormat = [{
    `max` custom<DoubleAttr>($max) `batch` $batch `context` $context
    `on` qualified($target) attr-dict
  }];
}

def Jet_LimitParametersOp : Jet_SearchPart<"limit_parameters"> {
  let summary = "Weights of the placed model, at most";
  let description = [{
    Constraints:
    - (C1) the number is positive.

    Example:
    ```mlir
    jet.limit_parameters max 5000000
    ```
  }];
  let arguments = (ins I64Attr:$max);
  let assemblyFormat = "`max` $max attr-dict";
}

def Jet_MeasuredOp : Jet_SearchPart<"measured"> {
  let summary = "Metrics of one placement";
  let description = [{
    The placement is the name of each layer's mixer, in order.

    Constraints:
    - (C1) the placement is an array of strings;
    - (C2) metrics are f64 and finite.

    Example:
    ```mlir
    jet.measured ["attn", "jet"] {recall_loss = 0.25, text_loss = 1.5}
    ```
  }];
  let arguments = (ins StrArrayAttr:$placement, DictionaryAttr:$metrics);
  let assemblyFormat = "$placement $metrics attr-dict";
}

#endif // JET_SEARCH_OPS_TD
