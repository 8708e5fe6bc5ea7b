// What a search may not be.

// RUN: jet-opt %s -verify-diagnostics -split-input-file

// C1: nothing to minimize
jet.model @m hidden 128 intermediate 320 vocab 512 max_position 4096
    rms_norm_eps 1.0e-06 storage f32 {
  jet.layer 0 candidates [#jet.attention<heads = 4, kv_heads = 2, head_dim = 32, rope_theta = 10000.0>,
                          #jet.jet_block<heads = 4, d_k = 32, d_v = 64, conv = 4, generator = 32, norm_eps = 1.0e-05>] weights "self_attn"
}
// expected-error @+1 {{'jet.search' op expected a metric to minimize}}
jet.search @m minimize {} {
}

// -----

// C1: a weight that is no number
jet.model @m hidden 128 intermediate 320 vocab 512 max_position 4096
    rms_norm_eps 1.0e-06 storage f32 {
  jet.layer 0 candidates [#jet.attention<heads = 4, kv_heads = 2, head_dim = 32, rope_theta = 10000.0>,
                          #jet.jet_block<heads = 4, d_k = 32, d_v = 64, conv = 4, generator = 32, norm_eps = 1.0e-05>] weights "self_attn"
}
// expected-error @+1 {{'jet.search' op expected the weight of 'score' to be a finite f64, found 1 : i64}}
jet.search @m minimize {score = 1} {
}

// -----

// C1: a weight of 0
jet.model @m hidden 128 intermediate 320 vocab 512 max_position 4096
    rms_norm_eps 1.0e-06 storage f32 {
  jet.layer 0 candidates [#jet.attention<heads = 4, kv_heads = 2, head_dim = 32, rope_theta = 10000.0>,
                          #jet.jet_block<heads = 4, d_k = 32, d_v = 64, conv = 4, generator = 32, norm_eps = 1.0e-05>] weights "self_attn"
}
// expected-error @+1 {{'jet.search' op expected the weight of 'score' not to be 0}}
jet.search @m minimize {score = 0.0} {
}

// -----

// C2: a beam of none
jet.model @m hidden 128 intermediate 320 vocab 512 max_position 4096
    rms_norm_eps 1.0e-06 storage f32 {
  jet.layer 0 candidates [#jet.attention<heads = 4, kv_heads = 2, head_dim = 32, rope_theta = 10000.0>,
                          #jet.jet_block<heads = 4, d_k = 32, d_v = 64, conv = 4, generator = 32, norm_eps = 1.0e-05>] weights "self_attn"
}
// expected-error @+1 {{'jet.search' op expected a beam of 1 to 65536, found 0}}
jet.search @m minimize {score = 1.0} beam 0 {
}

// -----

// C3: something else in the body
jet.model @m hidden 128 intermediate 320 vocab 512 max_position 4096
    rms_norm_eps 1.0e-06 storage f32 {
  jet.layer 0 candidates [#jet.attention<heads = 4, kv_heads = 2, head_dim = 32, rope_theta = 10000.0>,
                          #jet.jet_block<heads = 4, d_k = 32, d_v = 64, conv = 4, generator = 32, norm_eps = 1.0e-05>] weights "self_attn"
}
jet.search @m minimize {score = 1.0} {
  // expected-error @+1 {{'arith.constant' op is neither a limit nor a jet.measured}}
  %0 = arith.constant 1.0 : f64
}

// -----

// C4: no such model
jet.model @m hidden 128 intermediate 320 vocab 512 max_position 4096
    rms_norm_eps 1.0e-06 storage f32 {
  jet.layer 0 candidates [#jet.attention<heads = 4, kv_heads = 2, head_dim = 32, rope_theta = 10000.0>,
                          #jet.jet_block<heads = 4, d_k = 32, d_v = 64, conv = 4, generator = 32, norm_eps = 1.0e-05>] weights "self_attn"
}
// expected-error @+1 {{'jet.search' op expected a jet.model @n, found none}}
jet.search @n minimize {score = 1.0} {
}

// -----

// C5: a placement of another length
jet.model @m hidden 128 intermediate 320 vocab 512 max_position 4096
    rms_norm_eps 1.0e-06 storage f32 {
  jet.layer 0 candidates [#jet.attention<heads = 4, kv_heads = 2, head_dim = 32, rope_theta = 10000.0>,
                          #jet.jet_block<heads = 4, d_k = 32, d_v = 64, conv = 4, generator = 32, norm_eps = 1.0e-05>] weights "self_attn"
}
jet.search @m minimize {loss = 1.0} {
  // expected-error @+1 {{'jet.measured' op expected a placement of 1 layers, found 2}}
  jet.measured ["attn", "attn"] {loss = 1.0}
}

// -----

// C5: not a candidate
jet.model @m hidden 128 intermediate 320 vocab 512 max_position 4096
    rms_norm_eps 1.0e-06 storage f32 {
  jet.layer 0 candidates [#jet.attention<heads = 4, kv_heads = 2, head_dim = 32, rope_theta = 10000.0>,
                          #jet.jet_block<heads = 4, d_k = 32, d_v = 64, conv = 4, generator = 32, norm_eps = 1.0e-05>] weights "self_attn"
}
jet.search @m minimize {loss = 1.0} {
  // expected-error @+1 {{'jet.measured' op expected the mixer of layer 0 to be one of attn, jet, found 'swa'}}
  jet.measured ["swa"] {loss = 1.0}
}

// -----

// C6: measured twice
jet.model @m hidden 128 intermediate 320 vocab 512 max_position 4096
    rms_norm_eps 1.0e-06 storage f32 {
  jet.layer 0 candidates [#jet.attention<heads = 4, kv_heads = 2, head_dim = 32, rope_theta = 10000.0>,
                          #jet.jet_block<heads = 4, d_k = 32, d_v = 64, conv = 4, generator = 32, norm_eps = 1.0e-05>] weights "self_attn"
}
jet.search @m minimize {loss = 1.0} {
  // expected-note @+1 {{here}}
  jet.measured ["attn"] {loss = 1.0}
  // expected-error @+1 {{'jet.measured' op is a placement that was measured before}}
  jet.measured ["attn"] {loss = 2.0}
}

// -----

// C7: other metrics
jet.model @m hidden 128 intermediate 320 vocab 512 max_position 4096
    rms_norm_eps 1.0e-06 storage f32 {
  jet.layer 0 candidates [#jet.attention<heads = 4, kv_heads = 2, head_dim = 32, rope_theta = 10000.0>,
                          #jet.jet_block<heads = 4, d_k = 32, d_v = 64, conv = 4, generator = 32, norm_eps = 1.0e-05>] weights "self_attn"
}
jet.search @m minimize {loss = 1.0} {
  jet.measured ["attn"] {loss = 1.0}
  // expected-error @+1 {{'jet.measured' op expected the metrics of the first jet.measured}}
  jet.measured ["jet"] {loss = 1.0, accuracy = 1.0}
}

// -----

// C7: a metric that is not measured
jet.model @m hidden 128 intermediate 320 vocab 512 max_position 4096
    rms_norm_eps 1.0e-06 storage f32 {
  jet.layer 0 candidates [#jet.attention<heads = 4, kv_heads = 2, head_dim = 32, rope_theta = 10000.0>,
                          #jet.jet_block<heads = 4, d_k = 32, d_v = 64, conv = 4, generator = 32, norm_eps = 1.0e-05>] weights "self_attn"
}
// expected-error @+1 {{'jet.search' op expected a metric to minimize that is one of accuracy, loss, found 'perplexity'}}
jet.search @m minimize {perplexity = 1.0} {
  jet.measured ["attn"] {loss = 1.0, accuracy = 1.0}
}

// -----

// C7: a metric where nothing is measured
jet.model @m hidden 128 intermediate 320 vocab 512 max_position 4096
    rms_norm_eps 1.0e-06 storage f32 {
  jet.layer 0 candidates [#jet.attention<heads = 4, kv_heads = 2, head_dim = 32, rope_theta = 10000.0>,
                          #jet.jet_block<heads = 4, d_k = 32, d_v = 64, conv = 4, generator = 32, norm_eps = 1.0e-05>] weights "self_attn"
}
// expected-error @+1 {{'jet.search' op expected a metric to minimize that is one of score (nothing is measured), found 'loss'}}
jet.search @m minimize {loss = 1.0} {
}

// -----

// C8: a mixer that no layer may have
jet.model @m hidden 128 intermediate 320 vocab 512 max_position 4096
    rms_norm_eps 1.0e-06 storage f32 {
  jet.layer 0 candidates [#jet.attention<heads = 4, kv_heads = 2, head_dim = 32, rope_theta = 10000.0>,
                          #jet.jet_block<heads = 4, d_k = 32, d_v = 64, conv = 4, generator = 32, norm_eps = 1.0e-05>] weights "self_attn"
}
jet.search @m minimize {score = 1.0} {
  // expected-error @+1 {{'jet.limit_layers' op expected a mixer of the model, found 'swa'}}
  jet.limit_layers "swa" max 1
}

// -----

// limit_layers, C1
jet.model @m hidden 128 intermediate 320 vocab 512 max_position 4096
    rms_norm_eps 1.0e-06 storage f32 {
  jet.layer 0 candidates [#jet.attention<heads = 4, kv_heads = 2, head_dim = 32, rope_theta = 10000.0>,
                          #jet.jet_block<heads = 4, d_k = 32, d_v = 64, conv = 4, generator = 32, norm_eps = 1.0e-05>] weights "self_attn"
}
jet.search @m minimize {score = 1.0} {
  // expected-error @+1 {{'jet.limit_layers' op expected a min or a max}}
  jet.limit_layers "attn"
}

// -----

// limit_layers, C2
jet.model @m hidden 128 intermediate 320 vocab 512 max_position 4096
    rms_norm_eps 1.0e-06 storage f32 {
  jet.layer 0 candidates [#jet.attention<heads = 4, kv_heads = 2, head_dim = 32, rope_theta = 10000.0>,
                          #jet.jet_block<heads = 4, d_k = 32, d_v = 64, conv = 4, generator = 32, norm_eps = 1.0e-05>] weights "self_attn"
}
jet.search @m minimize {score = 1.0} {
  // expected-error @+1 {{'jet.limit_layers' op expected 0 <= min <= max}}
  jet.limit_layers "attn" min 2 max 1
}

// -----

// limit_state, C1
jet.model @m hidden 128 intermediate 320 vocab 512 max_position 4096
    rms_norm_eps 1.0e-06 storage f32 {
  jet.layer 0 candidates [#jet.attention<heads = 4, kv_heads = 2, head_dim = 32, rope_theta = 10000.0>,
                          #jet.jet_block<heads = 4, d_k = 32, d_v = 64, conv = 4, generator = 32, norm_eps = 1.0e-05>] weights "self_attn"
}
jet.search @m minimize {score = 1.0} {
  // expected-error @+1 {{'jet.limit_state' op expected max and context > 0}}
  jet.limit_state max 100 context 0
}

// -----

// limit_decode, C1
jet.model @m hidden 128 intermediate 320 vocab 512 max_position 4096
    rms_norm_eps 1.0e-06 storage f32 {
  jet.layer 0 candidates [#jet.attention<heads = 4, kv_heads = 2, head_dim = 32, rope_theta = 10000.0>,
                          #jet.jet_block<heads = 4, d_k = 32, d_v = 64, conv = 4, generator = 32, norm_eps = 1.0e-05>] weights "self_attn"
}
jet.search @m minimize {score = 1.0} {
  // expected-error @+1 {{'jet.limit_decode' op expected max, batch and context > 0}}
  jet.limit_decode max 0.0 batch 1 context 1 on #jet.target<"box", memory_bandwidth = 1.0, tensor_flops = 1.0, vector_flops = 1.0, memory = 1>
}

// -----

// limit_parameters, C1
jet.model @m hidden 128 intermediate 320 vocab 512 max_position 4096
    rms_norm_eps 1.0e-06 storage f32 {
  jet.layer 0 candidates [#jet.attention<heads = 4, kv_heads = 2, head_dim = 32, rope_theta = 10000.0>,
                          #jet.jet_block<heads = 4, d_k = 32, d_v = 64, conv = 4, generator = 32, norm_eps = 1.0e-05>] weights "self_attn"
}
jet.search @m minimize {score = 1.0} {
  // expected-error @+1 {{'jet.limit_parameters' op expected max > 0}}
  jet.limit_parameters max -1
}

// -----

// measured, C2
jet.model @m hidden 128 intermediate 320 vocab 512 max_position 4096
    rms_norm_eps 1.0e-06 storage f32 {
  jet.layer 0 candidates [#jet.attention<heads = 4, kv_heads = 2, head_dim = 32, rope_theta = 10000.0>,
                          #jet.jet_block<heads = 4, d_k = 32, d_v = 64, conv = 4, generator = 32, norm_eps = 1.0e-05>] weights "self_attn"
}
jet.search @m minimize {score = 1.0} {
  // expected-error @+1 {{'jet.measured' op expected the metric 'score' to be a finite f64, found 0x7FF0000000000000 : f64}}
  jet.measured ["attn"] {score = 0x7FF0000000000000 : f64}
}
