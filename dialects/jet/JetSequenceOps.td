// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Level "tensor", ops that mix the tokens of a sequence and carry its state.
// For sequence b of the batch, row r of its T_b rows is token
// position_b + r of the sequence; a state operand is read before any of its
// result is written, so op and state update can be one kernel in place.

#ifndef JET_SEQUENCE_OPS_TD
#define JET_SEQUENCE_OPS_TD

include "dialects/jet/JetTensorOps.td"

// An op whose operands or results can carry elementwise code (PortOpInterface).
// Its arguments end in Jet_PortArguments.
defvar Jet_PortArguments = (ins Variadic<RankedTensorOf<[AnyFloat]>>:$extras,
    DefaultValuedAttr<DenseI64ArrayAttr, "{}">:$ports);
class Jet_PortedOp<string opMnemonic, list<Trait> traits = []>
    : Jet_TensorOp<opMnemonic, !listconcat(
          [IsolatedFromAbove, Jet_PortOpInterface], traits)> {
  let regions = (region VariadicRegion<SizedRegion<1>>:$port_regions);
  let extraClassDeclaration = [{
    bool acceptsPort(int64_t port);
    ::jet::OpCost getCost();
  }];
  // Without code: results, then the operands before the extras.
  let builders = [OpBuilder<(ins "::mlir::TypeRange":$results,
                             "::mlir::ValueRange":$operands)>];
}

def Jet_AttentionOp : Jet_PortedOp<"attention", [AttrSizedOperandSegments]> {
  let summary = "Causal softmax attention over the cache and the step's tokens";
  let description = [{
    For each row `i` of a sequence and each query head `h`, with `g = h / (H/Hkv)`:
    ```
    y[i, h] = v_scale · Σ_j softmax_j(k_scale · q[i, h]·K[j, g] / sqrt(D)) · V[j, g]
    ```
    over the keys `j <= i`, and `j > i − window` if the cache has a window. Keys
    before the step's first row come from the cache, the others from `k` and
    `v`; the cache is not changed (`jet.kv_append` does that). The scales are the
    cache's: with one, `k` and `v` are scaled as what is stored. Softmax in f32.

    Without `k` and `v` all keys come from the cache, which is the one after the
    step's own were appended. If it has a window, each sequence has one row: a
    step of more would have overwritten keys that its earlier rows see.

    Shapes: q, y `[R, H, D]`, k, v `[R, Hkv, D]`.

    Constraints:
    - (C1) q and result have the same shape;
    - (C2) k and v, if given, have the rows of q and the cache's heads, head
      size and element type (so a token reads the same from the cache and from
      k, v);
    - (C3) q agrees in D, and Hkv divides H;
    - (C4) k and v are given both or not at all.

    Example:
    ```mlir
    %y = jet.attention %q, %k, %v, %cache, %batch : (tensor<?x4x32xf32>, tensor<?x2x32xf32>, tensor<?x2x32xf32>, !jet.kv_cache<2x32xf32, page = 64>, !jet.batch) -> tensor<?x4x32xf32>
    ```
  }];
  let arguments = !con((ins Jet_F3:$q, Optional<Jet_F3>:$k,
                        Optional<Jet_F3>:$v, Jet_KvCacheType:$cache,
                        Jet_BatchType:$batch),
                       Jet_PortArguments);
  let results = (outs Jet_F3:$result);
  let assemblyFormat = [{
    custom<AttentionOperands>($q, $k, $v, $cache, $batch)
    custom<Ports>($extras, $ports, $port_regions) attr-dict `:`
    functional-type(operands, results)
  }];
  let hasVerifier = 1;
}

def Jet_KvAppendOp : Jet_TensorOp<"kv_append", [AllTypesMatch<["cache", "result"]>]> {
  let summary = "Append the step's keys and values to the cache";
  let description = [{
    Row `r` of sequence `b` is stored as position `position_b + r`, in a windowed
    cache at that position mod window; of more rows than the window holds, the
    last ones stay.

    Shapes: k, v `[R, Hkv, D]`.

    Constraints: (C1) k and v have the same type, with the cache's heads, head
    size and element type.

    Example:
    ```mlir
    %next = jet.kv_append %cache, %k, %v, %batch : (!jet.kv_cache<2x32xf32, page = 64>, tensor<?x2x32xf32>, tensor<?x2x32xf32>, !jet.batch) -> !jet.kv_cache<2x32xf32, page = 64>
    ```
  }];
  let arguments = (ins Jet_KvCacheType:$cache, Jet_F3:$k, Jet_F3:$v,
                       Jet_BatchType:$batch);
  let results = (outs Jet_KvCacheType:$result);
  let assemblyFormat = [{
    $cache `,` $k `,` $v `,` $batch attr-dict `:`
    functional-type(operands, results)
  }];
  let hasVerifier = 1;
  let extraClassDeclaration = Jet_DeclareCost;
}

