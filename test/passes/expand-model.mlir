// A model of three layers, one of each mixer, as functions over tensors. The
// sizes all differ, so that no two tensors can be mixed up.

// RUN: jet-opt %s -jet-expand-model | FileCheck %s
// RUN: jet-opt %s -jet-expand-model | FileCheck %s --check-prefix=DECODE
// RUN: jet-opt %s -jet-expand-model | FileCheck %s --check-prefix=FORWARD
// RUN: jet-opt %s -jet-expand | jet-opt -jet-verify-level=level=tensor | FileCheck %s --check-prefix=STATES

jet.model @m hidden 40 intermediate 96 vocab 80 max_position 4096
    rms_norm_eps 1.0e-06 storage bf16 tied {
  jet.layer 0 mixer #jet.jet_block<heads = 2, d_k = 16, d_v = 24, conv = 4, generator = 12, norm_eps = 1.0e-05> weights "self_attn"
  jet.layer 1 mixer #jet.attention<heads = 4, kv_heads = 2, head_dim = 14, rope_theta = 10000.0> weights "self_attn"
  jet.layer 2 mixer #jet.attention<heads = 6, kv_heads = 3, head_dim = 10, rope_theta = 5000.0, window = 8> weights "self_attn.swa"
}

// The model stays as the description of the module.
// CHECK: jet.model @m
// CHECK: func.func @prefill(
// CHECK-SAME: %[[TOKENS:[a-z0-9]+]]: tensor<?xi32>, %[[POSITIONS:[a-z0-9]+]]: tensor<?xi32>, %[[BATCH:[a-z0-9]+]]: !jet.batch,
// CHECK-SAME: %[[S:[a-z0-9]+]]: !jet.recurrent_state<2x16x24xf32> {jet.layer = 0 : i64},
// CHECK-SAME: %[[TAIL:[a-z0-9]+]]: !jet.conv_tail<3x48xbf16> {jet.layer = 0 : i64},
// CHECK-SAME: %[[KV:[a-z0-9]+]]: !jet.kv_cache<2x14xbf16, page = 64> {jet.layer = 1 : i64},
// CHECK-SAME: %[[WKV:[a-z0-9]+]]: !jet.kv_cache<3x10xbf16, window = 8> {jet.layer = 2 : i64})
// CHECK-SAME: -> (tensor<?x80xf32>, !jet.recurrent_state<2x16x24xf32>, !jet.conv_tail<3x48xbf16>, !jet.kv_cache<2x14xbf16, page = 64>, !jet.kv_cache<3x10xbf16, window = 8>)
// CHECK: %[[TABLE:.*]] = jet.param "model.embed_tokens.weight" : tensor<80x40xbf16>
// CHECK: %[[X0:.*]] = jet.embedding %[[TOKENS]], %[[TABLE]] :{{.*}} -> tensor<?x40xf32>

