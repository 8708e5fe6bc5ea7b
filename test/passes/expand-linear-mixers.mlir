// Gated DeltaNet and Mamba2 as functions over tensors. The sizes all differ, so
// that no two tensors can be mixed up.

// RUN: jet-opt %s -jet-expand-model -split-input-file | FileCheck %s
// RUN: jet-opt %s -jet-expand -split-input-file | jet-opt -jet-verify-level=level=tensor -split-input-file

// CHECK: func.func @prefill(
// CHECK-SAME: %[[BATCH:[a-z0-9]+]]: !jet.batch,
// CHECK-SAME: %[[S:[a-z0-9]+]]: !jet.recurrent_state<4x16x24xf32> {jet.layer = 0 : i64},
// CHECK-SAME: %[[TQ:[a-z0-9]+]]: !jet.conv_tail<2x32xbf16> {jet.layer = 0 : i64},
// CHECK-SAME: %[[TK:[a-z0-9]+]]: !jet.conv_tail<2x32xbf16> {jet.layer = 0 : i64},
// CHECK-SAME: %[[TV:[a-z0-9]+]]: !jet.conv_tail<2x96xbf16> {jet.layer = 0 : i64})
jet.model @gdn hidden 40 intermediate 96 vocab 80 max_position 4096
    rms_norm_eps 1.0e-06 storage bf16 tied {
  jet.layer 0 mixer #jet.gated_delta_net<heads = 4, key_heads = 2, d_k = 16, d_v = 24, conv = 3, norm_eps = 1.0e-05> weights "self_attn"
}
// CHECK: %[[H:.*]] = jet.rms_norm
// q, of length 1/sqrt(d_k); what is convolved has the tail's type
// CHECK: %[[W:.*]] = jet.param "model.layers.0.self_attn.q_proj.weight" : tensor<32x40xbf16>
// CHECK: %[[U:.*]] = jet.linear %[[H]], %[[W]] :{{.*}} -> tensor<?x32xbf16>
// CHECK: %[[C:.*]] = jet.param "model.layers.0.self_attn.q_conv1d.weight" : tensor<32x1x3xbf16>
// CHECK: %[[C1:.*]] = jet.param_rows %[[C]][0, 32) : (tensor<32x1x3xbf16>) -> tensor<32x3xbf16>
// CHECK: %[[Y:.*]], %[[TQ1:.*]] = jet.short_conv %[[U]], %[[C1]], %[[TQ]], %[[BATCH]] :{{.*}} -> (tensor<?x32xf32>, !jet.conv_tail<2x32xbf16>)
// CHECK: %[[Y1:.*]] = jet.map(%[[Y]])
// CHECK: math.exp
// CHECK: %[[Y2:.*]] = jet.split_heads %[[Y1]] :{{.*}} -> tensor<?x2x16xf32>
// CHECK: %[[Q:.*]] = jet.l2_norm %[[Y2]] eps 1.0e-06 scale 0.25
// k, of length 1
// CHECK: jet.param "model.layers.0.self_attn.k_conv1d.weight" : tensor<32x1x3xbf16>
// CHECK: jet.short_conv %{{.*}}, %{{.*}}, %[[TK]], %[[BATCH]]
// CHECK: %[[K:.*]] = jet.l2_norm %{{.*}} eps 1.0e-06 scale 1.0
// v, of more heads
// CHECK: jet.param "model.layers.0.self_attn.v_conv1d.weight" : tensor<96x1x3xbf16>
// CHECK: %[[Y:.*]], %{{.*}} = jet.short_conv %{{.*}}, %{{.*}}, %[[TV]], %[[BATCH]]
// CHECK: %[[Y1:.*]] = jet.map(%[[Y]])
// CHECK: %[[V:.*]] = jet.split_heads %[[Y1]] :{{.*}} -> tensor<?x4x24xf32>
// CHECK: jet.param "model.layers.0.self_attn.b_proj.weight" : tensor<4x40xbf16>
// CHECK: %[[BETA:.*]] = jet.map(
// CHECK: jet.param "model.layers.0.self_attn.a_proj.weight" : tensor<4x40xbf16>
// CHECK: %[[G:.*]] = jet.map(
// CHECK: %[[O:.*]], %{{.*}} = jet.gated_delta_rule %[[Q]], %[[K]], %[[V]], %[[G]], %[[BETA]], %[[S]], %[[BATCH]] : (tensor<?x2x16xf32>, tensor<?x2x16xf32>, tensor<?x4x24xf32>,
// CHECK: jet.param "model.layers.0.self_attn.g_proj.weight" : tensor<96x40xbf16>
// CHECK: jet.param "model.layers.0.self_attn.o_norm.weight" : tensor<24xbf16>
// CHECK: %[[Y:.*]] = jet.gated_rms_norm %[[O]], %{{.*}}, %{{.*}} eps 1.0e-05
// CHECK: %[[Y1:.*]] = jet.merge_heads %[[Y]]
// CHECK: %[[W:.*]] = jet.param "model.layers.0.self_attn.o_proj.weight" : tensor<40x96xbf16>
// CHECK: jet.linear %[[Y1]], %[[W]]

