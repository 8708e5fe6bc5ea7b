// Ops along a sequence: round trip, as text and as bytecode.

// RUN: jet-opt %s | jet-opt | FileCheck %s
// RUN: jet-opt %s -emit-bytecode | jet-opt | FileCheck %s
// RUN: jet-opt %s -mlir-print-op-generic | jet-opt | FileCheck %s

// CHECK-LABEL: @attention
func.func @attention(%q: tensor<?x4x32xf32>, %k: tensor<?x2x32xf32>, %v: tensor<?x2x32xf32>, %cache: !jet.kv_cache<2x32xf32>, %batch: !jet.batch) -> tensor<?x4x32xf32> {
  // CHECK: jet.attention %{{.*}}, %{{.*}}, %{{.*}}, %{{.*}}, %{{.*}} : (tensor<?x4x32xf32>, tensor<?x2x32xf32>, tensor<?x2x32xf32>, !jet.kv_cache<2x32xf32>, !jet.batch) -> tensor<?x4x32xf32>
  %y = jet.attention %q, %k, %v, %cache, %batch : (tensor<?x4x32xf32>, tensor<?x2x32xf32>, tensor<?x2x32xf32>, !jet.kv_cache<2x32xf32>, !jet.batch) -> tensor<?x4x32xf32>
  return %y : tensor<?x4x32xf32>
}

// CHECK-LABEL: @kv_append
func.func @kv_append(%cache: !jet.kv_cache<2x32xf32>, %k: tensor<?x2x32xf32>, %v: tensor<?x2x32xf32>, %batch: !jet.batch) -> !jet.kv_cache<2x32xf32> {
  // CHECK: jet.kv_append %{{.*}}, %{{.*}}, %{{.*}}, %{{.*}} : (!jet.kv_cache<2x32xf32>, tensor<?x2x32xf32>, tensor<?x2x32xf32>, !jet.batch) -> !jet.kv_cache<2x32xf32>
  %next = jet.kv_append %cache, %k, %v, %batch : (!jet.kv_cache<2x32xf32>, tensor<?x2x32xf32>, tensor<?x2x32xf32>, !jet.batch) -> !jet.kv_cache<2x32xf32>
  return %next : !jet.kv_cache<2x32xf32>
}

// CHECK-LABEL: @dynamic_conv
func.func @dynamic_conv(%u: tensor<?x256xf32>, %taps: tensor<?x1024xf32>, %tail: !jet.conv_tail<3x256xf32>, %batch: !jet.batch) -> (tensor<?x256xf32>, !jet.conv_tail<3x256xf32>) {
  // CHECK: jet.dynamic_conv %{{.*}}, %{{.*}}, %{{.*}}, %{{.*}} : (tensor<?x256xf32>, tensor<?x1024xf32>, !jet.conv_tail<3x256xf32>, !jet.batch) -> (tensor<?x256xf32>, !jet.conv_tail<3x256xf32>)
  %y, %next = jet.dynamic_conv %u, %taps, %tail, %batch : (tensor<?x256xf32>, tensor<?x1024xf32>, !jet.conv_tail<3x256xf32>, !jet.batch) -> (tensor<?x256xf32>, !jet.conv_tail<3x256xf32>)
  return %y, %next : tensor<?x256xf32>, !jet.conv_tail<3x256xf32>
}

// CHECK-LABEL: @gated_delta_rule
func.func @gated_delta_rule(%q: tensor<?x4x32xf32>, %k: tensor<?x4x32xf32>, %v: tensor<?x4x64xf32>, %g: tensor<?x4xf32>, %beta: tensor<?x4xf32>, %state: !jet.recurrent_state<4x32x64xf32>, %batch: !jet.batch) -> (tensor<?x4x64xf32>, !jet.recurrent_state<4x32x64xf32>) {
  // CHECK: jet.gated_delta_rule %{{.*}}, %{{.*}}, %{{.*}}, %{{.*}}, %{{.*}}, %{{.*}}, %{{.*}} : (tensor<?x4x32xf32>, tensor<?x4x32xf32>, tensor<?x4x64xf32>, tensor<?x4xf32>, tensor<?x4xf32>, !jet.recurrent_state<4x32x64xf32>, !jet.batch) -> (tensor<?x4x64xf32>, !jet.recurrent_state<4x32x64xf32>)
  %y, %next = jet.gated_delta_rule %q, %k, %v, %g, %beta, %state, %batch : (tensor<?x4x32xf32>, tensor<?x4x32xf32>, tensor<?x4x64xf32>, tensor<?x4xf32>, tensor<?x4xf32>, !jet.recurrent_state<4x32x64xf32>, !jet.batch) -> (tensor<?x4x64xf32>, !jet.recurrent_state<4x32x64xf32>)
  return %y, %next : tensor<?x4x64xf32>, !jet.recurrent_state<4x32x64xf32>
}

// CHECK-LABEL: @last_token
func.func @last_token(%x: tensor<?x128xf32>, %batch: !jet.batch) -> tensor<?x128xf32> {
  // CHECK: jet.last_token %{{.*}}, %{{.*}} : (tensor<?x128xf32>, !jet.batch) -> tensor<?x128xf32>
  %y = jet.last_token %x, %batch : (tensor<?x128xf32>, !jet.batch) -> tensor<?x128xf32>
  return %y : tensor<?x128xf32>
}