// JetBlock
// CHECK: %[[W:.*]] = jet.param "model.layers.0.input_layernorm.weight" : tensor<40xbf16>
// CHECK: %[[H0:.*]] = jet.rms_norm %[[X0]], %[[W]] eps 1.0e-06
// q, of length 1/sqrt(d_k)
// CHECK: %[[W:.*]] = jet.param "model.layers.0.self_attn.q_proj.weight" : tensor<32x40xbf16>
// CHECK: %[[Y:.*]] = jet.linear %[[H0]], %[[W]] :{{.*}} -> tensor<?x32xf32>
// CHECK: %[[Y1:.*]] = jet.map(%[[Y]])
// CHECK: %[[E:.*]] = math.exp
// CHECK: arith.divf
// CHECK: %[[Y2:.*]] = jet.split_heads %[[Y1]] :{{.*}} -> tensor<?x2x16xf32>
// CHECK: %[[Q:.*]] = jet.l2_norm %[[Y2]] eps 1.0e-06 scale 0.25
// k, of length 1
// CHECK: %[[W:.*]] = jet.param "model.layers.0.self_attn.k_proj.weight" : tensor<32x40xbf16>
// CHECK: jet.linear %[[H0]], %[[W]]
// CHECK: %[[K:.*]] = jet.l2_norm %{{.*}} eps 1.0e-06 scale 1.0
// v through the convolution, whose input has the tail's type
// CHECK: %[[W:.*]] = jet.param "model.layers.0.self_attn.v_proj.weight" : tensor<48x40xbf16>
// CHECK: %[[U:.*]] = jet.linear %[[H0]], %[[W]] :{{.*}} -> tensor<?x48xbf16>
// CHECK: %[[W:.*]] = jet.param "model.layers.0.self_attn.dynamic_conv1d.kernel_generator.w1.weight" : tensor<12x40xbf16>
// CHECK: %[[Y:.*]] = jet.linear %[[H0]], %[[W]] :{{.*}} -> tensor<?x12xf32>
// CHECK: %[[Y1:.*]] = jet.map(%[[Y]])
// CHECK: %[[W:.*]] = jet.param "model.layers.0.self_attn.dynamic_conv1d.kernel_generator.w2.weight" : tensor<192x12xbf16>
// CHECK: %[[B:.*]] = jet.param "model.layers.0.self_attn.dynamic_conv1d.kernel_generator.w2.bias" : tensor<192xbf16>
// CHECK: %[[TAPS:.*]] = jet.linear %[[Y1]], %[[W]] bias %[[B]] :{{.*}} -> tensor<?x192xf32>
// CHECK: %[[CONV:.*]], %[[TAIL1:.*]] = jet.dynamic_conv %[[U]], %[[TAPS]], %[[TAIL]], %[[BATCH]] :{{.*}} -> (tensor<?x48xf32>, !jet.conv_tail<3x48xbf16>)
// CHECK: %[[Y:.*]] = jet.map(%[[CONV]])
// CHECK: %[[V:.*]] = jet.split_heads %[[Y]] :{{.*}} -> tensor<?x2x24xf32>
// beta and g
// CHECK: %[[W:.*]] = jet.param "model.layers.0.self_attn.b_proj.weight" : tensor<2x40xbf16>
// CHECK: %[[Y:.*]] = jet.linear %[[H0]], %[[W]]
// CHECK: %[[BETA:.*]] = jet.map(%[[Y]])
// CHECK: %[[W:.*]] = jet.param "model.layers.0.self_attn.a_proj.weight" : tensor<2x40xbf16>
// CHECK: %[[A:.*]] = jet.linear %[[H0]], %[[W]]
// CHECK: %[[ALOG:.*]] = jet.param "model.layers.0.self_attn.A_log" : tensor<2xbf16>
// CHECK: %[[DT:.*]] = jet.param "model.layers.0.self_attn.dt_bias" : tensor<2xbf16>
// CHECK: %[[G:.*]] = jet.map(%[[A]], %[[ALOG]], %[[DT]]) : (tensor<?x2xf32>, tensor<2xbf16>, tensor<2xbf16>) -> tensor<?x2xf32> {
// CHECK-NEXT: ^bb0(%[[A:.*]]: f32, %[[LOG:.*]]: bf16, %[[BIAS:.*]]: bf16):
// CHECK-DAG: %[[LOG1:.*]] = arith.extf %[[LOG]]
// CHECK-DAG: %[[BIAS1:.*]] = arith.extf %[[BIAS]]
// CHECK: %[[Z:.*]] = arith.addf %[[A]], %[[BIAS1]]
// CHECK: %[[LARGE:.*]] = arith.cmpf ogt, %[[Z]]
// CHECK: %[[E:.*]] = math.exp %[[Z]]
// CHECK: %[[SOFT:.*]] = math.log1p %[[E]]
// CHECK: %[[PLUS:.*]] = arith.select %[[LARGE]], %[[Z]], %[[SOFT]]
// CHECK: %[[RATE:.*]] = math.exp %[[LOG1]]
// CHECK: %[[DECAY:.*]] = arith.mulf %[[RATE]], %[[PLUS]]
// CHECK: %[[NEG:.*]] = arith.negf %[[DECAY]]
// CHECK: jet.yield %[[NEG]]
// CHECK: %[[O:.*]], %[[S1:.*]] = jet.gated_delta_rule %[[Q]], %[[K]], %[[V]], %[[G]], %[[BETA]], %[[S]], %[[BATCH]]
// CHECK: %[[W:.*]] = jet.param "model.layers.0.self_attn.g_proj.weight" : tensor<48x40xbf16>
// CHECK: %[[Y:.*]] = jet.linear %[[H0]], %[[W]]
// CHECK: %[[GATE:.*]] = jet.split_heads %[[Y]]
// CHECK: %[[W:.*]] = jet.param "model.layers.0.self_attn.o_norm.weight" : tensor<24xbf16>
// CHECK: %[[Y:.*]] = jet.gated_rms_norm %[[O]], %[[GATE]], %[[W]] eps 1.0e-05
// CHECK: %[[Y1:.*]] = jet.merge_heads %[[Y]]
// CHECK: %[[W:.*]] = jet.param "model.layers.0.self_attn.o_proj.weight" : tensor<40x48xbf16>
// CHECK: %[[Y:.*]] = jet.linear %[[Y1]], %[[W]]
// CHECK: %[[X1:.*]] = jet.map(%[[X0]], %[[Y]])
// CHECK: arith.addf

