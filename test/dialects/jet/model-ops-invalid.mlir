// One case per labelled constraint of jet.model and jet.layer.

// RUN: jet-opt %s -verify-diagnostics -split-input-file

// model C1
// expected-error @+1 {{expected hidden > 0, found 0}}
jet.model @m hidden 0 intermediate 320 vocab 512 max_position 4096
    rms_norm_eps 1.0e-06 storage f32 {
  jet.layer 0 mixer #jet.attention<heads = 4, kv_heads = 2, head_dim = 32, rope_theta = 10000.0> weights "self_attn"
}

// -----

// model C1
// expected-error @+1 {{expected intermediate > 0, found -1}}
jet.model @m hidden 128 intermediate -1 vocab 512 max_position 4096
    rms_norm_eps 1.0e-06 storage f32 {
  jet.layer 0 mixer #jet.attention<heads = 4, kv_heads = 2, head_dim = 32, rope_theta = 10000.0> weights "self_attn"
}

// -----

// model C1
// expected-error @+1 {{expected vocab <= 2147483647, found 2147483648}}
jet.model @m hidden 128 intermediate 320 vocab 2147483648 max_position 4096
    rms_norm_eps 1.0e-06 storage f32 {
  jet.layer 0 mixer #jet.attention<heads = 4, kv_heads = 2, head_dim = 32, rope_theta = 10000.0> weights "self_attn"
}

// -----

// model C1
// expected-error @+1 {{expected max_position > 0, found 0}}
jet.model @m hidden 128 intermediate 320 vocab 512 max_position 0
    rms_norm_eps 1.0e-06 storage f32 {
  jet.layer 0 mixer #jet.attention<heads = 4, kv_heads = 2, head_dim = 32, rope_theta = 10000.0> weights "self_attn"
}

// -----

// model C1
// expected-error @+1 {{expected rms_norm_eps > 0}}
jet.model @m hidden 128 intermediate 320 vocab 512 max_position 4096
    rms_norm_eps 0.0 storage f32 {
  jet.layer 0 mixer #jet.attention<heads = 4, kv_heads = 2, head_dim = 32, rope_theta = 10000.0> weights "self_attn"
}

// -----

// model C2: another op
jet.model @m hidden 128 intermediate 320 vocab 512 max_position 4096
    rms_norm_eps 1.0e-06 storage f32 {
  // expected-error @+1 {{'arith.constant' op is not a jet.layer, which is all that a jet.model holds}}
  %0 = arith.constant 1.0 : f32
}

// -----

// model C2: numbers
jet.model @m hidden 128 intermediate 320 vocab 512 max_position 4096
    rms_norm_eps 1.0e-06 storage f32 {
  // expected-error @+1 {{'jet.layer' op expected layer 0 here}}
  jet.layer 1 mixer #jet.attention<heads = 4, kv_heads = 2, head_dim = 32, rope_theta = 10000.0> weights "self_attn"
}

// -----

// model C2: numbers
jet.model @m hidden 128 intermediate 320 vocab 512 max_position 4096
    rms_norm_eps 1.0e-06 storage f32 {
  jet.layer 0 mixer #jet.attention<heads = 4, kv_heads = 2, head_dim = 32, rope_theta = 10000.0> weights "self_attn"
  // expected-error @+1 {{'jet.layer' op expected layer 1 here}}
  jet.layer 0 mixer #jet.attention<heads = 4, kv_heads = 2, head_dim = 32, rope_theta = 10000.0> weights "self_attn"
}

// -----

// model C2: no layer
// expected-error @+1 {{expected at least one layer}}
jet.model @m hidden 128 intermediate 320 vocab 512 max_position 4096
    rms_norm_eps 1.0e-06 storage f32 {
}

// -----

// model C3
// expected-error @+1 {{expected storage f32 or bf16, found 'f16'}}
jet.model @m hidden 128 intermediate 320 vocab 512 max_position 4096
    rms_norm_eps 1.0e-06 storage f16 {
  jet.layer 0 mixer #jet.attention<heads = 4, kv_heads = 2, head_dim = 32, rope_theta = 10000.0> weights "self_attn"
}

// -----

// model C3
// expected-error @+1 {{expected kv f32, bf16 or f8E4M3FN, found 'i8'}}
jet.model @m hidden 128 intermediate 320 vocab 512 max_position 4096
    rms_norm_eps 1.0e-06 storage f32 kv i8 {
  jet.layer 0 mixer #jet.attention<heads = 4, kv_heads = 2, head_dim = 32, rope_theta = 10000.0> weights "self_attn"
}

// -----

// model C4
// expected-error @+1 {{expected page to be a power of two below 2^31, found 48}}
jet.model @m hidden 128 intermediate 320 vocab 512 max_position 4096
    rms_norm_eps 1.0e-06 storage f32 page 48 {
  jet.layer 0 mixer #jet.attention<heads = 4, kv_heads = 2, head_dim = 32, rope_theta = 10000.0> weights "self_attn"
}

// -----

// model C3
// expected-error @+1 {{expected recurrent f32 or bf16, found 'f64'}}
jet.model @m hidden 128 intermediate 320 vocab 512 max_position 4096
    rms_norm_eps 1.0e-06 storage bf16 recurrent f64 {
  jet.layer 0 mixer #jet.attention<heads = 4, kv_heads = 2, head_dim = 32, rope_theta = 10000.0> weights "self_attn"
}

// -----

