// Elementwise code on operands and results, and the ops that fusion makes.
// RUN: jet-opt %s | jet-opt | FileCheck %s
// RUN: jet-opt %s -emit-bytecode | jet-opt | FileCheck %s
// RUN: jet-opt %s -mlir-print-op-generic | jet-opt | FileCheck %s

// CHECK-LABEL: func.func @grouped_linear
// CHECK: %[[R:.*]]:2 = jet.grouped_linear %arg0(%arg1, %arg2, %arg3) norm %arg4 eps 1.0e-06 products [1, 2]
// CHECK-NEXT: on result 1 {
// CHECK-NEXT: ^bb0(%[[G:.*]]: f32, %[[U:.*]]: f32):
func.func @grouped_linear(%x: tensor<?x64xf32>, %wq: tensor<32x64xbf16>, %wg: tensor<96x64xbf16>, %wu: tensor<96x64xbf16>, %n: tensor<64xbf16>) -> (tensor<?x32xf32>, tensor<?x96xf32>) {
  %q, %h = jet.grouped_linear %x(%wq, %wg, %wu) norm %n eps 1.0e-06 products [1, 2]
    on result 1 {
    ^bb0(%g: f32, %u: f32):
      %m = arith.mulf %g, %u : f32
      jet.yield %m : f32
    } : (tensor<?x64xf32>, tensor<32x64xbf16>, tensor<96x64xbf16>, tensor<96x64xbf16>, tensor<64xbf16>) -> (tensor<?x32xf32>, tensor<?x96xf32>)
  return %q, %h : tensor<?x32xf32>, tensor<?x96xf32>
}

// A norm that is in the weights.
// CHECK-LABEL: func.func @grouped_linear_eps
// CHECK: jet.grouped_linear %arg0(%arg1) norm eps 1.0e-06 products [1] :
func.func @grouped_linear_eps(%x: tensor<?x64xbf16>, %w: tensor<32x64xbf16>) -> tensor<?x32xf32> {
  %y = jet.grouped_linear %x(%w) norm eps 1.0e-06 products [1] : (tensor<?x64xbf16>, tensor<32x64xbf16>) -> tensor<?x32xf32>
  return %y : tensor<?x32xf32>
}

// Code before and after: a weight along k, a scale per row, a residual.
// CHECK-LABEL: func.func @both_sides
// CHECK: jet.grouped_linear %arg0(%arg1) products [1]
// CHECK-NEXT: on operand 0 with(%arg2) {
// CHECK: on result 0 with(%arg3, %arg4) {
// CHECK-NEXT: ^bb0(%{{.*}}: f32, %{{.*}}: f32, %{{.*}}: f32):
func.func @both_sides(%x: tensor<?x8xf32>, %w: tensor<4x8xf32>, %n: tensor<8xf32>, %s: tensor<?x1xf32>, %r: tensor<?x4xf32>) -> tensor<?x4xbf16> {
  %y = jet.grouped_linear %x(%w) products [1]
    on operand 0 with(%n) {
    ^bb0(%e: f32, %c: f32):
      %m = arith.mulf %e, %c : f32
      jet.yield %m : f32
    }
    on result 0 with(%s, %r) {
    ^bb0(%acc: f32, %c: f32, %d: f32):
      %m = arith.mulf %acc, %c : f32
      %a = arith.addf %m, %d : f32
      %t = arith.truncf %a : f32 to bf16
      jet.yield %t : bf16
    } : (tensor<?x8xf32>, tensor<4x8xf32>, tensor<8xf32>, tensor<?x1xf32>, tensor<?x4xf32>) -> tensor<?x4xbf16>
  return %y : tensor<?x4xbf16>
}

// CHECK-LABEL: func.func @generated_conv
// CHECK: jet.generated_conv %arg0, %arg1, %arg2, %arg3, %arg4, %arg5
// CHECK-NEXT: on result 0 {
func.func @generated_conv(%u: tensor<?x6xf32>, %h: tensor<?x3xf32>, %w: tensor<24x3xf32>, %b: tensor<24xf32>, %t: !jet.conv_tail<3x6xf32>, %batch: !jet.batch) -> tensor<?x6xf32> {
  %y, %next = jet.generated_conv %u, %h, %w, %b, %t, %batch
    on result 0 {
    ^bb0(%e: f32):
      %m = arith.negf %e : f32
      jet.yield %m : f32
    } : (tensor<?x6xf32>, tensor<?x3xf32>, tensor<24x3xf32>, tensor<24xf32>, !jet.conv_tail<3x6xf32>, !jet.batch) -> (tensor<?x6xf32>, !jet.conv_tail<3x6xf32>)
  return %y : tensor<?x6xf32>
}

// A bias is code on the result.
// CHECK-LABEL: func.func @short_conv
// CHECK: jet.short_conv %arg0, %arg1, %arg2, %arg3
// CHECK-NEXT: on result 0 with(%arg4) {
func.func @short_conv(%u: tensor<?x5xf32>, %w: tensor<5x2xf32>, %t: !jet.conv_tail<1x5xf32>, %batch: !jet.batch, %b: tensor<5xf32>) -> tensor<?x5xf32> {
  %y, %next = jet.short_conv %u, %w, %t, %batch
    on result 0 with(%b) {
    ^bb0(%e: f32, %c: f32):
      %s = arith.addf %e, %c : f32
      jet.yield %s : f32
    } : (tensor<?x5xf32>, tensor<5x2xf32>, !jet.conv_tail<1x5xf32>, !jet.batch, tensor<5xf32>) -> (tensor<?x5xf32>, !jet.conv_tail<1x5xf32>)
  return %y : tensor<?x5xf32>
}

// CHECK-LABEL: func.func @delta_rule
// CHECK: jet.gated_delta_rule {{.*}} qk_norm eps 1.0e-06 scale 0.5 norm %arg7, %arg8 eps 1.0e-05
// CHECK-NEXT: on operand 3 with(%arg9) {
func.func @delta_rule(%q: tensor<?x2x3xf32>, %k: tensor<?x2x3xf32>, %v: tensor<?x2x5xf32>, %g: tensor<?x2xf32>, %beta: tensor<?x2xf32>, %s: !jet.recurrent_state<2x3x5xf32>, %batch: !jet.batch,
                      %gate: tensor<?x2x5xf32>, %w: tensor<5xf32>, %a: tensor<2xf32>) -> tensor<?x2x5xf32> {
  %y, %next = jet.gated_delta_rule %q, %k, %v, %g, %beta, %s, %batch qk_norm eps 1.0e-06 scale 0.5 norm %gate, %w eps 1.0e-05
    on operand 3 with(%a) {
    ^bb0(%e: f32, %c: f32):
      %m = arith.mulf %e, %c : f32
      jet.yield %m : f32
    } : (tensor<?x2x3xf32>, tensor<?x2x3xf32>, tensor<?x2x5xf32>, tensor<?x2xf32>, tensor<?x2xf32>, !jet.recurrent_state<2x3x5xf32>, !jet.batch, tensor<?x2x5xf32>, tensor<5xf32>, tensor<2xf32>) -> (tensor<?x2x5xf32>, !jet.recurrent_state<2x3x5xf32>)
  return %y : tensor<?x2x5xf32>
}
