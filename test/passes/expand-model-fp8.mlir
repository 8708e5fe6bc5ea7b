// Keys and values as f8E4M3FN: what a layer's scale divides is rounded to it
// where it is made, and what is beyond 448 becomes 448.

// RUN: jet-opt %s -jet-expand-model | FileCheck %s

jet.model @m hidden 40 intermediate 96 vocab 80 max_position 4096
    rms_norm_eps 1.0e-06 storage bf16 kv f8E4M3FN tied {
  jet.layer 0 mixer #jet.attention<heads = 4, kv_heads = 2, head_dim = 14, rope_theta = 10000.0> weights "self_attn"
  jet.layer 1 mixer #jet.attention<heads = 4, kv_heads = 2, head_dim = 14, rope_theta = 10000.0> weights "self_attn" kv_scales [0.5, 0.125]
}

// CHECK: func.func @prefill(
// CHECK-SAME: %[[KV:[a-z0-9]+]]: !jet.kv_cache<2x14xf8E4M3FN, page = 64> {jet.layer = 0 : i64},
// CHECK-SAME: %[[SCALED:[a-z0-9]+]]: !jet.kv_cache<2x14xf8E4M3FN, page = 64, k_scale = 0.5, v_scale = 0.125> {jet.layer = 1 : i64})

// A scale of 1 costs nothing.
// CHECK-NOT: arith.divf
// CHECK: jet.linear {{.*}} -> tensor<?x28xf8E4M3FN>
// CHECK-NOT: arith.divf
// CHECK: %[[K:.*]] = jet.rope {{.*}} -> tensor<?x2x14xf8E4M3FN>
// CHECK: jet.attention %{{.*}}, %[[K]], %{{.*}}, %[[KV]]

// CHECK: jet.param "model.layers.1.self_attn.v_proj.bias"
// CHECK: %[[FLAT:.*]] = jet.linear {{.*}} -> tensor<?x28xf32>
// CHECK: %[[ROPE:.*]] = jet.rope {{.*}} -> tensor<?x2x14xf32>
// CHECK: %[[K1:.*]] = jet.map(%[[ROPE]]) : (tensor<?x2x14xf32>) -> tensor<?x2x14xf8E4M3FN>
// CHECK: %[[SCALE:.*]] = arith.constant 5.000000e-01
// CHECK: arith.divf %{{.*}}, %[[SCALE]]
// CHECK: arith.minimumf %{{.*}}, %{{.*}}
// CHECK: arith.maximumf %{{.*}}, %{{.*}}
// CHECK: arith.truncf %{{.*}} : f32 to f8E4M3FN
// CHECK: %[[V:.*]] = jet.map(%[[FLAT]]) : (tensor<?x28xf32>) -> tensor<?x28xf8E4M3FN>
// CHECK: arith.constant 1.250000e-01
// CHECK: %[[V1:.*]] = jet.split_heads %[[V]]
// CHECK: jet.attention %{{.*}}, %[[K1]], %[[V1]], %[[SCALED]]
// CHECK: jet.kv_append %[[SCALED]], %[[K1]], %[[V1]]