// MLP
// CHECK: %[[W:.*]] = jet.param "model.layers.0.post_attention_layernorm.weight" : tensor<40xbf16>
// CHECK: %[[H:.*]] = jet.rms_norm %[[X1]], %[[W]] eps 1.0e-06
// CHECK: %[[W:.*]] = jet.param "model.layers.0.mlp.gate_proj.weight" : tensor<96x40xbf16>
// CHECK: %[[GATE:.*]] = jet.linear %[[H]], %[[W]]
// CHECK: %[[W:.*]] = jet.param "model.layers.0.mlp.up_proj.weight" : tensor<96x40xbf16>
// CHECK: %[[UP:.*]] = jet.linear %[[H]], %[[W]]
// CHECK: %[[Y:.*]] = jet.swiglu %[[GATE]], %[[UP]]
// CHECK: %[[W:.*]] = jet.param "model.layers.0.mlp.down_proj.weight" : tensor<40x96xbf16>
// CHECK: %[[Y1:.*]] = jet.linear %[[Y]], %[[W]]
// CHECK: %[[X2:.*]] = jet.map(%[[X1]], %[[Y1]])

// Attention: k and v have the cache's type.
// CHECK: %[[W:.*]] = jet.param "model.layers.1.input_layernorm.weight"
// CHECK: %[[H1:.*]] = jet.rms_norm %[[X2]], %[[W]]
// CHECK: %[[W:.*]] = jet.param "model.layers.1.self_attn.q_proj.weight" : tensor<56x40xbf16>
// CHECK: %[[B:.*]] = jet.param "model.layers.1.self_attn.q_proj.bias" : tensor<56xbf16>
// CHECK: %[[Q0:.*]] = jet.linear %[[H1]], %[[W]] bias %[[B]]
// CHECK: %[[W:.*]] = jet.param "model.layers.1.self_attn.k_proj.weight" : tensor<28x40xbf16>
// CHECK: %[[B:.*]] = jet.param "model.layers.1.self_attn.k_proj.bias" : tensor<28xbf16>
// CHECK: %[[K0:.*]] = jet.linear %[[H1]], %[[W]] bias %[[B]] :{{.*}} -> tensor<?x28xf32>
// CHECK: %[[W:.*]] = jet.param "model.layers.1.self_attn.v_proj.weight" : tensor<28x40xbf16>
// CHECK: %[[B:.*]] = jet.param "model.layers.1.self_attn.v_proj.bias" : tensor<28xbf16>
// CHECK: %[[V0:.*]] = jet.linear %[[H1]], %[[W]] bias %[[B]] :{{.*}} -> tensor<?x28xbf16>
// CHECK: %[[Q1:.*]] = jet.split_heads %[[Q0]] :{{.*}} -> tensor<?x4x14xf32>
// CHECK: %[[Q:.*]] = jet.rope %[[Q1]], %[[POSITIONS]] theta 10000.0 :{{.*}} -> tensor<?x4x14xf32>
// CHECK: %[[K1:.*]] = jet.split_heads %[[K0]] :{{.*}} -> tensor<?x2x14xf32>
// CHECK: %[[K:.*]] = jet.rope %[[K1]], %[[POSITIONS]] theta 10000.0 :{{.*}} -> tensor<?x2x14xbf16>
// CHECK: %[[V:.*]] = jet.split_heads %[[V0]] :{{.*}} -> tensor<?x2x14xbf16>
// CHECK: %[[Y:.*]] = jet.attention %[[Q]], %[[K]], %[[V]], %[[KV]], %[[BATCH]]
// CHECK: %[[KV1:.*]] = jet.kv_append %[[KV]], %[[K]], %[[V]], %[[BATCH]]
// CHECK: %[[Y1:.*]] = jet.merge_heads %[[Y]]
// CHECK: %[[W:.*]] = jet.param "model.layers.1.self_attn.o_proj.weight" : tensor<40x56xbf16>
// CHECK: %[[Y:.*]] = jet.linear %[[Y1]], %[[W]]
// CHECK: jet.map(%[[X2]], %[[Y]])

