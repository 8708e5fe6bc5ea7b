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

#endif // JET_ATTRS_TD
