// An untied head has weights of its own; in f32 nothing is rounded.

// RUN: jet-opt %s -jet-expand-model | FileCheck %s --implicit-check-not=bf16

jet.model @m hidden 40 intermediate 96 vocab 80 max_position 4096
    rms_norm_eps 1.0e-06 storage f32 {
  jet.layer 0 mixer #jet.attention<heads = 4, kv_heads = 2, head_dim = 14, rope_theta = 10000.0> weights "self_attn"
}

// CHECK-LABEL: func.func @prefill
// CHECK: %[[TABLE:.*]] = jet.param "model.embed_tokens.weight" : tensor<80x40xf32>
// CHECK: jet.embedding %{{.*}}, %[[TABLE]]
// CHECK: %[[H:.*]] = jet.rms_norm %{{.*}}
// CHECK: %[[NORM:.*]] = jet.param "model.norm.weight"
// CHECK: %[[H:.*]] = jet.rms_norm %{{.*}}, %[[NORM]]
// CHECK: %[[HEAD:.*]] = jet.param "lm_head.weight" : tensor<80x40xf32>
// CHECK: %[[LOGITS:.*]] = jet.linear %[[H]], %[[HEAD]]
// CHECK: return %[[LOGITS]],
// CHECK-LABEL: func.func @decode
// CHECK: jet.param "lm_head.weight"
// CHECK-LABEL: func.func @forward
// CHECK: jet.param "lm_head.weight"