def Jet_DynamicConvOp : Jet_PortedOp<"dynamic_conv", [
    AllTypesMatch<["tail", "next_tail"]>]> {
  let summary = "Causal depthwise convolution with taps computed per token";
  let description = [{
    ```
    y[t, c] = Σ_{j<W} taps[t, c·W + j] · u[t − W + 1 + j, c]
    ```
    where rows of `u` before the step come from `tail`, which then advances to
    the last W − 1 rows.

    Shapes: u, y `[R, C]`, taps `[R, C·W]` (tap index fastest).

    Constraints:
    - (C1) u, result and tail agree in C, u and result in R;
    - (C2) taps has R rows and `C·W` columns with W − 1 rows in the tail;
    - (C3) u and tail have the same element type (so a row reads the same from
      either).

    Example:
    ```mlir
    %y, %next = jet.dynamic_conv %u, %taps, %tail, %batch : (tensor<?x256xf32>, tensor<?x1024xf32>, !jet.conv_tail<3x256xf32>, !jet.batch) -> (tensor<?x256xf32>, !jet.conv_tail<3x256xf32>)
    ```
  }];
  let arguments = !con((ins Jet_F2:$u, Jet_F2:$taps, Jet_ConvTailType:$tail,
                        Jet_BatchType:$batch), Jet_PortArguments);
  let results = (outs Jet_F2:$result, Jet_ConvTailType:$next_tail);
  let assemblyFormat = [{
    $u `,` $taps `,` $tail `,` $batch
    custom<Ports>($extras, $ports, $port_regions) attr-dict `:`
    functional-type(operands, results)
  }];
  let hasVerifier = 1;
}

def Jet_ShortConvOp : Jet_PortedOp<"short_conv", [
    AllTypesMatch<["tail", "next_tail"]>]> {
  let summary = "Causal depthwise convolution with taps of the checkpoint";
  let description = [{
    ```
    y[t, c] = Σ_{j<W} weight[c, j] · u[t − W + 1 + j, c]
    ```
    where rows of `u` before the step come from `tail`, which then advances to
    the last W − 1 rows. A bias and an activation are code on the result.

    Shapes: u, y `[R, C]`, weight `[C, W]` (checkpoints have `[C, 1, W]`, of which
    `jet.param_rows` is a view).

    Constraints:
    - (C1) u, result and tail agree in C, u and result in R;
    - (C2) weight is `[C, W]` with W − 1 rows in the tail;
    - (C3) u and tail have the same element type (so a row reads the same from
      either).

    Example:
    ```mlir
    %y, %next = jet.short_conv %u, %w, %tail, %batch : (tensor<?x256xf32>, tensor<256x4xf32>, !jet.conv_tail<3x256xf32>, !jet.batch) -> (tensor<?x256xf32>, !jet.conv_tail<3x256xf32>)
    ```
  }];
  let arguments = !con((ins Jet_F2:$u, Jet_F2:$weight, Jet_ConvTailType:$tail,
                        Jet_BatchType:$batch), Jet_PortArguments);
  let results = (outs Jet_F2:$result, Jet_ConvTailType:$next_tail);
  let assemblyFormat = [{
    $u `,` $weight `,` $tail `,` $batch
    custom<Ports>($extras, $ports, $port_regions) attr-dict `:`
    functional-type(operands, results)
  }];
  let hasVerifier = 1;
}

