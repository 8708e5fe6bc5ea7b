// What cannot be expanded.

// RUN: jet-opt %s -jet-expand-model -verify-diagnostics -split-input-file

jet.model @supernet hidden 128 intermediate 320 vocab 512 max_position 4096
    rms_norm_eps 1.0e-06 storage f32 {
  jet.layer 0 mixer #jet.jet_block<heads = 4, d_k = 32, d_v = 64, conv = 4, generator = 32, norm_eps = 1.0e-05> weights "self_attn"
  // expected-error @+1 {{'jet.layer' op still has candidates (attn, jet): pick one with -jet-place-layers}}
  jet.layer 1 candidates [#jet.attention<heads = 4, kv_heads = 2, head_dim = 32, rope_theta = 10000.0>,
                          #jet.jet_block<heads = 4, d_k = 32, d_v = 64, conv = 4, generator = 32, norm_eps = 1.0e-05>] weights "self_attn"
}

// -----

// expected-error @+1 {{expected one jet.model to expand, found 0}}
module {}

// -----

// expected-error @+1 {{expected one jet.model to expand, found 2}}
module {
  jet.model @a hidden 128 intermediate 320 vocab 512 max_position 4096
      rms_norm_eps 1.0e-06 storage f32 {
    jet.layer 0 mixer #jet.attention<heads = 4, kv_heads = 2, head_dim = 32, rope_theta = 10000.0> weights "self_attn"
  }
  jet.model @b hidden 128 intermediate 320 vocab 512 max_position 4096
      rms_norm_eps 1.0e-06 storage f32 {
    jet.layer 0 mixer #jet.attention<heads = 4, kv_heads = 2, head_dim = 32, rope_theta = 10000.0> weights "self_attn"
  }
}

// -----

// A name that the functions need
// expected-error @+1 {{redefinition of symbol named 'decode'}}
jet.model @m hidden 128 intermediate 320 vocab 512 max_position 4096
    rms_norm_eps 1.0e-06 storage f32 {
  jet.layer 0 mixer #jet.attention<heads = 4, kv_heads = 2, head_dim = 32, rope_theta = 10000.0> weights "self_attn"
}
// expected-note @+1 {{see existing symbol definition here}}
func.func private @decode()
