// Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Level "model": the spec and its placement as IR.

#ifndef JET_MODEL_OPS_TD
#define JET_MODEL_OPS_TD

include "dialects/jet/JetAttrs.td"
include "mlir/IR/BuiltinAttributes.td"
include "mlir/IR/SymbolInterfaces.td"

def Jet_ModelOp : Op<Jet_Dialect, "model",
    [Symbol, IsolatedFromAbove, SingleBlock, NoTerminator, NoRegionArguments]> {
  let summary = "A decoder-only language model";
  let description = [{
    ```
    x = embed[tokens]
    for each layer:  x = x + mixer(rms_norm(x));  x = x + mlp(rms_norm(x))
    logits = head(rms_norm(x))
    mlp(h) = down(silu(gate h) ∘ up h)
    ```
    `storage` is the type of weights and convolution tails; keys and values have
    type `kv` (without it that of the weights), recurrent states type `recurrent`
    (without it f32). `tied` shares the head with the embedding. `page` is the
    number of positions in a page of a full-attention cache.

    Constraints:
    - (C1) sizes are positive and below 2^31, `rms_norm_eps` is positive;
    - (C2) the body holds only `jet.layer`, numbered 0, 1, 2, …, at least one;
    - (C3) `storage` and `recurrent` are f32 or bf16, `kv` may be f8E4M3FN too;
    - (C4) the page is a power of two below 2^31.

    Example:
    ```mlir
    jet.model @m hidden 128 intermediate 320 vocab 512 max_position 4096
        rms_norm_eps 1.0e-06 storage f32 tied {
      jet.layer 0 mixer #jet.jet_block<heads = 4, d_k = 32, d_v = 64, conv = 4, generator = 32, norm_eps = 1.0e-05> weights "self_attn"
    }
    jet.model @n hidden 128 intermediate 320 vocab 512 max_position 4096
        rms_norm_eps 1.0e-06 storage f32 kv bf16 recurrent bf16 {
      jet.layer 0 mixer #jet.attention<heads = 4, kv_heads = 2, head_dim = 32, rope_theta = 10000.0> weights "self_attn"
    }
    ```
  }];
  let arguments = (ins SymbolNameAttr:$sym_name, I64Attr:$hidden_size,
                       I64Attr:$intermediate_size, I64Attr:$vocab_size,
                       I64Attr:$max_position, F64Attr:$rms_norm_eps,
                       TypeAttr:$storage,
                       OptionalAttr<TypeAttr>:$kv_storage,
                       OptionalAttr<TypeAttr>:$recurrent_storage,
                       UnitAttr:$tied,
                       DefaultValuedAttr<I64Attr, "64">:$page);
  let regions = (region SizedRegion<1>:$body);
  let assemblyFormat = [{
    $sym_name `hidden` $hidden_size `intermediate` $intermediate_size
    `vocab` $vocab_size `max_position` $max_position
    `rms_norm_eps` custom<DoubleAttr>($rms_norm_eps)
    `storage` $storage (`kv` $kv_storage^)? (`recurrent` $recurrent_storage^)?
    (`tied` $tied^)? (`page` $page^)? attr-dict-with-keyword $body
  }];
  let hasRegionVerifier = 1;
  let extraClassDeclaration = [{
    /// The layers in order.
    ::llvm::SmallVector<::jet::LayerOp> getLayers();
    /// The types above, those that are not given filled in.
    ::jet::StateStorage getStateStorage();
  }];
}

def Jet_LayerOp : Op<Jet_Dialect, "layer", [HasParent<"ModelOp">]> {
  let summary = "A decoder layer and how it mixes tokens";
  let description = [{
    Either *placed*, with one `mixer`, or a layer of a supernet, with several
    `candidates` (and optionally a score for each, higher is better) among which
    `-jet-place` picks. `weights` is where the mixer's tensors are in the
    checkpoint, below `model.layers.{index}.`: `self_attn`, or
    `self_attn.{mixer}` in a supernet.

    `kv_scales` are the `k_scale` and `v_scale` of the layer's cache
    (`!jet.kv_cache`), for mixers that have one; without it both are 1.

    Constraints:
    - (C1) the mixer, or every candidate, is a mixer attribute;
    - (C2) exactly one of `mixer` and `candidates` is present;
    - (C3) candidates are at least one, with different names;
    - (C4) there are as many scores as candidates, and only with candidates;
    - (C5) `kv_scales` are two positive numbers, normal in f32, in a model whose
      `kv` is f8E4M3FN.

    Examples:
    ```mlir
    jet.layer 3 mixer #jet.attention<heads = 4, kv_heads = 2, head_dim = 32, rope_theta = 10000.0> weights "self_attn"
    jet.layer 4 candidates [#jet.attention<heads = 4, kv_heads = 2, head_dim = 32, rope_theta = 10000.0>,
                            #jet.jet_block<heads = 4, d_k = 32, d_v = 64, conv = 4, generator = 32, norm_eps = 1.0e-05>]
        scores [0.25, 0.75] weights "self_attn"
    ```
  }];
  let arguments = (ins I64Attr:$index, OptionalAttr<AnyAttr>:$mixer,
                       OptionalAttr<ArrayAttr>:$candidates,
                       OptionalAttr<DenseF64ArrayAttr>:$scores,
                       StrAttr:$weights,
                       OptionalAttr<DenseF64ArrayAttr>:$kv_scales);
  let assemblyFormat = [{
    $index (`mixer` $mixer^)? (`candidates` $candidates^)?
    (`scores` $scores^)? `weights` $weights (`kv_scales` $kv_scales^)? attr-dict
  }];
  let hasVerifier = 1;
  let extraClassDeclaration = [{
    bool isPlaced() { return getMixerAttr() != nullptr; }
    /// The mixer of a placed layer.
    ::jet::MixerAttrInterface getMixerInterface() {
      return ::llvm::cast<::jet::MixerAttrInterface>(getMixerAttr());
    }
    /// Types of the state that a placed layer carries from step to step.
    ::llvm::SmallVector<::mlir::Type> getStateTypes();
    /// Names of the mixers to choose from, e.g. "attn", "jet".
    ::llvm::SmallVector<::llvm::StringRef> getCandidateNames();
  }];
}

#endif // JET_MODEL_OPS_TD