def Jet_GatedDeltaRuleOp : Jet_PortedOp<"gated_delta_rule", [
    AttrSizedOperandSegments, AllTypesMatch<["state", "next_state"]>]> {
  let summary = "Gated delta rule, the recurrence of linear attention";
  let description = [{
    Per head, for the rows of a sequence in order (arXiv 2412.06464, eq. 10):
    ```
    S ← exp(g) · S
    S ← S + k ⊗ β (v − Sᵀ k)
    y = Sᵀ q
    ```
    With `additive` the rule corrects nothing, `S ← S + k ⊗ β v`: gated linear
    attention, which with q = C, k = B, v = x, β = dt and g = dt·A is the
    recurrence of Mamba2 (arXiv 2405.21060). Both are one op because all
    that is around them is the same: state, code on operands, norms, lowering.

    Head `h` reads key head `h / (H/Hk)`. All is in f32, from and into the sequence's
    slot of the state. A state of a narrower type is extended before a sequence's
    first row of the step and rounded after its last, not in between: with it,
    results depend on how a sequence is split into steps. With `qk_norm_eps`, q
    and k are first scaled to unit length, `k / sqrt(Σ k² + eps)`, and q by
    `q_scale` besides. With `norm`, y is gated and normed as by
    `jet.gated_rms_norm` with that gate and weight.

    Shapes: q, k `[R, Hk, Dk]`, v, y `[R, H, Dv]`, g (log decay, <= 0) and beta
    `[R, H]`, state `H x Dk x Dv`.

    Constraints:
    - (C1) q and k have the same shape, v and result too;
    - (C2) all agree in R, and with the state in H, Dk, Dv; Hk divides H;
    - (C3) `qk_norm_eps` is positive and comes with `q_scale`;
    - (C4) gate `[R, H, Dv]`, weight `[Dv]` and a positive `norm_eps` come
      together.

    Example:
    ```mlir
    %y, %next = jet.gated_delta_rule %q, %k, %v, %g, %beta, %state, %batch : (tensor<?x4x32xf32>, tensor<?x4x32xf32>, tensor<?x4x64xf32>, tensor<?x4xf32>, tensor<?x4xf32>, !jet.recurrent_state<4x32x64xf32>, !jet.batch) -> (tensor<?x4x64xf32>, !jet.recurrent_state<4x32x64xf32>)
    ```
  }];
  let arguments = !con((ins Jet_F3:$q, Jet_F3:$k, Jet_F3:$v, Jet_F2:$g,
                        Jet_F2:$beta, Jet_RecurrentStateType:$state,
                        Jet_BatchType:$batch, Optional<Jet_F3>:$gate,
                        Optional<Jet_F1>:$weight), Jet_PortArguments,
                       (ins OptionalAttr<F64Attr>:$qk_norm_eps,
                        OptionalAttr<F64Attr>:$q_scale,
                        OptionalAttr<F64Attr>:$norm_eps, UnitAttr:$additive));
  let results = (outs Jet_F3:$result, Jet_RecurrentStateType:$next_state);
  let assemblyFormat = [{
    $q `,` $k `,` $v `,` $g `,` $beta `,` $state `,` $batch
    (`additive` $additive^)?
    (`qk_norm` `eps` custom<DoubleAttr>($qk_norm_eps)^ `scale`
     custom<DoubleAttr>($q_scale))?
    (`norm` $gate^ `,` $weight `eps` custom<DoubleAttr>($norm_eps))?
    custom<Ports>($extras, $ports, $port_regions) attr-dict `:`
    functional-type(operands, results)
  }];
  let hasVerifier = 1;
}

def Jet_LastTokenOp : Jet_TensorOp<"last_token"> {
  let summary = "The last row of each sequence";
  let description = [{
    `y[b, c] = x[row_b + rows_b − 1, c]`

    Shapes: x `[R, C]`, y `[B, C]`: from here on rows are sequences.

    Constraints: (C1) x and result agree in C and element type.

    Example:
    ```mlir
    %y = jet.last_token %x, %batch : (tensor<?x128xf32>, !jet.batch) -> tensor<?x128xf32>
    ```
  }];
  let arguments = (ins Jet_F2:$x, Jet_BatchType:$batch);
  let results = (outs Jet_F2:$result);
  let assemblyFormat = [{
    $x `,` $batch attr-dict `:` functional-type(operands, results)
  }];
  let hasVerifier = 1;
  let extraClassDeclaration = Jet_DeclareCost;
}

//===----------------------------------------------------------------------===//
// What fusion makes
//===----------------------------------------------------------------------===//

