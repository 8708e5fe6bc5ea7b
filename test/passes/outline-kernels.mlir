// Tensor ops become launches; ops that do the same share a kernel.

// RUN: jet-opt %s -jet-outline-kernels -split-input-file | FileCheck %s

// Two layers of a kind, with different weights. Parameters and views stay.
// CHECK-LABEL: func.func @layers
func.func @layers(%x: tensor<?x64xf32>) -> tensor<?x64xf32> {
  // CHECK: %[[N0:.*]] = jet.param "0.norm"
  // CHECK: %[[H0:.*]] = jet.launch @kernels::@rms_norm_64(%{{.*}}, %[[N0]]) rows tokens : (tensor<?x64xf32>, tensor<64xf32>) -> tensor<?x64xf32>
  %n0 = jet.param "0.norm" : tensor<64xf32>
  %h0 = jet.rms_norm %x, %n0 eps 1.0e-06 : (tensor<?x64xf32>, tensor<64xf32>) -> tensor<?x64xf32>
  // CHECK: %[[W0:.*]] = jet.param "0.w"
  // CHECK: jet.launch @kernels::@linear_64x64(%[[H0]], %[[W0]])
  %w0 = jet.param "0.w" : tensor<64x64xf32>
  %y0 = jet.linear %h0, %w0 : (tensor<?x64xf32>, tensor<64x64xf32>) -> tensor<?x64xf32>
  // CHECK: jet.split_heads
  // CHECK: jet.merge_heads
  %s = jet.split_heads %y0 : (tensor<?x64xf32>) -> tensor<?x4x16xf32>
  %m = jet.merge_heads %s : (tensor<?x4x16xf32>) -> tensor<?x64xf32>
  // CHECK: jet.launch @kernels::@rms_norm_64(
  %n1 = jet.param "1.norm" : tensor<64xf32>
  %h1 = jet.rms_norm %m, %n1 eps 1.0e-06 : (tensor<?x64xf32>, tensor<64xf32>) -> tensor<?x64xf32>
  // CHECK: %[[W1:.*]] = jet.param "1.w"
  // CHECK: jet.launch @kernels::@linear_64x64(%{{.*}}, %[[W1]])
  %w1 = jet.param "1.w" : tensor<64x64xf32>
  %y1 = jet.linear %h1, %w1 : (tensor<?x64xf32>, tensor<64x64xf32>) -> tensor<?x64xf32>
  // With a bias, another result or another eps it is another kernel.
  // CHECK: jet.launch @kernels::@linear_64x64_0(%{{.*}}, %[[W1]], %{{.*}})
  %b = jet.param "1.b" : tensor<64xf32>
  %y2 = jet.linear %y1, %w1 bias %b : (tensor<?x64xf32>, tensor<64x64xf32>, tensor<64xf32>) -> tensor<?x64xf32>
  // CHECK: jet.launch @kernels::@linear_64x64_1({{.*}} -> tensor<?x64xbf16>
  %y3 = jet.linear %y2, %w1 : (tensor<?x64xf32>, tensor<64x64xf32>) -> tensor<?x64xbf16>
  // CHECK: jet.launch @kernels::@linear_64x64_2({{.*}} : (tensor<?x64xbf16>,
  %y4 = jet.linear %y3, %w1 : (tensor<?x64xbf16>, tensor<64x64xf32>) -> tensor<?x64xf32>
  // CHECK: jet.launch @kernels::@rms_norm_64_3(
  %h2 = jet.rms_norm %y4, %n1 eps 1.0e-05 : (tensor<?x64xf32>, tensor<64xf32>) -> tensor<?x64xf32>
  return %h2 : tensor<?x64xf32>
}

// A second program shares the kernels of the first.
// CHECK-LABEL: func.func @again
func.func @again(%x: tensor<?x64xf32>, %w: tensor<64x64xf32>) -> tensor<?x64xf32> {
  // CHECK: jet.launch @kernels::@linear_64x64(
  %y = jet.linear %x, %w : (tensor<?x64xf32>, tensor<64x64xf32>) -> tensor<?x64xf32>
  return %y : tensor<?x64xf32>
}

// CHECK: module @kernels {
// CHECK-NEXT: func.func @rms_norm_64(%[[X:.*]]: tensor<?x64xf32>, %[[W:.*]]: tensor<64xf32>) -> tensor<?x64xf32> {
// CHECK-NEXT: %[[Y:.*]] = jet.rms_norm %[[X]], %[[W]] eps 1.0e-06
// CHECK-NEXT: return %[[Y]]
// CHECK-NEXT: }
// CHECK-NEXT: func.func @linear_64x64(
// CHECK: func.func @linear_64x64_0(
// CHECK: func.func @linear_64x64_1(
// CHECK: func.func @linear_64x64_2(
// CHECK: func.func @rms_norm_64_3(
// CHECK-NOT: func.func

// -----

