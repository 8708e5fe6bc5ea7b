// Programs that pick from candidates, besides those of logits.

// RUN: jet-opt %s -jet-expand-model=top-k=5 | FileCheck %s
// RUN: jet-opt %s -jet-expand-model | FileCheck %s --check-prefix=NONE --implicit-check-not=sample
// RUN: not jet-opt %s -jet-expand-model=top-k=81 2>&1 | FileCheck %s --check-prefix=MANY
// RUN: not jet-opt %s -jet-expand-model=top-k=-1 2>&1 | FileCheck %s --check-prefix=NEGATIVE

jet.model @m hidden 40 intermediate 96 vocab 80 max_position 4096
    rms_norm_eps 1.0e-06 storage f32 tied {
  jet.layer 0 mixer #jet.attention<heads = 4, kv_heads = 2, head_dim = 14, rope_theta = 10000.0> weights "self_attn"
}

// CHECK-LABEL: func.func @prefill(
// CHECK-SAME: %[[SAMPLING:[^ ]*]]: tensor<?x4xf32>, %{{[^ ]*}}: !jet.kv_cache<2x14xf32, page = 64> {jet.layer = 0 : i64})
// CHECK-SAME: -> (tensor<?x80xf32>, tensor<?xi32>, !jet.kv_cache<2x14xf32, page = 64>)
// CHECK: %[[LOGITS:.*]] = jet.linear {{.*}} -> tensor<?x80xf32>
// CHECK: %[[NEXT:.*]] = jet.sample_logits %[[LOGITS]] by %[[SAMPLING]]
// CHECK: return %[[LOGITS]], %[[NEXT]], %{{.*}} :
// CHECK-LABEL: func.func @decode(
// CHECK: jet.sample_logits
// CHECK-LABEL: func.func @forward(
// CHECK-NOT: jet.sample
// CHECK-NOT: jet.top_k
// CHECK-LABEL: func.func @prefill_sample(
// CHECK-SAME: %[[SAMPLING:[^ ]*]]: tensor<?x4xf32>, %{{[^ ]*}}: !jet.kv_cache<2x14xf32, page = 64> {jet.layer = 0 : i64})
// CHECK-SAME: -> (tensor<?x5xf32>, tensor<?x5xi32>, tensor<?xi32>, !jet.kv_cache<2x14xf32, page = 64>)
// CHECK: %[[LAST:.*]] = jet.last_token
// CHECK: %[[H:.*]] = jet.rms_norm %[[LAST]]
// CHECK: %[[LOGITS:.*]] = jet.linear %[[H]]
// CHECK: %[[VALUES:.*]], %[[IDS:.*]] = jet.top_k %[[LOGITS]] k 5
// CHECK: %[[NEXT:.*]] = jet.sample %[[VALUES]], %[[IDS]] by %[[SAMPLING]]
// CHECK: return %[[VALUES]], %[[IDS]], %[[NEXT]], %{{.*}} :
// CHECK-LABEL: func.func @decode_sample(
// CHECK-NOT: jet.last_token
// CHECK: jet.top_k
// CHECK: jet.sample

// NONE: func.func @forward(

// MANY: error: 'jet.model' op expected top-k from 0 to 80, the size of the vocabulary, found 81
// NEGATIVE: error: 'jet.model' op expected top-k from 0 to 80, the size of the vocabulary, found -1