def Jet_QkvLinearOp : Jet_TensorOp<"qkv_linear", [AttrSizedOperandSegments]> {
  let summary = "Projections of q, k and v, rotated; k and v go into the cache";
  let description = [{
    With `p_q`, `p_k`, `p_v` the projections of `jet.grouped_linear`, normed rows
    included, to each of which its bias is added if there are any:
    ```
    q = rope(p_q),  next_cache = kv_append(cache, rope(p_k), p_v)
    ```
    as `jet.rope` by `positions` and `theta`, and `jet.kv_append`. k and v are
    rounded once, to the cache's type, and are stored nowhere else; a
    `jet.attention` of q reads them from the next cache.

    Without a cache k and v are results: of a window that a step of many tokens
    must not overwrite before its attention has read it.

    Shapes: x `[R, K]`, weights `[H·D, K]`, `[Hkv·D, K]`, `[Hkv·D, K]`, biases
    `[H·D]`, `[Hkv·D]`, `[Hkv·D]`, norm `[K]`, positions `[R]`, q `[R, H, D]`,
    k, v `[R, Hkv, D]`.

    Constraints:
    - (C1) q agrees with x and positions in R; Hkv divides H;
    - (C2) x and the weights agree in K, the weights of q, k and v have as many
      rows as their heads have elements;
    - (C3) there are no biases or one for each weight, of its rows;
    - (C4) norm agrees in K and comes with an eps, which is positive;
    - (C5) D is even and theta positive;
    - (C6) a cache comes with a batch, is that of the other result, and agrees in
      Hkv and D; without one the other results are k and v, of one type.

    Examples:
    ```mlir
    %q, %next = jet.qkv_linear %x(%wq, %wk, %wv) bias(%bq, %bk, %bv) norm %n eps 1.0e-06 rope %positions theta 10000.0 append %cache, %batch : (tensor<?x64xf32>, tensor<128x64xbf16>, tensor<64x64xbf16>, tensor<64x64xbf16>, tensor<128xbf16>, tensor<64xbf16>, tensor<64xbf16>, tensor<64xbf16>, tensor<?xi32>, !jet.kv_cache<2x32xbf16, page = 64>, !jet.batch) -> (tensor<?x4x32xf32>, !jet.kv_cache<2x32xbf16, page = 64>)
    %q, %k, %v = jet.qkv_linear %x(%wq, %wk, %wv) rope %positions theta 10000.0 : (tensor<?x64xf32>, tensor<128x64xbf16>, tensor<64x64xbf16>, tensor<64x64xbf16>, tensor<?xi32>) -> (tensor<?x4x32xf32>, tensor<?x2x32xbf16>, tensor<?x2x32xbf16>)
    ```
  }];
  let arguments = (ins Jet_F2:$x, Jet_F2:$q_weight, Jet_F2:$k_weight,
                       Jet_F2:$v_weight, Variadic<Jet_F1>:$biases,
                       Optional<Jet_F1>:$norm, Jet_I1:$positions,
                       Optional<Jet_KvCacheType>:$cache,
                       Optional<Jet_BatchType>:$batch,
                       F64Attr:$theta, OptionalAttr<F64Attr>:$norm_eps);
  let results = (outs Jet_F3:$q,
                      Variadic<AnyTypeOf<[Jet_F3, Jet_KvCacheType]>>:$kept);
  let assemblyFormat = [{
    $x `(` $q_weight `,` $k_weight `,` $v_weight `)` (`bias` `(` $biases^ `)`)?
    (`norm` ($norm^)? `eps` custom<DoubleAttr>($norm_eps)^)?
    `rope` $positions `theta` custom<DoubleAttr>($theta)
    (`append` $cache^ `,` $batch)? attr-dict `:`
    functional-type(operands, results)
  }];
  let hasVerifier = 1;
  let extraClassDeclaration = [{
    ::jet::OpCost getCost();
    /// Of q, k and v.
    ::mlir::OperandRange getWeights() {
      return getOperation()->getOperands().slice(1, 3);
    }
    /// D, and Hkv.
    int64_t getHeadDim() { return getQ().getType().getDimSize(2); }
    int64_t getKvHeads();
    /// With a cache.
    ::mlir::Value getNextCache() { return getKept().front(); }
    /// Without one.
    ::mlir::Value getK() { return getKept().front(); }
    ::mlir::Value getV() { return getKept().back(); }
    /// Elements of k and v as they are kept.
    ::mlir::Type getKeptType();
  }];
}