// -----

// CHECK: func.func @prefill(
// CHECK-SAME: %[[BATCH:[a-z0-9]+]]: !jet.batch,
// CHECK-SAME: %[[S:[a-z0-9]+]]: !jet.recurrent_state<6x7x5xf32> {jet.layer = 0 : i64},
// CHECK-SAME: %[[TX:[a-z0-9]+]]: !jet.conv_tail<3x30xbf16> {jet.layer = 0 : i64},
// CHECK-SAME: %[[TB:[a-z0-9]+]]: !jet.conv_tail<3x14xbf16> {jet.layer = 0 : i64},
// CHECK-SAME: %[[TC:[a-z0-9]+]]: !jet.conv_tail<3x14xbf16> {jet.layer = 0 : i64})
jet.model @mamba hidden 40 intermediate 96 vocab 80 max_position 4096
    rms_norm_eps 1.0e-06 storage bf16 tied {
  jet.layer 0 mixer #jet.mamba2<heads = 6, head_dim = 5, d_state = 7, groups = 2, conv = 4, norm_eps = 1.0e-05> weights "self_attn.mamba2"
}
// CHECK: %[[H:.*]] = jet.rms_norm
// Rows of in_proj: 30 of z, 30 of x, 14 of B, 14 of C, 6 of dt; of the
// convolution the middle three.
// CHECK: %[[IN:.*]] = jet.param "model.layers.0.self_attn.mamba2.in_proj.weight" : tensor<94x40xbf16>
// CHECK: %[[CONV:.*]] = jet.param "model.layers.0.self_attn.mamba2.conv1d.weight" : tensor<58x1x4xbf16>
// CHECK: %[[BIAS:.*]] = jet.param "model.layers.0.self_attn.mamba2.conv1d.bias" : tensor<58xbf16>
// CHECK: %[[W:.*]] = jet.param_rows %[[IN]][0, 30)
// CHECK: %[[Y:.*]] = jet.linear %[[H]], %[[W]] :{{.*}} -> tensor<?x30xf32>
// CHECK: %[[Z:.*]] = jet.split_heads %[[Y]] :{{.*}} -> tensor<?x6x5xf32>
// CHECK: %[[W:.*]] = jet.param_rows %[[IN]][30, 60)
// CHECK: %[[U:.*]] = jet.linear %[[H]], %[[W]] :{{.*}} -> tensor<?x30xbf16>
// CHECK: %[[C:.*]] = jet.param_rows %[[CONV]][0, 30) : (tensor<58x1x4xbf16>) -> tensor<30x4xbf16>
// CHECK: %[[Y:.*]], %{{.*}} = jet.short_conv %[[U]], %[[C]], %[[TX]], %[[BATCH]]
// CHECK: %[[B:.*]] = jet.param_rows %[[BIAS]][0, 30)
// CHECK: %[[Y1:.*]] = jet.map(%[[Y]], %[[B]])
// CHECK: arith.addf
// CHECK: math.exp
// CHECK: %[[X:.*]] = jet.split_heads %[[Y1]] :{{.*}} -> tensor<?x6x5xf32>
// CHECK: jet.param_rows %[[IN]][60, 74)
// CHECK: jet.param_rows %[[CONV]][30, 44)
// CHECK: jet.short_conv %{{.*}}, %{{.*}}, %[[TB]], %[[BATCH]]
// CHECK: jet.param_rows %[[BIAS]][30, 44)
// CHECK: %[[K:.*]] = jet.split_heads %{{.*}} -> tensor<?x2x7xf32>
// CHECK: jet.param_rows %[[IN]][74, 88)
// CHECK: jet.param_rows %[[CONV]][44, 58)
// CHECK: jet.short_conv %{{.*}}, %{{.*}}, %[[TC]], %[[BATCH]]
// CHECK: %[[Q:.*]] = jet.split_heads %{{.*}} -> tensor<?x2x7xf32>
// CHECK: %[[W:.*]] = jet.param_rows %[[IN]][88, 94)
// CHECK: %[[DT:.*]] = jet.linear %[[H]], %[[W]] :{{.*}} -> tensor<?x6xf32>
// CHECK: %[[BETA:.*]] = jet.map(%[[DT]], %{{.*}}) : (tensor<?x6xf32>, tensor<6xbf16>)
// CHECK: %[[G:.*]] = jet.map(%[[DT]], %{{.*}}, %{{.*}}) : (tensor<?x6xf32>, tensor<6xbf16>, tensor<6xbf16>)
// CHECK: %[[O:.*]], %{{.*}} = jet.gated_delta_rule %[[Q]], %[[K]], %[[X]], %[[G]], %[[BETA]], %[[S]], %[[BATCH]] additive
// (o + D x) silu(z), D one number a head
// CHECK: %[[D:.*]] = jet.param "model.layers.0.self_attn.mamba2.D" : tensor<6xbf16>
// CHECK: %[[D1:.*]] = jet.param_rows %[[D]][0, 6) : (tensor<6xbf16>) -> tensor<6x1xbf16>
// CHECK: %[[Y:.*]] = jet.map(%[[O]], %[[X]], %[[D1]], %[[Z]]) : (tensor<?x6x5xf32>, tensor<?x6x5xf32>, tensor<6x1xbf16>, tensor<?x6x5xf32>) -> tensor<?x6x5xf32>
// The norm of two groups of 15 columns.
// CHECK: %[[N:.*]] = jet.param "model.layers.0.self_attn.mamba2.norm.weight" : tensor<30xbf16>
// CHECK: %[[P:.*]] = jet.l2_norm %{{.*}} eps 1.5{{0*[0-9]*}}e-04 scale 3.87298334620741{{[0-9]*}} : (tensor<?x2x15xf32>)
// CHECK: %[[P1:.*]] = jet.merge_heads %[[P]]
// CHECK: %[[Y:.*]] = jet.map(%[[P1]], %[[N]])
// CHECK: %[[W:.*]] = jet.param "model.layers.0.self_attn.mamba2.out_proj.weight" : tensor<40x30xbf16>
// CHECK: jet.linear %[[Y]], %[[W]]

// -----

// One group: the norm that fuses into the projection after it.
jet.model @one hidden 40 intermediate 96 vocab 80 max_position 4096
    rms_norm_eps 1.0e-06 storage f32 tied {
  jet.layer 0 mixer #jet.mamba2<heads = 6, head_dim = 5, d_state = 7, groups = 1, conv = 4, norm_eps = 1.0e-05> weights "self_attn"
}
// CHECK-LABEL: jet.model @one
// CHECK: jet.gated_delta_rule {{.*}} additive : (tensor<?x1x7xf32>, tensor<?x1x7xf32>, tensor<?x6x5xf32>,
// CHECK: %[[N:.*]] = jet.param "model.layers.0.self_attn.norm.weight" : tensor<30xf32>
// CHECK: %[[Y:.*]] = jet.rms_norm %{{.*}}, %[[N]] eps 1.0e-05
// CHECK: %[[W:.*]] = jet.param "model.layers.0.self_attn.out_proj.weight"
// CHECK: jet.linear %[[Y]], %[[W]]
