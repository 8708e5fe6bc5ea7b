// What a placement may not be.

// RUN: jet-opt %s -jet-place-layers=placement=jet,attn -verify-diagnostics -split-input-file

// Too long
// expected-error @+1 {{'jet.model' op expected a placement of 1 layers, found 2}}
jet.model @short hidden 128 intermediate 320 vocab 512 max_position 4096
    rms_norm_eps 1.0e-06 storage f32 {
  jet.layer 0 candidates [#jet.jet_block<heads = 4, d_k = 32, d_v = 64, conv = 4, generator = 32, norm_eps = 1.0e-05>] weights "self_attn"
}

// -----

// Too short
// expected-error @+1 {{'jet.model' op expected a placement of 3 layers, found 2}}
jet.model @long hidden 128 intermediate 320 vocab 512 max_position 4096
    rms_norm_eps 1.0e-06 storage f32 {
  jet.layer 0 candidates [#jet.jet_block<heads = 4, d_k = 32, d_v = 64, conv = 4, generator = 32, norm_eps = 1.0e-05>] weights "self_attn"
  jet.layer 1 mixer #jet.attention<heads = 4, kv_heads = 2, head_dim = 32, rope_theta = 10000.0> weights "self_attn"
  jet.layer 2 mixer #jet.attention<heads = 4, kv_heads = 2, head_dim = 32, rope_theta = 10000.0> weights "self_attn"
}

// -----

// Not a candidate, in each layer that is wrong
jet.model @unknown hidden 128 intermediate 320 vocab 512 max_position 4096
    rms_norm_eps 1.0e-06 storage f32 {
  // expected-error @+1 {{'jet.layer' op expected the mixer of layer 0 to be one of attn, swa, found 'jet'}}
  jet.layer 0 candidates [#jet.attention<heads = 4, kv_heads = 2, head_dim = 32, rope_theta = 10000.0>,
                          #jet.attention<heads = 4, kv_heads = 2, head_dim = 32, rope_theta = 10000.0, window = 8>] weights "self_attn"
  // expected-error @+1 {{'jet.layer' op expected the mixer of layer 1 to be one of jet, found 'attn'}}
  jet.layer 1 candidates [#jet.jet_block<heads = 4, d_k = 32, d_v = 64, conv = 4, generator = 32, norm_eps = 1.0e-05>] weights "self_attn"
}

// -----

// A placed layer has one choice left
jet.model @placed hidden 128 intermediate 320 vocab 512 max_position 4096
    rms_norm_eps 1.0e-06 storage f32 {
  jet.layer 0 mixer #jet.jet_block<heads = 4, d_k = 32, d_v = 64, conv = 4, generator = 32, norm_eps = 1.0e-05> weights "self_attn"
  // expected-error @+1 {{'jet.layer' op expected the mixer of layer 1 to be one of swa, found 'attn'}}
  jet.layer 1 mixer #jet.attention<heads = 4, kv_heads = 2, head_dim = 32, rope_theta = 10000.0, window = 8> weights "self_attn"
}