def Jet_GroupedLinearOp : Jet_PortedOp<"grouped_linear", [
    AttrSizedOperandSegments]> {
  let summary = "Projections of one input, with elementwise code around them";
  let description = [{
    `p_i[r, n] = Σ_k x̂[r, k] · weight_i[n, k]`, accumulated in f32, where `x̂` is
    x, or what the code on operand 0 makes of it. Result `j` is made from the
    next `products[j]` of the p: the code on it takes their elements; without
    code, the result is the one p. So q, k, v are three results of one product
    each, and SwiGLU is one result of two.

    With `norm`, x̂ is normed by it and `eps` as by `jet.rms_norm`; with `eps`
    alone by a norm of ones, as where the norm is in the weights' columns
    (`-jet-fold-norms`). The scale of a row commutes with the product, so a kernel
    may apply it at the end:
    ```
    p_i[r, n] = (Σ_k x̂[r, k] · norm[k] · weight_i[n, k]) / sqrt(mean_k(x̂[r, k]²) + eps)
    ```

    Shapes: x `[R, K]`, weight_i `[N_i, K]`, norm `[K]`, result j `[R, N_j]`.

    Constraints:
    - (C1) `products` sums to the number of weights, one entry per result;
    - (C2) x and all weights agree in K;
    - (C3) the weights of a result agree with it in N;
    - (C4) a result of several products has code on it;
    - (C5) norm agrees in K and comes with an eps, which is positive.

    Example:
    ```mlir
    %q, %h = jet.grouped_linear %x(%wq, %wg, %wu) norm %n eps 1.0e-06 products [1, 2]
      on result 1 {
      ^bb0(%g: f32, %u: f32):
        %m = arith.mulf %g, %u : f32
        jet.yield %m : f32
      } : (tensor<?x64xf32>, tensor<32x64xbf16>, tensor<96x64xbf16>, tensor<96x64xbf16>, tensor<64xbf16>) -> (tensor<?x32xf32>, tensor<?x96xf32>)
    ```
  }];
  let arguments = !con((ins Jet_F2:$x, Variadic<Jet_F2>:$weights,
                        Optional<Jet_F1>:$norm), Jet_PortArguments,
                       (ins DenseI64ArrayAttr:$products,
                        OptionalAttr<F64Attr>:$norm_eps));
  let results = (outs Variadic<Jet_F2>:$results);
  let assemblyFormat = [{
    $x `(` $weights `)` (`norm` ($norm^)? `eps` custom<DoubleAttr>($norm_eps)^)?
    `products` $products
    custom<Ports>($extras, $ports, $port_regions) attr-dict `:`
    functional-type(operands, results)
  }];
  let hasVerifier = 1;
  let builders = [OpBuilder<(ins "::mlir::TypeRange":$results,
                             "::mlir::Value":$x, "::mlir::ValueRange":$weights,
                             "::llvm::ArrayRef<int64_t>":$products,
                             CArg<"::mlir::Value", "{}">:$norm,
                             CArg<"::mlir::FloatAttr", "{}">:$norm_eps)>];
  let extraClassDeclaration = [{
    bool acceptsPort(int64_t port);
    ::jet::OpCost getCost();
    int64_t getLeadingArguments(int64_t port);
    /// The weights that result `index` is made from.
    ::mlir::OperandRange getWeightsOf(unsigned index);
  }];
}

def Jet_GeneratedConvOp : Jet_PortedOp<"generated_conv", [
    AllTypesMatch<["tail", "next_tail"]>]> {
  let summary = "Dynamic convolution that computes its own taps";
  let description = [{
    `jet.dynamic_conv` with `taps = h · weightᵀ + bias`, which are never stored.

    Shapes: h `[R, G]`, weight `[C·W, G]`, bias `[C·W]`, u, y `[R, C]`.

    Constraints:
    - (C1) u, result and tail agree in C;
    - (C2) weight is `[C·W, G]` with W − 1 rows in the tail, bias `[C·W]`, and h
      agrees in G;
    - (C3) u and tail have the same element type.

    Example:
    ```mlir
    %y, %next = jet.generated_conv %u, %h, %w, %b, %tail, %batch : (tensor<?x256xf32>, tensor<?x32xf32>, tensor<1024x32xf32>, tensor<1024xf32>, !jet.conv_tail<3x256xf32>, !jet.batch) -> (tensor<?x256xf32>, !jet.conv_tail<3x256xf32>)
    ```
  }];
  let arguments = !con((ins Jet_F2:$u, Jet_F2:$h, Jet_F2:$weight, Jet_F1:$bias,
                        Jet_ConvTailType:$tail, Jet_BatchType:$batch),
                       Jet_PortArguments);
  let results = (outs Jet_F2:$result, Jet_ConvTailType:$next_tail);
  let assemblyFormat = [{
    $u `,` $h `,` $weight `,` $bias `,` $tail `,` $batch
    custom<Ports>($extras, $ports, $port_regions) attr-dict `:`
    functional-type(operands, results)
  }];
  let hasVerifier = 1;
}

