// Candidates: round trip, as text and as bytecode.

// RUN: jet-opt %s | jet-opt | FileCheck %s
// RUN: jet-opt %s -emit-bytecode | jet-opt | FileCheck %s
// RUN: jet-opt %s -mlir-print-op-generic | jet-opt | FileCheck %s

// CHECK-LABEL: @top_k
func.func @top_k(%logits: tensor<?x512xf32>) -> (tensor<?x64xf32>, tensor<?x64xi32>) {
  // CHECK: jet.top_k %{{.*}} k 64 : (tensor<?x512xf32>) -> (tensor<?x64xf32>, tensor<?x64xi32>)
  %values, %ids = jet.top_k %logits k 64 : (tensor<?x512xf32>) -> (tensor<?x64xf32>, tensor<?x64xi32>)
  return %values, %ids : tensor<?x64xf32>, tensor<?x64xi32>
}

// CHECK-LABEL: @linear_top_k
func.func @linear_top_k(%x: tensor<?x128xf32>, %w: tensor<512x128xbf16>, %n: tensor<128xbf16>) -> (tensor<?x32xf32>, tensor<?x32xi32>) {
  // CHECK: jet.linear_top_k %{{.*}}, %{{.*}} norm %{{.*}} eps 1.0e-06 k 4 block 64 : (tensor<?x128xf32>, tensor<512x128xbf16>, tensor<128xbf16>) -> (tensor<?x32xf32>, tensor<?x32xi32>)
  %values, %ids = jet.linear_top_k %x, %w norm %n eps 1.0e-06 k 4 block 64 : (tensor<?x128xf32>, tensor<512x128xbf16>, tensor<128xbf16>) -> (tensor<?x32xf32>, tensor<?x32xi32>)
  return %values, %ids : tensor<?x32xf32>, tensor<?x32xi32>
}

// Code on x; a last block of one column.
// CHECK-LABEL: @scaled
func.func @scaled(%x: tensor<?x8xf32>, %w: tensor<65x8xf32>, %s: tensor<8xf32>) -> (tensor<?x4xf32>, tensor<?x4xi32>) {
  // CHECK: jet.linear_top_k %{{.*}}, %{{.*}} k 2 block 64
  // CHECK-NEXT: on operand 0 with(%{{.*}}) {
  %values, %ids = jet.linear_top_k %x, %w k 2 block 64
    on operand 0 with(%s) {
    ^bb0(%a: f32, %b: f32):
      %m = arith.mulf %a, %b : f32
      jet.yield %m : f32
    } : (tensor<?x8xf32>, tensor<65x8xf32>, tensor<8xf32>) -> (tensor<?x4xf32>, tensor<?x4xi32>)
  return %values, %ids : tensor<?x4xf32>, tensor<?x4xi32>
}

// CHECK-LABEL: @merge_top_k
func.func @merge_top_k(%values: tensor<?x32xf32>, %ids: tensor<?x32xi32>) -> (tensor<?x4xf32>, tensor<?x4xi32>) {
  // CHECK: jet.merge_top_k %{{.*}}, %{{.*}} k 4 : (tensor<?x32xf32>, tensor<?x32xi32>) -> (tensor<?x4xf32>, tensor<?x4xi32>)
  %v, %i = jet.merge_top_k %values, %ids k 4 : (tensor<?x32xf32>, tensor<?x32xi32>) -> (tensor<?x4xf32>, tensor<?x4xi32>)
  return %v, %i : tensor<?x4xf32>, tensor<?x4xi32>
}

// CHECK-LABEL: @sample
func.func @sample(%values: tensor<?x64xf32>, %ids: tensor<?x64xi32>, %sampling: tensor<?x4xf32>) -> tensor<?xi32> {
  // CHECK: jet.sample %{{.*}}, %{{.*}} by %{{.*}} : (tensor<?x64xf32>, tensor<?x64xi32>, tensor<?x4xf32>) -> tensor<?xi32>
  %next = jet.sample %values, %ids by %sampling : (tensor<?x64xf32>, tensor<?x64xi32>, tensor<?x4xf32>) -> tensor<?xi32>
  return %next : tensor<?xi32>
}

// CHECK-LABEL: @sample_logits
func.func @sample_logits(%logits: tensor<?x80xf32>, %sampling: tensor<?x4xf32>) -> tensor<?xi32> {
  // CHECK: jet.sample_logits %{{.*}} by %{{.*}} : (tensor<?x80xf32>, tensor<?x4xf32>) -> tensor<?xi32>
  %next = jet.sample_logits %logits by %sampling : (tensor<?x80xf32>, tensor<?x4xf32>) -> tensor<?xi32>
  return %next : tensor<?xi32>
}

// CHECK-LABEL: @merge_sample
func.func @merge_sample(%values: tensor<?x32xf32>, %ids: tensor<?x32xi32>, %sampling: tensor<?x4xf32>) -> tensor<?xi32> {
  // CHECK: jet.merge_top_k %{{.*}}, %{{.*}} k 4 sample %{{.*}} : (tensor<?x32xf32>, tensor<?x32xi32>, tensor<?x4xf32>) -> (tensor<?x4xf32>, tensor<?x4xi32>, tensor<?xi32>)
  %v, %i, %next = jet.merge_top_k %values, %ids k 4 sample %sampling : (tensor<?x32xf32>, tensor<?x32xi32>, tensor<?x4xf32>) -> (tensor<?x4xf32>, tensor<?x4xi32>, tensor<?xi32>)
  return %next : tensor<?xi32>
}