// model C4
// expected-error @+1 {{expected page to be a power of two below 2^31, found 4294967296}}
jet.model @m hidden 128 intermediate 320 vocab 512 max_position 4096
    rms_norm_eps 1.0e-06 storage f32 page 4294967296 {
  jet.layer 0 mixer #jet.attention<heads = 4, kv_heads = 2, head_dim = 32, rope_theta = 10000.0> weights "self_attn"
}

// -----

// layer C1
jet.model @m hidden 128 intermediate 320 vocab 512 max_position 4096
    rms_norm_eps 1.0e-06 storage f32 {
  // expected-error @+1 {{expected a mixer attribute such as #jet.attention<...>, found "attn"}}
  jet.layer 0 mixer "attn" weights "self_attn"
}

// -----

// layer C1
jet.model @m hidden 128 intermediate 320 vocab 512 max_position 4096
    rms_norm_eps 1.0e-06 storage f32 {
  // expected-error @+1 {{expected a mixer attribute such as #jet.attention<...>, found 1}}
  jet.layer 0 candidates [#jet.attention<heads = 4, kv_heads = 2, head_dim = 32, rope_theta = 10000.0>, 1 : i64] weights "self_attn"
}

// -----

// layer C2: both
jet.model @m hidden 128 intermediate 320 vocab 512 max_position 4096
    rms_norm_eps 1.0e-06 storage f32 {
  // expected-error @+1 {{expected either a mixer or candidates}}
  jet.layer 0 mixer #jet.attention<heads = 4, kv_heads = 2, head_dim = 32, rope_theta = 10000.0> candidates [#jet.attention<heads = 4, kv_heads = 2, head_dim = 32, rope_theta = 10000.0>] weights "self_attn"
}

// -----

// layer C2: neither
jet.model @m hidden 128 intermediate 320 vocab 512 max_position 4096
    rms_norm_eps 1.0e-06 storage f32 {
  // expected-error @+1 {{expected either a mixer or candidates}}
  jet.layer 0 weights "self_attn"
}

// -----

// layer C3: none
jet.model @m hidden 128 intermediate 320 vocab 512 max_position 4096
    rms_norm_eps 1.0e-06 storage f32 {
  // expected-error @+1 {{expected at least one candidate}}
  jet.layer 0 candidates [] weights "self_attn"
}

// -----

// layer C3: one name twice
jet.model @m hidden 128 intermediate 320 vocab 512 max_position 4096
    rms_norm_eps 1.0e-06 storage f32 {
  // expected-error @+1 {{has candidate 'attn' twice}}
  jet.layer 0 candidates [#jet.attention<heads = 4, kv_heads = 2, head_dim = 32, rope_theta = 10000.0>,
                          #jet.attention<heads = 8, kv_heads = 2, head_dim = 16, rope_theta = 10000.0>] weights "self_attn"
}

// -----

// layer C4: another number
jet.model @m hidden 128 intermediate 320 vocab 512 max_position 4096
    rms_norm_eps 1.0e-06 storage f32 {
  // expected-error @+1 {{expected 2 scores, found 1}}
  jet.layer 0 candidates [#jet.attention<heads = 4, kv_heads = 2, head_dim = 32, rope_theta = 10000.0>,
                          #jet.jet_block<heads = 4, d_k = 32, d_v = 64, conv = 4, generator = 32, norm_eps = 1.0e-05>]
      scores [0.5] weights "self_attn"
}

// -----

// layer C4: placed
jet.model @m hidden 128 intermediate 320 vocab 512 max_position 4096
    rms_norm_eps 1.0e-06 storage f32 {
  // expected-error @+1 {{has scores but no candidates}}
  jet.layer 0 mixer #jet.attention<heads = 4, kv_heads = 2, head_dim = 32, rope_theta = 10000.0> scores [0.5] weights "self_attn"
}

// -----

// layer C5
jet.model @m hidden 128 intermediate 320 vocab 512 max_position 4096
    rms_norm_eps 1.0e-06 storage f32 kv f8E4M3FN {
  // expected-error @+1 {{expected kv_scales of K and V, found 1 numbers}}
  jet.layer 0 mixer #jet.attention<heads = 4, kv_heads = 2, head_dim = 32, rope_theta = 10000.0> weights "self_attn" kv_scales [0.5]
}

// -----

// layer C5
jet.model @m hidden 128 intermediate 320 vocab 512 max_position 4096
    rms_norm_eps 1.0e-06 storage f32 kv f8E4M3FN {
  // expected-error @+1 {{expected kv_scales positive and normal in f32, found -1.000000e+00}}
  jet.layer 0 mixer #jet.attention<heads = 4, kv_heads = 2, head_dim = 32, rope_theta = 10000.0> weights "self_attn" kv_scales [0.5, -1.0]
}

// -----

// layer C5
jet.model @m hidden 128 intermediate 320 vocab 512 max_position 4096
    rms_norm_eps 1.0e-06 storage f32 {
  // expected-error @+1 {{expected no kv_scales with keys and values of 'f32'}}
  jet.layer 0 mixer #jet.attention<heads = 4, kv_heads = 2, head_dim = 32, rope_theta = 10000.0> weights "self_attn" kv_scales [0.5, 1.0]
}

// -----

// A layer is nowhere but in a model.
// expected-error @+1 {{'jet.layer' op expects parent op 'jet.model'}}
jet.layer 0 mixer #jet.attention<heads = 4, kv_heads = 2, head_dim = 32, rope_theta = 10000.0> weights "self_attn"
