// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The batch, and the state that layers carry from step to step.

#ifndef JET_TYPES_TD
#define JET_TYPES_TD

include "dialects/jet/JetDialect.td"
include "dialects/jet/JetInterfaces.td"

class Jet_Type<string name, string typeMnemonic, list<Trait> traits = []>
    : TypeDef<Jet_Dialect, name, traits> {
  let mnemonic = typeMnemonic;
}

def Jet_BatchType : Jet_Type<"Batch", "batch"> {
  let summary = "The sequences of a step";
  let description = [{
    For each of `B` sequences: the slot of its state, the number of tokens
    already in that state, its first row in the activations, its number of rows
    (at least 1), and the pages of its full-attention caches, in the order of
    positions. Lowers to `tensor<?x?xi32>`: four columns, then the pages.

    Example: `func.func @decode(%tokens: tensor<?xi32>, %batch: !jet.batch)`
  }];
}

class Jet_StateType<string name, string typeMnemonic, list<string> methods = []>
    : Jet_Type<name, typeMnemonic,
               [DeclareTypeInterfaceMethods<Jet_StateTypeInterface, methods>]> {
  let genVerifyDecl = 1;
}

// What the elements of a cache are multiplied by, f64.
def Jet_ScaleParameter : DefaultValuedParameter<"::mlir::FloatAttr",
    "::mlir::Builder($_ctxt).getF64FloatAttr(1.0)">;

def Jet_KvCacheType : Jet_StateType<"KvCache", "kv_cache", ["isPaged"]> {
  let summary = "Keys and values of an attention layer";
  let description = [{
    `!jet.kv_cache<kv_heads x head_dim x type, …>` holds K (after rotary) and V:
    - with `page = p`, of every position, in pages of `p` positions that
      sequences take from a pool as they grow: position `i` of a sequence is row
      `i mod p` of its page `i / p`;
    - with `window = w`, of the last `w` positions, in a ring that is part of the
      sequence's slot: position `i` is row `i mod w`.

    A page or slot is stored as `[2, kv_heads, p or w, head_dim]`. Elements of
    f8E4M3FN (a sign, 4 bits of exponent, 3 of mantissa, largest number 448) stand
    for K / `k_scale` and V / `v_scale`: constants of the layer, without which 1.

    Constraints:
    - (C1) sizes, page and window are positive and below 2^31;
    - (C2) the element type is f32, bf16 or f8E4M3FN;
    - (C3) scales are positive, normal in f32, and 1 unless elements are f8E4M3FN;
    - (C4) there is either a page or a window;
    - (C5) the page is a power of two (so a block of keys lies in one page).

    Examples: `!jet.kv_cache<2x128xbf16, page = 64>`,
    `!jet.kv_cache<2x128xbf16, window = 1152>`,
    `!jet.kv_cache<2x128xf8E4M3FN, page = 64, k_scale = 0.5, v_scale = 0.125>`
  }];
  let parameters = (ins "int64_t":$heads, "int64_t":$headDim,
                        "::mlir::Type":$elementType,
                        OptionalParameter<"std::optional<int64_t>">:$page,
                        OptionalParameter<"std::optional<int64_t>">:$window,
                        Jet_ScaleParameter:$k_scale,
                        Jet_ScaleParameter:$v_scale);
  let assemblyFormat = [{
    `<` custom<Dims>($heads, $headDim, $elementType)
    (`,` struct($page, $window, custom<Scale>($k_scale),
                custom<Scale>($v_scale))^)? `>`
  }];
  let extraClassDeclaration = [{
    /// Rows of a page, or of a ring.
    int64_t getRows() const;
  }];
}

def Jet_RecurrentStateType : Jet_StateType<"RecurrentState", "recurrent_state"> {
  let summary = "The matrix state S of a linear-attention layer";
  let description = [{
    `!jet.recurrent_state<heads x d_k x d_v x type>`.

    Constraints: (C1) sizes are positive and below 2^31; (C2) the element type
    is f32 or bf16.

    Example: `!jet.recurrent_state<12x96x256xf32>`
  }];
  let parameters = (ins "int64_t":$heads, "int64_t":$keyDim,
                        "int64_t":$valueDim, "::mlir::Type":$elementType);
  let assemblyFormat = [{
    `<` custom<Dims>($heads, $keyDim, $valueDim, $elementType) `>`
  }];
}

def Jet_ConvTailType : Jet_StateType<"ConvTail", "conv_tail"> {
  let summary = "The last rows that a causal convolution has seen";
  let description = [{
    `!jet.conv_tail<rows x channels x type>`: the last `rows` = W − 1 rows of the
    convolution's input, oldest first; zeros before the sequence.

    Constraints: (C1) rows are not negative, channels positive, both below 2^31;
    (C2) the element type is f32 or bf16.

    Example: `!jet.conv_tail<3x3072xbf16>`
  }];
  let parameters = (ins "int64_t":$rows, "int64_t":$channels,
                        "::mlir::Type":$elementType);
  let assemblyFormat = "`<` custom<Dims>($rows, $channels, $elementType) `>`";
}

#endif // JET_TYPES_TD