// After last_token, rows are sequences, through views as well. Both kinds of
// rows share a kernel.
// CHECK-LABEL: func.func @rows
func.func @rows(%x: tensor<?x64xf32>, %batch: !jet.batch, %w: tensor<64x64xf32>) -> (tensor<?x64xf32>, tensor<?x64xf32>) {
  // CHECK: %[[Y:.*]] = jet.launch @kernels::@linear_64x64(%{{.*}}) rows tokens
  %y = jet.linear %x, %w : (tensor<?x64xf32>, tensor<64x64xf32>) -> tensor<?x64xf32>
  // CHECK: %[[LAST:.*]] = jet.launch @kernels::@last_token_64(%[[Y]], %{{.*}}) rows tokens
  %last = jet.last_token %y, %batch : (tensor<?x64xf32>, !jet.batch) -> tensor<?x64xf32>
  // CHECK: jet.split_heads %[[LAST]]
  %s = jet.split_heads %last : (tensor<?x64xf32>) -> tensor<?x4x16xf32>
  // CHECK: %[[N:.*]] = jet.launch @kernels::@l2_norm_4x16(%{{.*}}) rows sequences
  %n = jet.l2_norm %s eps 1.0e-06 scale 1.0 : (tensor<?x4x16xf32>) -> tensor<?x4x16xf32>
  // CHECK: %[[M:.*]] = jet.merge_heads %[[N]]
  %m = jet.merge_heads %n : (tensor<?x4x16xf32>) -> tensor<?x64xf32>
  // CHECK: jet.launch @kernels::@linear_64x64(%[[M]], %{{.*}}) rows sequences
  %z = jet.linear %m, %w : (tensor<?x64xf32>, tensor<64x64xf32>) -> tensor<?x64xf32>
  // CHECK: jet.launch @kernels::@linear_64x64(%{{.*}}) rows tokens
  %t = jet.linear %y, %w : (tensor<?x64xf32>, tensor<64x64xf32>) -> tensor<?x64xf32>
  return %z, %t : tensor<?x64xf32>, tensor<?x64xf32>
}

// -----

// An op that carries state returns it.
// CHECK-LABEL: func.func @state
func.func @state(%u: tensor<?x256xf32>, %taps: tensor<?x1024xf32>, %tail: !jet.conv_tail<3x256xf32>, %batch: !jet.batch) -> (tensor<?x256xf32>, !jet.conv_tail<3x256xf32>) {
  // CHECK: %[[R:.*]]:2 = jet.launch @kernels::@dynamic_conv_256(
  // CHECK-SAME: -> (tensor<?x256xf32>, !jet.conv_tail<3x256xf32>)
  // CHECK: return %[[R]]#0, %[[R]]#1
  %y, %next = jet.dynamic_conv %u, %taps, %tail, %batch : (tensor<?x256xf32>, tensor<?x1024xf32>, !jet.conv_tail<3x256xf32>, !jet.batch) -> (tensor<?x256xf32>, !jet.conv_tail<3x256xf32>)
  return %y, %next : tensor<?x256xf32>, !jet.conv_tail<3x256xf32>
}

// -----

// Maps with equal bodies share a kernel; a - b is not b - a, nor a + b.
// CHECK-LABEL: func.func @maps
func.func @maps(%x: tensor<?x4xf32>, %y: tensor<?x4xf32>) -> (tensor<?x4xf32>, tensor<?x4xf32>, tensor<?x4xf32>, tensor<?x4xf32>) {
  // CHECK: jet.launch @kernels::@map_4(
  %0 = jet.map(%x, %y) : (tensor<?x4xf32>, tensor<?x4xf32>) -> tensor<?x4xf32> {
  ^bb0(%a: f32, %b: f32):
    %s = arith.subf %a, %b : f32
    jet.yield %s : f32
  }
  // CHECK: jet.launch @kernels::@map_4(
  %1 = jet.map(%y, %0) : (tensor<?x4xf32>, tensor<?x4xf32>) -> tensor<?x4xf32> {
  ^bb0(%c: f32, %d: f32):
    %t = arith.subf %c, %d : f32
    jet.yield %t : f32
  }
  // CHECK: jet.launch @kernels::@map_4_0(
  %2 = jet.map(%x, %y) : (tensor<?x4xf32>, tensor<?x4xf32>) -> tensor<?x4xf32> {
  ^bb0(%a: f32, %b: f32):
    %s = arith.subf %b, %a : f32
    jet.yield %s : f32
  }
  // CHECK: jet.launch @kernels::@map_4_1(
  %3 = jet.map(%x, %y) : (tensor<?x4xf32>, tensor<?x4xf32>) -> tensor<?x4xf32> {
  ^bb0(%a: f32, %b: f32):
    %s = arith.addf %a, %b : f32
    jet.yield %s : f32
  }
  return %0, %1, %2, %3 : tensor<?x4xf32>, tensor<?x4xf32>, tensor<?x4xf32>, tensor<?x4xf32>
}

// CHECK: module @kernels {
// CHECK: func.func @map_4(
// CHECK-NEXT: jet.map
// CHECK-NEXT: ^bb0(%[[A:.*]]: f32, %[[B:.*]]: f32):
// CHECK-NEXT: arith.subf %[[A]], %[[B]]
// CHECK: func.func @map_4_0(
// CHECK-NEXT: jet.map
// CHECK-NEXT: ^bb0(%[[A:.*]]: f32, %[[B:.*]]: f32):
// CHECK-NEXT: arith.subf %[[B]], %[[A]]
// CHECK: func.func @map_4_1(
// CHECK: arith.addf
// CHECK-NOT: func.func
