// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Mixer attributes: what a layer may do to mix tokens.

#ifndef JET_ATTRS_TD
#define JET_ATTRS_TD

include "dialects/jet/JetDialect.td"
include "dialects/jet/JetInterfaces.td"

class Jet_Attr<string name, string attrMnemonic>
    : AttrDef<Jet_Dialect, name,
              [DeclareAttrInterfaceMethods<Jet_MixerAttrInterface>]> {
  let mnemonic = attrMnemonic;
  let genVerifyDecl = 1;
}

def Jet_AttentionAttr : Jet_Attr<"Attention", "attention"> {
  let summary = "Softmax attention with grouped query heads, full or windowed";
  let description = [{
    ```
    q, k, v = linear(h) + bias;  q, k = rope(q), rope(k)
    y = o_proj(softmax(q·kᵀ / sqrt(head_dim)) · v)
    ```
    Query head `h` reads KV head `h / (heads / kv_heads)`. Key `j` is visible to
    query `i` when `j <= i` and, with a window, `j > i - window`. The mixer's name
    is `attn`, with a window `swa`.

    Constraints:
    - (C1) all sizes are positive, they and `heads·head_dim` are below 2^31;
    - (C2) `kv_heads` divides `heads`;
    - (C3) `head_dim` is even;
    - (C4) `rope_theta` is positive.

    Example:
    ```mlir
    #jet.attention<heads = 12, kv_heads = 2, head_dim = 128, rope_theta = 1000000.0, window = 1152>
    ```
  }];
  let parameters = (ins "int64_t":$heads, "int64_t":$kvHeads,
                        "int64_t":$headDim, "::mlir::FloatAttr":$ropeTheta,
                        OptionalParameter<"std::optional<int64_t>">:$window);
  let assemblyFormat = [{
    `<` `heads` `=` $heads `,` `kv_heads` `=` $kvHeads `,`
    `head_dim` `=` $headDim `,` `rope_theta` `=` custom<DoubleParam>($ropeTheta)
    (`,` `window` `=` $window^)? `>`
  }];
}

def Jet_JetBlockAttr : Jet_Attr<"JetBlock", "jet_block"> {
  let summary = "JetBlock: dynamic convolution and gated delta rule";
  let description = [{
    ```
    q, k = silu(q_proj h), silu(k_proj h)         [heads, d_k]
    taps = w2·silu(w1 h) + b                      [heads·d_v, conv]
    v    = silu(dynamic_conv(v_proj h, taps))     [heads, d_v]
    β, g = sigmoid(b_proj h), −exp(A_log)·softplus(a_proj h + dt_bias)
    o    = gated_delta_rule(q, k, v, g, β)
    y    = o_proj(rms_norm(o) ∘ silu(g_proj h))
    ```
    `generator` is the width of `w1`. (Jet-Nemotron, arXiv 2508.15884; the rule
    is that of Gated DeltaNet, arXiv 2412.06464.)

    Constraints:
    - (C1) all sizes are positive, they, `heads·d_k` and `heads·d_v·conv` are
      below 2^31;
    - (C2) `norm_eps` is positive.

    Example:
    ```mlir
    #jet.jet_block<heads = 12, d_k = 96, d_v = 256, conv = 4, generator = 384, norm_eps = 1.0e-05>
    ```
  }];
  let parameters = (ins "int64_t":$heads, "int64_t":$keyDim,
                        "int64_t":$valueDim, "int64_t":$convSize,
                        "int64_t":$generatorDim, "::mlir::FloatAttr":$normEps);
  let assemblyFormat = [{
    `<` `heads` `=` $heads `,` `d_k` `=` $keyDim `,` `d_v` `=` $valueDim `,`
    `conv` `=` $convSize `,` `generator` `=` $generatorDim `,`
    `norm_eps` `=` custom<DoubleParam>($normEps) `>`
  }];
}

def Jet_GatedDeltaNetAttr : Jet_Attr<"GatedDeltaNet", "gated_delta_net"> {
  let summary = "Gated DeltaNet: short convolutions and gated delta rule";
  let description = [{
    ```
    q, k = silu(short_conv(q_proj h)), silu(short_conv(k_proj h))   [key_heads, d_k]
    v    = silu(short_conv(v_proj h))                               [heads, d_v]
    β, g = sigmoid(b_proj h), −exp(A_log)·softplus(a_proj h + dt_bias)
    o    = gated_delta_rule(q, k, v, g, β)
    y    = o_proj(rms_norm(o) ∘ silu(g_proj h))
    ```
    Head `h` reads the q and k of head `h / (heads / key_heads)`. The mixer's name
    is `gdn`. (Gated Delta Networks, arXiv 2412.06464.)

    Constraints:
    - (C1) all sizes are positive, they, `key_heads·d_k` and `heads·d_v` are below
      2^31;
    - (C2) `key_heads` divides `heads`;
    - (C3) `norm_eps` is positive.

    Example:
    ```mlir
    #jet.gated_delta_net<heads = 6, key_heads = 6, d_k = 256, d_v = 512, conv = 4, norm_eps = 1.0e-05>
    ```
  }];
  let parameters = (ins "int64_t":$heads, "int64_t":$keyHeads,
                        "int64_t":$keyDim, "int64_t":$valueDim,
                        "int64_t":$convSize, "::mlir::FloatAttr":$normEps);
  let assemblyFormat = [{
    `<` `heads` `=` $heads `,` `key_heads` `=` $keyHeads `,`
    `d_k` `=` $keyDim `,` `d_v` `=` $valueDim `,` `conv` `=` $convSize `,`
    `norm_eps` `=` custom<DoubleParam>($normEps) `>`
  }];
}

def Jet_Mamba2Attr : Jet_Attr<"Mamba2", "mamba2"> {
  let summary = "Mamba2: short convolutions and a selective state space";
  let description = [{
    ```
    z, x, B, C, dt = in_proj h
    x       = silu(short_conv(x) + b)                            [heads, head_dim]
    B, C    = silu(short_conv(B) + b), silu(short_conv(C) + b)   [groups, d_state]
    dt      = softplus(dt + dt_bias)                             [heads]
    H       ← exp(−exp(A_log)·dt)·H + B ⊗ dt·x
    o       = Hᵀ C + D·x
    y       = out_proj(rms_norm(o ∘ silu(z)))
    ```
    The recurrence is `jet.gated_delta_rule` of the additive kind. Head `h` reads
    B and C of group `h / (heads / groups)`; the norm is over the columns of a
    group. The mixer's name is `mamba2`. (Transformers are SSMs, arXiv
    2405.21060.)

    Constraints:
    - (C1) all sizes are positive, they and the rows of in_proj,
      `2·heads·head_dim + 2·groups·d_state + heads`, are below 2^31;
    - (C2) `groups` divides `heads`;
    - (C3) `norm_eps` is positive.

    Example:
    ```mlir
    #jet.mamba2<heads = 64, head_dim = 64, d_state = 128, groups = 1, conv = 4, norm_eps = 1.0e-05>
    ```
  }];
  let parameters = (ins "int64_t":$heads, "int64_t":$headDim,
                        "int64_t":$stateDim, "int64_t":$groups,
                        "int64_t":$convSize, "::mlir::FloatAttr":$normEps);
  let assemblyFormat = [{
    `<` `heads` `=` $heads `,` `head_dim` `=` $headDim `,`
    `d_state` `=` $stateDim `,` `groups` `=` $groups `,`
    `conv` `=` $convSize `,` `norm_eps` `=` custom<DoubleParam>($normEps) `>`
  }];
}

#endif // JET_ATTRS_TD