def Jet_DeltaStepOp : Jet_TensorOp<"delta_step", [
    IsolatedFromAbove, SingleBlock]> {
  let summary = "Generated convolution and delta rule in one pass over the state";
  let description = [{
    The ops of the body, run row by row of a sequence by whoever owns a head: the
    convolved values stay where the rule uses them, and the convolution's tail
    and S are read and written once. Results are those of the rule, the tail and
    S after the step. Any number of rows is right; it pays when they are few, as
    in decode, because each sequence computes its taps by itself.

    Shapes: result `[R, H, Dv]`.

    Constraints:
    - (C1) the body is `jet.generated_conv`, `jet.split_heads` of its result, and
      `jet.gated_delta_rule` with those heads as v, in this order, then
      `jet.step_yield` of the rule's result, the tail and S;
    - (C2) the body's arguments have the types of the inputs, and all that the
      body reads besides are its arguments;
    - (C3) nothing else reads the convolution's result or its heads, and no code
      is on v;
    - (C4) both ops work on one batch, and the results have the types of what
      the body yields.

    Example:
    ```mlir
    %y, %t1, %s1 = jet.delta_step(%u, %h, %w, %b, %t, %batch, %q, %k, %g, %beta, %s) : (tensor<?x6xf32>, tensor<?x3xf32>, tensor<12x3xf32>, tensor<12xf32>, !jet.conv_tail<1x6xf32>, !jet.batch, tensor<?x2x5xf32>, tensor<?x2x5xf32>, tensor<?x2xf32>, tensor<?x2xf32>, !jet.recurrent_state<2x5x3xf32>) -> (tensor<?x2x3xf32>, !jet.conv_tail<1x6xf32>, !jet.recurrent_state<2x5x3xf32>) {
    ^bb0(%0: tensor<?x6xf32>, %1: tensor<?x3xf32>, %2: tensor<12x3xf32>, %3: tensor<12xf32>, %4: !jet.conv_tail<1x6xf32>, %5: !jet.batch, %6: tensor<?x2x5xf32>, %7: tensor<?x2x5xf32>, %8: tensor<?x2xf32>, %9: tensor<?x2xf32>, %10: !jet.recurrent_state<2x5x3xf32>):
      %c, %tail = jet.generated_conv %0, %1, %2, %3, %4, %5 : (tensor<?x6xf32>, tensor<?x3xf32>, tensor<12x3xf32>, tensor<12xf32>, !jet.conv_tail<1x6xf32>, !jet.batch) -> (tensor<?x6xf32>, !jet.conv_tail<1x6xf32>)
      %v = jet.split_heads %c : (tensor<?x6xf32>) -> tensor<?x2x3xf32>
      %r, %state = jet.gated_delta_rule %6, %7, %v, %8, %9, %10, %5 : (tensor<?x2x5xf32>, tensor<?x2x5xf32>, tensor<?x2x3xf32>, tensor<?x2xf32>, tensor<?x2xf32>, !jet.recurrent_state<2x5x3xf32>, !jet.batch) -> (tensor<?x2x3xf32>, !jet.recurrent_state<2x5x3xf32>)
      jet.step_yield %r, %tail, %state : tensor<?x2x3xf32>, !jet.conv_tail<1x6xf32>, !jet.recurrent_state<2x5x3xf32>
    }
    ```
  }];
  let arguments = (ins Variadic<AnyType>:$inputs);
  let results = (outs Jet_F3:$result, Jet_ConvTailType:$next_tail,
                      Jet_RecurrentStateType:$next_state);
  let regions = (region SizedRegion<1>:$body);
  let assemblyFormat = [{
    `(` $inputs `)` attr-dict `:` functional-type($inputs, results) $body
  }];
  let hasRegionVerifier = 1;
  let extraClassDeclaration = [{
    ::jet::OpCost getCost();
    /// The two ops of the body.
    ::jet::GeneratedConvOp getConvolution();
    ::jet::GatedDeltaRuleOp getRule();
  }];
}

def Jet_StepYieldOp : Op<Jet_Dialect, "step_yield",
    [Pure, Terminator, HasParent<"DeltaStepOp">]> {
  let summary = "Results of a jet.delta_step";
  let description = [{
    Example: `jet.step_yield %y, %tail, %state : tensor<?x2x3xf32>, !jet.conv_tail<1x6xf32>, !jet.recurrent_state<2x5x3xf32>`
  }];
  let arguments = (ins Jet_F3:$result, Jet_ConvTailType:$next_tail,
                       Jet_RecurrentStateType:$next_state);
  let assemblyFormat = "operands attr-dict `:` type(operands)";
}

#endif // JET_SEQUENCE_OPS_TD
