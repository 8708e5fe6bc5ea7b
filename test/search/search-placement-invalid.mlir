// Searches that have no answer.

// RUN: jet-opt %s -jet-search-placement -verify-diagnostics -split-input-file

// Nothing to judge by: a layer without scores
#attn = #jet.attention<heads = 4, kv_heads = 2, head_dim = 32, rope_theta = 10000.0>
#swa = #jet.attention<heads = 4, kv_heads = 2, head_dim = 32, rope_theta = 10000.0, window = 8>
#jet = #jet.jet_block<heads = 4, d_k = 32, d_v = 64, conv = 4, generator = 32, norm_eps = 1.0e-05>
jet.model @m hidden 128 intermediate 320 vocab 512 max_position 4096
    rms_norm_eps 1.0e-06 storage f32 {
  jet.layer 0 candidates [#attn, #jet] scores [1.0, 0.0] weights "self_attn"
  jet.layer 1 candidates [#attn, #jet] weights "self_attn"
}
// expected-error @+1 {{'jet.search' op expected measured placements, or scores of every layer's candidates, found neither}}
jet.search @m minimize {score = 1.0} {
}

// -----

// No placement has so many layers
#attn = #jet.attention<heads = 4, kv_heads = 2, head_dim = 32, rope_theta = 10000.0>
#swa = #jet.attention<heads = 4, kv_heads = 2, head_dim = 32, rope_theta = 10000.0, window = 8>
#jet = #jet.jet_block<heads = 4, d_k = 32, d_v = 64, conv = 4, generator = 32, norm_eps = 1.0e-05>
jet.model @m hidden 128 intermediate 320 vocab 512 max_position 4096
    rms_norm_eps 1.0e-06 storage f32 {
  jet.layer 0 candidates [#attn, #jet] scores [1.0, 0.0] weights "self_attn"
  jet.layer 1 candidates [#attn, #jet] scores [2.0, 0.0] weights "self_attn"
}
// expected-error @+1 {{'jet.search' op no placement is within all limits: layers with mixer attn: expected at least 3, found 0 to 2; the best of all, 0-1 attn, is excluded by layers with mixer attn: expected at least 3, found 2}}
jet.search @m minimize {score = -1.0} {
  jet.limit_layers "attn" min 3
}

// -----

// The best is too large; what is small enough was not measured
#attn = #jet.attention<heads = 4, kv_heads = 2, head_dim = 32, rope_theta = 10000.0>
#swa = #jet.attention<heads = 4, kv_heads = 2, head_dim = 32, rope_theta = 10000.0, window = 8>
#jet = #jet.jet_block<heads = 4, d_k = 32, d_v = 64, conv = 4, generator = 32, norm_eps = 1.0e-05>
jet.model @m hidden 128 intermediate 320 vocab 512 max_position 4096
    rms_norm_eps 1.0e-06 storage f32 {
  jet.layer 0 candidates [#attn, #jet] weights "self_attn"
  jet.layer 1 candidates [#attn, #jet] weights "self_attn"
}
// expected-error @+1 {{'jet.search' op nothing is known of any placement within the limits; the best of all, 0-1 attn, is excluded by state of a sequence at context 4096: expected at most 3000000 bytes, found 4194304}}
jet.search @m minimize {loss = 1.0} {
  jet.limit_state max 3000000 context 4096
  jet.measured ["attn", "attn"] {loss = 1.0}
}

// -----

// A model has one answer
#attn = #jet.attention<heads = 4, kv_heads = 2, head_dim = 32, rope_theta = 10000.0>
#swa = #jet.attention<heads = 4, kv_heads = 2, head_dim = 32, rope_theta = 10000.0, window = 8>
#jet = #jet.jet_block<heads = 4, d_k = 32, d_v = 64, conv = 4, generator = 32, norm_eps = 1.0e-05>
jet.model @m hidden 128 intermediate 320 vocab 512 max_position 4096
    rms_norm_eps 1.0e-06 storage f32 {
  jet.layer 0 candidates [#attn, #jet] scores [1.0, 0.0] weights "self_attn"
}
jet.search @m minimize {score = 1.0} {
}
// expected-error @+1 {{'jet.search' op expected one search of @m, found another}}
jet.search @m minimize {score = 1.0} {
}
