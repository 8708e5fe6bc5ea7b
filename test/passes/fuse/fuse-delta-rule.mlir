// What surrounds the delta rule becomes part of it.
// RUN: jet-opt %s --pass-pipeline="builtin.module(func.func(jet-fuse-delta-rule-norm,jet-fuse-delta-rule-inputs))" | FileCheck %s
// RUN: jet-opt %s --pass-pipeline="builtin.module(func.func(jet-fuse-delta-rule-norm{remarks=true},jet-fuse-delta-rule-inputs{remarks=true}))" 2>&1 | FileCheck %s --check-prefix=REMARK

// CHECK-LABEL: func.func @all
// CHECK-NOT: jet.l2_norm
// CHECK-NOT: jet.map
// CHECK: %[[Q:.*]] = jet.split_heads %arg0
// CHECK: %[[Y:.*]], %{{.*}} = jet.gated_delta_rule %[[Q]], %arg1, %arg2, %arg3, %arg3, %arg4, %arg5 qk_norm eps 1.0e-06 scale 0.5 norm %arg6, %arg7 eps 1.0e-05
// CHECK-NEXT: on operand 0 {
// CHECK: arith.negf
// CHECK-NOT: jet.gated_rms_norm
// CHECK: return %[[Y]]
func.func @all(%x: tensor<?x6xf32>, %k: tensor<?x2x3xf32>, %v: tensor<?x2x5xf32>, %g: tensor<?x2xf32>,
               %s: !jet.recurrent_state<2x3x5xf32>, %b: !jet.batch,
               %gate: tensor<?x2x5xf32>, %w: tensor<5xf32>) -> tensor<?x2x5xf32> {
  %n = jet.map(%x) : (tensor<?x6xf32>) -> tensor<?x6xf32> {
  ^bb0(%e: f32):
    %m = arith.negf %e : f32
    jet.yield %m : f32
  }
  %h = jet.split_heads %n : (tensor<?x6xf32>) -> tensor<?x2x3xf32>
  %qn = jet.l2_norm %h eps 1.0e-06 scale 0.5 : (tensor<?x2x3xf32>) -> tensor<?x2x3xf32>
  %kn = jet.l2_norm %k eps 1.0e-06 scale 1.0 : (tensor<?x2x3xf32>) -> tensor<?x2x3xf32>
  %y, %next = jet.gated_delta_rule %qn, %kn, %v, %g, %g, %s, %b : (tensor<?x2x3xf32>, tensor<?x2x3xf32>, tensor<?x2x5xf32>, tensor<?x2xf32>, tensor<?x2xf32>, !jet.recurrent_state<2x3x5xf32>, !jet.batch) -> (tensor<?x2x5xf32>, !jet.recurrent_state<2x3x5xf32>)
  %z = jet.gated_rms_norm %y, %gate, %w eps 1.0e-05 : (tensor<?x2x5xf32>, tensor<?x2x5xf32>, tensor<5xf32>) -> tensor<?x2x5xf32>
  return %z : tensor<?x2x5xf32>
}

// REMARK: remark: fusion 'delta-rule-norm' refused: its result is not read by jet.gated_rms_norm
// REMARK: remark: fusion 'delta-rule-inputs' refused: q and k are normed differently
// CHECK-LABEL: func.func @different_norms
// CHECK-COUNT-2: jet.l2_norm
func.func @different_norms(%q: tensor<?x2x3xf32>, %k: tensor<?x2x3xf32>, %v: tensor<?x2x5xf32>, %g: tensor<?x2xf32>,
               %s: !jet.recurrent_state<2x3x5xf32>, %b: !jet.batch) -> tensor<?x10xf32> {
  %qn = jet.l2_norm %q eps 1.0e-06 scale 0.5 : (tensor<?x2x3xf32>) -> tensor<?x2x3xf32>
  %kn = jet.l2_norm %k eps 1.0e-05 scale 1.0 : (tensor<?x2x3xf32>) -> tensor<?x2x3xf32>
  %y, %next = jet.gated_delta_rule %qn, %kn, %v, %g, %g, %s, %b : (tensor<?x2x3xf32>, tensor<?x2x3xf32>, tensor<?x2x5xf32>, tensor<?x2xf32>, tensor<?x2xf32>, !jet.recurrent_state<2x3x5xf32>, !jet.batch) -> (tensor<?x2x5xf32>, !jet.recurrent_state<2x3x5xf32>)
  %z = jet.merge_heads %y : (tensor<?x2x5xf32>) -> tensor<?x10xf32>
  return %z : tensor<?x10xf32>
}
