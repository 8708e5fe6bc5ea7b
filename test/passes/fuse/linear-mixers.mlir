// What the fusions that exist make of Gated DeltaNet and Mamba2.

// RUN: jet-opt %s -split-input-file --pass-pipeline="builtin.module(jet-expand,jet-fuse)" | FileCheck %s

// All projections of the layer's input are one op with the norm before it; the
// activations are code on convolutions and on the rule, which has the norms. Of
// maps nothing is left.
// CHECK-LABEL: jet.model @gdn
// CHECK: func.func @decode(
// CHECK-NOT: jet.map
// CHECK: jet.grouped_linear {{.*}} norm {{.*}} products [1, 1, 1, 1, 1, 1]
// CHECK-NOT: jet.map
// CHECK-COUNT-3: jet.short_conv
// CHECK-NOT: jet.l2_norm
// CHECK: jet.gated_delta_rule {{.*}} qk_norm eps 1.0e-06 scale 0.25 norm {{.*}} eps 1.0e-05
// CHECK: on operand 3
// CHECK: on operand 4
// CHECK-NOT: jet.gated_rms_norm
// CHECK-NOT: jet.map
// CHECK: return
jet.model @gdn hidden 40 intermediate 96 vocab 80 max_position 4096
    rms_norm_eps 1.0e-06 storage bf16 tied {
  jet.layer 0 mixer #jet.gated_delta_net<heads = 4, key_heads = 4, d_k = 16, d_v = 24, conv = 3, norm_eps = 1.0e-05> weights "self_attn"
}

// -----

// Biases and activations on the convolutions, the time step on the rule, the norm
// on the projection behind it; one map is left, the skip and the gate.
// CHECK-LABEL: jet.model @mamba
// CHECK: func.func @decode(
// CHECK: jet.grouped_linear {{.*}} norm {{.*}} products [1, 1, 1, 1, 1]
// CHECK-NOT: jet.map
// CHECK-COUNT-3: on result 0 with(
// CHECK: jet.gated_delta_rule {{.*}} additive
// CHECK-NEXT: on operand 3
// CHECK: on operand 4
// CHECK: jet.map(
// CHECK-NOT: jet.map(
// CHECK: jet.grouped_linear {{.*}} norm {{.*}} eps 1.0e-05 products [1]
// CHECK-NOT: jet.map(
// CHECK: return
jet.model @mamba hidden 40 intermediate 96 vocab 80 max_position 4096
    rms_norm_eps 1.0e-06 storage bf16 tied {
  jet.layer 0 mixer #jet.mamba2<heads = 6, head_dim = 5, d_state = 7, groups = 1, conv = 4, norm_eps = 1.0e-05> weights "self_attn"
}
