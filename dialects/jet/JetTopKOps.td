// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Level "tensor", the end of a program that returns candidates instead of
// logits: the k largest of each row, where they are, and which is picked.
//
// All ops here share one order, that of greedy decoding: the larger value first,
// of equal values (-0 equals 0) the lower id; NaNs come after every number, by
// id. So a NaN is among the k largest only when fewer than k numbers are there.

#ifndef JET_TOP_K_OPS_TD
#define JET_TOP_K_OPS_TD

include "dialects/jet/JetSequenceOps.td"

class Jet_Rows2Of<Type element, string name>
    : RankedTensorOf<[element], [HasAnyRankOfPred<[2]>, Jet_KnownRowSizePred],
                     "2D tensor of " # name # " with rows of a positive, known size">;
def Jet_F32Rows : Jet_Rows2Of<F32, "f32">;
def Jet_I32Rows : Jet_Rows2Of<I32, "i32">;

def Jet_TopKOp : Jet_TensorOp<"top_k"> {
  let summary = "The k largest elements of each row, and their columns";
  let description = [{
    `ids[r, 0 … k)` are the first k columns of row r when its elements are put in
    order, and `values[r, i] = logits[r, ids[r, i]]`, to the bit. The larger
    element comes first, of equal ones (−0 equals 0) the one in the lower column;
    NaNs come after every number, by column. With k = 1 that is the choice of
    greedy decoding.

    Shapes: logits `[R, V]`, values `[R, k]` f32, ids `[R, k]` i32.

    Constraints:
    - (C1) `1 <= k <= V`;
    - (C2) values and ids have R rows of k.

    Example:
    ```mlir
    %values, %ids = jet.top_k %logits k 64 : (tensor<?x512xf32>) -> (tensor<?x64xf32>, tensor<?x64xi32>)
    ```
  }];
  let arguments = (ins Jet_F32Rows:$logits, I64Attr:$k);
  let results = (outs Jet_F32Rows:$values, Jet_I32Rows:$ids);
  let assemblyFormat = [{
    $logits `k` $k attr-dict `:` functional-type(operands, results)
  }];
  let hasVerifier = 1;
  let extraClassDeclaration = Jet_DeclareCost;
}

def Jet_LinearTopKOp : Jet_PortedOp<"linear_top_k", [
    AttrSizedOperandSegments]> {
  let summary = "Projection of which only the k largest of each block are kept";
  let description = [{
    The projection `p[r, n] = Σ_c x̂[r, c] · weight[n, c]` of
    `jet.grouped_linear`, with x̂ = x or what the code on operand 0 makes of it,
    and with `norm`, or `eps` alone, normed as there. Its V columns are cut into
    blocks of `block`, and for each block, in the order of `jet.top_k`, the k
    largest elements and their columns are written: those of block j to
    `[j·k, (j+1)·k)`. A last block of fewer than k columns is filled up with NaN
    and id 2147483647, which come after everything.

    Shapes: x `[R, C]`, weight `[V, C]`, norm `[C]`, values and ids
    `[R, ⌈V/block⌉·k]`.

    Constraints:
    - (C1) x and weight agree in C;
    - (C2) `1 <= k <= V` and `k <= block`;
    - (C3) values and ids have R rows of `⌈V/block⌉·k`;
    - (C4) norm agrees in C and comes with an eps, which is positive.

    Example:
    ```mlir
    %values, %ids = jet.linear_top_k %x, %w norm %n eps 1.0e-06 k 4 block 64 : (tensor<?x128xf32>, tensor<512x128xbf16>, tensor<128xbf16>) -> (tensor<?x32xf32>, tensor<?x32xi32>)
    ```
  }];
  let arguments = !con((ins Jet_F2:$x, Jet_F2:$weight, Optional<Jet_F1>:$norm),
                       Jet_PortArguments,
                       (ins I64Attr:$k, I64Attr:$block,
                        OptionalAttr<F64Attr>:$norm_eps));
  let results = (outs Jet_F32Rows:$values, Jet_I32Rows:$ids);
  let assemblyFormat = [{
    $x `,` $weight (`norm` ($norm^)? `eps` custom<DoubleAttr>($norm_eps)^)?
    `k` $k `block` $block
    custom<Ports>($extras, $ports, $port_regions) attr-dict `:`
    functional-type(operands, results)
  }];
  let hasVerifier = 1;
  let builders = [];
}