// Windowed attention, where the placement left its weights
// CHECK: jet.param "model.layers.2.self_attn.swa.q_proj.weight" : tensor<60x40xbf16>
// CHECK: jet.param "model.layers.2.self_attn.swa.k_proj.weight" : tensor<30x40xbf16>
// CHECK: %[[Y:.*]] = jet.attention %[[Q:.*]], %[[K:.*]], %[[V:.*]], %[[WKV]], %[[BATCH]]
// CHECK: %[[WKV1:.*]] = jet.kv_append %[[WKV]], %[[K]], %[[V]], %[[BATCH]]
// CHECK: jet.param "model.layers.2.self_attn.swa.o_proj.weight" : tensor<40x60xbf16>
// CHECK: jet.param "model.layers.2.mlp.down_proj.weight"
// CHECK: %[[Y:.*]] = jet.linear
// CHECK: %[[X:.*]] = jet.map(%{{.*}}, %[[Y]])

// The head, tied: the last token of each sequence only
// CHECK: %[[LAST:.*]] = jet.last_token %[[X]], %[[BATCH]]
// CHECK: %[[W:.*]] = jet.param "model.norm.weight" : tensor<40xbf16>
// CHECK: %[[H:.*]] = jet.rms_norm %[[LAST]], %[[W]] eps 1.0e-06
// CHECK: %[[LOGITS:.*]] = jet.linear %[[H]], %[[TABLE]] : (tensor<?x40xf32>, tensor<80x40xbf16>) -> tensor<?x80xf32>
// CHECK: return %[[LOGITS]], %[[S1]], %[[TAIL1]], %[[KV1]], %[[WKV1]]

// One token a sequence, or all tokens: no row is dropped.
// DECODE: func.func @decode(
// DECODE-NOT: jet.last_token
// DECODE: jet.gated_delta_rule
// DECODE-NOT: jet.last_token
// DECODE: jet.linear {{.*}} -> tensor<?x80xf32>
// DECODE: return

// FORWARD: func.func @forward(
// FORWARD-NOT: jet.last_token
// FORWARD: jet.linear {{.*}} -> tensor<?x80xf32>
// FORWARD: return

// STATES-COUNT-3: -> (tensor<?x80xf32>, !jet.recurrent_state<2x16x24xf32>, !jet.conv_tail<3x48xbf16>, !jet.kv_cache<2x14xbf16, page = 64>, !jet.kv_cache<3x10xbf16, window = 8>)
