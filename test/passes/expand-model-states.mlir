// States in types of their own: keys and values take the type of the cache where
// they are made, so that a token reads the same from the cache and from its step.

// RUN: jet-opt %s -jet-expand-model | FileCheck %s

jet.model @m hidden 40 intermediate 96 vocab 80 max_position 4096
    rms_norm_eps 1.0e-06 storage f32 kv bf16 recurrent bf16 tied {
  jet.layer 0 mixer #jet.jet_block<heads = 2, d_k = 16, d_v = 24, conv = 4, generator = 12, norm_eps = 1.0e-05> weights "self_attn"
  jet.layer 1 mixer #jet.attention<heads = 4, kv_heads = 2, head_dim = 14, rope_theta = 10000.0, window = 8> weights "self_attn"
}

// CHECK: func.func @prefill(
// CHECK-SAME: !jet.recurrent_state<2x16x24xbf16> {jet.layer = 0 : i64},
// CHECK-SAME: !jet.conv_tail<3x48xf32> {jet.layer = 0 : i64},
// CHECK-SAME: %[[KV:[a-z0-9]+]]: !jet.kv_cache<2x14xbf16, window = 8> {jet.layer = 1 : i64})
// CHECK: jet.gated_delta_rule {{.*}}-> (tensor<?x2x24xf32>, !jet.recurrent_state<2x16x24xbf16>)
// CHECK: jet.param "model.layers.1.self_attn.v_proj.weight" : tensor<28x40xf32>
// CHECK: %[[FLAT:.*]] = jet.linear {{.*}} -> tensor<?x28xbf16>
// CHECK: %[[K:.*]] = jet.rope {{.*}} -> tensor<?x2x14xbf16>
// CHECK: %[[V:.*]] = jet.split_heads %[[FLAT]]
// CHECK: jet.attention %{{.*}}, %[[K]], %[[V]], %[[KV]]
// CHECK: jet.kv_append %[[KV]], %[[K]], %[[V]]