def Jet_SampleOp : Jet_TensorOp<"sample"> {
  let summary = "Pick one of the candidates of each row";
  let description = [{
    The next token of each row, from candidates in the order of `jet.top_k`. With
    v the row of `values`, and T, P, K, u its `sampling`:

    - n candidates take part: one if T is not positive or v_0 is not finite
      (greedy decoding), else the first K of them, or all if K < 1;
    - w_i = exp((v_i − v_0) / T), 0 where that is NaN; c_i = w_0 + … + w_i, added
      up in this order;
    - top-p keeps those up to m, the first with c_m >= P · c_{n−1};
    - the pick is the first i with c_i > u · c_m, or m; `next` is its id.

    With u uniform in [0, 1), i has the probability w_i / c_m. Sums are in f32;
    their order is fixed, so that all targets pick alike, but for where exp's last
    bits decide. Any numbers in `sampling` pick one of the candidates.

    Shapes: values, ids `[R, N]`; sampling `[R, 4]` (temperature, top-p, top-k,
    u); next `[R]` i32.

    Constraints:
    - (C1) values and ids have the same shape;
    - (C2) sampling has R rows of 4;
    - (C3) next has R elements.

    Example:
    ```mlir
    %next = jet.sample %values, %ids by %sampling : (tensor<?x64xf32>, tensor<?x64xi32>, tensor<?x4xf32>) -> tensor<?xi32>
    ```
  }];
  let arguments = (ins Jet_F32Rows:$values, Jet_I32Rows:$ids,
                       Jet_F32Rows:$sampling);
  let results = (outs Jet_I1:$next);
  let assemblyFormat = [{
    $values `,` $ids `by` $sampling attr-dict `:`
    functional-type(operands, results)
  }];
  let hasVerifier = 1;
  let extraClassDeclaration = Jet_DeclareCost;
}

def Jet_SampleLogitsOp : Jet_TensorOp<"sample_logits"> {
  let summary = "Pick one of all tokens of each row";
  let description = [{
    The next token of each row from all of its logits: what `jet.sample` picks
    of `jet.top_k` with every column, but that

    - of tokens with the same weight w those of lower ids come first, whatever
      their logits;
    - sums are in an order of the target's own, so that targets may pick apart
      where last bits decide.

    Nothing is sorted: the weight up to which tokens are in, by count, by mass or
    up to u, is found by its bits.

    Shapes: logits `[R, N]`; sampling `[R, 4]` as of `jet.sample`; next `[R]` i32.

    Constraints:
    - (C1) sampling has R rows of 4;
    - (C2) next has R elements;
    - (C3) N <= 2^24: f32 counts them.

    Example:
    ```mlir
    %next = jet.sample_logits %logits by %sampling : (tensor<?x151936xf32>, tensor<?x4xf32>) -> tensor<?xi32>
    ```
  }];
  let arguments = (ins Jet_F32Rows:$logits, Jet_F32Rows:$sampling);
  let results = (outs Jet_I1:$next);
  let assemblyFormat = [{
    $logits `by` $sampling attr-dict `:` functional-type(operands, results)
  }];
  let hasVerifier = 1;
  let extraClassDeclaration = Jet_DeclareCost;
}

def Jet_MergeTopKOp : Jet_TensorOp<"merge_top_k"> {
  let summary = "The k largest of candidates";
  let description = [{
    Puts the pairs `(values[r, i], ids[r, i])` of each row in the order of
    `jet.top_k`, ids taking the place of columns, and keeps the first k. With
    `sample`, `next` is what `jet.sample` picks of these.

    Shapes: values, ids `[R, N]`; the best `[R, k]`; sampling `[R, 4]`, next
    `[R]`.

    Constraints:
    - (C1) values and ids have the same shape;
    - (C2) `1 <= k <= N`;
    - (C3) the best have R rows of k;
    - (C4) next is there with sampling alone, and both are as in `jet.sample`.

    Example:
    ```mlir
    %v, %i = jet.merge_top_k %values, %ids k 4 : (tensor<?x32xf32>, tensor<?x32xi32>) -> (tensor<?x4xf32>, tensor<?x4xi32>)
    %w, %j, %next = jet.merge_top_k %values, %ids k 4 sample %sampling : (tensor<?x32xf32>, tensor<?x32xi32>, tensor<?x4xf32>) -> (tensor<?x4xf32>, tensor<?x4xi32>, tensor<?xi32>)
    ```
  }];
  let arguments = (ins Jet_F32Rows:$values, Jet_I32Rows:$ids,
                       Optional<Jet_F32Rows>:$sampling, I64Attr:$k);
  let results = (outs Jet_F32Rows:$best_values, Jet_I32Rows:$best_ids,
                      Optional<Jet_I1>:$next);
  let assemblyFormat = [{
    $values `,` $ids `k` $k (`sample` $sampling^)? attr-dict `:`
    functional-type(operands, results)
  }];
  let hasVerifier = 1;
  let extraClassDeclaration = Jet_DeclareCost;
}

#endif // JET_TOP_K_OPS_TD
